// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dfa_minimize.c - Hopcroft's partition refinement, then a canonical numbering.
 *
 * Minimal means more than small here: the kernel side takes two directories for interchangeable
 * exactly if their states are equal, so states of equal future must be one state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dfa.h"

/**
 * struct partition - blocks of states
 * @elems: states, block by block
 * @where: index of a state in @elems
 * @block: block of a state
 * @first: per block: index of its first state
 * @end:   per block: index behind its last state
 * @marked: per block: how many of its states, moved to its front, are being split off
 * @queue: blocks that may still split others; a ring of n, each block in it once at most
 */
struct partition {
	size_t n, n_blocks;
	uint32_t *elems, *where, *block, *first, *end, *marked;
	uint32_t *queue;
	size_t q_head, q_len;
	bool *queued;
	uint32_t *touched, *splitter;
	size_t n_touched;
	uint32_t *inv_off, *inv; /* per class: predecessors */
};

static void partition_done(struct partition *p)
{
	free(p->elems);
	free(p->queued);
	free(p->inv_off);
	free(p->inv);
}

static int partition_init(struct partition *p, const struct dfa *d)
{
	size_t n = d->n, k = d->classes;

	p->n = n;
	p->elems = calloc(9 * n, sizeof(uint32_t));
	p->queued = calloc(n, sizeof(bool));
	p->inv_off = calloc((n + 1) * k, sizeof(uint32_t));
	p->inv = calloc(n * k, sizeof(uint32_t));
	if (!p->elems || !p->queued || !p->inv_off || !p->inv)
		return -ENOMEM;
	uint32_t **parts[] = {&p->where,  &p->block, &p->first,	  &p->end,
			      &p->marked, &p->queue, &p->touched, &p->splitter};

	for (size_t i = 0; i < 8; i++)
		*parts[i] = p->elems + (i + 1) * n;
	for (size_t c = 0; c < k; c++) {
		uint32_t *off = p->inv_off + c * (n + 1), *inv = p->inv + c * n;

		for (size_t s = 0; s < n; s++)
			off[d->next[s * k + c] + 1]++;
		for (size_t s = 0; s < n; s++)
			off[s + 1] += off[s];
		/* Filling from the back moves each offset down to the start of its range. */
		for (size_t s = n; s-- > 0;)
			inv[--off[d->next[s * k + c] + 1]] = (uint32_t)s;
		memmove(off, off + 1, n * sizeof(*off));
		off[n] = (uint32_t)n;
	}
	return 0;
}

static void enqueue(struct partition *p, uint32_t block)
{
	p->queue[(p->q_head + p->q_len++) % p->n] = block;
	p->queued[block] = true;
}

/* The first partition: by verdict. All blocks but the largest are splitters. */
static void split_by_verdict(struct partition *p, const struct dfa *d)
{
	uint32_t count[VK_VERDICTS + 1] = {0}, largest = 0;

	for (size_t s = 0; s < p->n; s++)
		count[d->verdict[s] + 1]++;
	for (size_t v = 0; v < d->n_verdicts; v++) {
		count[v + 1] += count[v];
		p->first[v] = p->end[v] = count[v];
	}
	for (size_t s = 0; s < p->n; s++) {
		uint32_t b = d->verdict[s];

		p->block[s] = b;
		p->where[s] = p->end[b];
		p->elems[p->end[b]++] = (uint32_t)s;
	}
	p->n_blocks = d->n_verdicts;
	for (uint32_t b = 1; b < p->n_blocks; b++) {
		if (p->end[b] - p->first[b] > p->end[largest] - p->first[largest])
			largest = b;
	}
	for (uint32_t b = 0; b < p->n_blocks; b++) {
		if (b != largest)
			enqueue(p, b);
	}
}

/* Moves a state to the marked front of its block. */
static void mark(struct partition *p, uint32_t state)
{
	uint32_t b = p->block[state], at = p->where[state], to = p->first[b] + p->marked[b];

	if (at < to)
		return;
	if (p->marked[b]++ == 0)
		p->touched[p->n_touched++] = b;
	uint32_t other = p->elems[to];

	p->elems[to] = state;
	p->where[state] = to;
	p->elems[at] = other;
	p->where[other] = at;
}

/* Makes the marked states of each touched block a block of their own. */
static void split_marked(struct partition *p)
{
	while (p->n_touched) {
		uint32_t b = p->touched[--p->n_touched], m = p->marked[b];
		uint32_t size = p->end[b] - p->first[b];

		p->marked[b] = 0;
		if (m == size)
			continue;
		uint32_t fresh = (uint32_t)p->n_blocks++;

		p->first[fresh] = p->first[b];
		p->end[fresh] = p->first[b] + m;
		p->first[b] += m;
		for (uint32_t i = p->first[fresh]; i < p->end[fresh]; i++)
			p->block[p->elems[i]] = fresh;
		enqueue(p, p->queued[b] || m <= size - m ? fresh : b);
	}
}

static void refine(struct partition *p, const struct dfa *d)
{
	while (p->q_len) {
		uint32_t b = p->queue[p->q_head];
		uint32_t size = p->end[b] - p->first[b];

		p->q_head = (p->q_head + 1) % p->n;
		p->q_len--;
		p->queued[b] = false;
		/* The block may itself be split on the way; all classes use it as it is now. */
		memcpy(p->splitter, p->elems + p->first[b], size * sizeof(*p->splitter));
		for (size_t c = 0; c < d->classes; c++) {
			const uint32_t *off = p->inv_off + c * (p->n + 1);
			const uint32_t *inv = p->inv + c * p->n;

			for (uint32_t i = 0; i < size; i++) {
				for (uint32_t k = off[p->splitter[i]]; k < off[p->splitter[i] + 1];
				     k++)
					mark(p, inv[k]);
			}
			split_marked(p);
		}
	}
}

/* Bytes that have the same effect in every block get the same class. */
static size_t merge_classes(const struct partition *p, const struct dfa *d, uint8_t *ret_class_of,
			    uint8_t *ret_old)
{
	int merged[256];
	size_t n = 0;

	memset(merged, -1, sizeof(merged));
	for (unsigned int byte = 0; byte < 256; byte++) {
		uint8_t c = d->class_of[byte];

		for (size_t m = 0; m < n && merged[c] < 0; m++) {
			size_t b = 0;

			for (; b < p->n_blocks; b++) {
				const uint32_t *row = d->next + p->elems[p->first[b]] * d->classes;

				if (p->block[row[c]] != p->block[row[ret_old[m]]])
					break;
			}
			if (b == p->n_blocks)
				merged[c] = (int)m;
		}
		if (merged[c] < 0) {
			ret_old[n] = c;
			merged[c] = (int)n++;
		}
		ret_class_of[byte] = (uint8_t)merged[c];
	}
	return n;
}

/* Writes the automaton of the blocks into d, numbered breadth first from the start. */
static int renumber(struct dfa *d, const struct partition *p)
{
	uint8_t class_of[256], old_class[256];
	size_t k = merge_classes(p, d, class_of, old_class), n = 0;
	_cleanup_free_ uint32_t *order = calloc(p->n_blocks, sizeof(*order));
	_cleanup_free_ uint32_t *number = calloc(p->n_blocks, sizeof(*number)); /* + 1 */
	_cleanup_free_ uint32_t *next = calloc(p->n_blocks * k, sizeof(*next));
	_cleanup_free_ uint16_t *verdict = calloc(p->n_blocks, sizeof(*verdict));
	uint16_t new_verdict[VK_VERDICTS] = {0}; /* + 1 */
	struct vk_verdict verdicts[VK_VERDICTS] = {0};
	size_t n_verdicts = 0;

	if (!order || !number || !next || !verdict)
		return -ENOMEM;
	order[n++] = p->block[d->start];
	number[order[0]] = 1;
	for (size_t i = 0; i < n; i++) {
		uint32_t s = p->elems[p->first[order[i]]];

		if (!new_verdict[d->verdict[s]]) {
			verdicts[n_verdicts++] = d->verdicts[d->verdict[s]];
			new_verdict[d->verdict[s]] = (uint16_t)n_verdicts;
		}
		verdict[i] = new_verdict[d->verdict[s]] - 1;
		for (size_t c = 0; c < k; c++) {
			uint32_t b = p->block[d->next[s * d->classes + old_class[c]]];

			if (!number[b]) {
				order[n++] = b;
				number[b] = (uint32_t)n;
			}
			next[i * k + c] = number[b] - 1;
		}
	}
	dfa_done(d);
	d->n = n;
	d->classes = k;
	d->start = 0;
	d->next = vk_take_ptr(next);
	d->verdict = vk_take_ptr(verdict);
	d->n_verdicts = n_verdicts;
	memcpy(d->class_of, class_of, sizeof(class_of));
	memcpy(d->verdicts, verdicts, sizeof(verdicts));
	return 0;
}

int dfa_minimize(struct dfa *d, struct vk_error *e)
{
	vk_cleanup(partition_done) struct partition p = {0};
	int r = partition_init(&p, d);

	if (r == 0) {
		split_by_verdict(&p, d);
		refine(&p, d);
		r = renumber(d, &p);
	}
	return r < 0 ? vk_error_set(e, ENOMEM, "out of memory") : 0;
}
