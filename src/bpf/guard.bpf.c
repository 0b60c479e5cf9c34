/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.bpf.c - members cannot reach the machinery that binds them, whatever their policy says.
 *
 * Our pins live in one bpf file system: a member may neither remove, rename nor unmount anything
 * there. Our maps have names that begin with "vk": a member may not get a descriptor of such a
 * map, by id or by path. Links and programs of ours cannot be changed through a descriptor.
 */

static __always_inline int vk_guard_report(struct vk_call *c)
{
	struct vk_detail d = {.op = VK_OP_SELF, .err = EPERM};

	return vk_report(c, &d);
}

/* For an object in the file system of our pins. */
static __noinline int vk_guard_pins_member(void)
{
	struct vk_call c;

	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_guard_report(&c);
}

static __always_inline int vk_guard_pins(struct dentry *dentry)
{
	if (dentry->d_sb->s_dev != vk_bpffs_dev)
		return 0; /* allow: elsewhere */
	return vk_guard_pins_member();
}

SEC("lsm/bpf_map")
int BPF_PROG(vk_guard_map, struct bpf_map *map, unsigned int fmode)
{
	struct vk_call c;

	if (map->name[0] != 'v' || map->name[1] != 'k')
		return 0; /* allow: not ours */
	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_guard_report(&c);
}

/* Nor take one from a process of ours, by pidfd_getfd(2) or a message. */
SEC("lsm/file_receive")
int BPF_PROG(vk_guard_receive, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	struct vk_call c;
	char name[8] = {};
	u64 map;

	/* Files of bpf(2) are anonymous, and their dentry says what they are. */
	bpf_probe_read_kernel(name, sizeof(name), dentry->d_name.name);
	if (*(u64 *)name != *(u64 *)"bpf-map")
		return 0; /* allow: not a map */
	map = (u64)file->private_data;
	bpf_probe_read_kernel(name, 2, (void *)map + bpf_core_field_offset(struct bpf_map, name));
	if (name[0] != 'v' || name[1] != 'k')
		return 0; /* allow: not ours */
	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_guard_report(&c);
}
