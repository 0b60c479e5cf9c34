/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * carry_task.bpf.c - carriers of the hooks of processes, credentials and facilities of the kernel:
 * see carry.h
 */

/* ---- processes and credentials ---- */

static __always_inline int vk_carry_process(struct vk_fixed_event *fixed, struct task_struct *other,
					    u64 value)
{
	struct vk_policy_event *ev = vk_event_of(*fixed);

	ev->task.pid = other->tgid;
	ev->task.instance = vk_vki_of(other);
	ev->task.value = value;
	return vk_answer(fixed, VK_NO_PATH);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(vk_c_ptrace_access_check, struct task_struct *child, unsigned int mode)
{
	VK_EVENT(ptrace_access_check);
	return vk_carry_process(&fixed, child, mode);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(vk_c_ptrace_traceme, struct task_struct *parent)
{
	VK_EVENT(ptrace_traceme);
	return vk_carry_process(&fixed, parent, 0);
}

SEC("lsm/task_kill")
int BPF_PROG(vk_c_task_kill, struct task_struct *target, void *info, int sig,
	     const struct cred *cred)
{
	u64 sender = 0;

	/* As in vk_kill. */
	bpf_probe_read_kernel(&sender, sizeof(sender), &cred);
	if (sender)
		return 0; /* allow: sent by the kernel, for an earlier request */
	VK_EVENT(task_kill);
	return vk_carry_process(&fixed, target, (u32)sig);
}

SEC("lsm/task_fix_setuid")
int BPF_PROG(vk_c_task_fix_setuid, struct cred *new)
{
	VK_EVENT(task_fix_setuid);
	ev->task.pid = ev->pid;
	ev->task.value = new->euid.val;
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/task_prctl")
int BPF_PROG(vk_c_task_prctl, int option, unsigned long arg2, unsigned long arg3,
	     unsigned long arg4)
{
	int r;

	VK_EVENT(task_prctl);
	ev->number[0] = (u32)option;
	ev->number[1] = arg2;
	ev->number[2] = arg3;
	ev->number[3] = arg4;
	r = vk_answer(&fixed, VK_NO_PATH);
	return r ? r : VK_PRCTL_ALLOWED;
}

/* As in vk_capable: what overlayfs does for its own files is not the member's doing. */
static __noinline bool vk_carry_overlay(const struct cred *cred)
{
	u64 override = (u64)cred, number = 0;
	struct vk_call c;

	if (!vk_begin(&c) || cred == c.task->real_cred || cred != c.task->cred)
		return false;
	bpf_probe_read_kernel(&number, 8, &override);
	return vk_overlay_works(&c, number);
}

SEC("lsm/capable")
int BPF_PROG(vk_c_capable, const struct cred *cred, void *ns, int cap, unsigned int opts)
{
	if (vk_carry_overlay(cred))
		return 0; /* allow: the file system's own work */
	VK_EVENT(capable);
	ev->capability.number = cap;
	ev->capability.noaudit = !!(opts & CAP_OPT_NOAUDIT);
	return vk_answer(&fixed, VK_NO_PATH);
}

/* ---- facilities of the kernel ---- */

#define VK_CARRY_NUMBER(hook, value, args...)                                                      \
	SEC("lsm/" #hook)                                                                          \
	int BPF_PROG(vk_c_##hook, ##args)                                                          \
	{                                                                                          \
		VK_EVENT(hook);                                                                    \
		ev->number[0] = (value);                                                           \
		return vk_answer(&fixed, VK_NO_PATH);                                              \
	}

VK_CARRY_NUMBER(userns_create, 0, const struct cred *cred)
VK_CARRY_NUMBER(bpf, (u32)cmd, int cmd)
VK_CARRY_NUMBER(perf_event_open, vk_perf_type(attr, type), void *attr, int type)
VK_CARRY_NUMBER(kernel_module_request, 0, char *name)
VK_CARRY_NUMBER(kernel_load_data, (u32)id, int id)
VK_CARRY_NUMBER(key_permission, need, void *key_ref, const struct cred *cred, unsigned int need)
VK_CARRY_NUMBER(key_alloc, 0, void *key)

SEC("lsm/kernel_read_file")
int BPF_PROG(vk_c_kernel_read_file, struct file *file, int id)
{
	VK_EVENT(kernel_read_file);
	ev->number[0] = (u32)id;
	return vk_answer(&fixed, VK_ONE_PATH);
}
