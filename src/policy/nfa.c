// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nfa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static const struct vk_charset lead2 = {.bits = {0, 0, 0, 0xffffffffu}};
static const struct vk_charset lead3 = {.bits = {0, 0, 0, 0xffffull << 32}};
static const struct vk_charset lead4 = {.bits = {0, 0, 0, 0xffull << 48}};
static const struct vk_charset follow = {.bits = {0, 0, UINT64_MAX, 0}};

int nfa_grow(void **array, size_t *cap, size_t n, size_t size)
{
	if (n <= *cap)
		return 0;
	size_t want = *cap + *cap / 2 + 64;

	if (want < n)
		want = n;
	void *p = reallocarray(*array, want, size);

	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = want;
	return 0;
}

static int new_node(struct nfa *a, uint8_t comp, uint32_t rule, uint32_t *ret)
{
	if (a->n_nodes >= NFA_NODES)
		return -E2BIG;
	if (nfa_grow((void **)&a->nodes, &a->cap_nodes, a->n_nodes + 1, sizeof(*a->nodes)) < 0)
		return -ENOMEM;
	*ret = (uint32_t)a->n_nodes++;
	a->nodes[*ret] = (struct nfa_node){
		.skip = {NFA_NONE, NFA_NONE, NFA_NONE, NFA_NONE},
		.first = NFA_NONE,
		.rule = rule,
		.comp = comp,
	};
	return 0;
}

static int add_edge(struct nfa *a, uint32_t from, uint32_t label, uint32_t to)
{
	if (nfa_grow((void **)&a->edges, &a->cap_edges, a->n_edges + 1, sizeof(*a->edges)) < 0)
		return -ENOMEM;
	a->edges[a->n_edges] = (struct nfa_edge){label, to, a->nodes[from].first};
	a->nodes[from].first = (uint32_t)a->n_edges++;
	return 0;
}

static int intern_set(struct nfa *a, const struct vk_charset *s, uint32_t *ret)
{
	for (size_t i = 0; i < a->n_sets; i++) {
		if (memcmp(a->sets[i].bits, s->bits, sizeof(s->bits)) == 0 &&
		    a->sets[i].wide == s->wide) {
			*ret = NFA_SET_LABEL + (uint32_t)i;
			return 0;
		}
	}
	if (nfa_grow((void **)&a->sets, &a->cap_sets, a->n_sets + 1, sizeof(*s)) < 0)
		return -ENOMEM;
	a->sets[a->n_sets] = *s;
	*ret = NFA_SET_LABEL + (uint32_t)a->n_sets++;
	return 0;
}

static int add_set_edge(struct nfa *a, uint32_t from, const struct vk_charset *s, uint32_t to)
{
	uint32_t label = 0;
	int r = intern_set(a, s, &label);

	return r < 0 ? r : add_edge(a, from, label, to);
}

/*
 * The node behind a wide set: UTF-8 sequences reach it through helpers. Every edge leads to a node
 * with a larger number, which is what lets nfa_reduce() work backwards in one pass.
 */
static int new_wide_target(struct nfa *a, uint32_t from, uint32_t rule, uint32_t *ret)
{
	const struct vk_charset *leads[] = {&lead4, &lead3, &lead2};
	uint8_t comp = a->nodes[from].comp;
	uint32_t h[4];

	for (size_t i = 0; i < 4; i++) {
		int r = new_node(a, comp, rule, &h[i]);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < 3; i++) {
		int r = add_set_edge(a, from, leads[i], h[i]);

		if (r == 0)
			r = add_set_edge(a, h[i], &follow, h[i + 1]);
		if (r < 0)
			return r;
	}
	*ret = h[3];
	return 0;
}

static int child_by_label(struct nfa *a, uint32_t from, uint32_t label, bool wide, uint32_t rule,
			  uint32_t *ret)
{
	for (uint32_t i = a->nodes[from].first; i != NFA_NONE; i = a->edges[i].next) {
		if (a->edges[i].label == label) {
			*ret = a->edges[i].to;
			return 0;
		}
	}
	int r = wide ? new_wide_target(a, from, rule, ret) :
		       new_node(a, a->nodes[from].comp, rule, ret);

	return r < 0 ? r : add_edge(a, from, label, *ret);
}

static int child_loop(struct nfa *a, uint32_t from, enum nfa_loop loop, uint32_t rule,
		      uint32_t *ret)
{
	size_t slot = loop == NFA_LOOP_STAR ? 0 : 1;

	if (a->nodes[from].skip[slot] == NFA_NONE) {
		uint32_t node = 0;
		int r = new_node(a, a->nodes[from].comp, rule, &node);

		if (r < 0)
			return r;
		a->nodes[node].loop = (uint8_t)loop;
		a->nodes[from].skip[slot] = node;
	}
	*ret = a->nodes[from].skip[slot];
	return 0;
}

/* DIRS: a looping node that leaves by "/", and the node behind it, which may be reached at once. */
static int child_dirs(struct nfa *a, uint32_t from, uint32_t rule, uint32_t *ret)
{
	if (a->nodes[from].skip[3] == NFA_NONE) {
		uint8_t comp = a->nodes[from].comp;
		uint32_t loop = 0, after = 0;
		int r = new_node(a, comp, rule, &loop);

		if (r == 0)
			r = new_node(a, comp, rule, &after);
		if (r == 0)
			r = add_edge(a, loop, '/', after);
		if (r < 0)
			return r;
		a->nodes[loop].loop = NFA_LOOP_ANY;
		a->nodes[from].skip[2] = loop;
		a->nodes[from].skip[3] = after;
	}
	*ret = a->nodes[from].skip[3];
	return 0;
}

struct adding {
	struct nfa *a;
	uint32_t root;
	uint32_t rule;
	struct nfa_masks accept;
};

static int add_alternative(const struct vk_atom *atoms, size_t n, const struct vk_charset *sets,
			   void *data)
{
	struct adding *add = data;
	struct nfa *a = add->a;
	uint32_t at = add->root, label = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct vk_atom *t = &atoms[i];

		switch (t->kind) {
		case VK_ATOM_BYTE:
			r = child_by_label(a, at, t->byte, false, add->rule, &at);
			break;
		case VK_ATOM_SET:
			r = intern_set(a, &sets[t->set], &label);
			if (r == 0)
				r = child_by_label(a, at, label, sets[t->set].wide, add->rule, &at);
			break;
		case VK_ATOM_DIRS:
			r = child_dirs(a, at, add->rule, &at);
			break;
		default:
			r = child_loop(a, at,
				       t->kind == VK_ATOM_STAR ? NFA_LOOP_STAR : NFA_LOOP_ANY,
				       add->rule, &at);
		}
	}
	if (r < 0)
		return r;
	a->nodes[at].accept.deny |= add->accept.deny;
	a->nodes[at].accept.allow |= add->accept.allow;
	a->nodes[at].accept.audit |= add->accept.audit;
	return 0;
}

/* What a rule can change: granting what is granted by default changes nothing. */
static struct nfa_masks rule_masks(const struct vk_component *c, const struct vk_path_rule *rule)
{
	struct nfa_masks m = {0};

	switch (rule->action) {
	case VK_ACTION_DENY:
		m.deny = rule->rights & VK_R_ALL;
		break;
	case VK_ACTION_ALLOW:
		m.allow = rule->rights & VK_R_ALL & ~c->def;
		break;
	case VK_ACTION_AUDIT:
		m.audit = rule->rights & VK_R_ALL;
		break;
	}
	return m;
}

static int add_rule(struct nfa *a, size_t comp, const struct vk_path_rule *rule, struct vk_error *e)
{
	const struct vk_policy *p = a->comps->c[comp].policy;
	struct adding add = {.a = a, .root = a->roots[comp], .rule = (uint32_t)a->n_rules};
	const char *why = "";
	size_t off = 0;

	add.accept = rule_masks(&a->comps->c[comp], rule);
	if (!(add.accept.deny | add.accept.allow | add.accept.audit))
		return 0;
	size_t cap = a->cap_rules;

	if (nfa_grow((void **)&a->rules, &cap, a->n_rules + 1, sizeof(*a->rules)) < 0 ||
	    nfa_grow((void **)&a->rule_comp, &a->cap_rules, a->n_rules + 1, 1) < 0)
		return vk_error_set(e, ENOMEM, "out of memory");
	a->rules[a->n_rules] = rule;
	a->rule_comp[a->n_rules++] = (uint8_t)comp;
	int r = vk_glob_expand(rule->glob, add_alternative, &add, &off, &why);

	if (r == -EINVAL)
		return vk_error_at(e, EINVAL, p->file, rule->pos.line,
				   rule->pos.column ? rule->pos.column + (uint32_t)off : 0,
				   "'%s': %s", rule->glob, why);
	if (r == -E2BIG)
		return vk_error_at(e, E2BIG, p->file, rule->pos.line, rule->pos.column,
				   "with '%s' the path rules need more than %u positions",
				   rule->glob, NFA_NODES);
	return r < 0 ? vk_error_set(e, ENOMEM, "out of memory") : 0;
}

int nfa_build(struct nfa *a, const struct vk_components *comps, struct vk_error *e)
{
	*a = (struct nfa){.comps = comps};
	for (size_t c = 0; c < comps->n; c++) {
		const struct vk_policy *p = comps->c[c].policy;

		if (new_node(a, (uint8_t)c, 0, &a->roots[c]) < 0)
			return vk_error_set(e, ENOMEM, "out of memory");
		for (size_t i = 0; i < p->n_paths; i++) {
			int r = add_rule(a, c, &p->paths[i], e);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

void nfa_done(struct nfa *a)
{
	free(a->nodes);
	free(a->edges);
	free(a->sets);
	free(a->rules);
	free(a->rule_comp);
	*a = (struct nfa){0};
}

int nfa_blame(const struct nfa *a, const uint32_t *rules, size_t n, struct vk_error *e,
	      const char *message, const char *these)
{
	char list[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && i < 3 && len < sizeof(list); i++) {
		const struct vk_path_rule *rule = a->rules[rules[i]];
		const struct vk_policy *p = a->comps->c[a->rule_comp[rules[i]]].policy;
		int k = snprintf(list + len, sizeof(list) - len, "%s%.80s:%u:%u '%.60s'",
				 i ? ", " : "", p->file ? p->file : p->name, rule->pos.line,
				 rule->pos.column, rule->glob);

		if (k < 0)
			break;
		len += (size_t)k;
	}
	const struct vk_path_rule *first = n ? a->rules[rules[0]] : NULL;
	const struct vk_policy *p = n ? a->comps->c[a->rule_comp[rules[0]]].policy : NULL;

	vk_error_at(e, E2BIG, p ? p->file : NULL, first ? first->pos.line : 0,
		    first ? first->pos.column : 0, "%s%s%s", message, n ? these : "", list);
	vk_error_advise(e,
			"use fewer wildcards that overlap, or name whole directories ('/dir/**')");
	return -E2BIG;
}
