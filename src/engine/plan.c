/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c - changes of rules.
 *
 * The image of an instance is the conjunction of its own layers and those of all instances above
 * it. So a change of one is a change of all below it. It is made in three steps: gather the texts
 * (make), compile them, which needs nothing but memory and may be done by a process that has no
 * privilege (compile), and put the images in force (commit).
 *
 * Commit does first all that can fail. Then it stores one rule word for each instance, those
 * furthest down first. Each operation reads the word of its own instance once, and every image,
 * old or new, holds the old or the new rules of everybody above: no operation is checked under
 * less. Whoever is killed in between leaves some instances under the old rules and some under the
 * new ones, and each row says which.
 */
#include "internal.h"

#include <string.h>
#include <time.h>

#include "entry.h"
#include "parse.h"
#include "vkernel.skel.h"

void vk_plan_done(struct vk_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].img);
	for (size_t i = 0; i < p->n_texts; i++)
		if (p->texts[i].owned)
			free(p->texts[i].data);
	free(p->items);
	free(p->texts);
	*p = (struct vk_plan){0};
}

void vk_layer_list_done(struct vk_layer_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->borrowed[i])
			vk_policy_free(l->layer[i]);
	l->n = 0;
}

/* The index of a text; it is read when it is met first. */
static int add_text(struct vk_plan *p, uint32_t text, uint32_t *ret, struct vk_error *e)
{
	struct vk_plan_text *more;
	int r;

	for (*ret = 0; *ret < p->n_texts; ++*ret)
		if (p->texts[*ret].text == text)
			return 0;
	more = reallocarray(p->texts, p->n_texts + 1, sizeof(*p->texts));
	if (!more)
		return vk_error_set(e, ENOMEM, "no memory");
	p->texts = more;
	more[p->n_texts] = (struct vk_plan_text){.text = text, .owned = true};
	r = vk_store_get(text, &more[p->n_texts].data, &more[p->n_texts].len, e);
	if (r == 0)
		p->n_texts++;
	return r;
}

static int add_link(struct vk_plan *p, struct vk_plan_item *item, uint32_t owner, uint32_t text,
		    int64_t uid, struct vk_error *e)
{
	int r;

	if (item->n_chain == VK_CHAIN) {
		vk_error_set(e, E2BIG,
			     "with those of the instances above it the instance has "
			     "more layers than the limit, %d",
			     VK_MAX_LAYERS);
		return -E2BIG;
	}
	r = add_text(p, text, &item->chain[item->n_chain], e);
	item->owner[item->n_chain] = owner;
	item->uid[item->n_chain] = uid;
	item->n_chain += r == 0;
	return r;
}

static int add_own(struct vk_plan *p, struct vk_plan_item *item, uint32_t owner,
		   const struct vk_row_state *s, struct vk_error *e)
{
	int r = s->text ? add_link(p, item, owner, s->text, -1, e) : 0;

	for (size_t i = 0; r == 0 && i < s->n_pushed; i++)
		r = add_link(p, item, owner, s->pushed[i].text, s->pushed[i].uid, e);
	return r;
}

/* The state that an instance will have: parents come before their children. */
static const struct vk_row_state *planned_state(const struct vk_plan *p, struct vk_engine *eng,
						uint32_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].id == id)
			return &p->items[i].state;
	return vk_row_state(eng, id);
}

/* The item of @id, under the state @s: what those above say, then its own. */
static int add_item(struct vk_plan *p, struct vk_engine *eng, uint32_t id, uint32_t parent,
		    const struct vk_row_state *s, struct vk_error *e)
{
	uint32_t path[VK_MAX_DEPTH];
	struct vk_plan_item *item, *more;
	size_t depth = 0;
	int r = 0;

	more = reallocarray(p->items, p->n + 1, sizeof(*p->items));
	if (!more)
		return vk_error_set(e, ENOMEM, "no memory");
	p->items = more;
	item = &more[p->n++];
	*item = (struct vk_plan_item){.id = id, .parent = parent, .state = *s};
	if (p->drop)
		item->state.n_pushed = 0;
	if (id)
		item->seen = eng->bss->vk_instances[id].rule;
	for (uint32_t up = parent; up && depth < VK_MAX_DEPTH; up = eng->rows[up].parent)
		path[depth++] = up;
	while (r == 0 && depth-- > 0) {
		r = add_own(p, item, path[depth], planned_state(p, eng, path[depth]), e);
	}
	return r < 0 ? r : add_own(p, item, id, &item->state, e);
}

/* All instances below @id, parents before children; the caller frees. */
static int below(struct vk_engine *eng, uint32_t id, uint32_t **ret, size_t *ret_n)
{
	size_t n = 0, sorted = 0;
	uint32_t *ids;

	*ret = NULL;
	*ret_n = 0;
	if (!id)
		return 0;
	ids = calloc(VK_INSTANCES, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (uint32_t i = 1; i <= eng->bss->vk_top_id; i++)
		if (eng->rows[i].used && eng->rows[i].parent && vk_row_is_below(eng, i, id))
			ids[n++] = i;
	for (unsigned int depth = 1; sorted < n && depth <= VK_MAX_DEPTH; depth++)
		for (size_t i = sorted; i < n; i++)
			if (vk_row_depth(eng, ids[i]) == depth) {
				uint32_t swap = ids[sorted];

				ids[sorted++] = ids[i];
				ids[i] = swap;
			}
	*ret = ids;
	*ret_n = n;
	return 0;
}

int vk_plan_make(struct vk_plan *p, struct vk_engine *eng, uint32_t id, uint32_t parent,
		 const struct vk_row_state *next, const char *data, size_t len, struct vk_error *e)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0;
	int r;

	if (data) {
		p->texts = calloc(1, sizeof(*p->texts));
		if (!p->texts)
			return vk_error_set(e, ENOMEM, "no memory");
		p->texts[0] = (struct vk_plan_text){.text = VK_TEXT_NEW, .owned = true};
		p->n_texts = 1;
		p->texts[0].data = malloc(len + 1);
		if (!p->texts[0].data)
			return vk_error_set(e, ENOMEM, "no memory");
		memcpy(p->texts[0].data, data, len);
		p->texts[0].data[len] = '\0';
		p->texts[0].len = len;
	}
	for (uint32_t up = parent; up && p->n_above < VK_MAX_DEPTH; up = eng->rows[up].parent) {
		p->above[p->n_above].id = up;
		p->above[p->n_above++].seen = eng->bss->vk_instances[up].rule;
	}
	r = below(eng, id, &ids, &n);
	if (r < 0)
		return vk_error_set(e, ENOMEM, "no memory");
	r = add_item(p, eng, id, parent, next, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_item(p, eng, ids[i], eng->rows[ids[i]].parent, vk_row_state(eng, ids[i]),
			     e);
	return r;
}

int vk_plan_look(struct vk_plan *p, struct vk_engine *eng, uint32_t id, struct vk_error *e)
{
	const struct vk_row *row = &eng->rows[id];

	if (row->parent && eng->rows[row->parent].created != row->parent_created)
		return vk_error_set(e, ENOENT, "the instance above \"%s\" has ended", row->name);
	return add_item(p, eng, id, row->parent, vk_row_state(eng, id), e);
}

static int add_layer(struct vk_layer_list *l, struct vk_policy *policy, bool borrowed,
		     struct vk_error *e)
{
	if (l->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG, "too many layers");
	l->borrowed[l->n] = borrowed;
	l->layer[l->n++] = policy;
	return 0;
}

/* The layers of one document. */
static int add_document(const struct vk_plan *p, const struct vk_plan_text *t, int64_t uid,
			struct vk_layer_list *l, struct vk_error *e)
{
	char file[48];
	int r = 0;

	if (t->text == VK_TEXT_NEW && p->given) {
		for (size_t i = 0; r == 0 && i < p->n_given; i++)
			/* Not written to: only what is not borrowed is freed. */
			r = add_layer(l, (struct vk_policy *)(uintptr_t)p->given[i], true, e);
		return r;
	}
	if (uid < 0)
		return vk_store_parse(t->data, t->len, l->layer, &l->n, e);
	if (l->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG, "too many layers");
	snprintf(file, sizeof(file), "pushed by uid %u", (unsigned int)uid);
	/* Only built-in sets: a member cannot name files of the host. */
	r = vk_policy_parse(file, t->data, t->len, NULL, NULL, &l->layer[l->n], e);
	l->n += r == 0;
	if (r == 0 && l->layer[l->n - 1]->push.set)
		r = vk_error_at(e, EPERM, file, l->layer[l->n - 1]->push.pos.line,
				l->layer[l->n - 1]->push.pos.column,
				"a pushed layer cannot say what may be pushed");
	return r;
}

int vk_plan_layers(const struct vk_plan *p, const struct vk_plan_item *item,
		   struct vk_layer_list *ret, struct vk_error *e)
{
	struct vk_layer_list l = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < item->n_chain; i++) {
		size_t from = l.n;

		r = add_document(p, &p->texts[item->chain[i]], item->uid[i], &l, e);
		for (; from < l.n; from++) {
			l.owner[from] = item->owner[i];
			l.uid[from] = item->uid[i];
		}
	}
	if (r == -E2BIG && e && !strncmp(e->message, "too many layers", 15))
		snprintf(e->message, sizeof(e->message),
			 "with those of the instances above it the instance would have more than "
			 "%d layers",
			 VK_MAX_LAYERS);
	if (r < 0) {
		vk_layer_list_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/*
 * A member of a nested instance may not take over tasks that fewer rules bind, whatever its layers
 * say: that would be a way out.
 */
void vk_plan_confine(struct vk_plan_item *item)
{
	struct vk_image *img = item->img;

	if (!item->parent)
		return;
	if (img->ptrace_scope > VK_SCOPE_OWN)
		img->ptrace_scope = VK_SCOPE_OWN;
	if (img->ptrace_audit > VK_SCOPE_OWN)
		img->ptrace_audit = VK_SCOPE_OWN;
	img->needs |= VK_NEED_PTRACE;
}

int vk_plan_compile(struct vk_plan *p, struct vk_error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		vk_cleanup(vk_layer_list_done) struct vk_layer_list l = {0};
		struct vk_plan_item *item = &p->items[i];
		int r = 0;

		if (item->shared)
			continue;
		r = item->img ? 0 : vk_plan_layers(p, item, &l, e);
		if (r == 0 && !item->img && !item->fits)
			r = vk_entry_check(p->degraded, (const struct vk_policy *const *)l.layer,
					   l.n, item->state.entry, &item->state.entry, e);
		if (r == 0 && !item->img)
			r = vk_compile((const struct vk_policy *const *)l.layer, l.n, &item->img,
				       e);
		if (r < 0)
			return r;
		vk_plan_confine(item);
	}
	return 0;
}

/* Whether everything is as it was when the plan was made. */
static bool still_valid(const struct vk_plan *p, struct vk_engine *eng)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0;

	if (below(eng, p->items[0].id, &ids, &n) < 0 || n != p->n - 1)
		return false;
	for (size_t i = 0; i < p->n_above; i++)
		if (!eng->rows[p->above[i].id].used ||
		    eng->bss->vk_instances[p->above[i].id].rule != p->above[i].seen)
			return false;
	for (size_t i = 0; i < p->n; i++) {
		const struct vk_plan_item *item = &p->items[i];

		if (!item->id)
			continue;
		if (!eng->rows[item->id].used ||
		    eng->bss->vk_instances[item->id].rule != item->seen)
			return false;
	}
	return true;
}

/* Gives the new text its number, in the state that refers to it. */
static int store_text(struct vk_plan *p, uint32_t *ret_text, struct vk_error *e)
{
	struct vk_row_state *s = &p->items[0].state;
	int r;

	*ret_text = 0;
	if (!p->n_texts || p->texts[0].text != VK_TEXT_NEW)
		return 0;
	r = vk_store_put(p->texts[0].data, p->texts[0].len, ret_text, e);
	if (r < 0)
		return r;
	if (s->text == VK_TEXT_NEW)
		s->text = *ret_text;
	for (size_t i = 0; i < s->n_pushed; i++)
		if (s->pushed[i].text == VK_TEXT_NEW)
			s->pushed[i].text = *ret_text;
	return 0;
}

/* Loads the images and attaches what they need. */
static int load_all(struct vk_plan *p, struct vk_engine *eng, struct vk_error *e)
{
	uint32_t needs = 0;
	int r;

	for (size_t i = 0; i < p->n; i++)
		needs |= p->items[i].shared ? p->items[i].state.needs : p->items[i].img->needs;
	if (p->items[0].shared)
		eng->in_force = p->items[0].state.needs;
	vk_modules_refresh(eng);
	r = vk_hooks_ensure(eng, needs, e);
	for (size_t i = 0; r == 0 && i < p->n; i++) {
		struct vk_plan_item *item = &p->items[i];

		if (item->shared) {
			r = vk_slot_keep(eng, item->slot, item->state.hash, e);
			continue;
		}
		item->state.hash = vk_hash(item->img, item->img->size);
		r = vk_slot_acquire(eng, item->img, item->state.hash, &item->slot, e);
	}
	return r;
}

/*
 * A free id. Those below VK_IDS are handed out round robin, so that one is reused late and its last
 * events can be told; others when there are so many instances. For each start of a container all
 * rows up to the last one in use are mapped and looked through.
 */
#define VK_IDS 512
static uint32_t free_id(struct vk_engine *eng)
{
	uint32_t id = eng->bss->vk_last_id;

	for (uint32_t i = 1; i < VK_IDS; i++) {
		id = id + 1 >= VK_IDS ? 1 : id + 1;
		if (!eng->rows[id].used)
			return id;
	}
	for (id = VK_IDS; id < VK_SELFTEST_ID; id++)
		if (!eng->rows[id].used)
			return id;
	return 0;
}

static int name_taken(struct vk_engine *eng, const char *name, struct vk_error *e)
{
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used && strcmp(eng->rows[id].name, name) == 0) {
			vk_error_set(e, EEXIST, "there is an instance \"%s\" already", name);
			vk_error_advise(e, "choose another name, or \"vkernel rm %s\"", name);
			return -EEXIST;
		}
	return 0;
}

/* Removes the texts of a state that nobody refers to; @keep is about to be. */
static void trim_texts(struct vk_engine *eng, const struct vk_row_state *s, uint32_t keep)
{
	if (s->text != keep)
		vk_store_trim(eng, s->text);
	for (size_t i = 0; i < s->n_pushed; i++)
		if (s->pushed[i].text != keep)
			vk_store_trim(eng, s->pushed[i].text);
}

/* The row and the instance, not yet in use. @text: stored for it just now. */
static int new_instance(struct vk_plan *p, struct vk_engine *eng, uint32_t text, struct vk_error *e)
{
	struct vk_plan_item *item = &p->items[0];
	struct vk_row old, *row;
	struct vk_instance *inst;
	struct timespec now;
	int r = name_taken(eng, p->name, e);

	if (r < 0)
		return r;
	item->id = free_id(eng);
	if (!item->id)
		return vk_error_set(e, ENOSPC, "all %d instances are in use", VK_INSTANCES - 2);
	row = &eng->rows[item->id];
	inst = &eng->bss->vk_instances[item->id];
	old = *row;
	clock_gettime(CLOCK_BOOTTIME, &now);
	memset(inst, 0, sizeof(*inst));
	memset(row, 0, sizeof(*row));
	/* The id's earlier life ends here: its texts were kept for its last events. */
	trim_texts(eng, &old.state[old.ended & 1], text);
	row->created = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	row->parent = item->parent;
	row->parent_created = eng->rows[item->parent].created;
	row->by_member = p->by_member;
	row->uid = p->uid;
	inst->created_ns = row->created;
	inst->parent = item->parent;
	if (item->parent)
		inst->mntns = eng->bss->vk_instances[item->parent].mntns;
	inst->flags = VK_I_LIVE;
	vk_programs_inherit(eng, item->id);
	eng->bss->vk_last_id = item->id;
	if (item->id > eng->bss->vk_top_id)
		eng->bss->vk_top_id = item->id;
	return 0;
}

/* Fills the state that is not in force, and switches to it with one store. */
static void put_in_force(struct vk_engine *eng, struct vk_plan_item *item)
{
	struct vk_row_state *now = vk_row_state(eng, item->id), *s = &eng->rows[item->id].state[0];
	struct vk_image *img = item->img;

	if (eng->rows[item->id].used && now == s)
		s = &eng->rows[item->id].state[1];
	item->state.rule = (uint64_t)++eng->bss->vk_next_view << 32 | item->slot;
	if (!item->shared) {
		item->state.needs = img->needs;
		item->state.image_bytes = img->size;
		item->state.states = (img->max_entry / (img->stride / VK_ROW_UNIT)) + 1;
	}
	*s = item->state;
	__atomic_store_n(&eng->bss->vk_instances[item->id].rule, s->rule, __ATOMIC_SEQ_CST);
}

/* What nobody refers to any more. */
static void release(struct vk_engine *eng, const struct vk_row_state *old)
{
	vk_slot_release(eng, vk_row_slot(old));
	trim_texts(eng, old, 0);
}

int vk_plan_commit(struct vk_plan *p, struct vk_engine *eng, uint32_t *ret_id, struct vk_error *e)
{
	_cleanup_free_ struct vk_row_state *old = calloc(p->n, sizeof(*old));
	bool create = !p->items[0].id;
	uint32_t text = 0;
	int r;

	if (!old)
		return vk_error_set(e, ENOMEM, "no memory");
	if (!still_valid(p, eng))
		return vk_error_set(e, EAGAIN, "the instance was changed meanwhile");
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].id)
			old[i] = *vk_row_state(eng, p->items[i].id);
	r = load_all(p, eng, e);
	if (r == 0)
		r = store_text(p, &text, e);
	if (r == 0 && create)
		r = new_instance(p, eng, text, e);
	if (r < 0) {
		eng->n_reserved = 0;
		for (size_t i = 0; i < p->n; i++)
			vk_slot_release(eng, p->items[i].slot);
		vk_store_trim(eng, text);
		return r;
	}
	/* Nothing fails from here on. Children first. */
	for (size_t i = p->n; i-- > 0;)
		put_in_force(eng, &p->items[i]);
	if (create) {
		snprintf(eng->rows[p->items[0].id].name, sizeof(p->name), "%s", p->name);
		eng->rows[p->items[0].id].used = 1;
	}
	if (ret_id)
		*ret_id = p->items[0].id;
	eng->n_reserved = 0;
	for (size_t i = 0; i < p->n; i++)
		release(eng, &old[i]);
	return 0;
}
