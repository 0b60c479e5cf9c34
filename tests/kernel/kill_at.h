/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_at.h - ends a process at its n-th step, where a step is a system call that changes something
 * which outlives the process: files and pins, elements of maps, links.
 *
 * Another process traces it, with all that it forks, all the time; when that one ends, they do.
 */
#ifndef VK_TESTS_KILL_AT_H
#define VK_TESTS_KILL_AT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct kill_at - the process, in memory that its tracer shares
 * @at:     the step that is not made; 0: all are
 * @all:    all of them end there, and not only who makes the step
 * @seen:   steps so far
 * @tracer: 0: it has ended
 */
struct kill_at {
	atomic_uint at;
	atomic_bool all;
	atomic_uint seen;
	pid_t tracer;
};

struct kill_at *kill_at_make(void);
/* Runs @fn in a process under a tracer; counts from 0 again. */
void kill_at_start(struct kill_at *k, int (*fn)(void *arg), void *arg);
/* Until its first process has ended; the others are ended then. */
void kill_at_wait(struct kill_at *k);
/* Whether the first process is there. */
bool kill_at_runs(struct kill_at *k);
/* Ends all of them. */
void kill_at_end(struct kill_at *k);

#endif
