/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small TAP test harness that forks for every test.
 *
 * Restrictions that the kernel puts on a task (seccomp, capabilities, vKI
 * membership) cannot be undone, so a test must never run in the process that
 * runs the next one.  Every test runs in a child, in its own process group,
 * with a time limit; whatever the child leaves behind in that group is killed.
 *
 *	#include "tap.h"
 *
 *	TEST(open_is_denied)
 *	{
 *		if (geteuid() != 0)
 *			SKIP("needs root");
 *		CHECK_ERRNO(open("/etc/shadow", O_RDONLY), EACCES);
 *	}
 *
 *	TEST(slow_thing, .timeout = 60) { ... }
 *
 * There is no main() to write: link with tap.c.  Tests run in the order of
 * their definition within a file.
 *
 * What a test's end means:
 *	returns from the body			ok
 *	a CHECK fails, FAIL()			not ok (CHECK goes on, ASSERT stops)
 *	SKIP(reason)				ok # SKIP reason
 *	exit(), _exit(), exec of another
 *	program, a signal			not ok ("left early"), even with status 0
 *	time limit exceeded			not ok
 *
 * The verdict goes through shared memory that only the end of the body
 * writes, so exit(0) in the middle cannot pass.  A grandchild made by fork()
 * must leave by _exit(); if it returns from the body it does not count as the
 * test.  A CHECK that fails in a grandchild does count.
 *
 * Command line: [--list] [PATTERN...]   run the tests whose name matches a
 *					 shell pattern; default all
 * Environment:
 *	TAP_TIMEOUT=SECONDS	default time limit of a test, instead of 10
 *	TAP_TIMEOUT_SCALE=N	multiplies all time limits (slow emulated guests)
 *	TAP_NO_FORK=1		run in this process, for a debugger
 */
#ifndef VK_TESTS_TAP_H
#define VK_TESTS_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/**
 * struct tap_test - one registered test
 * @name:	what TAP prints; TEST() uses the function's name
 * @run:	the body
 * @timeout:	seconds, 0 for the default
 * @setup:	run in the child before @run, NULL for none
 * @teardown:	run in the child after @run, unless it was left by a signal
 * @next:	written by tap_register() only
 */
struct tap_test {
	const char *name;
	void (*run)(void);
	unsigned int timeout;
	void (*setup)(void);
	void (*teardown)(void);
	struct tap_test *next;
};

void tap_register(struct tap_test *test);

/* Print one diagnostic line ("# ..."). */
void tap_diag(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Internals of the macros below. */
void tap_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void tap_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void tap_abort(void) __attribute__((noreturn));
bool tap_check_streq(const char *file, int line, const char *expr, const char *a, const char *b);

/* Define and register a test; further arguments initialise struct tap_test. */
#define TEST(ident, ...)                                                                           \
	static void tap_run_##ident(void);                                                         \
	__attribute__((constructor)) static void tap_register_##ident(void)                        \
	{                                                                                          \
		static struct tap_test test = {                                                    \
			.name = #ident, .run = tap_run_##ident, __VA_ARGS__};                      \
                                                                                                   \
		tap_register(&test);                                                               \
	}                                                                                          \
	static void tap_run_##ident(void)

/* Leave the test: it did not run, and this is why. */
#define SKIP(...) tap_skip(__VA_ARGS__)

/* The test has failed, and goes on. */
#define FAIL(...) tap_fail(__FILE__, __LINE__, __VA_ARGS__)

/* The CHECK family reports a failure, lets the test go on, and has the value
 * true if the check held. */
#define CHECK(cond)                                                                                \
	({                                                                                         \
		bool tap_ok_ = !!(cond);                                                           \
                                                                                                   \
		if (!tap_ok_)                                                                      \
			tap_fail(__FILE__, __LINE__, "%s", #cond);                                 \
		tap_ok_;                                                                           \
	})

/* As CHECK, but a failure ends the test: for what the rest depends on. */
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			tap_abort();                                                               \
	} while (0)

/* Compare integers or pointers, as long long (no sign warnings; the order of
 * values above 2^63 is not that of unsigned numbers), printing both. */
#define CHECK_OP_(a, op, b)                                                                        \
	({                                                                                         \
		long long tap_a_ = (long long)(a), tap_b_ = (long long)(b);                        \
		bool tap_ok_ = tap_a_ op tap_b_;                                                   \
                                                                                                   \
		if (!tap_ok_)                                                                      \
			tap_fail(__FILE__, __LINE__, "%s %s %s (%lld, %lld)", #a, #op, #b, tap_a_, \
				 tap_b_);                                                          \
		tap_ok_;                                                                           \
	})
#define CHECK_EQ(a, b) CHECK_OP_(a, ==, b)
#define CHECK_NE(a, b) CHECK_OP_(a, !=, b)
#define CHECK_LT(a, b) CHECK_OP_(a, <, b)
#define CHECK_LE(a, b) CHECK_OP_(a, <=, b)
#define CHECK_GT(a, b) CHECK_OP_(a, >, b)
#define CHECK_GE(a, b) CHECK_OP_(a, >=, b)

/* Compare strings; NULL equals only NULL. */
#define CHECK_STREQ(a, b) tap_check_streq(__FILE__, __LINE__, #a " equals " #b, (a), (b))

/* A call that returns -1 and sets errno.  CHECK_ERRNO(expr, 0) demands that
 * it does not fail. */
#define CHECK_ERRNO(expr, want)                                                                    \
	({                                                                                         \
		int tap_want_ = (want), tap_err_;                                                  \
		long long tap_ret_;                                                                \
                                                                                                   \
		errno = 0;                                                                         \
		tap_ret_ = (long long)(expr);                                                      \
		tap_err_ = tap_ret_ == -1 ? errno : 0;                                             \
		if (tap_err_ != tap_want_)                                                         \
			tap_fail(__FILE__, __LINE__, "%s: returned %lld (%s), expected %s", #expr, \
				 tap_ret_, tap_err_ ? strerror(tap_err_) : "success",              \
				 tap_want_ ? strerror(tap_want_) : "success");                     \
		tap_err_ == tap_want_;                                                             \
	})

/* A call that returns a negative errno. */
#define CHECK_NEG(expr, want)                                                                      \
	({                                                                                         \
		int tap_want_ = (want);                                                            \
		long long tap_ret_ = (long long)(expr);                                            \
		bool tap_ok_ = tap_ret_ == -(long long)tap_want_;                                  \
                                                                                                   \
		if (!tap_ok_)                                                                      \
			tap_fail(__FILE__, __LINE__, "%s: returned %lld (%s), expected -%d (%s)",  \
				 #expr, tap_ret_,                                                  \
				 tap_ret_ < 0 ? strerror(-(int)tap_ret_) : "success", tap_want_,   \
				 strerror(tap_want_));                                             \
		tap_ok_;                                                                           \
	})

#endif
