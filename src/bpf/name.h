/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * name.h - from a dentry and a mount to the rights of its name.
 *
 *	file cache hit ------------------------------------------------> rights
 *	miss: directory cache hit -> one component through the automaton -> rights
 *	miss: walk up to the mount's root, whose name is cached, components downwards --> rights
 *	anything unusual (deep, long names, unknown mounts, races): slow path, slow.h
 *
 * Names are anchored: a mount of the instance's namespace gives its root dentry a name, and what
 * a member mounts, moves or changes root to later cannot rename anything (slow.h).
 *
 * Consistency. fentry and fexit of __d_move, which every rename runs under rename_lock, count
 * moves begun and ended. The fast walk is valid if none was under way before it and none began
 * during it; otherwise the slow path decides, which looks at d_seq of its own dentries only, so
 * renames elsewhere cannot starve it. Caches are stamped with generations read before the walk
 * and raised after a move, after a directory move or a mount, and when an inode is freed.
 */
#ifndef VK_BPF_NAME_H
#define VK_BPF_NAME_H

#define VK_NAME(class_, entry) ((u32)(entry) | (u32)(class_) << 16)
#define VK_NAME_ENTRY(name) ((name)&0xffffu)
#define VK_NAME_CLASS(name) ((name) >> 16)
#define VK_DEPTH 16 /* components of the fast walk */
#define VK_INLINE 32 /* bytes of a name that are in the dentry on every kernel, NUL included */

static __always_inline u32 vk_step(const u8 *img, u64 mask, u64 entry, u64 byte)
{
	u64 off = (entry & mask) * VK_ROW_UNIT;

	off += img[offsetof(struct vk_image, class_of) + (byte & 0xff)];
	return *(const u16 *)(img + VK_IMAGE_HEADER + off);
}

/*
 * Whether the whole name is within the first VK_INLINE bytes of the dentry. @off: vk_inline_off,
 * here and below.
 */
static __always_inline bool vk_name_is_inline(struct dentry *d, u64 off)
{
	return (u64)d->d_name.name == (u64)d + off && d->d_name.len < VK_INLINE;
}

/* Feeds '/' and the inline name of @d. Stops at the NUL, or after VK_INLINE bytes. */
static __always_inline u32 vk_feed_component(const u8 *img, u64 mask, u64 entry, struct dentry *d,
					     u64 off)
{
	const u64 *words = (const void *)d + off;

	entry = vk_step(img, mask, entry, '/');
#pragma unroll
	for (int w = 0; w < VK_INLINE / 8; w++) {
		u64 v = words[w];

#pragma unroll
		for (int k = 0; k < 8; k++) {
			if (!(v & 0xff))
				return entry;
			entry = vk_step(img, mask, entry, v & 0xff);
			v >>= 8;
		}
	}
	return entry;
}

/* One multiplication serves all tables: bits 44 and up name the bucket and the slots. */
static __always_inline u64 vk_inode_hash(u64 inode)
{
	return inode * VK_MIX >> 44;
}

static __always_inline u64 vk_inode_bucket(u64 inode)
{
	return vk_inode_hash(inode) & (VK_INODE_BUCKETS - 1);
}

/**
 * struct vk_stamp - what makes a cache entry stale, read before the name is
 * @one: vk_instance.rule
 * @two: mount events of the task's namespace, plus, in the high half, moves of directories and
 *       changes of the inode's bucket. These two only grow, so their sum is as good as both.
 */
struct vk_stamp {
	u64 one;
	u64 two;
};

/* The part of a stamp that is the same for all names a task can see. */
static __always_inline u64 vk_stamp_names(struct task_struct *task)
{
	return ((u64)vk_read_once(vk_dir_gen) << 32) + task->nsproxy->mnt_ns->event;
}

static __always_inline void vk_stamp_set(struct vk_stamp *st, u64 rule, u64 names, u64 hash)
{
	u64 gen = vk_read_once(vk_inode_gen[hash & (VK_INODE_BUCKETS - 1)]);

	st->one = rule;
	st->two = names + (gen << 32);
}

static __always_inline u64 vk_slot_mix(u64 data, u64 one, u64 two)
{
	return ((data ^ two) * VK_MIX ^ one) * VK_MIX;
}

/* The slot of an inode, before its table's mask. Views share no slot as a rule. */
static __always_inline u64 vk_slot_of(u64 hash, u64 rule)
{
	return hash ^ rule >> 32;
}

/* True and *ret_data on a hit. */
static __always_inline bool vk_slot_get(struct vk_name_slot *s, u64 inode, u64 dentry, u64 mnt,
					const struct vk_stamp *st, u64 *ret_data)
{
	asm volatile("" : "+r"(s)); /* else its address is computed anew for every word */

	u64 data = vk_read_once(s->data);
	u64 one = vk_read_once(s->stamp1), two = vk_read_once(s->stamp2);
	u64 mix = vk_slot_mix(data, one, two);

	if (one != st->one || two != st->two || (vk_read_once(s->inode) ^ mix) != inode ||
	    (vk_read_once(s->dentry) ^ mix) != dentry || (vk_read_once(s->mnt) ^ mix) != mnt)
		return false;
	*ret_data = data;
	return true;
}

static __always_inline void vk_slot_put(struct vk_name_slot *s, u64 inode, u64 dentry, u64 mnt,
					const struct vk_stamp *st, u64 data)
{
	u64 mix = vk_slot_mix(data, st->one, st->two);

	vk_write_once(s->data, data);
	vk_write_once(s->stamp1, st->one);
	vk_write_once(s->stamp2, st->two);
	vk_write_once(s->inode, inode ^ mix);
	vk_write_once(s->dentry, dentry ^ mix);
	vk_write_once(s->mnt, mnt ^ mix);
}

#include "slow.h"

#define VK_NAME_SLOW 0xffffffffu /* not a name: the fast walk does not decide */
#define VK_NAME_ROOT 0xfffffffeu /* not a name: the fast walk needs that of the mount's root */
#define VK_RIGHTS_ROOT (~0ull) /* the same, where rights are expected */
#define VK_NAME_ANCHORED (1ull << 32) /* in a slot of vk_dir_slots: the mount has an anchor */

static __always_inline struct vk_name_slot *vk_dir_slot(struct vk_call *c, u64 inode)
{
	return &vk_dir_slots[vk_slot_of(vk_inode_hash(inode), c->rule) & (VK_DIR_SLOTS - 1)];
}

/* By the slow path; in the slot if it is a name. Whether it is from an anchor, scratch knows. */
static __always_inline void vk_root_name(struct vk_call *c, struct vfsmount *mnt)
{
	struct dentry *root = mnt->mnt_root;
	u64 ik = vk_key(root->d_inode), data;
	struct vk_scratch *s;
	struct vk_stamp st;

	vk_stamp_set(&st, c->rule, c->names, vk_inode_hash(ik));
	data = vk_slow_name(c, root, mnt);
	if (VK_NAME_CLASS(data) != VK_NAME_KNOWN)
		return;
	s = bpf_task_storage_get(&vk_scratch, c->task, NULL, 0);
	if (s && s->kind == VK_WALK_MOUNT)
		data |= VK_NAME_ANCHORED;
	vk_slot_put(vk_dir_slot(c, ik), ik, vk_key(root), vk_key(mnt), &st, data);
}

/*
 * The fast walk: an anchored mount, short names, no move under way. The name of the mount's root
 * is an entry of the directory cache like any other, so it is as fresh as those.
 */
static __noinline u32 vk_dir_walk(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	const u8 *img = c->img;
	struct dentry *chain[VK_DEPTH], *d = dir, *root = mnt->mnt_root;
	u64 mask = c->mask, ik = vk_key(root->d_inode), off = vk_inline_off, data;
	struct vk_stamp st;
	u32 entry, begun;
	int n = 0;

	begun = vk_read_once(vk_move_begin);
	if (begun != vk_read_once(vk_move_end))
		return VK_NAME_SLOW;
	vk_stamp_set(&st, c->rule, c->names, vk_inode_hash(ik));
	if (!vk_slot_get(vk_dir_slot(c, ik), ik, vk_key(root), vk_key(mnt), &st, &data))
		return VK_NAME_ROOT;
	if (!(data & VK_NAME_ANCHORED))
		return VK_NAME_SLOW;
	entry = VK_NAME_ENTRY(data);
#pragma clang loop unroll(disable)
	while (d != root) {
		struct dentry *parent = d->d_parent;

		if (n >= VK_DEPTH || parent == d || !vk_name_is_inline(d, off))
			return VK_NAME_SLOW;
		chain[n] = d;
		n++;
		d = parent;
		asm volatile("" : "+r"(n)::"memory");
	}
#pragma clang loop unroll(disable)
	for (int i = n - 1; i >= 0; i--) {
		asm volatile("" : "+r"(i));
		d = chain[i];
		entry = vk_feed_component(img, mask, entry, d, off);
	}
	if (begun != vk_read_once(vk_move_begin))
		return VK_NAME_SLOW;
	return VK_NAME(VK_NAME_KNOWN, entry);
}

/*
 * The state of a directory's name. @walk: try the fast walk on a cache miss. Only the programs on
 * hot paths do: it is most of what the verifier has to go through.
 */
static __always_inline u32 vk_dir_name_by(struct vk_call *c, struct dentry *dir,
					  struct vfsmount *mnt, bool walk)
{
	u64 ik = vk_key(dir->d_inode), data = VK_NAME_SLOW;
	struct vk_name_slot *slot = vk_dir_slot(c, ik);
	struct vk_stamp st;

	vk_stamp_set(&st, c->rule, c->names, vk_inode_hash(ik));
	if (vk_slot_get(slot, ik, vk_key(dir), vk_key(mnt), &st, &data))
		return data;
	if (walk && dir != mnt->mnt_root)
		data = vk_dir_walk(c, dir, mnt);
	if (walk && (u32)data == VK_NAME_ROOT)
		return VK_NAME_ROOT;
	if (!walk || (u32)data == VK_NAME_SLOW)
		data = vk_slow_name(c, dir, mnt);
	if (VK_NAME_CLASS(data) == VK_NAME_KNOWN || VK_NAME_CLASS(data) == VK_NAME_FOREIGN)
		vk_slot_put(slot, ik, vk_key(dir), vk_key(mnt), &st, (u32)data);
	return data;
}

static __noinline u32 vk_dir_name(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	return vk_dir_name_by(c, dir, mnt, false);
}

/*
 * The state of any name: of a file, a directory, or a name about to be created (a negative
 * dentry). Its last component is read here, under the same guard as the walk.
 */
static __always_inline u32 vk_name_by(struct vk_call *c, struct dentry *dentry,
				      struct vfsmount *mnt, bool walk)
{
	u32 begun = vk_read_once(vk_move_begin), dir;
	struct dentry *parent = dentry->d_parent;

	if (begun != vk_read_once(vk_move_end) || !vk_name_is_inline(dentry, vk_inline_off) ||
	    dentry == mnt->mnt_root || parent == dentry)
		return vk_slow_name(c, dentry, mnt);
	if (walk)
		dir = vk_dir_name_by(c, parent, mnt, true);
	else
		dir = vk_dir_name(c, parent, mnt);
	if (VK_NAME_CLASS(dir) != VK_NAME_KNOWN && VK_NAME_CLASS(dir) != VK_NAME_FOREIGN)
		return dir;
	dir = VK_NAME(VK_NAME_CLASS(dir), vk_feed_component(c->img, c->mask, VK_NAME_ENTRY(dir),
							    dentry, vk_inline_off));
	if (begun != vk_read_once(vk_move_begin))
		return vk_slow_name(c, dentry, mnt);
	return dir;
}

static __noinline u32 vk_name(struct vk_call *c, struct dentry *dentry, struct vfsmount *mnt)
{
	c->names = vk_stamp_names(c->task);
	return vk_name_by(c, dentry, mnt, false);
}

static __always_inline const struct vk_verdict *vk_verdict_of(struct vk_call *c, u32 name)
{
	const u8 *img = c->img;
	u64 off = (VK_NAME_ENTRY(name) & c->mask) * VK_ROW_UNIT;
	u64 index = *(const u16 *)(img + VK_IMAGE_HEADER + off);

	if (index >=
	    VK_VERDICTS) /* the compiler's validator rules it out; a bound for the verifier */
		index = 0;
	return &vk_image(c)->verdicts[index];
}

/* Rights as one word: allow | audit << 32. A lost name grants nothing. */
static __always_inline u64 vk_name_rights(struct vk_call *c, u32 name)
{
	const struct vk_verdict *v = vk_verdict_of(c, name);

	switch (VK_NAME_CLASS(name)) {
	case VK_NAME_KNOWN:
		return v->allow | (u64)v->audit << 32;
	case VK_NAME_FOREIGN:
		return v->foreign | (u64)v->foreign_audit << 32;
	case VK_NAME_ANON:
		return vk_image(c)->anon_allow | (u64)vk_image(c)->anon_audit << 32;
	default:
		return 0;
	}
}

/*
 * Rights of an existing file on a cache miss. Not cached: what has no stable name (anonymous,
 * lost), and files with several links: the address of a dentry says which of the names it is only
 * as long as the file has one.
 */
static __always_inline u64 vk_file_rights_by(struct vk_call *c, struct dentry *dentry,
					     struct vfsmount *mnt, bool walk)
{
	struct inode *inode = dentry->d_inode;
	u64 ik = vk_key(inode), hash = vk_inode_hash(ik), rights;
	struct vk_stamp st;
	u32 name;

	if (!vk_load_image(c)) {
		__sync_fetch_and_add(&vk_fail[VK_FAIL_IMAGE], 1);
		return 0;
	}
	vk_stamp_set(&st, c->rule, c->names, hash);
	name = vk_name_by(c, dentry, mnt, walk);
	if (walk && name == VK_NAME_ROOT)
		return VK_RIGHTS_ROOT;
	rights = vk_name_rights(c, name);
	if ((VK_NAME_CLASS(name) == VK_NAME_KNOWN || VK_NAME_CLASS(name) == VK_NAME_FOREIGN) &&
	    (inode->i_nlink == 1 || S_ISDIR(inode->i_mode)))
		vk_slot_put(&vk_file_slots[vk_slot_of(hash, c->rule) & (VK_FILE_SLOTS - 1)], ik,
			    vk_key(dentry), vk_key(mnt), &st, rights);
	return rights;
}

static __noinline u64 vk_file_rights_miss(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	return vk_file_rights_by(c, dentry, mnt, false);
}

/* From the cache. @names: vk_stamp_names(). */
static __always_inline bool vk_file_rights_get(u64 rule, u64 names, struct dentry *dentry,
					       struct vfsmount *mnt, u64 *ret)
{
	u64 ik = vk_key(dentry->d_inode), hash = vk_inode_hash(ik);
	struct vk_stamp st;

	vk_stamp_set(&st, rule, names, hash);
	return vk_slot_get(&vk_file_slots[vk_slot_of(hash, rule) & (VK_FILE_SLOTS - 1)], ik,
			   vk_key(dentry), vk_key(mnt), &st, ret);
}

/* Rights of an existing file. */
static __always_inline u64 vk_file_rights(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	u64 rights;

	c->names = vk_stamp_names(c->task);
	if (vk_file_rights_get(c->rule, c->names, dentry, mnt, &rights))
		return rights;
	return vk_file_rights_miss(c, dentry, mnt);
}

#endif
