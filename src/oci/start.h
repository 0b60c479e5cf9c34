/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * start.h - the short way to start a container: the wrapper makes the instance by itself, and all
 * processes of the real runtime bear its mark until one of them executes the container's program
 * (src/bpf/start.h). No hook has to be put into config.json and to be executed.
 */
#ifndef VK_OCI_START_H
#define VK_OCI_START_H

#include <stdbool.h>

#include "runtime.h"

/* What is left to be done where a start was the short one. */
struct started {
	char name[65];
};

/* Whether this process is marked now, and has to execute the real runtime. False: nothing has been
 * done, and the container has to be started with hooks, which also finds out what is wrong.
 * @path: of config.json, @text: what is in it. */
bool start_here(const struct request *q, const char *path, const char *text, size_t len,
		struct started *ret);
/* The runtime could not be executed. */
void start_not(const struct started *s);

/* Executes the runtime's delete, and removes the instance of a container that was started so when
 * it succeeds, unless there are processes in it still. Returns only if the container was not started
 * so. */
void delete_and_remove(const struct request *q, const char *runtime);

#endif
