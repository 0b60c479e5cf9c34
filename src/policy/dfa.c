// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dfa.c - subset construction, with limits.
 *
 * A state is a sorted list of NFA nodes, then, per component that has any, the rights that are
 * settled: denied, allowed or reported for every name from here on (a pattern that ends in "**"
 * was entered). Whatever could only repeat what is settled is dropped from the list, so hundreds
 * of overlapping "/dir/**" rules do not multiply. Nodes that loop stay on all bytes and are carried
 * from set to set; only bytes with edges of their own need a set of their own.
 */
#include "dfa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define SETTLED (UINT32_C(1) << 31) /* word of a set: component; three masks follow */

/* A byte class on which a node leads to another one. */
struct event {
	uint32_t to;
	uint32_t next;
};

struct builder {
	const struct nfa *a;
	struct dfa *d;
	uint8_t (*set_classes)[256]; /* per set of the NFA: its classes */
	uint16_t *set_n_classes;
	/* sets of all states: words[off[s]] .. words[off[s + 1]] */
	uint32_t *words;
	size_t n_words, cap_words;
	size_t *off;
	size_t cap_off;
	uint32_t *table; /* open addressing; state + 1 */
	size_t mask;
	size_t cap_next, cap_verdict;
	/* the set being collected */
	uint32_t *list;
	size_t n_list, cap_list;
	uint32_t *stamp; /* per node: the round in which it was collected */
	uint32_t round;
	struct nfa_masks settled[VK_MAX_COMPONENTS];
	/* the state being expanded */
	struct event *events;
	size_t n_events, cap_events;
	uint32_t head[256]; /* per class */
	uint32_t *loops;
	size_t n_loops, cap_loops;
};

static void builder_done(struct builder *b)
{
	free(b->set_classes);
	free(b->set_n_classes);
	free(b->words);
	free(b->off);
	free(b->table);
	free(b->list);
	free(b->stamp);
	free(b->events);
	free(b->loops);
}

/* Splits the classes so that no class is partly in the set. */
static void refine(struct dfa *d, const struct vk_charset *s)
{
	int in[256], n = (int)d->classes;
	bool out[256] = {false};

	memset(in, -1, sizeof(in));
	for (unsigned int b = 0; b < 256; b++)
		out[d->class_of[b]] |= !vk_charset_has(s, b);
	for (unsigned int b = 0; b < 256; b++) {
		uint8_t c = d->class_of[b];

		if (!vk_charset_has(s, b) || !out[c])
			continue;
		if (in[c] < 0)
			in[c] = n++;
		d->class_of[b] = (uint8_t)in[c];
	}
	d->classes = (size_t)n;
}

static void make_classes(struct dfa *d, const struct nfa *a)
{
	bool seen[256] = {['/'] = true};

	memset(d->class_of, 0, sizeof(d->class_of));
	d->classes = 1;
	for (size_t i = 0; i < a->n_edges; i++) {
		if (a->edges[i].label < NFA_SET_LABEL)
			seen[a->edges[i].label] = true;
	}
	for (size_t i = 0; i < a->n_sets; i++)
		refine(d, &a->sets[i]);
	for (unsigned int b = 0; b < 256; b++) {
		struct vk_charset one = {.bits = {0}};

		if (!seen[b])
			continue;
		vk_charset_add(&one, b);
		refine(d, &one);
	}
}

static int builder_init(struct builder *b)
{
	const struct nfa *a = b->a;

	make_classes(b->d, a);
	b->mask = 255;
	b->table = calloc(b->mask + 1, sizeof(*b->table));
	b->stamp = calloc(a->n_nodes, sizeof(*b->stamp));
	b->set_classes = calloc(a->n_sets + 1, sizeof(*b->set_classes));
	b->set_n_classes = calloc(a->n_sets + 1, sizeof(*b->set_n_classes));
	if (!b->table || !b->stamp || !b->set_classes || !b->set_n_classes)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_sets; i++) {
		bool has[256] = {false};

		for (unsigned int byte = 0; byte < 256; byte++)
			has[b->d->class_of[byte]] |= vk_charset_has(&a->sets[i], byte);
		for (size_t c = 0; c < b->d->classes; c++) {
			if (has[c])
				b->set_classes[i][b->set_n_classes[i]++] = (uint8_t)c;
		}
	}
	memset(b->head, 0xff, sizeof(b->head));
	return 0;
}

static bool within(const struct nfa_masks *m, const struct nfa_masks *settled)
{
	return !(m->deny & ~settled->deny) && !(m->allow & ~(settled->allow | settled->deny)) &&
	       !(m->audit & ~(settled->audit | settled->deny));
}

static int collect(struct builder *b, uint32_t node)
{
	const struct nfa_node *n = &b->a->nodes[node];

	if (b->stamp[node] == b->round)
		return 0;
	b->stamp[node] = b->round;
	if (n->loop == NFA_LOOP_ANY) {
		struct nfa_masks *s = &b->settled[n->comp];

		s->deny |= n->accept.deny;
		s->allow |= n->accept.allow;
		s->audit |= n->accept.audit;
	}
	if (nfa_grow((void **)&b->list, &b->cap_list, b->n_list + 1, sizeof(*b->list)) < 0)
		return -ENOMEM;
	b->list[b->n_list++] = node;
	for (size_t i = 0; i < 4; i++) {
		if (n->skip[i] != NFA_NONE && collect(b, n->skip[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Drops what is settled, sorts, and appends the settled rights. */
static int finish_list(struct builder *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_list; i++) {
		const struct nfa_node *node = &b->a->nodes[b->list[i]];

		if (!within(&node->reach, &b->settled[node->comp]))
			b->list[n++] = b->list[i];
	}
	if (n > 1)
		qsort(b->list, n, sizeof(*b->list), compare_u32);
	b->n_list = n;
	if (nfa_grow((void **)&b->list, &b->cap_list, n + 4 * VK_MAX_COMPONENTS, sizeof(*b->list)) <
	    0)
		return -ENOMEM;
	for (size_t c = 0; c < b->a->comps->n; c++) {
		const struct nfa_masks *s = &b->settled[c];

		if (!(s->deny | s->allow | s->audit))
			continue;
		b->list[b->n_list++] = SETTLED | (uint32_t)c;
		b->list[b->n_list++] = s->deny;
		b->list[b->n_list++] = s->allow & ~s->deny;
		b->list[b->n_list++] = s->audit & ~s->deny;
	}
	return 0;
}

static int intern_verdict(struct dfa *d, struct vk_verdict v, uint16_t *ret)
{
	for (size_t i = 0; i < d->n_verdicts; i++) {
		if (memcmp(&d->verdicts[i], &v, sizeof(v)) == 0) {
			*ret = (uint16_t)i;
			return 0;
		}
	}
	if (d->n_verdicts == VK_VERDICTS)
		return -EOVERFLOW;
	d->verdicts[d->n_verdicts] = v;
	*ret = (uint16_t)d->n_verdicts++;
	return 0;
}

/* The verdict of the set in b->list. */
static int set_verdict(struct builder *b, uint16_t *ret)
{
	struct nfa_masks m[VK_MAX_COMPONENTS] = {0};

	memcpy(m, b->settled, b->a->comps->n * sizeof(*m));
	for (size_t i = 0; i < b->n_list && !(b->list[i] & SETTLED); i++) {
		const struct nfa_node *n = &b->a->nodes[b->list[i]];

		m[n->comp].deny |= n->accept.deny;
		m[n->comp].allow |= n->accept.allow;
		m[n->comp].audit |= n->accept.audit;
	}
	return intern_verdict(b->d, vk_fold(b->a->comps, m), ret);
}

static int new_state(struct builder *b, uint32_t *ret)
{
	struct dfa *d = b->d;
	size_t n = d->n;

	if (n >= DFA_STATES || (n + 1) * d->classes > DFA_CELLS ||
	    b->n_words + b->n_list > DFA_SET_WORDS)
		return -E2BIG;
	if (nfa_grow((void **)&b->words, &b->cap_words, b->n_words + b->n_list, sizeof(*b->words)) <
		    0 ||
	    nfa_grow((void **)&b->off, &b->cap_off, n + 2, sizeof(*b->off)) < 0 ||
	    nfa_grow((void **)&d->next, &b->cap_next, (n + 1) * d->classes, sizeof(*d->next)) < 0 ||
	    nfa_grow((void **)&d->verdict, &b->cap_verdict, n + 1, sizeof(*d->verdict)) < 0)
		return -ENOMEM;
	int r = set_verdict(b, &d->verdict[n]);

	if (r < 0)
		return r;
	if (b->n_list)
		memcpy(b->words + b->n_words, b->list, b->n_list * sizeof(*b->list));
	b->off[n] = b->n_words;
	b->n_words += b->n_list;
	b->off[n + 1] = b->n_words;
	*ret = (uint32_t)d->n++;
	return 0;
}

static size_t hash_words(const uint32_t *words, size_t n)
{
	uint64_t h = n;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

/* Keeps the table at most half full. */
static int grow_table(struct builder *b)
{
	size_t mask = b->mask * 2 + 1;

	if (b->d->n * 2 <= b->mask)
		return 0;
	uint32_t *table = calloc(mask + 1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (size_t s = 0; s < b->d->n; s++) {
		size_t at = hash_words(b->words + b->off[s], b->off[s + 1] - b->off[s]) & mask;

		while (table[at])
			at = (at + 1) & mask;
		table[at] = (uint32_t)s + 1;
	}
	free(b->table);
	b->table = table;
	b->mask = mask;
	return 0;
}

/* The state of the set in b->list. */
static int intern_state(struct builder *b, uint32_t *ret)
{
	int r = grow_table(b);

	if (r < 0)
		return r;
	size_t at = hash_words(b->list, b->n_list) & b->mask;

	for (; b->table[at]; at = (at + 1) & b->mask) {
		size_t s = b->table[at] - 1, len = b->off[s + 1] - b->off[s];

		if (len == b->n_list &&
		    (!len || memcmp(b->words + b->off[s], b->list, len * sizeof(*b->list)) == 0)) {
			*ret = (uint32_t)s;
			return 0;
		}
	}
	r = new_state(b, ret);
	if (r == 0)
		b->table[at] = *ret + 1;
	return r;
}

static void start_list(struct builder *b)
{
	b->n_list = 0;
	b->round++;
	memset(b->settled, 0, b->a->comps->n * sizeof(b->settled[0]));
}

static int add_event(struct builder *b, uint8_t class, uint32_t to)
{
	if (nfa_grow((void **)&b->events, &b->cap_events, b->n_events + 1, sizeof(*b->events)) < 0)
		return -ENOMEM;
	b->events[b->n_events] = (struct event){to, b->head[class]};
	b->head[class] = (uint32_t)b->n_events++;
	return 0;
}

static int node_events(struct builder *b, const struct nfa_node *n)
{
	int r = 0;

	for (uint32_t i = 0; i < n->n && r == 0; i++) {
		const struct nfa_edge *edge = &b->a->edges[n->first + i];

		if (edge->label < NFA_SET_LABEL) {
			r = add_event(b, b->d->class_of[edge->label], edge->to);
			continue;
		}
		uint32_t set = edge->label - NFA_SET_LABEL;

		for (size_t k = 0; k < b->set_n_classes[set] && r == 0; k++)
			r = add_event(b, b->set_classes[set][k], edge->to);
	}
	return r;
}

/* The successor on one class; every class without events and but "/" has the same. */
static int successor(struct builder *b, size_t state, size_t class, bool slash, uint32_t *ret)
{
	size_t i = b->off[state], end = b->off[state + 1];
	int r = 0;

	start_list(b);
	while (i < end && !(b->words[i] & SETTLED))
		i++;
	for (; i < end; i += 4)
		b->settled[b->words[i] & ~SETTLED] =
			(struct nfa_masks){b->words[i + 1], b->words[i + 2], b->words[i + 3]};
	for (i = 0; i < b->n_loops && r == 0; i++) {
		if (!slash || b->a->nodes[b->loops[i]].loop == NFA_LOOP_ANY)
			r = collect(b, b->loops[i]);
	}
	for (uint32_t ev = b->head[class]; ev != NFA_NONE && r == 0; ev = b->events[ev].next)
		r = collect(b, b->events[ev].to);
	if (r == 0)
		r = finish_list(b);
	return r < 0 ? r : intern_state(b, ret);
}

static int expand(struct builder *b, size_t state)
{
	struct dfa *d = b->d;
	uint32_t same = NFA_NONE;
	int r = 0;

	b->n_events = b->n_loops = 0;
	for (size_t i = b->off[state]; i < b->off[state + 1] && !(b->words[i] & SETTLED); i++) {
		const struct nfa_node *n = &b->a->nodes[b->words[i]];

		if (n->loop && nfa_grow((void **)&b->loops, &b->cap_loops, b->n_loops + 1,
					sizeof(*b->loops)) < 0)
			return -ENOMEM;
		if (n->loop)
			b->loops[b->n_loops++] = b->words[i];
		r = node_events(b, n);
		if (r < 0)
			return r;
	}
	for (size_t c = 0; c < d->classes; c++) {
		bool slash = c == d->class_of['/'];
		uint32_t to = same;

		if (slash || b->head[c] != NFA_NONE || same == NFA_NONE) {
			r = successor(b, state, c, slash, &to);
			if (r < 0)
				return r;
			if (!slash && b->head[c] == NFA_NONE)
				same = to;
		}
		b->head[c] = NFA_NONE;
		d->next[state * d->classes + c] = to;
	}
	return 0;
}

/*
 * Which rules multiply: a wildcard that is in about half of all sets doubles them; one that is in
 * all or in none does not matter.
 */
static int explain_explosion(const struct builder *b, struct vk_error *e, const char *message)
{
	const struct nfa *a = b->a;
	_cleanup_free_ uint32_t *count = calloc(a->n_nodes, sizeof(*count));
	uint32_t rules[3];
	size_t n = 0;

	for (size_t i = 0; count && i < b->n_words; i++) {
		if (b->words[i] & SETTLED)
			i += 3;
		else
			count[b->words[i]]++;
	}
	while (count && n < 3) {
		uint32_t best = NFA_NONE, score = 0;

		for (uint32_t i = 0; i < a->n_nodes; i++) {
			uint32_t c = count[i], s = c < b->d->n - c ? c : (uint32_t)(b->d->n - c);

			if (a->nodes[i].loop && s > score) {
				score = s;
				best = i;
			}
		}
		if (best == NFA_NONE)
			break;
		count[best] = 0;
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= rules[i] == a->nodes[best].rule;
		if (!known)
			rules[n++] = a->nodes[best].rule;
	}
	if (!n && a->n_rules)
		rules[n++] = (uint32_t)a->n_rules - 1;
	return nfa_blame(a, rules, n, e, message, "; most of it comes from ");
}

int dfa_build(struct dfa *d, const struct nfa *a, struct vk_error *e)
{
	vk_cleanup(builder_done) struct builder b = {.a = a, .d = d};
	int r = builder_init(&b);

	memset(d->verdicts, 0, sizeof(d->verdicts));
	if (r == 0) {
		start_list(&b);
		for (size_t c = 0; c < a->comps->n && r == 0; c++)
			r = collect(&b, a->roots[c]);
		if (r == 0)
			r = finish_list(&b);
		if (r == 0)
			r = intern_state(&b, &d->start);
	}
	for (size_t s = 0; s < d->n && r == 0; s++)
		r = expand(&b, s);
	if (r == -E2BIG)
		return explain_explosion(&b, e, "the path rules multiply into too many states");
	if (r == -EOVERFLOW)
		return explain_explosion(
			&b, e, "the path rules give more than 480 combinations of rights");
	if (r < 0)
		return vk_error_set(e, ENOMEM, "out of memory");
	/* The root has no name: what holds for "/" is said by the state before it. */
	d->verdict[d->start] = d->verdict[d->next[d->start * d->classes + d->class_of['/']]];
	return 0;
}

void dfa_done(struct dfa *d)
{
	free(d->next);
	free(d->verdict);
	d->next = NULL;
	d->verdict = NULL;
}
