/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * start.h - containers that are started without a hook: the engine makes the instance, marks the
 * process that is about to become the runtime, and all of the runtime's processes inherit the
 * mark. So there is no moment at which somebody would have to tell us which of them becomes the
 * container's program.
 *
 * The mark means nothing in the mount namespace where the start began: that is the runtime's own
 * work, outside the container. In any other mount namespace, which only the container's can be,
 * it is what VK_MEMBER_PENDING is: whoever bears it is under the set-up policy (setup.h), and the
 * program that it executes is a member.
 *
 * Who is seen in the container's mount namespace makes it a place of the instance, and the cgroup,
 * too, unless that is one where the start began, or above it: others would be there. The runtime may
 * make other namespaces, for a while, to prepare something: until the container's program is
 * executed, the one seen last is that which names its files, and all stay places.
 */
#ifndef VK_BPF_START_H
#define VK_BPF_START_H

/* The runtime is about to be executed: from here the start goes on. False: no memory. */
static __noinline bool vk_start_begins(struct task_struct *task, u32 vki)
{
	struct vk_instance *inst = vk_instance_at(vki);
	struct vk_start start = {};

	start.cgroup[0] = bpf_get_current_cgroup_id();
#pragma unroll
	for (int level = 0; level < VK_START_LEVELS - 1; level++)
		start.cgroup[level + 1] = bpf_get_current_ancestor_cgroup_id(level);
	/* Too deep to know all that are above: no cgroup becomes a place. */
	start.deep = bpf_get_current_ancestor_cgroup_id(VK_START_LEVELS - 1) != 0;
	if (bpf_map_update_elem(&vk_starts, &vki, &start, BPF_ANY) < 0)
		return false;
	vk_write_once(inst->began, vk_mntns_of(task));
	return true;
}

/* False: the place belongs to another instance, or there is no memory. */
static __noinline bool vk_start_place(u32 vki, u64 id, u32 kind)
{
	struct vk_place place = {.id = id, .kind = kind};
	u32 *owner;

	__sync_fetch_and_add(&vk_n_places, 1);
	if (bpf_map_update_elem(&vk_places, &place, &vki, BPF_NOEXIST) == 0)
		return true;
	__sync_fetch_and_sub(&vk_n_places, 1);
	owner = bpf_map_lookup_elem(&vk_places, &place);
	return owner && *owner == vki;
}

/* Its cgroup becomes a place, as soon as it is the container's alone. */
static __noinline void vk_start_cgroup(u32 vki)
{
	struct vk_start *start = bpf_map_lookup_elem(&vk_starts, &vki);
	u64 id = bpf_get_current_cgroup_id();

	if (!start || start->deep)
		return;
	if (bpf_get_current_ancestor_cgroup_id(VK_PLACE_LEVELS + 1))
		return; /* what is made below it would not be recognized */
#pragma unroll
	for (int i = 0; i < VK_START_LEVELS; i++)
		if (start->cgroup[i] == id)
			return;
	if (vk_start_place(vki, id, VK_PLACE_CGROUP))
		vk_instance_at(vki)->cgroup = id;
}

/* Whether the current task, which bears a mark, is outside the container still. */
static __always_inline bool vk_start_is_outside(struct task_struct *task, u32 vki)
{
	u64 began = vk_read_once(vk_instance_at(vki)->began);

	return !began || began == vk_mntns_of(task);
}

/* It is inside. False: its mount namespace cannot become a place of the instance. */
static __noinline bool vk_start_arrives(struct task_struct *task, u32 vki)
{
	struct vk_instance *inst = vk_instance_at(vki);
	u64 ns = vk_mntns_of(task), before;

	if (inst->mntns != ns && !(inst->flags & VK_I_STARTED)) {
		if (!vk_start_place(vki, ns, VK_PLACE_MNTNS))
			return false;
		before = __sync_lock_test_and_set(&inst->mntns, ns);
		if (before && before != ns)
			__sync_fetch_and_or(&inst->flags, VK_I_MOVED);
	}
	if (!inst->cgroup)
		vk_start_cgroup(vki);
	return true;
}

#endif
