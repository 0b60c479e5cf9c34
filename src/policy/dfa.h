/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dfa.h - from nfa.h to the smallest deterministic automaton. */
#ifndef VK_DFA_H
#define VK_DFA_H

#include "nfa.h"

#define DFA_STATES (1u << 18) /* limit of the subset construction */
#define DFA_CELLS (24u << 20) /* states times classes: 96 MiB a table */
#define DFA_SET_WORDS (32u << 20) /* memory of all state sets together: 128 MiB */

/**
 * struct dfa - a total automaton
 * @n:          states
 * @classes:    byte classes, numbered from 0
 * @class_of:   class of each byte
 * @start:      initial state
 * @next:       n * classes successors
 * @verdict:    per state: index into @verdicts
 * @verdicts:   distinct verdicts, at most VK_VERDICTS
 */
struct dfa {
	size_t n;
	size_t classes;
	uint8_t class_of[256];
	uint32_t start;
	uint32_t *next;
	uint16_t *verdict;
	size_t n_verdicts;
	struct vk_verdict verdicts[VK_VERDICTS];
};

/* Subset construction. Return: 0; -E2BIG; -ENOMEM. Release with dfa_done() in any case. */
int dfa_build(struct dfa *d, const struct nfa *a, struct vk_error *e);
/* Merges states of equal future, then classes of equal effect, and numbers states, classes and
 * verdicts in the order of a breadth-first walk: equal languages become equal bytes. */
int dfa_minimize(struct dfa *d, struct vk_error *e);
void dfa_done(struct dfa *d);

/* What a name that is matched by these rules grants; @m is per component. */
struct vk_verdict vk_fold(const struct vk_components *comps, const struct nfa_masks *m);

#endif
