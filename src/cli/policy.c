// SPDX-License-Identifier: LGPL-2.1-or-later
/* policy.c - vkernel policy: check, list and show. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- check ---- */

static const struct cli_option check_options[] = {
	{'j', "json", NULL, "print one JSON array"},
	{0},
};

static void count_rule(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	(void)p;
	(void)rule;
	++*(unsigned int *)data;
}

/* Rules of a policy and of the sets it uses. */
static unsigned int count_rules(const struct vk_policy *p)
{
	unsigned int n = 0;

	cli_each_rule(p, count_rule, &n);
	for (size_t i = 0; i < p->n_uses; i++)
		n += count_rules(p->uses[i]);
	return n;
}

static int check_one(const char *word, json_t *array)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	_cleanup_free_ struct vk_image *image = NULL;
	struct vk_error e = {0};
	json_t *o = json_object();
	char size[16];
	int r = cli_policies_load(&policies, &word, 1, &e);

	if (r == 0)
		r = vk_compile(cli_layers(&policies), 1, &image, &e);
	cli_json_set(o, "file", cli_json_string(word));
	cli_json_set(o, "ok", json_boolean(r == 0));
	if (r == 0) {
		const struct vk_policy *p = policies.layers[0];
		unsigned int rules = count_rules(p);

		cli_json_set(o, "name", cli_json_string(p->name));
		cli_json_set(o, "rules", json_integer(rules));
		cli_json_set(o, "bytes", json_integer(image->size));
		if (!array)
			printf("%s: ok: policy %s, %u rule%s, %s compiled\n", word, p->name, rules,
			       rules == 1 ? "" : "s", cli_size(image->size, size));
	} else {
		cli_json_set(o, "error", cli_json_error(&e));
		if (!array)
			cli_report(&e);
	}
	if (array)
		cli_json_add(array, o);
	else
		json_decref(o);
	return r;
}

static int run_check(const struct cli_command *cmd, int argc, char **argv)
{
	json_t *array = NULL;
	bool json = false;
	int status = CLI_OK;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';

	char **files = cli_operands(cmd, argc, argv, 1, CLI_MANY, &n);

	if (json)
		array = json_array();
	for (size_t i = 0; i < n; i++)
		if (check_one(files[i], array) < 0)
			status = CLI_FAIL;
	if (array)
		cli_json_print(array, false);
	return status;
}

const struct cli_command cli_policy_check = {
	.name = "policy check",
	.synopsis = "[--json] POLICY...",
	.summary = "find mistakes in policies",
	.details =
		"Parses and compiles each POLICY, a file or a name. A mistake is shown with its\n"
		"place and what was probably meant; the status is then 1.",
	.examples = "vkernel policy check web.yaml",
	.options = check_options,
	.run = run_check,
};

/* ---- list ---- */

/* What stands after `description:`, "" if there is none. Not parsed: a policy with a mistake is
 * listed too. */
static void describe(const char *text, size_t len, char *buf, size_t size)
{
	static const char key[] = "\ndescription:";
	const char *found = memmem(text, len, key, sizeof(key) - 1);
	const char *start = found ? found + sizeof(key) - 1 : text;
	const char *newline = found ? memchr(start, '\n', (size_t)(text + len - start)) : text;
	size_t n = (size_t)((newline ? newline : text + len) - start);

	for (; n && strchr(" '\"", *start); n--)
		start++;
	for (; n && strchr(" '\"\r", start[n - 1]); n--)
		;
	snprintf(buf, size, "%.*s", (int)n, start);
}

static void add_set(struct cli_table *t, json_t *array, const char *name, const char *from,
		    const char *text, size_t len)
{
	char about[160];

	describe(text, len, about, sizeof(about));
	if (!array) {
		cli_cell(t, "%s", name);
		cli_cell(t, "%s", from);
		cli_cell(t, "%s", about);
		return;
	}

	json_t *o = json_object();

	cli_json_set(o, "name", cli_json_string(name));
	cli_json_set(o, "from", cli_json_string(from));
	cli_json_set(o, "about", cli_json_string(about));
	cli_json_add(array, o);
}

static int is_policy(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && !strcmp(dot, ".yaml");
}

static void add_directory(struct cli_table *t, json_t *array, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_policy, alphasort);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = cli_format("%s/%s", dir, entries[i]->d_name);
		_cleanup_free_ char *text = NULL, *file = NULL;
		struct vk_error e = {0};
		size_t len = 0;

		if (cli_policy_text(path, &text, &len, &file, &e) < 0)
			cli_report(&e);
		*strrchr(entries[i]->d_name, '.') = '\0';
		add_set(t, array, entries[i]->d_name, dir, text ? text : "", len);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int run_list(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_table_ struct cli_table t = {0};
	json_t *array = NULL;
	bool json = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';
	cli_operands(cmd, argc, argv, 0, 0, NULL);

	char **dirs = cli_policy_dirs();

	if (json)
		array = json_array();
	cli_table_init(&t, "NAME|FROM|ABOUT");
	for (char **dir = dirs; *dir; dir++)
		add_directory(&t, array, *dir);
	for (size_t i = 0; i < vk_n_builtins; i++)
		add_set(&t, array, vk_builtins[i].name, "built-in", vk_builtins[i].text,
			vk_builtins[i].len);
	if (array)
		cli_json_print(array, false);
	else
		cli_table_print(&t, stdout);
	cli_free_strings(dirs);
	return CLI_OK;
}

const struct cli_command cli_policy_list = {
	.name = "policy list",
	.synopsis = "[--json]",
	.summary = "list the policies that can be given by name",
	.details = "Where two have the same name, the upper one is used.",
	.examples = "vkernel policy list",
	.options = check_options,
	.run = run_list,
};

/* ---- show ---- */

static int run_show(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL, *file = NULL;
	struct vk_error e = {0};
	size_t len = 0;

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 1, 1, NULL);

	if (cli_policy_text(operands[0], &text, &len, &file, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	fwrite(text, 1, len, stdout);
	return CLI_OK;
}

const struct cli_command cli_policy_show = {
	.name = "policy show",
	.synopsis = "NAME",
	.summary = "print a policy that is given by name",
	.details = "Built-in sets are a good start for a policy of your own.",
	.examples = "vkernel policy show container-default",
	.run = run_show,
};
