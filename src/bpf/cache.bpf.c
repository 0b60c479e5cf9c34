/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cache.bpf.c - what makes names and their cached rights stale.
 *
 * These run for every task, member or not: anyone's rename changes names. None of them decides
 * anything. Those that watch a function run under a spin lock of it, so no task preempts another
 * in the middle of them, upon which the kernel would skip the second.
 */

SEC("fentry/__d_move")
int BPF_PROG(vk_move_enter, struct dentry *dentry, struct dentry *target, bool exchange)
{
	__sync_fetch_and_add(&vk_move_begin, 1);
	return 0;
}

static __always_inline void vk_dentry_changed(struct dentry *dentry)
{
	__sync_fetch_and_add(vk_dentry_gen_of(vk_dentry_hash(vk_key(dentry))), 1);
}

static __always_inline void vk_moved(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	vk_dentry_changed(dentry);
	if (inode && S_ISDIR(inode->i_mode))
		__sync_fetch_and_add(&vk_dir_gen, 1);
}

SEC("fexit/__d_move")
int BPF_PROG(vk_move_leave, struct dentry *dentry, struct dentry *target, bool exchange)
{
	vk_moved(dentry);
	vk_moved(target);
	__sync_fetch_and_add(&vk_move_end, 1);
	return 0;
}

/*
 * Before a dentry becomes that of a file. Its address may have been another's before, which was
 * freed after all programs that had seen it ended.
 */
SEC("lsm/d_instantiate")
int BPF_PROG(vk_instantiate, struct dentry *dentry, struct inode *inode)
{
	vk_dentry_changed(dentry);
	return 0;
}

/*
 * What moves the names of mounts: attaching one, wherever; detaching; a new one at an address that
 * was another's. The function that attaches has two names.
 */
static __always_inline int vk_mounts_changed(void)
{
	__sync_fetch_and_add(&vk_dir_gen, 1);
	return 0;
}

SEC("fexit/__attach_mnt")
int BPF_PROG(vk_mount_attached)
{
	return vk_mounts_changed();
}

/* The same since 6.17. */
SEC("fexit/make_visible")
int BPF_PROG(vk_mount_visible)
{
	return vk_mounts_changed();
}

SEC("fexit/umount_tree")
int BPF_PROG(vk_mount_detached)
{
	return vk_mounts_changed();
}

/*
 * A copy of a mount, as unshare(2) and open_tree(2) make, passes no mount hook. What it is a copy of
 * must have its name by then: this runs before anyone sees the copy.
 */
static __noinline void vk_name_before_copy(void)
{
	struct vk_call c;

	if (vk_begin(&c) && c.inst->mntns && !vk_is_frozen(c.inst))
		vk_anchor_all(c.inst->mntns);
}

SEC("fexit/alloc_vfsmnt")
int BPF_PROG(vk_mount_made)
{
	vk_name_before_copy();
	return vk_mounts_changed();
}
