/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The harness tells the truth about tests that do not end as they should.
 *
 * The test program runs itself again with TAP_SELFTEST set, which makes the
 * tests named try_* do what a broken test does, and compares what it prints.
 */
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(ident, ...)                                                                            \
	TEST(try_##ident, __VA_ARGS__)                                                             \
	{                                                                                          \
		if (!getenv("TAP_SELFTEST"))                                                       \
			return; /* Only test_outcomes asks for it. */                              \
		ident();                                                                           \
	}

static void fail_check(void)
{
	CHECK_EQ(1, 2);
}

static void exit_zero(void)
{
	_exit(0);
}

static void die_by_signal(void)
{
	raise(SIGSEGV);
}

static void hang(void)
{
	pause();
}

static void skip(void)
{
	SKIP("the reason");
}

static void fail_in_grandchild(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(false);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void return_in_grandchild(void)
{
	pid_t pid = fork();

	if (pid == 0)
		return;
	waitpid(pid, NULL, 0);
	_exit(0);
}

TRY(fail_check, .timeout = 5)
TRY(exit_zero, .timeout = 5)
TRY(die_by_signal, .timeout = 5)
TRY(hang, .timeout = 1)
TRY(skip, .timeout = 5)
TRY(fail_in_grandchild, .timeout = 5)
TRY(return_in_grandchild, .timeout = 5)

/* What the program prints for one test, without diagnostics. */
static void check_outcome(const char *test, const char *expected)
{
	char command[256], line[256], result[256] = "nothing";
	FILE *pipe;

	snprintf(command, sizeof(command), "TAP_SELFTEST=1 TAP_TIMEOUT_SCALE=1 /proc/%d/exe %s",
		 getpid(), test);
	pipe = popen(command, "r");
	ASSERT(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		if (line[0] == '#' || strncmp(line, "1..", 3) == 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(result, sizeof(result), "%s", line);
	}
	CHECK_STREQ(result, expected);
	CHECK_EQ(pclose(pipe) == 0, result[0] == 'o');
}

TEST(outcomes, .timeout = 30)
{
	check_outcome("try_fail_check", "not ok 1 - try_fail_check");
	check_outcome("try_exit_zero", "not ok 1 - try_exit_zero");
	check_outcome("try_die_by_signal", "not ok 1 - try_die_by_signal");
	check_outcome("try_hang", "not ok 1 - try_hang");
	check_outcome("try_skip", "ok 1 - try_skip # SKIP the reason");
	check_outcome("try_fail_in_grandchild", "not ok 1 - try_fail_in_grandchild");
	check_outcome("try_return_in_grandchild", "not ok 1 - try_return_in_grandchild");
	check_outcome("try_nothing", "nothing");
}

TEST(checks_have_values)
{
	char text[] = "text";
	bool held[] = {
		CHECK_EQ(1, 1),
		CHECK_STREQ(text, "text"),
		CHECK_ERRNO(close(-1), EBADF),
		CHECK_NEG(-ENOENT, ENOENT),
	};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		CHECK(held[i]);
}
