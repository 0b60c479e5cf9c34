/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program_push.c - policy programs and dynamic helpers: pushed, popped, switched.
 *
 * A change is in force when program.c has stored it. From before anything of it is made until it is
 * done, row 0 of vk_programs, which is no program, says what is being changed, so that whoever
 * opens the engine after one who was killed half-way finishes it, or takes it back.
 */
#include <string.h>
#include <time.h>

#include "internal.h"
#include "program.h"
#include "sha256.h"

#define OWN_MEMORY (16u << 20) /* bytes of their maps */

/* ---- changes ---- */

/**
 * struct note - a change under way
 * @vki: instance; 0: of dynamic helpers
 * @new: program or helper that is made, then put in force; 0: none
 * @old: that is taken out; 0: none
 */
struct note {
	uint32_t vki;
	uint32_t new;
	uint32_t old;
};
#define NOTED (1ull << 63)

/* One word, as it must be there as a whole or not at all. */
static void write_note(struct vk_engine *eng, uint64_t word)
{
	__atomic_store_n(&eng->programs[0].order, word, __ATOMIC_SEQ_CST);
}

static void note(struct vk_engine *eng, uint32_t vki, uint32_t new, uint32_t old)
{
	_Static_assert(VK_PROGRAM_ROWS <= 0x10000 && VK_INSTANCES < NOTED >> 32, "fits the word");
	write_note(eng, NOTED | (uint64_t)vki << 32 | new << 16 | old);
}

static void note_done(struct vk_engine *eng)
{
	write_note(eng, 0);
}

static bool read_note(struct vk_engine *eng, struct note *ret)
{
	uint64_t word = __atomic_load_n(&eng->programs[0].order, __ATOMIC_SEQ_CST);

	*ret = (struct note){
		.vki = word >> 32 & 0x7fffffff, .new = word >> 16 & 0xffff, .old = word & 0xffff};
	return word & NOTED;
}

/* @new and @old: programs, 0: none. On failure what was there before is in force. */
static int change(struct vk_engine *eng, uint32_t vki, uint32_t new, uint32_t old,
		  struct vk_error *e)
{
	struct vk_error ignored = {0};
	bool torn = false;
	int r;

	note(eng, vki, new, old);
	if (old)
		eng->programs[old].flags &= ~(uint32_t)VK_P_USED;
	r = vk_programs_apply(eng, vki, &torn, e);
	if (r < 0 && old)
		eng->programs[old].flags |= VK_P_USED;
	if (r < 0 && new)
		vk_stored_remove(eng, new);
	if (r == 0 && old)
		vk_stored_remove(eng, old);
	if (torn) {
		note(eng, vki, 0, 0);
		vk_programs_apply(eng, vki, &torn, &ignored);
	}
	note_done(eng);
	return r;
}

int vk_programs_repair(struct vk_engine *eng, struct vk_error *e)
{
	struct vk_error why = {0};
	struct note n;

	/* Opened briefly: there is no note. */
	if (eng->brief || !read_note(eng, &n))
		return 0;
	if (n.vki >= VK_INSTANCES || n.new >= VK_PROGRAM_ROWS || n.old >= VK_PROGRAM_ROWS)
		return vk_error_set(e, EBADMSG, "the rows of programs are damaged");
	if (!n.vki || !eng->rows[n.vki].used) {
		/* A helper is there once it is made; of an instance that is gone nothing is. */
		if (n.new && (n.vki || !(eng->programs[n.new].flags & VK_P_USED)))
			vk_stored_remove(eng, n.new);
		if (n.old)
			vk_stored_remove(eng, n.old);
		note_done(eng);
		return 0;
	}
	if (n.new && !(eng->programs[n.new].flags & VK_P_USED)) {
		/* Still being made, or taken back: then the old one is in use. */
		vk_stored_remove(eng, n.new);
		return change(eng, n.vki, 0, 0, e);
	}
	if (change(eng, n.vki, n.new, n.old, &why) == 0)
		return 0;
	/* It could not be finished: what was there before is what has to be in force. */
	return change(eng, n.vki, 0, 0, e);
}

/* ---- push, pop ---- */

static int check_quota(struct vk_engine *eng, uint32_t vki, const struct vk_program_image *img,
		       struct vk_error *e)
{
	uint64_t memory = vk_program_memory(img);
	uint32_t n = 1;

	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++)
		if (vk_program_is_of(&eng->programs[id], vki)) {
			memory += eng->programs[id].memory;
			n++;
		}
	if (n > VK_PROGRAMS_OWN)
		return vk_error_set(e, E2BIG, "the instance has %d programs, and no more can be",
				    VK_PROGRAMS_OWN);
	if (memory > OWN_MEMORY)
		return vk_error_set(
			e, E2BIG,
			"the maps of the instance's programs would take %llu KiB: %u are "
			"possible",
			(unsigned long long)memory >> 10, OWN_MEMORY >> 10);
	return 0;
}

void vk_pushed_free(struct vk_pushed *p)
{
	for (size_t i = 0; i < VK_PROGRAM_IMPORTS; i++)
		vk_stored_free(p->helpers[i]);
	vk_program_close_maps(&p->linked);
}

int vk_pushed_verify(struct vk_engine *eng, struct vk_pushed *p, const void *image, size_t size,
		     struct vk_error *e)
{
	int r;

	for (size_t i = 0; i < VK_PROGRAM_MAPS; i++)
		p->linked.map_fds[i] = -1;
	r = vk_program_check(image, size, e);
	if (r < 0)
		return r;
	p->linked.img = image;
	r = vk_stored_link(eng, &p->linked, p->helpers, p->helper_ids, e);
	if (r == 0)
		r = vk_program_make_maps(&p->linked, e);
	if (r == 0)
		r = vk_program_dry_load(&p->linked, &p->dry, e);
	return r;
}

/* Code that the verifier does not enter is loaded, too. */
uint32_t vk_pushed_steps(const struct vk_pushed *p)
{
	return p->dry.insns + p->linked.img->insns.count * p->linked.img->entries.count;
}

/* Leaves the note of it, unless it fails. @old: that it will take the place of. */
static int add_row(struct vk_engine *eng, const struct vk_pushed *p, uint32_t vki, uint32_t flags,
		   uint32_t uid, uint64_t order, uint32_t old, uint32_t *ret_id, struct vk_error *e)
{
	uint32_t id = vk_program_free_id(eng);
	struct vk_program_row *row = &eng->programs[id];
	int r;

	if (!id)
		return vk_error_set(e, ENOSPC, "this host has %d programs, and no more can be",
				    VK_PROGRAM_ROWS - 1);
	note(eng, vki, id, old);
	memset(row, 0, sizeof(*row));
	row->vki = vki;
	row->order = order;
	row->dry_usec = p->dry.usec;
	row->steps = vk_pushed_steps(p);
	row->uid = uid;
	memcpy(row->helpers, p->helper_ids, sizeof(row->helpers));
	row->flags = flags;
	*ret_id = id;
	r = vk_stored_put(eng, id, &p->linked, e);
	if (r < 0)
		note_done(eng);
	return r;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int vk_pushed_commit(struct vk_engine *eng, const struct vk_pushed *p, uint32_t vki, uint32_t flags,
		     uint32_t uid, bool replace, uint32_t *ret_id, struct vk_error *e)
{
	const char *name = p->linked.img->name;
	uint32_t old = vk_program_find(eng, vki, 0, name), id = 0;
	int r = 0;

	if (p->linked.img->exports.count) {
		vk_error_set(e, EINVAL, "%s is a dynamic helper", name);
		vk_error_advise(e, "install it by \"vkernel helper add\"");
		return -EINVAL;
	}
	if (old && !replace) {
		vk_error_set(e, EEXIST, "the instance has a program %s already", name);
		vk_error_advise(e, "give another name, or --replace");
		return -EEXIST;
	}
	if (!old)
		r = check_quota(eng, vki, p->linked.img, e);
	if (r == 0)
		r = add_row(eng, p, vki, flags, uid, old ? eng->programs[old].order : now_ns(), old,
			    &id, e);
	if (r == 0)
		r = change(eng, vki, id, old, e);
	if (r < 0)
		return r;
	if (old)
		vk_trim();
	*ret_id = id;
	return 0;
}

int vk_program_push(struct vk_engine *eng, const char *instance, const void *image, size_t size,
		    unsigned int flags, uint32_t *ret_id, struct vk_error *e)
{
	vk_cleanup(vk_pushed_free) struct vk_pushed p = {0};
	uint32_t vki;
	int r = vk_row_find(eng, instance, &vki, e);

	if (r == 0)
		r = vk_pushed_verify(eng, &p, image, size, e);
	if (r == 0)
		r = vk_pushed_commit(eng, &p, vki, flags & VK_PUSH_AUDIT ? VK_P_AUDIT : 0, 0,
				     flags & VK_PUSH_REPLACE, ret_id, e);
	return r;
}

static int find(struct vk_engine *eng, const char *instance, const char *name, uint32_t *ret_vki,
		uint32_t *ret_id, struct vk_error *e)
{
	uint32_t ids[VK_PROGRAMS_OWN], found = 0;
	int r = vk_row_find(eng, instance, ret_vki, e);
	size_t n;

	if (r < 0)
		return r;
	if (name) {
		found = vk_program_find(eng, *ret_vki, 0, name);
	} else {
		n = vk_programs_own(eng, *ret_vki, ids, 0, VK_PROGRAMS_OWN);
		found = n ? ids[n - 1] : 0;
	}
	if (!found) {
		vk_error_set(e, ENOENT,
			     name ? "instance %s has no program %s" : "instance %s has no programs",
			     instance, name);
		vk_error_advise(e, "\"vkernel program ls\" lists them");
		return -ENOENT;
	}
	*ret_id = found;
	return 0;
}

int vk_program_take_out(struct vk_engine *eng, uint32_t vki, uint32_t id, struct vk_error *e)
{
	int r = change(eng, vki, 0, id, e);

	if (r == 0)
		vk_trim();
	return r;
}

int vk_program_pop(struct vk_engine *eng, const char *instance, const char *name,
		   struct vk_error *e)
{
	uint32_t vki, id;
	int r = find(eng, instance, name, &vki, &id, e);

	return r < 0 ? r : vk_program_take_out(eng, vki, id, e);
}

int vk_program_set_audit(struct vk_engine *eng, const char *instance, const char *name, bool audit,
			 struct vk_error *e)
{
	uint32_t vki, id, before;
	int r = find(eng, instance, name, &vki, &id, e);

	if (r < 0)
		return r;
	before = eng->programs[id].flags;
	note(eng, vki, 0, 0);
	eng->programs[id].flags = audit ? before | VK_P_AUDIT : before & ~(uint32_t)VK_P_AUDIT;
	r = change(eng, vki, 0, 0, e);
	if (r < 0)
		eng->programs[id].flags = before;
	return r;
}

void vk_program_forget(struct vk_engine *eng, uint32_t vki, uint32_t id)
{
	note(eng, vki, 0, id);
	vk_stored_remove(eng, id);
	note_done(eng);
}

/* ---- dynamic helpers ---- */

int vk_helper_add(struct vk_engine *eng, const void *image, size_t size, uint32_t *ret_id,
		  struct vk_error *e)
{
	vk_cleanup(vk_pushed_free) struct vk_pushed p = {0};
	int r = vk_pushed_verify(eng, &p, image, size, e);

	if (r < 0)
		return r;
	if (p.linked.img->exports.count != 1) {
		vk_error_set(e, EINVAL, "%s has %u helpers: an object has one", p.linked.img->name,
			     p.linked.img->exports.count);
		vk_error_advise(e, "declare it with VK_EXPORT");
		return -EINVAL;
	}
	if (strcmp(p.linked.img->name, vk_program_exports(p.linked.img)->name) != 0)
		return vk_error_set(e, EINVAL, "image %s has helper %s: the names must be equal",
				    p.linked.img->name, vk_program_exports(p.linked.img)->name);
	if (vk_program_find(eng, 0, VK_P_HELPER, p.linked.img->name)) {
		vk_error_set(e, EEXIST, "there is a helper %s already", p.linked.img->name);
		vk_error_advise(e, "remove it first: \"vkernel helper rm %s\"", p.linked.img->name);
		return -EEXIST;
	}
	r = add_row(eng, &p, 0, VK_P_HELPER, 0, now_ns(), 0, ret_id, e);
	note_done(eng);
	return r;
}

int vk_helper_remove(struct vk_engine *eng, const char *name, struct vk_error *e)
{
	uint32_t helper = vk_program_find(eng, 0, VK_P_HELPER, name);

	if (!helper) {
		vk_error_set(e, ENOENT, "there is no helper %s", name);
		vk_error_advise(e, "\"vkernel helper ls\" lists them");
		return -ENOENT;
	}
	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++)
		for (size_t i = 0; i < 16; i++)
			if (eng->programs[id].flags & VK_P_USED &&
			    eng->programs[id].helpers[i] == helper) {
				vk_error_set(e, EBUSY, "helper %s is called by program %s of %s",
					     name, eng->programs[id].name,
					     eng->rows[eng->programs[id].vki].name);
				vk_error_advise(e, "pop the program first");
				return -EBUSY;
			}
	vk_program_forget(eng, 0, helper);
	return 0;
}
