// SPDX-License-Identifier: LGPL-2.1-or-later
/* rm.c - vkernel rm: remove instances that nobody needs any more. */
#include "cli.h"

static const struct cli_option options[] = {
	{'k', "kill", NULL, "end the members first (SIGKILL)"},
	{'r', "recursive", NULL, "remove the instances below as well: all, or none"},
	{0},
};

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	bool kill = false, recursive = false;
	int status = CLI_OK;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;) {
		kill |= key == 'k';
		recursive |= key == 'r';
	}

	char **operands = cli_operands(cmd, argc, argv, 1, CLI_MANY, &n);

	if (vk_engine_open(&eng, 0, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	for (size_t i = 0; i < n; i++) {
		e = (struct vk_error){0};

		int r = (recursive ? vk_instance_remove_tree : vk_instance_remove)(eng, operands[i],
										   kill, &e);

		if (r == 0)
			continue;
		if (r == -EBUSY)
			vk_error_advise(&e, "end them, or let vkernel do it: vkernel rm --kill %s",
					operands[i]);
		cli_report(&e);
		status = CLI_FAIL;
	}
	return status;
}

const struct cli_command cli_rm = {
	.name = "rm",
	.synopsis = "[--kill] [--recursive] NAME...",
	.summary = "remove instances",
	.details = "An instance with members is not removed: a member cannot be let out. With\n"
		   "--kill its members are ended first. Nor is one with instances below it, but\n"
		   "with --recursive.",
	.examples = "sudo vkernel rm web-k3x9m\n"
		    "sudo vkernel rm --kill web",
	.options = options,
	.run = run,
};
