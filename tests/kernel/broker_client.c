// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * broker_client - callers of vkerneld that behave badly, for tests/kernel/broker.bats.
 *
 *	broker_client hammer CLIENTS SECONDS	push, list and pop, each in a process of its own;
 *						prints how many calls got which answer
 *	broker_client garbage MESSAGES		malformed calls; 0 if each was refused
 *	broker_client hostile			programs that the check or the verifier refuses; 0 if
 *						each was, for its reason
 *	broker_client programs CLIENTS SECONDS	as hammer, with programs
 *	broker_client idle CONNECTIONS COMMAND...  connects and says nothing, then runs COMMAND
 *	broker_client handed			a connection that its child uses; 0 if refused
 *	broker_client move			a move of itself, without having given up privileges
 *						and with; 0 if refused, and then done
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/hostile_images.h"
#include "client.h"

static const char layer[] = "vkernel: 1\nname: hammered\nbpf: deny\n";

static int open_connection(uint64_t *ret_number)
{
	static const struct sockaddr_un addr = {AF_UNIX, VK_BROKER_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct vk_hello h;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	if (ret_number) {
		if (recv(fd, &h, sizeof(h), 0) != sizeof(h))
			return -1;
		*ret_number = h.number;
	}
	return fd;
}

/* LOAD, so that the verifier has something to do. */
static struct vk_program_image *small_program(void)
{
	struct vk_program_image *img = IMAGE(LOAD(2, 1, 80), ALLOW);

	snprintf(img->name, sizeof(img->name), "p%d", (int)getpid());
	return img;
}

/* Shared by all clients. */
struct counts {
	unsigned int done, refused, again, lost;
};

static int ask(uint16_t op)
{
	struct vk_ask q = {.op = op, .name = "", .pidfd = -1, .patience_s = 60};
	struct vk_error e = {0};
	struct vk_answer a;

	if (op == VK_BROKER_PUSH) {
		q.text = layer;
		q.text_len = sizeof(layer) - 1;
	}
	if (op == VK_BROKER_PROGRAM_PUSH) {
		struct vk_program_image *img = small_program();
		int r;

		q.text = (const char *)img;
		q.text_len = img->size;
		r = vk_broker_ask(&q, &a, &e);
		free(img);
		return r;
	}
	return vk_broker_ask(&q, &a, &e);
}

static void client(struct counts *c, const uint16_t ops[3], time_t end)
{
	struct timespec now;

	for (unsigned int i = 0;; i++) {
		int r = ask(ops[i % 3]);

		if (r == 0)
			__atomic_fetch_add(&c->done, 1, __ATOMIC_SEQ_CST);
		else if (r == -EDQUOT || r == -ENOENT || r == -EEXIST)
			__atomic_fetch_add(&c->refused, 1, __ATOMIC_SEQ_CST);
		else if (r == -EAGAIN)
			__atomic_fetch_add(&c->again, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_add(&c->lost, 1, __ATOMIC_SEQ_CST);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end)
			_exit(0);
	}
}

static int hammer(const uint16_t ops[3], int clients, int seconds)
{
	struct counts *c =
		mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (int i = 0; i < clients; i++)
		if (fork() == 0)
			client(c, ops, now.tv_sec + seconds);
	while (wait(NULL) > 0)
		;
	printf("done %u refused %u again %u lost %u\n", c->done, c->refused, c->again, c->lost);
	return c->lost || !c->done;
}

/* ---- hostile programs ---- */

static unsigned int wrong, tried;

/* Releases the image. */
static void must_be_refused(const char *what, struct vk_program_image *img, size_t size,
			    const char *reason)
{
	struct vk_ask q = {.op = VK_BROKER_PROGRAM_PUSH,
			   .name = "",
			   .text = (const char *)img,
			   .text_len = size,
			   .pidfd = -1,
			   .patience_s = 60};
	struct vk_error e = {0};
	struct vk_answer a;
	int r = vk_broker_ask(&q, &a, &e);

	free(img);
	tried++;
	if (r == 0 || r == -EAGAIN || !strstr(e.message, reason)) {
		printf("%s: %d \"%s\" is not \"%s\"\n", what, r, e.message, reason);
		wrong++;
	}
}

static int hostile(void)
{
	each_hostile_image(must_be_refused);
	if (!wrong)
		printf("%u refused\n", tried);
	return wrong != 0;
}

static int garbage(unsigned int messages)
{
	static _Alignas(8) unsigned char buf[sizeof(struct vk_call) + 256];
	unsigned int seed = 12345;

	for (unsigned int i = 0; i < messages; i++) {
		struct vk_call *call = (struct vk_call *)buf;
		struct vk_answer a;
		size_t len = sizeof(*call) + i % 200;
		uint64_t number;
		int fd = open_connection(&number);

		if (fd < 0)
			return 2;
		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = (unsigned char)rand_r(&seed);
		if (i % 2) {
			vk_call_fill(call, number, VK_BROKER_PUSH, 0, "", i % 200, NULL);
			((unsigned char *)call)[rand_r(&seed) % 20] ^= 0x40;
		}
		if (i % 7 == 0)
			len = i % sizeof(*call);
		send(fd, buf, len, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		if (recv(fd, &a, sizeof(a), 0) == sizeof(a) && a.status == 0)
			wrong++;
		close(fd);
	}
	return wrong != 0;
}

static int handed(void)
{
	struct vk_call call;
	struct vk_answer a;
	uint64_t number;
	int fd = open_connection(&number), status;
	pid_t pid;

	if (fd < 0)
		return 2;
	vk_call_fill(&call, number, VK_BROKER_LIST, 0, "", 0, NULL);
	pid = fork();
	if (pid == 0) {
		if (send(fd, &call, sizeof(call), 0) != sizeof(call) ||
		    recv(fd, &a, sizeof(a), 0) != sizeof(a))
			_exit(3);
		_exit(a.status == -EPERM ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int move(void)
{
	const struct vk_ask q = {
		.op = VK_BROKER_CHILD,
		.name = "moved",
		.text = layer,
		.text_len = sizeof(layer) - 1,
		.pidfd = -1,
		.patience_s = 20,
	};
	struct vk_error e = {0};
	struct vk_answer a;
	int r = vk_broker_ask(&q, &a, &e);

	if (r != -EPERM) {
		fprintf(stderr, "with privileges: %d %s\n", r, e.message);
		return 1;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	r = vk_broker_ask(&q, &a, &e);
	if (r < 0)
		fprintf(stderr, "without: %d %s\n", r, e.message);
	else
		puts(a.name);
	return r < 0;
}

int main(int argc, char **argv)
{
	static const uint16_t layer_ops[] = {VK_BROKER_PUSH, VK_BROKER_LIST, VK_BROKER_POP};
	static const uint16_t program_ops[] = {VK_BROKER_PROGRAM_PUSH, VK_BROKER_LIST,
					       VK_BROKER_PROGRAM_POP};
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "hammer") && argc == 4)
		return hammer(layer_ops, atoi(argv[2]), atoi(argv[3]));
	if (!strcmp(what, "programs") && argc == 4)
		return hammer(program_ops, atoi(argv[2]), atoi(argv[3]));
	if (!strcmp(what, "hostile"))
		return hostile();
	if (!strcmp(what, "garbage") && argc == 3)
		return garbage((unsigned int)atoi(argv[2]));
	if (!strcmp(what, "handed"))
		return handed();
	if (!strcmp(what, "move"))
		return move();
	if (!strcmp(what, "idle") && argc >= 4) {
		for (int i = atoi(argv[2]); i > 0; i--)
			open_connection(NULL);
		execvp(argv[3], argv + 3);
	}
	return 255;
}
