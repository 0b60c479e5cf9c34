/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dir.bpf.c - names: making, removing, moving and linking them.
 *
 * Moving cannot launder: the automaton is minimal, so two directories grant the same rights to
 * everything below them now and ever exactly if their own verdicts and their entries on '/' are
 * equal, and a directory may be moved only between such names. A file may get a name only if that grants no right that its
 * old name did not. Otherwise EXDEV, so that mv(1) copies, and the copy is checked.
 */

/* All checks of one name in a directory that exists. */
static __always_inline int vk_check_name(struct vfsmount *mnt, struct dentry *dentry, u32 op,
					 u32 want)
{
	struct vk_call c;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & (VK_NEED_MODIFY | VK_NEED_UNIX)))
		return 0; /* allow: attached to guard our pins, no rule asks */
	return vk_judge(&c, op, want, vk_rights_at(&c, dentry, mnt), EACCES, dentry, mnt);
}

/* Regular files made by open(2), and all else made by mknod(2) and bind(2). */
SEC("lsm/path_mknod")
int VK_HOOK_LEAVING(vk_mknod, path_mknod, name, const struct path *dir, struct dentry *dentry,
		    u16 mode, unsigned int dev)
{
	u32 type = mode & S_IFMT;

	if (type == S_IFREG || type == 0)
		return vk_check_name(dir->mnt, dentry, VK_OP_CREATE, VK_R_CREATE);
	if (type == S_IFSOCK)
		return vk_check_name(dir->mnt, dentry, VK_OP_UNIX_BIND,
				     VK_R_UNIX_BIND | VK_R_MKNOD);
	return vk_check_name(dir->mnt, dentry, VK_OP_MKNOD, VK_R_MKNOD);
}

SEC("lsm/path_unlink")
int VK_HOOK_LEAVING(vk_unlink, path_unlink, name, const struct path *dir, struct dentry *dentry)
{
	int r = vk_guard_pins(dentry);

	if (r)
		return r; /* deny: our pins */
	return vk_check_name(dir->mnt, dentry, VK_OP_UNLINK, VK_R_UNLINK);
}

SEC("lsm/path_mkdir")
int VK_HOOK_LEAVING(vk_mkdir, path_mkdir, name, const struct path *dir, struct dentry *dentry,
		    u16 mode)
{
	return vk_check_name(dir->mnt, dentry, VK_OP_MKDIR, VK_R_MKDIR);
}

SEC("lsm/path_rmdir")
int VK_HOOK_LEAVING(vk_rmdir, path_rmdir, name, const struct path *dir, struct dentry *dentry)
{
	int r = vk_guard_pins(dentry);

	if (r)
		return r; /* deny: our pins */
	return vk_check_name(dir->mnt, dentry, VK_OP_RMDIR, VK_R_RMDIR);
}

SEC("lsm/path_symlink")
int VK_HOOK(vk_symlink, path_symlink, name, const struct path *dir, struct dentry *dentry,
	    const char *old_name)
{
	return vk_check_name(dir->mnt, dentry, VK_OP_SYMLINK, VK_R_SYMLINK);
}

/*
 * The name as a number of which the verifier knows nothing: it would go through all that follows
 * once for each kind of name otherwise.
 */
static __always_inline u32 vk_name_opaque(struct vk_call *c, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	u32 name = vk_name(c, dentry, mnt), opaque = 0;

	bpf_probe_read_kernel(&opaque, sizeof(opaque), &name);
	return opaque;
}

SEC("lsm/path_link")
int VK_HOOK(vk_link, path_link, link, struct dentry *old_dentry, const struct path *new_dir,
	    struct dentry *new_dentry)
{
	struct vfsmount *mnt = new_dir->mnt; /* link(2) stays within one mount */
	u32 want, links = 0;
	struct vk_call c;
	u64 old, new, inode;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	old = vk_name_rights(&c, vk_name_opaque(&c, old_dentry, mnt));
	r = vk_judge(&c, VK_OP_LINK, VK_R_LINK, old, EACCES, old_dentry, mnt);
	if (r)
		return r; /* deny: the file may not be linked */
	new = vk_name_rights(&c, vk_name_opaque(&c, new_dentry, mnt));
	inode = vk_inode_of(old_dentry);
	if (!inode)
		return -EACCES; /* deny: nothing to link */
	vk_probe(links, inode + bpf_core_field_offset(struct inode, i_nlink));
	/* A file without a name yet (O_TMPFILE) is created by this. */
	want = links ? VK_R_LINK : VK_R_LINK | VK_R_CREATE;
	r = vk_judge(&c, VK_OP_LINK, want, new, EACCES, new_dentry, mnt);
	if (r)
		return r; /* deny: not under this name */
	/* deny: the new name would grant a right that the old one does not */
	return vk_judge(&c, VK_OP_LINK, (u32) new, old & 0xffffffff, EXDEV, new_dentry, mnt);
}

/* A column of a name's row: 0, its verdict; class_of[byte], the entry that follows on the byte. */
static __always_inline u16 vk_column(struct vk_call *c, u32 name, u64 column)
{
	u64 off = (VK_NAME_ENTRY(name) & c->mask) * VK_ROW_UNIT + column;

	return *(const u16 *)(c->img + VK_IMAGE_HEADER + off);
}

/* What moves @dentry to the name @to, whose states are known, must not gain by it. */
static __always_inline int vk_move_gains(struct vk_call *c, struct dentry *dentry, u32 from,
					 struct dentry *to_dentry, u32 to, struct vfsmount *mnt)
{
	u64 slash = c->img[offsetof(struct vk_image, class_of) + '/'];
	u64 old, new, inode = vk_inode_of(dentry);
	u16 mode = 0;

	if (!inode)
		return 0; /* allow: nothing is moved */
	vk_probe(mode, inode + bpf_core_field_offset(struct inode, i_mode));
	old = vk_name_rights(c, from) & 0xffffffff;
	new = vk_name_rights(c, to) & 0xffffffff;
	if (!S_ISDIR(mode))
		return vk_judge(c, VK_OP_RENAME, (u32) new, old, EXDEV, to_dentry, mnt);
	if (VK_NAME_CLASS(from) == VK_NAME_CLASS(to) &&
	    !((vk_column(c, from, 0) ^ vk_column(c, to, 0)) & VK_ROW_VERDICT) &&
	    vk_column(c, from, slash) == vk_column(c, to, slash))
		return 0; /* allow: the same rights, and the same future below */
	return vk_judge(c, VK_OP_RENAME, VK_R_RENAME, 0, EXDEV, to_dentry, mnt);
}

SEC("lsm/path_rename")
int VK_HOOK_LEAVING(vk_rename, path_rename, rename, const struct path *old_dir,
		    struct dentry *old_dentry, const struct path *new_dir,
		    struct dentry *new_dentry, unsigned int flags)
{
	struct vfsmount *mnt = new_dir->mnt; /* rename(2) stays within one mount */
	u32 from, to;
	struct vk_call c;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	r = vk_guard_pins(old_dentry);
	if (r)
		return r; /* deny: our pins */
	if (!(vk_image(&c)->needs & VK_NEED_PATHS))
		return 0; /* allow: attached to guard our pins, no rule asks */
	from = vk_name_opaque(&c, old_dentry, mnt);
	r = vk_judge(&c, VK_OP_RENAME, VK_R_RENAME, vk_name_rights(&c, from), EACCES, old_dentry,
		     mnt);
	if (r)
		return r; /* deny: this name may not be moved away */
	to = vk_name_opaque(&c, new_dentry, mnt);
	r = vk_judge(&c, VK_OP_RENAME, VK_R_RENAME, vk_name_rights(&c, to), EACCES, new_dentry,
		     mnt);
	if (r)
		return r; /* deny: nothing may be moved to this name */
	r = vk_move_gains(&c, old_dentry, from, new_dentry, to, mnt);
	if (r || !(flags & RENAME_EXCHANGE))
		return r;
	return vk_move_gains(&c, new_dentry, to, old_dentry, from, mnt);
}
