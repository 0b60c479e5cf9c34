/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.c - which policy programs bind whom, and putting them in force.
 *
 * An instance is bound by the programs of all instances above it, outermost first, and by its own.
 * An instance with programs of its own has a slot in the arrays of programs, where all that bind
 * it are spliced into one for each hook; others follow the nearest one above. A change first loads
 * everything that it needs, for all instances below, then stores it: the arrays first and the
 * instances' words last when there is more to ask, the reverse when there is less, with a wait in
 * between for whoever has read the old word. So at no time is a program passed by that is in force
 * before and after.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "internal.h"
#include "program.h"
#include "vkernel.skel.h"

#define PROGRAMS_MASK ((1ull << VK_PROGRAMS_AT) - 1)

/**
 * struct plan - what will bind one instance with programs of its own
 * @vki:   the instance
 * @slot:  in the arrays
 * @hooks: bit per hook
 * @paths: of those, where the path is wanted
 * @fds:   spliced programs by hook; -1: none
 */
struct plan {
	uint32_t vki;
	uint32_t slot;
	uint64_t hooks;
	uint64_t paths;
	int fds[VK_HOOK_COUNT];
};

/**
 * struct change - a change of programs being made
 * @stored: programs read so far, by id
 */
struct change {
	struct vk_engine *eng;
	struct vk_stored *stored[VK_PROGRAM_ROWS];
	struct plan *plans;
	size_t n_plans;
	struct vk_carriers carriers;
};

static void change_free(struct change *c)
{
	for (size_t i = 0; i < VK_PROGRAM_ROWS; i++)
		vk_stored_free(c->stored[i]);
	for (size_t i = 0; i < c->n_plans; i++)
		for (size_t hook = 0; hook < VK_HOOK_COUNT; hook++)
			vk_closep(&c->plans[i].fds[hook]);
	free(c->plans);
	vk_carriers_free(&c->carriers);
	free(c);
}

static void change_freep(struct change **c)
{
	if (*c)
		change_free(*c);
}

bool vk_program_is_of(const struct vk_program_row *row, uint32_t vki)
{
	return row->flags & VK_P_USED && !(row->flags & VK_P_HELPER) && row->vki == vki;
}

static bool has_programs(struct vk_engine *eng, uint32_t vki)
{
	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++)
		if (vk_program_is_of(&eng->programs[id], vki))
			return true;
	return false;
}

static uint32_t parent_of(struct vk_engine *eng, uint32_t vki)
{
	uint32_t parent = eng->bss->vk_instances[vki].parent;

	return parent < VK_INSTANCES ? parent : 0;
}

bool vk_instance_is_within(struct vk_engine *eng, uint32_t vki, uint32_t above)
{
	for (int depth = 0; vki && depth <= VK_MAX_LAYERS; depth++) {
		if (vki == above)
			return true;
		vki = parent_of(eng, vki);
	}
	return false;
}

/* The instance whose slot binds @vki: itself or the nearest above with programs. 0: none. */
static uint32_t owner_of(struct vk_engine *eng, uint32_t vki)
{
	for (int depth = 0; vki && depth <= VK_MAX_LAYERS; depth++) {
		if (has_programs(eng, vki))
			return vki;
		vki = parent_of(eng, vki);
	}
	return 0;
}

size_t vk_programs_own(struct vk_engine *eng, uint32_t vki, uint32_t *ids, size_t n, size_t room)
{
	size_t first = n;

	for (uint32_t id = 1; id < VK_PROGRAM_ROWS && n < room; id++) {
		size_t at = n;

		if (!vk_program_is_of(&eng->programs[id], vki))
			continue;
		for (; at > first && eng->programs[ids[at - 1]].order > eng->programs[id].order;
		     at--)
			ids[at] = ids[at - 1];
		ids[at] = id;
		n++;
	}
	return n;
}

size_t vk_programs_binding(struct vk_engine *eng, uint32_t vki, uint32_t *ids)
{
	uint32_t chain[VK_MAX_LAYERS + 1];
	size_t depth = 0, n = 0;

	for (; vki && depth <= VK_MAX_LAYERS; vki = parent_of(eng, vki))
		chain[depth++] = vki;
	while (depth)
		n = vk_programs_own(eng, chain[--depth], ids, n, VK_PROGRAMS_BINDING);
	return n;
}

/* A hook that some kernels check in another place: programs for it are asked there, too. */
static unsigned int asked_as(unsigned int hook)
{
	if (hook == VK_HOOK_file_ioctl_compat)
		return VK_HOOK_file_ioctl;
	return hook == VK_HOOK_file_truncate ? VK_HOOK_path_truncate : hook;
}

static uint64_t with_aliases(uint64_t hooks)
{
	for (unsigned int id = 1; id < VK_HOOK_COUNT; id++)
		if (hooks >> asked_as(id) & 1)
			hooks |= 1ull << id;
	return hooks;
}

static int stored(struct change *c, uint32_t id, struct vk_stored **ret, struct vk_error *e)
{
	int r = c->stored[id] ? 0 : vk_stored_get(c->eng, id, &c->stored[id], e);

	*ret = c->stored[id];
	return r;
}

/* The function that @img has for @hook; false: none. */
static bool policy_for(const struct vk_program_image *img, unsigned int hook, uint32_t *ret)
{
	const struct vk_program_entry *entries = vk_program_entries(img);

	for (uint32_t i = 0; i < img->entries.count; i++)
		if (entries[i].hook == hook) {
			*ret = entries[i].function;
			return true;
		}
	return false;
}

static int splice_hook(struct change *c, struct plan *p, unsigned int hook, const uint32_t *ids,
		       size_t n, struct vk_error *e)
{
	struct vk_chained chain[VK_CHAIN_MAX];
	uint32_t wants = 0, function;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const struct vk_program_row *row = &c->eng->programs[ids[i]];
		struct vk_stored *s;
		int r;

		if (!(row->hooks >> asked_as(hook) & 1))
			continue;
		r = stored(c, ids[i], &s, e);
		if (r < 0)
			return r;
		if (!policy_for(s->img, asked_as(hook), &function))
			return vk_error_set(e, EBADMSG, "the row of program %s does not match it",
					    row->name);
		if (len == VK_CHAIN_MAX)
			return vk_error_set(e, E2BIG, "more than %d programs at %s", VK_CHAIN_MAX,
					    vk_program_hook_name(hook));
		chain[len++] = (struct vk_chained){
			.program = &s->linked,
			.function = function,
			.id = ids[i] | (row->flags & VK_P_AUDIT ? VK_CHAIN_AUDIT : 0)};
		wants |= s->img->wants;
	}
	p->fds[hook] = vk_carriers_splice(c->eng, &c->carriers, hook, chain, len, wants, e);
	if (p->fds[hook] < 0)
		return p->fds[hook];
	p->hooks |= 1ull << hook;
	if (wants & VK_WANT_path && vk_program_hook_has_path(hook))
		p->paths |= 1ull << hook;
	return 0;
}

static uint32_t free_slot(const struct change *c)
{
	for (uint32_t slot = 1; slot < VK_PROGRAM_SLOTS; slot++) {
		bool used = false;

		for (uint32_t id = 1; id < VK_INSTANCES && !used; id++)
			used = c->eng->rows[id].used && c->eng->rows[id].program_slot == slot;
		for (size_t i = 0; i < c->n_plans && !used; i++)
			used = c->plans[i].slot == slot;
		if (!used)
			return slot;
	}
	return 0;
}

static int plan_one(struct change *c, uint32_t vki, struct vk_error *e)
{
	struct plan *p = &c->plans[c->n_plans];
	uint32_t ids[VK_PROGRAMS_BINDING];
	size_t n = vk_programs_binding(c->eng, vki, ids);
	int r = 0;

	p->vki = vki;
	p->slot = c->eng->rows[vki].program_slot ? c->eng->rows[vki].program_slot : free_slot(c);
	for (size_t i = 0; i < VK_HOOK_COUNT; i++)
		p->fds[i] = -1;
	c->n_plans++;
	if (!p->slot)
		return vk_error_set(e, ENOSPC, "%d instances have programs, and no more can",
				    VK_PROGRAM_SLOTS - 1);
	for (unsigned int hook = 1; r == 0 && hook < VK_HOOK_COUNT; hook++) {
		uint64_t wanted = 0;

		for (size_t i = 0; i < n; i++)
			wanted |= c->eng->programs[ids[i]].hooks;
		if (with_aliases(wanted) & c->carriers.hooks & 1ull << hook)
			r = splice_hook(c, p, hook, ids, n, e);
	}
	return r;
}

/* Loads all that will be in force in @vki and below it. Nothing is changed. */
static int plan(struct change *c, uint32_t vki, struct vk_error *e)
{
	struct vk_engine *eng = c->eng;
	uint64_t hooks = 0;
	size_t room = 0;
	bool paths = false;
	int r;

	for (uint32_t id = 1; id < VK_INSTANCES; id++) {
		uint32_t ids[VK_PROGRAMS_BINDING];
		size_t n;

		if (id != vki && !(eng->rows[id].used && vk_instance_is_within(eng, id, vki)))
			continue;
		if (!has_programs(eng, id))
			continue;
		room++;
		n = vk_programs_binding(eng, id, ids);
		for (size_t i = 0; i < n; i++) {
			hooks |= eng->programs[ids[i]].hooks;
			paths |= eng->programs[ids[i]].wants & VK_WANT_path;
		}
	}
	if (!room)
		return 0;
	c->plans = calloc(room, sizeof(*c->plans));
	if (!c->plans)
		return vk_error_set(e, ENOMEM, "no memory");
	hooks = with_aliases(hooks);
	/* Members' mounts must not name files for programs, so mounting is watched. */
	r = vk_hooks_ensure_asked(eng, paths ? VK_NEED_MOUNT : 0, hooks, e);
	if (r == 0)
		r = vk_carriers_load(eng, hooks, &c->carriers, e);
	for (uint32_t id = 1; r == 0 && id < VK_INSTANCES; id++)
		if ((id == vki || (eng->rows[id].used && vk_instance_is_within(eng, id, vki))) &&
		    has_programs(eng, id))
			r = plan_one(c, id, e);
	return r;
}

static const struct plan *plan_of(const struct change *c, uint32_t vki)
{
	for (size_t i = 0; i < c->n_plans; i++)
		if (c->plans[i].vki == vki)
			return &c->plans[i];
	return NULL;
}

static void store_word(struct vk_engine *eng, uint32_t vki, uint64_t word, uint64_t paths)
{
	struct vk_instance *inst = &eng->bss->vk_instances[vki];

	/* In between more paths are built than are wanted, and never fewer. */
	__atomic_fetch_or(&inst->paths, paths, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&eng->bss->vk_asked, word & PROGRAMS_MASK, __ATOMIC_SEQ_CST);
	__atomic_store_n(&inst->programs, word, __ATOMIC_SEQ_CST);
	__atomic_store_n(&inst->paths, paths, __ATOMIC_SEQ_CST);
}

uint64_t vk_programs_asked(struct vk_engine *eng, bool *ret_paths)
{
	uint64_t asked = 0;

	*ret_paths = false;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		asked |= eng->bss->vk_instances[id].programs & PROGRAMS_MASK;
		*ret_paths |= eng->bss->vk_instances[id].paths != 0;
	}
	return asked;
}

static void forget_slot(struct vk_engine *eng, uint32_t slot, uint64_t keep)
{
	struct vk_error ignored = {0};

	for (unsigned int hook = 1; hook < VK_HOOK_COUNT; hook++)
		if (!(keep >> hook & 1))
			bpf_map_delete_elem(vk_map(eng, VK_MAP_HOOK(hook), &ignored), &slot);
}

/*
 * From now on everybody in @vki and below builds the paths that the new programs want, before any
 * of them is where a task can reach it: one that finds a path left by an earlier operation would
 * decide about something else.
 */
static void announce_paths(struct change *c, uint32_t vki)
{
	struct vk_engine *eng = c->eng;
	bool more = false;

	for (uint32_t id = 1; id < VK_INSTANCES; id++) {
		const struct plan *p;

		if (id != vki && !(eng->rows[id].used && vk_instance_is_within(eng, id, vki)))
			continue;
		p = plan_of(c, owner_of(eng, id));
		if (!p || !(p->paths & ~eng->bss->vk_instances[id].paths))
			continue;
		__atomic_fetch_or(&eng->bss->vk_instances[id].paths, p->paths, __ATOMIC_SEQ_CST);
		more = true;
	}
	if (more)
		vk_grace(eng);
}

/* Stores what plan() loaded. Only the kernel's lack of memory can make it fail, half-way and
 * closed: what cannot be stored keeps what was there, and @torn says so. */
static int commit(struct change *c, uint32_t vki, bool *torn, struct vk_error *e)
{
	struct vk_engine *eng = c->eng;
	bool paths;

	*torn = true;
	/* First of all, so that what is in a slot has an owner, whoever is killed. */
	for (size_t i = 0; i < c->n_plans; i++)
		eng->rows[c->plans[i].vki].program_slot = c->plans[i].slot;
	announce_paths(c, vki);
	for (size_t i = 0; i < c->n_plans; i++)
		for (unsigned int hook = 1; hook < VK_HOOK_COUNT; hook++)
			if (c->plans[i].fds[hook] >= 0 &&
			    bpf_map_update_elem(vk_map(eng, VK_MAP_HOOK(hook), e),
						&c->plans[i].slot, &c->plans[i].fds[hook],
						BPF_ANY) < 0)
				return vk_error_set(e, errno, "cannot store the programs at %s: %s",
						    vk_program_hook_name(hook), strerror(errno));
	for (uint32_t id = 1; id < VK_INSTANCES; id++) {
		const struct plan *p;

		if (id != vki && !(eng->rows[id].used && vk_instance_is_within(eng, id, vki)))
			continue;
		p = plan_of(c, owner_of(eng, id));
		if (p)
			store_word(eng, id, p->hooks | (uint64_t)p->slot << VK_PROGRAMS_AT,
				   p->paths);
		else if (owner_of(eng, id))
			store_word(eng, id, eng->bss->vk_instances[owner_of(eng, id)].programs,
				   eng->bss->vk_instances[owner_of(eng, id)].paths);
		else
			store_word(eng, id, 0, 0);
	}
	vk_grace(eng);
	__atomic_store_n(&eng->bss->vk_asked, vk_programs_asked(eng, &paths), __ATOMIC_SEQ_CST);
	for (uint32_t id = 1; id < VK_INSTANCES; id++) {
		const struct plan *p = plan_of(c, id);
		uint32_t slot = eng->rows[id].program_slot;

		if (p) {
			forget_slot(eng, p->slot, p->hooks);
		} else if (slot && !has_programs(eng, id)) {
			forget_slot(eng, slot, 0);
			eng->rows[id].program_slot = 0;
		}
	}
	*torn = false;
	return 0;
}

int vk_programs_apply(struct vk_engine *eng, uint32_t vki, bool *torn, struct vk_error *e)
{
	vk_cleanup(change_freep) struct change *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return vk_error_set(e, ENOMEM, "no memory");
	c->eng = eng;
	r = plan(c, vki, e);
	return r < 0 ? r : commit(c, vki, torn, e);
}

void vk_programs_inherit(struct vk_engine *eng, uint32_t id)
{
	uint32_t parent = parent_of(eng, id);

	if (parent)
		store_word(eng, id, eng->bss->vk_instances[parent].programs,
			   eng->bss->vk_instances[parent].paths);
}

void vk_programs_drop(struct vk_engine *eng, uint32_t vki)
{
	uint32_t slot = eng->rows[vki].program_slot;

	store_word(eng, vki, 0, 0);
	if (slot) {
		vk_grace(eng);
		forget_slot(eng, slot, 0);
		eng->rows[vki].program_slot = 0;
	}
	/* Opened briefly: no programs are in force anywhere. */
	for (uint32_t id = 1; id < VK_PROGRAM_ROWS && !eng->brief; id++)
		if (vk_program_is_of(&eng->programs[id], vki))
			vk_program_forget(eng, vki, id);
}
