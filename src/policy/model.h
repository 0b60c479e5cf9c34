/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * model.h - a policy in memory: what a YAML document says, checked, before it is compiled.
 *
 * Filled by the parser (parse.c), read by the compiler (compile.c), by explain and by the
 * printer. Every rule keeps its position, so that a denial can name file:line:column.
 */
#ifndef VK_MODEL_H
#define VK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vk_image.h"

enum vk_mode { VK_MODE_ENFORCE = 0, VK_MODE_AUDIT = 1 };
enum vk_action { VK_ACTION_ALLOW = 0, VK_ACTION_DENY = 1, VK_ACTION_AUDIT = 2 };

/* Where in the document; both 1-based, 0 for built-in defaults. */
struct vk_pos {
	uint32_t line;
	uint32_t column;
};

enum vk_section {
	VK_SECTION_FILES,
	VK_SECTION_EXEC,
	VK_SECTION_NETWORK, /* unix socket names */
	VK_SECTION_MOUNTS,
	VK_SECTION_COUNT,
};

/**
 * struct vk_path_rule - one glob of one rule (a rule with three globs becomes three of these)
 * @section: the section it was written in
 * @action:  what it does
 * @rights:  VK_R_* bits it speaks of
 * @glob:    the pattern, owned; "/..." or, for an abstract unix socket, "@..."
 * @pos:     of the glob
 *
 * A deny beats an allow beats the default, whatever the order. audit grants nothing: it reports
 * the use of a right that is granted otherwise.
 */
struct vk_path_rule {
	enum vk_section section;
	enum vk_action action;
	uint32_t rights;
	char *glob;
	struct vk_pos pos;
};

/* An IPv4/IPv6 bind or connect rule; fields as in struct vk_net_rule. */
struct vk_inet_rule {
	enum vk_action action;
	uint8_t ops;
	uint8_t proto;
	uint8_t family;
	uint8_t prefix;
	uint16_t port_lo, port_hi;
	uint8_t addr[16];
	struct vk_pos pos;
};

/* A socket creation rule: a family (or -1: any), a mask of 1 << SOCK_* (or 0xffff: any), and for
 * AF_NETLINK a protocol (or -1: any). */
struct vk_socket_rule {
	enum vk_action action;
	int family;
	uint16_t types;
	int protocol;
	struct vk_pos pos;
	uint16_t err; /* of a denial; 0: EACCES */
};

/* What becomes of a system call; a larger number is stricter. */
enum vk_sys_act { VK_SYS_ALLOW, VK_SYS_AUDIT, VK_SYS_DENY, VK_SYS_KILL };

/* @err: what the caller of a denied call gets. */
struct vk_sys_verdict {
	enum vk_sys_act act;
	uint16_t err;
};
static inline bool vk_sys_verdict_equal(struct vk_sys_verdict a, struct vk_sys_verdict b)
{
	return a.act == b.act && a.err == b.err;
}

enum vk_sys_op {
	VK_SYS_EQ,
	VK_SYS_NE,
	VK_SYS_LT,
	VK_SYS_LE,
	VK_SYS_GT,
	VK_SYS_GE,
	VK_SYS_MASK_EQ, /* (argument & mask) == value */
	VK_SYS_MASK_NE,
};

/**
 * struct vk_sys_cond - a comparison of one argument, without sign
 * @arg:   0 to 5
 * @width: low bits that are compared
 * @op:    enum vk_sys_op
 * @value: has no bits beyond @width
 * @mask:  of VK_SYS_MASK_*
 */
struct vk_sys_cond {
	uint8_t arg;
	uint8_t width;
	uint8_t op;
	uint64_t value;
	uint64_t mask;
};

#define VK_SYS_CONDS 8

/**
 * struct vk_sys_rule - one system call of one rule
 * @verdict: what it says
 * @call:    index in vk_syscalls, or -1: a call without a name here
 * @nr:      number of such a call, the same on every ABI
 * @abis:    bit per enum vk_abi
 * @by_hook: a kernel hook that other parts of the model ask for enforces it whole
 * @hook:    its name; NULL with @by_hook: no kernel does anything for the call
 * @conds:   all must hold
 * @pos:     of the call's name
 */
struct vk_sys_rule {
	struct vk_sys_verdict verdict;
	int call;
	uint32_t nr;
	uint8_t abis;
	uint8_t n_conds;
	bool by_hook;
	const char *hook;
	struct vk_sys_cond conds[VK_SYS_CONDS];
	struct vk_pos pos;
};

/**
 * struct vk_sys_section - the section "syscalls"
 * @set:     it is there; else nothing is restricted
 * @strict:  block at the entry what a hook would deny as well
 * @def:     for calls that no rule names
 * @unknown: for numbers that have no name here and are in no rule
 * @other:   for calls that come in by an ABI that is not in @abis
 * @abis:    ABIs that may be used; bit per enum vk_abi
 * @rules:   in the order of the document; kill beats deny beats allow
 */
struct vk_sys_section {
	bool set;
	bool strict;
	struct vk_sys_verdict def;
	struct vk_sys_verdict unknown;
	struct vk_sys_verdict other;
	uint8_t abis;
	struct vk_pos pos;
	struct vk_pos unknown_pos;
	struct vk_pos abis_pos;
	struct vk_sys_rule *rules;
	size_t n_rules;
};

/* A section's presence and default. Without the section nothing is restricted. */
struct vk_section_head {
	bool set;
	enum vk_action def; /* ALLOW or DENY; DENY where the document leaves it out */
	struct vk_pos pos;
};

/* A value with the position that gave it. */
struct vk_scope_setting {
	bool set;
	enum vk_scope scope;
	struct vk_pos pos;
};

#define VK_PUSH_CHILDREN_MAX 64
#define VK_PUSH_PROGRAMS_MAX 16

/* push: what members may add by themselves. */
struct vk_push_setting {
	bool set;
	bool poppable; /* and take back */
	uint8_t layers;
	uint8_t children;
	uint8_t programs;
	struct vk_pos pos;
};

/**
 * struct vk_policy - one document, with the rule sets it uses
 * @name:     `name:`, or the file's base name; owned
 * @file:     path or "built-in NAME" as shown in errors; owned
 * @text:     the document's bytes as read, owned; kept to be stored beside the instance
 * @text_len: bytes of @text
 * @mode:     enforce or audit; a used set follows the mode of the policy that uses it
 * @takeover: it takes the place of the profiles that a container's engine asks for
 * @in_place_of: the profile of an engine whose place it has taken, owned; NULL: none
 * @uses:     policies named by `use:`, owned; each must permit an operation too
 * @mitigates: what it is against (CVE-2022-0492, shocker), owned: as a rule set of
 *            `vkernel mitigate` it is known by these names too
 * @sections: heads of the sections with path rules
 * @foreign_deny: files: {foreign: deny}: nothing on mounts the instance did not start with
 * @paths:    path rules in the order of the document
 * @inet:     bind and connect rules
 * @sockets:  socket creation rules
 * @caps_set: `capabilities:` is present
 * @caps:     the ceiling, bit n = capability n
 * @caps_sys: capabilities refused for the sake of denied system calls
 * @ptrace:   processes: {ptrace: none|own|all}
 * @signal:   processes: {signal: none|own|all}
 * @push:     what members may add by themselves
 * @switches_set: VK_SW_* bits that the document mentions
 * @switches_deny: of those, the denied ones
 * @switches_audit: of those, the allowed but reported ones
 * @switches_sys: those that only rules for system calls ask for
 * @switch_pos: where, by bit number
 * @sys:      `syscalls:`
 */
struct vk_policy {
	char *name;
	char *file;
	char *text;
	size_t text_len;
	enum vk_mode mode;
	bool takeover;
	char *in_place_of;
	struct vk_policy **uses;
	size_t n_uses;
	char **mitigates;
	size_t n_mitigates;
	struct vk_section_head sections[VK_SECTION_COUNT];
	bool foreign_deny;
	struct vk_pos foreign_pos;
	struct vk_path_rule *paths;
	size_t n_paths;
	struct vk_inet_rule *inet;
	size_t n_inet;
	struct vk_socket_rule *sockets;
	size_t n_sockets;
	bool caps_set;
	uint64_t caps;
	struct vk_pos caps_pos;
	uint64_t caps_sys;
	struct vk_pos caps_sys_pos;
	struct vk_scope_setting ptrace;
	struct vk_scope_setting signal;
	struct vk_push_setting push;
	uint32_t switches_set;
	uint32_t switches_deny;
	uint32_t switches_audit;
	uint32_t switches_sys;
	struct vk_pos switch_pos[8];
	struct vk_sys_section sys;
};

void vk_policy_free(struct vk_policy *p);
static inline void vk_policy_freep(struct vk_policy **p)
{
	vk_policy_free(*p);
}
#define _cleanup_policy_ vk_cleanup(vk_policy_freep)

#endif
