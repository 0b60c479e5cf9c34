/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.h - what is left of the sections "syscalls" for a filter at the entry of the kernel.
 *
 * The layers of an instance and the sets that they use become one list of rules that do not
 * overlap, so their order does not matter, and their conjunction is taken here: the strictest
 * verdict wins. The list is what libseccomp can express, in process or as JSON.
 */
#ifndef VK_FILTER_H
#define VK_FILTER_H

#include "compile.h"

/* A comparison as libseccomp knows it. @op: any but VK_SYS_LT, VK_SYS_GT and VK_SYS_MASK_NE. */
struct vk_filter_arg {
	uint8_t arg;
	uint8_t op;
	uint64_t mask;
	uint64_t value;
};

/**
 * struct vk_filter_rule - one call on one ABI
 * @abi:    enum vk_abi
 * @call:   index in vk_syscalls, or -1
 * @nr:     of a call without a name
 * @verdict: never the filter's default
 * @n_args: 0: whatever the arguments are
 * @args:   at most one for each argument
 */
struct vk_filter_rule {
	enum vk_abi abi;
	int call;
	uint32_t nr;
	struct vk_sys_verdict verdict;
	uint8_t n_args;
	struct vk_filter_arg args[6];
};

/**
 * struct vk_filter - a filter
 * @needed:  something is left for it; else there are no rules
 * @def:     for calls that no rule speaks of, unknown ones included
 * @other:   for ABIs that are not in @abis
 * @abis:    bit per enum vk_abi
 * @rules:   by ABI, then as in vk_syscalls
 * @coarse:  a call whose conditions could not be kept on ia32, where socketcall or ipc reaches it
 *           as well, so that it is denied there; index of the first such call, or -1
 */
struct vk_filter {
	bool needed;
	struct vk_sys_verdict def;
	struct vk_sys_verdict other;
	uint8_t abis;
	struct vk_filter_rule *rules;
	size_t n_rules;
	int coarse;
};

/* What a filter cannot leave to hooks. Return: 0; -E2BIG the conditions of a call are too many. */
int vk_filter_make(const struct vk_policy *const *layers, size_t n, struct vk_filter *ret,
		   struct vk_error *e);
void vk_filter_free(struct vk_filter *f);
#define _cleanup_filter_ vk_cleanup(vk_filter_free)

/* What the rules say, by going through them: for tests, and for `why` with a filter at hand. */
struct vk_sys_verdict vk_filter_run(const struct vk_filter *f, enum vk_abi abi, uint32_t nr,
				    const uint64_t args[6]);

/* As linux.seccomp of the OCI, in @ret->yaml; what is not in it is in @ret->lost. */
struct vk_imported;
int vk_filter_json(const struct vk_filter *filter, struct vk_imported *ret, struct vk_error *e);

#endif
