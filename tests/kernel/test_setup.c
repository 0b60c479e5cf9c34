// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The time before a container's program: what binds its set-up, and whose exec in its cgroup is
 * not its program's yet.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define SECRET "/tmp/k/denied"
#define DENIED "files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}"
#define CGROUP "/sys/fs/cgroup/vkernel-test"

static void mark(const struct live_member *m)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	struct vk_error e = {0};

	live_ok(vk_instance_confine_next_exec(live.eng, live.id, pidfd, &e), &e);
}

static void run_marked(live_fn fn, void *arg)
{
	struct live_member m = live_fork(fn, arg);

	mark(&m);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

/* ---- triggers ---- */

#define V1 "/tmp/k/v1"
#define BOUND "/tmp/k/innocent"

static const char *const triggers[] = {"/proc/sys/kernel/core_pattern",
				       "/proc/sys/kernel/modprobe",
				       "/proc/sysrq-trigger",
				       "/sys/kernel/uevent_helper",
				       V1 "/release_agent",
				       BOUND,
				       "/proc/self/root/proc/sys/kernel/core_pattern"};

static void write_triggers(void *arg)
{
	int want = *(int *)arg;

	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++) {
		int got = live_open(triggers[i], O_WRONLY);

		if (got == ENOENT)
			tap_diag("this kernel has no %s", triggers[i]);
		else if (got != want)
			FAIL("%s: errno %d instead of %d", triggers[i], got, want);
	}
	CHECK_EQ(live_open(triggers[0], O_RDWR), want);
	CHECK_EQ(live_open(triggers[0], O_RDONLY), 0);
	/* What a runtime does write. */
	CHECK_EQ(live_open("/proc/sys/kernel/shmmax", O_WRONLY), 0);
	CHECK_EQ(live_open(V1 "/notify_on_release", O_WRONLY), 0);
	CHECK_EQ(live_open("/tmp/k/new", O_WRONLY | O_CREAT), 0);
}
static int child_writes(void *arg)
{
	return live_open("/proc/sys/kernel/core_pattern", O_WRONLY) != *(int *)arg;
}
static void write_all(void *arg)
{
	write_triggers(arg);
	CHECK_EQ(live_child(child_writes, arg), 0);
}
LIVE_TEST(the_kernels_triggers_are_not_written)
{
	int denied = EACCES, allowed = 0;
	struct live_member m;

	live_policy("mode: audit"); /* nothing that a policy says counts */
	live_dir(V1);
	ASSERT(mount("none", V1, "cgroup", 0, "none,name=vkernel-test") == 0);
	live_file(BOUND, "");
	ASSERT(mount("/proc/sys/kernel/core_pattern", BOUND, NULL, MS_BIND, NULL) == 0);
	run_marked(write_all, &denied);
	m = live_fork(write_all, &allowed); /* somebody else */
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
	CHECK_GE(live_counters().denied, 6);
}

/* ---- mounts of others ---- */

/* Descriptors from before the child left for a mount namespace of its own. */
struct leaked {
	int dir, proc, gone;
};

static void open_leaked(void *arg)
{
	const struct leaked *l = arg;
	char name[] = "probe", *argv[] = {name, NULL};
	int tree, memory = memfd_create("x", MFD_CLOEXEC);

	CHECK_EQ(live_openat(l->dir, "file", O_RDONLY), EACCES);
	CHECK_EQ(live_openat(l->dir, "file", O_WRONLY), EACCES);
	CHECK_EQ(live_openat(l->dir, ".", O_RDONLY | O_DIRECTORY), EACCES);
	CHECK_EQ(live_openat(l->dir, "new", O_WRONLY | O_CREAT), EACCES);
	CHECK_EQ(live_open(live_fd_path(l->dir), O_RDONLY), EACCES);
	CHECK_EQ(live_openat(l->gone, "file", O_RDONLY), EACCES);
	CHECK_ERRNO(execveat(l->dir, "probe", argv, NULL, 0), EACCES);
	/* exec.fifo, and procfs to be sure of. */
	CHECK_EQ(live_openat(l->dir, "fifo", O_RDONLY | O_NONBLOCK), 0);
	CHECK_EQ(live_openat(l->proc, "self/stat", O_RDONLY), 0);
	/* Its own. */
	CHECK_EQ(live_open("/tmp/k/file", O_RDONLY), 0);
	CHECK_EQ(live_open(live_fd_path(memory), O_RDONLY), 0);
	tree = open_tree(AT_FDCWD, "/tmp/k", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK_EQ(live_openat(tree, "file", O_RDONLY), 0);
}
static void leave_and_open(void *arg)
{
	int *p = ((int **)arg)[0];
	char byte;

	ASSERT(unshare(CLONE_NEWNS) == 0 && write(p[1], "x", 1) == 1);
	ASSERT(read(p[2], &byte, 1) == 1);
	open_leaked(((void **)arg)[1]);
}
static int find_event(const struct vk_event *ev, void *data)
{
	if (ev->vki != live.id || ev->op != VK_OP_SETUP)
		return 0;
	CHECK_EQ(ev->err, EACCES);
	*(int *)data |= strcmp(ev->path, "/tmp/k/file") == 0;
	return 0;
}
LIVE_TEST(files_on_mounts_of_others_are_not_opened)
{
	struct vk_event_reader *reader = NULL;
	struct leaked l;
	struct live_member m;
	struct vk_error e = {0};
	int p[4], found = 0;
	char byte;

	if (!live_ok(vk_events_open(live.eng, &reader, &e), &e))
		tap_abort();
	live_policy("mode: audit");
	live_file("/tmp/k/file", "x");
	live_file("/tmp/k/probe", "#!/bin/true\n");
	ASSERT(mkfifo("/tmp/k/fifo", 0600) == 0);
	live_dir("/tmp/k/m");
	ASSERT(mount("none", "/tmp/k/m", "tmpfs", 0, NULL) == 0);
	live_file("/tmp/k/m/file", "x");
	l.dir = open("/tmp/k", O_PATH | O_DIRECTORY);
	l.proc = open("/proc", O_PATH | O_DIRECTORY);
	l.gone = open("/tmp/k/m", O_PATH | O_DIRECTORY);
	ASSERT(umount2("/tmp/k/m", MNT_DETACH) == 0 && pipe(p) == 0 && pipe(p + 2) == 0);
	m = live_fork(leave_and_open, (void *[]){p, &l});
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	mark(&m);
	ASSERT(write(p[3], "x", 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
	while (vk_events_poll(reader, 0, find_event, &found) > 0)
		;
	vk_events_close(reader);
	CHECK(found);
}

/* ---- born in a cgroup ---- */

static void hold_namespace(void *arg)
{
	int *p = arg;

	ASSERT(unshare(CLONE_NEWNS) == 0 && write(p[1], "x", 1) == 1);
	pause();
}

/**
 * struct container - a namespace and a cgroup that belong to the instance
 * @holder: the process in it
 * @ns:     the namespace, inheritable
 * @cgroup: the directory
 */
struct container {
	struct live_member holder;
	int ns;
	int cgroup;
};

static void make_container(struct container *c)
{
	struct vk_error e = {0};
	char byte, path[64];
	int p[2];

	live_policy(DENIED);
	live_file(SECRET, "x");
	ASSERT(pipe(p) == 0);
	c->holder = live_fork(hold_namespace, p);
	live_go(&c->holder);
	ASSERT(read(p[0], &byte, 1) == 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", c->holder.pid);
	c->ns = open(path, O_RDONLY);
	mkdir(CGROUP, 0755);
	c->cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	live_ok(vk_instance_join_mntns(live.eng, live.id, c->holder.pid, &e), &e);
	live_ok(vk_instance_join_cgroup(live.eng, live.id, CGROUP, &e), &e);
}

static void end_container(struct container *c)
{
	kill(c->holder.pid, SIGKILL);
	waitpid(c->holder.pid, NULL, 0);
	close(c->ns);
	close(c->cgroup);
	CHECK_EQ(rmdir(CGROUP), 0);
}

/* What the child that is born does before it executes something. */
enum before { NOTHING, FORK, UNSHARE };

/* The exit status of the probe, executed by a child that is born in the cgroup. */
static int born(const struct container *c, const char *const *argv, enum before before)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (__u64)c->cgroup};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int status;

	ASSERT(pid >= 0);
	if (pid == 0) {
		pid_t second = before == FORK ? fork() : 0;

		if (before == UNSHARE && unshare(CLONE_NEWNS) < 0)
			_exit(250);

		if (second == 0) {
			execv(live_probe(), (char *const *)(uintptr_t)argv);
			_exit(253);
		}
		_exit(waitpid(second, &status, 0) == second && WIFEXITED(status) ?
			      WEXITSTATUS(status) :
			      252);
	}
	ASSERT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 251;
}

LIVE_TEST(a_runtime_that_is_born_in_the_cgroup_enters_first)
{
	struct container c;
	char fd[16], here[16];

	make_container(&c);
	snprintf(fd, sizeof(fd), "%d", c.ns);
	snprintf(here, sizeof(here), "%d", open("/proc/self/ns/mnt", O_RDONLY));
	/* The runtime's program is not the container's, and what it executes then is bound. */
	CHECK_EQ(born(&c, (const char *[]){"probe", "enter", fd, SECRET, NULL}, NOTHING), EACCES);
	/* Only one program is: what it executes outside is bound, too. */
	CHECK_EQ(born(&c, (const char *[]){"probe", "enter", here, SECRET, NULL}, NOTHING), EACCES);
	/* Nor is who has left the namespace that it was born in a runtime's program any more. */
	CHECK_EQ(born(&c, (const char *[]){"probe", "open", SECRET, NULL}, UNSHARE), EACCES);
	/* The birth of one's parent counts for nothing. */
	CHECK_EQ(born(&c, (const char *[]){"probe", "open", SECRET, NULL}, FORK), EACCES);
	end_container(&c);
}

static void move_there(void *arg)
{
	int fd = open(CGROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);

	(void)arg;
	ASSERT(fd >= 0 && write(fd, "0", 1) == 1);
	execl(live_probe(), "probe", "open", SECRET, NULL);
	_exit(253);
}
LIVE_TEST(who_is_moved_to_the_cgroup_is_bound_at_once)
{
	struct container c;
	struct live_member m;

	make_container(&c);
	m = live_fork(move_there, NULL);
	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), EACCES);
	end_container(&c);
}

LIVE_TEST(a_birth_in_a_cgroup_without_rules_means_nothing)
{
	const char *const argv[] = {"probe", "open", SECRET, NULL};
	struct container c, other = {0};

	make_container(&c);
	mkdir(CGROUP "-other", 0755);
	other.cgroup = open(CGROUP "-other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(born(&other, argv, NOTHING), 0);
	close(other.cgroup);
	CHECK_EQ(rmdir(CGROUP "-other"), 0);
	/* Where the instance's files are named by one's own mounts there is nothing to enter. */
	ASSERT(setns(c.ns, CLONE_NEWNS) == 0);
	CHECK_EQ(born(&c, argv, NOTHING), EACCES);
	end_container(&c);
}
