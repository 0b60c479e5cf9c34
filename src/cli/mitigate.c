// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mitigate.c - vkernel mitigate: rule sets against known bugs, on top of what runs.
 *
 * A rule set is a policy with the key `mitigates`. It is found by its name, as any policy, or by
 * what it mitigates, which means a look into all of them.
 */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "schema.h"

#define MAX_WORDS 16

enum { KEY_AUDIT = 256, KEY_ENFORCE, KEY_LIFT };

static const struct cli_option options[] = {
	{KEY_AUDIT, "audit", NULL, "apply SET: report what it would deny, and allow it"},
	{KEY_ENFORCE, "enforce", NULL, "apply SET, or go on from audit: deny"},
	{KEY_LIFT, "lift", NULL, "take SET away; \"all\" stands for every set"},
	{'a', "all", NULL, "of all instances that run now"},
	{'l', "list", NULL, "show the rule sets, and what is applied where"},
	{'j', "json", NULL, "with --list: print one JSON object"},
	{0},
};

/* ---- finding rule sets ---- */

/* Policies that may be rule sets. */
struct candidates {
	struct vk_policy **set;
	size_t n;
};

static void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		vk_policy_free(c->set[i]);
	free(c->set);
}
#define _cleanup_candidates_ vk_cleanup(candidates_free)

static bool known(const struct candidates *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->set[i]->name, name) == 0)
			return true;
	return false;
}

/* Adds the policy if it mitigates something. */
static int add_candidate(struct candidates *c, const char *word, struct vk_error *e)
{
	_cleanup_policies_ struct cli_policies p = {0};
	int r = cli_policies_load(&p, &word, 1, e);

	if (r < 0)
		return r;
	if (!p.layers[0]->n_mitigates || known(c, p.layers[0]->name))
		return 0;
	c->set = reallocarray(c->set, c->n + 1, sizeof(*c->set));
	if (!c->set)
		cli_out_of_memory();
	c->set[c->n++] = vk_take_ptr(p.layers[0]);
	p.n = 0;
	return 1;
}

static int is_policy(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && !strcmp(dot, ".yaml");
}

/* Those of a directory; one with a mistake is passed over, as it may have nothing to do with it. */
static void add_directory(struct candidates *c, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_policy, alphasort);

	for (int i = 0; i < n; i++) {
		struct vk_error ignored = {0};

		*strrchr(entries[i]->d_name, '.') = '\0';
		add_candidate(c, entries[i]->d_name, &ignored);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int compare_sets(const void *a, const void *b)
{
	return strcmp((*(struct vk_policy *const *)a)->name, (*(struct vk_policy *const *)b)->name);
}

static int add_all(struct candidates *c, struct vk_error *e)
{
	char **dirs = cli_policy_dirs();
	int r = 0;

	for (char **dir = dirs; *dir; dir++)
		add_directory(c, *dir);
	cli_free_strings(dirs);
	for (size_t i = 0; r >= 0 && i < vk_n_builtins; i++) {
		/* Most are cheaper to look at than to parse. */
		if (memmem(vk_builtins[i].text, vk_builtins[i].len, "\nmitigates:", 11))
			r = add_candidate(c, vk_builtins[i].name, e);
	}
	if (c->n)
		qsort(c->set, c->n, sizeof(*c->set), compare_sets);
	return r < 0 ? r : 0;
}

static int unknown_set(const struct candidates *all, const char *word, struct vk_error *e)
{
	const char **names = cli_alloc(all->n + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < all->n; i++)
		names[i] = all->set[i]->name;
	near = vk_nearest(word, names);
	vk_error_set(e, ENOENT, "nothing here mitigates '%s'", word);
	if (near)
		vk_error_advise(e, "did you mean %s? (vkernel mitigate --list shows all)", near);
	else
		vk_error_advise(e, "vkernel mitigate --list shows what there is");
	free(names);
	return -ENOENT;
}

/* Adds the set of this name or, if there is none, all sets against what is called so. */
static int find_sets(struct candidates *c, const char *word, struct vk_error *e)
{
	_cleanup_candidates_ struct candidates all = {0};
	struct vk_error by_name = {0};
	size_t before = c->n;
	int r = add_candidate(c, word, &by_name);

	if (r > 0 || known(c, word))
		return 0;
	if (r < 0 && r != -ENOENT) {
		*e = by_name;
		return r;
	}
	if (r == 0) {
		vk_error_set(e, EINVAL, "the policy '%s' is no rule set against anything", word);
		vk_error_advise(e, "name what it is against with the key \"mitigates\"");
		return -EINVAL;
	}
	r = add_all(&all, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < all.n; i++) {
		if (!vk_mitigates(all.set[i], word))
			continue;
		r = add_candidate(c, all.set[i]->name, e);
		if (r < 0)
			return r;
	}
	return c->n > before ? 0 : unknown_set(&all, word, e);
}

/* ---- applying and lifting ---- */

struct settings {
	int what; /* enum vk_mitigate, or -1 */
	bool all;
	bool list;
	bool json;
	char *sets; /* the operand, cut at its commas */
	const char *words[MAX_WORDS];
	size_t n_words;
	char **names;
	size_t n_names;
};

struct outcome {
	unsigned int changed;
	unsigned int failed;
};

static void report_instance(const char *name, int sets, const struct vk_error *e, void *data)
{
	struct outcome *o = data;

	if (sets < 0) {
		struct vk_error named = *e;

		snprintf(named.message, sizeof(named.message), "%s: %.400s", name, e->message);
		cli_report(&named);
		o->failed++;
	}
	o->changed += sets > 0;
}

static void print_outcome(const struct settings *set, const struct candidates *c,
			  const struct outcome *o)
{
	static const char *const done[] = {"audited", "enforced", "lifted"};

	for (size_t i = 0; i < c->n; i++)
		printf("%s%s", i ? ", " : "", c->set[i]->name);
	for (size_t i = 0; i < set->n_words && set->what == VK_MITIGATE_LIFT; i++)
		printf("%s%s", i ? ", " : "", set->words[i]);
	if (set->what == VK_MITIGATE_LIFT && !set->n_words)
		fputs("all", stdout);
	printf(": %s in %u instance%s\n", done[set->what], o->changed, o->changed == 1 ? "" : "s");
}

static int change(const struct settings *set, struct vk_error *e)
{
	_cleanup_candidates_ struct candidates c = {0};
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_mitigation m = {.what = set->what};
	struct outcome o = {0};
	int r = 0;

	if (set->what == VK_MITIGATE_LIFT) {
		m.words = set->words;
		m.n_words = set->n_words;
	}
	for (size_t i = 0; r == 0 && i < set->n_words && set->what != VK_MITIGATE_LIFT; i++)
		r = find_sets(&c, set->words[i], e);
	if (r < 0)
		return r;
	m.sets = (const struct vk_policy *const *)c.set;
	m.n_sets = c.n;
	r = vk_engine_open(&eng, 0, e);
	if (r < 0)
		return r;
	r = vk_mitigate(eng, set->all ? NULL : (const char *const *)set->names, set->n_names, &m,
			report_instance, &o, e);
	if (r < 0)
		return r;
	if (set->what == VK_MITIGATE_LIFT && !o.changed && !o.failed && set->n_words) {
		vk_error_set(e, ENOENT, "it is not applied there");
		vk_error_advise(e, "vkernel mitigate --list shows what is");
		return -ENOENT;
	}
	print_outcome(set, &c, &o);
	return o.failed ? -1 : 0;
}

/* ---- listing ---- */

/* Rule sets, and where they are applied. */
struct listing {
	struct candidates sets;
	struct cli_table applied;
	json_t *instances;
	unsigned int *enforced, *audited;
};

static void listing_free(struct listing *l)
{
	candidates_free(&l->sets);
	cli_table_free(&l->applied);
	json_decref(l->instances);
	free(l->enforced);
	free(l->audited);
}

static const char *against(const struct vk_policy *p, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < p->n_mitigates && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					p->mitigates[i]);
	return buf;
}

static void list_applied(struct listing *l, const struct vk_info *info, const struct vk_policy *set,
			 enum vk_mode mode)
{
	char text[256];
	json_t *o;

	for (size_t i = 0; i < l->sets.n; i++)
		if (strcmp(l->sets.set[i]->name, set->name) == 0)
			++(mode == VK_MODE_ENFORCE ? l->enforced : l->audited)[i];
	cli_cell(&l->applied, "%s", info->name);
	cli_cell(&l->applied, "%s", set->name);
	cli_cell(&l->applied, "%s", cli_mode_name(mode));
	cli_cell(&l->applied, "%s", against(set, text, sizeof(text)));
	o = json_object();
	cli_json_set(o, "instance", cli_json_string(info->name));
	cli_json_set(o, "set", cli_json_string(set->name));
	cli_json_set(o, "mode", cli_json_string(cli_mode_name(mode)));
	cli_json_add(l->instances, o);
}

static int list_instance(const struct vk_info *info, void *data)
{
	for (size_t i = 0; i < info->n_layers; i++)
		for (size_t k = 0;
		     info->origins[i].mitigation && info->origins[i].instance == info->id &&
		     k < info->layers[i]->n_uses;
		     k++)
			list_applied(data, info, info->layers[i]->uses[k], info->layers[i]->mode);
	return 0;
}

static json_t *set_object(const struct listing *l, size_t i)
{
	const struct vk_policy *p = l->sets.set[i];
	json_t *o = json_object(), *topics = json_array();

	for (size_t k = 0; k < p->n_mitigates; k++)
		cli_json_add(topics, cli_json_string(p->mitigates[k]));
	cli_json_set(o, "name", cli_json_string(p->name));
	cli_json_set(o, "file", cli_json_string(p->file));
	cli_json_set(o, "mitigates", topics);
	cli_json_set(o, "enforced", json_integer(l->enforced[i]));
	cli_json_set(o, "audited", json_integer(l->audited[i]));
	return o;
}

static void print_sets(const struct listing *l)
{
	_cleanup_table_ struct cli_table t = {0};
	char text[256];

	cli_table_init(&t, "RULE SET|>ENFORCED|>AUDITED|AGAINST");
	for (size_t i = 0; i < l->sets.n; i++) {
		cli_cell(&t, "%s", l->sets.set[i]->name);
		cli_cell(&t, "%u", l->enforced[i]);
		cli_cell(&t, "%u", l->audited[i]);
		cli_cell(&t, "%s", against(l->sets.set[i], text, sizeof(text)));
	}
	cli_table_print(&t, stdout);
}

static int list(const struct settings *set, struct vk_error *e)
{
	vk_cleanup(listing_free) struct listing l = {0};
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error absent = {0};
	int r = add_all(&l.sets, e);

	if (r < 0)
		return r;
	l.enforced = cli_alloc(l.sets.n + 1, sizeof(*l.enforced));
	l.audited = cli_alloc(l.sets.n + 1, sizeof(*l.audited));
	l.instances = json_array();
	cli_table_init(&l.applied, "INSTANCE|RULE SET|MODE|AGAINST");
	/* Who may not look at instances, or has none, gets the rule sets. */
	r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, &absent);
	if (r == 0)
		r = vk_instance_list(eng, true, list_instance, &l, e);
	else if (r == -ENOENT || geteuid() != 0)
		r = 0;
	else
		*e = absent;
	if (r < 0)
		return r;
	if (set->json) {
		json_t *o = json_object(), *sets = json_array();

		for (size_t i = 0; i < l.sets.n; i++)
			cli_json_add(sets, set_object(&l, i));
		cli_json_set(o, "sets", sets);
		cli_json_set(o, "applied", json_incref(l.instances));
		cli_json_print(o, false);
		return 0;
	}
	print_sets(&l);
	if (l.applied.n > l.applied.columns) {
		putchar('\n');
		cli_table_print(&l.applied, stdout);
	}
	return 0;
}

/* ---- the command ---- */

static void parse_words(const struct cli_command *cmd, const char *operand, struct settings *set)
{
	char *rest = set->sets = cli_dup(operand), *word;

	while ((word = strsep(&rest, ","))) {
		if (set->n_words == MAX_WORDS)
			exit(cli_usage(cmd, "at most %d rule sets at once", MAX_WORDS));
		if (!*word)
			exit(cli_usage(cmd, "'%s' has an empty name in it", operand));
		set->words[set->n_words++] = word;
	}
	if (set->n_words != 1 || strcmp(set->words[0], "all"))
		return;
	if (set->what != VK_MITIGATE_LIFT)
		exit(cli_usage(cmd, "say which rule sets to apply: \"all\" goes with --lift only"));
	set->n_words = 0;
}

static void parse(const struct cli_command *cmd, int argc, char **argv, struct settings *set)
{
	unsigned int actions = 0;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;) {
		if (key == 'a') {
			set->all = true;
		} else if (key == 'j') {
			set->json = true;
		} else {
			actions++;
			set->list |= key == 'l';
			set->what = key == KEY_LIFT  ? VK_MITIGATE_LIFT :
				    key == KEY_AUDIT ? VK_MITIGATE_AUDIT :
						       VK_MITIGATE_ENFORCE;
		}
	}
	if (actions != 1)
		exit(cli_usage(cmd, "give one of --audit, --enforce, --lift and --list"));
	if (set->json && !set->list)
		exit(cli_usage(cmd, "--json goes with --list"));

	char **operands = cli_operands(cmd, argc, argv, set->list ? 0 : 1, set->list ? 0 : CLI_MANY,
				       &set->n_names);

	if (set->list)
		return;
	parse_words(cmd, operands[0], set);
	set->names = operands + 1;
	set->n_names--;
	if (!set->n_names == !set->all)
		exit(cli_usage(cmd, set->all ? "--all stands for the names of instances" :
					       "name the instances, or give --all"));
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	struct settings set = {0};
	struct vk_error e = {0};
	int r;

	parse(cmd, argc, argv, &set);

	_cleanup_progress_ struct cli_progress progress = cli_progress_begin("changing the rules");

	r = set.list ? list(&set, &e) : change(&set, &e);
	free(set.sets);
	if (r < 0 && e.code)
		cli_report(&e);
	return r < 0 ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_mitigate = {
	.name = "mitigate",
	.synopsis = "--audit|--enforce|--lift SET[,SET...] NAME...|--all\n"
		    "       vkernel mitigate --list [--json]",
	.summary = "put rule sets against known bugs on what runs",
	.details =
		"SET is a rule set, or what it is against, such as CVE-2022-0492. It applies to\n"
		"running instances at once and without a restart, on top of their policies, which\n"
		"stay as they are and can be updated as before. Begin with --audit: what SET would\n"
		"deny is in vkernel events. Instances that are made later are not affected: put\n"
		"SET into their policy with \"use\". --lift takes SET away again.",
	.examples = "vkernel mitigate --list\n"
		    "sudo vkernel mitigate --audit CVE-2026-31431 --all\n"
		    "sudo vkernel mitigate --enforce CVE-2026-31431 --all\n"
		    "sudo vkernel mitigate --lift no-af-alg web db",
	.options = options,
	.run = run,
};
