// SPDX-License-Identifier: LGPL-2.1-or-later
/* mode.c - vkernel mode: switch a running instance between audit and enforce. */
#include <string.h>

#include "cli.h"

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	enum vk_mode mode;

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 2, 2, NULL);

	if (!strcmp(operands[1], "audit"))
		mode = VK_MODE_AUDIT;
	else if (!strcmp(operands[1], "enforce"))
		mode = VK_MODE_ENFORCE;
	else
		return cli_usage(cmd, "'%s' is no mode: audit or enforce", operands[1]);

	if (vk_engine_open(&eng, 0, &e) < 0 ||
	    vk_instance_set_mode(eng, operands[0], mode, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_mode = {
	.name = "mode",
	.synopsis = "NAME audit|enforce",
	.summary = "switch an instance between audit and enforce",
	.details = "In audit mode what the policy denies is allowed and reported: see\n"
		   "vkernel events. The mode of a new instance is what its policies say.",
	.examples = "sudo vkernel mode web audit\n"
		    "sudo vkernel mode web enforce",
	.run = run,
};
