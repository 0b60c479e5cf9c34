// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * progress.c - a word on standard error when a step takes more than two seconds.
 *
 * A child process waits, not a timer: a signal would interrupt the verifier (EAGAIN from bpf(2)),
 * and a thread would make this process multi-threaded.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

struct cli_progress cli_progress_begin(const char *what)
{
	struct cli_progress p = {.pid = -1};

	if (!isatty(STDERR_FILENO))
		return p;
	p.pid = fork();
	if (p.pid)
		return p;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What the caller has buffered is the caller's: this process prints one line and _exits. */
	sleep(2);
	dprintf(STDERR_FILENO, "vkernel: %s...\n", what);
	_exit(0);
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	p->pid = -1;
}
