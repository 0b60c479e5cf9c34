// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Changes of credentials that the kernel makes itself: none of them may be taken for forged. What
 * is forged is in tests/attacks/credentials.c.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"
#include "ring.h"

#define FILE_OF_ALL "/tmp/k/readable"
#define SETUID_PROGRAM "/tmp/k/setuid"

static int caps_set(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, 0},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), 0},
	};

	return (int)syscall(SYS_capset, &head, data);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}
static int run_probe(void *arg)
{
	const char *path = arg;

	execl(path, "true", NULL);
	return errno;
}

/* Everything that looks at credentials still works: opens, capabilities, fork, exec. */
static bool still_free(const char *after)
{
	bool ok = CHECK_EQ(live_open(FILE_OF_ALL, O_RDONLY), 0);

	ok &= CHECK_EQ(live_child(nothing, NULL), 0);
	ok &= CHECK_EQ(live_child(run_probe, (void *)(uintptr_t) "/bin/true"), 0);
	ok &= CHECK_EQ(live_open(FILE_OF_ALL, O_RDONLY), 0);
	if (!ok)
		tap_diag("after %s", after);
	return ok;
}

static int users(void *arg)
{
	(void)arg;
	still_free("nothing");
	CHECK_EQ(setfsuid(12), 0);
	still_free("setfsuid");
	CHECK_EQ(setfsuid(0), 12);
	CHECK_EQ(setresuid(0, 34, 56), 0);
	still_free("setresuid");
	CHECK_EQ(seteuid(0), 0);
	still_free("seteuid back");
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(7, 8, 9), 0);
	still_free("setresgid");
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	still_free("setresuid with PR_SET_KEEPCAPS");
	CHECK_EQ(caps_set(1ull << CAP_SETUID, 1ull << CAP_SETUID), 0);
	still_free("capset");
	CHECK_EQ(setresuid(0, 0, 0), 0);
	still_free("setresuid to root");
	CHECK_EQ(setresuid(1001, 1001, 1001), 0);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	still_free("PR_SET_NO_NEW_PRIVS");
	return 0;
}
static int program_of_root(void *arg)
{
	(void)arg;
	if (setresuid(1000, 1000, 1000) < 0)
		return errno;
	still_free("setresuid");
	/* It opens its libraries, so that it is looked at. */
	return run_probe((void *)(uintptr_t)SETUID_PROGRAM);
}
static int keys(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "test") > 0);
	still_free("KEYCTL_JOIN_SESSION_KEYRING");
	CHECK(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) > 0);
	still_free("a thread keyring");
	return 0;
}
static int other_process(void *arg)
{
	int *p = arg;
	char c;

	if (unshare(CLONE_NEWUSER) < 0 || write(p[1], "", 1) != 1)
		return errno;
	return read(p[2], &c, 1) < 0;
}
static int namespaces(void *arg)
{
	int p[4];
	char path[40], c;
	_cleanup_close_ int ns = -1;
	pid_t pid;

	(void)arg;
	ASSERT(pipe(p) == 0 && pipe(p + 2) == 0);
	pid = fork();
	if (pid == 0)
		_exit(other_process(p));
	CHECK_EQ(read(p[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(setns(ns, 0), 0);
	still_free("setns to a user namespace");
	CHECK_EQ(write(p[3], "", 1), 1);
	waitpid(pid, NULL, 0);
	return 0;
}
static int new_namespace(void *arg)
{
	(void)arg;
	CHECK_EQ(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
	still_free("unshare of a user namespace");
	return 0;
}
static int born_in_namespace(void *arg)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	int status;

	(void)arg;
	if (pid == 0)
		_exit(still_free("clone of a user namespace") ? 0 : 1);
	return waitpid(pid, &status, 0) == pid ? status : errno;
}

static void *thread_of_other_user(void *arg)
{
	(void)arg;
	/* Of this thread alone: not by the library, which makes all others do the same. */
	CHECK_EQ(syscall(SYS_setresuid, 1000, 1000, 1000), 0);
	still_free("setresuid of one thread");
	return NULL;
}
static int threads(void *arg)
{
	pthread_t t;

	(void)arg;
	CHECK_EQ(pthread_create(&t, NULL, thread_of_other_user, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	return still_free("a thread") ? 0 : 1;
}

/* The ring works under credentials of before, which the kernel only borrows. */
static int ring_of_others(void *arg)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_OPENAT,
				   .fd = AT_FDCWD,
				   .addr = (uintptr_t)FILE_OF_ALL,
				   .open_flags = O_RDONLY | O_CLOEXEC};
	struct ring r;
	int id, fd;

	(void)arg;
	if (!CHECK(ring_make(&r, 0)))
		return 1;
	id = (int)syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	CHECK(id > 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	sqe.personality = (uint16_t)id;
	for (int i = 0; i < 2; i++) {
		sqe.flags = i ? IOSQE_ASYNC : 0;
		fd = ring_submit(&r, &sqe, false);
		CHECK(fd >= 0);
		close(fd);
		still_free("io_uring under other credentials");
	}
	return 0;
}

static int access_as_real(void *arg)
{
	(void)arg;
	/* access(2) works under credentials of its own. */
	CHECK_EQ(setresuid(1000, 0, 0), 0);
	CHECK_EQ(access(FILE_OF_ALL, R_OK), 0);
	return still_free("access") ? 0 : 1;
}

static void all_changes(void *arg)
{
	static int (*const changes[])(void *) = {
		users,	    program_of_root, keys,
		namespaces, new_namespace,   born_in_namespace,
		threads,    ring_of_others,  access_as_real,
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (!CHECK_EQ(live_child(changes[i], NULL), 0))
			tap_diag("the %zu. change", i + 1);
}

LIVE_TEST(credentials_that_the_kernel_gives)
{
	live_policy("files: {default: allow}");
	live_file(FILE_OF_ALL, "text");
	live_file(SETUID_PROGRAM, "");
	ASSERT(system("cp /bin/true " SETUID_PROGRAM) == 0);
	ASSERT(chmod(SETUID_PROGRAM, 04755) == 0 && chmod("/tmp/k", 0755) == 0);
	ASSERT(chmod(FILE_OF_ALL, 0644) == 0);
	live_run(all_changes, NULL);
	CHECK_EQ(live_counters().denied, 0);
}
