/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TAP harness: see tap.h for what it promises.
 *
 * A child reports through a page of shared memory and not through its exit
 * status, because an exit status of 0 can come from code under test that
 * left in the middle of a test body.
 */
#include "tap.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 10

/**
 * struct verdict - what the child tells the parent, in shared memory
 * @failures:	failed checks, counted atomically (grandchildren count too)
 * @done:	the body was left in a way that the harness knows
 * @skipped:	it was left by SKIP()
 * @reason:	the reason given to SKIP()
 */
struct verdict {
	unsigned int failures;
	bool done;
	bool skipped;
	char reason[512];
};

static struct tap_test *first_test;
static struct tap_test **last_test = &first_test;
static struct verdict *verdict;
/* The process that runs the body: only it may say that the body is done. */
static pid_t body_pid;

void tap_register(struct tap_test *test)
{
	*last_test = test;
	last_test = &test->next;
}

/* One write per line, so lines of several processes do not mix. */
static void print_diag(const char *prefix, const char *format, va_list ap)
{
	char buf[2048];
	char *line, *save = NULL;

	vsnprintf(buf, sizeof(buf), format, ap);
	fflush(stdout);
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		dprintf(STDOUT_FILENO, "# %s%s\n", prefix, line);
}

void tap_diag(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_diag("", format, ap);
	va_end(ap);
}

void tap_fail(const char *file, int line, const char *format, ...)
{
	char prefix[256];
	va_list ap;

	__atomic_add_fetch(&verdict->failures, 1, __ATOMIC_SEQ_CST);
	snprintf(prefix, sizeof(prefix), "%s:%d: ", file, line);
	va_start(ap, format);
	print_diag(prefix, format, ap);
	va_end(ap);
}

bool tap_check_streq(const char *file, int line, const char *expr, const char *a, const char *b)
{
	if (a && b ? strcmp(a, b) == 0 : a == b)
		return true;
	tap_fail(file, line, "%s\n  got:      %s%s%s\n  expected: %s%s%s", expr, a ? "\"" : "",
		 a ? a : "NULL", a ? "\"" : "", b ? "\"" : "", b ? b : "NULL", b ? "\"" : "");
	return false;
}

static void leave(void)
{
	if (getpid() == body_pid)
		verdict->done = true;
	fflush(NULL);
	_exit(0);
}

void tap_skip(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, ap);
	va_end(ap);
	verdict->skipped = true;
	leave();
	__builtin_unreachable();
}

void tap_abort(void)
{
	leave();
	__builtin_unreachable();
}

static void run_body(const struct tap_test *test)
{
	body_pid = getpid();
	if (test->setup)
		test->setup();
	test->run();
	/* A grandchild that returned from the body is not the test. */
	if (getpid() != body_pid)
		_exit(0);
	if (test->teardown)
		test->teardown();
}

/* Wait for the child, at most @seconds.  SIGCHLD is blocked by main(). */
static bool wait_child(pid_t pid, unsigned int seconds, int *ret_status)
{
	struct timespec now, end;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		struct timespec left;

		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = end.tv_sec - now.tv_sec;
		left.tv_nsec = end.tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_sec--;
			left.tv_nsec += 1000000000L;
		}
		if (left.tv_sec < 0)
			return false;
		sigtimedwait(&set, NULL, &left);
	}
}

static unsigned int env_uint(const char *name, unsigned int fallback)
{
	const char *value = getenv(name);
	unsigned long n = value ? strtoul(value, NULL, 10) : 0;

	return n > 0 && n < 1000000 ? n : fallback;
}

/* Run one test in a child and print its line. */
static bool run_test(const struct tap_test *test, unsigned int number)
{
	unsigned int timeout = test->timeout ?: env_uint("TAP_TIMEOUT", DEFAULT_TIMEOUT);
	bool in_time;
	int status = 0;
	pid_t pid;

	timeout *= env_uint("TAP_TIMEOUT_SCALE", 1);
	memset(verdict, 0, sizeof(*verdict));
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("not ok %u - %s\n# fork: %s\n", number, test->name, strerror(errno));
		return false;
	}
	if (pid == 0) {
		sigset_t set;

		setpgid(0, 0);
		sigemptyset(&set);
		sigprocmask(SIG_SETMASK, &set, NULL);
		run_body(test);
		leave();
	}
	setpgid(pid, pid);
	in_time = wait_child(pid, timeout, &status);
	kill(-pid, SIGKILL);
	if (!in_time) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		tap_diag("%s: no end after %u s", test->name, timeout);
	} else if (WIFSIGNALED(status)) {
		tap_diag("%s: left early, by signal %d (%s)", test->name, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) != 0) {
		/* Also a sanitizer that found something at exit. */
		tap_diag("%s: left early, with status %d", test->name, WEXITSTATUS(status));
	} else if (!verdict->done) {
		tap_diag("%s: left early, with status 0", test->name);
	} else if (verdict->failures == 0) {
		printf("ok %u - %s%s%s\n", number, test->name, verdict->skipped ? " # SKIP " : "",
		       verdict->skipped ? verdict->reason : "");
		return true;
	}
	printf("not ok %u - %s\n", number, test->name);
	return false;
}

static bool selected(const struct tap_test *test, char *const *patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, test->name, 0) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
	char *const *patterns = argv + 1 + list;
	unsigned int count = 0, number = 0, failed = 0;
	const struct tap_test *test;
	sigset_t set;

	for (test = first_test; test; test = test->next)
		count += selected(test, patterns);
	if (list) {
		for (test = first_test; test; test = test->next)
			if (selected(test, patterns))
				puts(test->name);
		return 0;
	}
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (verdict == MAP_FAILED) {
		printf("Bail out! mmap: %s\n", strerror(errno));
		return 1;
	}
	printf("1..%u\n", count);
	if (getenv("TAP_NO_FORK")) {
		for (test = first_test; test; test = test->next) {
			if (!selected(test, patterns))
				continue;
			memset(verdict, 0, sizeof(*verdict));
			run_body(test);
			failed += verdict->failures > 0;
			printf("%sok %u - %s\n", verdict->failures ? "not " : "", ++number,
			       test->name);
		}
		return failed ? 1 : 0;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (test = first_test; test; test = test->next)
		if (selected(test, patterns))
			failed += !run_test(test, ++number);
	/* An empty run is a mistake in the pattern, not a success. */
	return failed || count == 0 ? 1 : 0;
}
