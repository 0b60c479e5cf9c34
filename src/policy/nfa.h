/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nfa.h - the path rules of all components as one nondeterministic automaton.
 *
 * Each component has a trie over the atoms of its patterns, so equal beginnings, wildcards
 * included, are one path. nfa_reduce() then merges equal endings. Both keep the state sets of the
 * subset construction small: rules without wildcards contribute one node to each set at most.
 */
#ifndef VK_NFA_H
#define VK_NFA_H

#include "components.h"
#include "glob.h"

#define NFA_NODES (1u << 21) /* limit before endings are merged */
#define NFA_SET_LABEL 256u /* edge labels: a byte, or this plus the index of a set */
#define NFA_NONE UINT32_MAX

/* Rights that rules deny, allow and report. */
struct nfa_masks {
	uint32_t deny;
	uint32_t allow;
	uint32_t audit;
};

enum nfa_loop { NFA_LOOP_NONE, NFA_LOOP_STAR /* all but "/" */, NFA_LOOP_ANY };

/**
 * struct nfa_node - a place in patterns
 * @accept: what the rules do that end here
 * @reach:  what the rules do that end here or further on
 * @skip:   nodes that are reached without a byte, or NFA_NONE: a STAR, an ANY, the looping and
 *          the plain part of a DIRS
 * @first:  edges; before nfa_reduce() the head of a list, then an index into nfa.edges
 * @n:      after nfa_reduce(): number of edges
 * @rule:   index of a rule that led here, for diagnostics
 * @comp:   component
 * @loop:   enum nfa_loop
 */
struct nfa_node {
	struct nfa_masks accept;
	struct nfa_masks reach;
	uint32_t skip[4];
	uint32_t first;
	uint32_t n;
	uint32_t rule;
	uint8_t comp;
	uint8_t loop;
};

struct nfa_edge {
	uint32_t label;
	uint32_t to;
	uint32_t next; /* before nfa_reduce() */
};

struct nfa {
	struct nfa_node *nodes;
	size_t n_nodes, cap_nodes;
	struct nfa_edge *edges;
	size_t n_edges, cap_edges;
	struct vk_charset *sets;
	size_t n_sets, cap_sets;
	const struct vk_path_rule **rules; /* by index, with their components in rule_comp */
	uint8_t *rule_comp;
	size_t n_rules, cap_rules;
	uint32_t roots[VK_MAX_COMPONENTS];
	const struct vk_components *comps;
};

/* Return: 0; -E2BIG; -EINVAL; -ENOMEM. Release with nfa_done() in any case. */
int nfa_build(struct nfa *a, const struct vk_components *comps, struct vk_error *e);
int nfa_reduce(struct nfa *a, struct vk_error *e);
void nfa_done(struct nfa *a);

/* Sets e to "MESSAGE THESE FILE:L:C 'GLOB', ..." for up to three rules. Return: -E2BIG. */
int nfa_blame(const struct nfa *a, const uint32_t *rules, size_t n, struct vk_error *e,
	      const char *message, const char *these);

/* Grows an array to hold @n elements of @size; amortized. */
int nfa_grow(void **array, size_t *cap, size_t n, size_t size);

#endif
