// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * parse_syscalls.c - the section "syscalls".
 *
 * A list of names becomes one rule per call; alternatives in a condition become one rule each, so
 * that the conditions of a rule are a plain conjunction.
 */
#include <stdlib.h>
#include <string.h>

#include "parse_internal.h"
#include "syscalls.h"

#define ALTERNATIVES_MAX 64
#define NUMBER_MAX 511 /* beyond are numbers that mean something else on x32 */

/* The @out of the section's handlers. */
struct sys_state {
	bool has_default, has_unknown, has_allow;
	uint16_t err;
};

/* One conjunction. */
struct conds {
	uint8_t n;
	struct vk_sys_cond c[VK_SYS_CONDS];
};

static enum vk_sys_act act_of(const char *word)
{
	return strcmp(word, "allow") == 0 ? VK_SYS_ALLOW :
	       strcmp(word, "audit") == 0 ? VK_SYS_AUDIT :
	       strcmp(word, "kill") == 0  ? VK_SYS_KILL :
					    VK_SYS_DENY;
}

static int parse_errno(struct vk_parser *p, const struct vk_node *n, uint16_t *ret)
{
	const char *near;
	int r = vk_expect_scalar(p, n, "errno");

	if (r < 0 || vk_errno_parse(n->text, ret) == 0)
		return r;
	vk_mistake(p, n->pos, "unknown error \"%s\"", vk_show(n->text));
	near = vk_errno_nearest(n->text);
	if (near)
		vk_error_advise(p->e, "did you mean \"%s\"?", near);
	vk_error_advise(p->e, "errno(3) lists them; a number is from 1 to 4095");
	return -EINVAL;
}

static int parse_abis(struct vk_parser *p, const struct vk_node *list, uint8_t *ret)
{
	*ret = 0;
	vk_for_each_item(item, list)
	{
		int r = vk_expect_word(p, item, vk_abi_words, "an ABI");

		if (r < 0)
			return r;
		*ret |= (uint8_t)(1u << r);
	}
	return *ret ? 0 : vk_mistake(p, list->pos, "the list names no ABI");
}

/* What the caller knows of a rule before its calls are gone through. */
struct rule_head {
	enum vk_sys_act act;
	uint16_t err; /* 0: that of the section */
	uint8_t abis;
	const struct vk_node *when;
};

static int add_rule(struct vk_parser *p, const struct rule_head *head, int call, uint32_t nr,
		    const struct conds *conds, struct vk_pos pos)
{
	struct vk_sys_section *s = &p->policy->sys;
	struct vk_sys_rule *rule;
	int r = vk_grow(p, &s->rules, s->n_rules, sizeof(*rule), pos);

	if (r < 0)
		return r;
	rule = &s->rules[s->n_rules++];
	*rule = (struct vk_sys_rule){
		.verdict = {head->act, head->err},
		.call = call,
		.nr = nr,
		.abis = head->abis,
		.n_conds = conds->n,
		.pos = pos,
	};
	memcpy(rule->conds, conds->c, sizeof(rule->conds));
	return 0;
}

static int unknown_arg(struct vk_parser *p, const struct vk_node *key, int call)
{
	const char *words[16];

	vk_syscall_arg_words(call, words);
	vk_mistake(p, key->pos, "%s has no argument \"%s\"",
		   call < 0 ? "the call" : vk_syscalls[call].name, vk_show(key->text));
	vk_advise_words(p, key->text, words, "");
	return -EINVAL;
}

/* Every combination of the alternatives of @key and of the keys behind it. */
static int expand(struct vk_parser *p, const struct rule_head *head, int call, uint32_t nr,
		  const struct vk_node *key, const struct conds *so_far, unsigned int *n,
		  struct vk_pos pos)
{
	uint8_t arg, width;

	if (!key) {
		if (++*n > ALTERNATIVES_MAX)
			return vk_mistake(p, head->when->pos,
					  "the conditions have more than %d combinations",
					  ALTERNATIVES_MAX);
		return add_rule(p, head, call, nr, so_far, pos);
	}
	if (vk_syscall_arg(call, key->text, &arg, &width) < 0)
		return unknown_arg(p, key, call);
	if (key->val->type == VK_LIST && !key->val->child)
		return vk_mistake(p, key->val->pos, "\"%s\" is an empty list", vk_show(key->text));
	vk_for_each_item(item, key->val)
	{
		struct conds conds = *so_far;
		int r = vk_expect_scalar(p, item, "a condition");

		if (r < 0) {
			vk_error_advise(p->e,
					"write 5, \"!= 5\", \"& 0xff == 5\", or a list of such");
			return r;
		}
		r = vk_parse_condition(p, item, arg, width, conds.c, &conds.n);
		if (r == 0)
			r = expand(p, head, call, nr, key->next, &conds, n, pos);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_call(struct vk_parser *p, const struct rule_head *head, int call, uint32_t nr,
		    struct vk_pos pos)
{
	struct conds none = {0};
	unsigned int n = 0;
	bool exists = call < 0;

	for (int abi = 0; abi < VK_ABIS && !exists; abi++)
		exists = head->abis >> abi & 1 && vk_syscalls[call].nr[abi] >= 0;
	/* What is reached through socketcall or ipc only has a name, but no number. */
	if (!exists && head->abis != VK_ABIS_ALL && !(head->abis >> VK_ABI_IA32 & 1))
		return vk_mistake(p, pos, "there is no %s on the ABIs of this rule",
				  vk_syscalls[call].name);
	if (!head->when)
		return add_rule(p, head, call, nr, &none, pos);
	return expand(p, head, call, nr, head->when->child, &none, &n, pos);
}

static int add_group(struct vk_parser *p, const struct rule_head *head, const struct vk_node *n)
{
	const struct vk_syscall_group *group = vk_syscall_group_find(n->text + 1);
	const char *words[64], *at;
	size_t k = 0;
	int call, r = 0;

	if (!group) {
		for (; k < vk_n_syscall_groups && k < 63; k++)
			words[k] = vk_syscall_groups[k].name;
		words[k] = NULL;
		vk_mistake(p, n->pos, "unknown group \"%s\" of system calls", vk_show(n->text));
		vk_advise_words(p, n->text + 1, words, "vkernel policy groups lists them");
		return -EINVAL;
	}
	at = group->calls;
	while (r == 0 && (call = vk_syscall_group_next(&at)) >= 0)
		r = add_call(p, head, call, 0, n->pos);
	return r;
}

static int add_number(struct vk_parser *p, const struct rule_head *head, const struct vk_node *n)
{
	unsigned long nr;
	char *end;
	int call;

	nr = strtoul(n->text, &end, 10);
	if (*end || nr > NUMBER_MAX)
		return vk_mistake(p, n->pos, "\"%s\" is no number of a system call",
				  vk_show(n->text));
	call = nr >= VK_SYSCALL_COMMON ? vk_syscall_at(VK_ABI_X86_64, (uint32_t)nr) : -1;
	if (nr < VK_SYSCALL_COMMON || call >= 0) {
		vk_mistake(p, n->pos, "system call %lu has a name", nr);
		if (call >= 0)
			vk_error_advise(p->e, "write \"%s\"", vk_syscalls[call].name);
		vk_error_advise(p->e,
				"below %d a number means another call on every ABI: write "
				"the name",
				VK_SYSCALL_COMMON);
		return -EINVAL;
	}
	return add_call(p, head, -1, (uint32_t)nr, n->pos);
}

static int add_name(struct vk_parser *p, const struct rule_head *head, const struct vk_node *n)
{
	const char *words[600];
	int call, r = vk_expect_scalar(p, n, "a system call");

	if (r < 0)
		return r;
	if (*n->text == '@')
		return add_group(p, head, n);
	if (*n->text >= '0' && *n->text <= '9')
		return add_number(p, head, n);
	call = vk_syscall_find(n->text);
	if (call >= 0)
		return add_call(p, head, call, 0, n->pos);
	for (size_t i = 0; i < vk_n_syscalls && i < 599; i++)
		words[i] = vk_syscalls[i].name;
	words[vk_n_syscalls < 599 ? vk_n_syscalls : 599] = NULL;
	vk_mistake(p, n->pos, "unknown system call \"%s\"", vk_show(n->text));
	vk_advise_words(p, n->text, words,
			"a call that is newer than this vkernel is given by its number");
	return -EINVAL;
}

static int add_names(struct vk_parser *p, const struct rule_head *head, const struct vk_node *list,
		     struct sys_state *state)
{
	if (list->type == VK_MAP || (list->type == VK_LIST && !list->child))
		return vk_mistake(p, list->pos, "the rule names no system call");
	state->has_allow |= head->act == VK_SYS_ALLOW;
	vk_for_each_item(item, list)
	{
		int r = add_name(p, head, item);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_sys_calls(struct vk_parser *p, const struct vk_schema_key *row,
		       const struct vk_node *key, const struct vk_node *val, void *out)
{
	const struct rule_head head = {.act = act_of(row->key), .abis = VK_ABIS_ALL};

	(void)key;
	return add_names(p, &head, val, out);
}

static int parse_rule(struct vk_parser *p, const struct vk_node *n, struct sys_state *state)
{
	static const char *const acts[] = {"allow", "deny", "kill", "audit"};
	const struct vk_node *action = NULL, *calls = NULL, *abi, *err;
	struct rule_head head = {.abis = VK_ABIS_ALL};
	struct vk_kept kept = {0};
	int r = vk_parse_map(p, n, "syscalls.rules", "a rule for system calls", &kept);

	if (r < 0)
		return r;
	for (size_t i = 0; i < 4; i++) {
		const struct vk_node *k = vk_kept_key(&kept, acts[i]);

		if (k && action) {
			vk_mistake(p, k->pos,
				   "a rule has one of allow, deny, kill and audit; this one has "
				   "\"%s\" and \"%s\"",
				   action->text, k->text);
			vk_error_advise(p->e, "write a rule for each");
			return -EINVAL;
		}
		if (k) {
			action = k;
			calls = vk_kept_val(&kept, acts[i]);
		}
	}
	if (!action) {
		vk_mistake(p, n->pos, "the rule has none of allow, deny, kill and audit");
		vk_error_advise(p->e, "a rule looks like {deny: socket, when: {domain: AF_ALG}}");
		return -EINVAL;
	}
	head.act = act_of(action->text);
	err = vk_kept_val(&kept, "errno");
	if (err && head.act != VK_SYS_DENY)
		return vk_mistake(p, vk_kept_key(&kept, "errno")->pos,
				  "\"errno\" goes with \"deny\", not with \"%s\"", action->text);
	abi = vk_kept_val(&kept, "abi");
	head.when = vk_kept_val(&kept, "when");
	if (head.when && head.when->type != VK_MAP) {
		vk_mistake(p, head.when->pos, "\"when\" must be a map");
		vk_error_advise(p->e, "write {when: {domain: AF_ALG}} or {when: {arg0: \"< 5\"}}");
		return -EINVAL;
	}
	if (err)
		r = parse_errno(p, err, &head.err);
	if (r == 0 && abi)
		r = parse_abis(p, abi, &head.abis);
	return r < 0 ? r : add_names(p, &head, calls, state);
}

int vk_parse_sys_rules(struct vk_parser *p, const struct vk_schema_key *row,
		       const struct vk_node *key, const struct vk_node *val, void *out)
{
	(void)row;
	(void)key;
	vk_for_each_item(item, val)
	{
		int r = parse_rule(p, item, out);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_sys_verdict(struct vk_parser *p, const struct vk_schema_key *row,
			 const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_sys_section *s = &p->policy->sys;
	struct sys_state *state = out;
	struct vk_sys_verdict v;
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	if (r < 0)
		return r;
	v.act = act_of(val->text);
	v.err = 0;
	if (strcmp(val->text, "enosys") == 0)
		v.err = ENOSYS;
	if (strcmp(row->key, "default") == 0) {
		s->def = v;
		s->pos = val->pos;
		state->has_default = true;
	} else if (strcmp(row->key, "unknown") == 0) {
		s->unknown = v;
		s->unknown_pos = val->pos;
		state->has_unknown = true;
	} else {
		s->other = v;
	}
	return 0;
}

int vk_parse_sys_errno(struct vk_parser *p, const struct vk_schema_key *row,
		       const struct vk_node *key, const struct vk_node *val, void *out)
{
	(void)row;
	(void)key;
	return parse_errno(p, val, &((struct sys_state *)out)->err);
}

int vk_parse_sys_abis(struct vk_parser *p, const struct vk_schema_key *row,
		      const struct vk_node *key, const struct vk_node *val, void *out)
{
	(void)row;
	(void)key;
	(void)out;
	p->policy->sys.abis_pos = val->pos;
	return parse_abis(p, val, &p->policy->sys.abis);
}

int vk_parse_sys_strict(struct vk_parser *p, const struct vk_schema_key *row,
			const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->sys.strict = r == 1;
	return 0;
}

static void settle(struct vk_sys_verdict *v, uint16_t err)
{
	if (v->act == VK_SYS_DENY && !v->err)
		v->err = err;
}

int vk_parse_syscalls(struct vk_parser *p, const struct vk_schema_key *row,
		      const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_sys_section *s = &p->policy->sys;
	struct sys_state state = {.err = EPERM};
	int r;

	(void)out;
	*s = (struct vk_sys_section){
		.set = true, .other = {VK_SYS_KILL, 0}, .abis = VK_ABIS_ALL, .pos = key->pos};
	r = vk_parse_map(p, val, row->child, row->key, &state);
	if (r < 0)
		return r;
	/* To list what is allowed is to deny the rest; to list what is denied is not. */
	if (!state.has_default)
		s->def = (struct vk_sys_verdict){state.has_allow ? VK_SYS_DENY : VK_SYS_ALLOW, 0};
	if (!state.has_default && s->n_rules == 0 && s->abis == VK_ABIS_ALL && !state.has_unknown) {
		vk_mistake(p, key->pos, "\"%s\" has no default and names no call", row->key);
		vk_error_advise(p->e, "add \"deny: [...]\", or \"allow: [...]\"");
		return -EINVAL;
	}
	if (!state.has_unknown) {
		s->unknown = s->def;
		s->unknown.err = s->def.act == VK_SYS_DENY ? ENOSYS : 0;
		s->unknown_pos = s->pos;
	}
	settle(&s->def, state.err);
	settle(&s->unknown, state.err);
	settle(&s->other, state.err);
	for (size_t i = 0; i < s->n_rules; i++)
		settle(&s->rules[i].verdict, state.err);
	return 0;
}
