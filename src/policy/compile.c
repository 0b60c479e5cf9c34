// SPDX-License-Identifier: LGPL-2.1-or-later
/* compile.c - models to an image: automaton, tables, and what they need of the kernel. */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "components.h"
#include "dfa.h"
#include "tables.h"

#define MAX_CLASSES 127 /* class_of[] holds twice the class in a byte */
#define MAX_ENTRY 0xfff0u /* the entries above are kept for the kernel side's own use */

/* No rule alone is at fault where plain names are many; the longest patterns take most states. */
static int too_big(const struct nfa *a, struct vk_error *e, const char *message)
{
	uint32_t longest[3];
	size_t n = 0;

	while (n < 3 && n < a->n_rules) {
		size_t best_len = 0;
		uint32_t best = NFA_NONE;

		for (uint32_t i = 0; i < a->n_rules; i++) {
			size_t len = strlen(a->rules[i]->glob);
			bool taken = false;

			for (size_t k = 0; k < n; k++)
				taken |= longest[k] == i;
			if (!taken && len > best_len) {
				best_len = len;
				best = i;
			}
		}
		if (best == NFA_NONE)
			break;
		longest[n++] = best;
	}
	return nfa_blame(a, longest, n, e, message, "; the longest patterns are ");
}

/* Whether no byte but '/' leaves a state; names hold every byte but NUL. */
static bool is_settled(const struct dfa *d, size_t state)
{
	for (size_t b = 1; b < 256; b++) {
		if (b != '/' && d->next[state * d->classes + d->class_of[b]] != state)
			return false;
	}
	return true;
}

/* The rows, those of settled states last; @entry: room for an entry of each state. */
static void fill_rows(struct vk_image *img, const struct dfa *d, size_t units, uint16_t *entry)
{
	size_t n = 0;

	for (size_t s = 0; s < d->n; s++) {
		if (!is_settled(d, s))
			entry[s] = (uint16_t)(n++ * units);
	}
	img->settled = n * units > UINT16_MAX ? UINT16_MAX : (uint16_t)(n * units);
	for (size_t s = 0; s < d->n; s++) {
		if (is_settled(d, s))
			entry[s] = (uint16_t)(n++ * units);
	}
	img->start = entry[d->start];
	for (size_t s = 0; s < d->n; s++) {
		const uint32_t *next = d->next + s * d->classes;
		uint16_t *row = (uint16_t *)((char *)img + VK_IMAGE_HEADER +
					     (size_t)entry[s] * VK_ROW_UNIT);

		row[0] = d->verdict[s];
		if (entry[s] >= img->settled && next[d->class_of['/']] == s)
			row[0] |= VK_ROW_FINAL;
		for (size_t c = 0; c < d->classes; c++)
			row[c + 1] = entry[next[c]];
	}
}

static int emit_rows(const struct dfa *d, const struct nfa *a, struct vk_image **ret,
		     struct vk_error *e)
{
	size_t stride = (2 * (d->classes + 1) + VK_ROW_UNIT - 1) / VK_ROW_UNIT * VK_ROW_UNIT;
	size_t units = stride / VK_ROW_UNIT, size = VK_IMAGE_HEADER + d->n * stride;
	char message[160];

	if (d->classes > MAX_CLASSES) {
		snprintf(message, sizeof(message),
			 "the path rules tell %zu kinds of bytes apart, the limit is %d",
			 d->classes, MAX_CLASSES);
		return too_big(a, e, message);
	}
	if ((d->n - 1) * units > MAX_ENTRY) {
		snprintf(message, sizeof(message),
			 "the path rules need an automaton of %zu states and %zu KiB, the limit is "
			 "%u KiB",
			 d->n, d->n * stride / 1024, (MAX_ENTRY + 16) * VK_ROW_UNIT / 1024);
		return too_big(a, e, message);
	}
	_cleanup_free_ uint16_t *entry = calloc(d->n, sizeof(*entry));
	struct vk_image *img = entry ? calloc(1, size) : NULL;

	if (!img)
		return vk_error_set(e, ENOMEM, "out of memory");
	img->magic = VK_IMAGE_MAGIC;
	img->abi = VK_IMAGE_ABI;
	img->size = (uint32_t)size;
	img->max_entry = (uint32_t)((d->n - 1) * units);
	img->stride = (uint16_t)stride;
	img->classes = (uint16_t)d->classes;
	img->n_verdicts = (uint16_t)d->n_verdicts;
	memcpy(img->verdicts, d->verdicts, d->n_verdicts * sizeof(*d->verdicts));
	for (size_t b = 0; b < 256; b++)
		img->class_of[b] = (uint8_t)(2 * (d->class_of[b] + 1));
	fill_rows(img, d, units, entry);
	*ret = img;
	return 0;
}

int vk_compile(const struct vk_policy *const *layers, size_t n, struct vk_image **ret,
	       struct vk_error *e)
{
	vk_cleanup(nfa_done) struct nfa a = {0};
	vk_cleanup(dfa_done) struct dfa d = {0};
	_cleanup_free_ struct vk_image *img = NULL;
	struct vk_components comps;
	int r = vk_components_fill(layers, n, &comps, e);

	if (r == 0)
		r = nfa_build(&a, &comps, e);
	if (r == 0)
		r = nfa_reduce(&a, e);
	if (r == 0)
		r = dfa_build(&d, &a, e);
	if (r == 0)
		r = dfa_minimize(&d, e);
	if (r == 0)
		r = emit_rows(&d, &a, &img, e);
	if (r == 0)
		r = vk_tables_fill(img, &comps, e);
	if (r < 0)
		return r;
	img->needs = vk_needs(img);
	for (size_t i = 0; i < img->n_verdicts; i++)
		img->granted_any |= img->verdicts[i].allow;
	*ret = vk_take_ptr(img);
	return 0;
}
