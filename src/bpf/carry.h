/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * carry.h - carriers: for each hook, what makes the event and asks the programs.
 *
 * A carrier is never attached. The engine loads it once for its relocated instructions, puts calls
 * of an instance's programs where its mark is, appends their code and loads the whole again, into
 * the hook's array (src/program/splice.c). So programs run in the same place as the carrier, and
 * see nothing but the event. Its stack is what VK_PROGRAM_CARRIER_STACK says: programs have the
 * rest.
 *
 * Each carrier is asked after the rules have allowed; what is no operation of the member (NULL
 * files, the kernel's own sockets) is allowed before the programs are asked.
 */

#ifndef VK_BPF_CARRY_H
#define VK_BPF_CARRY_H

/* The part of an event that is on the carrier's stack. */
struct vk_fixed_event {
	u64 words[VK_EVENT_FIXED / 8];
};
#define vk_event_of(fixed) ((struct vk_policy_event *)&(fixed))

/*
 * vk_ancestor() of the programs, which call it as a function: what @what says of the process
 * @level above the current one. The walk ends at the first that is in no instance: a container does
 * not see who runs it. Its stack is VK_BUILTIN_STACK at most.
 */
__attribute__((used)) static __noinline u64 vk_find_ancestor(u64 level, u64 what)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (level > VK_ANCESTOR_LEVELS)
		return 0;
	for (u32 i = 0; i < VK_ANCESTOR_LEVELS && i < level; i++) {
		task = task->real_parent;
		if (!vk_vki_of(task))
			return 0;
	}
	if (what == VK_ANCESTOR_PID)
		return task->tgid;
	if (what == VK_ANCESTOR_UID)
		return task->real_cred->uid.val;
	if (what == VK_ANCESTOR_INSTANCE)
		return vk_vki_of(task);
	if (what == VK_ANCESTOR_STARTED)
		return task->group_leader->start_boottime;
	return 0;
}

/*
 * Called from between the programs when one has denied. Returns what the hook does: 0 when the
 * program is in audit mode, and the next one is asked.
 */
__attribute__((used)) static __noinline long vk_program_denied(struct vk_policy_event *ev,
							       u64 result, u64 which)
{
	u32 id = which & ~VK_CHAIN_AUDIT, err = EPERM;
	struct vk_detail d = {.op = VK_OP_PROGRAM};
	struct vk_program_row *row;
	struct vk_call c;

	/* Never so: VK_MARK_BUILTIN, by which splice.c finds the function. */
	if (which == 0x766b6600)
		asm volatile("r1 = 0\n"
			     "r2 = 0\n"
			     "r3 = 0x766b6600 ll\n"
			     "call vk_find_ancestor" ::
				     : "r0", "r1", "r2", "r3", "r4", "r5");
	result = -result;
	if (result >= 1 && result <= 133)
		err = result;
	row = bpf_map_lookup_elem(&vk_programs, &id);
	if (row) {
		if (which & VK_CHAIN_AUDIT)
			__sync_fetch_and_add(&row->audited, 1);
		else
			__sync_fetch_and_add(&row->denied, 1);
		d.arg[2] = row->vki;
	}
	d.err = which & VK_CHAIN_AUDIT ? 0 : err;
	d.arg[0] = ev->hook;
	d.arg[1] = id;
	d.class = ev->path_kind;
	d.path = (u64)ev->path; /* not looked at where the event has none */
	d.path_len = ev->path_len;
	if (vk_begin(&c))
		vk_report(&c, &d);
	return d.err ? -(s64)err : 0;
}

/* VK_WANT_* bits of the programs; the engine replaces the number. */
static __always_inline u64 vk_wants(void)
{
	u64 wants;

	asm volatile("%0 = 0x766b7774 ll" : "=r"(wants));
	return wants;
}

/* How many paths a hook has for programs. */
enum vk_paths_of { VK_NO_PATH, VK_ONE_PATH, VK_TWO_PATHS };

/* The event with the paths that the hook left; NULL: no memory. */
static __always_inline struct vk_policy_event *vk_with_path(struct vk_fixed_event *fixed,
							    enum vk_paths_of paths)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vk_policy_event *ev, *to = vk_event_of(*fixed);

	if (paths == VK_TWO_PATHS)
		ev = bpf_task_storage_get(&vk_path_pairs, task, NULL, 0);
	else
		ev = vk_event_one(task, 0);
	if (!ev)
		return NULL;
	to->path_kind = ev->path_kind;
	to->path_len = ev->path_len;
	if (paths == VK_TWO_PATHS) {
		to->new_path_kind = ev->new_path_kind;
		to->new_path_len = ev->new_path_len;
	}
#pragma unroll
	for (u32 i = 0; i < VK_EVENT_FIXED / 8; i++)
		((u64 *)ev)[i] = fixed->words[i];
	return ev;
}

/* Asks all programs; returns what the hook does. */
static __always_inline long vk_ask(struct vk_fixed_event *fixed, enum vk_paths_of paths)
{
	struct vk_policy_event *ev = vk_event_of(*fixed);
	long r;

	if (paths != VK_NO_PATH && vk_wants() & VK_WANT_path) {
		ev = vk_with_path(fixed, paths);
		if (!ev)
			return -EACCES; /* deny: no path to decide by */
	}
	/* VK_MARK_CHAIN, in the words that splice.c looks for. */
	asm volatile("r1 = %[ev]\n"
		     "r2 = 0\n"
		     "r3 = 0x766b6368 ll\n"
		     "call vk_program_denied\n"
		     "%[r] = r0"
		     : [r] "=r"(r)
		     : [ev] "r"(ev)
		     : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
	return r;
}

#define VK_WANTS_SUBJECT                                                                           \
	(VK_WANT_cred | VK_WANT_parent | VK_WANT_comm | VK_WANT_time | VK_WANT_exe |               \
	 VK_WANT_instance)

/* Who: the same for every hook. */
static __always_inline void vk_subject(struct vk_policy_event *ev, u32 hook,
				       struct task_struct *task, const struct cred *cred)
{
	u64 wants = vk_wants(), pid = bpf_get_current_pid_tgid();

	ev->abi = VK_EVENT_ABI;
	ev->hook = hook;
	ev->pid = pid >> 32;
	ev->tid = pid;
	ev->uid = cred->uid.val;
	/* Asked once for all of them: the verifier removes what follows, but not the questions. */
	if (!(wants & VK_WANTS_SUBJECT))
		return;
	if (wants & VK_WANT_cred) {
		ev->gid = cred->gid.val;
		ev->euid = cred->euid.val;
	}
	if (wants & VK_WANT_parent)
		ev->ppid = task->real_parent->tgid;
	if (wants & VK_WANT_comm) {
		((u64 *)ev->comm)[0] = ((u64 *)task->comm)[0];
		((u64 *)ev->comm)[1] = ((u64 *)task->comm)[1];
	}
	if (wants & VK_WANT_time)
		ev->time_ns = bpf_ktime_get_ns();
	if (wants & VK_WANT_exe) {
		struct mm_struct *mm = task->mm;
		struct file *exe = mm ? mm->exe_file : NULL;

		if (exe) {
			ev->exe_ino = exe->f_inode->i_ino;
			ev->exe_dev = exe->f_inode->i_sb->s_dev;
		}
	}
	if (wants & VK_WANT_instance) {
		u32 vki = vk_current_place(task) / sizeof(struct vk_instance);

		ev->instance = vki;
#pragma unroll
		for (u32 i = 0; i < VK_MAX_LAYERS; i++) {
			vki = vk_instance_at(vki)->parent;
			if (!vki)
				break;
			ev->depth++;
		}
	}
}

static __always_inline void vk_object(struct vk_policy_event *ev, struct file *file)
{
	struct inode *inode;

	if (!(vk_wants() & VK_WANT_inode))
		return;
	inode = file->f_inode;
	ev->file.ino = inode->i_ino;
	ev->file.dev = inode->i_sb->s_dev;
	ev->file.mode = inode->i_mode;
}

/*
 * Of an existing dentry, or of one whose inode is still to be made. By number: verifiers since 6.4
 * hold d_inode to be not NULL, and remove a test of it.
 */
static __always_inline void vk_entry(struct vk_policy_event *ev, struct dentry *dentry)
{
	u64 inode = 0, sb;

	if (!(vk_wants() & VK_WANT_inode))
		return;
	bpf_probe_read_kernel(&inode, sizeof(inode),
			      (void *)dentry + bpf_core_field_offset(struct dentry, d_inode));
	if (!inode) {
		ev->file.dev = dentry->d_sb->s_dev;
		return;
	}
	sb = vk_probe64(inode + bpf_core_field_offset(struct inode, i_sb));
	ev->file.ino = vk_probe64(inode + bpf_core_field_offset(struct inode, i_ino));
	ev->file.dev = (u32)vk_probe64(sb + bpf_core_field_offset(struct super_block, s_dev));
	ev->file.mode = (u16)vk_probe64(inode + bpf_core_field_offset(struct inode, i_mode));
}

/* The head of a carrier: "fixed" is the event's memory, "ev" the event. */
#define VK_EVENT(name)                                                                             \
	struct vk_fixed_event fixed = {};                                                          \
	struct vk_policy_event *ev = vk_event_of(fixed);                                           \
	struct task_struct *self = bpf_get_current_task_btf();                                     \
	vk_subject(ev, VK_HOOK_##name, self, self->real_cred)

/* The end of one: asks, and turns the answer into what the verifier takes for an errno. */
static __always_inline int vk_answer(struct vk_fixed_event *fixed, enum vk_paths_of paths)
{
	s64 r = vk_ask(fixed, paths);

	if (r >= 0)
		return 0;
	if (r < -133)
		return -EPERM;
	return r;
}

#endif
