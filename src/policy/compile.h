/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compile.h - models to one ruleset image, and the questions an image or a model can answer. */
#ifndef VK_COMPILE_H
#define VK_COMPILE_H

#include "error.h"
#include "model.h"
#include "syscalls.h"

/**
 * vk_compile - compile the layers of an instance into one image
 * @layers:   1 to VK_MAX_LAYERS policies; an operation passes only if all of them, and all the
 *            sets they use, allow it
 * @n:        how many
 * @ret:      image, allocated; its first bytes are struct vk_image, image->size in all
 * @e:        filled on failure
 *
 * The result depends on the content only, not on names, positions or addresses, so equal policies
 * give equal bytes: images are shared by content.
 *
 * Return: 0; -E2BIG the automaton or a table exceeds its limit (the error names the rules at
 * fault); -EINVAL a malformed glob (parse catches those first); -ENOMEM.
 */
int vk_compile(const struct vk_policy *const *layers, size_t n, struct vk_image **ret,
	       struct vk_error *e);

/* The simulator: exactly the kernel side's walk. @name is a canonical name (see vk_image.h). */
struct vk_verdict vk_image_match(const struct vk_image *img, const char *name);
/* The state after @name. */
uint16_t vk_image_state(const struct vk_image *img, const char *name);
/* Whether two directories are interchangeable: the same rights for them and for all names below
 * them. A directory may only be renamed where this holds. Equal states are sufficient, but not
 * necessary: what tells them apart may be names that merely go on in the same component. */
bool vk_image_same_future(const struct vk_image *img, uint16_t a, uint16_t b);

enum vk_outcome { VK_ALLOWED = 0, VK_AUDITED = 1, VK_DENIED = 2 };

/* bind/connect; @addr in network byte order, 4 or 16 bytes by @family. */
enum vk_outcome vk_image_inet(const struct vk_image *img, uint8_t op, uint8_t proto,
			      uint16_t family, const void *addr, uint16_t port);
/* @protocol counts for AF_NETLINK only. */
enum vk_outcome vk_image_socket(const struct vk_image *img, int family, int type, int protocol);
enum vk_outcome vk_image_capable(const struct vk_image *img, int cap);

/* Validates an image that came from outside this process: sizes, indices, every entry in range.
 * Return: 0; -EINVAL. */
int vk_image_validate(const void *buf, size_t len);

/* Whether @img allows nothing that @than denies, and reports what it reports. Both are valid.
 * Return: 0; -EPERM it does; -E2BIG it cannot be told within bounds; -ENOMEM. */
int vk_image_within(const struct vk_image *img, const struct vk_image *than);

/**
 * struct vk_reason - the rule that decided, for `why` and for denial events
 * @policy:  the policy (layer or used set); NULL when nothing restricts
 * @layer:   index of the layer it belongs to
 * @outcome: what it decided
 * @pos:     of the rule, or of the section whose default decided
 * @text:    the rule in one line: "deny [write] /etc/**" or "default of files: deny"
 */
struct vk_reason {
	const struct vk_policy *policy;
	size_t layer;
	enum vk_outcome outcome;
	struct vk_pos pos;
	char text[256];
};

/* Each fills @ret with the deciding rule: the first denial, else the first audit, else the first
 * allow rule, else nothing (policy NULL). From the models, independent of the image. */
void vk_explain_path(const struct vk_policy *const *layers, size_t n, const char *name,
		     uint32_t right, bool foreign, struct vk_reason *ret);
void vk_explain_inet(const struct vk_policy *const *layers, size_t n, uint8_t op, uint8_t proto,
		     uint16_t family, const void *addr, uint16_t port, struct vk_reason *ret);
void vk_explain_socket(const struct vk_policy *const *layers, size_t n, int family, int type,
		       int protocol, struct vk_reason *ret);
void vk_explain_capability(const struct vk_policy *const *layers, size_t n, int cap,
			   struct vk_reason *ret);
/* @target_scope: the least scope that would permit it. */
void vk_explain_scope(const struct vk_policy *const *layers, size_t n, bool ptrace,
		      enum vk_scope target_scope, struct vk_reason *ret);
void vk_explain_switch(const struct vk_policy *const *layers, size_t n, uint32_t sw,
		       struct vk_reason *ret);

/* @nr: without the bit of x32. @ret_verdict: what becomes of the call, after modes. */
void vk_explain_syscall(const struct vk_policy *const *layers, size_t n, enum vk_abi abi,
			uint32_t nr, const uint64_t args[6], struct vk_reason *ret,
			struct vk_sys_verdict *ret_verdict);
/* What one policy says, without its sets and its mode; *ret_rule: the rule, NULL: no rule. */
struct vk_sys_verdict vk_sys_decide(const struct vk_policy *p, enum vk_abi abi, uint32_t nr,
				    const uint64_t args[6], const struct vk_sys_rule **ret_rule);
/* "deny with EPERM". */
const char *vk_sys_verdict_text(struct vk_sys_verdict v, char *buf, size_t size);
/* "deny with EAFNOSUPPORT socket when domain == 0x26". */
void vk_sys_rule_text(const struct vk_sys_rule *rule, char *out, size_t size);

/* Names: "read", ... for one VK_R_* bit; "NET_ADMIN" for a capability; "inet" for a family. */
const char *vk_right_name(uint32_t right);
/* "read, modify" for a set of rights, in as few words as a policy would need; cut at @size. */
void vk_rights_text(uint32_t rights, char *buf, size_t size);
/* 0 and *ret, or -EINVAL. */
int vk_right_parse(const char *word, uint32_t *ret);
const char *vk_cap_name(int cap);
int vk_cap_parse(const char *word, int *ret);
const char *vk_family_name(int family);
const char *vk_netlink_name(int protocol);
const char *vk_switch_name(uint32_t sw);

#endif
