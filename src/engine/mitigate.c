/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mitigate.c - rule sets put on top of instances that run, and taken away again.
 *
 * An instance's mitigations are its last layers: at most one that enforces and one that audits,
 * documents made here that do nothing but use the rule sets. So any number of sets takes two of the
 * eight layers, an update of the instance's own policies leaves them alone, and a denial is
 * explained by the line of the rule set. How many layers they are is in the instance's row, which
 * members cannot reach.
 *
 * Instances with the same layers, like containers of one image, have the same ones afterwards too:
 * the new layers are compiled and loaded once, and put in force in each with one store.
 */
#include "entry.h"
#include "internal.h"

#include <string.h>
#include <strings.h>

#include "parse.h"
#include "vkernel.skel.h"

#define MAX_SETS VK_MAX_COMPONENTS

/* Rule sets of one mode; borrowed. */
struct sets {
	const struct vk_policy *set[MAX_SETS];
	size_t n;
};

/**
 * struct plan - the next layers of one instance
 * @old:     those in force; owns what the others borrow
 * @made:    the new layers of mitigations, owned
 * @layers:  all new layers
 * @n:       how many
 * @changed: sets applied or lifted
 */
struct plan {
	struct vk_layers old;
	struct vk_layers made;
	const struct vk_policy *layers[VK_MAX_LAYERS];
	size_t n;
	int changed;
};

static void plan_free(struct plan *p)
{
	vk_layers_free(&p->made);
	vk_layers_free(&p->old);
}

bool vk_mitigates(const struct vk_policy *set, const char *word)
{
	if (strcmp(set->name, word) == 0)
		return true;
	for (size_t i = 0; i < set->n_mitigates; i++)
		if (strcasecmp(set->mitigates[i], word) == 0)
			return true;
	return false;
}

/* ---- the layer of a mode ---- */

/* What a document made here, or a set that one uses, may use: by name, or by name of file. */
static const struct vk_policy *find_set(const struct vk_policy *const *sets, size_t n,
					const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const struct vk_policy *found;
		const char *file = sets[i]->file, *slash = strrchr(file, '/');
		size_t len = strlen(name);

		file = slash ? slash + 1 : strncmp(file, "built-in ", 9) == 0 ? file + 9 : file;
		if (strcmp(sets[i]->name, name) == 0 ||
		    (strncmp(file, name, len) == 0 &&
		     (!file[len] || strcmp(file + len, ".yaml") == 0)))
			return sets[i];
		found = find_set((const struct vk_policy *const *)sets[i]->uses, sets[i]->n_uses,
				 name);
		if (found)
			return found;
	}
	return NULL;
}

/* vk_use_fn; @data is a struct sets. */
static int use_set(const char *name, char **ret_text, size_t *ret_len, char **ret_file, void *data)
{
	const struct sets *s = data;
	const struct vk_policy *set = find_set(s->set, s->n, name);

	if (!set)
		return -ENOENT;
	*ret_text = malloc(set->text_len + 1);
	*ret_file = strdup(set->file);
	if (!*ret_text || !*ret_file) {
		free(*ret_text);
		free(*ret_file);
		return -ENOMEM;
	}
	memcpy(*ret_text, set->text, set->text_len);
	*ret_len = set->text_len;
	return 0;
}

/* Adds the layer that uses @sets, unless there are none. */
static int make_layer(struct plan *p, enum vk_mode mode, struct sets *sets, struct vk_error *e)
{
	const char *name = mode == VK_MODE_ENFORCE ? VK_MITIGATIONS : VK_MITIGATIONS_AUDIT;
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f;
	int r;

	if (!sets->n)
		return 0;
	if (p->n == VK_MAX_LAYERS) {
		vk_error_set(e, E2BIG, "all %d layers are in use", VK_MAX_LAYERS);
		vk_error_advise(e, "mitigations need a layer, or two where some are audited; put "
				   "some policies of the instance into one that uses the others");
		return -E2BIG;
	}
	f = open_memstream(&text, &len);
	if (!f)
		return vk_error_set(e, ENOMEM, "no memory");
	fprintf(f, "vkernel: 1\nname: %s\nmode: %s\nuse:\n", name,
		mode == VK_MODE_ENFORCE ? "enforce" : "audit");
	for (size_t i = 0; i < sets->n; i++)
		fprintf(f, "  - %s\n", sets->set[i]->name);
	if (fclose(f) != 0)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_policy_parse(name, text, len, use_set, sets, &p->made.layers[p->made.n], e);
	if (r < 0)
		return r;
	p->layers[p->n++] = p->made.layers[p->made.n++];
	return 0;
}

/* ---- the change ---- */

static void drop(struct sets *s, size_t i)
{
	memmove(&s->set[i], &s->set[i + 1], (--s->n - i) * sizeof(s->set[0]));
}

static bool is_meant(const struct vk_mitigation *m, const struct vk_policy *set)
{
	for (size_t i = 0; i < m->n_words; i++)
		if (vk_mitigates(set, m->words[i]))
			return true;
	return m->n_words == 0;
}

static int lift(struct sets *s, const struct vk_mitigation *m)
{
	int lifted = 0;

	for (size_t i = 0; i < s->n;) {
		if (!is_meant(m, s->set[i])) {
			i++;
			continue;
		}
		drop(s, i);
		lifted++;
	}
	return lifted;
}

/* A set has one mode: it goes from the other list, and its older text from this one. */
static int apply(struct sets *to, struct sets *other, const struct vk_mitigation *m,
		 struct vk_error *e)
{
	for (size_t k = 0; k < m->n_sets; k++) {
		for (size_t i = 0; i < other->n; i++)
			if (strcmp(other->set[i]->name, m->sets[k]->name) == 0)
				drop(other, i--);
		for (size_t i = 0; i < to->n; i++)
			if (strcmp(to->set[i]->name, m->sets[k]->name) == 0)
				drop(to, i--);
		if (to->n == MAX_SETS)
			return vk_error_set(e, E2BIG, "more than %d rule sets", MAX_SETS);
		to->set[to->n++] = m->sets[k];
	}
	return (int)m->n_sets;
}

static int make_plan(struct vk_engine *eng, uint32_t id, const struct vk_mitigation *m,
		     struct plan *p, struct vk_error *e)
{
	struct sets enforce = {0}, audit = {0};
	size_t own;
	int r = vk_layers_stored(eng, id, &p->old, e);

	if (r < 0)
		return r;
	own = p->old.n - vk_row_state(eng, id)->mitigations;
	for (size_t i = 0; i < p->old.n; i++) {
		const struct vk_policy *layer = p->old.layers[i];
		struct sets *s = layer->mode == VK_MODE_ENFORCE ? &enforce : &audit;

		if (i < own)
			p->layers[p->n++] = layer;
		for (size_t k = 0; i >= own && k < layer->n_uses && s->n < MAX_SETS; k++)
			s->set[s->n++] = layer->uses[k];
	}
	if (m->what == VK_MITIGATE_LIFT)
		p->changed = lift(&enforce, m) + lift(&audit, m);
	else if (m->what == VK_MITIGATE_ENFORCE)
		p->changed = apply(&enforce, &audit, m, e);
	else
		p->changed = apply(&audit, &enforce, m, e);
	if (p->changed < 0)
		return p->changed;
	r = make_layer(p, VK_MODE_ENFORCE, &enforce, e);
	return r < 0 ? r : make_layer(p, VK_MODE_AUDIT, &audit, e);
}

/* ---- many instances ---- */

/* Instances to change; those with the same texts, and as many mitigations among them, are equal. */
struct group {
	uint32_t text;
	uint8_t mitigations;
	uint64_t entry;
};

static bool is_in(const struct group *g, struct vk_engine *eng, uint32_t id)
{
	const struct vk_row_state *s = vk_row_state(eng, id);

	return s->text == g->text && s->mitigations == g->mitigations && s->entry == g->entry;
}

typedef void (*report_fn)(const char *name, int sets, const struct vk_error *e, void *data);

/* A rule set that asks for no other filter changes nothing about one that was left out before. */
static int put_plan(struct vk_engine *eng, uint32_t id, const struct plan *p,
		    struct vk_image **known, struct vk_error *e)
{
	bool degraded = eng->degraded;
	int r;

	eng->degraded |= vk_entry_same(vk_layers_const(&p->old), p->old.n, p->layers, p->n);
	r = vk_layers_put(eng, id, p->layers, p->n, p->made.n, known, e);
	eng->degraded = degraded;
	return r;
}

/* Changes all instances of @wanted that are equal to @id, and takes them out of it. */
static int change_group(struct vk_engine *eng, uint32_t id, uint8_t *wanted,
			const struct vk_mitigation *m, report_fn fn, void *data)
{
	const struct vk_row_state *state = vk_row_state(eng, id);
	const struct group g = {state->text, state->mitigations, state->entry};
	vk_cleanup(plan_free) struct plan p = {0};
	_cleanup_free_ struct vk_image *known = NULL;
	struct vk_error why = {0};
	int made = make_plan(eng, id, m, &p, &why), failed = 0;

	for (; id <= eng->bss->vk_top_id; id++) {
		struct vk_error e = why;
		int r = made;

		if (!wanted[id] || !is_in(&g, eng, id))
			continue;
		wanted[id] = 0;
		if (r == 0 && p.changed)
			r = put_plan(eng, id, &p, &known, &e);
		failed += r < 0;
		fn(eng->rows[id].name, r < 0 ? r : p.changed, &e, data);
	}
	return failed;
}

int vk_mitigate(struct vk_engine *eng, const char *const *names, size_t n,
		const struct vk_mitigation *m, report_fn fn, void *data, struct vk_error *e)
{
	_cleanup_free_ uint8_t *wanted = calloc(1, VK_INSTANCES);
	int failed = 0;

	if (!wanted)
		return vk_error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; names && i < n; i++) {
		uint32_t id;
		int r = vk_row_find(eng, names[i], &id, e);

		if (r < 0)
			return r;
		wanted[id] = 1;
	}
	for (uint32_t id = 1; !names && id <= eng->bss->vk_top_id; id++)
		wanted[id] = eng->rows[id].used;
	/* What is put in force in one group is no longer equal to those behind it. */
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (wanted[id])
			failed += change_group(eng, id, wanted, m, fn, data);
	vk_trim();
	return failed;
}
