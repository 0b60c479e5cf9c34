/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * share.c - instances under the layers of another: containers start under a few policies, again
 * and again.
 *
 * What an instance without a parent enforces is what its document says, so the image of one will
 * do for all under the same document. The document's hash is kept in the map vk_rows, where nobody
 * can change it to pass one document off as another; and it is that of this version's compiler.
 */
#include "entry.h"
#include "internal.h"

#include <string.h>

#include "vkernel.skel.h"

static uint64_t hash_document(const char *document)
{
	uint64_t hash =
		vk_hash(document, strlen(document)) ^ vk_hash(VK_VERSION, strlen(VK_VERSION));

	return hash ? hash : 1;
}

uint64_t vk_layers_document(const struct vk_policy *const *layers, size_t n)
{
	_cleanup_free_ char *document = vk_store_document(layers, n);

	return document ? hash_document(document) : 0;
}

/*
 * An instance whose image is that of the document alone; NULL: there is none. @whole: also all
 * else about it is as in a new one. That its filter is the one of the layers was checked when it
 * was made; mitigations among its layers are to be told from the others there only.
 */
static const struct vk_row_state *find(struct vk_engine *eng, uint64_t document, bool whole)
{
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const struct vk_row *row = &eng->rows[id];
		const struct vk_row_state *s = vk_row_state(eng, id);

		if (row->used && !row->parent && !s->n_pushed && s->document == document &&
		    (!whole ||
		     (s->entry == eng->entry && !s->mitigations && vk_store_has(s->text))))
			return s;
	}
	return NULL;
}

int vk_share_image(struct vk_plan *p, struct vk_engine *eng, const char *document,
		   struct vk_error *e)
{
	struct vk_plan_item *item = &p->items[0];
	struct vk_row_state *next = &item->state;
	const struct vk_row_state *s;
	int r = 0;

	next->document = hash_document(document);
	if (item->id || item->parent || p->n != 1)
		return 0;
	/* Which filter it is under differs, and is checked for each. */
	if (next->document != eng->entry_of)
		r = vk_entry_check(p->degraded, p->given, p->n_given, next->entry, &next->entry, e);
	item->fits = r == 0;
	s = r == 0 ? find(eng, next->document, false) : NULL;
	if (!s)
		return r;
	item->shared = true;
	item->slot = vk_row_slot(s);
	next->hash = s->hash;
	next->needs = s->needs;
	next->image_bytes = s->image_bytes;
	next->states = s->states;
	return 0;
}

int vk_instance_create_like(struct vk_engine *eng, const char *name, uint64_t document,
			    uint32_t *ret_id, struct vk_error *e)
{
	const struct vk_row_state *s = document ? find(eng, document, true) : NULL;
	vk_cleanup(vk_plan_done) struct vk_plan p = {0};
	int r = vk_name_check(name, e);

	if (r < 0 || !s)
		return r < 0 ? r : -ENOENT;
	p.items = calloc(1, sizeof(*p.items));
	if (!p.items)
		return vk_error_set(e, ENOMEM, "no memory");
	p.n = 1;
	p.items[0] = (struct vk_plan_item){.shared = true, .slot = vk_row_slot(s), .state = *s};
	snprintf(p.name, sizeof(p.name), "%s", name);
	return vk_plan_commit(&p, eng, ret_id, e);
}
