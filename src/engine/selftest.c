/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * selftest.c - one real denial, provoked before any enforcement is claimed.
 *
 * That programs load and attach proves nothing: without "bpf" in the list of active LSMs they
 * never run. So a child becomes a member of an instance without bpf(2), and must be refused by
 * our program (its counter says so), while its own child, a member by inheritance, must be too.
 */
#include "internal.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "parse.h"
#include "vkernel.skel.h"

static int try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	if (syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) == 0)
		return 0;
	return errno;
}

/* In the child: waits for the mark, tries, lets a child of its own try. Exit 0: both refused. */
static _Noreturn void child(int go)
{
	char byte;
	int status;
	pid_t pid;

	if (read(go, &byte, 1) != 1)
		_exit(3);
	if (try_bpf() != EPERM)
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(3);
	if (pid == 0)
		_exit(try_bpf() == EPERM ? 0 : 2);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		_exit(3);
	_exit(WEXITSTATUS(status));
}

static int run_child(struct vk_engine *eng, struct vk_error *e)
{
	struct vk_instance *inst = &eng->bss->vk_instances[VK_SELFTEST_ID];
	int go[2], status = -1, r;
	pid_t pid;

	if (pipe(go) < 0)
		return vk_error_set(e, errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		child(go[0]);
	}
	close(go[0]);
	if (pid > 0) {
		_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

		r = vk_member_set(eng, pidfd, VK_SELFTEST_ID, VK_MEMBER_ACTIVE);
		if (r == 0 && write(go[1], "", 1) != 1)
			r = -EIO;
		close(go[1]);
		waitpid(pid, &status, 0);
		if (r < 0)
			return vk_error_set(e, -r, "self-test: cannot mark a member: %s",
					    strerror(-r));
	} else {
		close(go[1]);
		return vk_error_set(e, EAGAIN, "self-test: cannot fork");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && inst->denied >= 2)
		return 0;
	vk_error_set(e, EOPNOTSUPP,
		     "self-test: programs are attached by %s, but a denial that must happen did "
		     "not (%s)",
		     vk_mechanism_name(eng->mechanism),
		     WIFEXITED(status) && WEXITSTATUS(status) == 2 ?
			     "a member's child got through" :
			     "a member got through");
	vk_error_advise(e, "\"vkernel check\" shows what is missing; please report this");
	return -EOPNOTSUPP;
}

int vk_selftest(struct vk_engine *eng, struct vk_error *e)
{
	static const char text[] = "vkernel: 1\nname: self-test\nbpf: deny\n";
	struct vk_instance *inst = &eng->bss->vk_instances[VK_SELFTEST_ID];
	struct vk_row *row = &eng->rows[VK_SELFTEST_ID];
	_cleanup_free_ struct vk_image *img = NULL;
	struct vk_policy *policy = NULL;
	uint32_t slot = 0;
	int r;

	r = vk_policy_parse("self-test", text, sizeof(text) - 1, NULL, NULL, &policy, e);
	if (r == 0)
		r = vk_compile((const struct vk_policy *const *)&policy, 1, &img, e);
	vk_policy_free(policy);
	if (r == 0)
		r = vk_slot_acquire(eng, img, 0, &slot, e);
	if (r < 0)
		return r;
	memset(inst, 0, sizeof(*inst));
	inst->flags = VK_I_LIVE;
	inst->rule = (uint64_t)++eng->bss->vk_next_view << 32 | slot;
	r = run_child(eng, e);
	memset(inst, 0, sizeof(*inst));
	memset(row, 0, sizeof(*row));
	eng->n_reserved = 0;
	vk_slot_release(eng, slot);
	return r;
}
