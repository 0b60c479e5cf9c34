/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hooks.h - the one table of programs: where each sits, and what needs it. */
#ifndef VK_HOOKS_H
#define VK_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "vk_program.h"

enum vk_hook_kind {
	VK_HOOK_DECIDES, /* lsm, or fmod_ret on the security_* function */
	VK_HOOK_HEARS, /* lsm, or fentry on the security_* function: decides nothing */
	VK_HOOK_WATCHES, /* fentry or fexit: decides nothing */
	VK_HOOK_TRACES, /* a tracepoint: decides nothing */
	VK_HOOK_ITERATES, /* read by the engine */
};

/**
 * struct vk_hook - one program
 * @program:  its name in the object and under links/; "_asks" follows in that of the program that
 *            is there instead while somebody has policy programs at the hook
 * @lsm:      LSM hook (DECIDES, HEARS), kernel function (WATCHES)
 * @function: security_* function for fmod_ret or fentry; NULL: "security_" and @lsm
 * @kind:     enum vk_hook_kind
 * @core:     attached as soon as there is an instance
 * @optional: some kernels lack it; @why says what does its work there
 * @needs:    VK_NEED_* bits that ask for it
 * @why:      what it decides
 */
struct vk_hook {
	const char *program;
	const char *lsm;
	const char *function;
	enum vk_hook_kind kind;
	bool core;
	bool optional;
	uint32_t needs;
	const char *why;
};

extern const struct vk_hook vk_hooks[];
extern const size_t vk_n_hooks;

/* The security_* function of a DECIDES or HEARS hook, written to @buf. */
const char *vk_hook_function(const struct vk_hook *h, char *buf, size_t len);
struct btf;
/* Whether the kernel of @btf has what @h attaches to under @m. */
bool vk_hook_available(const struct vk_hook *h, enum vk_mechanism m, const struct btf *btf);
/* @needs: VK_NEED_* bits; @programs: bit per VK_HOOK_* at which programs are asked. */
bool vk_hook_wanted(const struct vk_hook *h, uint32_t needs, uint64_t programs);
/* Whether programs are asked there. */
bool vk_hook_asks(const struct vk_hook *h, uint64_t programs);
/* The name of the one program or of the other, written to @buf. */
const char *vk_hook_program(const struct vk_hook *h, bool asks, char *buf, size_t len);
/* The row for VK_HOOK_*; NULL: there is none. */
const struct vk_hook *vk_hook_of_programs(unsigned int id);

#endif
