// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KNOWN HOLES: each test here fails on some kernel today, for the reason at its head. Nothing is
 * listed in tests/suites: run it by hand, and move a test to the file of its theme when it passes.
 * SECURITY.md says each of them, under "Limits that a policy's author should know".
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "live.h"

/*
 * "ptrace scope on 7.3": CAP_PERFMON is enough to read /proc/PID/environ and maps; the kernel asks no LSM then
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
