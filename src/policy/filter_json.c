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

#include "filter.h"
#include "import.h"

static bool same_rule(const struct vk_filter_rule *a, const struct vk_filter_rule *b)
{
	if (a->verdict.act != b->verdict.act || a->verdict.err != b->verdict.err ||
	    a->n_args != b->n_args)
		return false;
	for (uint8_t i = 0; i < a->n_args; i++)
		if (a->args[i].arg != b->args[i].arg || a->args[i].op != b->args[i].op ||
		    a->args[i].value != b->args[i].value ||
		    (a->args[i].op == VK_SYS_MASK_EQ && a->args[i].mask != b->args[i].mask))
			return false;
	return true;
}

/* The rules of one call on one ABI; they are side by side. */
static size_t rules_of(const struct vk_filter *f, enum vk_abi abi, int call,
		       const struct vk_filter_rule **ret)
{
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; i < f->n_rules; i++) {
		if (f->rules[i].abi != abi || f->rules[i].call != call)
			continue;
		if (n++ == 0)
			*ret = &f->rules[i];
	}
	return n;
}

static bool on_abi(const struct vk_filter *f, enum vk_abi abi, int call)
{
	int mux;

	return f->abis >> abi & 1 && (vk_syscalls[call].nr[abi] >= 0 ||
				      (abi == VK_ABI_IA32 && vk_syscall_mux(call, &mux) >= 0));
}

/* Whether all ABIs that have the call say the same of it: then *ret_abi is one of them. */
static bool agree(const struct vk_filter *f, int call, enum vk_abi *ret_abi)
{
	const struct vk_filter_rule *first = NULL, *rules;
	bool found = false;
	size_t n = 0;

	for (int abi = 0; abi < VK_ABIS; abi++) {
		size_t k;

		if (!on_abi(f, (enum vk_abi)abi, call))
			continue;
		k = rules_of(f, (enum vk_abi)abi, call, &rules);
		if (!found) {
			found = true;
			first = rules;
			n = k;
			*ret_abi = (enum vk_abi)abi;
			continue;
		}
		if (k != n)
			return false;
		for (size_t i = 0; i < n; i++)
			if (!same_rule(&first[i], &rules[i]))
				return false;
	}
	return found;
}

/* The strictest of what the ABIs say, for some arguments or others. */
static struct vk_sys_verdict strictest(const struct vk_filter *f, int call)
{
	struct vk_sys_verdict v = {VK_SYS_ALLOW, 0};

	for (int abi = 0; abi < VK_ABIS; abi++) {
		const struct vk_filter_rule *rules;
		size_t n = rules_of(f, (enum vk_abi)abi, call, &rules);
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

static void put_head(FILE *f, const char *indent, const char *name, struct vk_sys_verdict v)
{
	fprintf(f, "%s{\"names\": [\"%s\"], \"action\": \"%s\"", indent, name, action_of(v));
	if (v.act == VK_SYS_DENY)
		fprintf(f, ", \"errnoRet\": %u", v.err);
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

static void put_call(FILE *f, const struct vk_filter *filter, int call, bool *first)
{
	const struct vk_filter_rule *rules = NULL;
	const char *name = vk_syscalls[call].name;
	enum vk_abi abi = VK_ABI_X86_64;
	bool same = agree(filter, call, &abi);
	size_t n = same ? rules_of(filter, abi, call, &rules) : 0;

	if (!same || too_large(rules, n)) {
		struct vk_sys_verdict v = strictest(filter, call);

		if (v.act == filter->def.act && v.err == filter->def.err)
			return;
		put_head(f, *first ? "\n    " : ",\n    ", name, v);
		fputc('}', f);
		*first = false;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		put_head(f, *first ? "\n    " : ",\n    ", name, rules[i].verdict);
		put_args(f, &rules[i]);
		*first = false;
	}
}

int vk_filter_json(const struct vk_filter *filter, struct vk_imported *ret, struct vk_error *e)
{
	static const char *const archs[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
	bool first = true;
	size_t size;
	FILE *f;

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
		put_call(f, filter, (int)i, &first);
	fputs("\n  ]\n}\n", f);
	return fclose(f) == 0 ? 0 : vk_error_set(e, ENOMEM, "out of memory");
}
