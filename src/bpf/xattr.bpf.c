/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xattr.bpf.c - changes of extended attributes, of ACLs, which are such attributes, and of the
 * flags of files, as one switch.
 *
 * What the kernel does by itself passes none of these hooks (capabilities of a program that is
 * written to are dropped, new files take ACLs over from their directory), but for overlayfs, which
 * calls them again on the file underneath.
 */

/*
 * Whether the kernel works under other credentials than the task's own, as overlayfs does to copy
 * attributes up, or to set its own, for what was checked on the overlay's file before. By io_uring a
 * member may choose credentials: there, only those of an overlay's mounter are the kernel's.
 */
static __always_inline bool vk_kernel_works(struct vk_call *c)
{
	u64 override = 0, number = 0;

	if (c->task->cred == c->task->real_cred)
		return false;
	if (!c->task->io_uring && !(c->task->flags & PF_IO_WORKER))
		return true;
	override = (u64)c->task->cred;
	bpf_probe_read_kernel(&number, sizeof(number), &override); /* the address as a number */
	return vk_overlay_works(c, number);
}

/* @name: of the attribute, an address; 0: flags. */
static __noinline int vk_check_xattr(u64 name)
{
	struct vk_detail d = {.op = VK_OP_XATTR};
	u64 text[4] = {};
	struct vk_call c;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (vk_image(&c)->sw_allow & VK_SW_XATTRS && !(vk_image(&c)->sw_audit & VK_SW_XATTRS))
		return 0; /* allow: switched on */
	if (vk_kernel_works(&c))
		return 0; /* allow: overlayfs itself */
	d.err = vk_image(&c)->sw_allow & VK_SW_XATTRS ? 0 : EPERM;
	if (name)
		bpf_probe_read_kernel_str(text, sizeof(d.arg) + 1, (void *)name);
	d.arg[0] = text[0];
	d.arg[1] = text[1];
	d.arg[2] = text[2];
	return vk_report(&c, &d);
}

/* See vk_check_ioctl. */
static __noinline int vk_check_flags(struct file *file)
{
	u32 type = file->f_inode->i_mode & S_IFMT;

	if (type != S_IFREG && type != S_IFDIR)
		return 0; /* allow: the numbers mean something else there */
	return vk_check_xattr(0);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(vk_setxattr, void *idmap, struct dentry *dentry, const char *name)
{
	return vk_check_xattr((u64)name);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(vk_removexattr, void *idmap, struct dentry *dentry, const char *name)
{
	return vk_check_xattr((u64)name);
}

/* ACLs have hooks of their own since 6.2. */
SEC("lsm/inode_set_acl")
int BPF_PROG(vk_set_acl, void *idmap, struct dentry *dentry, const char *name)
{
	return vk_check_xattr((u64)name);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(vk_remove_acl, void *idmap, struct dentry *dentry, const char *name)
{
	return vk_check_xattr((u64)name);
}

/* file_setattr(2), and ioctl(2) a second time, since 6.17. */
SEC("lsm/inode_file_setattr")
int BPF_PROG(vk_file_setattr, struct dentry *dentry)
{
	return vk_check_xattr(0);
}
