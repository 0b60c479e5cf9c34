/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * setup.h - the set-up policy: what binds a process from being marked until it executes the
 * program that makes it a member. In a container that is the runtime's work inside it, with all
 * its rights, on files and links that the image brings; more than one runtime was led by them to
 * write where the kernel takes programs of root from, or to work on the host's files.
 *
 *  1. Nothing is written to files through which the kernel is told what to execute or to stop.
 *  2. Nothing is opened on a mount of another mount namespace, nor on one that was taken away, as
 *     the host's root is after pivot_root(2). Exempt are named pipes, by which the runtime's two
 *     halves meet (exec.fifo); procfs, which runtimes open once to be sure of it; what is mounted
 *     nowhere (pipes, memfds, the files underneath an overlay's); and mounts that are not attached
 *     yet, which only the runtime itself can have made.
 *
 * It holds in audit mode, too: nothing of it depends on the container's policy.
 */
#ifndef VK_BPF_SETUP_H
#define VK_BPF_SETUP_H

union vk_short_name {
	char text[24];
	u64 word[3];
};
#define vk_named(name, wanted)                                                                     \
	({                                                                                         \
		const union vk_short_name _w = {.text = wanted};                                   \
		(name).word[0] == _w.word[0] && (name).word[1] == _w.word[1] &&                    \
			(name).word[2] == _w.word[2];                                              \
	})

/* By file system and last component: no mount or link can rename these. */
static __always_inline bool vk_is_trigger(struct dentry *dentry)
{
	u64 magic = dentry->d_sb->s_magic;
	union vk_short_name name = {};

	if (magic != PROC_SUPER_MAGIC && magic != SYSFS_MAGIC && magic != CGROUP_SUPER_MAGIC &&
	    magic != BINFMTFS_MAGIC)
		return false;
	bpf_probe_read_kernel_str(name.text, sizeof(name.text), dentry->d_name.name);
	switch (magic) {
	case PROC_SUPER_MAGIC:
		return vk_named(name, "core_pattern") || vk_named(name, "modprobe") ||
		       vk_named(name, "hotplug") || vk_named(name, "poweroff_cmd") ||
		       vk_named(name, "sysrq-trigger");
	case SYSFS_MAGIC:
		return vk_named(name, "uevent_helper");
	case CGROUP_SUPER_MAGIC:
		return vk_named(name, "release_agent");
	default:
		return vk_named(name, "register");
	}
}

static __always_inline bool vk_is_elsewhere(struct task_struct *task, struct dentry *dentry,
					    struct vfsmount *mnt)
{
	u64 ns = 0;
	u32 inum = 0;

	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (void *)mnt + (bpf_core_field_offset(struct mount, mnt_ns) -
					     bpf_core_field_offset(struct mount, mnt)));
	if ((s64)ns == -22 || (dentry->d_inode->i_mode & S_IFMT) == S_IFIFO ||
	    dentry->d_sb->s_magic == PROC_SUPER_MAGIC)
		return false;
	if (!ns)
		return true; /* taken away */
	vk_probe(inum, ns + bpf_core_field_offset(struct mnt_namespace, ns) +
			       bpf_core_field_offset(struct ns_common, inum));
	return inum && inum != MNT_NS_ANON_INO && vk_ns_id_addr(ns) != vk_mntns_of(task);
}

/* Judges an open by a task that is bound by no instance. */
static __noinline int vk_setup_open(struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = file->f_path.dentry;
	struct vfsmount *mnt = file->f_path.mnt;
	u32 mode = file->f_mode;
	struct vk_member *m;
	struct vk_call c;

	m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!m || !m->vki)
		return 0; /* allow: not marked */
	if (m->state == VK_MEMBER_STARTING) {
		if (vk_start_is_outside(task, m->vki))
			return 0; /* allow: the runtime's own work, outside the container */
		/* Already now, so that who is executed in a created container joins. */
		vk_start_arrives(task, m->vki);
	}
	c.task = task;
	c.inst = vk_instance_at(m->vki);
	c.rule = vk_read_once(c.inst->rule);
	c.img = NULL;
	c.mask = 0;
	c.op = VK_OP_SETUP;
	c.want = mode & FMODE_WRITE ? VK_R_WRITE : VK_R_READ;
	c.err = EACCES;
	if (!(mode & FMODE_WRITE && vk_is_trigger(dentry)) && !vk_is_elsewhere(task, dentry, mnt))
		return 0; /* allow: the set-up policy has nothing against it */
	return vk_report_path(&c, 0, dentry, mnt);
}

#endif
