/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * serve.c - one connection: who is it, what does it want, may it, do it.
 *
 * Each connection has a process of its own, so that none can keep others waiting, and what one
 * breaks is gone with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker.h"
#include "cleanup.h"
#include "proto.h"
#include "push.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define CALLS_MAX 16 /* of one connection */
#define TRIES 8 /* when root changes the instance meanwhile */

int peer_open(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int pidfd = -1;
	socklen_t plen = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0)
		return -ESRCH;
	/* Where there is none, serve() makes sure that the pid is still that of the peer. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &plen) < 0)
		pidfd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
	if (pidfd < 0)
		return -ESRCH;
	*ret = (struct peer){.fd = fd, .pidfd = pidfd, .pid = cred.pid};
	return 0;
}

/**
 * struct message - one call as it was received
 * @pid, @uid: who sent it, by the kernel's word
 * @passed:    a descriptor that came with it, or -1
 */
struct message {
	_Alignas(8) char data[sizeof(struct vk_call) + VK_BROKER_IMAGE_MAX + 1];
	size_t len;
	pid_t pid;
	uid_t uid;
	int passed;
};

/* All descriptors are closed but one. */
static void take_passed(const struct cmsghdr *c, struct message *m)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (m->passed < 0)
			m->passed = fd;
		else
			close(fd);
	}
}

/* 1: a message; 0: the end; negative: the connection is of no use. */
static int receive(int fd, struct message *m)
{
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = {m->data, sizeof(m->data)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	bool known = false;

	m->passed = -1;
	if (n <= 0)
		return n < 0 ? -errno : 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			take_passed(c, m);
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			m->pid = cred.pid;
			m->uid = cred.uid;
			known = true;
		}
	}
	m->len = (size_t)n;
	if (known && !(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	vk_closep(&m->passed);
	return -EBADMSG;
}

static bool alive(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* ---- what is moved into a new instance ---- */

/* A number from "NAME:\tN" in /proc/PID/status, or of a pidfd's fdinfo; -1: not found. */
static long proc_number(const char *path, const char *name)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[256];
	size_t len = strlen(name);
	long n;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, len) == 0 && line[len] == ':' &&
		    sscanf(line + len + 1, "%ld", &n) == 1)
			return n;
	return -1;
}

/**
 * struct mover - who goes into the new instance
 * @pidfd: borrowed
 * @pid:   its pid, for as long as @pidfd is alive
 */
struct mover {
	int pidfd;
	pid_t pid;
};

/*
 * The caller itself or a child of its own. As for seccomp filters, it must have given up
 * set-user-ID programs: one that runs under rules that its user made up could be confused by them.
 */
static int find_mover(const struct peer *p, const struct message *m, struct mover *ret,
		      struct vk_error *e)
{
	char path[64];

	*ret = (struct mover){.pidfd = p->pidfd, .pid = p->pid};
	if (m->passed >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", m->passed);
		*ret = (struct mover){.pidfd = m->passed, .pid = (pid_t)proc_number(path, "Pid")};
		if (ret->pid <= 0)
			return vk_error_set(e, EBADMSG, "what was passed is no pidfd of a process");
	}
	snprintf(path, sizeof(path), "/proc/%d/status", (int)ret->pid);
	if (m->passed >= 0 && proc_number(path, "PPid") != p->pid)
		return vk_error_set(e, EPERM, "the process is no child of the caller");
	if (proc_number(path, "NoNewPrivs") != 1) {
		vk_error_set(e, EPERM, "the process could still gain privileges");
		vk_error_advise(e, "call prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) first");
		return -EPERM;
	}
	/* All of it was about these processes, not about others that got their pids. */
	if (!alive(ret->pidfd) || !alive(p->pidfd))
		return vk_error_set(e, ESRCH, "the process has ended");
	return 0;
}

static int move_in(struct vk_engine *eng, uint32_t id, const struct mover *who, bool at_exec,
		   struct vk_error *e)
{
	uint32_t count;

	if (at_exec)
		return vk_instance_confine_next_exec(eng, id, who->pidfd, e);
	return vk_instance_attach(eng, id, who->pid, &count, e);
}

/* ---- the operations ---- */

static int lock_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
			;
	return fd;
}

/* Within one tree one change follows the other; root's are not waited for, but noticed. */
static int lock_tree(uint32_t top)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/vkernel/broker/%u", top % 256);
	return lock_file(path);
}

/* One try: plan, compile without the engine's lock, and put in force. */
static int change_once(const struct peer *p, const struct vk_request *asked,
		       const struct mover *who, bool at_exec, struct vk_answer *a,
		       struct vk_error *e)
{
	vk_cleanup(vk_plan_freep) struct vk_plan *plan = NULL;
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	vk_cleanup(compiled_done) struct compiled c = {0};
	struct vk_request q = *asked;
	uint32_t id, top;
	int r = vk_engine_open(&eng, 0, e);

	if (r < 0)
		return r;
	/* As of now: it may have gone further down since it connected. */
	r = vk_member_instance(eng, p->pidfd, &q.caller, &top);
	if (r < 0 || !alive(p->pidfd))
		return vk_error_set(e, ESRCH, "the caller has ended");
	r = vk_request_plan(eng, &q, &plan, e);
	vk_engine_close(vk_take_ptr(eng));
	if (r == 0)
		r = sandbox_compile(plan, &c, e);
	if (r == 0)
		r = vk_engine_open(&eng, 0, e);
	if (r == 0)
		r = vk_plan_take(plan, eng, c.data, c.len, e);
	if (r == 0)
		r = vk_request_commit(eng, plan, &id, a->name, e);
	if (r == 0 && who) {
		r = move_in(eng, id, who, at_exec, e);
		if (r < 0)
			vk_instance_remove(eng, a->name, false, NULL);
	}
	return r;
}

static int change(const struct peer *p, const struct message *m, const struct vk_call *c,
		  const char *text, uint32_t top, struct vk_answer *a, struct vk_error *e)
{
	_cleanup_close_ int lock = -1;
	struct vk_request q = {.uid = m->uid, .target = c->name};
	struct mover who;
	int r = 0;

	q.kind = c->op == VK_BROKER_PUSH ? VK_REQUEST_PUSH :
		 c->op == VK_BROKER_POP	 ? VK_REQUEST_POP :
					   VK_REQUEST_CHILD;
	q.text = c->text_len ? text : NULL;
	q.len = c->text_len;
	if (q.kind == VK_REQUEST_CHILD)
		r = find_mover(p, m, &who, e);
	if (r < 0)
		return r;
	lock = lock_tree(top);
	if (lock < 0)
		return vk_error_set(e, EAGAIN, "cannot lock");
	for (int i = 0; i < TRIES; i++) {
		*e = (struct vk_error){0};
		r = change_once(p, &q, q.kind == VK_REQUEST_CHILD ? &who : NULL,
				c->flags & VK_BROKER_AT_EXEC, a, e);
		if (r != -EAGAIN)
			return r;
	}
	return r;
}

/* ---- policy programs ---- */

int open_for(const struct peer *p, unsigned int flags, struct vk_program_request *q,
	     struct vk_engine **ret, struct vk_error *e)
{
	uint32_t top;
	int r = vk_engine_open(ret, flags, e);

	if (r < 0)
		return r;
	r = vk_member_instance(*ret, p->pidfd, &q->caller, &top);
	if (r < 0 || !alive(p->pidfd))
		return vk_error_set(e, ESRCH, "the caller has ended");
	return 0;
}

/*
 * The verifier may need seconds, which no container of their own pays for: so one program of the
 * whole host after the other, and not under the engine's lock.
 */
static int verify(const struct peer *p, struct vk_program_request *q, const char *image, size_t len,
		  struct vk_pushed **ret, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_close_ int turn = lock_file("/run/vkernel/broker/verify");
	int r;

	if (turn < 0)
		return vk_error_set(e, EAGAIN, "cannot lock");
	r = open_for(p, VK_OPEN_READ_ONLY, q, &eng, e);
	return r < 0 ? r : vk_program_request_verify(eng, q, image, len, ret, e);
}

static int push_program(const struct peer *p, struct vk_program_request *q, const char *image,
			size_t len, struct vk_error *e)
{
	vk_cleanup(vk_pushed_donep) struct vk_pushed *pushed = NULL;
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	int r = verify(p, q, image, len, &pushed, e);

	/* From here on it takes no longer than the limits of a tree permit. */
	alarm(CONNECTION_SECONDS);
	if (r == 0)
		r = open_for(p, 0, q, &eng, e);
	return r < 0 ? r : vk_program_request_push(eng, q, pushed, e);
}

static int change_programs(const struct peer *p, const struct message *m, const struct vk_call *c,
			   const char *text, uint32_t top, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_close_ int lock = lock_tree(top);
	struct vk_program_request q = {
		.uid = m->uid,
		.target = c->name,
		.audit = c->flags & VK_BROKER_AUDIT,
		.replace = c->flags & VK_BROKER_REPLACE,
	};
	char name[32];
	int r = -EAGAIN;

	if (lock < 0)
		return vk_error_set(e, EAGAIN, "cannot lock");
	if (c->op == VK_BROKER_PROGRAM_POP) {
		snprintf(name, sizeof(name), "%.*s", (int)c->text_len, text);
		q.name = name;
		r = open_for(p, 0, &q, &eng, e);
		return r < 0 ? r : vk_program_request_pop(eng, &q, e);
	}
	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		*e = (struct vk_error){0};
		r = push_program(p, &q, text, c->text_len, e);
	}
	return r;
}

static int list(struct vk_engine *eng, uint32_t id, struct vk_answer *a, struct vk_error *e)
{
	struct vk_own own;
	int r = vk_own_get(eng, id, &own, e);

	if (r < 0)
		return r;
	snprintf(a->name, sizeof(a->name), "%s", own.name);
	a->depth = own.depth;
	a->given = own.given;
	a->n_pushed = own.n_pushed;
	a->may_push = own.may_push;
	a->may_make = own.may_make;
	a->poppable = own.poppable;
	for (size_t i = 0; i < own.n_pushed && i < VK_BROKER_LAYERS; i++) {
		a->pushed[i] = own.pushed[i];
		a->bytes[i] = own.bytes[i];
	}
	_Static_assert(sizeof(a->programs) == sizeof(own.programs), "copied whole");
	a->n_programs = own.n_programs;
	a->may_push_programs = own.may_push_programs;
	memcpy(a->programs, own.programs, sizeof(a->programs));
	return 0;
}

/* LIST and REMOVE: under the engine's lock, as they are short. */
static int look(const struct peer *p, const struct vk_call *c, struct vk_answer *a,
		struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	uint32_t id, top;
	int r = vk_engine_open(&eng, 0, e);

	if (r < 0)
		return r;
	r = vk_member_instance(eng, p->pidfd, &id, &top);
	if (r < 0 || !alive(p->pidfd))
		return vk_error_set(e, ESRCH, "the caller has ended");
	return c->op == VK_BROKER_LIST ? list(eng, id, a, e) : vk_child_remove(eng, id, c->name, e);
}

/* Who connected, and the top of its tree. */
static int check_caller(const struct peer *p, const struct message *m, uint32_t *ret_top,
			struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	uint32_t id;
	int r;

	/* A connection that was handed on does not speak for who made it. */
	if (m->pid != p->pid)
		return vk_error_set(e, EPERM, "another process than the caller has connected");
	if (!alive(p->pidfd))
		return vk_error_set(e, ESRCH, "the caller has ended");
	r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, e);
	if (r == 0)
		r = vk_member_instance(eng, p->pidfd, &id, ret_top);
	if (r < 0)
		return vk_error_set(e, EPERM, "the caller is a member of no instance");
	return 0;
}

/* Return: 0; MAP*: bytes in @data. */
static int handle(const struct peer *p, const struct message *m, uint64_t number,
		  struct vk_answer *a, void *data, uint16_t *ret_op, struct vk_error *e)
{
	const struct vk_call *c;
	const char *text;
	uint32_t top = 0;
	int r = vk_call_parse(m->data, m->len, number, &c, &text, e);

	*ret_op = 0;
	if (r < 0)
		return r;
	*ret_op = c->op;
	r = check_caller(p, m, &top, e);
	if (r < 0)
		return r;
	if (m->passed >= 0 && c->op != VK_BROKER_CHILD)
		return vk_error_set(e, EBADMSG, "this operation takes no descriptor");
	if (c->op == VK_BROKER_LIST || c->op == VK_BROKER_REMOVE)
		return look(p, c, a, e);
	if (c->op == VK_BROKER_PROGRAM_PUSH || c->op == VK_BROKER_PROGRAM_POP)
		return change_programs(p, m, c, text, top, e);
	if (vk_op_is_map(c->op))
		return serve_map(p, m->uid, c->name, c->op, (const void *)text, data, e);
	return change(p, m, c, text, top, a, e);
}

static bool answer(int fd, struct vk_answer *said, const void *data, size_t len)
{
	struct iovec iov[] = {
		{said, sizeof(*said)},
		/* Not written to. */
		{(void *)(uintptr_t)data, len},
	};
	const struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	said->data_len = (uint32_t)len;
	said->size += (uint32_t)len;
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)(sizeof(*said) + len);
}

void serve(struct peer *p)
{
	static struct message m; /* too large for a stack */
	static uint8_t data[VK_BROKER_DATA_MAX];
	struct vk_hello hello = {
		.magic = VK_BROKER_MAGIC,
		.version = VK_BROKER_VERSION,
		.size = sizeof(hello),
	};
	int on = 1;

	alarm(SILENCE_SECONDS);
	if (setsockopt(p->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    getrandom(&hello.number, sizeof(hello.number), 0) != sizeof(hello.number) ||
	    send(p->fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return;
	for (int i = 0; i < CALLS_MAX && receive(p->fd, &m) == 1; i++) {
		struct vk_answer a = {0}, said;
		struct vk_error e = {0};
		uint16_t op;
		int r;

		if (i == 0)
			alarm(CONNECTION_SECONDS);
		r = handle(p, &m, hello.number, &a, data, &op, &e);

		vk_closep(&m.passed);
		vk_answer_fill(&said, op, r < 0 ? r : 0, &e);
		if (r >= 0) {
			memcpy(said.name, a.name, sizeof(said.name));
			memcpy(&said.depth, &a.depth,
			       sizeof(said) - offsetof(struct vk_answer, depth));
		}
		if (!answer(p->fd, &said, data, r > 0 && vk_op_is_map(op) ? (size_t)r : 0))
			return;
	}
}
