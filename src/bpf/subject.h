/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * subject.h - who is asking: the first lines of every program.
 *
 * A task that belongs to no instance leaves after one load: it has no task storage at all. A
 * member is found in a direct-mapped cache, keyed by the address of its task_struct, else in task
 * storage. An address is taken out of the cache when its task is freed and whenever a record is made
 * for it, so that the next task there does not inherit. The cache also tells whether the credentials
 * are those that were there when the record was looked at (creds.h).
 */
#ifndef VK_BPF_SUBJECT_H
#define VK_BPF_SUBJECT_H

#define VK_MIX 0x9e3779b97f4a7c15ull

/* A kernel address as a number; the verifier allows arithmetic on the difference only. */
#define vk_key(p) ((u64)(p) - (u64)&vk_instances)
#define vk_read_once(x) (*(volatile __typeof__(x) *)&(x))
#define vk_write_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#include "creds.h"

static __always_inline struct vk_instance *vk_instance_at(u32 id)
{
	asm volatile("" : "+r"(id));
	return &vk_instances[id & (VK_INSTANCES - 1)];
}

/* Whether instance @vki is @mine or below it. */
static __always_inline bool vk_is_own(u32 mine, u32 vki)
{
#pragma unroll
	for (int i = 0; i < VK_MAX_DEPTH; i++) {
		if (!vki)
			return false;
		if (vki == mine)
			return true;
		vki = vk_instance_at(vki)->parent;
	}
	return false;
}

/* Whether a member of the instance, or of one above it, was allowed a mount operation. */
static __always_inline bool vk_is_frozen(struct vk_instance *inst)
{
#pragma unroll
	for (int i = 0; i < VK_MAX_DEPTH; i++) {
		if (inst->flags & VK_I_MOUNTED)
			return true;
		if (!inst->parent)
			return false;
		inst = vk_instance_at(inst->parent);
	}
	return true;
}

/*
 * The arguments of hooks that the kernel calls often, kept on the stack, in a volatile variable: a
 * register that is kept across a call is saved and restored for every task of the host, most of
 * which leave at the first test.
 */
typedef unsigned long long *const volatile vk_arguments;

/* Allows, in such hooks: a plain 0 would occupy a register from the start. */
static __always_inline int vk_allow(void)
{
	int r = 0;

	asm volatile("" : "+r"(r));
	return r;
}

/* The instance id of any task; 0: it has none. Pending members are not bound yet. */
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

static __always_inline struct vk_member_slot *vk_member_slot(u64 key)
{
	return &vk_member_slots[(key * VK_MIX >> 40) & (VK_MEMBER_SLOTS - 1)];
}

/* Before a task has a record, and when it has ended. */
static __always_inline void vk_member_forget(struct task_struct *task)
{
	vk_write_once(vk_member_slot(vk_key(task))->key, 0);
}

/* A place that is instance 0: nobody is a member of it, and it has no rules. */
#define VK_PLACE_NOWHERE (VK_INSTANCES * sizeof(struct vk_instance))

static __noinline void vk_report_forged(struct task_struct *task, struct vk_member *m);

/*
 * The slow way, for the current task only: nobody else fills its slot. The generation is read
 * before the record, so that a record changed meanwhile by the engine leaves an entry that no
 * longer matches; the same goes for the credentials.
 */
static __noinline u32 vk_member_miss(struct task_struct *task)
{
	u64 key = vk_key(task), data, cred, fsuid;
	u32 gen = vk_read_once(vk_member_gen), place;
	struct vk_member_slot *slot = vk_member_slot(key);
	struct vk_member *m = NULL;

	vk_write_once(vk_key_base, (u64)&vk_instances);
	if (task->bpf_storage)
		m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!m || m->state != VK_MEMBER_ACTIVE)
		return 0; /* no member, or pending: not bound yet */
	place = m->vki * sizeof(struct vk_instance);
	if (!place)
		return 0; /* no member */
	data = (u64)place << 32;
	cred = vk_cred_mix(task);
	fsuid = task->real_cred->fsuid.val;
	asm volatile("" ::: "memory");
	if (vk_cred_forged(m, task)) {
		vk_report_forged(task, m);
		return VK_PLACE_NOWHERE; /* deny: where there are no rules, everything is */
	}
	vk_write_once(slot->data, data);
	vk_write_once(slot->cred, key ^ cred);
	vk_write_once(slot->fsuid, key + fsuid);
	vk_write_once(slot->key, key ^ (data + gen) * VK_STIR);
	return place;
}

/* From the cache: where the current task's instance is in vk_instances, in bytes. 0: unknown. */
static __always_inline u32 vk_member_get(struct task_struct *task)
{
	u64 key = vk_key(task), data;
	struct vk_member_slot *slot = vk_member_slot(key);

	data = vk_read_once(slot->data);
	if ((vk_read_once(slot->key) ^ (data + vk_read_once(vk_member_gen)) * VK_STIR) != key ||
	    (vk_read_once(slot->cred) ^ vk_cred_mix(task)) != key)
		return 0;
	if (!(data >> 32))
		__builtin_unreachable(); /* such a slot is never filled */
	return data >> 32;
}

/* What a look-up leaves on the stack, in a volatile variable, for a second look. */
struct vk_found {
	struct task_struct *task;
	struct vk_member_slot *slot;
	u64 key;
};

/*
 * The same, without a look at credentials, for which vk_member_kept is. No register is used that
 * would have to be saved, as far as is known how to tell clang.
 */
static __always_inline u32 vk_member_find(struct task_struct *task, volatile struct vk_found *ret)
{
	u64 key = vk_key(task), data, sum;
	struct vk_member_slot *slot = vk_member_slot(key);
	const u32 *gen = &vk_member_gen;

	ret->task = task;
	ret->slot = slot;
	ret->key = key;
	data = vk_read_once(slot->data);
	asm volatile("" : "+r"(gen)::"r6", "r7", "r8", "r9");
	sum = vk_read_once(*gen);
	asm volatile("%0 += %1" : "+r"(sum) : "r"(data)); /* in C it would be a copy of @data */
	if ((sum * VK_STIR ^ key) != vk_read_once(slot->key))
		return 0;
	if (!(data >> 32))
		__builtin_unreachable(); /* such a slot is never filled */
	return data >> 32;
}

/* Whether the current task has the fsuid under which it was put into its slot. */
static __always_inline bool vk_member_kept(volatile struct vk_found *found)
{
	return vk_read_once(found->slot->fsuid) == found->key + found->task->real_cred->fsuid.val;
}

/* The same whatever it takes; 0: the current task is bound by no instance. */
static __always_inline u32 vk_current_place(struct task_struct *task)
{
	u32 place;

	if (!task->bpf_storage)
		return 0;
	place = vk_member_get(task);
	return place ? place : vk_member_miss(task);
}

static __always_inline struct vk_instance *vk_instance_placed(u32 place)
{
	asm volatile("" : "+r"(place));
	return (void *)vk_instances + (place & (VK_INSTANCES - 1) * sizeof(struct vk_instance));
}

/**
 * struct vk_call - one check: who, and under which rules
 * @inst: the instance
 * @img:  its image
 * @rule: vk_instance.rule, read once; names image and view
 * @mask: largest entry of the image's size class
 * @task: the current task
 * @names: vk_names_gen(), read before any name is
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

/*
 * Both look-ups are inlined by the verifier, as long as it knows the map: so one pair for each size
 * class, in subprograms, for clang would make one of them all.
 */
#define VK_IMAGE_OF(class_)                                                                        \
	static __always_inline const u8 *vk_image_##class_(u32 index)                              \
	{                                                                                          \
		u32 zero = 0;                                                                      \
		void *inner = bpf_map_lookup_elem(&vk_img_##class_, &index);                       \
                                                                                                   \
		if (!inner)                                                                        \
			return NULL;                                                               \
		inner = bpf_map_lookup_elem(inner, &zero);                                         \
		asm volatile("# " #class_ : "+r"(inner)); /* not to be merged with the others */   \
		return inner;                                                                      \
	}
VK_IMAGE_OF(small)
VK_IMAGE_OF(medium)
VK_IMAGE_OF(large)

/* False: there is no image; the caller denies. */
static __always_inline bool vk_load_image(struct vk_call *c)
{
	u32 index = VK_SLOT_INDEX((u32)c->rule);

	switch (VK_SLOT_CLASS((u32)c->rule)) {
	case VK_CLASS_SMALL:
		c->img = vk_image_small(index);
		c->mask = VK_SMALL_ENTRY;
		break;
	case VK_CLASS_MEDIUM:
		c->img = vk_image_medium(index);
		c->mask = VK_MEDIUM_ENTRY;
		break;
	default:
		c->img = vk_image_large(index);
		c->mask = VK_LARGE_ENTRY;
		break;
	}
	return c->img != NULL;
}

#define vk_image(c) ((const struct vk_image *)(c)->img)

#endif
