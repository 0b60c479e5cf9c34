// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_seccomp.c - seccomp profiles, as container engines have them, to a section "syscalls".
 *
 * Docker's format (podman's is the same) has conditions on capabilities, architectures and the
 * kernel that the engine resolves; what it hands to the runtime is linux.seccomp of the OCI. The
 * meaning is that of libseccomp, through which runtimes install it: of several rules on one call,
 * one without conditions takes the place of all others, and the first such one holds.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "compile.h"
#include "import.h"
#include "import_seccomp.h"

#define CALLS_MAX 1024

/* One rule of the profile about one call. */
struct entry {
	struct vk_sys_verdict verdict;
	int call;
	uint8_t n_conds;
	struct vk_sys_cond conds[6];
};

struct seccomp {
	const struct vk_import_from *from;
	struct vk_imported *out;
	struct vk_error *e;
	struct vk_sys_verdict def;
	uint8_t abis;
	struct entry *entries;
	size_t n;
	json_t *root;
};

static void done(struct seccomp *s)
{
	free(s->entries);
	json_decref(s->root);
}

static int bad(struct seccomp *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct seccomp *s, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return vk_error_at(s->e, EINVAL, s->from->file, 0, 0, "%s", text);
}

#define lose(s, laxer, ...) vk_import_lose((s)->out, laxer, __VA_ARGS__)

/* The verdict of an action; a line where it is not the same. */
static int parse_action(struct seccomp *s, const char *action, json_int_t err,
			struct vk_sys_verdict *ret)
{
	ret->err = 0;
	if (strcmp(action, "SCMP_ACT_ALLOW") == 0) {
		ret->act = VK_SYS_ALLOW;
	} else if (strcmp(action, "SCMP_ACT_LOG") == 0) {
		ret->act = VK_SYS_AUDIT;
	} else if (strcmp(action, "SCMP_ACT_ERRNO") == 0) {
		if (err < 0 || err > 4095)
			return bad(s, "%" JSON_INTEGER_FORMAT " is no errno", err);
		/* An errno of 0 pretends success: nothing of ours does. */
		if (err == 0 && lose(s, false, "SCMP_ACT_ERRNO with 0: is denied with EPERM") < 0)
			return -ENOMEM;
		*ret = (struct vk_sys_verdict){VK_SYS_DENY, err ? (uint16_t)err : EPERM};
	} else if (strcmp(action, "SCMP_ACT_KILL_PROCESS") == 0) {
		ret->act = VK_SYS_KILL;
	} else if (strcmp(action, "SCMP_ACT_KILL") == 0 ||
		   strcmp(action, "SCMP_ACT_KILL_THREAD") == 0) {
		ret->act = VK_SYS_KILL;
		return lose(s, false, "%s: the whole process is killed, not one thread", action);
	} else if (strcmp(action, "SCMP_ACT_TRAP") == 0 || strcmp(action, "SCMP_ACT_TRACE") == 0 ||
		   strcmp(action, "SCMP_ACT_NOTIFY") == 0) {
		*ret = (struct vk_sys_verdict){VK_SYS_DENY, EPERM};
		return lose(s, false,
			    "%s: another process or a signal handler would decide; is "
			    "denied with EPERM",
			    action);
	} else {
		return bad(s, "unknown action \"%.60s\"", action);
	}
	return 0;
}

/* Whether the container that is meant has what an entry asks for. */
static bool applies(struct seccomp *s, json_t *entry, char *why, size_t size)
{
	json_t *in = json_object_get(entry, "includes"), *ex = json_object_get(entry, "excludes");
	const char *kernel = json_string_value(json_object_get(in, "minKernel"));
	unsigned int major, minor;
	bool arch = json_array_size(json_object_get(in, "arches")) == 0;
	json_t *word;
	size_t i;
	int cap;

	json_array_foreach(json_object_get(in, "arches"), i, word) arch |=
		json_is_string(word) && strcmp(json_string_value(word), "amd64") == 0;
	json_array_foreach(json_object_get(ex, "arches"), i, word) arch &=
		!json_is_string(word) || strcmp(json_string_value(word), "amd64") != 0;
	if (!arch) {
		snprintf(why, size, "for other architectures");
		return false;
	}
	json_array_foreach(json_object_get(in, "caps"), i, word)
	{
		const char *name = json_string_value(word);

		if (name && vk_cap_parse(name, &cap) == 0 && s->from->caps >> cap & 1)
			continue;
		snprintf(why, size, "for containers with %.40s", name ? name : "?");
		return false;
	}
	json_array_foreach(json_object_get(ex, "caps"), i, word)
	{
		const char *name = json_string_value(word);

		if (!name || vk_cap_parse(name, &cap) < 0 || !(s->from->caps >> cap & 1))
			continue;
		snprintf(why, size, "for containers without %.40s", name);
		return false;
	}
	if (kernel && sscanf(kernel, "%4u.%4u", &major, &minor) == 2 && s->from->kernel &&
	    s->from->kernel < (major << 16 | minor)) {
		snprintf(why, size, "for kernels from %u.%u on", major, minor);
		return false;
	}
	return true;
}

static int parse_cond(struct seccomp *s, json_t *arg, struct vk_sys_cond *c)
{
	static const struct {
		const char *word;
		uint8_t op;
	} ops[] = {
		{"SCMP_CMP_NE", VK_SYS_NE},
		{"SCMP_CMP_LT", VK_SYS_LT},
		{"SCMP_CMP_LE", VK_SYS_LE},
		{"SCMP_CMP_EQ", VK_SYS_EQ},
		{"SCMP_CMP_GE", VK_SYS_GE},
		{"SCMP_CMP_GT", VK_SYS_GT},
		{"SCMP_CMP_MASKED_EQ", VK_SYS_MASK_EQ},
	};
	const char *op = json_string_value(json_object_get(arg, "op"));
	json_int_t index = json_integer_value(json_object_get(arg, "index"));
	uint64_t value = (uint64_t)json_integer_value(json_object_get(arg, "value"));
	uint64_t two = (uint64_t)json_integer_value(json_object_get(arg, "valueTwo"));

	if (index < 0 || index > 5)
		return bad(s, "there is no argument %" JSON_INTEGER_FORMAT, index);
	for (size_t i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(ops[i].word, op) != 0)
			continue;
		*c = (struct vk_sys_cond){
			.arg = (uint8_t)index, .width = 64, .op = ops[i].op, .value = value};
		if (c->op == VK_SYS_MASK_EQ) {
			c->mask = value;
			c->value = two;
		}
		return 0;
	}
	return bad(s, "unknown comparison \"%.60s\"", op ? op : "");
}

static int add_entry(struct seccomp *s, const struct entry *entry)
{
	struct entry *entries = reallocarray(s->entries, s->n + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	s->entries = entries;
	entries[s->n++] = *entry;
	return 0;
}

/* Rules for one call: two comparisons of one argument are alternatives to a runtime. */
static int add_call(struct seccomp *s, json_t *args, struct entry *entry)
{
	unsigned int seen = 0;
	bool twice = false;
	int r = 0;

	if (json_array_size(args) > 6)
		return bad(s, "more than six comparisons");
	entry->n_conds = 0;
	for (size_t i = 0; i < json_array_size(args) && r == 0; i++) {
		r = parse_cond(s, json_array_get(args, i), &entry->conds[entry->n_conds]);
		if (r == 0) {
			twice |= seen >> entry->conds[entry->n_conds].arg & 1;
			seen |= 1u << entry->conds[entry->n_conds++].arg;
		}
	}
	if (r < 0 || !twice)
		return r < 0 ? r : add_entry(s, entry);
	for (uint8_t i = 0; i < entry->n_conds && r == 0; i++) {
		struct entry one = *entry;

		one.n_conds = 1;
		one.conds[0] = entry->conds[i];
		r = add_entry(s, &one);
	}
	return r;
}

/* Calls of processors that this is not for. */
static bool foreign(const char *name)
{
	static const char *const prefixes[] = {
		"arm_",	       "s390_",		"riscv_",	"spu_",
		"mips_",       "ppc_",		"sparc_",	"cachectl",
		"cacheflush",  "breakpoint",	"set_tls",	"get_tls",
		"usr",	       "switch_endian", "swapcontext",	"sync_file_range2",
		"multiplexer", "rtas",		"subpage_prot", "sysmips",
		"pciconfig_",  "usr26",		"usr32"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static int add_name(struct seccomp *s, json_t *item, const char *name, struct entry *entry)
{
	/* send and recv exist behind socketcall only, which is a call of its own here. */
	static const char *const behind[] = {"send", "recv"};

	entry->call = vk_syscall_find(name);
	if (entry->call >= 0)
		return add_call(s, json_object_get(item, "args"), entry);
	for (size_t i = 0; i < 2; i++)
		if (strcmp(name, behind[i]) == 0)
			return lose(s, entry->verdict.act > s->def.act,
				    "%s: reached through socketcall only, which decides", name);
	return lose(s, entry->verdict.act > s->def.act && !foreign(name),
		    foreign(name) ? "%s: a call of other processors" :
				    "%s: no call of this name is known; \"unknown\" decides",
		    name);
}

static int add_item(struct seccomp *s, json_t *item)
{
	json_t *names = json_object_get(item, "names"), *name = json_object_get(item, "name");
	const char *action = json_string_value(json_object_get(item, "action"));
	json_t *err = json_object_get(item, "errnoRet");
	struct entry entry = {0};
	char why[80];
	int r;

	if (!action || (!json_is_array(names) && !json_is_string(name)))
		return bad(s, "an item of \"syscalls\" lacks its names or its action");
	if (!applies(s, item, why, sizeof(why))) {
		char list[200] = "";

		for (size_t i = 0; i < json_array_size(names); i++) {
			const char *word = json_string_value(json_array_get(names, i));
			size_t len = strlen(list);

			snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
				 word ? word : "?");
			if (strlen(list) > 150 && i + 1 < json_array_size(names)) {
				snprintf(list + strlen(list), sizeof(list) - strlen(list),
					 " and %zu more", json_array_size(names) - i - 1);
				break;
			}
		}
		return lose(s, false, "%s of %s: %s", action, list, why);
	}
	r = parse_action(s, action, err ? json_integer_value(err) : EPERM, &entry.verdict);
	for (size_t i = 0; i < json_array_size(names) && r == 0; i++) {
		const char *word = json_string_value(json_array_get(names, i));

		r = word ? add_name(s, item, word, &entry) : bad(s, "a name is not a string");
	}
	if (r == 0 && !names)
		r = add_name(s, item, json_string_value(name), &entry);
	return r;
}

static uint8_t abi_of(const char *word)
{
	return strcmp(word, "SCMP_ARCH_X86_64") == 0 ? 1u << VK_ABI_X86_64 :
	       strcmp(word, "SCMP_ARCH_X86") == 0    ? 1u << VK_ABI_IA32 :
	       strcmp(word, "SCMP_ARCH_X32") == 0    ? 1u << VK_ABI_X32 :
						       0;
}

/* Without a list, the machine's own. */
static int parse_abis(struct seccomp *s, json_t *profile)
{
	json_t *list = json_object_get(profile, "architectures"), *word, *entry;
	size_t i, k;

	s->abis = 1u << VK_ABI_X86_64;
	json_array_foreach(json_object_get(profile, "archMap"), i, entry)
	{
		const char *own = json_string_value(json_object_get(entry, "architecture"));

		if (!own || strcmp(own, "SCMP_ARCH_X86_64") != 0)
			continue;
		json_array_foreach(json_object_get(entry, "subArchitectures"), k,
				   word) if (json_is_string(word)) s->abis |=
			abi_of(json_string_value(word));
	}
	json_array_foreach(list, i, word)
	{
		if (!json_is_string(word))
			return bad(s, "an architecture is not a string");
		s->abis |= abi_of(json_string_value(word));
	}
	return 0;
}

/*
 * As libseccomp does: rules that say what the default says are none; of the others about a call,
 * one without conditions is the only one that counts, and the first such.
 */
static void settle(struct seccomp *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!vk_sys_verdict_equal(s->entries[i].verdict, s->def))
			s->entries[n++] = s->entries[i];
	s->n = n;
	for (size_t i = 0; i < s->n; i++) {
		if (s->entries[i].n_conds || s->entries[i].call < 0)
			continue;
		for (size_t k = 0; k < s->n; k++)
			if (k != i && s->entries[k].call == s->entries[i].call)
				s->entries[k].call = -1;
	}
}

/* ---- the policy ---- */

static void put_verdict(FILE *f, struct vk_sys_verdict v)
{
	const char *name = vk_errno_name(v.err);

	if (v.act != VK_SYS_DENY)
		return;
	if (name)
		fprintf(f, ", errno: %s", name);
	else
		fprintf(f, ", errno: %u", v.err);
}

static const char *word_of(enum vk_sys_act act)
{
	static const char *const words[] = {"allow", "audit", "deny", "kill"};

	return words[act];
}

static void put_rule(FILE *f, const struct entry *e, enum vk_sys_act act)
{
	static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
	bool open = false;

	fprintf(f, "    - {%s: %s", word_of(act), vk_syscalls[e->call].name);
	for (uint8_t i = 0; i < e->n_conds; i++) {
		const struct vk_sys_cond *c = &e->conds[i];

		fprintf(f, "%sarg%u: \"", open ? ", " : ", when: {", c->arg);
		if (c->op == VK_SYS_MASK_EQ)
			fprintf(f, "& %#" PRIx64 " == %#" PRIx64 "\"", c->mask, c->value);
		else
			fprintf(f, "%s %#" PRIx64 "\"", signs[c->op], c->value);
		open = true;
	}
	if (open)
		fputc('}', f);
	if (act == VK_SYS_DENY)
		put_verdict(f, e->verdict);
	fputs("}\n", f);
}

/* Calls of one verdict and no conditions: a list. */
static void put_list(FILE *f, const struct seccomp *s, enum vk_sys_act act, uint16_t err,
		     const char *word)
{
	size_t n = 0, column = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];
		const char *name;

		if (e->call < 0 || e->n_conds || e->verdict.act != act || e->verdict.err != err)
			continue;
		name = vk_syscalls[e->call].name;
		if (n++ == 0)
			fprintf(f, "  %s:\n    [", word);
		else if (column + strlen(name) > 80)
			column = (size_t)fprintf(f, ",\n     ") - 2;
		else
			column += (size_t)fprintf(f, ", ");
		column += (size_t)fprintf(f, "%s", name);
	}
	if (n)
		fputs("]\n", f);
}

static void put_policy(FILE *f, const struct seccomp *s)
{
	const char *err = vk_errno_name(s->def.err);
	uint16_t common = s->def.act == VK_SYS_DENY ? s->def.err : EPERM;
	bool rules = false;

	fprintf(f, "vkernel: 1\nname: %s\n", s->from->name ? s->from->name : "imported");
	fprintf(f, "description: made of a seccomp profile by vkernel policy import\nsyscalls:\n");
	fprintf(f, "  default: %s\n  unknown: %s\n", word_of(s->def.act), word_of(s->def.act));
	if (s->def.act == VK_SYS_DENY && err)
		fprintf(f, "  errno: %s\n", err);
	else if (s->def.act == VK_SYS_DENY)
		fprintf(f, "  errno: %u\n", s->def.err);
	fputs("  abis: [x86-64", f);
	for (int abi = 1; abi < VK_ABIS; abi++)
		if (s->abis >> abi & 1)
			fprintf(f, ", %s", vk_abi_words[abi]);
	fputs("]\n  other-abis: kill\n", f);
	if (s->def.act != VK_SYS_ALLOW)
		put_list(f, s, VK_SYS_ALLOW, 0, "allow");
	put_list(f, s, VK_SYS_DENY, common, "deny");
	put_list(f, s, VK_SYS_KILL, 0, "kill");
	for (size_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];
		bool listed = !e->n_conds &&
			      (e->verdict.act == VK_SYS_ALLOW || e->verdict.act == VK_SYS_KILL ||
			       (e->verdict.act == VK_SYS_DENY && e->verdict.err == common));

		if (e->call < 0 || listed)
			continue;
		if (!rules)
			fputs("  rules:\n", f);
		rules = true;
		/* What is reported must be granted, too. */
		if (e->verdict.act == VK_SYS_AUDIT && s->def.act >= VK_SYS_DENY)
			put_rule(f, e, VK_SYS_ALLOW);
		put_rule(f, e, e->verdict.act);
	}
}

static int import_profile(struct seccomp *s, json_t *profile)
{
	const char *action = json_string_value(json_object_get(profile, "defaultAction"));
	json_t *err = json_object_get(profile, "defaultErrnoRet"), *item;
	size_t i, size;
	FILE *f;
	int r;

	if (!action)
		return bad(s, "the profile has no \"defaultAction\"");
	r = parse_action(s, action, err ? json_integer_value(err) : EPERM, &s->def);
	/* A policy reports by rules; a default that reports allows. */
	if (r == 0 && s->def.act == VK_SYS_AUDIT) {
		s->def.act = VK_SYS_ALLOW;
		r = lose(s, false, "SCMP_ACT_LOG as default: is allowed without a report");
	}
	if (r == 0)
		r = parse_abis(s, profile);
	if (r == 0 && json_object_get(profile, "listenerPath"))
		r = lose(s, false, "listenerPath: nothing here asks another process");
	json_array_foreach(json_object_get(profile, "flags"), i, item)
	{
		const char *flag = json_string_value(item);

		if (r == 0)
			r = lose(s, false, "%s: a flag of the filter; filters of ours have none",
				 flag ? flag : "?");
	}
	json_array_foreach(json_object_get(profile, "syscalls"), i, item) if (r == 0) r =
		add_item(s, item);
	if (r < 0)
		return r;
	settle(s);
	f = open_memstream(&s->out->yaml, &size);
	if (!f)
		return -ENOMEM;
	put_policy(f, s);
	return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int load(const struct vk_import_from *from, struct seccomp *s)
{
	json_error_t je;

	s->root = json_loadb(from->text, from->len, JSON_REJECT_DUPLICATES, &je);
	if (s->root)
		return 0;
	return vk_error_at(s->e, EINVAL, from->file, (uint32_t)je.line, (uint32_t)je.column,
			   "not JSON: %s", je.text);
}

int vk_import_seccomp(const struct vk_import_from *from, struct vk_imported *ret,
		      struct vk_error *e)
{
	vk_cleanup(done) struct seccomp s = {.from = from, .out = ret, .e = e};
	int r = load(from, &s);

	if (r == 0)
		r = import_profile(&s, s.root);
	return r == -ENOMEM ? vk_error_set(e, ENOMEM, "out of memory") : r;
}

int vk_import_oci(const struct vk_import_from *from, struct vk_imported *ret, struct vk_error *e)
{
	vk_cleanup(done) struct seccomp s = {.from = from, .out = ret, .e = e};
	int r = load(from, &s);
	json_t *profile;

	if (r < 0)
		return r;
	profile = json_object_get(json_object_get(s.root, "linux"), "seccomp");
	if (!profile) {
		vk_error_at(e, EINVAL, from->file, 0, 0, "linux.seccomp is not there");
		vk_error_advise(e, "the container has no seccomp profile, so there is nothing to "
				   "import");
		return -EINVAL;
	}
	r = import_profile(&s, profile);
	return r == -ENOMEM ? vk_error_set(e, ENOMEM, "out of memory") : r;
}
