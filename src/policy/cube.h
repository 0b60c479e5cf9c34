/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cube.h - sets of arguments of a system call.
 *
 * A cube says of each of the six arguments that it is in a span: a range, or the numbers that have
 * some bits set and others clear. Comparisons, their conjunctions and their complements are unions
 * of cubes, and a cube is a rule that a filter can express: one comparison for each argument.
 */
#ifndef VK_CUBE_H
#define VK_CUBE_H

#include "model.h"

enum vk_span_kind { VK_SPAN_ANY, VK_SPAN_RANGE, VK_SPAN_BITS };

/* RANGE: from @a to @b. BITS: (argument & @a) == @b. */
struct vk_span {
	enum vk_span_kind kind;
	uint64_t a, b;
};

struct vk_cube {
	struct vk_span arg[6];
};

struct vk_part {
	struct vk_sys_verdict verdict;
	struct vk_cube cube;
};

/**
 * struct vk_parts - cubes that do not overlap
 * @max: the largest argument: that of the ABI
 */
struct vk_parts {
	uint64_t max;
	struct vk_part *part;
	size_t n, room;
};

#define VK_PARTS_MAX 2048

/* Each returns 0; -E2BIG too many parts; -ENOMEM. */
int vk_parts_add(struct vk_parts *to, struct vk_sys_verdict v, const struct vk_cube *cube);
/* Moves what is in @cube from @from to @to, with the verdict @v. */
int vk_parts_take(struct vk_parts *from, const struct vk_cube *cube, struct vk_sys_verdict v,
		  struct vk_parts *to);
/* Adds what @a and @b have in common. */
int vk_parts_meet(const struct vk_cube *a, const struct vk_cube *b, struct vk_sys_verdict v,
		  struct vk_parts *to);
/* The arguments for which all conditions hold, as cubes; the verdicts mean nothing. @ret->max is
 * set. */
int vk_cubes_of(const struct vk_sys_cond *conds, uint8_t n, struct vk_parts *ret);
/* Calls @fn for the blocks that make up a range; each is a span of the kind BITS. */
int vk_span_blocks(const struct vk_span *range, uint64_t max,
		   int (*fn)(const struct vk_span *block, void *data), void *data);
bool vk_span_has(const struct vk_span *s, uint64_t value);
void vk_parts_free(struct vk_parts *p);
#define _cleanup_parts_ vk_cleanup(vk_parts_free)

#endif
