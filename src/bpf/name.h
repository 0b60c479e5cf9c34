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
 * and raised after a move, after a directory move or a change of mounts, and when the address of a
 * dentry becomes that of another file.
 */
#ifndef VK_BPF_NAME_H
#define VK_BPF_NAME_H

#define VK_NAME(class_, entry) ((u32)(entry) | (u32)(class_) << 16)
#define VK_NAME_ENTRY(name) ((name)&0xffffu)
#define VK_NAME_CLASS(name) ((name) >> 16 & 15)
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

/* Whether no byte but '/' leaves the state. */
static __always_inline bool vk_settled(const u8 *img, u64 entry)
{
	return entry >= ((const struct vk_image *)img)->settled;
}

/* Column 0 of a state: verdict and flag. */
static __always_inline u64 vk_row_head(const u8 *img, u64 mask, u64 entry)
{
	return *(const u16 *)(img + VK_IMAGE_HEADER + (entry & mask) * VK_ROW_UNIT);
}

/* Whether no byte at all leaves the state. */
static __always_inline bool vk_final(const u8 *img, u64 mask, u64 entry)
{
	return vk_settled(img, entry) && vk_row_head(img, mask, entry) & VK_ROW_FINAL;
}

/*
 * Feeds the inline name of @d, up to its NUL, or VK_INLINE bytes. Most names part from what rules
 * speak of with their first bytes; the state tells, and the rest is not looked at.
 */
static __always_inline u32 vk_feed_component(const u8 *img, u64 mask, u64 entry, struct dentry *d,
					     u64 off)
{
	const u64 *words = (const void *)d + off;

#pragma unroll
	for (int w = 0; w < VK_INLINE / 8; w++) {
		u64 v = words[w];

#pragma unroll
		for (int k = 0; k < 8; k++) {
			if (!(v & 0xff))
				return entry;
			entry = vk_step(img, mask, entry, v & 0xff);
			v >>= 8;
			if ((w == 0 && k < 4) || k == 7) {
				if (vk_settled(img, entry))
					return entry;
			}
		}
	}
	return entry;
}

/* One multiplication serves all tables: bits 44 and up name the bucket and the slots. */
static __always_inline u64 vk_dentry_hash(u64 dentry)
{
	return dentry * VK_MIX;
}

static __always_inline u64 *vk_dentry_gen_of(u64 hash)
{
	return &vk_dentry_gen[hash >> 44 & (VK_DENTRY_BUCKETS - 1)];
}

/* The part of a stamp that is the same for all names: moves of directories and of mounts. */
static __always_inline u64 vk_names_gen_of(struct task_struct *task)
{
	u64 gen = vk_read_once(vk_dir_gen);

	if (vk_ns_events)
		gen += task->nsproxy->mnt_ns->event;
	return gen;
}

static __always_inline u64 vk_names_gen(void)
{
	if (vk_ns_events)
		return vk_names_gen_of(bpf_get_current_task_btf());
	return vk_read_once(vk_dir_gen);
}

/* Multiples of this constant by small numbers are far apart, and so are views. */
static __always_inline u64 vk_view(u64 rule)
{
	return (rule >> 32) * VK_MIX;
}

/*
 * What makes a cache entry stale, as one number, read before the name is: the view, and @names and
 * the changes of the dentry's bucket. These two only grow, so their sum is as good as both; and
 * the sums of two views meet only after 2^40 changes or 7 million updates of rules.
 */
static __always_inline u64 vk_stamp(u64 view, u64 names, u64 hash)
{
	return view + names + vk_read_once(*vk_dentry_gen_of(hash));
}

static __always_inline u64 vk_slot_mix(u64 data, u64 stamp)
{
	return (data * VK_MIX ^ stamp) * VK_MIX;
}

/* Views share no slot as a rule. */
static __always_inline struct vk_name_slot *vk_file_slot(u64 hash, u64 view)
{
	return &vk_file_slots[(hash ^ view) >> 44 & (VK_FILE_SLOTS - 1)];
}

static __always_inline struct vk_name_slot *vk_dir_slot(u64 hash, u64 view)
{
	return &vk_dir_slots[(hash ^ view) >> 44 & (VK_DIR_SLOTS - 1)];
}

/*
 * Whether @key, unmixed, is the address of @p. The verifier permits to compare a pointer with a
 * number, so nothing is subtracted. Not in C, after which clang may go on with the number, which is
 * no pointer to the verifier; and it would keep a copy of @key.
 */
static __always_inline bool vk_key_is(u64 key, u64 mix, const void *p)
{
	asm volatile("%0 ^= %1" : "+r"(key) : "r"(mix));
	asm goto("if %0 == %1 goto %l2" ::"r"(key), "r"(p)::same);
	return false;
same:
	return true;
}

/* The data of a slot, and what its keys were mixed with. */
static __always_inline u64 vk_slot_data(struct vk_name_slot *s, u64 stamp, u64 *ret_data)
{
	*ret_data = vk_read_once(s->data);
	return vk_slot_mix(*ret_data, stamp);
}

/* True and *ret_data on a hit. */
static __always_inline bool vk_slot_get(struct vk_name_slot *s, struct dentry *dentry,
					struct vfsmount *mnt, u64 stamp, u64 *ret_data)
{
	u64 mix;

	asm volatile("" : "+r"(s)); /* else its address is computed anew for every word */
	mix = vk_slot_data(s, stamp, ret_data);
	return vk_key_is(vk_read_once(s->dentry), mix, dentry) &&
	       vk_key_is(vk_read_once(s->mnt), mix, mnt);
}

static __always_inline void vk_slot_put(struct vk_name_slot *s, struct dentry *dentry,
					struct vfsmount *mnt, u64 stamp, u64 data)
{
	u64 mix = vk_slot_mix(data, stamp);
	/* Of keys, the addresses as they are, which vk_slot_get() compares with. */
	u64 base = vk_read_once(vk_key_base);

	vk_write_once(s->data, data);
	vk_write_once(s->dentry, (vk_key(dentry) + base) ^ mix);
	vk_write_once(s->mnt, (vk_key(mnt) + base) ^ mix);
}

#include "slow.h"

#define VK_NAME_SLOW 0xffffffffu /* not a name: the fast walk does not decide */
#define VK_NAME_ROOT 0xfffffffeu /* not a name: the fast walk needs that of the mount's root */
#define VK_RIGHTS_SLOW (~1ull) /* not rights: the slow path decides */
#define VK_RIGHTS_ROOT (~0ull) /* the same, where rights are expected */
/* Beside rights. What every open tests is the sign of the lower half, which takes least. */
#define VK_RIGHTS_OPENS (1ull << 31) /* all plain opens are granted, none reported */
#define VK_RIGHTS_BELOW (1ull << 30) /* of a file underneath an overlay's; there are none then */
#define VK_R_OPENS (VK_R_READ | VK_R_WRITE | VK_R_APPEND | VK_R_TRUNCATE)
/* In a slot of vk_dir_slots, beside the name. VK_DIR_ALIKE is such a sign, too. */
#define VK_DIR_ANCHORED (1ull << 30) /* the mount has an anchor */
#define VK_DIR_ALIKE (1ull << 31) /* all files in it have the same rights, */
#define VK_DIR_RIGHTS 32 /* these, from here on; none is to be reported */
_Static_assert(VK_R_COUNT <= 30, "the rights of its files fit, and what is beside them");

/* Whether bit 31 is set. As a mere comparison clang makes a mask of it, which takes two more. */
static __always_inline bool vk_has_sign(u64 word)
{
	s32 low = word;

	asm volatile("" : "+w"(low));
	return low < 0;
}

static __always_inline const struct vk_verdict *vk_verdict_of(struct vk_call *c, u32 name)
{
	u64 index = vk_row_head(c->img, c->mask, VK_NAME_ENTRY(name)) & VK_ROW_VERDICT;

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

static __always_inline u64 vk_rights_open(u64 rights)
{
	if ((rights & (VK_R_OPENS | (u64)VK_R_OPENS << 32)) == VK_R_OPENS)
		rights |= VK_RIGHTS_OPENS;
	return rights;
}

/* Of a directory's name and the slash behind it, which is what all names below go on from. */
static __always_inline u32 vk_name_below(struct vk_call *c, u32 name)
{
	return VK_NAME(VK_NAME_CLASS(name), vk_step(c->img, c->mask, VK_NAME_ENTRY(name), '/'));
}

/* What the directory cache holds of a name and its slash. */
static __always_inline u64 vk_dir_data(struct vk_call *c, u64 data)
{
	u64 rights;

	if (!vk_settled(c->img, VK_NAME_ENTRY(data)))
		return data;
	rights = vk_name_rights(c, (u32)data);
	if (rights >> 32)
		return data;
	return data | VK_DIR_ALIKE | vk_rights_open(rights) << VK_DIR_RIGHTS;
}

/* By the slow path; in the slot if it is a name. Whether it is from an anchor, scratch knows. */
static __always_inline void vk_root_name(struct vk_call *c, struct vfsmount *mnt)
{
	struct dentry *root = mnt->mnt_root;
	u64 hash = vk_dentry_hash(vk_key(root)), view = vk_view(c->rule), data;
	u64 stamp = vk_stamp(view, c->names, hash);
	u32 class = vk_build_name(c, root, mnt);
	struct vk_scratch *s = vk_scratch_of(c->task);
	bool anchored = s && s->kind == VK_WALK_MOUNT;

	data = vk_scratch_name(c, class);
	if (VK_NAME_CLASS(data) != VK_NAME_KNOWN)
		return;
	data = vk_name_below(c, (u32)data);
	if (anchored)
		data |= VK_DIR_ANCHORED;
	vk_slot_put(vk_dir_slot(hash, view), root, mnt, stamp, vk_dir_data(c, data));
}

/*
 * The fast walk: an anchored mount, short names where they count, no move under way. The name of
 * the mount's root is an entry of the directory cache like any other, so it is as fresh as those.
 * As of that, what is returned is the state behind the slash: a directory below which no name is
 * told from others is known before any of these is looked at.
 */
static __always_inline u32 vk_dir_walk(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	const u8 *img = c->img;
	struct dentry *chain[VK_DEPTH], *d = dir, *root = mnt->mnt_root;
	u64 mask = c->mask, hash = vk_dentry_hash(vk_key(root)), view = vk_view(c->rule);
	u64 off = vk_inline_off, data;
	u32 entry, begun;
	u64 n = 0;

	begun = vk_read_once(vk_move_begin);
	if (begun != vk_read_once(vk_move_end))
		return VK_NAME_SLOW;
	if (!vk_slot_get(vk_dir_slot(hash, view), root, mnt, vk_stamp(view, c->names, hash), &data))
		return VK_NAME_ROOT;
	if (!(data & VK_DIR_ANCHORED))
		return VK_NAME_SLOW;
	entry = VK_NAME_ENTRY(data);
	/* The top of a file system is its own parent: elsewhere than below @root it goes on to the end. */
#pragma clang loop unroll(full)
	for (int i = 0; i < VK_DEPTH; i++) {
		if (d == root)
			goto below;
		chain[i] = d;
		d = d->d_parent;
		n++;
	}
	return VK_NAME_SLOW;
below:
	asm volatile("" : "+r"(n)::"memory");
#pragma clang loop unroll(disable)
	while (n > 0) {
		n--;
		asm volatile("" : "+r"(n));
		if (n >= VK_DEPTH) /* never: for the verifier */
			return VK_NAME_SLOW;
		if (vk_final(img, mask, entry))
			break;
		d = chain[n];
		if (!vk_name_is_inline(d, off))
			return VK_NAME_SLOW;
		entry = vk_step(img, mask, vk_feed_component(img, mask, entry, d, off), '/');
	}
	if (begun != vk_read_once(vk_move_begin))
		return VK_NAME_SLOW;
	return VK_NAME(VK_NAME_KNOWN, entry);
}

/*
 * The state of a directory's name and its slash, without the fast walk: only vk_open_near tries
 * that, as it is most of what the verifier has to go through.
 */
static __noinline u32 vk_dir_name(struct vk_call *c, struct dentry *dir, struct vfsmount *mnt)
{
	u64 hash = vk_dentry_hash(vk_key(dir)), view = vk_view(c->rule), data;
	u64 stamp = vk_stamp(view, c->names, hash);
	struct vk_name_slot *slot = vk_dir_slot(hash, view);

	if (vk_slot_get(slot, dir, mnt, stamp, &data))
		return data;
	data = vk_slow_name(c, dir, mnt);
	if (VK_NAME_CLASS(data) != VK_NAME_KNOWN && VK_NAME_CLASS(data) != VK_NAME_FOREIGN)
		return data;
	data = vk_name_below(c, (u32)data);
	vk_slot_put(slot, dir, mnt, stamp, vk_dir_data(c, data));
	return data;
}

/* The name of @dentry in the directory whose name with its slash is @dir. */
static __noinline u32 vk_name_in(struct vk_call *c, u32 dir, struct dentry *dentry)
{
	u64 entry = VK_NAME_ENTRY(dir);

	if (!vk_settled(c->img, entry))
		entry = vk_feed_component(c->img, c->mask, entry, dentry, vk_inline_off);
	return VK_NAME(VK_NAME_CLASS(dir), entry);
}

/*
 * The state of any name: of a file, a directory, or a name about to be created (a negative
 * dentry). Its last component is read here, under the same guard as the walk.
 */
static __noinline u32 vk_name(struct vk_call *c, struct dentry *dentry, struct vfsmount *mnt)
{
	u32 begun = vk_read_once(vk_move_begin), dir;
	struct dentry *parent = dentry->d_parent;

	c->names = vk_names_gen();
	if (begun != vk_read_once(vk_move_end) || !vk_name_is_inline(dentry, vk_inline_off) ||
	    dentry == mnt->mnt_root || parent == dentry)
		return vk_slow_name(c, dentry, mnt);
	dir = vk_dir_name(c, parent, mnt);
	if (VK_NAME_CLASS(dir) != VK_NAME_KNOWN && VK_NAME_CLASS(dir) != VK_NAME_FOREIGN)
		return dir;
	dir = vk_name_in(c, dir, dentry);
	if (begun != vk_read_once(vk_move_begin))
		return vk_slow_name(c, dentry, mnt);
	return dir;
}

/*
 * Rights of an existing file on a cache miss. What has no stable name (anonymous, lost) is not
 * cached.
 */
static __noinline u64 vk_file_rights_miss(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	u64 hash = vk_dentry_hash(vk_key(dentry)), view = vk_view(c->rule), rights;
	u64 stamp = vk_stamp(view, c->names, hash);
	u32 name;

	if (!vk_load_image(c)) {
		__sync_fetch_and_add(&vk_fail[VK_FAIL_IMAGE], 1);
		return 0;
	}
	name = vk_name(c, dentry, mnt);
	rights = vk_rights_open(vk_name_rights(c, name));
	if (VK_NAME_CLASS(name) == VK_NAME_KNOWN || VK_NAME_CLASS(name) == VK_NAME_FOREIGN)
		vk_slot_put(vk_file_slot(hash, view), dentry, mnt, stamp, rights);
	return rights;
}

/* From the cache. @names: vk_names_gen(). */
static __always_inline bool vk_file_rights_get(u64 rule, u64 names, struct dentry *dentry,
					       struct vfsmount *mnt, u64 *ret)
{
	u64 hash = vk_dentry_hash(vk_key(dentry)), view = vk_view(rule);

	return vk_slot_get(vk_file_slot(hash, view), dentry, mnt, vk_stamp(view, names, hash), ret);
}

/* Rights of an existing file. */
static __always_inline u64 vk_file_rights(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	u64 rights;

	c->names = vk_names_gen();
	if (vk_file_rights_get(c->rule, c->names, dentry, mnt, &rights))
		return rights;
	return vk_file_rights_miss(c, dentry, mnt);
}

#endif
