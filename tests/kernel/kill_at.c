// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kill_at.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define OPTIONS                                                                                    \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	 PTRACE_O_TRACECLONE)

/* Only these stop. */
static const unsigned int calls[] = {__NR_bpf,	  __NR_openat,	 __NR_write,	 __NR_rename,
				     __NR_unlink, __NR_unlinkat, __NR_membarrier};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static int trace_calls(void)
{
	struct sock_filter code[N_CALLS + 3];
	struct sock_fprog prog = {.len = N_CALLS + 3, .filter = code};

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N_CALLS; i++)
		code[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
							   (uint8_t)(N_CALLS - i), 0);
	code[N_CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[N_CALLS + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static bool is_step(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		return false;
	switch (regs.orig_rax) {
	case __NR_bpf:
		return regs.rdi == BPF_MAP_UPDATE_ELEM || regs.rdi == BPF_MAP_DELETE_ELEM ||
		       regs.rdi == BPF_OBJ_PIN || regs.rdi == BPF_LINK_CREATE ||
		       regs.rdi == BPF_LINK_UPDATE || regs.rdi == BPF_LINK_DETACH;
	case __NR_openat:
		return regs.rdx & O_CREAT;
	default:
		return true;
	}
}

/* In the tracer: the first process, before it does anything. */
static pid_t start_first(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || trace_calls() < 0)
			_exit(126);
		raise(SIGSTOP);
		_exit(fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)OPTIONS) < 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
		_exit(126);
	return pid;
}

static void stopped(struct kill_at *k, pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_SECCOMP && is_step(pid) && ++k->seen == k->at) {
		if (k->all)
			_exit(0);
		kill(pid, SIGKILL);
		return;
	}
	/* New ones begin with a stop; a signal is for who gets it. */
	ptrace(PTRACE_CONT, pid, NULL,
	       (void *)(intptr_t)(event || sig == SIGSTOP || sig == SIGTRAP ? 0 : sig));
}

static _Noreturn void trace(struct kill_at *k, pid_t first)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno != EINTR)
			_exit(125);
		if (pid > 0 && WIFSTOPPED(status))
			stopped(k, pid, status);
		else if (pid == first)
			_exit(0);
	}
}

struct kill_at *kill_at_make(void)
{
	struct kill_at *k =
		mmap(NULL, sizeof(*k), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(k != MAP_FAILED);
	return k;
}

void kill_at_start(struct kill_at *k, int (*fn)(void *arg), void *arg)
{
	pid_t pid;

	k->seen = 0;
	pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		syscall(SYS_close_range, 3, ~0u, 0); /* among them the engine's lock */
		trace(k, start_first(fn, arg));
	}
	k->tracer = pid;
}

void kill_at_wait(struct kill_at *k)
{
	int status = 0;

	ASSERT(waitpid(k->tracer, &status, 0) == k->tracer);
	CHECK_EQ(status, 0);
	k->tracer = 0;
}

bool kill_at_runs(struct kill_at *k)
{
	if (k->tracer && waitpid(k->tracer, NULL, WNOHANG) == k->tracer)
		k->tracer = 0;
	return k->tracer;
}

void kill_at_end(struct kill_at *k)
{
	if (!kill_at_runs(k))
		return;
	kill(k->tracer, SIGKILL);
	waitpid(k->tracer, NULL, 0);
	k->tracer = 0;
}
