// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * explain_syscalls.c - which rule decides about a system call.
 *
 * From the models, one call with its arguments at a time. The filter is made of the same models
 * by another way (filter.c); the tests hold the two against each other.
 */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "syscalls.h"

static bool cond_holds(const struct vk_sys_cond *c, enum vk_abi abi, const uint64_t args[6])
{
	/* The other ABIs have arguments of 32 bits: no filter looks further. */
	uint64_t a = abi == VK_ABI_X86_64 ? args[c->arg] : (uint32_t)args[c->arg];

	if (c->width < 64)
		a &= (UINT64_C(1) << c->width) - 1;
	switch ((enum vk_sys_op)c->op) {
	case VK_SYS_EQ:
		return a == c->value;
	case VK_SYS_NE:
		return a != c->value;
	case VK_SYS_LT:
		return a < c->value;
	case VK_SYS_LE:
		return a <= c->value;
	case VK_SYS_GT:
		return a > c->value;
	case VK_SYS_GE:
		return a >= c->value;
	case VK_SYS_MASK_EQ:
		return (a & c->mask) == c->value;
	case VK_SYS_MASK_NE:
		return (a & c->mask) != c->value;
	}
	return false;
}

static bool conds_hold(const struct vk_sys_rule *rule, enum vk_abi abi, const uint64_t args[6])
{
	for (uint8_t i = 0; i < rule->n_conds; i++)
		if (!cond_holds(&rule->conds[i], abi, args))
			return false;
	return true;
}

/*
 * Whether @rule, about a call of its own, also speaks of the multiplexer @call with these
 * arguments. Its conditions cannot be seen there: so a denial holds without them, unless a hook
 * looks after it, and a grant does not hold.
 */
static bool muxed(const struct vk_sys_rule *rule, int call, const uint64_t args[6])
{
	int mux, nr = rule->call < 0 ? -1 : vk_syscall_mux(rule->call, &mux);

	if (nr < 0 || mux != call || (uint32_t)args[0] != (uint32_t)nr)
		return false;
	if (rule->n_conds == 0)
		return true;
	return rule->verdict.act >= VK_SYS_DENY && !rule->by_hook;
}

static bool matches(const struct vk_sys_rule *rule, enum vk_abi abi, int call, uint32_t nr,
		    const uint64_t args[6])
{
	if (!(rule->abis >> abi & 1))
		return false;
	if (call >= 0 && abi == VK_ABI_IA32 && muxed(rule, call, args))
		return true;
	if (rule->call < 0 || call < 0)
		return rule->call < 0 && call < 0 && rule->nr == nr && conds_hold(rule, abi, args);
	return rule->call == call && conds_hold(rule, abi, args);
}

struct vk_sys_verdict vk_sys_decide(const struct vk_policy *p, enum vk_abi abi, uint32_t nr,
				    const uint64_t args[6], const struct vk_sys_rule **ret_rule)
{
	const struct vk_sys_section *s = &p->sys;
	const struct vk_sys_rule *found[4] = {NULL};
	int call = vk_syscall_at(abi, nr);
	bool named = call >= 0;

	*ret_rule = NULL;
	if (!s->set)
		return (struct vk_sys_verdict){VK_SYS_ALLOW, 0};
	if (!(s->abis >> abi & 1))
		return s->other;
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct vk_sys_rule *rule = &s->rules[i];

		named = named || (rule->call < 0 && rule->nr == nr);
		if (!found[rule->verdict.act] && matches(rule, abi, call, nr, args))
			found[rule->verdict.act] = rule;
	}
	*ret_rule = found[VK_SYS_KILL] ? found[VK_SYS_KILL] : found[VK_SYS_DENY];
	if (*ret_rule)
		return (*ret_rule)->verdict;
	if (!named && s->unknown.act >= VK_SYS_DENY)
		return s->unknown;
	if (named && !found[VK_SYS_ALLOW] && s->def.act >= VK_SYS_DENY)
		return s->def;
	*ret_rule = found[VK_SYS_AUDIT] ? found[VK_SYS_AUDIT] : found[VK_SYS_ALLOW];
	return *ret_rule ? (*ret_rule)->verdict : (struct vk_sys_verdict){VK_SYS_ALLOW, 0};
}

static const char *act_word(enum vk_sys_act act)
{
	static const char *const words[] = {"allow", "audit", "deny", "kill"};

	return words[act];
}

const char *vk_sys_verdict_text(struct vk_sys_verdict v, char *buf, size_t size)
{
	const char *name = vk_errno_name(v.err);

	if (v.act != VK_SYS_DENY)
		snprintf(buf, size, "%s", act_word(v.act));
	else if (name)
		snprintf(buf, size, "deny with %s", name);
	else
		snprintf(buf, size, "deny with errno %u", v.err);
	return buf;
}

static void cond_text(const struct vk_sys_cond *c, int call, char *out, size_t size)
{
	static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">=", "==", "!="};
	const char *words[16], *word = NULL;
	char mask[32] = "";

	vk_syscall_arg_words(call, words);
	for (size_t i = 0; words[i]; i++) {
		uint8_t arg, width;

		if (vk_syscall_arg(call, words[i], &arg, &width) == 0 && arg == c->arg &&
		    width == c->width && !word)
			word = words[i];
	}
	if (c->op >= VK_SYS_MASK_EQ)
		snprintf(mask, sizeof(mask), " & %#llx", (unsigned long long)c->mask);
	snprintf(out, size, "%s%s %s %#llx", word ? word : "arg", mask, signs[c->op],
		 (unsigned long long)c->value);
}

void vk_sys_rule_text(const struct vk_sys_rule *rule, char *out, size_t size)
{
	char number[16], how[40];
	size_t len;

	snprintf(number, sizeof(number), "%u", rule->nr);
	snprintf(out, size, "%s %s%s", vk_sys_verdict_text(rule->verdict, how, sizeof(how)),
		 rule->call >= 0 ? vk_syscalls[rule->call].name : number,
		 rule->n_conds ? " when " : "");
	for (uint8_t i = 0; i < rule->n_conds; i++) {
		len = strlen(out);
		if (i && len + 5 < size) {
			memcpy(out + len, " and ", 6);
			len += 5;
		}
		if (len + 1 < size)
			cond_text(&rule->conds[i], rule->call, out + len, size - len);
	}
}

static const enum vk_outcome outcomes[] = {VK_ALLOWED, VK_AUDITED, VK_DENIED, VK_DENIED};

/* Where no rule decided: the default, or what stands in its place. */
static void default_reason(const struct vk_policy *p, enum vk_abi abi, uint32_t nr,
			   struct vk_sys_verdict v, struct vk_reason *ret)
{
	bool other = !(p->sys.abis >> abi & 1), known = vk_syscall_at(abi, nr) >= 0;
	char how[40];

	ret->policy = p;
	ret->outcome = outcomes[v.act];
	ret->pos = other ? p->sys.abis_pos : known ? p->sys.pos : p->sys.unknown_pos;
	snprintf(ret->text, sizeof(ret->text), "%s: %s",
		 other ? "an ABI that is not in the list" :
		 known ? "default of syscalls" :
			 "a call without a name",
		 vk_sys_verdict_text(v, how, sizeof(how)));
}

void vk_explain_syscall(const struct vk_policy *const *layers, size_t n, enum vk_abi abi,
			uint32_t nr, const uint64_t args[6], struct vk_reason *ret,
			struct vk_sys_verdict *ret_verdict)
{
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	*ret_verdict = (struct vk_sys_verdict){VK_SYS_ALLOW, 0};
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		const struct vk_sys_rule *rule;
		struct vk_sys_verdict v = vk_sys_decide(p, abi, nr, args, &rule);
		struct vk_reason one = {0};

		if (rule) {
			one.policy = p;
			one.outcome = outcomes[v.act];
			one.pos = rule->pos;
			vk_sys_rule_text(rule, one.text, sizeof(one.text));
		} else if (v.act != VK_SYS_ALLOW) {
			default_reason(p, abi, nr, v, &one);
		}
		if (comps.c[i].mode == VK_MODE_AUDIT && v.act >= VK_SYS_DENY)
			v.act = VK_SYS_AUDIT;
		/* The end of the process is stricter than any errno, whoever said it first. */
		if (v.act > ret_verdict->act) {
			*ret_verdict = v;
			*ret = (struct vk_reason){0};
		}
		vk_reason_take(ret, &comps.c[i], &one);
	}
}
