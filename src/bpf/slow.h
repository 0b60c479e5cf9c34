/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slow.h - the name of anything, as a string: any depth, any length up to VK_PATH, any mount.
 *
 * A name is built from its end in a scratch buffer and then fed to the automaton. The
 * first VK_NAME_ANON test leaves what is in no tree. Then, for the mount the file is seen on:
 *
 *  1. It has an anchor, or one can be taken: it is a mount of the instance's own mount namespace,
 *     reachable from its root, and no member was yet allowed a mount operation there. Its name is
 *     its mount point's. Anchors follow mounts that the host moves, until the first such
 *     operation; from then on they are frozen.
 *  2. Otherwise the walk continues above the mount's root, in the file system itself, to the
 *     nearest dentry that is the root of an anchored mount: a bind mount made by a member does
 *     not rename what it shows.
 *  3. Otherwise the file is foreign: its name is its mount point's, and allow rules do not count.
 *
 * The chain is read twice; unless d_seq of every dentry in it is even and unchanged, the walk is
 * repeated, and after 16 times the operation is denied.
 *
 * Addresses are plain numbers here, read by bpf_probe_read_kernel, which survives anything.
 */
#ifndef VK_BPF_SLOW_H
#define VK_BPF_SLOW_H

#include "scratch.h"

#define VK_SLOW_STEPS 4096 /* components and mounts of one walk */
#define VK_SLOW_TRIES 16

#define vk_probe(dst, addr) bpf_probe_read_kernel(&(dst), sizeof(dst), (const void *)(addr))
#define vk_mount_field(m, field) ((m) + bpf_core_field_offset(struct mount, field))
#define vk_dentry_field(d, field) ((d) + bpf_core_field_offset(struct dentry, field))

static __always_inline u64 vk_probe64(u64 addr)
{
	u64 v = 0;

	vk_probe(v, addr);
	return v;
}

/*
 * As a number: in programs for LSM hooks the verifier of 6.4 and later takes d_inode for a pointer
 * that is never NULL, and drops the test for it.
 */
static __always_inline u64 vk_inode_of(struct dentry *dentry)
{
	u64 inode = 0;

	bpf_probe_read_kernel(&inode, sizeof(inode),
			      (void *)dentry + bpf_core_field_offset(struct dentry, d_inode));
	return inode;
}

static __always_inline u64 vk_ns_id_addr(u64 ns)
{
	struct mnt_namespace___seq *old = NULL;

	if (bpf_core_field_exists(old->seq))
		return vk_probe64(ns + bpf_core_field_offset(struct mnt_namespace___seq, seq));
	return vk_probe64(ns + bpf_core_field_offset(struct mnt_namespace, ns) +
			  bpf_core_field_offset(struct ns_common___id, ns_id));
}

/* The unique, never reused id of a task's mount namespace; 0: it has none any more. */
static __always_inline u64 vk_mntns_of(struct task_struct *task)
{
	struct mnt_namespace *ns = task->nsproxy->mnt_ns;
	struct mnt_namespace___seq *old = (void *)ns;
	struct ns_common___id *id = (void *)&ns->ns;

	if (!ns)
		return 0;
	if (bpf_core_field_exists(old->seq))
		return old->seq;
	return id->ns_id;
}

/* Prepends @len bytes at kernel address @from. */
static __always_inline bool vk_prepend(struct vk_scratch *s, u64 from, u64 len)
{
	u64 off = s->off;

	asm volatile("" : "+r"(len));
	len &= 0xff;
	if (off > VK_PATH || len >= off)
		return false;
	off -= len;
	s->off = off;
	if (len == 0)
		return true;
	asm volatile("" : "+r"(off));
	return bpf_probe_read_kernel(&s->buf[off & (VK_PATH - 1)], len, (void *)from) == 0;
}

static __always_inline bool vk_prepend_name(struct vk_scratch *s)
{
	struct qstr name = {};
	u64 off;

	vk_probe(name, vk_dentry_field(s->d, d_name));
	if (name.len == 0 || name.len > 255 || !vk_prepend(s, (u64)name.name, name.len))
		return false;
	off = s->off;
	if (off == 0 || off > VK_PATH)
		return false;
	off--;
	s->buf[off & (VK_PATH - 1)] = '/';
	s->off = off;
	return true;
}

/* Of one from vk_anchors no more than VK_ANCHOR_SHORT bytes of the path are there. */
static __always_inline struct vk_anchor *vk_anchor_find(struct vk_anchor_key *key)
{
	struct vk_anchor *a = bpf_map_lookup_elem(&vk_anchors, key);

	return a ? a : bpf_map_lookup_elem(&vk_long_anchors, key);
}

/* The anchor of an object, if it still has the root dentry and inode it had; it may give no name. */
static __always_inline struct vk_anchor *vk_anchor_at(u64 ns, u64 object, u64 root)
{
	struct vk_anchor_key key = {.mntns = ns, .object = object};
	struct vk_anchor *a = vk_anchor_find(&key);

	if (!a || a->root != root || a->inode != vk_probe64(vk_dentry_field(root, d_inode)))
		return NULL;
	return a;
}

static __always_inline struct vk_anchor *vk_anchor_get(u64 ns, u64 object, u64 root)
{
	struct vk_anchor *a = vk_anchor_at(ns, object, root);

	return a && !a->flags ? a : NULL;
}

/* One step of a walk upwards. The loop's context is a pointer to the scratch. */
static long vk_walk_step(u32 i, void *data)
{
	struct vk_scratch *s = *(struct vk_scratch **)data;
	u64 parent;
	u32 seq = 0, again = 0;

	if (!s)
		return 1;
	if (s->kind == VK_WALK_UPWARD) {
		struct vk_anchor *a = vk_anchor_at(s->ns, s->d, s->d);

		if (a && a->flags) {
			s->found = VK_FOUND_NAMELESS;
		} else if (a) {
			s->found = VK_FOUND;
			s->done = 1;
			if (!vk_prepend(s, (u64)a->path, a->len))
				s->fail = VK_FAIL_LONG;
			return 1;
		}
	} else if (s->d == s->root) {
		parent = vk_probe64(vk_mount_field(s->m, mnt_parent));
		if (s->kind == VK_WALK_MOUNT || parent == s->m || !parent) {
			s->done = 1;
			return 1;
		}
		s->d = vk_probe64(vk_mount_field(s->m, mnt_mountpoint));
		s->m = parent;
		s->root = vk_probe64(vk_mount_field(parent, mnt.mnt_root));
		s->seq = (s->seq ^ parent) * VK_MIX;
		return 0;
	}
	vk_probe(seq, vk_dentry_field(s->d, d_seq));
	if (seq & 1) {
		s->fail = VK_FAIL_RACE;
		return 1;
	}
	s->seq = (s->seq ^ s->d) * VK_MIX + seq;
	parent = vk_probe64(vk_dentry_field(s->d, d_parent));
	if (parent == s->d || !parent) {
		/* The top of the file system, not the mount's root: nothing more to find here. */
		s->done = 1;
		if (s->kind != VK_WALK_UPWARD)
			s->fail = VK_FAIL_LOST;
		return 1;
	}
	if (!vk_prepend_name(s)) {
		s->fail = VK_FAIL_LONG;
		return 1;
	}
	/* Else the second walk could pair the old parent with the new name. */
	vk_probe(again, vk_dentry_field(s->d, d_seq));
	if (again != seq) {
		s->fail = VK_FAIL_RACE;
		return 1;
	}
	s->d = parent;
	return 0;
}

/*
 * Walks from (@d, @m) and prepends the names met. Where it stops, by @kind: the mount's root; the
 * nearest anchored dentry, else the top of the file system; the top of the mount tree.
 */
static __always_inline void vk_walk(struct vk_scratch *s, u64 d, u64 m, u32 kind)
{
	struct vk_scratch *ctx = s;

	s->d = d;
	s->m = m;
	s->root = vk_probe64(vk_mount_field(m, mnt.mnt_root));
	s->kind = kind;
	s->done = 0;
	s->fail = 0;
	s->found = 0;
	bpf_loop(VK_SLOW_STEPS, vk_walk_step, &ctx, 0);
	if (!s->done && !s->fail)
		s->fail = VK_FAIL_LONG;
}

static __always_inline bool vk_anchor_is_short(const struct vk_anchor *a)
{
	return !(a->flags & VK_ANCHOR_LONG) && a->len <= VK_ANCHOR_SHORT;
}

/* Stores the anchor in scratch under @key. What the other map has goes first: none is better than two. */
static __always_inline bool vk_anchor_put(struct vk_scratch *s, struct vk_anchor_key *key)
{
	int r; /* what kernels before 6.4 return is no long */

	if (vk_anchor_is_short(&s->anchor)) {
		r = bpf_map_delete_elem(&vk_long_anchors, key);
		return (r == 0 || r == -ENOENT) &&
		       bpf_map_update_elem(&vk_anchors, key, &s->anchor, BPF_ANY) == 0;
	}
	r = bpf_map_delete_elem(&vk_anchors, key);
	return (r == 0 || r == -ENOENT) &&
	       bpf_map_update_elem(&vk_long_anchors, key, &s->anchor, BPF_ANY) == 0;
}

/* Whether @old, of the map for names that are as long as that in scratch, has that name. */
static __always_inline bool vk_anchor_same(struct vk_scratch *s, struct vk_anchor *old, u32 size)
{
	bool same = true;

#pragma unroll
	for (u32 i = 0; i < size / 8; i++)
		same &= ((u64 *)old->path)[i] == ((u64 *)s->anchor.path)[i];
	return same;
}

/* Stores the anchor in scratch under the mount and under its root dentry. */
static __always_inline bool vk_anchor_store(struct vk_scratch *s, u64 m)
{
	struct vk_anchor_key key = {.mntns = s->ns, .object = s->anchor.root};
	struct vk_anchor *old = vk_anchor_find(&key), *alike;
	bool same = false;

	/*
	 * Walks upwards may use a root dentry's name only while it has one: of two mounts of one
	 * directory the more permissive name must not be picked up by a third.
	 */
	if (old && old->root == s->anchor.root && old->inode == s->anchor.inode &&
	    old->event == s->anchor.event) {
		if (vk_anchor_is_short(&s->anchor)) {
			alike = bpf_map_lookup_elem(&vk_anchors, &key);
			same = alike && vk_anchor_same(s, alike, VK_ANCHOR_SHORT);
		} else {
			alike = bpf_map_lookup_elem(&vk_long_anchors, &key);
			same = alike && vk_anchor_same(s, alike, VK_ANCHOR_PATH);
		}
		if (!same)
			old->flags |= VK_ANCHOR_AMBIGUOUS;
	} else if (!vk_anchor_put(s, &key)) {
		return false;
	}
	key.object = m;
	return vk_anchor_put(s, &key);
}

/*
 * Takes the anchor of mount @m if its name can be trusted: it belongs to the instance's namespace
 * and no member was allowed a mount operation there yet.
 */
static __always_inline bool vk_anchor_take(struct vk_scratch *s, u64 m)
{
	u64 ns_addr, top, seq, event, ns, len;

	if (!s)
		return false;
	ns = s->ns;
	ns_addr = vk_probe64(vk_mount_field(m, mnt_ns));
	if (!ns || ns_addr < 4096 || vk_ns_id_addr(ns_addr) != ns || s->frozen ||
	    bpf_map_lookup_elem(&vk_mounted, &ns))
		return false;
	top = vk_probe64(ns_addr + bpf_core_field_offset(struct mnt_namespace, root));
	event = vk_probe64(ns_addr + bpf_core_field_offset(struct mnt_namespace, event));
	s->off = VK_PATH;
	s->seq = 0;
	vk_walk(s, vk_probe64(vk_mount_field(m, mnt.mnt_root)), m, VK_WALK_ACROSS);
	if (s->fail || s->m != top)
		return false;
	s->anchor.root = vk_probe64(vk_mount_field(m, mnt.mnt_root));
	s->anchor.inode = vk_probe64(vk_dentry_field(s->anchor.root, d_inode));
	s->anchor.event = event;
	s->anchor.flags = 0;
	len = VK_PATH - s->off;
	if (len > VK_ANCHOR_PATH) {
		s->anchor.flags = VK_ANCHOR_LONG;
		len = 0;
	}
	s->anchor.len = len;
	bpf_probe_read_kernel(s->anchor.path, VK_ANCHOR_PATH, &s->buf[s->off & (VK_PATH - 1)]);
	seq = s->seq;
	s->off = VK_PATH;
	s->seq = 0;
	vk_walk(s, s->anchor.root, m, VK_WALK_ACROSS);
	if (s->fail || s->seq != seq)
		return false;
	/* A member may have been allowed a mount operation while the name was read. */
	if (bpf_map_lookup_elem(&vk_mounted, &ns))
		return false;
	if (!vk_anchor_store(s, m)) {
		__sync_fetch_and_add(&vk_fail[VK_FAIL_ANCHOR], 1);
		return false;
	}
	return s->anchor.flags == 0;
}

/* The anchor of mount @m, fresh: taken again after mounts changed, unless names are frozen. */
static __always_inline struct vk_anchor *vk_anchor_of(struct vk_scratch *s, u64 m)
{
	u64 root = vk_probe64(vk_mount_field(m, mnt.mnt_root)), ns = s->ns, ns_addr;
	struct vk_anchor *a = vk_anchor_get(ns, m, root);

	if (a) {
		ns_addr = vk_probe64(vk_mount_field(m, mnt_ns));
		if (ns_addr < 4096 || s->frozen || bpf_map_lookup_elem(&vk_mounted, &ns) ||
		    vk_probe64(ns_addr + bpf_core_field_offset(struct mnt_namespace, event)) ==
			    a->event)
			return a;
	}
	if (!vk_anchor_take(s, m))
		return NULL;
	return vk_anchor_get(ns, m, root);
}

/*
 * One step of a tour of all mounts: down, aside or up. Mounts that come and go meanwhile may
 * mislead it, not harm it. Its state is in scratch: 6.1 takes what a callback finds on the stack
 * for what it was at the first call.
 */
static long vk_tour_step(u32 i, void *data)
{
	struct vk_scratch *s = *(struct vk_scratch **)data;
	u64 list, next, parent;

	if (!s)
		return 1;
	if (!s->tour_up) {
		vk_anchor_of(s, s->tour);
		list = vk_mount_field(s->tour, mnt_mounts);
		next = vk_probe64(list);
		s->tour_up = next == list || !next;
		if (next != list && next)
			s->tour = next - bpf_core_field_offset(struct mount, mnt_child);
		return 0;
	}
	if (s->tour == s->tour_top)
		return 1;
	parent = vk_probe64(vk_mount_field(s->tour, mnt_parent));
	next = vk_probe64(vk_mount_field(s->tour, mnt_child));
	s->tour_up = next == vk_mount_field(parent, mnt_mounts);
	s->tour = s->tour_up ? parent : next - bpf_core_field_offset(struct mount, mnt_child);
	return s->tour < 4096;
}

/*
 * Takes the anchors of all mounts of the current task's namespace, before its instance's names are
 * frozen, or mounts of it are copied. Once for each state of the namespace, which is noted as the
 * anchor of an object that there is not.
 */
__attribute__((noinline)) int vk_anchor_all(u64 mntns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mnt_namespace *ns = task->nsproxy->mnt_ns;
	struct vk_anchor_key key = {.mntns = mntns, .object = 0};
	struct vk_anchor *toured;
	struct vk_scratch *s, *ctx;
	u64 event;

	if (!ns || vk_mntns_of(task) != mntns)
		return 0;
	event = ns->event;
	toured = bpf_map_lookup_elem(&vk_anchors, &key);
	if (toured && toured->event == event)
		return 0;
	s = vk_scratch_take(task);
	if (!s)
		return 0;
	s->ns = mntns;
	s->frozen = 0;
	bpf_probe_read_kernel(&s->tour, sizeof(s->tour), &ns->root);
	s->tour_top = s->tour;
	s->tour_up = 0;
	ctx = s;
	bpf_loop(4 * 65536, vk_tour_step, &ctx, 0);
	s->anchor.event = event;
	bpf_map_update_elem(&vk_anchors, &key, &s->anchor, BPF_ANY);
	vk_scratch_give_back(task);
	return 0;
}

/* Builds the name of (s->dentry, s->mount) once. Fails with VK_FAIL_RACE when it moved. */
static __always_inline void vk_build_once(struct vk_scratch *s)
{
	struct vk_anchor *a;
	u64 seq, off, ns;
	u32 class = VK_NAME_KNOWN;

	a = vk_anchor_of(s, s->mount);
	ns = vk_probe64(vk_mount_field(s->mount, mnt_ns));
	/* Twice the same walk: the second proves that the first was of one moment. */
	s->seq = 0;
	s->off = VK_PATH;
	vk_walk(s, s->dentry, s->mount, a ? VK_WALK_MOUNT : VK_WALK_UPWARD);
	/*
	 * Of two names, or one too long: what the instance started with, but a copy of it, or one
	 * that may have been moved, has none that a rule could be meant for.
	 */
	if (!a && s->found == VK_FOUND_NAMELESS &&
	    (s->frozen || ns < 4096 || vk_ns_id_addr(ns) != s->ns))
		s->fail = VK_FAIL_LOST;
	if (!a && !s->fail && s->found != VK_FOUND) {
		class = VK_NAME_FOREIGN;
		s->seq = 0;
		s->off = VK_PATH;
		vk_walk(s, s->dentry, s->mount, VK_WALK_ACROSS);
	}
	if (s->fail)
		return;
	seq = s->seq;
	off = s->off;
	s->seq = 0;
	s->off = VK_PATH;
	vk_walk(s, s->dentry, s->mount, s->kind);
	if (s->fail)
		return;
	if (s->seq != seq || s->off != off) {
		s->fail = VK_FAIL_RACE;
		return;
	}
	if (a && !vk_prepend(s, (u64)a->path, a->len))
		s->fail = VK_FAIL_LONG;
	s->class = class;
}

static long vk_build_try(u32 i, void *data)
{
	struct vk_scratch *s = *(struct vk_scratch **)data;

	if (!s)
		return 1;
	vk_build_once(s);
	return s->fail != VK_FAIL_RACE;
}

/*
 * The slow path proper. Global functions, which take their operands from scratch: the verifier
 * checks them once and not again for every caller and kind of image.
 */
__attribute__((noinline)) int vk_slow_build(u32 unused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vk_scratch *s, *ctx;

	s = vk_scratch_of(task);
	if (!s)
		return VK_NAME_LOST;
	s->fail = VK_FAIL_RACE;
	ctx = s;
	bpf_loop(VK_SLOW_TRIES, vk_build_try, &ctx, 0);
	if (s->fail) {
		__sync_fetch_and_add(&vk_fail[s->fail & 15], 1);
		s->off = VK_PATH;
		s->class = VK_NAME_LOST;
	}
	return s->class;
}

struct vk_feed {
	struct vk_scratch *s;
	const u8 *img;
	u64 mask;
	u64 entry;
	u64 pos;
};

static long vk_feed_step(u32 i, void *data)
{
	struct vk_feed *f = data;
	struct vk_scratch *s = f->s;
	const u8 *img = f->img;
	u64 entry = f->entry, mask = f->mask, pos = f->pos, at;

	if (!s || !img)
		return 1;
#pragma clang loop unroll(disable)
	for (int k = 0; k < 8; k++) {
		if (pos >= VK_PATH) {
			f->entry = entry;
			return 1;
		}
		at = pos & (VK_PATH - 1);
		asm volatile("" : "+r"(at)); /* else the mask is proved redundant and dropped */
		at &= VK_PATH - 1;
		entry = vk_step(img, mask, entry, (u8)s->buf[at]);
		pos++;
	}
	f->entry = entry;
	f->pos = pos;
	return 0;
}

/* The state after the string in scratch under the image of @rule; 0x10000: no image. */
__attribute__((noinline)) int vk_slow_feed(u64 rule)
{
	struct vk_call c = {.rule = rule};
	struct vk_feed f = {};

	c.task = bpf_get_current_task_btf();
	f.s = vk_scratch_of(c.task);
	if (!f.s || !vk_load_image(&c))
		return 0x10000;
	f.img = c.img;
	f.mask = c.mask;
	f.entry = vk_image(&c)->start;
	f.pos = f.s->off;
	bpf_loop(VK_PATH / 8 + 1, vk_feed_step, &f, 0);
	return f.entry & 0xffff;
}

/*
 * Of no namespace at all, by the error pointer MNT_NS_INTERNAL: the kernel's private copy of a
 * mount, as overlayfs uses for the files below its own. Nothing has a name there.
 */
static __always_inline bool vk_mount_is_private(struct vfsmount *mnt)
{
	s64 ns = 0;

	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (void *)mnt + (bpf_core_field_offset(struct mount, mnt_ns) -
					     bpf_core_field_offset(struct mount, mnt)));
	return ns == -22;
}

/* Builds the name of (s->dentry, s->mount). */
static __always_inline u32 vk_build_scratch(struct vk_call *c, struct vk_scratch *s)
{
	s->off = VK_PATH;
	s->class = VK_NAME_ANON;
	s->ns = c->inst->mntns;
	s->frozen = vk_is_frozen(c->inst);
	if ((s64)vk_probe64(vk_mount_field(s->mount, mnt_ns)) == -22) {
		s->class = VK_NAME_LOST;
		return VK_NAME_LOST;
	}
	return vk_slow_build(0);
}

/*
 * Leaves the name in scratch, which the caller gives back, and returns its class; VK_NAME_LOST when
 * there is none, which denies.
 */
static __always_inline u32 vk_build_name(struct vk_call *c, struct dentry *dentry,
					 struct vfsmount *mnt)
{
	struct vk_scratch *s = vk_scratch_take(c->task);

	if (!s)
		return VK_NAME_LOST;
	s->off = VK_PATH;
	s->class = VK_NAME_ANON;
	if (mnt->mnt_flags & MNT_INTERNAL)
		return VK_NAME_ANON;
	s->dentry = (u64)dentry;
	s->mount = (u64)mnt;
	s->mount -= bpf_core_field_offset(struct mount, mnt);
	return vk_build_scratch(c, s);
}

/* The same for a file that a member maps: of one underneath an overlay's, the overlay's own. */
static __always_inline u32 vk_build_mapped(struct vk_call *c, struct file *file)
{
	struct backing_file *backing = NULL;
	struct vk_scratch *s;
	u64 path;

	if (!bpf_core_field_exists(backing->user_path) || !vk_mount_is_private(file->f_path.mnt))
		return vk_build_name(c, file->f_path.dentry, file->f_path.mnt);
	s = vk_scratch_take(c->task);
	if (!s)
		return VK_NAME_LOST;
	s->mount = (u64)file;
	path = s->mount + bpf_core_field_offset(struct backing_file, user_path);
	s->dentry = vk_probe64(path + bpf_core_field_offset(struct path, dentry));
	s->mount = vk_probe64(path + bpf_core_field_offset(struct path, mnt)) -
		   bpf_core_field_offset(struct mount, mnt);
	return vk_build_scratch(c, s);
}

/* The same for the place where @mnt is mounted, as opposed to what it shows. */
static __always_inline u32 vk_build_mountpoint(struct vk_call *c, struct vfsmount *mnt)
{
	struct vk_scratch *s = vk_scratch_take(c->task);
	u64 m;

	if (!s)
		return VK_NAME_LOST;
	s->mount = (u64)mnt;
	m = s->mount - bpf_core_field_offset(struct mount, mnt);
	s->mount = vk_probe64(vk_mount_field(m, mnt_parent));
	s->dentry = vk_probe64(vk_mount_field(m, mnt_mountpoint));
	return vk_build_scratch(c, s);
}

/* The state after the string in scratch, whose class is @class. */
static __always_inline u32 vk_feed_scratch(struct vk_call *c, u32 class)
{
	u32 entry = vk_slow_feed(c->rule);

	return entry > 0xffff ? VK_NAME(VK_NAME_LOST, 0) : VK_NAME(class, entry);
}

/* The name of what is in scratch, whose class is @class. Gives scratch back. */
static __always_inline u32 vk_scratch_name(struct vk_call *c, u32 class)
{
	u32 name = VK_NAME(class, 0);

	if (class == VK_NAME_KNOWN || class == VK_NAME_FOREIGN)
		name = vk_feed_scratch(c, class);
	vk_scratch_give_back(c->task);
	return name;
}

static __always_inline u32 vk_slow_name(struct vk_call *c, struct dentry *dentry,
					struct vfsmount *mnt)
{
	return vk_scratch_name(c, vk_build_name(c, dentry, mnt));
}

#endif
