// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * looser.c - whether an image allows anything that another one denies.
 *
 * For images that were compiled by a process that is not trusted, from text that a member gave:
 * whatever it returns, it cannot loosen what is in force. The automata are walked in step, over
 * all names; the rest of the header is compared field by field.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"
#include "tables.h"

_Static_assert(offsetof(struct vk_image, reserved) == 80 + 5 * VK_FAMILIES + 4 * VK_NETLINK + 256 +
							      16 * VK_VERDICTS + 32 * VK_NET_RULES,
	       "a new field of the image: say here when it is looser, then raise this");

#define PAIRS_MAX (1u << 20)
#define TABLE (2u * PAIRS_MAX)

/* Pairs of states met, to be looked at: @table for membership, @list in their order. */
struct pairs {
	uint32_t *table;
	uint32_t *list;
	size_t n;
};

static void pairs_done(struct pairs *p)
{
	free(p->table);
	free(p->list);
}

/* False: too many. The pair (0, 0) is stored as all ones, which is no pair: entries are below. */
static bool meet(struct pairs *p, uint16_t a, uint16_t b)
{
	uint32_t pair = (uint32_t)a << 16 | b, key = pair ? pair : ~0u;
	uint32_t at = (uint32_t)((pair * UINT64_C(0x9e3779b97f4a7c15)) >> 43) % TABLE;

	while (p->table[at]) {
		if (p->table[at] == key)
			return true;
		at = (at + 1) % TABLE;
	}
	if (p->n == PAIRS_MAX)
		return false;
	p->table[at] = key;
	p->list[p->n++] = pair;
	return true;
}

static const uint16_t *row(const struct vk_image *img, uint32_t entry)
{
	return (const uint16_t *)((const char *)img + VK_IMAGE_HEADER +
				  (size_t)entry * VK_ROW_UNIT);
}

/* Rights granted and reported must stay within; what was reported must stay reported. */
static bool within(uint64_t allow, uint64_t audit, uint64_t than_allow, uint64_t than_audit)
{
	return !(allow & ~than_allow) && !(than_audit & allow & ~audit);
}

static bool verdict_within(const struct vk_verdict *v, const struct vk_verdict *than)
{
	return within(v->allow, v->audit, than->allow, than->audit) &&
	       within(v->foreign, v->foreign_audit, than->foreign, than->foreign_audit);
}

/* One byte for each pair of classes that some byte has; NUL is in no name. */
static size_t distinct(const struct vk_image *a, const struct vk_image *b, uint8_t bytes[256])
{
	size_t n = 0;

	for (unsigned int c = 1; c < 256; c++) {
		size_t i = 0;

		while (i < n && (a->class_of[bytes[i]] != a->class_of[c] ||
				 b->class_of[bytes[i]] != b->class_of[c]))
			i++;
		if (i == n)
			bytes[n++] = (uint8_t)c;
	}
	return n;
}

static int paths_within(const struct vk_image *img, const struct vk_image *than)
{
	vk_cleanup(pairs_done) struct pairs p = {
		.table = calloc(TABLE, sizeof(*p.table)),
		.list = malloc(PAIRS_MAX * sizeof(*p.list)),
	};
	uint8_t bytes[256] = {0};
	size_t n = distinct(img, than, bytes);

	if (!p.table || !p.list)
		return -ENOMEM;
	meet(&p, img->start, than->start);
	for (size_t i = 0; i < p.n; i++) {
		const uint16_t *a = row(img, p.list[i] >> 16);
		const uint16_t *b = row(than, p.list[i] & 0xffff);

		if (!verdict_within(&img->verdicts[a[0] & VK_ROW_VERDICT],
				    &than->verdicts[b[0] & VK_ROW_VERDICT]))
			return -EPERM;
		for (size_t c = 0; c < n; c++)
			if (!meet(&p, a[img->class_of[bytes[c]] / 2],
				  b[than->class_of[bytes[c]] / 2]))
				return -E2BIG;
	}
	return 0;
}

/* The next rule of component @c from @i on. */
static const struct vk_net_rule *next_rule(const struct vk_image *img, unsigned int c, size_t *i)
{
	while (*i < img->n_net && img->net[*i].component != c)
		++*i;
	return *i < img->n_net ? &img->net[(*i)++] : NULL;
}

static bool same_rule(const struct vk_net_rule *a, const struct vk_net_rule *b)
{
	struct vk_net_rule x = *a, y = *b;

	x.component = y.component = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* Whether component @c of @img says the same as @d of @than. */
static bool same_component(const struct vk_image *img, unsigned int c, const struct vk_image *than,
			   unsigned int d)
{
	const struct vk_net_rule *a, *b;
	size_t i = 0, k = 0;

	if ((img->net_default_deny >> c & 1) != (than->net_default_deny >> d & 1) ||
	    (img->net_enforce >> c & 1) != (than->net_enforce >> d & 1))
		return false;
	do {
		a = next_rule(img, c, &i);
		b = next_rule(than, d, &k);
		if (a && b && !same_rule(a, b))
			return false;
	} while (a && b);
	return !a && !b;
}

/* Every component must let a connection pass: all there were must still be there. */
static bool net_within(const struct vk_image *img, const struct vk_image *than)
{
	for (unsigned int d = 0; d < VK_MAX_COMPONENTS; d++) {
		unsigned int c = 0;
		size_t i = 0;

		if (!(than->net_default_deny >> d & 1) && !next_rule(than, d, &i))
			continue;
		while (c < VK_MAX_COMPONENTS && !same_component(img, c, than, d))
			c++;
		if (c == VK_MAX_COMPONENTS)
			return false;
	}
	return true;
}

static bool header_within(const struct vk_image *img, const struct vk_image *than)
{
	for (size_t f = 0; f < VK_FAMILIES; f++)
		if (!within(img->socket_allow[f], img->socket_audit[f], than->socket_allow[f],
			    than->socket_audit[f]))
			return false;
	for (size_t p = 0; p < VK_NETLINK; p++)
		if (!within(img->netlink_allow[p], img->netlink_audit[p], than->netlink_allow[p],
			    than->netlink_audit[p]))
			return false;
	/* Without a hook, or where no name grants a right, nothing is asked. */
	return !(vk_needs(img) & ~img->needs) && !(img->granted_any & ~than->granted_any) &&
	       within(img->anon_allow, img->anon_audit, than->anon_allow, than->anon_audit) &&
	       within(img->caps_allow, img->caps_audit, than->caps_allow, than->caps_audit) &&
	       within(img->sw_allow, img->sw_audit, than->sw_allow, than->sw_audit) &&
	       img->ptrace_scope <= than->ptrace_scope && img->ptrace_audit <= than->ptrace_audit &&
	       img->signal_scope <= than->signal_scope && img->signal_audit <= than->signal_audit &&
	       net_within(img, than);
}

int vk_image_within(const struct vk_image *img, const struct vk_image *than)
{
	if (!header_within(img, than))
		return -EPERM;
	return paths_within(img, than);
}
