// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * policy_plan.c - vkernel policy plan: what would enforce each rule on this host, where in the
 * kernel, and what that costs; or why it cannot be enforced here.
 */
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "filter.h"

static const struct cli_option options[] = {
	{'r', "rules", NULL, "list every rule with the hooks that enforce it"},
	{'j', "json", NULL, "print one JSON object"},
	{0},
};

/* Who pays for a rule, from the cheapest on; docs/policy.md explains them. */
enum cost {
	COST_NONE,
	COST_USED,
	COST_PRIVILEGE,
	COST_MESSAGE,
	COST_FILE,
	COST_IO,
	COST_CALL,
};
static const char *const cost_names[] = {
	[COST_NONE] = "none",
	[COST_USED] = "when used",
	[COST_PRIVILEGE] = "privileges",
	[COST_MESSAGE] = "messages",
	[COST_FILE] = "file operations",
	[COST_IO] = "reads and writes",
	[COST_CALL] = "system calls",
};

/* What one VK_NEED_* bit asks for. The costs are classes: figures are in bench/. */
static const struct {
	uint32_t need;
	enum cost cost;
	const char *title;
	const char *checked;
} kinds[] = {
	{VK_NEED_OPEN, COST_FILE, "open files", "each open; cached per file"},
	{VK_NEED_EXEC, COST_FILE, "execute programs", "each exec"},
	{VK_NEED_MODIFY, COST_FILE, "create, remove, rename", "each change of a directory"},
	{VK_NEED_TRUNCATE, COST_FILE, "truncate", "each truncate"},
	{VK_NEED_CHMOD, COST_FILE, "change mode and owner", "each chmod and chown"},
	{VK_NEED_IOCTL, COST_FILE, "ioctl", "each ioctl; cached per file"},
	{VK_NEED_MMAP, COST_FILE, "map executable", "each executable mapping"},
	{VK_NEED_APPEND, COST_IO, "append only", "each read and write of every process"},
	{VK_NEED_CAPABLE, COST_PRIVILEGE, "capabilities", "each use of a privilege; a bit test"},
	{VK_NEED_SOCKET, COST_USED, "create sockets", "each socket; a table look-up"},
	{VK_NEED_NETLINK, COST_MESSAGE, "netlink protocols",
	 "each netlink message; a table look-up"},
	{VK_NEED_INET, COST_MESSAGE, "bind and connect", "each bind and connect"},
	{VK_NEED_UNIX, COST_MESSAGE, "unix sockets", "each bind, connect and unconnected send"},
	{VK_NEED_ACCEPT, COST_MESSAGE, "accept connections", "each accept"},
	{VK_NEED_PTRACE, COST_USED, "ptrace", "only when used"},
	{VK_NEED_SIGNAL, COST_MESSAGE, "signals", "each signal sent"},
	{VK_NEED_MOUNT, COST_USED, "mounts", "only when used"},
	{VK_NEED_BPF, COST_USED, "bpf", "only when used"},
	{VK_NEED_PERF, COST_USED, "perf", "only when used"},
	{VK_NEED_MODULES, COST_USED, "kernel modules", "only when used"},
	{VK_NEED_KEYS, COST_USED, "keyrings", "only when used"},
	{VK_NEED_IO_URING, COST_USED, "io_uring", "only when used"},
	{VK_NEED_USERNS, COST_USED, "user namespaces", "only when used"},
	{VK_NEED_XATTRS, COST_FILE, "attributes of files", "each change of one, and each ioctl"},
};
#define PATH_NEEDS                                                                                 \
	(VK_NEED_OPEN | VK_NEED_EXEC | VK_NEED_MODIFY | VK_NEED_TRUNCATE | VK_NEED_CHMOD |         \
	 VK_NEED_IOCTL | VK_NEED_MMAP | VK_NEED_UNIX | VK_NEED_MOUNT)
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* What the engine says about one kind. */
struct kind_plan {
	bool wanted;
	bool available;
	enum vk_mechanism mechanism;
	char hooks[640];
	char missing[640];
	unsigned int rules;
};

struct plan {
	struct vk_host host;
	struct kind_plan kinds[KINDS];
	struct kind_plan base; /* what every instance has, whatever its rules */
	struct kind_plan names; /* what keeps names true, for all rules about paths */
	unsigned int by_filter, by_hook; /* rules for system calls */
	char call_hooks[256]; /* of those by hook */
	enum cost call_cost; /* the dearest of them */
	struct vk_entry entry; /* the filter */
	int coarse; /* a call whose conditions cannot be kept on ia32, or -1 */
	struct cli_table table; /* of rules or kinds, when there is no array */
	json_t *array;
};

static void append(char *list, size_t size, const char *word)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? ", " : "", word);
}

static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *s = list; (s = strstr(s, word)); s += len)
		if ((s == list || s[-1] == ' ') && (s[len] == '\0' || s[len] == ','))
			return true;
	return false;
}

/* Hooks that are said elsewhere are left out of a kind. */
struct hook_sink {
	const struct plan *plan;
	struct kind_plan *kind;
};

static bool said(const struct kind_plan *elsewhere, const struct kind_plan *kind, const char *hook)
{
	return kind != elsewhere &&
	       (listed(elsewhere->hooks, hook) || listed(elsewhere->missing, hook));
}

static int on_hook(const struct vk_hook_plan *hook, void *data)
{
	struct hook_sink *sink = data;
	struct kind_plan *kind = sink->kind;

	if (said(&sink->plan->base, kind, hook->hook) || said(&sink->plan->names, kind, hook->hook))
		return 0;
	if (hook->available) {
		if (!listed(kind->hooks, hook->hook))
			append(kind->hooks, sizeof(kind->hooks), hook->hook);
		kind->mechanism = hook->mechanism;
	} else {
		append(kind->missing, sizeof(kind->missing), hook->hook);
		kind->available = false;
	}
	return 0;
}

static void plan_kind(struct plan *plan, uint32_t need, struct kind_plan *kind)
{
	struct hook_sink sink = {.plan = plan, .kind = kind};

	kind->available = plan->host.mechanism != VK_MECH_NONE;
	kind->mechanism = plan->host.mechanism;
	vk_plan_hooks(need, &plan->host, on_hook, &sink);
}

struct common_sink {
	const struct kind_plan *other;
	struct plan *plan;
};

static int on_common_hook(const struct vk_hook_plan *hook, void *data)
{
	struct common_sink *common = data;
	struct hook_sink sink = {.plan = common->plan, .kind = &common->plan->names};

	return said(common->other, NULL, hook->hook) ? on_hook(hook, &sink) : 0;
}

/* What two kinds of rules about paths have in common is what all of them need. */
static void plan_names(struct plan *plan)
{
	_cleanup_free_ struct kind_plan *exec = cli_alloc(1, sizeof(*exec));
	struct common_sink sink = {.other = exec, .plan = plan};

	plan_kind(plan, VK_NEED_EXEC, exec);
	plan->names.available = exec->available;
	vk_plan_hooks(VK_NEED_CHMOD, &plan->host, on_common_hook, &sink);
}

static enum cost call_cost(const struct cli_rule *rule)
{
	return rule->entry			  ? COST_CALL :
	       !rule->hook			  ? COST_NONE :
	       strcmp(rule->hook, "capable") == 0 ? COST_PRIVILEGE :
						    COST_USED;
}

static void count_rule(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	struct plan *plan = data;

	(void)p;
	plan->by_filter += rule->call && rule->entry;
	if (rule->call && rule->hook && !rule->entry) {
		plan->by_hook++;
		if (!listed(plan->call_hooks, rule->hook))
			append(plan->call_hooks, sizeof(plan->call_hooks), rule->hook);
		if (call_cost(rule) > plan->call_cost)
			plan->call_cost = call_cost(rule);
	}
	for (size_t i = 0; i < KINDS; i++)
		plan->kinds[i].rules += (rule->needs & kinds[i].need) != 0;
}

static void each_policy(const struct vk_policy *p,
			void (*fn)(const struct vk_policy *p, const struct cli_rule *rule,
				   void *data),
			void *data)
{
	cli_each_rule(p, fn, data);
	for (size_t i = 0; i < p->n_uses; i++)
		each_policy(p->uses[i], fn, data);
}

/* "lsm", or why not. */
static void verdict(const struct plan *plan, const struct kind_plan *kind, char *buf, size_t size)
{
	if (kind->available)
		snprintf(buf, size, "%s", vk_mechanism_name(kind->mechanism));
	else if (plan->host.mechanism == VK_MECH_NONE)
		snprintf(buf, size, "not here");
	else
		snprintf(buf, size, "not here: no %.200s", kind->missing);
}

/* What enforces a rule of the section syscalls: it is enforceable wherever anything is. */
static void call_verdict(const struct plan *plan, const struct cli_rule *rule, char *by,
			 size_t size)
{
	by[0] = '\0';
	if (!rule->entry && !rule->hook) {
		snprintf(by, size, "(nothing to do)");
	} else if (plan->host.mechanism == VK_MECH_NONE) {
		snprintf(by, size, "not here");
	} else {
		if (rule->hook)
			append(by, size, vk_mechanism_name(plan->host.mechanism));
		if (rule->entry)
			append(by, size, "seccomp");
	}
}

static void put_rule(const struct vk_policy *p, const struct cli_rule *rule, void *data)
{
	struct plan *plan = data;
	char by[256] = "", hooks[640] = "";
	enum cost cost = COST_NONE;
	bool available = true;

	for (size_t i = 0; i < KINDS; i++) {
		const struct kind_plan *kind = &plan->kinds[i];

		if (!(rule->needs & kinds[i].need) || !kind->wanted)
			continue;
		if (kind->hooks[0])
			append(hooks, sizeof(hooks), kind->hooks);
		cost = kinds[i].cost > cost ? kinds[i].cost : cost;
		if (available)
			verdict(plan, kind, by, sizeof(by));
		available = available && kind->available;
	}
	if (rule->call) {
		available = plan->host.mechanism != VK_MECH_NONE;
		call_verdict(plan, rule, by, sizeof(by));
		cost = call_cost(rule);
		snprintf(hooks, sizeof(hooks), "%s", rule->hook ? rule->hook : "");
	}
	if (!plan->array) {
		cli_cell(&plan->table, "%s:%u:%u", p->file, rule->pos.line, rule->pos.column);
		cli_cell(&plan->table, "%s", by[0] ? by : "(not needed)");
		cli_cell(&plan->table, "%s", rule->entry ? "at start" : "yes");
		cli_cell(&plan->table, "%s", cost_names[cost]);
		cli_cell(&plan->table, "%s", hooks);
		cli_cell(&plan->table, "%s: %s", rule->section, rule->text);
		return;
	}

	json_t *o = json_object();

	cli_json_set(o, "file", cli_json_string(p->file));
	cli_json_set(o, "line", json_integer(rule->pos.line));
	cli_json_set(o, "column", json_integer(rule->pos.column));
	cli_json_set(o, "rule", cli_json_string(rule->text));
	cli_json_set(o, "section", cli_json_string(rule->section));
	cli_json_set(o, "enforceable", json_boolean(available));
	cli_json_set(o, "by", cli_json_string(by));
	cli_json_set(o, "cost", cli_json_string(cost_names[cost]));
	cli_json_set(o, "hooks", cli_json_string(hooks));
	cli_json_set(o, "live", json_boolean(!rule->entry));
	cli_json_add(plan->array, o);
}

static const char *class_name(const struct vk_image *image)
{
	return image->max_entry <= VK_SMALL_ENTRY  ? "small" :
	       image->max_entry <= VK_MEDIUM_ENTRY ? "medium" :
						     "large";
}

static unsigned int states(const struct vk_image *image)
{
	unsigned int units = image->stride / VK_ROW_UNIT;

	return units ? image->max_entry / units + 1 : 0;
}

static bool whole(const struct plan *plan)
{
	for (size_t i = 0; i < KINDS; i++)
		if (plan->kinds[i].wanted && !plan->kinds[i].available)
			return false;
	return plan->host.mechanism != VK_MECH_NONE && plan->base.available &&
	       plan->names.available;
}

#define BY_HOOKS "system calls, by hooks"
#define BY_FILTER "system calls, by a filter"
#define FILTER_CHECKED "each system call; calls that are always allowed are cached"

static void put_calls(struct plan *plan)
{
	const char *mechanism = vk_mechanism_name(plan->host.mechanism);
	bool here = plan->host.mechanism != VK_MECH_NONE;
	struct cli_table *t = &plan->table;

	if (plan->by_hook) {
		cli_cell(t, BY_HOOKS);
		cli_cell(t, "%u", plan->by_hook);
		cli_cell(t, "%s", here ? mechanism : "not here");
		cli_cell(t, "%s", plan->call_hooks);
		cli_cell(t, "only when used");
	}
	if (plan->entry.n) {
		cli_cell(t, BY_FILTER);
		cli_cell(t, "%u", plan->by_filter);
		cli_cell(t, "%s", here ? "seccomp" : "not here");
		cli_cell(t, "%zu instructions", plan->entry.n);
		cli_cell(t, FILTER_CHECKED);
	}
}

static void put_call_kind(const struct plan *plan, json_t *list, bool filter)
{
	bool here = plan->host.mechanism != VK_MECH_NONE;
	json_t *k = json_object();

	cli_json_set(k, "what", cli_json_string(filter ? BY_FILTER : BY_HOOKS));
	cli_json_set(k, "rules", json_integer(filter ? plan->by_filter : plan->by_hook));
	cli_json_set(k, "enforceable", json_boolean(here));
	cli_json_set(k, "mechanism",
		     cli_json_string(filter && here ? "seccomp" :
						      vk_mechanism_name(plan->host.mechanism)));
	cli_json_set(k, "hooks", cli_json_string(filter ? "" : plan->call_hooks));
	cli_json_set(k, "missing", cli_json_string(""));
	cli_json_set(k, "cost", cli_json_string(cost_names[filter ? COST_CALL : plan->call_cost]));
	cli_json_set(k, "checked_at", cli_json_string(filter ? FILTER_CHECKED : "only when used"));
	cli_json_add(list, k);
}

static void print_text(struct plan *plan, const struct vk_image *image,
		       const struct cli_policies *policies, bool rules)
{
	struct cli_table *t = &plan->table;
	char size[16], by[256];

	printf("compiled: %s (%s), %u states, %u byte classes, %u network rules\n\n",
	       cli_size(image->size, size), class_name(image), states(image), image->classes,
	       image->n_net);
	cli_table_init(t, rules ? "AT|ENFORCED BY|LIVE|COST|HOOKS|RULE" :
				  "WHAT|>RULES|ENFORCED BY|HOOKS|CHECKED AT");
	for (size_t i = 0; rules && i < policies->n; i++)
		each_policy(policies->layers[i], put_rule, plan);
	for (size_t i = 0; !rules && i < KINDS; i++) {
		const struct kind_plan *kind = &plan->kinds[i];

		if (!kind->wanted)
			continue;
		verdict(plan, kind, by, sizeof(by));
		cli_cell(t, "%s", kinds[i].title);
		cli_cell(t, "%u", kind->rules);
		cli_cell(t, "%s", by);
		cli_cell(t, "%s", kind->hooks[0] ? kind->hooks : kind->available ? "(below)" : "-");
		cli_cell(t, "%s", kinds[i].checked);
	}
	if (!rules)
		put_calls(plan);
	cli_table_print(t, stdout);
	cli_table_free(t);
	if (plan->entry.n)
		printf("\nBy seccomp: only a start can install or change it; a running container gets "
		       "all else.\nIts denials are no events; what it audits or kills is in the "
		       "kernel's audit log.\n");
	if (plan->coarse >= 0)
		printf("On ia32, where socketcall or ipc reaches it as well, %s and its like are "
		       "denied: no filter\nsees the arguments that the rules speak of.\n",
		       vk_syscalls[plan->coarse].name);
	if (plan->names.hooks[0] && image->needs & PATH_NEEDS)
		printf("\nto keep names of files true: %s\n", plan->names.hooks);
	if (plan->base.hooks[0])
		printf("\nfor every instance: %s\n", plan->base.hooks);
	if (plan->host.mechanism == VK_MECH_NONE)
		printf("\nThis host cannot enforce it: %s.\n%s%s%s", plan->host.reason,
		       plan->host.advice[0] ? "What to do: " : "", plan->host.advice,
		       plan->host.advice[0] ? ".\n" : "");
	else if (whole(plan))
		printf("\nThis host can enforce it whole.\n");
	else
		printf("\nThis host can enforce only a part, so it would not load.\n");
}

static void print_json(struct plan *plan, const struct vk_image *image,
		       const struct cli_policies *policies)
{
	json_t *o = json_object(), *list = json_array();

	plan->array = json_array();
	for (size_t i = 0; i < policies->n; i++)
		each_policy(policies->layers[i], put_rule, plan);
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind_plan *kind = &plan->kinds[i];
		json_t *k = json_object();

		if (!kind->wanted) {
			json_decref(k);
			continue;
		}
		cli_json_set(k, "what", cli_json_string(kinds[i].title));
		cli_json_set(k, "rules", json_integer(kind->rules));
		cli_json_set(k, "enforceable", json_boolean(kind->available));
		cli_json_set(k, "mechanism", cli_json_string(vk_mechanism_name(kind->mechanism)));
		cli_json_set(k, "hooks", cli_json_string(kind->hooks));
		cli_json_set(k, "missing", cli_json_string(kind->missing));
		cli_json_set(k, "cost", cli_json_string(cost_names[kinds[i].cost]));
		cli_json_set(k, "checked_at", cli_json_string(kinds[i].checked));
		cli_json_add(list, k);
	}
	if (plan->by_hook)
		put_call_kind(plan, list, false);
	if (plan->entry.n)
		put_call_kind(plan, list, true);
	cli_json_set(o, "enforceable", json_boolean(whole(plan)));
	cli_json_set(o, "mechanism", cli_json_string(vk_mechanism_name(plan->host.mechanism)));
	cli_json_set(o, "reason", cli_json_string(plan->host.reason));
	cli_json_set(o, "bytes", json_integer(image->size));
	cli_json_set(o, "class", cli_json_string(class_name(image)));
	cli_json_set(o, "states", json_integer(states(image)));
	cli_json_set(o, "filter", json_integer((json_int_t)plan->entry.n));
	cli_json_set(o, "kinds", list);
	cli_json_set(o, "rules", plan->array);
	cli_json_print(o, false);
}

static void make_plan(struct plan *plan, const struct vk_image *image,
		      const struct cli_policies *policies)
{
	vk_host_check(&plan->host);
	plan_kind(plan, 0, &plan->base);
	plan_names(plan);
	for (size_t i = 0; i < KINDS; i++) {
		plan->kinds[i].wanted = image->needs & kinds[i].need;
		if (plan->kinds[i].wanted)
			plan_kind(plan, kinds[i].need, &plan->kinds[i]);
	}
	for (size_t i = 0; i < policies->n; i++)
		each_policy(policies->layers[i], count_rule, plan);
}

static int plan_filter(struct plan *plan, const struct cli_policies *policies, struct vk_error *e)
{
	_cleanup_filter_ struct vk_filter f = {.coarse = -1};
	int r = vk_filter_make(cli_layers(policies), policies->n, &f, e);

	plan->coarse = f.coarse;
	return r < 0 ? r : vk_entry_make(cli_layers(policies), policies->n, &plan->entry, e);
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	_cleanup_free_ struct plan *plan = cli_alloc(1, sizeof(*plan));
	_cleanup_free_ struct vk_image *image = NULL;
	bool json = false, rules = false;
	struct vk_error e = {0};
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;) {
		json |= key == 'j';
		rules |= key == 'r';
	}

	char **files = cli_operands(cmd, argc, argv, 1, VK_MAX_LAYERS, &n);
	const char *words[VK_MAX_LAYERS];

	memcpy(words, files, n * sizeof(*words));
	if (cli_policies_load(&policies, words, n, &e) < 0 ||
	    vk_compile(cli_layers(&policies), policies.n, &image, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	if (plan_filter(plan, &policies, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	make_plan(plan, image, &policies);
	if (json)
		print_json(plan, image, &policies);
	else
		print_text(plan, image, &policies, rules);
	vk_entry_free(&plan->entry);
	return whole(plan) ? CLI_OK : CLI_FAIL;
}

const struct cli_command cli_policy_plan = {
	.name = "policy plan",
	.synopsis = "[--rules] [--json] POLICY...",
	.summary = "say what would enforce policies on this host",
	.details =
		"Compiles the policies as the layers of one instance and says, for each kind of\n"
		"operation they restrict, which kernel hooks would enforce it here, and when\n"
		"they run; or why it cannot be enforced here, and then the status is 1. Nothing\n"
		"is loaded. A hook that no policy needs is not attached, and costs nothing. Rules\n"
		"for system calls that no hook sees whole are enforced by a seccomp filter, which is\n"
		"installed at the start. With --rules, LIVE says what can be changed afterwards, and\n"
		"COST who pays: none; when used, which is rare; privileges; messages, connections and\n"
		"signals; file operations; reads and writes, of every process; all system calls.",
	.examples = "sudo vkernel policy plan web.yaml\n"
		    "sudo vkernel policy plan --rules web.yaml",
	.options = options,
	.run = run,
};
