// SPDX-License-Identifier: LGPL-2.1-or-later
/* policy_groups.c - vkernel policy groups: what "@name" stands for in rules for system calls. */
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "schema.h"

static const struct cli_option options[] = {
	{'j', "json", NULL, "print one JSON array"},
	{0},
};

static void add_json(json_t *array, const struct vk_syscall_group *g)
{
	json_t *o = json_object(), *calls = json_array();
	const char *at = g->calls;

	for (int call; (call = vk_syscall_group_next(&at)) >= 0;)
		cli_json_add(calls, cli_json_string(vk_syscalls[call].name));
	cli_json_set(o, "group", cli_json_string(g->name));
	cli_json_set(o, "about", cli_json_string(g->help));
	cli_json_set(o, "calls", calls);
	cli_json_add(array, o);
}

/* One group with its calls, at most 76 columns wide. */
static void print_one(const struct vk_syscall_group *g)
{
	const char *at = g->calls;
	size_t column = 0;

	printf("@%s: %s\n", g->name, g->help);
	for (int call; (call = vk_syscall_group_next(&at)) >= 0;) {
		const char *name = vk_syscalls[call].name;

		if (column && column + strlen(name) > 74) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%s", column ? " " : "  ", name);
	}
	putchar('\n');
}

static const struct vk_syscall_group *find(const char *word)
{
	const char *words[64];
	size_t n = 0;

	word += *word == '@';
	if (vk_syscall_group_find(word))
		return vk_syscall_group_find(word);
	for (; n < vk_n_syscall_groups && n < 63; n++)
		words[n] = vk_syscall_groups[n].name;
	words[n] = NULL;

	const char *near = vk_nearest(word, words);

	cli_fail("there is no group @%s", word);
	if (near)
		fprintf(stderr, "  did you mean @%s?\n", near);
	return NULL;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_table_ struct cli_table t = {0};
	json_t *array = NULL;
	bool json = false;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';

	char **words = cli_operands(cmd, argc, argv, 0, CLI_MANY, &n);

	if (json)
		array = json_array();
	cli_table_init(&t, "GROUP|ABOUT");
	for (size_t i = 0; i < (n ? n : vk_n_syscall_groups); i++) {
		const struct vk_syscall_group *g = n ? find(words[i]) : &vk_syscall_groups[i];

		if (!g) {
			json_decref(array);
			return CLI_FAIL;
		}
		if (json) {
			add_json(array, g);
		} else if (n) {
			print_one(g);
		} else {
			cli_cell(&t, "@%s", g->name);
			cli_cell(&t, "%s", g->help);
		}
	}
	if (json)
		cli_json_print(array, false);
	else if (!n)
		cli_table_print(&t, stdout);
	return CLI_OK;
}

const struct cli_command cli_policy_groups = {
	.name = "policy groups",
	.synopsis = "[--json] [GROUP...]",
	.summary = "list the groups of system calls",
	.details = "A GROUP, as @mount, stands for its calls in the section syscalls of a policy.\n"
		   "Without GROUP, all are listed; with it, its calls.",
	.examples = "vkernel policy groups\n"
		    "vkernel policy groups @module @clock",
	.options = options,
	.run = run,
};
