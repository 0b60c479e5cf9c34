// SPDX-License-Identifier: LGPL-2.1-or-later
/* filter.c - see filter.h. */
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "components.h"
#include "cube.h"

static const struct vk_cube everything;
static const struct vk_sys_verdict allowed = {VK_SYS_ALLOW, 0};

static struct vk_sys_verdict stricter(struct vk_sys_verdict a, struct vk_sys_verdict b)
{
	return b.act > a.act ? b : a;
}

static bool same(struct vk_sys_verdict a, struct vk_sys_verdict b)
{
	return a.act == b.act && (a.act != VK_SYS_DENY || a.err == b.err);
}

/**
 * struct index - the rules of a section by what they are about, each kind in the document's order
 * @begin: by call + 1, where its rules begin in @rule; 0: calls without a name. One more: the end
 * @rule:  numbers of rules
 */
struct index {
	uint32_t *begin;
	uint32_t *rule;
};

/**
 * struct source - all that is said
 * @index: of each component
 * @mux:   what is said of socketcall and ipc on ia32, where it was asked for: each call that is
 *         reached through them needs it
 */
struct source {
	struct vk_components comps;
	struct index index[VK_MAX_COMPONENTS];
	struct vk_parts mux[2];
};

static void source_free(struct source *src)
{
	for (size_t i = 0; i < src->comps.n; i++) {
		free(src->index[i].begin);
		free(src->index[i].rule);
	}
	vk_parts_free(&src->mux[0]);
	vk_parts_free(&src->mux[1]);
}

/*
 * Profiles of engines have hundreds of rules, each for one call, and all are asked about each call:
 * who looked at all of them would take a hundred times as long.
 */
static int fill_index(struct index *x, const struct vk_sys_section *s)
{
	x->begin = calloc(vk_n_syscalls + 2, sizeof(*x->begin));
	x->rule = calloc(s->n_rules + 1, sizeof(*x->rule));
	if (!x->begin || !x->rule)
		return -ENOMEM;
	/* How many, then where each kind ends, which becomes where it begins. */
	for (size_t i = 0; i < s->n_rules; i++)
		x->begin[s->rules[i].call + 1]++;
	for (size_t call = 1; call < vk_n_syscalls + 2; call++)
		x->begin[call] += x->begin[call - 1];
	for (size_t i = s->n_rules; i-- > 0;)
		x->rule[--x->begin[s->rules[i].call + 1]] = (uint32_t)i;
	return 0;
}

/* A call on an ABI, whose arguments are being divided. */
struct ask {
	enum vk_abi abi;
	int call; /* -1: only a number */
	uint32_t nr;
};

/* A hook looks after it, and nothing more was asked for. */
static bool left_to_hook(const struct vk_sys_section *s, const struct vk_sys_rule *rule)
{
	return rule->by_hook && !s->strict && s->def.act == VK_SYS_ALLOW;
}

/* Whether a call is many in one, told apart by its first argument; only ia32 has them. */
static bool is_mux(int call)
{
	const char *name = vk_syscalls[call].name;

	return !strcmp(name, "ipc") || !strcmp(name, "socketcall");
}

/* Adds the arguments of @ask that @rule speaks of; see muxed() of explain_syscalls.c. */
static int cubes_of(const struct vk_sys_rule *rule, const struct ask *ask, struct vk_parts *ret)
{
	struct vk_cube cube = everything;
	int mux, nr;

	if (!(rule->abis >> ask->abi & 1))
		return 0;
	if (rule->call < 0 || ask->call < 0)
		return rule->call < 0 && ask->call < 0 && rule->nr == ask->nr ?
			       vk_cubes_of(rule->conds, rule->n_conds, ret) :
			       0;
	if (rule->call == ask->call)
		return vk_cubes_of(rule->conds, rule->n_conds, ret);
	nr = ask->abi == VK_ABI_IA32 ? vk_syscall_mux(rule->call, &mux) : -1;
	if (nr < 0 || mux != ask->call)
		return 0;
	if (rule->n_conds && (rule->verdict.act < VK_SYS_DENY || rule->by_hook))
		return 0;
	cube.arg[0] = (struct vk_span){VK_SPAN_RANGE, (uint64_t)nr, (uint64_t)nr};
	return vk_parts_add(ret, allowed, &cube);
}

static int take_rule(const struct vk_sys_rule *rule, const struct ask *ask, struct vk_parts *rest,
		     struct vk_parts *to)
{
	_cleanup_parts_ struct vk_parts cubes = {.max = rest->max};
	int r = cubes_of(rule, ask, &cubes);

	for (size_t k = 0; k < cubes.n && r == 0; k++)
		r = vk_parts_take(rest, &cubes.part[k].cube, rule->verdict, to);
	return r;
}

/* Moves what the rules of one kind speak of from @rest to @to. */
static int take_rules(const struct vk_sys_section *s, const struct index *x, const struct ask *ask,
		      enum vk_sys_act act, struct vk_parts *rest, struct vk_parts *to)
{
	bool any = ask->abi == VK_ABI_IA32 && ask->call >= 0 && is_mux(ask->call);
	size_t i = any ? 0 : x->begin[ask->call + 1];
	size_t end = any ? s->n_rules : x->begin[ask->call + 2];
	int r = 0;

	for (; i < end && r == 0; i++) {
		const struct vk_sys_rule *rule = &s->rules[any ? i : x->rule[i]];

		if (rule->verdict.act == act && !left_to_hook(s, rule))
			r = take_rule(rule, ask, rest, to);
	}
	return r;
}

static bool is_named(const struct vk_sys_section *s, const struct index *x, const struct ask *ask)
{
	if (ask->call >= 0)
		return true;
	for (size_t i = x->begin[0]; i < x->begin[1]; i++)
		if (s->rules[x->rule[i]].nr == ask->nr)
			return true;
	return false;
}

/* What one policy says about all arguments of a call. */
static int divide(const struct vk_sys_section *s, const struct index *x, const struct ask *ask,
		  struct vk_parts *to)
{
	_cleanup_parts_ struct vk_parts rest = {.max = to->max}, granted = {.max = to->max};
	struct vk_sys_verdict def = is_named(s, x, ask) ? s->def : s->unknown;
	int r;

	if (!(s->abis >> ask->abi & 1))
		return vk_parts_add(to, s->other, &everything);
	r = vk_parts_add(&rest, def, &everything);
	if (r == 0)
		r = take_rules(s, x, ask, VK_SYS_KILL, &rest, to);
	if (r == 0)
		r = take_rules(s, x, ask, VK_SYS_DENY, &rest, to);
	if (r == 0 && def.act >= VK_SYS_DENY)
		r = take_rules(s, x, ask, VK_SYS_ALLOW, &rest, &granted);
	/* What is still there follows the default. */
	for (size_t i = 0; i < rest.n && r == 0; i++)
		r = vk_parts_add(def.act >= VK_SYS_DENY ? to : &granted, def, &rest.part[i].cube);
	if (r == 0)
		r = take_rules(s, x, ask, VK_SYS_AUDIT, &granted, to);
	for (size_t i = 0; i < granted.n && r == 0; i++)
		r = vk_parts_add(to, allowed, &granted.part[i].cube);
	return r;
}

/* One part where all say the same. */
static void join(struct vk_parts *p)
{
	for (size_t i = 1; i < p->n; i++)
		if (!same(p->part[0].verdict, p->part[i].verdict))
			return;
	p->n = 1;
	p->part[0].cube = everything;
}

static int conjunction(struct vk_parts *all, const struct vk_parts *one)
{
	_cleanup_parts_ struct vk_parts both = {.max = all->max};
	int r = 0;

	for (size_t a = 0; a < all->n && r == 0; a++)
		for (size_t b = 0; b < one->n && r == 0; b++)
			r = vk_parts_meet(&all->part[a].cube, &one->part[b].cube,
					  stricter(all->part[a].verdict, one->part[b].verdict),
					  &both);
	if (r < 0)
		return r;
	join(&both);
	vk_parts_free(all);
	*all = both;
	both = (struct vk_parts){0};
	return 0;
}

/* What an audit layer denies is let through and reported. */
static void soften(struct vk_parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->part[i].verdict.act >= VK_SYS_DENY)
			p->part[i].verdict = (struct vk_sys_verdict){VK_SYS_AUDIT, 0};
}

static int divide_all(const struct source *src, const struct ask *ask, struct vk_parts *ret)
{
	const struct vk_components *comps = &src->comps;
	int r;

	/* Where registers have 64 bits and arguments 32, libseccomp looks at 32. */
	ret->max = ask->abi == VK_ABI_X86_64 ? UINT64_MAX : UINT32_MAX;
	r = vk_parts_add(ret, allowed, &everything);
	for (size_t i = 0; i < comps->n && r == 0; i++) {
		_cleanup_parts_ struct vk_parts one = {.max = ret->max};

		if (!comps->c[i].policy->sys.set)
			continue;
		r = divide(&comps->c[i].policy->sys, &src->index[i], ask, &one);
		if (comps->c[i].mode == VK_MODE_AUDIT)
			soften(&one);
		join(&one);
		if (r == 0)
			r = conjunction(ret, &one);
	}
	return r;
}

/* ---- rules of parts ---- */

static int append(struct vk_filter *f, const struct vk_filter_rule *rule)
{
	if (!(f->n_rules & (f->n_rules - 1))) {
		size_t room = f->n_rules ? 2 * f->n_rules : 1;
		struct vk_filter_rule *rules = reallocarray(f->rules, room, sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		f->rules = rules;
	}
	f->rules[f->n_rules++] = *rule;
	return 0;
}

/* A rule under construction, one argument after the other. */
struct making {
	struct vk_filter *f;
	struct vk_filter_rule rule;
	const struct vk_cube *cube;
	uint64_t max;
	uint8_t arg;
};

static int make_rule(struct making *m);

static int on_block(const struct vk_span *block, void *data)
{
	struct making next = *(struct making *)data;

	next.rule.args[next.rule.n_args++] =
		(struct vk_filter_arg){next.arg, VK_SYS_MASK_EQ, block->a, block->b};
	next.arg++;
	return make_rule(&next);
}

/* A range that has two ends is blocks: there can be but one comparison for an argument. */
static int make_rule(struct making *m)
{
	const struct vk_span *s;
	struct vk_filter_arg *a;

	while (m->arg < 6 && m->cube->arg[m->arg].kind == VK_SPAN_ANY)
		m->arg++;
	if (m->arg == 6)
		return append(m->f, &m->rule);
	s = &m->cube->arg[m->arg];
	if (s->kind == VK_SPAN_RANGE && s->a != s->b && s->a && s->b != m->max)
		return vk_span_blocks(s, m->max, on_block, m);
	a = &m->rule.args[m->rule.n_args++];
	*a = (struct vk_filter_arg){m->arg, VK_SYS_MASK_EQ, s->a, s->b};
	if (s->kind == VK_SPAN_RANGE)
		*a = (struct vk_filter_arg){
			.arg = m->arg,
			.op = s->a == s->b ? VK_SYS_EQ :
			      s->a	   ? VK_SYS_GE :
					     VK_SYS_LE,
			.value = s->a ? s->a : s->b,
		};
	m->arg++;
	return make_rule(m);
}

static int add_rule(struct vk_filter *f, const struct ask *ask, struct vk_sys_verdict v,
		    const struct vk_cube *cube, uint64_t max)
{
	struct making m = {
		.f = f,
		.rule = {.abi = ask->abi, .call = ask->call, .nr = ask->nr, .verdict = v},
		.cube = cube,
		.max = max,
	};

	return make_rule(&m);
}

/* The only argument that a cube speaks of; -1: there are several, or none. */
static int only_arg(const struct vk_cube *cube)
{
	int arg = -1;

	for (int a = 0; a < 6; a++) {
		if (cube->arg[a].kind == VK_SPAN_ANY)
			continue;
		if (arg >= 0)
			return -1;
		arg = a;
	}
	return arg;
}

/* Two parts of one verdict around one number: "!=" says it in one rule. */
static bool is_hole(const struct vk_parts *p, size_t i, size_t *ret_other,
		    struct vk_filter_arg *ret)
{
	int arg = only_arg(&p->part[i].cube);
	const struct vk_span *s = arg < 0 ? NULL : &p->part[i].cube.arg[arg];

	if (!s || s->kind != VK_SPAN_RANGE || s->a != 0 || s->b > p->max - 2)
		return false;
	for (size_t k = 0; k < p->n; k++) {
		const struct vk_span *t = &p->part[k].cube.arg[arg];

		if (only_arg(&p->part[k].cube) == arg && t->kind == VK_SPAN_RANGE &&
		    t->a == s->b + 2 && t->b == p->max &&
		    same(p->part[k].verdict, p->part[i].verdict)) {
			*ret_other = k;
			*ret = (struct vk_filter_arg){(uint8_t)arg, VK_SYS_NE, 0, s->b + 1};
			return true;
		}
	}
	return false;
}

static int add_parts(struct vk_filter *f, const struct ask *ask, struct vk_parts *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++) {
		struct vk_filter_rule rule = {
			.abi = ask->abi, .call = ask->call, .nr = ask->nr, .n_args = 1};
		size_t other;

		if (same(p->part[i].verdict, f->def))
			continue;
		if (!is_hole(p, i, &other, &rule.args[0])) {
			r = add_rule(f, ask, p->part[i].verdict, &p->part[i].cube, p->max);
			continue;
		}
		rule.verdict = p->part[i].verdict;
		r = append(f, &rule);
		p->part[other].verdict = f->def; /* said already */
	}
	return r;
}

/*
 * ia32, and the calls that are also reached through socketcall or ipc. libseccomp makes, for each
 * rule about such a call, one about the multiplexer, without the conditions; of two that differ it
 * refuses the second. Where that is not what the policy says, the call gets its strictest verdict
 * whatever its arguments are: to deny is what a filter that cannot look may do.
 */
static void settle_muxed(struct vk_filter *f, const struct ask *ask, struct vk_parts *p,
			 const struct vk_parts *mux, int nr)
{
	struct vk_sys_verdict through = f->def, by_name = f->def, all = p->part[0].verdict;
	bool one = true;

	for (size_t i = 0; i < mux->n; i++)
		if (vk_span_has(&mux->part[i].cube.arg[0], (uint64_t)nr))
			through = mux->part[i].verdict;
	for (size_t i = 0; i < p->n; i++) {
		struct vk_sys_verdict v = p->part[i].verdict;

		all = stricter(all, v);
		if (same(v, f->def))
			continue;
		one = one && (same(by_name, f->def) || same(by_name, v));
		by_name = v;
	}
	/* A rule about the multiplexer as a whole is there before, and takes the place of others. */
	if (one && (same(by_name, through) || (mux->n == 1 && !same(through, f->def))))
		return;
	if (f->coarse < 0)
		f->coarse = ask->call;
	p->n = 1;
	p->part[0] = (struct vk_part){stricter(all, through), everything};
}

/* What is said of @call on ia32, where it is a multiplexer. */
static int divide_mux(struct source *src, int call, const struct vk_parts **ret)
{
	const struct ask ask = {VK_ABI_IA32, call, 0};
	struct vk_parts *p = &src->mux[!strcmp(vk_syscalls[call].name, "ipc")];

	*ret = p;
	return p->n ? 0 : divide_all(src, &ask, p);
}

static int add_call(struct vk_filter *f, struct source *src, const struct ask *ask)
{
	_cleanup_parts_ struct vk_parts p = {0};
	int mux = -1, nr = -1, r = divide_all(src, ask, &p);

	if (r == 0 && ask->abi == VK_ABI_IA32 && ask->call >= 0)
		nr = vk_syscall_mux(ask->call, &mux);
	if (nr >= 0) {
		const struct vk_parts *through;

		r = divide_mux(src, mux, &through);
		if (r == 0)
			settle_muxed(f, ask, &p, through, nr);
	}
	return r < 0 ? r : add_parts(f, ask, &p);
}

/* ---- the filter as a whole ---- */

/* What becomes of numbers that nothing speaks of, and of ABIs. */
static int make_defaults(struct vk_filter *f, const struct source *src)
{
	const struct vk_components *comps = &src->comps;
	struct vk_sys_verdict def[VK_ABIS];
	int r = 0;

	f->other = (struct vk_sys_verdict){VK_SYS_KILL, 0};
	f->abis = VK_ABIS_ALL;
	for (int abi = 0; abi < VK_ABIS && r == 0; abi++) {
		_cleanup_parts_ struct vk_parts p = {0};
		const struct ask ask = {(enum vk_abi)abi, -1, UINT32_MAX};
		bool closed = false;

		r = divide_all(src, &ask, &p);
		if (r < 0)
			break;
		def[abi] = p.part[0].verdict;
		for (size_t i = 0; i < comps->n; i++)
			closed |= comps->c[i].policy->sys.set &&
				  comps->c[i].mode != VK_MODE_AUDIT &&
				  !(comps->c[i].policy->sys.abis >> abi & 1);
		if (!closed)
			continue;
		f->other = f->abis == VK_ABIS_ALL ? def[abi] : stricter(f->other, def[abi]);
		f->abis &= (uint8_t) ~(1u << abi);
	}
	f->def = allowed;
	for (int abi = 0; abi < VK_ABIS && r == 0; abi++)
		if (f->abis >> abi & 1)
			f->def = stricter(f->def, def[abi]);
	return r;
}

/* Calls without a name that some rule gives by number, in order, without repetition. */
static int add_numbers(struct vk_filter *f, struct source *src, enum vk_abi abi)
{
	const struct vk_components *comps = &src->comps;
	uint64_t seen[16] = {0};
	int r = 0;

	for (size_t i = 0; i < comps->n; i++) {
		const struct vk_sys_section *s = &comps->c[i].policy->sys;

		for (size_t k = 0; k < s->n_rules; k++)
			if (s->rules[k].call < 0 && s->rules[k].nr < 1024)
				seen[s->rules[k].nr / 64] |= UINT64_C(1) << s->rules[k].nr % 64;
	}
	for (uint32_t nr = 0; nr < 1024 && r == 0; nr++) {
		const struct ask ask = {abi, -1, nr};

		if (seen[nr / 64] >> nr % 64 & 1)
			r = add_call(f, src, &ask);
	}
	return r;
}

static int make_rules(struct vk_filter *f, struct source *src, struct vk_error *e)
{
	int r = 0;

	for (int abi = 0; abi < VK_ABIS && r == 0; abi++) {
		if (!(f->abis >> abi & 1))
			continue;
		/* socketcall and ipc first: see settle_muxed(). */
		for (size_t k = 0; k < vk_n_syscalls + 2 && r == 0; k++) {
			size_t i =
				k < 2 ? (size_t)vk_syscall_find(k ? "ipc" : "socketcall") : k - 2;
			const struct ask ask = {(enum vk_abi)abi, (int)i, 0};
			int mux;

			if (k >= 2 && is_mux((int)i))
				continue;
			if (vk_syscalls[i].nr[abi] < 0 &&
			    (abi != VK_ABI_IA32 || vk_syscall_mux((int)i, &mux) < 0))
				continue;
			r = add_call(f, src, &ask);
			if (r == -E2BIG)
				return vk_error_set(e, E2BIG,
						    "the conditions on %s are too many together",
						    vk_syscalls[i].name);
		}
		if (r == 0)
			r = add_numbers(f, src, (enum vk_abi)abi);
	}
	return r;
}

/* Most policies have only rules that hooks look after, and most containers start under one. */
static bool says_nothing(const struct vk_sys_section *s)
{
	if (!s->set)
		return true;
	if (s->def.act != VK_SYS_ALLOW || s->unknown.act != VK_SYS_ALLOW || s->abis != VK_ABIS_ALL)
		return false;
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].verdict.act != VK_SYS_ALLOW && !left_to_hook(s, &s->rules[i]))
			return false;
	return true;
}

static bool all_say_nothing(const struct vk_components *comps)
{
	for (size_t i = 0; i < comps->n; i++)
		if (!says_nothing(&comps->c[i].policy->sys))
			return false;
	return true;
}

int vk_filter_make(const struct vk_policy *const *layers, size_t n, struct vk_filter *ret,
		   struct vk_error *e)
{
	_cleanup_filter_ struct vk_filter f = {.coarse = -1};
	vk_cleanup(source_free) struct source src = {0};
	int r = vk_components_fill(layers, n, &src.comps, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < src.comps.n && r == 0; i++)
		r = fill_index(&src.index[i], &src.comps.c[i].policy->sys);
	if (r == 0)
		r = make_defaults(&f, &src);
	if (r == 0 && !all_say_nothing(&src.comps))
		r = make_rules(&f, &src, e);
	if (r == -E2BIG)
		return vk_error_set(e, E2BIG, "the conditions on a system call are too many");
	if (r < 0)
		return vk_error_set(e, -r, "out of memory");
	f.needed = f.n_rules || f.abis != VK_ABIS_ALL || f.def.act != VK_SYS_ALLOW;
	*ret = f;
	f = (struct vk_filter){0};
	return 0;
}

void vk_filter_free(struct vk_filter *f)
{
	free(f->rules);
	*f = (struct vk_filter){.coarse = -1};
}

static bool arg_holds(const struct vk_filter_arg *a, const uint64_t args[6])
{
	uint64_t v = args[a->arg];

	return a->op == VK_SYS_NE ? v != a->value :
	       a->op == VK_SYS_EQ ? v == a->value :
	       a->op == VK_SYS_LE ? v <= a->value :
	       a->op == VK_SYS_GE ? v >= a->value :
				    (v & a->mask) == a->value;
}

struct vk_sys_verdict vk_filter_run(const struct vk_filter *f, enum vk_abi abi, uint32_t nr,
				    const uint64_t args[6])
{
	int call = vk_syscall_at(abi, nr);

	if (!(f->abis >> abi & 1))
		return f->other;
	for (size_t i = 0; i < f->n_rules; i++) {
		const struct vk_filter_rule *rule = &f->rules[i];
		bool match =
			rule->abi == abi && rule->call == call && (call >= 0 || rule->nr == nr);

		for (uint8_t k = 0; k < rule->n_args && match; k++)
			match = arg_holds(&rule->args[k], args);
		if (match)
			return rule->verdict;
	}
	return f->def;
}
