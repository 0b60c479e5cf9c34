// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * filter_json.c - a filter as linux.seccomp of the OCI, which container runtimes install.
 *
 * There, a rule is about a name and holds on every ABI. Where the ABIs differ in what they say of a
 * call, the strictest verdict takes the place of all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cube.h"
#include "filter.h"
#include "import.h"

/* The arguments that a rule speaks of, as an ABI of 32 bits has them. */
static int cubes_of(const struct vk_filter_rule *rule, struct vk_parts *ret)
{
	struct vk_cube cube = {0}, above;

	ret->max = UINT32_MAX;
	for (uint8_t i = 0; i < rule->n_args; i++) {
		const struct vk_filter_arg *a = &rule->args[i];
		struct vk_span *s = &cube.arg[a->arg];

		if (a->op == VK_SYS_MASK_EQ)
			*s = (struct vk_span){VK_SPAN_BITS, a->mask, a->value};
		else if (a->op == VK_SYS_EQ)
			*s = (struct vk_span){VK_SPAN_RANGE, a->value, a->value};
		else if (a->op == VK_SYS_LE)
			*s = (struct vk_span){VK_SPAN_RANGE, 0, a->value};
		else if (a->op == VK_SYS_GE)
			*s = (struct vk_span){VK_SPAN_RANGE, a->value, UINT32_MAX};
		else if (rule->n_args > 1 || !a->value || a->value == UINT32_MAX)
			return -ENOTSUP;
		else
			*s = (struct vk_span){VK_SPAN_RANGE, 0, a->value - 1};
		if (s->kind == VK_SPAN_BITS && s->a == UINT32_MAX)
			*s = (struct vk_span){VK_SPAN_RANGE, s->b, s->b};
	}
	if (rule->n_args == 1 && rule->args[0].op == VK_SYS_NE) {
		above = cube;
		above.arg[rule->args[0].arg] =
			(struct vk_span){VK_SPAN_RANGE, rule->args[0].value + 1, UINT32_MAX};
		if (vk_parts_add(ret, rule->verdict, &above) < 0)
			return -ENOMEM;
	}
	return vk_parts_add(ret, rule->verdict, &cube);
}

/* Whether what @a says of any arguments, some rules of @list say, too. */
static bool said_by(const struct vk_filter_rule *a, const struct vk_filter_rule *list, size_t n)
{
	_cleanup_parts_ struct vk_parts rest = {0}, taken = {.max = UINT32_MAX};

	if (cubes_of(a, &rest) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		_cleanup_parts_ struct vk_parts cubes = {0};

		if (list[i].verdict.act != a->verdict.act || list[i].verdict.err != a->verdict.err)
			continue;
		if (cubes_of(&list[i], &cubes) < 0)
			return false;
		for (size_t k = 0; k < cubes.n; k++)
			if (vk_parts_take(&rest, &cubes.part[k].cube, a->verdict, &taken) < 0)
				return false;
	}
	return rest.n == 0;
}

static bool same_rule(const struct vk_filter_rule *a, const struct vk_filter_rule *b)
{
	if (!vk_sys_verdict_equal(a->verdict, b->verdict) || a->n_args != b->n_args)
		return false;
	for (uint8_t i = 0; i < a->n_args; i++)
		if (a->args[i].arg != b->args[i].arg || a->args[i].op != b->args[i].op ||
		    a->args[i].mask != b->args[i].mask || a->args[i].value != b->args[i].value)
			return false;
	return true;
}

/* As nearly all of them are. */
static bool same_words(const struct vk_filter_rule *a, size_t n, const struct vk_filter_rule *b,
		       size_t k)
{
	for (size_t i = 0; i < n && n == k; i++)
		if (!same_rule(&a[i], &b[i]))
			return false;
	return n == k;
}

/* Whether two lists say the same of arguments of 32 bits, with no word about others. */
static bool same_lists(const struct vk_filter_rule *a, size_t n, const struct vk_filter_rule *b,
		       size_t k)
{
	for (size_t i = 0; i < n; i++)
		for (uint8_t arg = 0; arg < a[i].n_args; arg++)
			if ((a[i].args[arg].value | a[i].args[arg].mask) > UINT32_MAX)
				return false;
	if (same_words(a, n, b, k))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!said_by(&a[i], b, k))
			return false;
	for (size_t i = 0; i < k; i++)
		if (!said_by(&b[i], a, n))
			return false;
	return true;
}

/* The rules of one call on one ABI. */
struct list {
	const struct vk_filter_rule *rules;
	size_t n;
};

/* By call, then by ABI; NULL: no memory. Such rules are side by side in the filter. */
static struct list *lists_of(const struct vk_filter *f)
{
	struct list *lists = calloc(vk_n_syscalls * VK_ABIS, sizeof(*lists));

	for (size_t i = 0; lists && i < f->n_rules; i++) {
		const struct vk_filter_rule *rule = &f->rules[i];
		struct list *l;

		if (rule->call < 0)
			continue;
		l = &lists[rule->call * VK_ABIS + (int)rule->abi];
		if (l->n++ == 0)
			l->rules = rule;
	}
	return lists;
}

static bool on_abi(const struct vk_filter *f, enum vk_abi abi, int call)
{
	int mux;

	return f->abis >> abi & 1 && (vk_syscalls[call].nr[abi] >= 0 ||
				      (abi == VK_ABI_IA32 && vk_syscall_mux(call, &mux) >= 0));
}

/* Whether all ABIs that have the call say the same of it: then *ret is what one of them says. */
static bool agree(const struct vk_filter *f, int call, const struct list lists[VK_ABIS],
		  struct list *ret)
{
	bool found = false;

	for (int abi = 0; abi < VK_ABIS; abi++) {
		const struct list *l = &lists[abi];

		if (!on_abi(f, (enum vk_abi)abi, call))
			continue;
		if (!found) {
			found = true;
			*ret = *l;
			continue;
		}
		if (!same_lists(ret->rules, ret->n, l->rules, l->n))
			return false;
	}
	return found;
}

/* The strictest of what the ABIs say, for some arguments or others. */
static struct vk_sys_verdict strictest(const struct vk_filter *f, int call,
				       const struct list lists[VK_ABIS])
{
	struct vk_sys_verdict v = {VK_SYS_ALLOW, 0};

	for (int abi = 0; abi < VK_ABIS; abi++) {
		const struct vk_filter_rule *rules = lists[abi].rules;
		size_t n = lists[abi].n;
		/* Without a rule for all arguments, some follow the default. */
		bool all = n && rules[0].n_args == 0;

		if (!on_abi(f, (enum vk_abi)abi, call))
			continue;
		for (size_t i = 0; i < n; i++)
			v = rules[i].verdict.act > v.act ? rules[i].verdict : v;
		if (!all && f->def.act > v.act)
			v = f->def;
	}
	return v;
}

static const char *action_of(struct vk_sys_verdict v)
{
	static const char *const words[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_ERRNO",
					    "SCMP_ACT_KILL_PROCESS"};

	return words[v.act];
}

/* Ends what is between the brackets of "names". */
static void put_action(FILE *f, struct vk_sys_verdict v)
{
	fprintf(f, "], \"action\": \"%s\"", action_of(v));
	if (v.act == VK_SYS_DENY)
		fprintf(f, ", \"errnoRet\": %u", v.err);
}

static void begin_rule(FILE *f, bool *first)
{
	fprintf(f, "%s    {\"names\": [", *first ? "\n" : ",\n");
	*first = false;
}

static void put_args(FILE *f, const struct vk_filter_rule *rule)
{
	for (uint8_t i = 0; i < rule->n_args; i++) {
		const struct vk_filter_arg *a = &rule->args[i];
		bool masked = a->op == VK_SYS_MASK_EQ;

		fprintf(f, "%s{\"index\": %u, \"value\": %" PRIu64, i ? ", " : ", \"args\": [",
			a->arg, masked ? a->mask : a->value);
		if (masked)
			fprintf(f, ", \"valueTwo\": %" PRIu64, a->value);
		fprintf(f, ", \"op\": \"%s\"}",
			masked		   ? "SCMP_CMP_MASKED_EQ" :
			a->op == VK_SYS_EQ ? "SCMP_CMP_EQ" :
			a->op == VK_SYS_NE ? "SCMP_CMP_NE" :
			a->op == VK_SYS_LE ? "SCMP_CMP_LE" :
					     "SCMP_CMP_GE");
	}
	fputs(rule->n_args ? "]}" : "}", f);
}

/* JSON has numbers up to 2^53 for everybody, and runtimes up to 2^63 or 2^64. */
static bool too_large(const struct vk_filter_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (uint8_t k = 0; k < rules[i].n_args; k++)
			if ((rules[i].args[k].value | rules[i].args[k].mask) >> 63)
				return true;
	return false;
}

/**
 * struct said - what is said of a call
 * @by_args: what @list says; else the one verdict for all arguments
 * @put:     it has been said
 */
struct said {
	struct list list;
	struct vk_sys_verdict verdict;
	bool by_args;
	bool put;
};

static struct said say(const struct vk_filter *filter, int call, const struct list lists[VK_ABIS])
{
	struct said s = {.verdict = filter->def};

	if (!agree(filter, call, lists, &s.list) || too_large(s.list.rules, s.list.n))
		s.verdict = strictest(filter, call, lists);
	else if (s.list.n == 1 && s.list.rules[0].n_args == 0)
		s.verdict = s.list.rules[0].verdict;
	else
		s.by_args = s.list.n;
	s.put = !s.by_args && vk_sys_verdict_equal(s.verdict, filter->def);
	return s;
}

static void put_by_args(FILE *f, const char *name, const struct list *l, bool *first)
{
	for (size_t i = 0; i < l->n; i++) {
		begin_rule(f, first);
		fprintf(f, "\"%s\"", name);
		put_action(f, l->rules[i].verdict);
		put_args(f, &l->rules[i]);
	}
}

/* One rule for all the calls that have the same verdict as the one at @from: runtimes parse the
 * profile and pass it on, some of them more than once. */
static void put_alike(FILE *f, struct said *all, size_t from, bool *first)
{
	const struct vk_sys_verdict v = all[from].verdict;

	begin_rule(f, first);
	for (size_t i = from; i < vk_n_syscalls; i++) {
		if (all[i].put || all[i].by_args || !vk_sys_verdict_equal(all[i].verdict, v))
			continue;
		fprintf(f, "%s\"%s\"", i == from ? "" : ", ", vk_syscalls[i].name);
		all[i].put = true;
	}
	put_action(f, v);
	fputc('}', f);
}

int vk_filter_json(const struct vk_filter *filter, struct vk_imported *ret, struct vk_error *e)
{
	static const char *const archs[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
	_cleanup_free_ struct said *all = calloc(vk_n_syscalls, sizeof(*all));
	_cleanup_free_ struct list *lists = lists_of(filter);
	bool first = true;
	size_t size;
	FILE *f;

	if (!lists || !all)
		return vk_error_set(e, ENOMEM, "out of memory");
	/* Runtimes kill what comes in by other ways, and know no other word for it. */
	if (filter->abis != VK_ABIS_ALL && filter->other.act != VK_SYS_KILL &&
	    vk_import_lose(ret, false, "other-abis: such calls end the thread") < 0)
		return vk_error_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < filter->n_rules; i++) {
		const struct vk_filter_rule *rule = &filter->rules[i];

		if (rule->call < 0 && rule->abi == VK_ABI_X86_64 &&
		    vk_import_lose(ret, rule->verdict.act > filter->def.act,
				   "system call %u: the format has names only", rule->nr) < 0)
			return vk_error_set(e, ENOMEM, "out of memory");
	}
	f = open_memstream(&ret->yaml, &size);
	if (!f)
		return vk_error_set(e, ENOMEM, "out of memory");
	fprintf(f, "{\n  \"defaultAction\": \"%s\",\n", action_of(filter->def));
	if (filter->def.act == VK_SYS_DENY)
		fprintf(f, "  \"defaultErrnoRet\": %u,\n", filter->def.err);
	fputs("  \"architectures\": [", f);
	for (int abi = 0; abi < VK_ABIS; abi++) {
		if (!(filter->abis >> abi & 1))
			continue;
		fprintf(f, "%s\"%s\"", first ? "" : ", ", archs[abi]);
		first = false;
	}
	fputs("],\n  \"syscalls\": [", f);
	first = true;
	for (size_t i = 0; i < vk_n_syscalls; i++)
		all[i] = say(filter, (int)i, &lists[i * VK_ABIS]);
	for (size_t i = 0; i < vk_n_syscalls; i++) {
		if (all[i].by_args)
			put_by_args(f, vk_syscalls[i].name, &all[i].list, &first);
		else if (!all[i].put)
			put_alike(f, all, i, &first);
	}
	fputs("\n  ]\n}\n", f);
	return fclose(f) == 0 ? 0 : vk_error_set(e, ENOMEM, "out of memory");
}
