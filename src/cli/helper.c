// SPDX-License-Identifier: LGPL-2.1-or-later
/* helper.c - vkernel helper: functions that policy programs may call, installed by root. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "programs.h"
#include "sha256.h"

static int run_add(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_free_ struct vk_program_image *first = NULL, *img = NULL;
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	uint32_t id;
	int r;

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 1, 1, NULL);

	/* Its name is in it. */
	r = cli_program_image(operands[0], "helper", &first, &e);
	if (r == 0 && !first->exports.count) {
		r = vk_error_at(&e, EINVAL, operands[0], 0, 0, "the object has no VK_EXPORT");
		vk_error_advise(&e, "policy programs are pushed: see vkernel program push");
	}
	if (r == 0)
		r = cli_program_image(operands[0], vk_program_exports(first)->name, &img, &e);
	if (r == 0)
		r = vk_engine_open(&eng, VK_OPEN_CREATE, &e);
	if (r == 0)
		r = vk_helper_add(eng, img, img->size, &id, &e);
	if (r < 0)
		cli_report(&e);
	return r < 0 ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_helper_add = {
	.name = "helper add",
	.synopsis = "FILE.o",
	.summary = "install a function for policy programs to call",
	.details =
		"FILE.o has one function, declared with VK_EXPORT. Programs that declare it with\n"
		"VK_IMPORT and the same type can be pushed then. It is verified with each\n"
		"program that calls it, and has no rights that the program has not.",
	.examples = "sudo vkernel helper add rate_limit.bpf.o",
	.run = run_add,
};

static const struct cli_option json_option[] = {
	{'j', "json", NULL, "print one JSON array"},
	{0},
};

static void fill(struct cli_table *t, const struct vk_program_info *info)
{
	char sha[65];

	vk_sha256_hex(info->row.sha256, sha);
	cli_cell(t, "%s", info->row.name);
	cli_cell(t, "%u", info->row.insns);
	cli_cell(t, "%s", sha);
}

static int run_ls(const struct cli_command *cmd, int argc, char **argv)
{
	bool json = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';
	cli_operands(cmd, argc, argv, 0, 0, NULL);
	return cli_program_table("HELPER|>INSTRUCTIONS|SHA256", json, NULL, VK_P_HELPER, fill);
}

const struct cli_command cli_helper_ls = {
	.name = "helper ls",
	.synopsis = "[--json]",
	.summary = "list the functions that policy programs may call",
	.details = "The SHA-256 of a helper's image is what VK_IMPORT_PINNED takes.",
	.examples = "sudo vkernel helper ls",
	.options = json_option,
	.run = run_ls,
};

static int run_rm(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 1, 1, NULL);

	if (vk_engine_open(&eng, 0, &e) < 0 || vk_helper_remove(eng, operands[0], &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_helper_rm = {
	.name = "helper rm",
	.synopsis = "HELPER",
	.summary = "remove a function that no policy program calls any more",
	.details = "One that is in use is not removed.",
	.examples = "sudo vkernel helper rm rate_limit",
	.run = run_rm,
};
