/* SPDX-License-Identifier: GPL-2.0-only */
/* carry_file.bpf.c - carriers of the hooks of files, names and mounts: see carry.h */

/* ---- files ---- */

/* Programs are asked here most often: nothing is loaded twice. */
SEC("lsm/file_open")
int BPF_PROG(vk_c_file_open, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = task->real_cred;
	struct vk_fixed_event fixed = {};
	struct vk_policy_event *ev = vk_event_of(fixed);

	/* allow: opened by overlayfs, for a file that was asked about by its own name */
	if (task->cred != cred && vk_mount_is_private(file->f_path.mnt))
		return 0;
	vk_subject(ev, VK_HOOK_file_open, task, cred);
	vk_object(ev, file);
	ev->file.flags = file->f_flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/bprm_check_security")
int BPF_PROG(vk_c_bprm_check_security, struct linux_binprm *bprm)
{
	VK_EVENT(bprm_check_security);
	vk_object(ev, bprm->file);
	return vk_answer(&fixed, VK_ONE_PATH);
}

/* Since 6.5 an overlay's file is mapped by the file underneath: the overlay's own inode. */
static __always_inline void vk_mapped_object(struct vk_policy_event *ev, struct file *file)
{
	struct backing_file *backing = NULL;
	u64 user, inode;

	vk_object(ev, file);
	if (!(vk_wants() & VK_WANT_inode) || !bpf_core_field_exists(backing->user_path) ||
	    !vk_mount_is_private(file->f_path.mnt))
		return;
	bpf_probe_read_kernel(&user, sizeof(user),
			      (void *)file + bpf_core_field_offset(struct backing_file, user_path) +
				      bpf_core_field_offset(struct path, dentry));
	inode = vk_probe64(vk_dentry_field(user, d_inode));
	ev->file.ino = vk_probe64(inode + bpf_core_field_offset(struct inode, i_ino));
	inode = vk_probe64(inode + bpf_core_field_offset(struct inode, i_sb));
	ev->file.dev = (u32)vk_probe64(inode + bpf_core_field_offset(struct super_block, s_dev));
}

SEC("lsm/mmap_file")
int BPF_PROG(vk_c_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	u64 given = 0;

	/* As in vk_mmap. */
	bpf_probe_read_kernel(&given, sizeof(given), &file);
	if (!file || !given)
		return 0; /* allow: anonymous memory */
	if (vk_fmod) {
		flags = prot;
		prot = reqprot;
		if (prot & PROT_READ && bpf_get_current_task_btf()->personality & READ_IMPLIES_EXEC)
			prot |= PROT_EXEC;
	}
	VK_EVENT(mmap_file);
	vk_mapped_object(ev, file);
	ev->file.flags = flags;
	ev->file.prot = prot;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/file_mprotect")
int BPF_PROG(vk_c_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot)
{
	struct file *file = vma->vm_file;

	VK_EVENT(file_mprotect);
	if (file)
		vk_mapped_object(ev, file);
	ev->file.prot = prot;
	return vk_answer(&fixed, VK_ONE_PATH);
}

static __always_inline int vk_carry_command(struct vk_fixed_event *fixed, struct file *file,
					    unsigned int cmd, unsigned long arg)
{
	struct vk_policy_event *ev = vk_event_of(*fixed);

	vk_object(ev, file);
	ev->file.flags = cmd;
	ev->file.value = arg;
	return vk_answer(fixed, VK_ONE_PATH);
}

SEC("lsm/file_ioctl")
int BPF_PROG(vk_c_file_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_ioctl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/file_ioctl_compat")
int BPF_PROG(vk_c_file_ioctl_compat, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_ioctl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/file_fcntl")
int BPF_PROG(vk_c_file_fcntl, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_fcntl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/path_truncate")
int BPF_PROG(vk_c_path_truncate, const struct path *path)
{
	VK_EVENT(path_truncate);
	vk_entry(ev, path->dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/file_truncate")
int BPF_PROG(vk_c_file_truncate, struct file *file)
{
	VK_EVENT(path_truncate);
	vk_object(ev, file);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_chmod")
int BPF_PROG(vk_c_path_chmod, const struct path *path, u16 mode)
{
	VK_EVENT(path_chmod);
	vk_entry(ev, path->dentry);
	ev->file.flags = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_chown")
int BPF_PROG(vk_c_path_chown, const struct path *path, u64 uid, u64 gid)
{
	VK_EVENT(path_chown);
	vk_entry(ev, path->dentry);
	ev->file.value = (u32)uid | (gid & 0xffffffff) << 32;
	return vk_answer(&fixed, VK_ONE_PATH);
}

/* ---- names ---- */

SEC("lsm/path_mknod")
int BPF_PROG(vk_c_path_mknod, const struct path *dir, struct dentry *dentry, u16 mode,
	     unsigned int dev)
{
	VK_EVENT(path_mknod);
	vk_entry(ev, dentry);
	ev->file.mode = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_unlink")
int BPF_PROG(vk_c_path_unlink, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_unlink);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_mkdir")
int BPF_PROG(vk_c_path_mkdir, const struct path *dir, struct dentry *dentry, u16 mode)
{
	VK_EVENT(path_mkdir);
	vk_entry(ev, dentry);
	ev->file.mode = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_rmdir")
int BPF_PROG(vk_c_path_rmdir, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_rmdir);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_symlink")
int BPF_PROG(vk_c_path_symlink, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_symlink);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_link")
int BPF_PROG(vk_c_path_link, struct dentry *old_dentry)
{
	VK_EVENT(path_link);
	vk_entry(ev, old_dentry);
	return vk_answer(&fixed, VK_TWO_PATHS);
}

SEC("lsm/path_rename")
int BPF_PROG(vk_c_path_rename, const struct path *old_dir, struct dentry *old_dentry,
	     const struct path *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	VK_EVENT(path_rename);
	vk_entry(ev, old_dentry);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_TWO_PATHS);
}

/* ---- mounts ---- */

SEC("lsm/sb_mount")
int BPF_PROG(vk_c_sb_mount, const char *dev_name, const struct path *path, const char *type,
	     unsigned long flags)
{
	VK_EVENT(sb_mount);
	vk_entry(ev, path->dentry);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/move_mount")
int BPF_PROG(vk_c_move_mount, const struct path *from, const struct path *to)
{
	VK_EVENT(move_mount);
	vk_entry(ev, to->dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/sb_umount")
int BPF_PROG(vk_c_sb_umount, struct vfsmount *mnt, int flags)
{
	VK_EVENT(sb_umount);
	vk_entry(ev, mnt->mnt_root);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}
