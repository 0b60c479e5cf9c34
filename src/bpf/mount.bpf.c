/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mount.bpf.c - mounts. What a member mounts names nothing: after the first operation that is
 * allowed to one, no new anchor is taken in its mount namespaces (slow.h), which is recorded
 * before the operation happens.
 */

static __always_inline void vk_freeze_names(struct vk_call *c)
{
	struct vk_instance *inst = c->inst;
	u64 ns = inst->mntns;
	u32 one = 1;

	if (ns && !(inst->flags & VK_I_MOUNTED))
		vk_anchor_all(ns);
		/* Instances above name their files by the same mounts. */
#pragma unroll
	for (int i = 0; i < VK_MAX_DEPTH; i++) {
		__sync_fetch_and_or(&inst->flags, VK_I_MOUNTED);
		if (!inst->parent)
			break;
		inst = vk_instance_at(inst->parent);
	}
	if (ns)
		bpf_map_update_elem(&vk_mounted, &ns, &one, BPF_ANY);
	/* Mounts propagate: also where the task is now, if it left its instance's namespace. */
	ns = vk_mntns_of(c->task);
	if (ns)
		bpf_map_update_elem(&vk_mounted, &ns, &one, BPF_ANY);
	__sync_fetch_and_add(&vk_dir_gen, 1);
}

/*
 * What is mounted somewhere is unmounted and remounted by the name of that place: what a member
 * mounted is foreign, but where it may mount it may also unmount.
 */
static __always_inline int vk_check_mount(struct dentry *dentry, struct vfsmount *mnt, u32 op,
					  u32 want)
{
	struct vk_call c;
	u32 name;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & VK_NEED_PATHS)) {
		if (c.inst->paths)
			vk_freeze_names(&c);
		return 0; /* allow: attached for our pins, or for programs; no rule asks */
	}
	if (want & (VK_R_UMOUNT | VK_R_REMOUNT) && dentry == mnt->mnt_root)
		name = vk_scratch_name(&c, vk_build_mountpoint(&c, mnt));
	else
		name = vk_slow_name(&c, dentry, mnt);
	r = vk_judge(&c, op, want, vk_name_rights(&c, name), EPERM, dentry, mnt);
	if (r == 0)
		vk_freeze_names(&c);
	return r;
}

SEC("lsm/sb_mount")
int VK_HOOK(vk_mount, sb_mount, second, const char *dev_name, const struct path *path,
	    const char *type, unsigned long flags, void *data)
{
	u32 want = VK_R_MOUNT;

	int r = vk_guard_pins(path->dentry);

	if (r)
		return r; /* deny: our pins */
	/* In the order in which the kernel looks at them. */
	if (flags & MS_REMOUNT)
		want = VK_R_REMOUNT;
	else if (flags & MS_BIND)
		want = VK_R_BIND_MOUNT;
	else if (flags & MS_PROPAGATION)
		want = VK_R_REMOUNT;
	else if (flags & MS_MOVE)
		want = VK_R_MOVE_MOUNT;
	return vk_check_mount(path->dentry, path->mnt, VK_OP_MOUNT, want);
}

SEC("lsm/move_mount")
int VK_HOOK(vk_move_mount, move_mount, second, const struct path *from, const struct path *to)
{
	int r = vk_guard_pins(to->dentry);

	if (r == 0)
		r = vk_guard_pins(from->dentry);
	if (r)
		return r; /* deny: our pins */
	return vk_check_mount(to->dentry, to->mnt, VK_OP_MOUNT, VK_R_MOVE_MOUNT);
}

SEC("lsm/sb_umount")
int VK_HOOK(vk_umount, sb_umount, mount, struct vfsmount *mnt, int flags)
{
	int r = vk_guard_pins(mnt->mnt_root);

	if (r)
		return r; /* deny: our pins */
	return vk_check_mount(mnt->mnt_root, mnt, VK_OP_UMOUNT, VK_R_UMOUNT);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(vk_pivotroot, const struct path *old_path, const struct path *new_path)
{
	return vk_check_mount(new_path->dentry, new_path->mnt, VK_OP_MOUNT, VK_R_PIVOT);
}

/*
 * A new file system, by whichever system call: fsopen(2) and fsmount(2) reach no other hook, and
 * what is mounted nowhere can still be opened through its descriptor. Where no name may be mounted
 * on, no member needs one.
 */
static __always_inline int vk_check_sb(u32 rights, u32 op)
{
	struct vk_detail d = {.op = op, .err = EPERM, .rights = rights, .missing = rights};
	struct vk_call c;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & VK_NEED_PATHS) || vk_image(&c)->granted_any & rights)
		return 0; /* allow: no rule asks, or mounting is permitted somewhere */
	return vk_report(&c, &d);
}

SEC("lsm/sb_set_mnt_opts")
int BPF_PROG(vk_new_sb, struct super_block *sb, void *opts, unsigned long flags, void *set_flags)
{
	/*
	 * Some file systems have one super block, which the kernel mounted for itself first:
	 * whoever asks for another mount gets it, too, and is then not the only one to hold it.
	 */
	if (sb->s_flags & SB_KERNMOUNT && sb->s_active.counter == 1)
		return 0; /* allow: the kernel's own, as an IPC namespace's message queues */
	return vk_check_sb(VK_R_MOUNT | VK_R_MOVE_MOUNT, VK_OP_MOUNT);
}

/* fsconfig(2) after fspick(2), as well as mount(2), which is checked by name before. */
SEC("lsm/sb_remount")
int BPF_PROG(vk_remount_sb, struct super_block *sb, void *opts)
{
	return vk_check_sb(VK_R_REMOUNT, VK_OP_MOUNT);
}
