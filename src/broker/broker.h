/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broker.h - the parts of vkerneld.
 *
 *	vkerneld.c	accepts, counts, and starts one process for each connection
 *	serve.c		one connection: who is it, what may it, do it
 *	maps.c		maps of programs
 *	sandbox.c	a process without any privilege, which parses and compiles
 *	harden.c	what vkerneld gives up when it starts
 */
#ifndef VK_BROKER_H
#define VK_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

#define SILENCE_SECONDS 10 /* of a connection on which nothing has been said yet */
#define CONNECTION_SECONDS 30 /* of one connection from then on, all in all */
#define SANDBOX_SECONDS 10 /* to parse and compile; half of it on a processor */

/**
 * struct peer - who is at the other end
 * @fd:    the connection
 * @pidfd: of the process that connected
 * @pid:   its pid, for as long as @pidfd is alive
 */
struct peer {
	int fd;
	int pidfd;
	pid_t pid;
};

/* The process that connected. -ESRCH: it has ended. */
int peer_open(int fd, struct peer *ret);

/* Serves the connection to its end. */
void serve(struct peer *p);

struct vk_plan;
struct vk_engine;
struct vk_map_call;
struct vk_program_request;

/* Opens the engine, and says in which instance the caller is now: it may have gone further down
 * since it connected. */
int open_for(const struct peer *p, unsigned int flags, struct vk_program_request *q,
	     struct vk_engine **ret, struct vk_error *e);
/* MAPS and MAP_*. Return: bytes in @data, which has room for VK_BROKER_DATA_MAX. */
int serve_map(const struct peer *p, uid_t uid, const char *target, uint16_t op,
	      const struct vk_map_call *c, void *data, struct vk_error *e);

/**
 * struct compiled - what the sandbox left
 * @data: images, as vk_plan_take() wants them
 */
struct compiled {
	void *map;
	const void *data;
	size_t len;
};
void compiled_done(struct compiled *c);
/* Compiles the plan in another process, which has ended when this returns. */
int sandbox_compile(struct vk_plan *p, struct compiled *ret, struct vk_error *e);

/* Gives up what is not needed: capabilities, system calls, the right to write files. */
int harden(struct vk_error *e);
/* In the sandbox: all of it. */
int harden_sandbox(void);

#endif
