/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* instance.c - the life of instances: create, update, change mode, list, remove. */
#include "entry.h"
#include "internal.h"

#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

int vk_name_check(const char *name, struct vk_error *e)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= 64) {
		size_t i = 0;

		while (i < len && (isalnum((unsigned char)name[i]) || strchr("._-", name[i])))
			i++;
		if (i == len && name[0] != '-')
			return 0;
	}
	vk_error_set(e, EINVAL, "\"%s\" is no name for an instance", name);
	vk_error_advise(e, "use 1 to 64 of A-Z a-z 0-9 . _ - and no - at the start");
	return -EINVAL;
}

static int instance_layers(struct vk_engine *eng, uint32_t id, struct vk_layer_list *ret,
			   struct vk_error *e)
{
	vk_cleanup(vk_plan_done) struct vk_plan p = {0};
	int r = vk_plan_look(&p, eng, id, e);

	return r < 0 ? r : vk_plan_layers(&p, &p.items[0], ret, e);
}

/* The least of what the policy and the sets it uses say of push. */
static void describe_push(struct vk_row_state *s, const struct vk_policy *p)
{
	for (size_t i = 0; i < p->n_uses; i++)
		describe_push(s, p->uses[i]);
	if (!p->push.set)
		return;
	if (!(s->push_flags & VK_ROW_PUSH) || p->push.layers < s->push_layers)
		s->push_layers = p->push.layers;
	if (!(s->push_flags & VK_ROW_PUSH) || p->push.children < s->push_children)
		s->push_children = p->push.children;
	if (!(s->push_flags & VK_ROW_PUSH) || p->push.programs < s->push_programs)
		s->push_programs = p->push.programs;
	if (!(s->push_flags & VK_ROW_PUSH))
		s->push_flags = VK_ROW_PUSH | VK_ROW_POPPABLE;
	if (!p->push.poppable)
		s->push_flags &= (uint8_t)~VK_ROW_POPPABLE;
}

/* What the row says of layers given by root; the rest of the state stays. */
static void describe(struct vk_row_state *s, const struct vk_policy *const *layers, size_t n,
		     size_t mitigations)
{
	size_t used = 0;

	s->text = VK_TEXT_NEW;
	s->n_layers = (uint8_t)n;
	s->mitigations = (uint8_t)mitigations;
	s->mode = VK_MODE_AUDIT;
	s->push_flags = s->push_layers = s->push_children = s->push_programs = 0;
	memset(s->policies, 0, sizeof(s->policies));
	for (size_t i = 0; i < n; i++) {
		int w = snprintf(s->policies + used, sizeof(s->policies) - used, "%s%s",
				 i ? "," : "", layers[i]->name);

		used += w > 0 && used + (size_t)w < sizeof(s->policies) ? (size_t)w : 0;
		/* Mitigations have modes of their own: see vk_mitigate(). */
		if (i < n - mitigations && layers[i]->mode == VK_MODE_ENFORCE &&
		    !layers[i]->in_place_of)
			s->mode = VK_MODE_ENFORCE;
		describe_push(s, layers[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (layers[i]->in_place_of)
			s->push_flags |= VK_ROW_TAKEN;
}

/* Whether the image of the plan is that of the given layers and of nothing else. */
static bool is_plain(const struct vk_plan *p)
{
	return p->n == 1 && p->items[0].n_chain == 1 && !p->items[0].parent;
}

/* A copy of an image; NULL: no memory. */
static struct vk_image *copy_image(const struct vk_image *img)
{
	struct vk_image *copy = malloc(img->size);

	if (copy)
		memcpy(copy, img, img->size);
	return copy;
}

/* Compiles, or takes the image that is known; see vk_layers_put(). */
static int compile(struct vk_plan *p, struct vk_image **known, struct vk_error *e)
{
	int r;

	if (known && *known && is_plain(p))
		p->items[0].img = copy_image(*known);
	r = vk_plan_compile(p, e);
	if (r == 0 && known && !*known && is_plain(p))
		*known = copy_image(p->items[0].img);
	return r;
}

/* Puts layers given by root in force: of the plan's new instance, or of @id. */
static int set_layers(struct vk_engine *eng, struct vk_plan *p, uint32_t id, uint32_t parent,
		      const struct vk_row_state *next, struct vk_image **known, uint32_t *ret_id,
		      struct vk_error *e)
{
	_cleanup_free_ char *document = NULL;
	int r;

	if (p->n_given < 1 || p->n_given > VK_MAX_LAYERS)
		return vk_error_set(e, EINVAL, "an instance has 1 to %d layers", VK_MAX_LAYERS);
	p->degraded = eng->degraded;
	document = vk_store_document(p->given, p->n_given);
	if (!document)
		return vk_error_set(e, ENOMEM, "no memory to store the policies");
	r = vk_plan_make(p, eng, id, parent, next, document, strlen(document), e);
	if (r == 0)
		r = vk_share_image(p, eng, document, e);
	if (r == 0)
		r = compile(p, known, e);
	if (r == 0)
		r = vk_plan_commit(p, eng, ret_id, e);
	if (r < 0 && !p->drop && (next->n_pushed || p->n > 1))
		vk_error_advise(e, "the layers that members pushed, and those of instances below, "
				   "count too; vkernel update --drop-pushed removes the former");
	return r;
}

int vk_instance_create_below(struct vk_engine *eng, const char *name, const char *parent,
			     const struct vk_policy *const *layers, size_t n, uint32_t *ret_id,
			     struct vk_error *e)
{
	vk_cleanup(vk_plan_done) struct vk_plan p = {.given = layers, .n_given = n};
	struct vk_row_state next = {0};
	uint32_t above = 0;
	int r = vk_name_check(name, e);

	if (r == 0 && parent)
		r = vk_row_find(eng, parent, &above, e);
	if (r < 0)
		return r;
	if (vk_row_depth(eng, above) >= VK_MAX_DEPTH)
		return vk_error_set(e, ELOOP,
				    "instances can be nested %d deep, and \"%s\" is the "
				    "last of as many",
				    VK_MAX_DEPTH, eng->rows[above].name);
	snprintf(p.name, sizeof(p.name), "%s", name);
	next.entry = eng->entry;
	if (n >= 1 && n <= VK_MAX_LAYERS)
		describe(&next, layers, n, 0);
	return set_layers(eng, &p, 0, above, &next, NULL, ret_id, e);
}

int vk_instance_create(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, uint32_t *ret_id,
		       struct vk_error *e)
{
	return vk_instance_create_below(eng, name, NULL, layers, n, ret_id, e);
}

static int replace(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		   size_t n, size_t mitigations, bool drop, struct vk_image **known,
		   struct vk_error *e)
{
	vk_cleanup(vk_plan_done) struct vk_plan p = {.given = layers, .n_given = n, .drop = drop};
	struct vk_row_state next = *vk_row_state(eng, id);

	if (n >= 1 && n <= VK_MAX_LAYERS)
		describe(&next, layers, n, mitigations);
	return set_layers(eng, &p, id, eng->rows[id].parent, &next, known, NULL, e);
}

int vk_layers_put(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		  size_t n, size_t mitigations, struct vk_image **known, struct vk_error *e)
{
	return replace(eng, id, layers, n, mitigations, false, known, e);
}

/* The texts are in files: before they are put in force again they must be what is in force. */
static int check_stored(struct vk_engine *eng, uint32_t id, struct vk_error *e)
{
	const struct vk_row_state *s = vk_row_state(eng, id);
	/* Only compared: rules that were left unenforced once are not asked about again. */
	vk_cleanup(vk_plan_done) struct vk_plan p = {.degraded = true};
	int r = vk_plan_look(&p, eng, id, e);

	if (r == 0)
		r = vk_plan_compile(&p, e);
	if (r < 0 || vk_slot_holds(eng, vk_row_slot(s), p.items[0].img))
		return r;
	vk_error_set(e, EBADMSG, "the stored policies of \"%s\" are not those in force",
		     eng->rows[id].name);
	vk_error_advise(e, "somebody changed " VK_STATE_ROOT "; use \"vkernel update "
			   "--drop-mitigations --drop-pushed\" with the policies");
	return -EBADMSG;
}

void vk_layers_free(struct vk_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		vk_policy_free(l->layers[i]);
	l->n = 0;
}

int vk_layers_stored(struct vk_engine *eng, uint32_t id, struct vk_layers *ret, struct vk_error *e)
{
	vk_cleanup(vk_layer_list_done) struct vk_layer_list l = {0};
	int r = check_stored(eng, id, e);

	if (r == 0)
		r = instance_layers(eng, id, &l, e);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		if (l.owner[i] == id && l.uid[i] < 0) {
			ret->layers[ret->n++] = l.layer[i];
			l.borrowed[i] = true; /* taken */
		}
	if (r == 0 && ret->n < vk_row_state(eng, id)->mitigations)
		r = vk_error_set(e, EBADMSG, "the stored policies of \"%s\" are damaged",
				 eng->rows[id].name);
	return r;
}

/* Whether the same text is among the layers. */
static bool holds(const struct vk_policy *const *layers, size_t n, const struct vk_policy *p)
{
	for (size_t i = 0; i < n; i++)
		if (layers[i]->text_len == p->text_len &&
		    memcmp(layers[i]->text, p->text, p->text_len) == 0)
			return true;
	return false;
}

int vk_instance_replace(struct vk_engine *eng, const char *name,
			const struct vk_policy *const *layers, size_t n, unsigned int drop,
			struct vk_error *e)
{
	const struct vk_policy *all[VK_MAX_LAYERS];
	_cleanup_layers_ struct vk_layers old = {0};
	size_t kept, taken = 0;
	uint32_t id;
	int r = vk_row_find(eng, name, &id, e);

	if (r < 0)
		return r;
	kept = drop & VK_DROP_MITIGATIONS ? 0 : vk_row_state(eng, id)->mitigations;
	if (n < 1 || n + kept > VK_MAX_LAYERS) {
		vk_error_set(e, EINVAL, "an instance has 1 to %d layers, and mitigations take %zu",
			     VK_MAX_LAYERS, kept);
		vk_error_advise(e, "put some of them into one policy that uses the others");
		return -EINVAL;
	}
	if (kept || vk_row_state(eng, id)->push_flags & VK_ROW_TAKEN)
		r = vk_layers_stored(eng, id, &old, e);
	if (r < 0)
		return r;
	memcpy(all, layers, n * sizeof(*all));
	/* What stands for an engine's profile stays: the engine put it there, not the caller. */
	for (size_t i = 0; i < old.n; i++) {
		if (!old.layers[i]->in_place_of || holds(layers, n, old.layers[i]))
			continue;
		if (n + taken + kept == VK_MAX_LAYERS)
			return vk_error_set(e, E2BIG,
					    "with the profiles of its engine and the mitigations "
					    "\"%s\" has more than %d layers",
					    eng->rows[id].name, VK_MAX_LAYERS);
		all[n + taken++] = old.layers[i];
	}
	n += taken;
	memcpy(all + n, old.layers + old.n - kept, kept * sizeof(*all));
	r = replace(eng, id, all, n + kept, kept, drop & VK_DROP_PUSHED, NULL, e);
	if (r == 0 && drop & VK_DROP_PUSHED)
		r = vk_programs_drop_pushed(eng, id, e);
	if (r == 0)
		vk_trim();
	return r;
}

int vk_instance_update(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, struct vk_error *e)
{
	return vk_instance_replace(eng, name, layers, n, 0, e);
}

int vk_instance_set_mode(struct vk_engine *eng, const char *name, enum vk_mode mode,
			 struct vk_error *e)
{
	_cleanup_layers_ struct vk_layers l = {0};
	size_t mitigations;
	uint32_t id;
	int r = vk_row_find(eng, name, &id, e);

	if (r == 0)
		r = vk_layers_stored(eng, id, &l, e);
	if (r < 0)
		return r;
	mitigations = vk_row_state(eng, id)->mitigations;
	/* What members pushed keeps the mode it came with, too. */
	for (size_t i = 0; i < l.n - mitigations; i++)
		if (!l.layers[i]->in_place_of)
			l.layers[i]->mode = mode;
	if (!l.n)
		return vk_error_set(e, EINVAL, "all layers of \"%s\" are from its members",
				    eng->rows[id].name);
	r = replace(eng, id, vk_layers_const(&l), l.n, mitigations, false, NULL, e);
	if (r == 0)
		vk_trim();
	return r;
}

/* Which instances go, by id, and how many members they were found to have; a pidfd of the last. */
struct removal {
	bool goes[VK_INSTANCES];
	bool kill;
	uint32_t found;
	int last;
};

static int meet_member(const struct vk_member_line *line, void *data)
{
	struct removal *rm = data;
	int pidfd;

	if (line->vki >= VK_INSTANCES || !rm->goes[line->vki])
		return 0;
	rm->found++;
	if (!rm->kill)
		return 0;
	/* By pidfd, so that a pid reused meanwhile is not hit. */
	pidfd = (int)syscall(SYS_pidfd_open, line->tgid, 0);
	if (pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		vk_closep(&rm->last);
		rm->last = pidfd;
	}
	return 0;
}

/* Until there is none: a fork bomb under SIGKILL loses, as children of the dead are found too. */
static int end_members(struct vk_engine *eng, struct removal *rm, struct vk_error *e)
{
	for (int tries = 0; tries < 100; tries++) {
		struct pollfd p = {.events = POLLIN};
		int r;

		rm->found = 0;
		rm->last = -1;
		r = vk_members(eng, 0, meet_member, rm, e);
		p.fd = rm->last;
		/* Before the one has ended there is nothing new to be seen. */
		if (r == 0 && rm->found && rm->kill)
			poll(&p, 1, 100);
		vk_closep(&rm->last);
		if (r < 0 || rm->found == 0 || !rm->kill)
			return r;
	}
	return vk_error_set(e, EBUSY, "its members do not end");
}

static void remove_place(struct vk_engine *eng, uint32_t id, const struct vk_place *place)
{
	if (bpf_map_delete_elem(eng->maps[VK_MAP_PLACES], place) < 0)
		return;
	__atomic_fetch_sub(&eng->bss->vk_n_places, 1, __ATOMIC_SEQ_CST);
	if (eng->rows[id].placed && eng->rows[id].placed < UINT8_MAX)
		eng->rows[id].placed--;
}

/* Forgets the places of @id, so that nobody joins what is gone. */
static void remove_places(struct vk_engine *eng, uint32_t id)
{
	enum { MANY = 1024 };
	struct vk_place keys[MANY];
	uint32_t ids[MANY];
	int map = eng->maps[VK_MAP_PLACES], r = 0;
	uint32_t at, n;

	keys[0] = (struct vk_place){.kind = VK_PLACE_MNTNS, .id = eng->bss->vk_instances[id].mntns};
	keys[1] =
		(struct vk_place){.kind = VK_PLACE_CGROUP,
				  .id = eng->bss->vk_instances[id].cgroup ?: eng->rows[id].cgroup};
	bool starts = eng->bss->vk_instances[id].flags & VK_I_STARTING;

	for (size_t i = 0; i < 2 && (starts || eng->rows[id].placed); i++)
		if (bpf_map_lookup_elem(map, &keys[i], &ids[0]) == 0 && ids[0] == id)
			remove_place(eng, id, &keys[i]);
	/* A container has these two; others are looked for among all. */
	if (!eng->rows[id].placed && !(eng->bss->vk_instances[id].flags & VK_I_MOVED))
		return;
	for (bool first = true; r == 0; first = false) {
		n = MANY;
		r = bpf_map_lookup_batch(map, first ? NULL : &at, &at, keys, ids, &n, NULL);
		if (r < 0 && errno != ENOENT)
			break;
		for (uint32_t i = 0; i < n; i++)
			if (ids[i] == id)
				remove_place(eng, id, &keys[i]);
	}
}

/* In a namespace that no other instance names files by, it does not count any more who mounted. */
static void forget_mounts(struct vk_engine *eng, uint32_t gone)
{
	uint64_t ns = eng->bss->vk_instances[gone].mntns;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (id != gone && eng->rows[id].used && eng->bss->vk_instances[id].mntns == ns)
			return;
	bpf_map_delete_elem(vk_map(eng, VK_MAP_MOUNTED, NULL), &ns);
}

static void remove_one(struct vk_engine *eng, uint32_t id)
{
	struct vk_row *row = &eng->rows[id];
	uint32_t slot = vk_row_slot(vk_row_state(eng, id));

	if (eng->bss->vk_instances[id].flags & VK_I_STARTING) {
		/* Its start went on until its last process had ended. */
		remove_places(eng, id);
		bpf_map_delete_elem(vk_map(eng, VK_MAP_STARTS, NULL), &id);
	}
	forget_mounts(eng, id);
	vk_programs_drop(eng, id);
	row->ended = vk_row_state(eng, id) == &row->state[1];
	__atomic_store_n(&eng->bss->vk_instances[id].rule, 0, __ATOMIC_SEQ_CST);
	row->used = 0;
	memset(&eng->bss->vk_instances[id], 0, sizeof(struct vk_instance));
	vk_slot_release(eng, slot);
}

/* Marks @id and, if asked for, all below; returns how many there are below. */
static uint32_t choose(struct vk_engine *eng, uint32_t id, bool below, struct removal *rm)
{
	uint32_t n = 0;

	rm->goes[id] = true;
	for (uint32_t i = 1; i <= eng->bss->vk_top_id; i++)
		if (eng->rows[i].used && eng->rows[i].parent && vk_row_is_below(eng, i, id)) {
			rm->goes[i] = below;
			n++;
		}
	return n;
}

static int remove_chosen(struct vk_engine *eng, const char *name, bool kill, bool recursive,
			 struct removal *rm, struct vk_error *e)
{
	uint32_t id, below;
	int r = vk_row_find(eng, name, &id, e);

	if (r < 0)
		return r;
	below = choose(eng, id, recursive, rm);
	if (below && !recursive) {
		vk_error_set(e, ENOTEMPTY, "there %s %u instance%s below \"%s\"",
			     below == 1 ? "is" : "are", below, below == 1 ? "" : "s",
			     eng->rows[id].name);
		vk_error_advise(e, "remove them first, or all at once with --recursive");
		return -ENOTEMPTY;
	}
	rm->kill = kill;
	/* Who is refused has changed nothing: what is executed at the places goes on to join. */
	if (!kill)
		r = end_members(eng, rm, e);
	if (r == 0 && !rm->found) {
		for (uint32_t i = 1; i <= eng->bss->vk_top_id; i++)
			if (rm->goes[i])
				remove_places(eng, i);
		r = end_members(eng, rm, e);
	}
	if (r < 0)
		return r;
	if (rm->found) {
		vk_error_set(e, EBUSY, "instance \"%s\" has %u running member%s",
			     eng->rows[id].name, rm->found, rm->found == 1 ? "" : "s");
		vk_error_advise(e, "stop them first, or end them with --kill; a member is never "
				   "released");
		return -EBUSY;
	}
	/* Children first: whoever is interrupted leaves a tree. */
	for (unsigned int depth = VK_MAX_DEPTH; depth > 0; depth--)
		for (uint32_t i = 1; i <= eng->bss->vk_top_id; i++)
			if (rm->goes[i] && eng->rows[i].used && vk_row_depth(eng, i) == depth)
				remove_one(eng, i);
	vk_trim();
	return 0;
}

static int remove_by_name(struct vk_engine *eng, const char *name, bool kill, bool recursive,
			  struct vk_error *e)
{
	_cleanup_free_ struct removal *rm = calloc(1, sizeof(*rm));

	if (!rm)
		return vk_error_set(e, ENOMEM, "no memory");
	return remove_chosen(eng, name, kill, recursive, rm, e);
}

int vk_instance_remove(struct vk_engine *eng, const char *name, bool kill, struct vk_error *e)
{
	return remove_by_name(eng, name, kill, false, e);
}

int vk_instance_remove_tree(struct vk_engine *eng, const char *name, bool kill, struct vk_error *e)
{
	return remove_by_name(eng, name, kill, true, e);
}

void vk_info_free(struct vk_info *info)
{
	for (size_t i = 0; i < info->n_layers; i++)
		vk_policy_free(info->layers[i]);
	info->n_layers = 0;
}

/* Of the layers that root gave to an instance, the last ones. */
static bool is_mitigation(struct vk_engine *eng, const struct vk_layer_list *l, size_t i)
{
	size_t behind = 0;

	for (size_t k = i + 1; k < l->n; k++)
		behind += l->owner[k] == l->owner[i] && l->uid[k] < 0;
	return l->uid[i] < 0 && behind < vk_row_state(eng, l->owner[i])->mitigations;
}

/* Takes over the layers, and says whose each is. */
static int fill_layers(struct vk_engine *eng, uint32_t id, struct vk_info *info, struct vk_error *e)
{
	struct vk_layer_list l = {0};
	int r = instance_layers(eng, id, &l, e);

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		struct vk_layer_origin *o = &info->origins[i];

		info->layers[i] = l.layer[i];
		o->instance = l.owner[i];
		snprintf(o->name, sizeof(o->name), "%s", eng->rows[l.owner[i]].name);
		o->mitigation = is_mitigation(eng, &l, i);
		o->pushed = l.uid[i] >= 0;
		o->uid = o->pushed ? (uint32_t)l.uid[i] : 0;
	}
	info->n_layers = r == 0 ? l.n : 0;
	return r;
}

static int fill_info(struct vk_engine *eng, uint32_t id, bool with_layers, const uint32_t *active,
		     const uint32_t *pending, struct vk_info *info, struct vk_error *e)
{
	const struct vk_row_state *s = vk_row_state(eng, id);
	const struct vk_row *row = &eng->rows[id];

	memset(info, 0, sizeof(*info));
	info->id = id;
	snprintf(info->name, sizeof(info->name), "%s", row->name);
	snprintf(info->policies, sizeof(info->policies), "%s", s->policies);
	info->mode = s->mode;
	info->parent = row->parent;
	info->depth = vk_row_depth(eng, id);
	info->n_own = s->n_layers + s->n_pushed;
	info->n_pushed = s->n_pushed;
	info->by_member = row->by_member;
	info->uid = row->uid;
	if (row->parent)
		snprintf(info->parent_name, sizeof(info->parent_name), "%s",
			 eng->rows[row->parent].name);
	info->members = active[id];
	info->pending = pending[id];
	info->image_bytes = s->image_bytes;
	info->states = s->states;
	info->needs = s->needs;
	info->counters = eng->bss->vk_instances[id];
	for (uint32_t i = 1; i <= eng->bss->vk_top_id; i++)
		info->slot_shared += eng->rows[i].used &&
				     (uint32_t)eng->bss->vk_instances[i].rule == vk_row_slot(s);
	return with_layers ? fill_layers(eng, id, info, e) : 0;
}

/* Of a container whose start has failed. The next start of it, its deletion or gc removes it. */
static bool is_over(struct vk_engine *eng, uint32_t id, uint32_t members)
{
	uint32_t flags = eng->bss->vk_instances[id].flags;

	return !members && flags & VK_I_STARTING && !(flags & VK_I_STARTED);
}

int vk_instance_list(struct vk_engine *eng, bool with_layers,
		     int (*fn)(const struct vk_info *info, void *data), void *data,
		     struct vk_error *e)
{
	_cleanup_free_ uint32_t *count = calloc(2 * VK_INSTANCES, sizeof(*count));
	int r;

	if (!count)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_members_count(eng, count, count + VK_INSTANCES, e);
	for (uint32_t id = 1; r == 0 && id <= eng->bss->vk_top_id; id++) {
		struct vk_info info;

		if (!eng->rows[id].used || is_over(eng, id, count[id] + count[VK_INSTANCES + id]))
			continue;
		r = fill_info(eng, id, with_layers, count, count + VK_INSTANCES, &info, e);
		if (r == 0)
			r = fn(&info, data);
		vk_info_free(&info);
	}
	return r;
}

bool vk_instance_exists(struct vk_engine *eng, const char *name)
{
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used && strcmp(eng->rows[id].name, name) == 0)
			return true;
	return false;
}

int vk_instance_get(struct vk_engine *eng, const char *name, struct vk_info *ret,
		    struct vk_error *e)
{
	_cleanup_free_ uint32_t *count = calloc(2 * VK_INSTANCES, sizeof(*count));
	struct vk_info info;
	uint32_t id;
	int r;

	if (!count)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_row_find(eng, name, &id, e);
	if (r == 0)
		r = vk_members_count(eng, count, count + VK_INSTANCES, e);
	if (r == 0)
		r = fill_info(eng, id, true, count, count + VK_INSTANCES, &info, e);
	if (r == 0)
		*ret = info;
	return r;
}

int vk_instance_get_id(struct vk_engine *eng, uint32_t id, struct vk_info *ret, struct vk_error *e)
{
	_cleanup_free_ uint32_t *none = calloc(VK_INSTANCES, sizeof(*none));
	struct vk_info info;
	int r;

	if (!none)
		return vk_error_set(e, ENOMEM, "no memory");
	if (id == 0 || id >= VK_INSTANCES || !eng->rows[id].name[0])
		return vk_error_set(e, ENOENT, "there is no instance %u", id);
	r = fill_info(eng, id, true, none, none, &info, e);
	if (r == 0)
		*ret = info;
	return r;
}
