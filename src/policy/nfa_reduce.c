// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * nfa_reduce.c - merge the nodes of the tries from which the same endings lead to the same rights.
 *
 * Edges lead to larger numbers only (loops are a property of a node, not an edge), so one pass
 * from the last node to the first sees every successor before the node itself; a node is then
 * equal to an earlier one exactly if their contents are equal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "nfa.h"

struct reduction {
	const struct nfa *old;
	struct nfa_node *nodes;
	size_t n_nodes;
	struct nfa_edge *edges;
	size_t n_edges;
	uint32_t *map; /* old node -> new node */
	uint32_t *table; /* open addressing; new node + 1 */
	size_t mask;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t hash_node(const struct reduction *x, const struct nfa_node *n)
{
	uint64_t h = mix(n->loop, n->comp);

	h = mix(h, n->accept.deny);
	h = mix(h, n->accept.allow);
	h = mix(h, n->accept.audit);
	for (size_t i = 0; i < 4; i++)
		h = mix(h, n->skip[i]);
	for (uint32_t i = 0; i < n->n; i++)
		h = mix(h,
			(uint64_t)x->edges[n->first + i].label << 32 | x->edges[n->first + i].to);
	return h;
}

static bool equal_nodes(const struct reduction *x, const struct nfa_node *a,
			const struct nfa_node *b)
{
	if (a->loop != b->loop || a->comp != b->comp || a->n != b->n ||
	    memcmp(&a->accept, &b->accept, sizeof(a->accept)) != 0 ||
	    memcmp(a->skip, b->skip, sizeof(a->skip)) != 0)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (x->edges[a->first + i].label != x->edges[b->first + i].label ||
		    x->edges[a->first + i].to != x->edges[b->first + i].to)
			return false;
	}
	return true;
}

/* By label; the order of two edges of one label does not matter but must be definite. */
static int compare_edges(const void *a, const void *b)
{
	const struct nfa_edge *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static void add_reach(struct nfa_masks *to, const struct nfa_masks *from)
{
	to->deny |= from->deny;
	to->allow |= from->allow;
	to->audit |= from->audit;
}

/* All that leads out of a node that grants the same forever is of no consequence. */
static bool is_settled(const struct nfa_node *n, const struct nfa_masks *further)
{
	const struct nfa_masks *a = &n->accept;

	return n->loop == NFA_LOOP_ANY && !(further->deny & ~a->deny) &&
	       !(further->allow & ~(a->allow | a->deny)) &&
	       !(further->audit & ~(a->audit | a->deny));
}

/* The node in terms of new nodes; its edges are put behind the last of x->edges. */
static struct nfa_node translate(struct reduction *x, const struct nfa_node *old)
{
	struct nfa_node n = *old;
	struct nfa_masks further = {0};

	n.first = (uint32_t)x->n_edges;
	n.n = 0;
	for (uint32_t i = old->first; i != NFA_NONE; i = x->old->edges[i].next) {
		uint32_t to = x->map[x->old->edges[i].to];

		x->edges[n.first + n.n++] = (struct nfa_edge){x->old->edges[i].label, to, 0};
		add_reach(&further, &x->nodes[to].reach);
	}
	for (size_t i = 0; i < 4; i++) {
		if (n.skip[i] == NFA_NONE)
			continue;
		n.skip[i] = x->map[n.skip[i]];
		add_reach(&further, &x->nodes[n.skip[i]].reach);
	}
	if (is_settled(&n, &further)) {
		n.n = 0;
		memset(n.skip, 0xff, sizeof(n.skip));
		further = (struct nfa_masks){0};
	}
	qsort(x->edges + n.first, n.n, sizeof(*x->edges), compare_edges);
	n.reach = n.accept;
	add_reach(&n.reach, &further);
	return n;
}

static uint32_t intern(struct reduction *x, const struct nfa_node *n)
{
	size_t at = hash_node(x, n) & x->mask;

	for (; x->table[at]; at = (at + 1) & x->mask) {
		struct nfa_node *known = &x->nodes[x->table[at] - 1];

		if (!equal_nodes(x, known, n))
			continue;
		if (n->rule < known->rule)
			known->rule = n->rule;
		return x->table[at] - 1;
	}
	x->nodes[x->n_nodes] = *n;
	x->n_edges += n->n;
	x->table[at] = (uint32_t)++x->n_nodes;
	return (uint32_t)x->n_nodes - 1;
}

static void reduction_done(struct reduction *x)
{
	free(x->nodes);
	free(x->edges);
	free(x->map);
	free(x->table);
}

int nfa_reduce(struct nfa *a, struct vk_error *e)
{
	vk_cleanup(reduction_done) struct reduction x = {.old = a};
	size_t buckets = 64;

	while (buckets < 2 * a->n_nodes)
		buckets *= 2;
	x.mask = buckets - 1;
	x.nodes = calloc(a->n_nodes, sizeof(*x.nodes));
	x.edges = calloc(a->n_edges + 1, sizeof(*x.edges));
	x.map = calloc(a->n_nodes, sizeof(*x.map));
	x.table = calloc(buckets, sizeof(*x.table));
	if (!x.nodes || !x.edges || !x.map || !x.table)
		return vk_error_set(e, ENOMEM, "out of memory");
	for (size_t i = a->n_nodes; i-- > 0;) {
		struct nfa_node n = translate(&x, &a->nodes[i]);

		x.map[i] = intern(&x, &n);
	}
	for (size_t c = 0; c < a->comps->n; c++)
		a->roots[c] = x.map[a->roots[c]];
	free(a->nodes);
	free(a->edges);
	a->nodes = vk_take_ptr(x.nodes);
	a->edges = vk_take_ptr(x.edges);
	a->n_nodes = x.n_nodes;
	a->n_edges = x.n_edges;
	return 0;
}
