/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cache.bpf.c - what makes names and their cached rights stale.
 *
 * These run for every task, member or not: anyone's rename changes names. None of them decides
 * anything.
 */

/* Both run inside rename_lock and the dentries' d_seq; no task can preempt them half-way. */
SEC("fentry/__d_move")
int BPF_PROG(vk_move_enter, struct dentry *dentry, struct dentry *target, bool exchange)
{
	__sync_fetch_and_add(&vk_move_begin, 1);
	return 0;
}

static __always_inline void vk_inode_changed(struct inode *inode)
{
	__sync_fetch_and_add(&vk_inode_gen[vk_inode_bucket(vk_key(inode))], 1);
}

SEC("fexit/__d_move")
int BPF_PROG(vk_move_leave, struct dentry *dentry, struct dentry *target, bool exchange)
{
	struct inode *inode = dentry->d_inode, *other = target->d_inode;

	if (inode) {
		vk_inode_changed(inode);
		if (S_ISDIR(inode->i_mode))
			__sync_fetch_and_add(&vk_dir_gen, 1);
	}
	if (other) {
		vk_inode_changed(other);
		if (S_ISDIR(other->i_mode))
			__sync_fetch_and_add(&vk_dir_gen, 1);
	}
	__sync_fetch_and_add(&vk_move_end, 1);
	return 0;
}

/* The address of an inode is about to be reused. */
SEC("fentry/security_inode_free")
int BPF_PROG(vk_inode_free, struct inode *inode)
{
	vk_inode_changed(inode);
	return 0;
}

/* After a file got a second name, its cached rights may be those of the wrong one. */
SEC("fexit/vfs_link")
int BPF_PROG(vk_linked, struct dentry *old_dentry)
{
	struct inode *inode = old_dentry->d_inode;

	if (inode)
		vk_inode_changed(inode);
	return 0;
}
