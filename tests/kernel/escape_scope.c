// SPDX-License-Identifier: LGPL-2.1-or-later
/* Capabilities, and what a member may do to processes that are none of its instance. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

static int victim_value = 42;

/* ---- capabilities ---- */

static void root_of_a_userns(void *arg)
{
	(void)arg;
	CHECK_ERRNO(sethostname("guest", 5), EPERM);
	ASSERT(unshare(CLONE_NEWUSER) == 0);
	/* All capabilities there, by the kernel's own account. */
	CHECK_ERRNO(unshare(CLONE_NEWNS), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWUTS), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWNET), EPERM);
	CHECK_ERRNO(chroot("/"), EPERM);
}
LIVE_TEST(capability_ceiling_in_a_user_namespace)
{
	live_policy("capabilities: [CHOWN, SETUID, SETGID]");
	live_run(root_of_a_userns, NULL);
}

static void dac_override(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/f", O_RDONLY), EACCES);
	CHECK_ERRNO(setresuid(0, 0, 1), EPERM);
	CHECK_ERRNO(prctl(PR_CAPBSET_DROP, 1, 0, 0, 0), EPERM);
}
LIVE_TEST(capabilities_of_root_are_not_in_force)
{
	live_policy("capabilities: none");
	live_file("/tmp/k/f", "x");
	ASSERT(chown("/tmp/k/f", 1, 1) == 0 && chmod("/tmp/k/f", 0) == 0);
	live_run(dac_override, NULL);
}

/* ---- tracing ---- */

static int traceme(void *arg)
{
	(void)arg;
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static void trace_other(void *arg)
{
	pid_t pid = *(pid_t *)arg, own = live_sleeper();
	int value = 0, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct iovec here = {&value, sizeof(value)}, there = {&victim_value, sizeof(value)};
	char path[64];

	CHECK_ERRNO(ptrace(PTRACE_SEIZE, pid, NULL, NULL), EPERM);
	CHECK_ERRNO(ptrace(PTRACE_ATTACH, pid, NULL, NULL), EPERM);
	CHECK_ERRNO(process_vm_readv(pid, &here, 1, &there, 1, 0), EPERM);
	CHECK_ERRNO(process_vm_writev(pid, &here, 1, &there, 1, 0), EPERM);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 0, 0), EPERM);
	CHECK_ERRNO(syscall(SYS_kcmp, pid, getpid(), KCMP_FILE, 0, 0), EPERM);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	CHECK_NE(live_open(path, O_RDONLY), 0);
	snprintf(path, sizeof(path), "/proc/%d/root/etc/hostname", pid);
	CHECK_NE(live_open(path, O_RDONLY), 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	CHECK_NE(live_open(path, O_RDONLY), 0);
	CHECK_EQ(traceme(NULL), EPERM); /* its parent is no member */
	CHECK_EQ(live_child(traceme, NULL), 0);
	CHECK_ERRNO(ptrace(PTRACE_SEIZE, own, NULL, NULL), 0);
	kill(own, SIGKILL);
}
LIVE_TEST(ptrace_scope_own)
{
	pid_t pid = live_sleeper();

	live_policy("processes: {ptrace: own}");
	live_run(trace_other, &pid);
	kill(pid, SIGKILL);
}

static void trace_none(void *arg)
{
	pid_t own = live_sleeper();
	char path[64];

	(void)arg;
	CHECK_ERRNO(ptrace(PTRACE_SEIZE, own, NULL, NULL), EPERM);
	CHECK_EQ(live_child(traceme, NULL), EPERM);
	snprintf(path, sizeof(path), "/proc/%d/environ", own); /* ps still works */
	CHECK_EQ(live_open(path, O_RDONLY), 0);
	kill(own, SIGKILL);
}
LIVE_TEST(ptrace_scope_none)
{
	live_policy("processes: {ptrace: none}");
	live_run(trace_none, NULL);
}

/* ---- signals ---- */

static void signal_other(void *arg)
{
	pid_t pid = *(pid_t *)arg, own = live_sleeper();
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	siginfo_t info = {.si_code = SI_QUEUE};

	CHECK_ERRNO(kill(pid, 0), EPERM);
	CHECK_ERRNO(kill(pid, SIGKILL), EPERM);
	CHECK_ERRNO(syscall(SYS_tgkill, pid, pid, SIGKILL), EPERM);
	CHECK_ERRNO(syscall(SYS_tkill, pid, SIGKILL), EPERM);
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, pid, SIGKILL, &info), EPERM);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), EPERM);
	CHECK_ERRNO(kill(pid, SIGCONT), EPERM);
	CHECK_ERRNO(kill(own, SIGKILL), 0);
	CHECK_ERRNO(kill(getpid(), 0), 0);
}
LIVE_TEST(signal_scope_own)
{
	pid_t pid = live_sleeper();

	live_policy("processes: {signal: own}");
	live_run(signal_other, &pid);
	CHECK(live_alive(pid));
	kill(pid, SIGKILL);
}
