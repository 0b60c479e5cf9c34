/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* runtime.h - the parts of vkernel-runtime. It needs nothing but libc: it runs for every start,
 * exec and kill of every container. */
#ifndef VK_OCI_RUNTIME_H
#define VK_OCI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define MAX_POLICIES 8

/**
 * struct request - what the engine asks of the runtime
 * @command:   the subcommand, or NULL
 * @log:       file of --log, or NULL
 * @log_json:  --log-format json
 * @unknown:   a global option that is not known, so the subcommand may be another word
 * @bundle:    --bundle, or NULL
 * @config:    --config of crun, or NULL
 * @process:   --process of exec, or NULL
 * @id:        the last word of exec, or that of create, run or delete where all options are known; or
 *             NULL
 * @returns:   create, or run --detach: the runtime does not stay until the container has ended
 * @takeover:  of the configuration: all containers' profiles are taken over
 * @runtime:   --vkernel-runtime, or NULL
 * @policies:  --policy, names or absolute paths
 * @argv:      for the real runtime, without our own options
 */
struct request {
	const char *command;
	const char *log;
	bool log_json;
	const char *unknown;
	const char *bundle;
	const char *config;
	const char *process;
	const char *id;
	bool returns;
	bool takeover;
	const char *runtime;
	const char *policies[MAX_POLICIES];
	size_t n_policies;
	char **argv;
};

/* @argv is of the process, and lives as long. */
int request_parse(struct request *q, int argc, char **argv, struct vk_error *e);

/* /etc/vkernel/runtime.conf: "runtime = PATH", "policy = NAME", "takeover = true". Fills what
 * @q leaves open. */
int request_configure(struct request *q, struct vk_error *e);

/* Return: 0; a negative errno. */
int write_all(int fd, const char *s, size_t len);

#endif
