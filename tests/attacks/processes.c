// SPDX-License-Identifier: LGPL-2.1-or-later
/* Processes of others: tracing, taking descriptors, memory, signals. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

static pid_t victim;
static char mark[] = "untouched";
static void make_victim(void)
{
	victim = attack_victim();
}
/* It is there, nobody traces it, and its memory is what it was. */
static void victim_untouched(void)
{
	char text[sizeof(mark)] = "", line[128], path[64];
	struct iovec local = {text, sizeof(text)}, remote = {mark, sizeof(mark)};
	int tracer = -1;

	CHECK_EQ(waitpid(victim, NULL, WNOHANG), 0);
	CHECK_EQ(process_vm_readv(victim, &local, 1, &remote, 1, 0), sizeof(mark));
	CHECK_STREQ(text, "untouched");
	snprintf(path, sizeof(path), "/proc/%d/status", victim);

	_cleanup_fclose_ FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "TracerPid: %d", &tracer);
	CHECK_EQ(tracer, 0);
}

#define OTHERS                                                                                     \
	.policy = "processes: {ptrace: own}", .rule = "test: processes: {ptrace: own}",            \
	.hook = "ptrace_access_check", .op = VK_OP_PTRACE, .prepare = make_victim,                 \
	.check = victim_untouched, .plain = PRIVILEGED

ATTACK(ptrace_across, .against = "tracing", .primitive = "PTRACE_SEIZE of a process of the host",
       OTHERS, .err = EPERM)
{
	if (ptrace(PTRACE_SEIZE, victim, NULL, NULL) < 0)
		return errno;
	ptrace(PTRACE_INTERRUPT, victim, NULL, NULL);
	waitpid(victim, NULL, __WALL);
	ptrace(PTRACE_DETACH, victim, NULL, NULL);
	return 0;
}

ATTACK(pidfd_getfd, .against = "descriptors of others", .primitive = "pidfd_getfd(2)", OTHERS,
       .err = EPERM)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, victim, 0), fd = -1;

	if (pidfd < 0)
		return errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	return attack_errno(fd);
}

ATTACK(process_vm_writev, .against = "memory of others", .primitive = "process_vm_writev(2)",
       OTHERS, .err = EPERM)
{
	/* What is there already: without vkernel this succeeds. */
	struct iovec local = {mark, sizeof(mark)}, remote = {mark, sizeof(mark)};

	return attack_errno(process_vm_writev(victim, &local, 1, &remote, 1, 0));
}

static int open_proc(const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", victim, file);
	return attack_open(path, flags);
}
ATTACK(proc_mem, .against = "memory of others", .primitive = "open /proc/PID/mem for writing",
       OTHERS, .err = EACCES)
{
	return open_proc("mem", O_RDWR);
}
ATTACK(proc_root, .against = "file system of others", .primitive = "go through /proc/PID/root",
       OTHERS, .err = EACCES)
{
	return open_proc("root/etc/hostname", O_RDONLY);
}
ATTACK(proc_environ, .against = "secrets of others", .primitive = "read /proc/PID/environ",
       .policy = "use: container-default", .rule = "container-default: processes: {ptrace: own}",
       .hook = "ptrace_access_check", .op = VK_OP_PTRACE, .prepare = make_victim,
       .check = victim_untouched, .plain = PRIVILEGED, .err = EACCES)
{
	return open_proc("environ", O_RDONLY);
}

ATTACK(signal_across, .against = "signals", .primitive = "kill(2) of a process of the host",
       .policy = "processes: {signal: own}", .rule = "test: processes: {signal: own}",
       .hook = "task_kill", .op = VK_OP_SIGNAL, .err = EPERM, .plain = PRIVILEGED,
       .prepare = make_victim, .check = victim_untouched)
{
	/* Ignored by it, and nothing but a permission check before that. */
	return attack_errno(kill(victim, SIGURG));
}

/* The descriptor is from before, so that only the signal is judged. */
static int victim_pidfd = -1;
static void open_victim(void)
{
	make_victim();
	if (victim_pidfd < 0)
		victim_pidfd = (int)syscall(SYS_pidfd_open, victim, 0);
	ASSERT(victim_pidfd >= 0);
}
ATTACK(signal_by_leaked_pidfd, .against = "leaked pidfd", .primitive = "pidfd_send_signal(2)",
       .policy = "processes: {signal: own}", .rule = "test: processes: {signal: own}",
       .hook = "task_kill", .op = VK_OP_SIGNAL, .err = EPERM, .plain = PRIVILEGED,
       .prepare = open_victim, .check = victim_untouched)
{
	return attack_errno(syscall(SYS_pidfd_send_signal, victim_pidfd, SIGURG, NULL, 0));
}
