// SPDX-License-Identifier: LGPL-2.1-or-later
/* show.c - vkernel show: all about one instance; above all, the rules in force. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define MEMBERS_SHOWN 8

static const struct cli_option options[] = {
	{'j', "json", NULL, "print one JSON object"},
	{'y', "yaml", NULL, "print the policies as they were loaded"},
	{0},
};

/* The processes of an instance, as found by one walk over the member threads. */
struct members {
	struct vk_member_line shown[MEMBERS_SHOWN];
	size_t processes;
};

static int count_member(const struct vk_member_line *line, void *data)
{
	struct members *m = data;

	if (line->tid != line->tgid)
		return 0;
	if (m->processes < MEMBERS_SHOWN)
		m->shown[m->processes] = *line;
	m->processes++;
	return 0;
}

static void print_members(const struct vk_info *info, const struct members *m)
{
	printf("  %-10s %u thread%s", "members", info->members, info->members == 1 ? "" : "s");
	for (size_t i = 0; i < m->processes && i < MEMBERS_SHOWN; i++) {
		fputs(i ? ", " : ": ", stdout);
		cli_put_safe(stdout, m->shown[i].comm, strnlen(m->shown[i].comm, 16));
		printf("[%u]", m->shown[i].tgid);
	}
	if (m->processes > MEMBERS_SHOWN)
		printf(" and %zu more", m->processes - MEMBERS_SHOWN);
	if (info->pending)
		printf("; %u more at their next exec", info->pending);
	putchar('\n');
}

static void print_age(uint64_t created_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);

	uint64_t age = (uint64_t)now.tv_sec - created_ns / 1000000000u;

	if (age < 120)
		printf("  %-10s %" PRIu64 " s ago\n", "created", age);
	else if (age < 7200)
		printf("  %-10s %" PRIu64 " min ago\n", "created", age / 60);
	else
		printf("  %-10s %" PRIu64 " h ago\n", "created", age / 3600);
}

static void print_summary(const struct vk_info *info, const struct vk_host *host,
			  const struct members *m)
{
	const struct vk_instance *c = &info->counters;
	char size[16];

	printf("%s%s%s\n", cli_style(stdout, CLI_BOLD), info->name, cli_style(stdout, CLI_PLAIN));
	printf("  %-10s %s, by %s\n", "mode", cli_mode_name(info->mode),
	       vk_mechanism_name(host->mechanism));
	print_members(info, m);
	print_age(c->created_ns);
	if (info->parent)
		printf("  %-10s %s, whose rules bind it too\n", "below", info->parent_name);
	if (info->by_member)
		printf("  %-10s uid %u, a member of %s\n", "made by", info->uid, info->parent_name);
	printf("  %-10s %s, %u states; used by %u instance%s\n", "compiled",
	       cli_size(info->image_bytes, size), info->states, info->slot_shared,
	       info->slot_shared == 1 ? "" : "s");
	printf("  %-10s %" PRIu64 " denied, %" PRIu64 " audited", "counters", (uint64_t)c->denied,
	       (uint64_t)c->audited);
	if (c->suppressed)
		printf(", %" PRIu64 " reports left out", (uint64_t)c->suppressed);
	if (c->lost)
		printf(", %" PRIu64 " reports lost", (uint64_t)c->lost);
	if (c->errors)
		printf(", %" PRIu64 " denied for internal errors", (uint64_t)c->errors);
	putchar('\n');
}

static void add_rule_row(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	struct cli_table *t = data;

	(void)p;
	cli_cell(t, " ");
	cli_cell(t, "%zu", t->n / t->columns);
	cli_cell(t, "%u:%u", rule->pos.line, rule->pos.column);
	cli_cell(t, "%s", rule->section);
	cli_cell(t, "%s", rule->text);
}

static void print_policy(const struct vk_policy *p, const char *what)
{
	_cleanup_table_ struct cli_table t = {0};

	fputs(what, stdout);
	fputs(cli_style(stdout, CLI_BOLD), stdout);
	cli_put_safe(stdout, p->name, strlen(p->name));
	printf("%s (%s), from ", cli_style(stdout, CLI_PLAIN), cli_mode_name(p->mode));
	cli_put_safe(stdout, p->file, strlen(p->file));
	putchar('\n');
	cli_table_init(&t, " |>#|AT|SECTION|RULE");
	cli_each_rule(p, add_rule_row, &t);
	if (t.n > t.columns)
		cli_table_print(&t, stdout);
	else if (!p->n_uses)
		puts("  no rules: it allows everything");
	for (size_t i = 0; i < p->n_uses; i++) {
		_cleanup_free_ char *label = cli_format("\n  used by %s: ", p->name);

		print_policy(p->uses[i], label);
	}
}

static void add_rule_object(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	json_t *o = json_object();

	cli_json_set(o, "section", cli_json_string(rule->section));
	cli_json_set(o, "rule", cli_json_string(rule->text));
	cli_json_set(o, "file", cli_json_string(p->file));
	cli_json_set(o, "line", json_integer(rule->pos.line));
	cli_json_set(o, "column", json_integer(rule->pos.column));
	cli_json_add(data, o);
}

static json_t *policy_object(const struct vk_policy *p)
{
	json_t *o = json_object(), *rules = json_array(), *uses = json_array();

	cli_each_rule(p, add_rule_object, rules);
	for (size_t i = 0; i < p->n_uses; i++)
		cli_json_add(uses, policy_object(p->uses[i]));
	cli_json_set(o, "name", cli_json_string(p->name));
	cli_json_set(o, "file", cli_json_string(p->file));
	cli_json_set(o, "mode", cli_json_string(cli_mode_name(p->mode)));
	cli_json_set(o, "rules", rules);
	cli_json_set(o, "uses", uses);
	return o;
}

static void print_json(const struct vk_info *info, const struct vk_host *host,
		       const struct members *m)
{
	const struct vk_instance *c = &info->counters;
	json_t *o = json_object(), *layers = json_array();

	for (size_t i = 0; i < info->n_layers; i++) {
		json_t *layer = policy_object(info->layers[i]);

		cli_json_set(layer, "instance", cli_json_string(info->origins[i].name));
		cli_json_set(layer, "pushed_by",
			     info->origins[i].pushed ? json_integer(info->origins[i].uid) :
						       json_null());
		cli_json_add(layers, layer);
	}
	cli_json_set(o, "parent", info->parent ? cli_json_string(info->parent_name) : json_null());
	cli_json_set(o, "name", cli_json_string(info->name));
	cli_json_set(o, "id", json_integer(info->id));
	cli_json_set(o, "mode", cli_json_string(cli_mode_name(info->mode)));
	cli_json_set(o, "mechanism", cli_json_string(vk_mechanism_name(host->mechanism)));
	cli_json_set(o, "members", json_integer(info->members));
	cli_json_set(o, "processes", json_integer((json_int_t)m->processes));
	cli_json_set(o, "pending", json_integer(info->pending));
	cli_json_set(o, "image_bytes", json_integer(info->image_bytes));
	cli_json_set(o, "states", json_integer(info->states));
	cli_json_set(o, "image_shared_by", json_integer(info->slot_shared));
	cli_json_set(o, "denied", json_integer((json_int_t)c->denied));
	cli_json_set(o, "audited", json_integer((json_int_t)c->audited));
	cli_json_set(o, "suppressed", json_integer((json_int_t)c->suppressed));
	cli_json_set(o, "lost", json_integer((json_int_t)c->lost));
	cli_json_set(o, "errors", json_integer((json_int_t)c->errors));
	cli_json_set(o, "layers", layers);
	cli_json_print(o, false);
}

/* Documents as they were loaded; sets that they use are found by `vkernel policy show`. */
static void print_yaml(const struct vk_info *info)
{
	for (size_t i = 0; i < info->n_layers; i++) {
		const struct vk_policy *p = info->layers[i];

		if (i)
			puts("---");
		printf("# layer %zu of %s, loaded from ", i + 1, info->name);
		cli_put_safe(stdout, p->file, strlen(p->file));
		putchar('\n');
		fwrite(p->text, 1, p->text_len, stdout);
		if (p->text_len && p->text[p->text_len - 1] != '\n')
			putchar('\n');
	}
}

static void print_text(const struct vk_info *info, const struct vk_host *host,
		       const struct members *m)
{
	print_summary(info, host, m);
	for (size_t i = 0; i < info->n_layers; i++) {
		const struct vk_layer_origin *o = &info->origins[i];
		_cleanup_free_ char *of =
			cli_format(o->instance == info->id ? "" : " of %s", o->name);
		_cleanup_free_ char *label = cli_format("\nlayer %zu%s: ", i + 1, of);

		print_policy(info->layers[i], label);
	}
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	struct members members = {0};
	struct vk_host host = {0};
	struct vk_error e = {0};
	bool json = false, yaml = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;) {
		json |= key == 'j';
		yaml |= key == 'y';
	}

	char **operands = cli_operands(cmd, argc, argv, 1, 1, NULL);

	if (json && yaml)
		return cli_usage(cmd, "--json and --yaml exclude each other");
	if (vk_engine_open(&eng, VK_OPEN_READ_ONLY, &e) < 0 ||
	    vk_instance_get(eng, operands[0], &info, &e) < 0 ||
	    vk_members(eng, info.id, count_member, &members, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	if (yaml) {
		print_yaml(&info);
		return CLI_OK;
	}
	vk_host_check(&host);
	(json ? print_json : print_text)(&info, &host, &members);
	return CLI_OK;
}

const struct cli_command cli_show = {
	.name = "show",
	.synopsis = "[--json | --yaml] NAME",
	.summary = "show one instance: its rules, counters and members",
	.details = "NAME may be shortened as long as it is unique. The rules of all layers are in\n"
		   "force at once: an operation passes only if every policy shown allows it.",
	.examples = "sudo vkernel show web\n"
		    "sudo vkernel show --yaml web >web-as-loaded.yaml",
	.options = options,
	.run = run,
};
