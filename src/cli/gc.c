// SPDX-License-Identifier: LGPL-2.1-or-later
/* gc.c - vkernel gc: remove what containers left behind whose engine did not see them end. */
#include <string.h>

#include "cli.h"
#include "oci.h"

static const struct cli_option options[] = {
	{'n', "dry-run", NULL, "say what would be removed, and remove nothing"},
	{0},
};

static void print_removed(const char *id, void *data)
{
	printf("%s ", *(const bool *)data ? "would remove" : "removed");
	cli_put_safe(stdout, id, strlen(id));
	putchar('\n');
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	struct vk_error e = {0};
	bool dry_run = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		dry_run |= key == 'n';
	cli_operands(cmd, argc, argv, 0, 0, NULL);
	if (oci_collect(dry_run, print_removed, &dry_run, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_gc = {
	.name = "gc",
	.synopsis = "[--dry-run]",
	.summary = "remove instances of containers that have ended",
	.details =
		"Engines tell vkernel when a container is removed. When one has crashed before\n"
		"it could, the instance of the container stays, without members. Instances with\n"
		"members, and those made by vkernel run and attach, are left alone.",
	.examples = "sudo vkernel gc --dry-run\n"
		    "sudo vkernel gc",
	.options = options,
	.run = run,
};
