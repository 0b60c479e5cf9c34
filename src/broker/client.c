/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c - see client.h. */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "cleanup.h"

#define ANSWER_SECONDS 60

static int no_broker(int code, struct vk_error *e)
{
	if (code == EACCES || code == EPERM)
		vk_error_set(e, code, "connecting to " VK_BROKER_SOCKET " is denied");
	else
		vk_error_set(e, code, "vkerneld cannot be reached at " VK_BROKER_SOCKET);
	if (code == ECONNREFUSED) {
		vk_error_advise(e, "nobody serves it any more: on the host, systemctl enable --now "
				   "vkerneld.socket; a container that saw a vkerneld which was "
				   "started by hand must be restarted after that was");
		return -code;
	}
	vk_error_advise(e, "on the host: systemctl enable --now vkerneld.socket; into a "
			   "container the socket must be mounted");
	return -code;
}

static int open_connection(struct vk_error *e)
{
	static const struct sockaddr_un addr = {AF_UNIX, VK_BROKER_SOCKET};
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return vk_error_set(e, errno, "cannot make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return no_broker(errno, e);
	return vk_take_fd(&fd);
}

static int send_call(int fd, const struct vk_ask *q, uint64_t number, struct vk_error *e)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct vk_call call;
	struct iovec iov[] = {
		{&call, sizeof(call)},
		/* Not written to. */
		{(void *)(uintptr_t)q->text, q->text_len},
	};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = q->text_len ? 2 : 1};
	int r = vk_call_fill(&call, number, q->op, q->flags, q->name, q->text_len, e);

	if (r < 0)
		return r;
	if (q->pidfd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &q->pidfd, sizeof(int));
	}
	if (sendmsg(fd, &h, MSG_NOSIGNAL) < 0)
		return errno == EPIPE || errno == ECONNRESET ? 0 : /* its refusal can be read */
			       vk_error_set(e, errno, "cannot send to vkerneld: %s",
					    strerror(errno));
	return 0;
}

/* The answer, and what follows it. More than there is room for makes its lengths wrong. */
static ssize_t receive_answer(int fd, const struct vk_ask *q, struct vk_answer *ret)
{
	struct iovec iov[] = {{ret, sizeof(*ret)}, {q->data, q->room}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = q->data ? 2 : 1};

	return recvmsg(fd, &h, 0);
}

static int ask_once(const struct vk_ask *q, struct vk_answer *ret, struct vk_error *e)
{
	_cleanup_close_ int fd = open_connection(e);
	_Alignas(8) char buf[sizeof(struct vk_hello)];
	uint64_t number;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return vk_error_set(e, EAGAIN, "vkerneld does not answer");
	r = vk_hello_check(buf, (size_t)n, &number, e);
	if (r == 0)
		r = send_call(fd, q, number, e);
	if (r < 0)
		return r;
	n = receive_answer(fd, q, ret);
	if (n <= 0)
		return vk_error_set(e, EAGAIN, "vkerneld has ended before it answered");
	r = vk_answer_check(ret, (size_t)n, q->op, e);
	if (r < 0 || ret->status == 0)
		return r;
	vk_error_at(e, -ret->status, "", ret->line, ret->column, "%s", ret->message);
	if (*ret->advice)
		vk_error_advise(e, "%s", ret->advice);
	return ret->status;
}

int vk_broker_ask(const struct vk_ask *q, struct vk_answer *ret, struct vk_error *e)
{
	struct timespec pause = {.tv_nsec = 50 * 1000 * 1000}, now;
	time_t end;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + (time_t)q->patience_s;
	for (;;) {
		*e = (struct vk_error){0};
		r = ask_once(q, ret, e);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (r != -EAGAIN || now.tv_sec >= end)
			return r;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 800 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
}
