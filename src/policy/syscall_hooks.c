// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * syscall_hooks.c - which rules for system calls a hook of the kernel enforces whole.
 *
 * A hook costs nothing for calls that are allowed, can be changed while a container runs, and sees
 * what no filter at the entry can: io_uring, socketcall, arguments in memory. But it must be
 * sufficient: every way into the effect of the call passes it, on every kernel that we know, and
 * what else passes it is of the same effect, so that nothing is denied that the rule does not mean.
 * A rule that is not sure to be in this table goes to the filter. Considered, and left out:
 *
 *	ptrace            the hook also decides about /proc/PID/mem and process_vm_readv
 *	add_key, keyctl   some operations of keyctl pass no hook
 *	io_uring_enter    a ring may have been there before, or come from elsewhere
 *	mount and others  mount_setattr passes no hook; pivot_root and umount would ask for names
 *	adjtimex          reading passes no hook
 *	chroot            its capability is that of setns, too
 *	setxattr          its hooks, as the switch has them, also decide about flags of files
 *	open_by_handle_at since 6.13 some handles need no capability
 */
#include <string.h>

#include "parse_internal.h"
#include "syscalls.h"

#define CAP_SYS_MODULE 16
#define CAP_SYS_PACCT 20
#define CAP_SYS_BOOT 22
#define CLONE_NEWUSER 0x10000000u

enum by { BY_NOTHING, BY_SWITCH, BY_CAPABILITY };

/* All of @calls must be denied for the hook to stand for them. */
static const struct {
	const char *calls;
	enum by by;
	uint32_t what;
	const char *hook;
	const char *condition; /* on an argument: only with this bit; NULL: always */
} hooks[] = {
	/* security_bpf: each bpf(2), before the command is looked at */
	{"bpf", BY_SWITCH, VK_SW_BPF, "bpf", NULL},
	/* security_perf_event_open: before anything is made; nothing else comes there */
	{"perf_event_open", BY_SWITCH, VK_SW_PERF, "perf_event_open", NULL},
	/* a ring is an anonymous inode, and this call alone makes one */
	{"io_uring_setup", BY_SWITCH, VK_SW_IO_URING, "inode_init_security_anon", NULL},
	/* user_namespace_create: clone, clone3 and unshare all call it */
	{"clone unshare", BY_SWITCH, VK_SW_USERNS, "userns_create", "flags"},
	/* each of them begins with capable(CAP_...), which has no other use of weight */
	{"delete_module finit_module init_module", BY_CAPABILITY, CAP_SYS_MODULE, "capable", NULL},
	{"kexec_file_load kexec_load reboot", BY_CAPABILITY, CAP_SYS_BOOT, "capable", NULL},
	{"acct", BY_CAPABILITY, CAP_SYS_PACCT, "capable", NULL},
};

/* Numbers that no kernel from 6.1 on does anything for: there is nothing to enforce. */
static const char gone[] =
	"_sysctl afs_syscall break create_module epoll_ctl_old epoll_wait_old ftime "
	"get_kernel_syms getpmsg gtty idle lock mpx nfsservctl prof profil putpmsg query_module "
	"security stty tuxcall ulimit vserver";

static bool names(const char *calls, int call)
{
	for (int c; (c = vk_syscall_group_next(&calls)) >= 0;)
		if (c == call)
			return true;
	return false;
}

/* "flags & CLONE_NEWUSER", however it is written. */
static bool has_condition(const struct vk_sys_rule *rule, const char *word)
{
	const struct vk_sys_cond *c = &rule->conds[0];
	uint8_t arg, width;

	if (!word)
		return rule->n_conds == 0;
	if (rule->n_conds != 1 || vk_syscall_arg(rule->call, word, &arg, &width) < 0)
		return false;
	return c->arg == arg && c->mask == CLONE_NEWUSER &&
	       (c->op == VK_SYS_MASK_NE ? c->value == 0 :
		c->op == VK_SYS_MASK_EQ ? c->value == CLONE_NEWUSER :
					  false);
}

/* A hook knows no ABI, and its errno is fixed. */
static bool fits(const struct vk_sys_rule *rule, enum vk_sys_act act, const char *calls,
		 const char *condition)
{
	return rule->call >= 0 && rule->abis == VK_ABIS_ALL && rule->verdict.act == act &&
	       (act != VK_SYS_DENY || rule->verdict.err == EPERM) && names(calls, rule->call) &&
	       has_condition(rule, condition);
}

static void lower(struct vk_policy *policy, size_t row, enum vk_sys_act act)
{
	struct vk_sys_section *s = &policy->sys;
	const char *at = hooks[row].calls;
	struct vk_pos pos = {0};

	for (int call; (call = vk_syscall_group_next(&at)) >= 0;) {
		bool found = false;

		for (size_t i = 0; i < s->n_rules && !found; i++) {
			found = s->rules[i].call == call &&
				fits(&s->rules[i], act, hooks[row].calls, hooks[row].condition);
			if (found)
				pos = s->rules[i].pos;
		}
		if (!found)
			return;
	}
	for (size_t i = 0; i < s->n_rules; i++) {
		if (!fits(&s->rules[i], act, hooks[row].calls, hooks[row].condition))
			continue;
		s->rules[i].by_hook = true;
		s->rules[i].hook = hooks[row].hook;
	}
	if (hooks[row].by == BY_CAPABILITY) {
		policy->caps_sys |= UINT64_C(1) << hooks[row].what;
		policy->caps_sys_pos = pos;
		return;
	}
	/* What the policy itself says of the facility stands, unless it says less. */
	if (!(policy->switches_set & hooks[row].what) || act == VK_SYS_DENY)
		policy->switch_pos[__builtin_ctz(hooks[row].what)] = pos;
	if (!(policy->switches_set & hooks[row].what))
		policy->switches_sys |= hooks[row].what;
	policy->switches_set |= hooks[row].what;
	if (act == VK_SYS_DENY)
		policy->switches_deny |= hooks[row].what;
	else
		policy->switches_audit |= hooks[row].what;
}

/* What the program on that hook can return: see vk_return(). */
static bool socket_errno(uint16_t err)
{
	return err == EPERM || err == EACCES || err == EINVAL || err == ENOSYS ||
	       err == EAFNOSUPPORT;
}

/*
 * socket(2) and socketpair(2) by family and type: security_socket_create, which also sees
 * socketcall and io_uring. Where only socket is named, socketpair of a family that has no pairs
 * fails anyway; those that have are AF_UNIX and AF_TIPC.
 */
static int lower_socket(struct vk_parser *p, struct vk_sys_rule *rule)
{
	struct vk_socket_rule made = {
		.action = VK_ACTION_DENY, .family = -1, .types = 0xffff, .protocol = -1};
	struct vk_policy *policy = p->policy;
	int r;

	if (rule->call != vk_syscall_find("socket") || rule->verdict.act != VK_SYS_DENY ||
	    rule->abis != VK_ABIS_ALL || !socket_errno(rule->verdict.err))
		return 0;
	for (uint8_t i = 0; i < rule->n_conds; i++) {
		const struct vk_sys_cond *c = &rule->conds[i];

		if (c->op != VK_SYS_EQ || (c->arg == 0 && (c->width != 32 || made.family >= 0)) ||
		    (c->arg == 1 && (c->width != 4 || made.types != 0xffff)) || c->arg > 1)
			return 0;
		if (c->arg == 0 && (c->value == 0 || c->value >= VK_FAMILIES - 1))
			return 0;
		if (c->arg == 0)
			made.family = (int)c->value;
		else
			made.types = (uint16_t)(1u << c->value);
	}
	if (made.family < 0 || made.family == 1 || made.family == 30)
		return 0;
	r = vk_grow(p, &policy->sockets, policy->n_sockets, sizeof(made), rule->pos);
	if (r < 0)
		return r;
	made.pos = rule->pos;
	made.err = rule->verdict.err;
	policy->sockets[policy->n_sockets++] = made;
	rule->by_hook = true;
	rule->hook = "socket_create";
	return 0;
}

int vk_syscalls_lower(struct vk_parser *p)
{
	struct vk_policy *policy = p->policy;
	int r = 0;

	/* Under a list of what is allowed there is a filter anyway. */
	for (size_t i = 0;
	     policy->sys.def.act == VK_SYS_ALLOW && i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		lower(policy, i, VK_SYS_DENY);
		if (hooks[i].by == BY_SWITCH)
			lower(policy, i, VK_SYS_AUDIT);
	}
	for (size_t i = 0; i < policy->sys.n_rules && r == 0; i++) {
		struct vk_sys_rule *rule = &policy->sys.rules[i];

		if (rule->call >= 0 && rule->verdict.act == VK_SYS_DENY && names(gone, rule->call))
			rule->by_hook = true;
		r = lower_socket(p, rule);
	}
	return r;
}
