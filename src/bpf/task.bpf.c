/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * task.bpf.c - what members may do to processes, and which kernel facilities they may use.
 */

static __always_inline u32 vk_call_vki(struct vk_call *c)
{
	return ((u64)c->inst - (u64)&vk_instances) / sizeof(struct vk_instance);
}

/* Judges an act on @target: 0 within scope; else denied or reported. */
static __always_inline int vk_check_scope(struct vk_call *c, struct task_struct *target, u32 op,
					  u32 scope, u32 audit, u64 arg)
{
	u32 need = vk_is_own(vk_call_vki(c), vk_vki_of(target)) ? VK_SCOPE_OWN : VK_SCOPE_ALL;
	struct vk_detail d = {.op = op};

	if (need <= scope && need <= audit)
		return 0; /* allow: within both scopes */
	d.err = need > scope ? EPERM : 0;
	d.arg[0] = target->tgid;
	d.arg[1] = arg;
	d.arg[2] = need;
	return vk_report(c, &d);
}

SEC("lsm/ptrace_access_check")
int VK_HOOK_LEAVING(vk_ptrace, ptrace_access_check, none, struct task_struct *child,
		    unsigned int mode)
{
	struct vk_call c;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	/* Looking at one's own instance (ps, /proc/PID) is no tracing: allowed in every scope. */
	if (!(mode & PTRACE_MODE_ATTACH) && vk_is_own(vk_call_vki(&c), vk_vki_of(child)))
		return 0;
	return vk_check_scope(&c, child, VK_OP_PTRACE, vk_image(&c)->ptrace_scope,
			      vk_image(&c)->ptrace_audit, mode);
}

SEC("lsm/ptrace_traceme")
int VK_HOOK(vk_traceme, ptrace_traceme, none, struct task_struct *parent)
{
	struct vk_call c;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	return vk_check_scope(&c, parent, VK_OP_PTRACE, vk_image(&c)->ptrace_scope,
			      vk_image(&c)->ptrace_audit, 0);
}

/* Only signals from user space come here. */
SEC("lsm/task_kill")
int VK_HOOK_LEAVING(vk_kill, task_kill, none, struct task_struct *target, void *info, int sig,
		    const struct cred *cred)
{
	struct vk_call c;
	u64 sender = 0;
	int r;

	/* As a number: verifiers since 6.4 hold an argument to be not NULL and drop the rest. */
	bpf_probe_read_kernel(&sender, sizeof(sender), &cred);
	if (sender)
		return 0; /* allow: sent by the kernel on behalf of an earlier, checked request */
	r = vk_begin_rules(&c, EPERM);
	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (target->tgid == c.task->tgid)
		return 0; /* allow: itself, as abort(3) and thread libraries need */
	return vk_check_scope(&c, target, VK_OP_SIGNAL, vk_image(&c)->signal_scope,
			      vk_image(&c)->signal_audit, sig);
}

/* The credentials of who mounted the overlay file system @sb (an address), 0: it is none. */
static __always_inline u64 vk_creator_of(u64 sb)
{
	u64 fs;

	if (!vk_ovl_cred || vk_probe64(sb + bpf_core_field_offset(struct super_block, s_magic)) !=
				    OVERLAYFS_SUPER_MAGIC)
		return 0;
	fs = vk_probe64(sb + bpf_core_field_offset(struct super_block, s_fs_info));
	return vk_probe64(fs + vk_ovl_cred);
}

/* Whether the mount at @path names files of the instance: see vk_anchor_take. */
static __always_inline bool vk_mount_trusted(struct vk_call *c, u64 mnt)
{
	u64 ns = c->inst->mntns, addr;

	addr = vk_probe64(vk_mount_field(mnt - bpf_core_field_offset(struct mount, mnt), mnt_ns));
	return ns && addr >= 4096 && vk_ns_id_addr(addr) == ns && !vk_is_frozen(c->inst) &&
	       !bpf_map_lookup_elem(&vk_mounted, &ns);
}

#define vk_cred_field(addr, field) vk_probe64((addr) + bpf_core_field_offset(struct cred, field))

/*
 * Whether @cred may be a copy that overlayfs made of @creator, as it does to create a file with
 * its owner's fsuid. A member's own credentials may look the same, but only io_uring lets a task
 * choose to work under others than its current ones.
 */
static __always_inline bool vk_cred_derived(struct task_struct *task, u64 cred, u64 creator)
{
	return !task->io_uring && !(task->flags & PF_IO_WORKER) &&
	       vk_cred_field(cred, user_ns) == vk_cred_field(creator, user_ns) &&
	       vk_cred_field(cred, cap_effective) == vk_cred_field(creator, cap_effective) &&
	       vk_cred_field(cred, cap_permitted) == vk_cred_field(creator, cap_permitted) &&
	       (u32)vk_cred_field(cred, euid) == (u32)vk_cred_field(creator, euid);
}

/*
 * Whether the kernel works under the credentials of the mounter of an overlay file system, as
 * overlayfs does for its own files (whiteouts, trusted xattrs), on behalf of a member whose own
 * rights it checked before. Which credentials these are is learnt from the root and the working
 * directory, on mounts that the instance started with, and rechecked at every use. Anything else
 * that overrides credentials (io_uring personalities) stays under the ceiling.
 */
static __noinline bool vk_overlay_works(struct vk_call *c, u64 cred)
{
	u64 *known = bpf_map_lookup_elem(&vk_creators, &cred), path[2], sb, creator;

	if (known)
		return vk_creator_of(*known) == cred;
	path[0] = (u64)c->task->fs;
	bpf_probe_read_kernel(&path[1], 8, &path[0]); /* the address as a number */
	path[0] = vk_probe64(path[1] + bpf_core_field_offset(struct fs_struct, root.mnt));
	path[1] = vk_probe64(path[1] + bpf_core_field_offset(struct fs_struct, pwd.mnt));
	for (int i = 0; i < 2; i++) {
		sb = vk_probe64(path[i] + bpf_core_field_offset(struct vfsmount, mnt_sb));
		creator = vk_creator_of(sb);
		if (!creator || !vk_mount_trusted(c, path[i]))
			continue;
		if (creator == cred)
			bpf_map_update_elem(&vk_creators, &cred, &sb, BPF_ANY);
		if (creator == cred || vk_cred_derived(c->task, cred, creator))
			return true;
	}
	return false;
}

#define CAP_SYS_ADMIN 21
#define X32_BIT 0x40000000u
#define NR_MOUNT_SETATTR 442 /* on every ABI */
#define NR_OPEN_TREE_ATTR 467

/*
 * Whether the task is about to change the flags of mounts by a call that passes no hook but that
 * of its capability. The number is the one that the kernel dispatched on: a tracer that changes it
 * later changes nothing, as the task has not stopped since.
 */
static __always_inline bool vk_sets_mount_flags(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u32 nr = (u32)regs->orig_ax & ~X32_BIT;

	return nr == NR_MOUNT_SETATTR || nr == NR_OPEN_TREE_ATTR;
}

/* The ceiling holds whatever the credentials say, and in every user namespace. */
SEC("lsm/capable")
int VK_HOOK_LEAVING(vk_capable, capable, none, const struct cred *cred, void *ns, int cap,
		    unsigned int opts)
{
	struct vk_detail d = {.op = VK_OP_CAPABLE};
	struct vk_call c;
	bool allow, audit;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (cap == CAP_SYS_ADMIN && vk_image(&c)->needs & VK_NEED_MOUNT &&
	    vk_sets_mount_flags(c.task)) {
		r = vk_check_sb(VK_R_REMOUNT, VK_OP_MOUNT);
		if (r)
			return r; /* deny: nothing may be remounted */
	}
	allow = vk_image(&c)->caps_allow >> (cap & 63) & 1;
	audit = vk_image(&c)->caps_audit >> (cap & 63) & 1;
	if (allow && !audit)
		return 0; /* allow: within the ceiling */
	if (cred != c.task->real_cred && cred == c.task->cred) {
		u64 override = (u64)cred, number = 0;

		bpf_probe_read_kernel(&number, 8, &override);
		if (vk_overlay_works(&c, number))
			return 0; /* allow: the file system's own work */
	}
	if (opts & CAP_OPT_NOAUDIT)
		return allow ? 0 : -EPERM; /* deny: the kernel asks not to report this probe */
	d.err = allow ? 0 : EPERM;
	d.arg[0] = cap;
	return vk_report(&c, &d);
}

/* A kernel facility that a policy switches as a whole. */
static __always_inline int vk_check_switch(u32 sw, u32 op, u64 arg)
{
	struct vk_detail d = {.op = op};
	struct vk_call c;
	int r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (vk_image(&c)->sw_allow & sw && !(vk_image(&c)->sw_audit & sw))
		return 0; /* allow: switched on */
	d.err = vk_image(&c)->sw_allow & sw ? 0 : EPERM;
	d.arg[0] = arg;
	return vk_report(&c, &d);
}

/*
 * What could change programs of ours, or the kernel functions around them, whatever a policy says
 * of bpf(2): our descriptors by id, replacing a link's program, and programs that trace.
 */
static __always_inline bool vk_bpf_meddles(int cmd, void *attr)
{
	const u64 types = 1ull << 2 | 1ull << 5 | 1ull << 7 | 1ull << 17 | 1ull << 24 | 1ull << 26 |
			  1ull << 27 | 1ull << 28 | 1ull << 29 | 1ull << 31;
	u32 type = 0;

	/* PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, LINK_UPDATE, LINK_GET_FD_BY_ID, LINK_DETACH */
	if (cmd == 13 || cmd == 14 || cmd == 29 || cmd == 30 || cmd == 34)
		return true;
	if (cmd != 5) /* PROG_LOAD */
		return false;
	/*
	 * KPROBE, TRACEPOINT, PERF_EVENT, RAW_TRACEPOINT, RAW_TRACEPOINT_WRITABLE, TRACING,
	 * STRUCT_OPS, EXT, LSM, SYSCALL
	 */
	bpf_probe_read_kernel(&type, sizeof(type), attr);
	return type < 64 && types >> type & 1;
}

SEC("lsm/bpf")
int VK_HOOK(vk_bpf, bpf, none, int cmd, void *attr, unsigned int size)
{
	struct vk_call c;

	if (vk_bpf_meddles(cmd, attr) && vk_begin(&c))
		return vk_guard_report(&c);
	return vk_check_switch(VK_SW_BPF, VK_OP_BPF, cmd);
}

/* Newer kernels (6.12 of Debian is one) do not tell the attributes: the type is the first. */
static __always_inline u32 vk_perf_type(void *attr, int type)
{
	u64 first = 0;

	bpf_probe_read_kernel(&first, sizeof(first), &attr); /* as a number */
	return first >> 32 ? (u32)type : (u32)first;
}

SEC("lsm/perf_event_open")
int VK_HOOK(vk_perf, perf_event_open, none, void *attr, int type)
{
	return vk_check_switch(VK_SW_PERF, VK_OP_PERF, vk_perf_type(attr, type));
}

/* A name nobody knows makes the kernel call modprobe on the host. */
SEC("lsm/kernel_module_request")
int VK_HOOK(vk_module_request, kernel_module_request, none, char *name)
{
	return vk_check_switch(VK_SW_MODULES, VK_OP_MODULE, 0);
}

/* Modules to be decompressed by the kernel have a number of their own since 7.0. */
enum kernel_read_file_id { READING_MODULE = 2, READING_MODULE_COMPRESSED = 7 };
enum kernel_load_data_id { LOADING_MODULE = 2, LOADING_MODULE_COMPRESSED = 7 };
/* Of those that not every kernel has. Without the old ones the programs must not load: they would
 * let modules pass. */
#define vk_is_number(id, type, name)                                                               \
	(bpf_core_enum_value_exists(type, name) && (id) == (int)bpf_core_enum_value(type, name))

SEC("lsm/kernel_read_file")
int VK_HOOK(vk_module_read, kernel_read_file, mapped, struct file *file, int id, bool contents)
{
	if (id != (int)bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE) &&
	    !vk_is_number(id, enum kernel_read_file_id, READING_MODULE_COMPRESSED))
		return 0; /* allow: firmware, policies: not modules */
	return vk_check_switch(VK_SW_MODULES, VK_OP_MODULE, 1);
}

SEC("lsm/kernel_load_data")
int VK_HOOK(vk_module_load, kernel_load_data, none, int id, bool contents)
{
	if (id != (int)bpf_core_enum_value(enum kernel_load_data_id, LOADING_MODULE) &&
	    !vk_is_number(id, enum kernel_load_data_id, LOADING_MODULE_COMPRESSED))
		return 0; /* allow: not a module */
	return vk_check_switch(VK_SW_MODULES, VK_OP_MODULE, 2);
}

SEC("lsm/key_permission")
int VK_HOOK(vk_key_permission, key_permission, none, void *key_ref, const struct cred *cred,
	    unsigned int need)
{
	return vk_check_switch(VK_SW_KEYS, VK_OP_KEY, need);
}

SEC("lsm/key_alloc")
int VK_HOOK(vk_key_alloc, key_alloc, none, void *key, const struct cred *cred, unsigned long flags)
{
	return vk_check_switch(VK_SW_KEYS, VK_OP_KEY, 0);
}

/* An io_uring instance is an anonymous inode of this name on every kernel since 5.13. */
SEC("lsm/inode_init_security_anon")
int BPF_PROG(vk_anon_inode, struct inode *inode, const struct qstr *name)
{
	char head[8] = {};

	bpf_probe_read_kernel(head, sizeof(head), name->name);
	if (*(u64 *)head != *(u64 *)"[io_urin")
		return 0; /* allow: another kind of anonymous file */
	return vk_check_switch(VK_SW_IO_URING, VK_OP_IO_URING, 0);
}

SEC("lsm/userns_create")
int VK_HOOK(vk_userns, userns_create, none, const struct cred *cred)
{
	return vk_check_switch(VK_SW_USERNS, VK_OP_USERNS, 0);
}

/* Hooks that only programs have an opinion about; the first is also for creds.h. */

SEC("lsm/task_fix_setuid")
int VK_HOOK(vk_setuid, task_fix_setuid, none, struct cred *new)
{
	vk_cred_expect(bpf_get_current_task_btf(), VK_CRED_CHANGE);
	return 0; /* allow: changes of credentials are bounded by the capability ceiling */
}

SEC("lsm/task_prctl")
int VK_HOOK_ALLOWING(vk_prctl, task_prctl, none, VK_PRCTL_ALLOWED, int option)
{
	return 0; /* allow */
}
