// SPDX-License-Identifier: LGPL-2.1-or-later
/* update.c - vkernel update: replace the policy of a running instance. */
#include "cli.h"
#include "oci.h"

enum { KEY_DROP = 256, KEY_PUSHED, KEY_DEGRADED };

static const struct cli_option options[] = {
	{'p', "policy", "POLICY", "file or name of a policy; up to 8 times"},
	{'c', "container", "ID", "the instance of this container: id, its beginning, or name"},
	{KEY_DROP, "drop-mitigations", NULL, "take away what vkernel mitigate has put on top"},
	{KEY_PUSHED, "drop-pushed", NULL, "take away what members pushed, here and below"},
	{KEY_DEGRADED, "allow-degraded", NULL, "leave rules unenforced that need a restart"},
	{0},
};

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct cli_names names = {0};
	struct vk_error e = {0};
	const char *container = NULL, *arg;
	struct oci_record record;
	bool degraded = false;
	unsigned int drop = 0;
	int r;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'c')
			container = arg;
		else if (key == KEY_DROP)
			drop |= VK_DROP_MITIGATIONS;
		else if (key == KEY_PUSHED)
			drop |= VK_DROP_PUSHED;
		else if (key == KEY_DEGRADED)
			degraded = true;
		else
			cli_add_policy_name(cmd, &names, arg);
	}

	size_t n = container ? 0 : 1;
	char **operands = cli_operands(cmd, argc, argv, n, n, NULL);

	if (!names.n)
		return cli_usage(cmd, "a policy is missing: give -p POLICY");

	_cleanup_progress_ struct cli_progress progress = cli_progress_begin("loading the policy");

	r = container ? oci_record_find(container, &record, &e) : 0;
	if (r == 0)
		r = cli_policies_load(&policies, names.names, names.n, &e);
	if (r == 0)
		r = vk_engine_open(&eng, 0, &e);
	if (r == 0) {
		vk_engine_entry(eng, 0, degraded);
		r = vk_instance_replace(eng, container ? record.instance : operands[0],
					cli_layers(&policies), policies.n, drop, &e);
	}
	if (r < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_update = {
	.name = "update",
	.synopsis = "NAME|--container ID -p POLICY... [--drop-mitigations] [--drop-pushed]\n"
		    "                      [--allow-degraded]",
	.summary = "replace the policy of a running instance",
	.details =
		"All layers of the instance are replaced in one step: every operation sees\n"
		"either the old policy or the new one. Files that are open stay open. When a\n"
		"policy has a mistake, nothing changes. Mitigations (vkernel mitigate) and layers\n"
		"that members pushed stay in force under the new policy; the instances below follow.\n"
		"Nor does anything change if a rule for system calls needs a\n"
		"filter that the instance was not started with, unless --allow-degraded leaves such\n"
		"rules unenforced.",
	.examples = "sudo vkernel update web -p web.yaml\n"
		    "sudo vkernel update --container web -p web.yaml -p no-af-alg",
	.options = options,
	.run = run,
};
