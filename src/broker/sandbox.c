/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox.c - parsing and compiling in a process that has nothing to lose.
 *
 * It gets the texts by fork, leaves images or an error in shared memory, and ends, by itself or by
 * its limits. What it leaves is copied and checked by who asked: see push.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "cleanup.h"
#include "push.h"

#define RESULT_MAX (48u << 20) /* touched only as far as needed */

/**
 * struct result - at the start of the shared memory
 * @done:  written last
 * @value: bytes of images behind it, or a negative errno with the error
 */
struct result {
	int32_t done;
	int32_t value;
	_Alignas(8) struct vk_error e;
};
_Static_assert(sizeof(struct result) % 8 == 0, "images are aligned");

static _Noreturn void child(struct vk_plan *p, struct result *res)
{
	int r = harden_sandbox();

	if (r == 0)
		r = vk_plan_images(p, res + 1, RESULT_MAX - sizeof(*res), &res->e);
	else
		res->e.code = -r;
	res->value = r;
	__atomic_store_n(&res->done, 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

/* Waits for its end, which comes. */
static void reap(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0 || poll(&end, 1, SANDBOX_SECONDS * 1000) != 1)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void compiled_done(struct compiled *c)
{
	if (c->map)
		munmap(c->map, RESULT_MAX);
	*c = (struct compiled){0};
}

/* What the other process says of its end, made fit to be passed on. */
static int failed(const struct result *res, int r, struct vk_error *e)
{
	if (!res->done)
		return vk_error_set(e, E2BIG,
				    "the layer takes too long or too much memory to compile");
	if (r >= 0 || r < -4095)
		return vk_error_set(e, EBADMSG, "what was compiled from the layer cannot be used");
	*e = res->e;
	e->code = -r;
	e->file[sizeof(e->file) - 1] = e->message[sizeof(e->message) - 1] = '\0';
	e->advice[sizeof(e->advice) - 1] = '\0';
	return r;
}

int sandbox_compile(struct vk_plan *p, struct compiled *ret, struct vk_error *e)
{
	struct result *res = mmap(NULL, RESULT_MAX, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	vk_cleanup(compiled_done) struct compiled c = {0};
	int r;
	pid_t pid;

	if (res == MAP_FAILED)
		return vk_error_set(e, ENOMEM, "no memory");
	c.map = res;
	pid = fork();
	if (pid == 0)
		child(p, res);
	if (pid < 0)
		return vk_error_set(e, EAGAIN, "cannot fork");
	reap(pid);
	/* It has ended: nobody changes the memory any more. */
	r = res->value;
	if (!res->done || r < 0 || (size_t)r > RESULT_MAX - sizeof(*res))
		return failed(res, r, e);
	c.data = res + 1;
	c.len = (size_t)r;
	*ret = c;
	c.map = NULL;
	return 0;
}
