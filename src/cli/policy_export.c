// SPDX-License-Identifier: LGPL-2.1-or-later
/* policy_export.c - vkernel policy export: the system calls of policies as a seccomp profile. */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "filter.h"
#include "import.h"

static const struct cli_option options[] = {
	{'s', "seccomp", NULL, "as a seccomp profile, as Docker, podman and the OCI have it"},
	{'o', "output", "FILE", "where the profile goes; required"},
	{0},
};

/* What hooks enforce is in the profile as well: it must stand alone. */
static void make_strict(struct vk_policy *p)
{
	p->sys.strict = true;
	for (size_t i = 0; i < p->n_uses; i++)
		make_strict(p->uses[i]);
}

struct others {
	const char *last;
	int count;
};

/* Says which sections the profile has no word for, once for each. */
static void other_section(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	struct others *o = data;

	if (rule->call || (o->last && strcmp(o->last, rule->section) == 0))
		return;
	printf("%s:%u:%u: %s: seccomp knows system calls only\n", p->file, rule->pos.line,
	       rule->pos.column, rule->section);
	o->last = rule->section;
	o->count++;
}

static void others_of(const struct vk_policy *p)
{
	struct others o = {0};

	cli_each_rule(p, other_section, &o);
	for (size_t i = 0; i < p->n_uses; i++)
		others_of(p->uses[i]);
}

static int write_profile(const char *path, const char *json)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	if (!f || fputs(json, f) < 0 || fflush(f) != 0)
		return cli_fail("cannot write %s: %s", path, strerror(errno));
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	vk_cleanup(vk_imported_free) struct vk_imported made = {0};
	_cleanup_filter_ struct vk_filter f = {.coarse = -1};
	const char *arg, *output = NULL, *words[VK_MAX_LAYERS];
	struct vk_error e = {0};
	bool seccomp = false;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		seccomp |= key == 's';
		output = key == 'o' ? arg : output;
	}

	char **operands = cli_operands(cmd, argc, argv, 1, VK_MAX_LAYERS, &n);

	if (!seccomp)
		return cli_usage(cmd, "say as what: --seccomp");
	if (!output)
		return cli_usage(cmd, "say where the profile goes: -o FILE");
	memcpy(words, operands, n * sizeof(*words));

	int r = cli_policies_load(&policies, words, n, &e);

	for (size_t i = 0; i < policies.n; i++)
		make_strict(policies.layers[i]);
	if (r == 0)
		r = vk_filter_make(cli_layers(&policies), policies.n, &f, &e);
	if (r == 0)
		r = vk_filter_json(&f, &made, &e);
	if (r < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	r = write_profile(output, made.yaml);
	for (size_t i = 0; r == CLI_OK && i < policies.n; i++)
		others_of(policies.layers[i]);
	for (size_t i = 0; r == CLI_OK && i < made.n_lost; i++)
		puts(made.lost[i]);
	return r;
}

const struct cli_command cli_policy_export = {
	.name = "policy export",
	.synopsis = "--seccomp -o FILE POLICY...",
	.summary = "write the system calls of policies as a seccomp profile",
	.details =
		"The profile says of each call what all the policies together say. Each thing that\n"
		"it does not say is a line on standard output.",
	.examples = "vkernel policy export --seccomp -o seccomp.json web.yaml",
	.options = options,
	.run = run,
};
