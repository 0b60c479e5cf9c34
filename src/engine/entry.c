/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entry.c - the filter at the entry of the kernel, for what no hook can enforce.
 *
 * libseccomp makes the program from the rules of vk_filter_make(). What it cannot express, calls
 * that it has no name for on an ABI that is not the machine's own, is put in front of it.
 */
#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "cleanup.h"
#include "filter.h"
#include "internal.h"

#define INSNS_MAX 4096 /* the kernel's limit */

static const uint32_t arch_of[VK_ABIS] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32};

/* Rules for the front: an ABI and number, and what the kernel shall do. */
struct front {
	struct sock_filter insns[INSNS_MAX];
	size_t n;
	uint32_t least; /* number among them */
};

static void release(void *ctx)
{
	if (*(scmp_filter_ctx *)ctx)
		seccomp_release(*(scmp_filter_ctx *)ctx);
}

static uint32_t action_of(struct vk_sys_verdict v)
{
	return v.act == VK_SYS_ALLOW ? SCMP_ACT_ALLOW :
	       v.act == VK_SYS_AUDIT ? SCMP_ACT_LOG :
	       v.act == VK_SYS_KILL  ? SCMP_ACT_KILL_PROCESS :
				       SCMP_ACT_ERRNO(v.err);
}

static uint32_t number_of(const struct vk_filter_rule *rule)
{
	return rule->call < 0 ? rule->nr : (uint32_t)vk_syscalls[rule->call].nr[rule->abi];
}

static const char *name_of(const struct vk_filter_rule *rule, char buf[16])
{
	if (rule->call >= 0)
		return vk_syscalls[rule->call].name;
	snprintf(buf, 16, "%u", rule->nr);
	return buf;
}

/* if (arch and nr are those of the rule) return its action */
static int put_in_front(struct front *f, const struct vk_filter_rule *rule, struct vk_error *e)
{
	uint32_t nr = number_of(rule);
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 rule->abi == VK_ABI_IA32 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr | (rule->abi == VK_ABI_X32 ? VK_X32_BIT : 0),
			 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action_of(rule->verdict)),
	};
	char number[16];

	if (rule->n_args) {
		vk_error_set(e, EOPNOTSUPP, "libseccomp does not know %s on %s",
			     name_of(rule, number), vk_abi_words[rule->abi]);
		vk_error_advise(e, "take the condition from the rule, or %s from the ABIs",
				vk_abi_words[rule->abi]);
		return -EOPNOTSUPP;
	}
	if (f->n + 5 > INSNS_MAX / 2)
		return vk_error_set(e, E2BIG, "too many calls that libseccomp does not know");
	memcpy(f->insns + f->n, insns, sizeof(insns));
	f->least = f->n && f->least < nr ? f->least : nr;
	f->n += 5;
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct vk_filter_rule *rule, struct front *front,
		    struct vk_error *e)
{
	struct scmp_arg_cmp args[6];
	char number[16];
	int nr, r;

	for (uint8_t i = 0; i < rule->n_args; i++) {
		const struct vk_filter_arg *a = &rule->args[i];

		args[i] = (struct scmp_arg_cmp){
			.arg = a->arg,
			.op = a->op == VK_SYS_NE ? SCMP_CMP_NE :
			      a->op == VK_SYS_EQ ? SCMP_CMP_EQ :
			      a->op == VK_SYS_LE ? SCMP_CMP_LE :
			      a->op == VK_SYS_GE ? SCMP_CMP_GE :
						   SCMP_CMP_MASKED_EQ,
			.datum_a = a->op == VK_SYS_MASK_EQ ? a->mask : a->value,
			.datum_b = a->value,
		};
	}
	nr = rule->call < 0 ? __NR_SCMP_ERROR :
			      seccomp_syscall_resolve_name(vk_syscalls[rule->call].name);
	if (nr == __NR_SCMP_ERROR && rule->abi != VK_ABI_X86_64)
		return put_in_front(front, rule, e);
	if (nr == __NR_SCMP_ERROR)
		nr = (int)number_of(rule);
	r = seccomp_rule_add_array(ctx, action_of(rule->verdict), nr, rule->n_args, args);
	/* An equal rule is there: socketcall and its calls imply each other. */
	if (r == 0 || r == -EEXIST)
		return 0;
	return vk_error_set(e, -r, "libseccomp refuses a rule about %s on %s: %s",
			    name_of(rule, number), vk_abi_words[rule->abi], strerror(-r));
}

/* A filter for one ABI. */
static int make_one(const struct vk_filter *f, enum vk_abi abi, struct front *front,
		    scmp_filter_ctx *ret, struct vk_error *e)
{
	vk_cleanup(release) scmp_filter_ctx ctx = seccomp_init(action_of(f->def));
	int r = ctx ? 0 : -ENOMEM;

	if (r == 0 && abi != VK_ABI_X86_64)
		r = seccomp_arch_remove(ctx, SCMP_ARCH_X86_64);
	if (r == 0 && abi != VK_ABI_X86_64)
		r = seccomp_arch_add(ctx, arch_of[abi]);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, action_of(f->other));
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return vk_error_set(e, -r, "libseccomp cannot make a filter: %s", strerror(-r));
	for (size_t i = 0; i < f->n_rules && r == 0; i++)
		if (f->rules[i].abi == abi)
			r = add_rule(ctx, &f->rules[i], front, e);
	if (r < 0)
		return r;
	*ret = ctx;
	ctx = NULL;
	return 0;
}

/* The program that libseccomp writes to a file, into @to; returns its length. */
static int export(scmp_filter_ctx ctx, struct sock_filter *to, size_t room, struct vk_error *e)
{
	_cleanup_close_ int fd = (int)syscall(SYS_memfd_create, "filter", MFD_CLOEXEC);
	ssize_t size;
	int r;

	if (fd < 0)
		return vk_error_set(e, errno, "cannot make a memfd: %s", strerror(errno));
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return vk_error_set(e, -r, "libseccomp cannot make a filter: %s", strerror(-r));
	size = lseek(fd, 0, SEEK_END);
	if (size < 0 || size % (ssize_t)sizeof(*to) || (size_t)size > room * sizeof(*to))
		return vk_error_set(e, E2BIG, "the filter has more than %d instructions",
				    INSNS_MAX);
	if (pread(fd, to, (size_t)size, 0) != size)
		return vk_error_set(e, EIO, "cannot read the filter back");
	return (int)((size_t)size / sizeof(*to));
}

/* Numbers below the least of the front go past it. */
static size_t put_front(const struct front *front, struct sock_filter *to)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~VK_X32_BIT),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, front->least, 1, 0),
		BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)front->n),
	};

	if (!front->n)
		return 0;
	memcpy(to, head, sizeof(head));
	memcpy(to + 4, front->insns, front->n * sizeof(*to));
	return front->n + 4;
}

int vk_entry_build(const struct vk_filter *f, struct vk_entry *ret, struct vk_error *e)
{
	_cleanup_free_ struct front *front = calloc(1, sizeof(*front));
	_cleanup_free_ struct sock_filter *insns = calloc(INSNS_MAX, sizeof(*insns));
	vk_cleanup(release) scmp_filter_ctx all = NULL;
	size_t n;
	int r = 0;

	if (!front || !insns)
		return vk_error_set(e, ENOMEM, "out of memory");
	if (!f->abis)
		return vk_error_set(e, EINVAL, "the policies together leave no ABI");
	for (int abi = 0; abi < VK_ABIS && r == 0; abi++) {
		scmp_filter_ctx one = NULL;

		if (!(f->abis >> abi & 1))
			continue;
		r = make_one(f, (enum vk_abi)abi, front, &one, e);
		if (r < 0)
			return r;
		if (!all) {
			all = one;
			continue;
		}
		r = seccomp_merge(all, one); /* releases @one */
		if (r < 0) {
			seccomp_release(one);
			return vk_error_set(e, -r, "libseccomp cannot join the filters: %s",
					    strerror(-r));
		}
	}
	n = put_front(front, insns);
	r = export(all, insns + n, INSNS_MAX - n, e);
	if (r < 0)
		return r;
	ret->insns = vk_take_ptr(insns);
	ret->n = n + (size_t)r;
	ret->hash = vk_filter_hash(f);
	return 0;
}

uint64_t vk_filter_hash(const struct vk_filter *f)
{
	uint64_t hash;

	if (!f->needed)
		return 0;
	hash = vk_hash(f->rules, f->n_rules * sizeof(*f->rules));
	hash ^= (uint64_t)f->abis << 40 | (uint64_t)action_of(f->def);
	hash ^= (uint64_t)action_of(f->other) << 8;
	return hash ? hash : 1;
}

int vk_entry_make(const struct vk_policy *const *layers, size_t n, struct vk_entry *ret,
		  struct vk_error *e)
{
	_cleanup_filter_ struct vk_filter f = {.coarse = -1};
	int r = vk_filter_make(layers, n, &f, e);

	return r < 0 || !f.needed ? r : vk_entry_build(&f, ret, e);
}

/* No memory is taken and nothing printed: it runs between fork and exec. */
int vk_entry_apply(const struct vk_entry *entry)
{
	struct sock_fprog prog = {.len = (unsigned short)entry->n, .filter = entry->insns};

	if (!entry->n)
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

void vk_entry_free(struct vk_entry *entry)
{
	free(entry->insns);
	*entry = (struct vk_entry){0};
}

bool vk_entry_knows(const char *name)
{
	return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
}

/* ---- what an instance may be put under ---- */

void vk_engine_entry(struct vk_engine *eng, uint64_t hash, bool degraded)
{
	eng->entry = hash;
	eng->entry_of = 0;
	eng->degraded = degraded;
}

void vk_engine_entry_of(struct vk_engine *eng, uint64_t hash, uint64_t document)
{
	vk_engine_entry(eng, hash, false);
	eng->entry_of = document;
}

/* The first rule that only a filter can enforce, for the message. */
static const struct vk_policy *find_cause(const struct vk_policy *p, struct vk_pos *ret_pos,
					  char *text, size_t size)
{
	const struct vk_sys_section *s = &p->sys;

	for (size_t i = 0; s->set && i < s->n_rules; i++) {
		if (s->rules[i].verdict.act == VK_SYS_ALLOW ||
		    (s->rules[i].by_hook && !s->strict && s->def.act == VK_SYS_ALLOW))
			continue;
		*ret_pos = s->rules[i].pos;
		vk_sys_rule_text(&s->rules[i], text, size);
		return p;
	}
	if (s->set && (s->def.act != VK_SYS_ALLOW || s->unknown.act != VK_SYS_ALLOW ||
		       s->abis != VK_ABIS_ALL)) {
		*ret_pos = s->pos;
		snprintf(text, size, "the section \"syscalls\"");
		return p;
	}
	for (size_t i = 0; i < p->n_uses; i++) {
		const struct vk_policy *found = find_cause(p->uses[i], ret_pos, text, size);

		if (found)
			return found;
	}
	return NULL;
}

int vk_entry_check(bool degraded, const struct vk_policy *const *layers, size_t n,
		   uint64_t in_force, uint64_t *ret_hash, struct vk_error *e)
{
	_cleanup_filter_ struct vk_filter f = {.coarse = -1};
	const struct vk_policy *cause = NULL;
	struct vk_pos pos = {0};
	char text[256] = "a rule";
	int r = vk_filter_make(layers, n, &f, e);

	if (r < 0)
		return r;
	*ret_hash = in_force;
	if (!f.needed || degraded || vk_filter_hash(&f) == in_force)
		return 0;
	for (size_t i = 0; i < n && !cause; i++)
		cause = find_cause(layers[i], &pos, text, sizeof(text));
	vk_error_at(e, EOPNOTSUPP, cause ? cause->file : "", pos.line, pos.column,
		    "%.200s needs a filter for system calls, which only a start can install", text);
	vk_error_advise(e, "start it under the policy, with \"vkernel run\" or vkernel-runtime; "
			   "or leave such rules unenforced with --allow-degraded (\"vkernel policy "
			   "plan\" lists them)");
	return -EOPNOTSUPP;
}

bool vk_entry_same(const struct vk_policy *const *a, size_t n_a, const struct vk_policy *const *b,
		   size_t n_b)
{
	_cleanup_filter_ struct vk_filter fa = {.coarse = -1}, fb = {.coarse = -1};

	return vk_filter_make(a, n_a, &fa, NULL) == 0 && vk_filter_make(b, n_b, &fb, NULL) == 0 &&
	       fa.needed == fb.needed && (!fa.needed || vk_filter_hash(&fa) == vk_filter_hash(&fb));
}
