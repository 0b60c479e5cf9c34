/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * name.h - from a dentry and a mount to the rights of its name.
 *
 *	file cache hit ------------------------------------------------> rights
 *	miss: directory cache hit -> one component through the automaton -> rights
 *	miss: walk up to the mount's root, anchor, components downwards --> rights
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

static __always_inline const u64 *vk_inline_name(struct dentry *d)
{
	return (const void *)d + vk_inline_off;
}

/* Whether the whole name is within the first VK_INLINE bytes of the dentry. */
static __always_inline bool vk_name_is_inline(struct dentry *d)
{
	return (u64)d->d_name.name == (u64)vk_inline_name(d) && d->d_name.len < VK_INLINE;
}

/* Feeds '/' and the inline name of @d. Stops at the NUL, or after VK_INLINE bytes. */
static __always_inline u32 vk_feed_component(const u8 *img, u64 mask, u64 entry, struct dentry *d)
{
	const u64 *words = vk_inline_name(d);

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

static __always_inline u64 vk_inode_bucket(u64 inode)
{
	return (inode * VK_MIX >> 44) & (VK_INODE_BUCKETS - 1);
}

/**
 * struct vk_stamp - what makes a cache entry stale, read before the name is
 */
struct vk_stamp {
	u64 one;
	u64 two;
};

static __always_inline void vk_stamp_read(struct vk_call *c, u64 inode, struct vk_stamp *ret)
{
	ret->one = (c->rule & 0xffffffff00000000ull) |
		   vk_read_once(vk_inode_gen[vk_inode_bucket(inode)]);
	ret->two = (u64)vk_read_once(vk_dir_gen) << 32 | (u32)c->task->nsproxy->mnt_ns->event;
}

static __always_inline u64 vk_slot_mix(u64 data, u64 one, u64 two)
{
	return ((data ^ two) * VK_MIX ^ one) * VK_MIX;
}

static __always_inline u64 vk_slot_hash(u64 inode, u64 one)
{
	return ((inode ^ one >> 32) * VK_MIX) >> 45;
}

/* True and *ret_data on a hit. */
static __always_inline bool vk_slot_get(struct vk_name_slot *s, u64 inode, u64 dentry, u64 mnt,
					const struct vk_stamp *st, u64 *ret_data)
{
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

/* The fast walk: known root mount, short names, no move under way. */
static __noinline u32 vk_dir_walk(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	const u8 *img = c->img;
	struct dentry *chain[VK_DEPTH], *d = dir, *root = mnt->mnt_root;
	u64 mask = c->mask;
	u32 entry, begun;
	int n = 0;

	begun = vk_read_once(vk_move_begin);
	if (begun != vk_read_once(vk_move_end) || c->inst->root_mnt != (u64)mnt ||
	    c->inst->root_dentry != (u64)root)
		return VK_NAME_SLOW;
#pragma clang loop unroll(disable)
	while (d != root) {
		struct dentry *parent = d->d_parent;

		if (n >= VK_DEPTH || parent == d || !vk_name_is_inline(d))
			return VK_NAME_SLOW;
		chain[n] = d;
		n++;
		d = parent;
		asm volatile("" : "+r"(n)::"memory");
	}
	entry = vk_image(c)->start;
#pragma clang loop unroll(disable)
	for (int i = n - 1; i >= 0; i--) {
		asm volatile("" : "+r"(i));
		d = chain[i];
		entry = vk_feed_component(img, mask, entry, d);
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
	struct vk_name_slot *slot;
	struct vk_stamp st;

	vk_stamp_read(c, ik, &st);
	slot = &vk_dir_slots[vk_slot_hash(ik, st.one) & (VK_DIR_SLOTS - 1)];
	if (vk_slot_get(slot, ik, vk_key(dir), vk_key(mnt), &st, &data))
		return data;
	if (walk)
		data = vk_dir_walk(c, dir, mnt);
	if (!walk || data == VK_NAME_SLOW)
		data = vk_slow_name(c, dir, mnt);
	if (VK_NAME_CLASS(data) == VK_NAME_KNOWN || VK_NAME_CLASS(data) == VK_NAME_FOREIGN)
		vk_slot_put(slot, ik, vk_key(dir), vk_key(mnt), &st, data);
	return data;
}

static __noinline u32 vk_dir_name(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	return vk_dir_name_by(c, dir, mnt, false);
}

static __noinline u32 vk_dir_name_fast(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	return vk_dir_name_by(c, dir, mnt, true);
}

/*
 * The state of any name: of a file, a directory, or a name about to be created (a negative
 * dentry). Its last component is read here, under the same guard as the walk.
 */
static __always_inline u32 vk_name_by(struct vk_call *c, struct dentry *dentry,
				      struct vfsmount *mnt, bool walk)
{
	u32 begun = vk_read_once(vk_move_begin), dir;

	if (begun != vk_read_once(vk_move_end) || !vk_name_is_inline(dentry) ||
	    dentry == mnt->mnt_root || dentry->d_parent == dentry)
		return vk_slow_name(c, dentry, mnt);
	if (walk)
		dir = vk_dir_name_fast(c, dentry->d_parent, mnt);
	else
		dir = vk_dir_name(c, dentry->d_parent, mnt);
	if (VK_NAME_CLASS(dir) != VK_NAME_KNOWN && VK_NAME_CLASS(dir) != VK_NAME_FOREIGN)
		return dir;
	dir = VK_NAME(VK_NAME_CLASS(dir),
		      vk_feed_component(c->img, c->mask, VK_NAME_ENTRY(dir), dentry));
	if (begun != vk_read_once(vk_move_begin))
		return vk_slow_name(c, dentry, mnt);
	return dir;
}

static __noinline u32 vk_name(struct vk_call *c, struct dentry *dentry, struct vfsmount *mnt)
{
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
	u64 ik = vk_key(inode), rights;
	struct vk_stamp st;
	u32 name;

	if (!vk_load_image(c)) {
		__sync_fetch_and_add(&vk_fail[VK_FAIL_IMAGE], 1);
		return 0;
	}
	vk_stamp_read(c, ik, &st);
	name = vk_name_by(c, dentry, mnt, walk);
	rights = vk_name_rights(c, name);
	if ((VK_NAME_CLASS(name) == VK_NAME_KNOWN || VK_NAME_CLASS(name) == VK_NAME_FOREIGN) &&
	    (S_ISDIR(inode->i_mode) || inode->i_nlink == 1))
		vk_slot_put(&vk_file_slots[vk_slot_hash(ik, st.one) & (VK_FILE_SLOTS - 1)], ik,
			    vk_key(dentry), vk_key(mnt), &st, rights);
	return rights;
}

static __noinline u64 vk_file_rights_miss(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	return vk_file_rights_by(c, dentry, mnt, false);
}

static __noinline u64 vk_file_rights_miss_fast(struct vk_call *c, struct dentry *dentry,
					       struct vfsmount *mnt)
{
	return vk_file_rights_by(c, dentry, mnt, true);
}

/* Rights of an existing file. With @walk it is the hot path. */
static __always_inline u64 vk_file_rights(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt, bool walk)
{
	u64 ik = vk_key(dentry->d_inode), rights;
	struct vk_stamp st;

	vk_stamp_read(c, ik, &st);
	if (vk_slot_get(&vk_file_slots[vk_slot_hash(ik, st.one) & (VK_FILE_SLOTS - 1)], ik,
			vk_key(dentry), vk_key(mnt), &st, &rights))
		return rights;
	if (walk)
		return vk_file_rights_miss_fast(c, dentry, mnt);
	return vk_file_rights_miss(c, dentry, mnt);
}

#endif
