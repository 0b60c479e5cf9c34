// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KNOWN HOLES: each test here fails on some kernel today, for the reason at its head. Nothing is
 * listed in tests/suites: run it by hand, and move a test to the file of its theme when it passes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

/*
 * Append without write: no LSM hook sees the flags of a write, or fallocate's mode. file_permission
 * is told of both that something is written: a program there would cost every read and write of
 * every process, and could only refuse all of fallocate, and for io_uring nothing at all.
 */

#define LOG "/tmp/k/log"

static void append_only(void)
{
	live_policy("files: {default: deny, rules: [{allow: [read, append], path: /tmp/k/log}]}");
	live_file(LOG, "0123456789");
}
static void check_log(void)
{
	char text[11] = {0};
	int fd = open(LOG, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(read(fd, text, 10), 10);
	CHECK_STREQ(text, "0123456789");
	close(fd);
}

/* Since 6.9 one write can ignore O_APPEND. */
static void by_noappend(void *arg)
{
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct iovec iov = {(char *)(uintptr_t) "X", 1};

	(void)arg;
	ASSERT(fd >= 0);
	if (pwritev2(fd, &iov, 1, 0, RWF_NOAPPEND) < 0)
		CHECK(errno == EOPNOTSUPP || errno == EACCES);
}
LIVE_TEST(append_only_by_rwf_noappend)
{
	append_only();
	live_run(by_noappend, NULL);
	check_log();
}

static void by_fallocate(void *arg)
{
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_NE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10), 0);
}
LIVE_TEST(append_only_by_punching_holes)
{
	append_only();
	live_run(by_fallocate, NULL);
	check_log();
}

/*
 * 7.3: CAP_PERFMON is enough to read /proc/PID/environ and maps; the kernel asks no LSM then
 * but about the capability, of which it does not say what for; nor could it, as SYS_ADMIN stands in
 * for it everywhere. A capability ceiling without PERFMON and SYS_ADMIN closes it.
 */
static void read_environ(void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", *(pid_t *)arg);
	CHECK_NE(live_open(path, O_RDONLY), 0);
}
LIVE_TEST(ptrace_scope_and_environ)
{
	pid_t pid = live_sleeper();

	live_policy("processes: {ptrace: own}");
	live_run(read_environ, &pid);
	kill(pid, SIGKILL);
}
