/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program_member.c - policy programs that members push onto their own instance, or one below it.
 *
 * A program can only deny, so nothing gets looser by one. What is left to decide is whether the
 * policies permit it, how much of the kernel's memory and of its verifier's time a tree and a user
 * may take, and who may take back what.
 */
#include <string.h>

#include "internal.h"
#include "program.h"
#include "push.h"
#include "sha256.h"

/*
 * Whoever may deny these at will can confuse a set-user-ID program of somebody else, which takes
 * for granted that it can give up its rights.
 */
#define DANGEROUS_HOOKS                                                                            \
	(1ull << VK_HOOK_capable | 1ull << VK_HOOK_task_fix_setuid | 1ull << VK_HOOK_task_prctl)

static bool is_members(const struct vk_program_row *row)
{
	return row->flags & VK_P_USED && row->flags & VK_P_MEMBER;
}

/**
 * struct usage - what members have pushed
 * @own:       onto one instance, and @own_bytes of maps
 * @tree:      onto all of a tree, and @tree_bytes
 * @user:      a user, anywhere
 * @steps:     of the verifier, if all of the tree are spliced again
 * @instances: whose programs are spliced again when one is pushed onto the instance
 */
struct usage {
	unsigned int own;
	unsigned int tree;
	unsigned int user;
	unsigned int instances;
	uint64_t own_bytes;
	uint64_t tree_bytes;
	uint64_t steps;
};

static void count_steps(struct vk_engine *eng, uint32_t id, uint32_t vki, struct usage *u)
{
	uint32_t ids[VK_PROGRAMS_BINDING], mine[VK_PROGRAMS_OWN];
	size_t n;

	if (id != vki && !vk_programs_own(eng, id, mine, 0, VK_PROGRAMS_OWN))
		return; /* it follows one above */
	n = vk_programs_binding(eng, id, ids);
	for (size_t i = 0; i < n; i++)
		if (is_members(&eng->programs[ids[i]]))
			u->steps += eng->programs[ids[i]].steps;
	u->instances += vk_instance_is_within(eng, id, vki);
}

static struct usage count(struct vk_engine *eng, uint32_t vki, uint32_t uid)
{
	uint32_t top = vk_push_top(eng, vki);
	struct usage u = {0};

	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++) {
		const struct vk_program_row *row = &eng->programs[id];

		if (!is_members(row))
			continue;
		u.user += row->uid == uid;
		if (row->vki == vki) {
			u.own++;
			u.own_bytes += row->memory;
		}
		if (vk_instance_is_within(eng, row->vki, top)) {
			u.tree++;
			u.tree_bytes += row->memory;
		}
	}
	for (uint32_t id = 1; id < VK_INSTANCES; id++)
		if (eng->rows[id].used && vk_instance_is_within(eng, id, top))
			count_steps(eng, id, vki, &u);
	return u;
}

uint32_t vk_program_own(struct vk_engine *eng, uint32_t vki, uint32_t uid, const char *name)
{
	uint32_t id = vk_program_find(eng, vki, 0, name);

	return id && is_members(&eng->programs[id]) && eng->programs[id].uid == uid ? id : 0;
}

/* What can be said before the program is verified. */
static int permitted(struct vk_engine *eng, const struct vk_program_request *q, uint32_t vki,
		     const struct vk_program_image *img, struct vk_error *e)
{
	struct vk_push_limits l = vk_push_limits_of(eng, vki);
	struct usage u = count(eng, vki, q->uid);
	uint32_t old = vk_program_own(eng, vki, q->uid, img->name);
	uint64_t bytes = vk_program_memory(img);

	if (!l.programs)
		return vk_push_refuse(eng, vki, "push programs", "programs: 1", e);
	if (q->uid && !eng->rows[vki].by_member && vk_program_hooks(img) & DANGEROUS_HOOKS) {
		vk_error_set(e, EPERM,
			     "only root can push a program at capable, task_fix_setuid or "
			     "task_prctl onto an instance that others share");
		vk_error_advise(e, "set-user-ID programs of others rely on them; make an instance "
				   "below: vkernel run");
		return -EPERM;
	}
	if (q->replace && !old)
		return vk_error_set(e, ENOENT, "uid %u has pushed no program %s to replace", q->uid,
				    img->name);
	if (q->replace && !l.poppable)
		return vk_push_refuse(eng, vki, "replace programs", "poppable: true", e);
	if (!old && u.own >= l.programs)
		return vk_error_set(e, EDQUOT,
				    "members have pushed %u program%s onto \"%s\", the limit",
				    u.own, u.own == 1 ? "" : "s", eng->rows[vki].name);
	if (!old && u.tree >= VK_PUSH_TREE_PROGRAMS)
		return vk_error_set(e, EDQUOT,
				    "members of this tree have pushed %u programs, the limit",
				    u.tree);
	if (!old && q->uid && u.user >= VK_PUSH_USER_PROGRAMS)
		return vk_error_set(e, EDQUOT,
				    "uid %u has pushed %u programs on this host, the limit", q->uid,
				    u.user);
	if (u.own_bytes + bytes > VK_PUSH_PROGRAM_BYTES ||
	    u.tree_bytes + bytes > VK_PUSH_TREE_PROGRAM_BYTES)
		return vk_error_set(e, EDQUOT,
				    "with %llu KiB, maps of programs that members push would take "
				    "more than %u KiB of this instance or %u of its tree",
				    (unsigned long long)bytes >> 10, VK_PUSH_PROGRAM_BYTES >> 10,
				    VK_PUSH_TREE_PROGRAM_BYTES >> 10);
	return 0;
}

int vk_program_request_verify(struct vk_engine *eng, const struct vk_program_request *q,
			      const void *image, size_t size, struct vk_pushed **ret,
			      struct vk_error *e)
{
	vk_cleanup(vk_pushed_donep) struct vk_pushed *p = calloc(1, sizeof(*p));
	uint32_t vki;
	int r;

	if (!p)
		return vk_error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < VK_PROGRAM_MAPS; i++)
		p->linked.map_fds[i] = -1;
	r = vk_push_target(eng, q->caller, q->target, &vki, e);
	if (r == 0)
		r = vk_program_check(image, size, e);
	if (r == 0)
		r = permitted(eng, q, vki, image, e);
	if (r == 0)
		r = vk_pushed_verify(eng, p, image, size, e);
	if (r == 0)
		*ret = vk_take_ptr(p);
	return r;
}

/* Whether the helpers that it was verified with are those that it will be spliced with. */
static bool helpers_are(struct vk_engine *eng, const struct vk_pushed *p)
{
	for (uint32_t i = 0; i < p->linked.img->imports.count; i++) {
		const struct vk_program_row *row = &eng->programs[p->helper_ids[i]];
		const struct vk_program_image *img = p->helpers[i]->img;
		uint8_t hash[VK_SHA256];

		vk_sha256(img, img->size, hash);
		if (!(row->flags & VK_P_USED) || !(row->flags & VK_P_HELPER) ||
		    memcmp(hash, row->sha256, sizeof(hash)) != 0)
			return false;
	}
	return true;
}

int vk_program_request_push(struct vk_engine *eng, const struct vk_program_request *q,
			    const struct vk_pushed *p, struct vk_error *e)
{
	const struct vk_program_image *img = p->linked.img;
	uint32_t vki, id;
	struct usage u;
	int r = vk_push_target(eng, q->caller, q->target, &vki, e);

	if (r == 0)
		r = permitted(eng, q, vki, img, e);
	if (r < 0)
		return r;
	u = count(eng, vki, q->uid);
	if (u.steps + (uint64_t)u.instances * vk_pushed_steps(p) > VK_PUSH_TREE_STEPS)
		return vk_error_set(e, EDQUOT,
				    "to verify all programs of this tree would take more than %u "
				    "steps",
				    VK_PUSH_TREE_STEPS);
	if (!helpers_are(eng, p))
		return vk_error_set(e, EAGAIN, "a helper was changed meanwhile");
	return vk_pushed_commit(eng, p, vki, VK_P_MEMBER | (q->audit ? VK_P_AUDIT : 0), q->uid,
				q->replace, &id, e);
}

int vk_program_request_pop(struct vk_engine *eng, const struct vk_program_request *q,
			   struct vk_error *e)
{
	uint32_t ids[VK_PROGRAMS_OWN], vki, id = 0;
	size_t n;
	int r = vk_push_target(eng, q->caller, q->target, &vki, e);

	if (r < 0)
		return r;
	if (!vk_push_limits_of(eng, vki).poppable)
		return vk_push_refuse(eng, vki, "pop programs", "poppable: true", e);
	n = vk_programs_own(eng, vki, ids, 0, VK_PROGRAMS_OWN);
	for (size_t i = 0; i < n; i++) {
		const struct vk_program_row *row = &eng->programs[ids[i]];

		if (is_members(row) && row->uid == q->uid &&
		    (!*q->name || strcmp(row->name, q->name) == 0))
			id = ids[i];
	}
	if (!id)
		return vk_error_set(e, ENOENT, "uid %u has pushed no program%s%s onto \"%s\"",
				    q->uid, *q->name ? " " : "", q->name, eng->rows[vki].name);
	return vk_program_take_out(eng, vki, id, e);
}

int vk_programs_drop_pushed(struct vk_engine *eng, uint32_t vki, struct vk_error *e)
{
	int r = 0;

	for (uint32_t id = 1; r == 0 && id < VK_PROGRAM_ROWS; id++) {
		const struct vk_program_row *row = &eng->programs[id];

		if (is_members(row) && vk_instance_is_within(eng, row->vki, vki))
			r = vk_program_take_out(eng, row->vki, id, e);
	}
	return r;
}

void vk_pushed_done(struct vk_pushed *p)
{
	if (p)
		vk_pushed_free(p);
	free(p);
}

void vk_programs_own_get(struct vk_engine *eng, uint32_t id, struct vk_own *ret)
{
	uint32_t ids[VK_PROGRAMS_OWN];
	size_t n = vk_programs_own(eng, id, ids, 0, VK_PROGRAMS_OWN);
	unsigned int most = vk_push_limits_of(eng, id).programs;

	for (size_t i = 0; i < n && ret->n_programs < VK_PUSH_PROGRAMS_MAX; i++)
		if (is_members(&eng->programs[ids[i]]))
			memcpy(ret->programs[ret->n_programs++], eng->programs[ids[i]].name,
			       sizeof(ret->programs[0]));
	ret->may_push_programs = ret->n_programs < most ? most - ret->n_programs : 0;
}
