/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vkerneld.c - the broker: takes what members ask for themselves.
 *
 * It holds nothing that must not be lost: rules are in the kernel, and what is known of them in
 * maps and files. It can be stopped, killed and started at any time; a call under way is done or
 * not done. This process accepts and counts. It never reads what a caller sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <jansson.h>

#include "broker.h"
#include "cleanup.h"
#include "engine.h"
#include "proto.h"
#include "push.h"

#define WORKERS 64
#define TREE_WORKERS 8 /* of one tree of instances */
#define USER_WORKERS 8 /* of one user in it */
#define TREE_BURST 40 /* connections of one tree at once, */
#define TREE_RATE 10 /* and a second */
#define TREES 256
#define LISTEN_FD 3 /* sd_listen_fds(3) */

/* One connection that is being served. */
struct worker {
	pid_t pid;
	uint32_t top;
	uid_t uid;
};

/* The connections that a tree may still make, times 1000. */
struct bucket {
	uint32_t top;
	uint64_t filled_ms;
	uint64_t milli;
};

struct broker {
	int socket;
	int signals;
	struct vk_engine *eng;
	struct worker workers[WORKERS];
	struct bucket buckets[TREES];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Two trees that share a bucket share its rate: ids are handed out one after the other. */
static bool within_rate(struct broker *b, uint32_t top)
{
	struct bucket *k = &b->buckets[top % TREES];
	uint64_t now = now_ms(), more = (now - k->filled_ms) * TREE_RATE;

	if (!k->filled_ms || k->milli + more > TREE_BURST * 1000)
		k->milli = TREE_BURST * 1000;
	else
		k->milli += more;
	k->filled_ms = now;
	if (k->milli < 1000)
		return false;
	k->milli -= 1000;
	return true;
}

static void refuse(int fd, int code, const char *message)
{
	struct vk_hello hello = {VK_BROKER_MAGIC, VK_BROKER_VERSION, sizeof(hello), 0};
	struct vk_error e = {0};
	struct vk_answer a;

	vk_error_set(&e, code, "%s", message);
	vk_answer_fill(&a, 0, -code, &e);
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(hello))
		send(fd, &a, sizeof(a), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A place for one more connection of @top; NULL: it must wait. */
static struct worker *find_place(struct broker *b, uint32_t top, uid_t uid)
{
	struct worker *place = NULL;
	unsigned int of_tree = 0, of_user = 0;

	for (size_t i = 0; i < WORKERS; i++) {
		struct worker *w = &b->workers[i];

		if (!w->pid) {
			place = w;
			continue;
		}
		of_tree += w->top == top;
		of_user += w->top == top && w->uid == uid;
	}
	return of_tree < TREE_WORKERS && of_user < USER_WORKERS ? place : NULL;
}

/* The top of the caller's tree. The engine is there once there is an instance. */
static int tree_of(struct broker *b, int pidfd, uint32_t *ret)
{
	struct vk_error ignored = {0};
	uint32_t id;

	if (!b->eng && vk_engine_open(&b->eng, VK_OPEN_READ_ONLY, &ignored) < 0)
		return -EPERM;
	return vk_member_instance(b->eng, pidfd, &id, ret);
}

static void start_worker(struct broker *b, struct worker *w, struct peer *p)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid == 0) {
		/* Of its parent's it needs nothing but the connection. */
		vk_engine_close(vk_take_ptr(b->eng));
		close(b->socket);
		close(b->signals);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_NAME, "vkerneld-call");
		serve(p);
		_exit(0);
	}
	w->pid = pid > 0 ? pid : 0;
}

static void meet(struct broker *b)
{
	struct sockaddr who;
	socklen_t who_len = sizeof(who);
	_cleanup_close_ int fd = accept4(b->socket, &who, &who_len, SOCK_CLOEXEC);
	_cleanup_close_ int pidfd = -1;
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	struct worker *w;
	struct peer p;
	uint32_t top;

	if (fd < 0 || peer_open(fd, &p) < 0)
		return;
	pidfd = p.pidfd;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	if (tree_of(b, pidfd, &top) < 0) {
		refuse(fd, EPERM, "the caller is a member of no instance");
		return;
	}
	w = find_place(b, top, cred.uid);
	if (!w || !within_rate(b, top)) {
		refuse(fd, EAGAIN, "too many calls at once");
		return;
	}
	w->top = top;
	w->uid = cred.uid;
	start_worker(b, w, &p);
}

static void bury(struct broker *b)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (size_t i = 0; i < WORKERS; i++)
			if (b->workers[i].pid == pid)
				b->workers[i].pid = 0;
}

/* Returns when it is told to end. */
static void run(struct broker *b)
{
	struct pollfd fds[] = {
		{.fd = b->signals, .events = POLLIN},
		{.fd = b->socket, .events = POLLIN},
	};

	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents) {
			if (read(b->signals, &info, sizeof(info)) != sizeof(info) ||
			    info.ssi_signo != SIGCHLD)
				return;
			bury(b);
		}
		if (fds[1].revents)
			meet(b);
	}
}

/* ---- start ---- */

/* From systemd, or our own. */
static int open_socket(struct vk_error *e)
{
	static const struct sockaddr_un addr = {AF_UNIX, VK_BROKER_SOCKET};
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	_cleanup_close_ int fd = -1;

	if (n && pid && atoi(pid) == getpid() && atoi(n) == 1) {
		fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC);
		return LISTEN_FD;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vk_error_set(e, errno, "cannot make a socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
		vk_error_set(e, EADDRINUSE, "another vkerneld serves " VK_BROKER_SOCKET);
		vk_error_advise(e, "stop it: systemctl stop vkerneld.socket vkerneld.service");
		return -EADDRINUSE;
	}
	unlink(VK_BROKER_SOCKET);
	/* For everybody: who it is, is asked of the kernel. */
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(VK_BROKER_SOCKET, 0666) < 0 || listen(fd, 128) < 0)
		return vk_error_set(e, errno, "cannot listen on " VK_BROKER_SOCKET ": %s",
				    strerror(errno));
	return vk_take_fd(&fd);
}

/* Others may pass, and see nothing but the socket. */
static int make_dirs(struct vk_error *e)
{
	mkdir("/run/vkernel", 0711);
	mkdir("/run/vkernel/texts", 0700);
	mkdir("/run/vkernel/containers", 0700);
	mkdir("/run/vkernel/broker", 0700);
	mkdir("/run/vkernel/programs", 0700);
	if (chmod("/run/vkernel/texts", 0700) < 0 || chmod("/run/vkernel/broker", 0700) < 0 ||
	    chmod("/run/vkernel/containers", 0700) < 0 ||
	    chmod("/run/vkernel/programs", 0700) < 0 || chmod("/run/vkernel", 0711) < 0)
		return vk_error_set(e, errno, "cannot make /run/vkernel: %s", strerror(errno));
	return 0;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int start(struct broker *b, struct vk_error *e)
{
	int r;

	if (geteuid() != 0) {
		vk_error_set(e, EPERM, "root privileges are needed");
		vk_error_advise(e, "run it as root: systemctl start vkerneld.socket");
		return -EPERM;
	}
	/* So that the parser, in its sandbox, need not look for random numbers. */
	json_object_seed(0);
	r = vk_bpffs_ensure(e);
	if (r == 0)
		r = make_dirs(e);
	if (r < 0)
		return r;
	b->socket = open_socket(e);
	if (b->socket < 0)
		return b->socket;
	b->signals = open_signals();
	if (b->signals < 0)
		return vk_error_set(e, errno, "cannot take signals: %s", strerror(errno));
	return harden(e);
}

static void usage(FILE *f)
{
	fputs("usage: vkerneld [--version] [--help]\n"
	      "\n"
	      "Serves members of instances that push layers onto themselves, on\n" VK_BROKER_SOCKET
	      ", in the foreground. systemd starts it on demand:\n"
	      "systemctl enable --now vkerneld.socket. Stopping it changes nothing in force.\n",
	      f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	static struct broker b = {.socket = -1, .signals = -1};
	struct vk_error e = {0};

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
		if (c == 'V') {
			puts("vkerneld " VK_VERSION);
			return 0;
		}
		usage(c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : 2;
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	if (start(&b, &e) < 0) {
		fprintf(stderr, "vkerneld: %s\n", e.message);
		if (*e.advice)
			fprintf(stderr, "  %s\n", e.advice);
		return 1;
	}
	run(&b);
	vk_engine_close(b.eng);
	return 0;
}
