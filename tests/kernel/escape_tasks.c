// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ways out of membership: namespaces, new processes of every kind, threads, daemons. */
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define SECRET "/tmp/k/denied"
#define DENIED "files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}"

static void prepare(const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), "%s\n%s\n", DENIED, more);
	live_policy(text);
	live_file(SECRET, "secret");
}

static int try_open(void *arg)
{
	(void)arg;
	return live_open(SECRET, O_RDONLY);
}

/* ---- namespaces ---- */

static int unshare_and_open(void *arg)
{
	return unshare(*(int *)arg) < 0 ? 200 : live_child(try_open, NULL);
}

static void every_unshare(void *arg)
{
	static const int flags[] = {CLONE_NEWNS,  CLONE_NEWUTS,	   CLONE_NEWIPC,  CLONE_NEWNET,
				    CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWUSER, CLONE_NEWTIME,
				    CLONE_FS,	  CLONE_FILES,	   CLONE_SYSVSEM};

	(void)arg;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int flag = flags[i];

		if (!CHECK_EQ(live_child(unshare_and_open, &flag), EACCES))
			tap_diag("unshare(%#x)", (unsigned int)flag);
	}
}
LIVE_TEST(unshare_of_every_namespace)
{
	prepare("");
	live_run(every_unshare, NULL);
}

static int pid_namespaces(void *arg)
{
	int *depth = arg;

	if (unshare(CLONE_NEWPID) < 0)
		return 200;
	return --*depth ? live_child(pid_namespaces, depth) : live_child(try_open, NULL);
}
static void nested_pid(void *arg)
{
	int depth = 5;

	(void)arg;
	CHECK_EQ(live_child(pid_namespaces, &depth), EACCES);
}
LIVE_TEST(nested_pid_namespaces)
{
	prepare("");
	live_run(nested_pid, NULL);
}

static int setns_and_open(void *arg)
{
	return setns(*(int *)arg, 0) < 0 ? 200 : live_child(try_open, NULL);
}
static void every_setns(void *arg)
{
	int *fds = arg;

	for (int i = 0; i < 6; i++)
		CHECK_EQ(live_child(setns_and_open, &fds[i]), EACCES);
}
LIVE_TEST(setns_to_the_namespaces_of_init)
{
	static const char *const names[] = {"mnt", "pid", "net", "uts", "ipc", "cgroup"};
	int fds[6];
	char path[64];

	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/1/ns/%s", names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT(fds[i] >= 0);
	}
	prepare("");
	live_run(every_setns, fds);
}

/* ---- new processes ---- */

static int daemonize(void *arg)
{
	int *p = arg, err;
	pid_t pid = fork();

	if (pid)
		return pid < 0;
	setsid();
	if (fork())
		_exit(0);
	err = live_open(SECRET, O_RDONLY);
	return write(p[1], &err, sizeof(err)) != sizeof(err);
}
static void daemons(void *arg)
{
	int p[2], err = -1;

	(void)arg;
	ASSERT(pipe(p) == 0);
	CHECK_EQ(live_child(daemonize, p), 0);
	CHECK_EQ(read(p[0], &err, sizeof(err)), sizeof(err));
	CHECK_EQ(err, EACCES);
}
LIVE_TEST(daemon_stays_a_member)
{
	prepare("");
	live_run(daemons, NULL);
}

static int clone_and_open(uint64_t flags)
{
	struct clone_args args = {.flags = flags & ~(uint64_t)CSIGNAL, .exit_signal = SIGCHLD};
	int *err =
		mmap(NULL, sizeof(*err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long pid;

	*err = -1;
	if (flags & CLONE_PARENT)
		args.exit_signal = 0;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		int fd = open(SECRET, O_RDONLY);

		__atomic_store_n(err, fd < 0 ? errno : 0, __ATOMIC_SEQ_CST);
		syscall(SYS_exit_group, 0);
	}
	/* With CLONE_PARENT it is not ours to wait for. */
	while (pid > 0 && __atomic_load_n(err, __ATOMIC_SEQ_CST) < 0)
		sched_yield();
	if (pid > 0)
		waitpid((pid_t)pid, NULL, __WALL);
	return *err;
}
static void every_clone(void *arg)
{
	pid_t pid;
	int status;

	(void)arg;
	CHECK_EQ(clone_and_open(0), EACCES);
	CHECK_EQ(clone_and_open(CLONE_PARENT), EACCES);
	CHECK_EQ(clone_and_open(CLONE_FILES | CLONE_FS), EACCES);
	CHECK_EQ(clone_and_open(CLONE_CLEAR_SIGHAND), EACCES);
	pid = vfork();
	if (pid == 0) {
		char *const argv[] = {(char *)(uintptr_t)live_probe(), (char *)(uintptr_t) "open",
				      (char *)(uintptr_t)SECRET, NULL};

		execv(argv[0], argv);
		_exit(200);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(WEXITSTATUS(status), EACCES);
}
LIVE_TEST(children_of_every_kind)
{
	prepare("");
	live_run(every_clone, NULL);
	/* The child by CLONE_PARENT is this process's. */
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

/* ---- threads ---- */

struct threads {
	pthread_barrier_t ready, go;
	int err[8];
};
static struct threads threads;

static void *thread_open(void *arg)
{
	pthread_barrier_wait(&threads.ready);
	pthread_barrier_wait(&threads.go);
	*(int *)arg = live_open(SECRET, O_RDONLY);
	return NULL;
}
static void threads_main(int ready, int go)
{
	pthread_t t[8];
	char byte = 'x';

	pthread_barrier_init(&threads.ready, NULL, 9);
	pthread_barrier_init(&threads.go, NULL, 9);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, thread_open, &threads.err[i]);
	pthread_barrier_wait(&threads.ready);
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	pthread_barrier_wait(&threads.go);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(threads.err[i], EACCES);
	}
}
LIVE_TEST(threads_from_before_attach)
{
	struct vk_error e = {0};
	int ready[2], go[2], status;
	uint32_t count = 0;
	char byte;
	pid_t pid;

	prepare("");
	ASSERT(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		threads_main(ready[1], go[0]);
		_exit(0);
	}
	ASSERT(read(ready[0], &byte, 1) == 1);
	live_ok(vk_instance_attach(live.eng, live.id, pid, &count, &e), &e);
	CHECK_EQ(count, 9);
	ASSERT(write(go[1], "x", 1) == 1);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}

static void *thread_exec(void *arg)
{
	char *const argv[] = {(char *)(uintptr_t)live_probe(), (char *)(uintptr_t) "open",
			      (char *)(uintptr_t)SECRET, NULL};

	(void)arg;
	execv(argv[0], argv);
	_exit(200);
}
static _Noreturn void exec_in_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread_exec, NULL);
	for (;;)
		pause();
}
static int exec_in_thread_fn(void *arg)
{
	(void)arg;
	exec_in_thread();
}
static void thread_execs(void *arg)
{
	(void)arg;
	CHECK_EQ(live_child(exec_in_thread_fn, NULL), EACCES);
}
LIVE_TEST(exec_from_a_thread_of_a_member)
{
	prepare("");
	live_run(thread_execs, NULL);
}

static void pending_execs(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open(SECRET, O_RDONLY), 0); /* not yet */
	exec_in_thread();
}
LIVE_TEST(exec_from_a_thread_of_a_marked_process)
{
	struct live_member m;
	struct vk_error e = {0};
	int pidfd;

	prepare("");
	m = live_fork(pending_execs, NULL);
	pidfd = (int)syscall(SYS_pidfd_open, m.pid, 0);
	live_ok(vk_instance_confine_next_exec(live.eng, live.id, pidfd, &e), &e);
	close(pidfd);
	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), EACCES);
}

/* ---- fork storms ---- */

struct storm {
	volatile unsigned int granted, denied, started;
	volatile bool stop, attached;
};

static void storm(void *arg)
{
	struct storm *s = arg;

	while (!s->stop) {
		pid_t pid = fork();

		if (pid == 0) {
			bool bound = s->attached;
			int err = live_open(SECRET, O_RDONLY);

			__atomic_fetch_add(&s->started, 1, __ATOMIC_SEQ_CST);
			if (err == EACCES)
				__atomic_fetch_add(&s->denied, 1, __ATOMIC_SEQ_CST);
			else if (bound)
				__atomic_fetch_add(&s->granted, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
		/* Two at a time. */
		while (waitpid(-1, NULL, s->started & 1 ? WNOHANG : 0) > 0)
			;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static struct storm *storm_new(void)
{
	struct storm *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(s != MAP_FAILED);
	return s;
}

LIVE_TEST(fork_storm_during_update)
{
	struct storm *s = storm_new();
	struct live_member m;

	prepare("");
	s->attached = true;
	m = live_fork(storm, s);
	live_attach(&m);
	live_go(&m);
	for (int i = 0; i < 100 || s->denied < 100; i++)
		live_update(
			i & 1 ? DENIED :
				"files: {default: deny, rules: [{allow: [read], path: /none}]}");
	s->stop = true;
	live_wait(&m);
	CHECK_EQ(s->granted, 0);
	tap_diag("%u children", s->started);
}

/*
 * A fork that has passed task_alloc, but is not in the list of tasks yet, when its parent is
 * attached: the child gets its record before it runs.
 */
LIVE_TEST(fork_storm_during_attach)
{
	for (int i = 0; i < 5; i++) {
		struct storm *s = storm_new();
		struct live_member m;

		if (i == 0)
			prepare("");
		m = live_fork(storm, s);
		live_go(&m);
		while (s->started < 20)
			usleep(1000);
		live_attach(&m);
		s->attached = true;
		while (s->denied < 100 && !s->granted)
			usleep(1000);
		s->stop = true;
		live_wait(&m);
		CHECK_EQ(s->granted, 0);
	}
}
