/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * creds.h - credentials that the kernel did not give.
 *
 * What most exploits of the kernel end in is a write to credentials, or to the pointers to them: uid
 * 0, all capabilities, the initial user namespace. Each member's record holds those that it was
 * given last. The kernel has few ways to give some: at fork (task_alloc), and commit_creds(), which
 * exec, the set*id calls, capset(2), setns(2) and unshare(2) all end in. Whoever has others than
 * those on record was not given them by any.
 *
 *  - Every check looks at the fsuid and the effective capabilities, of which the member cache has a
 *    mix (vk_cred_mix). Opens look at the fsuid only, and not where the file is in the cache of
 *    files, that is, where the instance has used it: looking made that a tenth dearer;
 *  - fork, exec, changes of credentials, and what is not in the member cache, look at all.
 *
 * Credentials made by a call of commit_creds() itself, as exploits do, too, are recognized by what
 * they give: none but an exec adds to the permitted capabilities, and none leads to a user
 * namespace that is not below. They do not come to the record, and so are unlike it from then on.
 *
 * A member with forged credentials has no rules any more, so that all that is checked is denied,
 * also in audit mode. Credentials under which the kernel works for a while (overlayfs, io_uring)
 * are task->cred only; ours are task->real_cred. A change to task->cred alone is seen at fork and
 * exec; until then it passes, but not the ceiling of capabilities.
 *
 * The record is written by the thread itself only, so it needs no lock.
 */
#ifndef VK_BPF_CREDS_H
#define VK_BPF_CREDS_H

#define VK_USER_NS_LEVELS 33 /* as the kernel limits them */

/* One word of capabilities, whatever its type: two halves before 6.3 (commit f122a08b197d). */
#define vk_caps(from, field)                                                                       \
	(*(const u64 *)((const void *)(from) + bpf_core_field_offset(struct cred, field)))

static __always_inline u64 vk_user_ns(const struct cred *cred)
{
	return vk_key(cred->user_ns);
}

/*
 * Of credentials, those by which files are opened and capabilities used. A factor of 32 bits, as
 * others take a register.
 */
#define VK_STIR ((u64)(s64)(s32)0x9e3779b1)
static __always_inline u64 vk_cred_mix(struct task_struct *task)
{
	const struct cred *cred = task->real_cred;

	return vk_caps(cred, cap_effective) * VK_STIR + cred->fsuid.val;
}

static __always_inline void vk_cred_take(struct vk_cred *r, const struct cred *cred)
{
	r->uid = cred->uid.val;
	r->euid = cred->euid.val;
	r->suid = cred->suid.val;
	r->fsuid = cred->fsuid.val;
	r->permitted = vk_caps(cred, cap_permitted);
	r->effective = vk_caps(cred, cap_effective);
	r->user_ns = vk_user_ns(cred);
}

static __always_inline bool vk_cred_same(const struct vk_cred *r, const struct cred *cred)
{
	return r->user_ns == vk_user_ns(cred) && r->uid == cred->uid.val &&
	       r->euid == cred->euid.val && r->suid == cred->suid.val &&
	       r->fsuid == cred->fsuid.val && r->permitted == vk_caps(cred, cap_permitted) &&
	       r->effective == vk_caps(cred, cap_effective);
}

/* Whether @cred gives what no change of credentials but an exec gives to who has those of @r. */
static __always_inline bool vk_cred_grows(const struct vk_cred *r, const struct cred *cred)
{
	struct user_namespace *ns = cred->user_ns;

	if (vk_key(ns) == r->user_ns)
		return vk_caps(cred, cap_permitted) & ~r->permitted;
	for (int i = 0; i < VK_USER_NS_LEVELS && ns; i++) {
		ns = ns->parent;
		if (vk_key(ns) == r->user_ns)
			return false; /* below: all capabilities are new there */
	}
	return true;
}

/*
 * Whether credentials unlike the record were given after all. A kernel that preempts itself may skip
 * vk_commit_creds, as that is no LSM hook; so those that come before it say what is to come. For
 * user namespaces there is none: what unshare(2) and setns(2) give is known by itself.
 */
static __always_inline bool vk_cred_announced(const struct vk_cred *r, const struct cred *cred)
{
	if (r->flags & VK_CRED_EXEC)
		return true;
	if (vk_cred_grows(r, cred))
		return false;
	if (r->flags & VK_CRED_CHANGE)
		return true;
	return r->user_ns != vk_user_ns(cred) && r->uid == cred->uid.val &&
	       r->euid == cred->euid.val && r->suid == cred->suid.val &&
	       r->fsuid == cred->fsuid.val;
}

/*
 * Whether the current task, whose record is @m, is an active member with forged credentials. The
 * first time they are not known: they are taken as they are.
 */
static __noinline bool vk_cred_forged(struct vk_member *m, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;

	if (m->state != VK_MEMBER_ACTIVE)
		return false;
	if (m->cred.user_ns) {
		if (vk_cred_same(&m->cred, cred))
			return false;
		if (!vk_cred_announced(&m->cred, cred))
			return true;
	}
	vk_cred_take(&m->cred, cred);
	m->cred.flags &= ~(VK_CRED_EXEC | VK_CRED_CHANGE);
	return false;
}

/* The current task is about to be given credentials, @flag says by whom. Not if it has forged ones. */
static __noinline void vk_cred_expect(struct task_struct *task, u32 flag)
{
	struct vk_member *m = NULL;

	if (task->bpf_storage)
		m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (m && m->vki && m->cred.user_ns && !vk_cred_forged(m, task))
		m->cred.flags |= flag;
}

/*
 * Whether a child's credentials are what copying gives; @r: of its parent, which were looked at.
 * A worker of io_uring may begin under others, which it was given by its ring.
 */
static __always_inline bool vk_cred_inherited(const struct vk_cred *r, struct task_struct *child)
{
	const struct cred *cred = child->real_cred;

	if (!r->user_ns || child->flags & PF_IO_WORKER)
		return true; /* not bound yet, or a worker */
	return r->user_ns == vk_user_ns(cred) ? vk_cred_same(r, cred) : !vk_cred_grows(r, cred);
}

/*
 * Whether a program's credentials began as what copying gives: those of task->cred. Its suid and
 * fsuid are set already, its capabilities not yet.
 */
static __always_inline bool vk_cred_prepared(const struct vk_cred *r, const struct cred *cred)
{
	return r->user_ns == vk_user_ns(cred) && r->uid == cred->uid.val &&
	       r->euid == cred->euid.val && r->permitted == vk_caps(cred, cap_permitted);
}

#endif
