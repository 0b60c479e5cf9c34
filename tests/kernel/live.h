/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live.h - tests on a running kernel: an instance under a policy, members of it, and a scratch
 * tree that only its preparer, who is no member, can set up as it likes.
 *
 *	LIVE_TEST(open_is_denied)
 *	{
 *		live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/no}]}");
 *		live_file("/tmp/k/no", "text");
 *		live_run(attempt, NULL);
 *	}
 *
 * where attempt() runs in a child that was made a member; its CHECKs count. Every test runs in a
 * mount namespace of its own: the first mount operation that a member is allowed freezes names
 * there.
 */
#ifndef VK_TESTS_LIVE_H
#define VK_TESTS_LIVE_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine.h"
#include "tap.h"

#define LIVE_DIR "/tmp/k"

/**
 * struct live - the instance of the running test
 * @eng:  open engine
 * @name: of the instance, "" before live_policy()
 * @id:   of the instance
 */
struct live {
	struct vk_engine *eng;
	char name[65];
	uint32_t id;
};
extern struct live live;

/*
 * Sets up, and keeps an instance "test-keeper" that needs every hook until the program ends:
 * loading programs takes seconds in a guest. With VKERNEL_LIVE_ON_DEMAND=1 there is none, and
 * each test's policy must bring the hooks it needs.
 */
void live_setup(void);
void live_teardown(void);
#define LIVE_TEST_WITHIN(ident, seconds)                                                           \
	TEST(ident, .setup = live_setup, .teardown = live_teardown, .timeout = (seconds))
#define LIVE_TEST(ident) LIVE_TEST_WITHIN(ident, 30)

/* A policy from its text without "vkernel:" and "name:"; the test ends if it does not parse. */
struct vk_policy *live_parse(const char *text);
/* Makes the test's instance under one policy; live_update() replaces it. */
void live_policy(const char *text);
void live_update(const char *text);
/* An instance of any name; its id. */
uint32_t live_create(const char *name, const char *text);
struct vk_instance live_counters(void);
/* Checks the result of an engine call, printing its error. */
#define live_ok(r, e) live_ok_at(__FILE__, __LINE__, r, e)
bool live_ok_at(const char *file, int line, int r, const struct vk_error *e);

typedef void (*live_fn)(void *arg);

/**
 * struct live_member - a child that waits before it does anything
 * @pid: the child
 * @go:  write end: live_go() releases it
 */
struct live_member {
	pid_t pid;
	int go;
};
/* Forks a child that will call @fn; not yet a member. */
struct live_member live_fork(live_fn fn, void *arg);
void live_attach(const struct live_member *m);
void live_go(struct live_member *m);
/* The status of waitpid(). A child that is not ended by _exit(0) fails the test. */
int live_wait(struct live_member *m);
/* live_fork, live_attach, live_go and live_wait. */
void live_run(live_fn fn, void *arg);
/* Runs @fn in a child of the caller, whoever that is; exit status of the child, or 128 + signal. */
int live_child(int (*fn)(void *arg), void *arg);

/* A child that does nothing; ends with its parent. live_alive(): it has not ended. */
pid_t live_sleeper(void);
bool live_alive(pid_t pid);

/* Set-up by the preparer; each ends the test when it fails. Directories above are made. */
void live_file(const char *path, const char *text);
void live_dir(const char *path);
void live_clean(const char *dir);

/* 0, or the errno of open(@path, @flags); nothing stays open. */
int live_open(const char *path, int flags);
int live_openat(int dir, const char *path, int flags);
/* "/proc/self/fd/N", in a static buffer. */
const char *live_fd_path(int fd);
/* The helper program beside the test programs; see probe.c. */
const char *live_probe(void);

#endif
