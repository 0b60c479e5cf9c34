/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* entry.h - the filter for system calls, as the engine and its tests see it. */
#ifndef VK_ENTRY_H
#define VK_ENTRY_H

#include "engine.h"
#include "filter.h"

/* Makes the program for rules. -EOPNOTSUPP: libseccomp cannot express one; -E2BIG. */
int vk_entry_build(const struct vk_filter *f, struct vk_entry *ret, struct vk_error *e);
/* Equal filters have equal hashes; 0: none is needed. */
uint64_t vk_filter_hash(const struct vk_filter *f);
/* Whether layers may be put in force where @in_force is the filter that members have: 0, and the
 * filter that they have afterwards; -EOPNOTSUPP: they ask for another, and may not do without
 * (@degraded). */
int vk_entry_check(bool degraded, const struct vk_policy *const *layers, size_t n,
		   uint64_t in_force, uint64_t *ret_hash, struct vk_error *e);

/* Whether two stacks of layers need the same filter. */
bool vk_entry_same(const struct vk_policy *const *a, size_t n_a, const struct vk_policy *const *b,
		   size_t n_b);

#endif
