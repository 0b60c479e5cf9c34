/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * subject.h - who is asking: the first lines of every program.
 *
 * A task that belongs to no instance leaves after one load: it has no task storage at all. A
 * member is found in a direct-mapped cache, keyed by the address of its task_struct and its start
 * time (so a reused address does not match), else in task storage.
 */
#ifndef VK_BPF_SUBJECT_H
#define VK_BPF_SUBJECT_H

#define VK_MIX 0x9e3779b97f4a7c15ull

/* A kernel address as a number; the verifier allows arithmetic on the difference only. */
#define vk_key(p) ((u64)(p) - (u64)&vk_instances)
#define vk_read_once(x) (*(volatile __typeof__(x) *)&(x))
#define vk_write_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static __always_inline struct vk_instance *vk_instance_at(u32 id)
{
	asm volatile("" : "+r"(id));
	return &vk_instances[id & (VK_INSTANCES - 1)];
}

/* The record of any task; NULL: it has none. Pending members are not bound yet. */
static __always_inline u32 vk_vki_of(struct task_struct *task)
{
	struct vk_member *m;

	if (!task->bpf_storage)
		return 0;
	m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!m || m->state != VK_MEMBER_ACTIVE)
		return 0;
	return m->vki;
}

/*
 * The instance id of the current task, 0 when it is bound by none. Only the current task fills
 * its own slot. The generation is read before the record, so that a record changed meanwhile by
 * the engine leaves an entry that no longer matches.
 */
static __always_inline u32 vk_current_vki(struct task_struct *task)
{
	if (!task->bpf_storage)
		return 0;

	u64 key = vk_key(task);
	u64 start = task->start_time;
	u32 gen = vk_read_once(vk_member_gen);
	struct vk_member_slot *slot =
		&vk_member_slots[(key * VK_MIX >> 40) & (VK_MEMBER_SLOTS - 1)];
	u64 data = vk_read_once(slot->data);

	if (vk_read_once(slot->key) == (key ^ data * VK_MIX) + start && (u32)data == gen)
		return data >> 32;

	u32 vki = vk_vki_of(task);

	if (vki) {
		data = (u64)vki << 32 | gen;
		vk_write_once(slot->data, data);
		vk_write_once(slot->key, (key ^ data * VK_MIX) + start);
	}
	return vki;
}

/**
 * struct vk_call - one check: who, and under which rules
 * @inst: the instance
 * @img:  its image
 * @rule: vk_instance.rule, read once; names image and view
 * @mask: largest entry of the image's size class
 * @task: the current task
 * @names: vk_stamp_names(), read before any name is
 * @op:   for the report: enum vk_op,
 * @want: the rights wanted,
 * @err:  and the positive errno of a denial
 */
struct vk_call {
	struct vk_instance *inst;
	const u8 *img;
	u64 rule;
	u64 mask;
	struct task_struct *task;
	u64 names;
	u32 op;
	u32 want;
	u32 err;
};

/* False: there is no image; the caller denies. */
static __always_inline bool vk_load_image(struct vk_call *c)
{
	u32 zero = 0, index = VK_SLOT_INDEX((u32)c->rule);
	void *inner;

	switch (VK_SLOT_CLASS((u32)c->rule)) {
	case VK_CLASS_SMALL:
		inner = bpf_map_lookup_elem(&vk_img_small, &index);
		c->mask = VK_SMALL_ENTRY;
		break;
	case VK_CLASS_MEDIUM:
		inner = bpf_map_lookup_elem(&vk_img_medium, &index);
		c->mask = VK_MEDIUM_ENTRY;
		break;
	default:
		inner = bpf_map_lookup_elem(&vk_img_large, &index);
		c->mask = VK_LARGE_ENTRY;
		break;
	}
	if (inner)
		c->img = bpf_map_lookup_elem(inner, &zero);
	else
		c->img = NULL;
	return c->img != NULL;
}

#define vk_image(c) ((const struct vk_image *)(c)->img)

#endif
