// SPDX-License-Identifier: LGPL-2.1-or-later
/* cube.c - see cube.h. */
#include "cube.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int vk_parts_add(struct vk_parts *to, struct vk_sys_verdict v, const struct vk_cube *cube)
{
	if (to->n == VK_PARTS_MAX)
		return -E2BIG;
	if (to->n == to->room) {
		size_t room = to->room ? 2 * to->room : 4; /* most have one or two */
		struct vk_part *part = reallocarray(to->part, room, sizeof(*part));

		if (!part)
			return -ENOMEM;
		to->part = part;
		to->room = room;
	}
	to->part[to->n++] = (struct vk_part){v, *cube};
	return 0;
}

void vk_parts_free(struct vk_parts *p)
{
	free(p->part);
	*p = (struct vk_parts){.max = p->max};
}

/* ---- spans ---- */

typedef int (*span_fn)(const struct vk_span *s, void *data);

bool vk_span_has(const struct vk_span *s, uint64_t value)
{
	return s->kind == VK_SPAN_ANY ||
	       (s->kind == VK_SPAN_RANGE ? value >= s->a && value <= s->b : (value & s->a) == s->b);
}

/* Bits of all: a range of one number, so that there is one way to say it. */
static int give_bits(uint64_t mask, uint64_t value, uint64_t max, span_fn fn, void *data)
{
	const struct vk_span point = {VK_SPAN_RANGE, value, value};
	const struct vk_span bits = {mask ? VK_SPAN_BITS : VK_SPAN_ANY, mask, value};

	return fn(mask == max ? &point : &bits, data);
}

static int give_range(uint64_t lo, uint64_t hi, uint64_t max, span_fn fn, void *data)
{
	const struct vk_span any = {VK_SPAN_ANY, 0, 0}, range = {VK_SPAN_RANGE, lo, hi};

	return fn(lo == 0 && hi == max ? &any : &range, data);
}

int vk_span_blocks(const struct vk_span *range, uint64_t max, span_fn fn, void *data)
{
	uint64_t lo = range->a;
	int r = 0;

	while (r == 0) {
		uint64_t size = lo ? lo & -lo : max / 2 + 1;

		while (size - 1 > range->b - lo)
			size /= 2;
		const struct vk_span block = {VK_SPAN_BITS, max & ~(size - 1), lo};

		r = fn(&block, data);
		if (range->b - lo == size - 1)
			break;
		lo += size;
	}
	return r;
}

/* A block of a range, met with or cut by bits. */
struct with_bits {
	const struct vk_span *bits;
	uint64_t max;
	bool cut;
	span_fn fn;
	void *data;
};

/* What of @a's numbers has not the bits of @b: bit by bit the half that differs there. */
static int cut_bits(const struct vk_span *a, const struct vk_span *b, uint64_t max, span_fn fn,
		    void *data)
{
	uint64_t mask = a->kind == VK_SPAN_BITS ? a->a : 0;
	uint64_t value = a->kind == VK_SPAN_BITS ? a->b : 0;
	int r = 0;

	if ((value ^ b->b) & mask & b->a)
		return fn(a, data);
	for (uint64_t open = b->a & ~mask, bit; open && r == 0; open &= ~bit) {
		bit = UINT64_C(1) << (63 - __builtin_clzll(open));
		r = give_bits(mask | bit, value | (~b->b & bit), max, fn, data);
		mask |= bit;
		value |= b->b & bit;
	}
	return r;
}

static int meet_bits(const struct vk_span *a, const struct vk_span *b, uint64_t max, span_fn fn,
		     void *data)
{
	if ((a->b ^ b->b) & a->a & b->a)
		return 0;
	return give_bits(a->a | b->a, a->b | b->b, max, fn, data);
}

static int on_block(const struct vk_span *block, void *data)
{
	const struct with_bits *w = data;

	return (w->cut ? cut_bits : meet_bits)(block, w->bits, w->max, w->fn, w->data);
}

/* Calls @fn for the spans that @a and @b have in common. */
static int span_meet(const struct vk_span *a, const struct vk_span *b, uint64_t max, span_fn fn,
		     void *data)
{
	struct with_bits w = {.max = max, .fn = fn, .data = data};
	const struct vk_span *range = a->kind == VK_SPAN_RANGE ? a : b;

	if (a->kind == VK_SPAN_ANY || b->kind == VK_SPAN_ANY)
		return fn(a->kind == VK_SPAN_ANY ? b : a, data);
	if (a->kind == VK_SPAN_BITS && b->kind == VK_SPAN_BITS)
		return meet_bits(a, b, max, fn, data);
	if (a->kind == VK_SPAN_RANGE && b->kind == VK_SPAN_RANGE) {
		uint64_t lo = a->a > b->a ? a->a : b->a, hi = a->b < b->b ? a->b : b->b;

		return lo > hi ? 0 : give_range(lo, hi, max, fn, data);
	}
	w.bits = range == a ? b : a;
	if (range->a == range->b)
		return vk_span_has(w.bits, range->a) ? fn(range, data) : 0;
	return vk_span_blocks(range, max, on_block, &w);
}

/* Calls @fn for the spans of @a that are not in @b. */
static int span_cut(const struct vk_span *a, const struct vk_span *b, uint64_t max, span_fn fn,
		    void *data)
{
	struct with_bits w = {.bits = b, .max = max, .cut = true, .fn = fn, .data = data};
	int r = 0;

	if (b->kind == VK_SPAN_ANY)
		return 0;
	if (b->kind == VK_SPAN_RANGE) {
		const struct vk_span below = {VK_SPAN_RANGE, 0, b->a - 1};
		const struct vk_span above = {VK_SPAN_RANGE, b->b + 1, max};

		if (b->a > 0)
			r = span_meet(a, &below, max, fn, data);
		if (r == 0 && b->b < max)
			r = span_meet(a, &above, max, fn, data);
		return r;
	}
	if (a->kind != VK_SPAN_RANGE)
		return cut_bits(a, b, max, fn, data);
	if (a->a == a->b)
		return vk_span_has(b, a->a) ? 0 : fn(a, data);
	return vk_span_blocks(a, max, on_block, &w);
}

/* ---- cubes ---- */

/* Where the spans of one argument go: into the cube, and on to the next argument. */
struct walk {
	const struct vk_cube *b;
	struct vk_cube now;
	int arg;
	bool cut;
	struct vk_sys_verdict v;
	struct vk_parts *to;
};

static int walk_meet(struct walk *w);
static int walk_cut(struct walk *w);

static int on_common(const struct vk_span *s, void *data)
{
	struct walk next = *(struct walk *)data;

	next.now.arg[next.arg++] = *s;
	return next.cut ? walk_cut(&next) : walk_meet(&next);
}

static int on_rest(const struct vk_span *s, void *data)
{
	struct walk *w = data;
	struct vk_cube cube = w->now;

	cube.arg[w->arg] = *s;
	return vk_parts_add(w->to, w->v, &cube);
}

static int walk_meet(struct walk *w)
{
	if (w->arg == 6)
		return vk_parts_add(w->to, w->v, &w->now);
	return span_meet(&w->now.arg[w->arg], &w->b->arg[w->arg], w->to->max, on_common, w);
}

/* What differs in this argument goes as it is; what does not must differ in a later one. */
static int walk_cut(struct walk *w)
{
	int r;

	if (w->arg == 6)
		return 0;
	r = span_cut(&w->now.arg[w->arg], &w->b->arg[w->arg], w->to->max, on_rest, w);
	if (r == 0)
		r = span_meet(&w->now.arg[w->arg], &w->b->arg[w->arg], w->to->max, on_common, w);
	return r;
}

int vk_parts_meet(const struct vk_cube *a, const struct vk_cube *b, struct vk_sys_verdict v,
		  struct vk_parts *to)
{
	struct walk w = {.b = b, .now = *a, .v = v, .to = to};

	return walk_meet(&w);
}

/* Whether they have anything in common, argument by argument. */
static bool overlap(const struct vk_cube *a, const struct vk_cube *b, uint64_t max)
{
	struct vk_parts common = {.max = max};
	bool some = vk_parts_meet(a, b, (struct vk_sys_verdict){0}, &common) < 0 || common.n;

	vk_parts_free(&common);
	return some;
}

int vk_parts_take(struct vk_parts *from, const struct vk_cube *cube, struct vk_sys_verdict v,
		  struct vk_parts *to)
{
	_cleanup_parts_ struct vk_parts rest = {.max = from->max};
	int r = 0;

	for (size_t i = 0; i < from->n && r == 0; i++) {
		const struct vk_part *part = &from->part[i];
		struct walk w = {
			.b = cube, .now = part->cube, .cut = true, .v = part->verdict, .to = &rest};

		/* Whole, and not in pieces, what is not touched. */
		if (!overlap(&part->cube, cube, from->max)) {
			r = vk_parts_add(&rest, part->verdict, &part->cube);
			continue;
		}
		r = vk_parts_meet(&part->cube, cube, v, to);
		if (r == 0)
			r = walk_cut(&w);
	}
	if (r < 0)
		return r;
	vk_parts_free(from);
	*from = rest;
	rest = (struct vk_parts){0};
	return 0;
}

/* ---- conditions ---- */

struct add_to {
	struct vk_parts *to;
	uint8_t arg;
};

static int add_span(const struct vk_span *s, void *data)
{
	const struct add_to *a = data;
	struct vk_cube cube = {0};

	cube.arg[a->arg] = *s;
	return vk_parts_add(a->to, (struct vk_sys_verdict){0}, &cube);
}

/* Numbers below (or above) @value, by the low @width bits: what agrees with it above a bit, and
 * is less (greater) there. */
static int add_beyond(const struct add_to *a, uint64_t value, uint8_t width, bool less)
{
	uint64_t all = (UINT64_C(1) << width) - 1;
	int r = 0;

	for (int i = width - 1; i >= 0 && r == 0; i--) {
		uint64_t bit = UINT64_C(1) << i, mask = all & ~(bit - 1);

		if (!!(value & bit) == less) {
			const struct vk_span s = {VK_SPAN_BITS, mask, (value ^ bit) & mask};

			r = add_span(&s, (void *)(uintptr_t)a);
		}
	}
	return r;
}

static int cubes_of_one(const struct vk_sys_cond *c, struct vk_parts *to)
{
	struct add_to a = {to, c->arg};
	uint64_t max = to->max, width = max == UINT32_MAX && c->width > 32 ? 32 : c->width;
	uint64_t all = width < 64 ? (UINT64_C(1) << width) - 1 : ~UINT64_C(0);
	uint64_t value = c->value, mask = c->mask & all;
	const struct vk_span any = {VK_SPAN_ANY, 0, 0};
	bool equal, below, above;
	int r = 0;

	if (c->op == VK_SYS_MASK_EQ || c->op == VK_SYS_MASK_NE) {
		const struct vk_span bits = {mask ? VK_SPAN_BITS : VK_SPAN_ANY, mask, value};

		/* Bits that are not there are clear. */
		if (value & ~mask)
			return c->op == VK_SYS_MASK_EQ ? 0 : add_span(&any, &a);
		return c->op == VK_SYS_MASK_EQ ? give_bits(mask, value, max, add_span, &a) :
						 span_cut(&any, &bits, max, add_span, &a);
	}
	equal = c->op == VK_SYS_EQ || c->op == VK_SYS_LE || c->op == VK_SYS_GE;
	below = c->op == VK_SYS_NE || c->op == VK_SYS_LT || c->op == VK_SYS_LE;
	above = c->op == VK_SYS_NE || c->op == VK_SYS_GT || c->op == VK_SYS_GE;
	if (value > all) /* more than any argument */
		return below ? add_span(&any, &a) : 0;
	if (all == max) {
		uint64_t lo = below ? 0 : equal ? value : value + 1;
		uint64_t hi = above ? max : equal ? value : value - 1;

		if (c->op == VK_SYS_NE) {
			const struct vk_span point = {VK_SPAN_RANGE, value, value};

			return span_cut(&any, &point, max, add_span, &a);
		}
		if ((!below && !equal && value == max) || (!above && !equal && value == 0))
			return 0;
		return give_range(lo, hi, max, add_span, &a);
	}
	if (equal)
		r = give_bits(all, value, max, add_span, &a);
	if (r == 0 && below)
		r = add_beyond(&a, value, (uint8_t)width, true);
	if (r == 0 && above)
		r = add_beyond(&a, value, (uint8_t)width, false);
	return r;
}

int vk_cubes_of(const struct vk_sys_cond *conds, uint8_t n, struct vk_parts *ret)
{
	const struct vk_cube full = {0};
	int r = vk_parts_add(ret, (struct vk_sys_verdict){0}, &full);

	for (uint8_t i = 0; i < n && r == 0; i++) {
		_cleanup_parts_ struct vk_parts one = {.max = ret->max}, both = {.max = ret->max};

		r = cubes_of_one(&conds[i], &one);
		for (size_t a = 0; a < ret->n && r == 0; a++)
			for (size_t b = 0; b < one.n && r == 0; b++)
				r = vk_parts_meet(&ret->part[a].cube, &one.part[b].cube,
						  (struct vk_sys_verdict){0}, &both);
		if (r == 0) {
			vk_parts_free(ret);
			*ret = both;
			both = (struct vk_parts){0};
		}
	}
	return r;
}
