/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scratch.h - who has the working memory of the slow path.
 *
 * Each processor has one. A program stays on its processor, but may be preempted there by another
 * task's: so the one that takes it first writes its tid into it, and whoever finds it taken uses a
 * buffer of the task's own, which is then kept until the task ends. (With 8 KiB for each task that
 * ever named a file the slow way, they were half of what a container took.)
 *
 * It is given back when the name in it is done with. Should that be missed, no other task uses it
 * before its owner, or a later task of that number, has given it back: what is lost is memory.
 */
#ifndef VK_BPF_SCRATCH_H
#define VK_BPF_SCRATCH_H

static __always_inline struct vk_scratch *vk_scratch_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&vk_cpu_scratch, &zero);
}

/* What @task, the current one, has taken; NULL: nothing. */
static __always_inline struct vk_scratch *vk_scratch_of(struct task_struct *task)
{
	struct vk_scratch *s = vk_scratch_here();

	if (s && s->owner == (u32)task->pid)
		return s;
	return bpf_task_storage_get(&vk_scratch, task, NULL, 0);
}

/* NULL: no memory. */
static __always_inline struct vk_scratch *vk_scratch_take(struct task_struct *task)
{
	struct vk_scratch *s = vk_scratch_here();
	u32 tid = task->pid, owner;

	if (s) {
		owner = __sync_val_compare_and_swap(&s->owner, 0, tid);
		if (owner == 0 || owner == tid)
			return s;
	}
	s = bpf_task_storage_get(&vk_scratch, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s)
		__sync_fetch_and_add(&vk_fail[VK_FAIL_SCRATCH], 1);
	return s;
}

static __always_inline void vk_scratch_give_back(struct task_struct *task)
{
	struct vk_scratch *s = vk_scratch_here();

	if (s && s->owner == (u32)task->pid)
		vk_write_once(s->owner, 0);
}

#endif
