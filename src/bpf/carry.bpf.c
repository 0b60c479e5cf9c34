/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * carry.bpf.c - carriers: for each hook, what makes the event and asks the programs.
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

/* ---- files ---- */

/* Programs are asked here most often: nothing is loaded twice. */
SEC("lsm/file_open")
int BPF_PROG(vk_c_file_open, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = task->real_cred;
	struct vk_fixed_event fixed = {};
	struct vk_policy_event *ev = vk_event_of(fixed);

	/* allow: opened by overlayfs, for a file that was asked about by its own name */
	if (task->cred != cred && vk_mount_is_private(file->f_path.mnt))
		return 0;
	vk_subject(ev, VK_HOOK_file_open, task, cred);
	vk_object(ev, file);
	ev->file.flags = file->f_flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/bprm_check_security")
int BPF_PROG(vk_c_bprm_check_security, struct linux_binprm *bprm)
{
	VK_EVENT(bprm_check_security);
	vk_object(ev, bprm->file);
	return vk_answer(&fixed, VK_ONE_PATH);
}

/* Since 6.5 an overlay's file is mapped by the file underneath: the overlay's own inode. */
static __always_inline void vk_mapped_object(struct vk_policy_event *ev, struct file *file)
{
	struct backing_file *backing = NULL;
	u64 user, inode;

	vk_object(ev, file);
	if (!(vk_wants() & VK_WANT_inode) || !bpf_core_field_exists(backing->user_path) ||
	    !vk_mount_is_private(file->f_path.mnt))
		return;
	bpf_probe_read_kernel(&user, sizeof(user),
			      (void *)file + bpf_core_field_offset(struct backing_file, user_path) +
				      bpf_core_field_offset(struct path, dentry));
	inode = vk_probe64(vk_dentry_field(user, d_inode));
	ev->file.ino = vk_probe64(inode + bpf_core_field_offset(struct inode, i_ino));
	inode = vk_probe64(inode + bpf_core_field_offset(struct inode, i_sb));
	ev->file.dev = (u32)vk_probe64(inode + bpf_core_field_offset(struct super_block, s_dev));
}

SEC("lsm/mmap_file")
int BPF_PROG(vk_c_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	u64 given = 0;

	/* As in vk_mmap. */
	bpf_probe_read_kernel(&given, sizeof(given), &file);
	if (!file || !given)
		return 0; /* allow: anonymous memory */
	if (vk_fmod) {
		flags = prot;
		prot = reqprot;
		if (prot & PROT_READ && bpf_get_current_task_btf()->personality & READ_IMPLIES_EXEC)
			prot |= PROT_EXEC;
	}
	VK_EVENT(mmap_file);
	vk_mapped_object(ev, file);
	ev->file.flags = flags;
	ev->file.prot = prot;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/file_mprotect")
int BPF_PROG(vk_c_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot)
{
	struct file *file = vma->vm_file;

	VK_EVENT(file_mprotect);
	if (file)
		vk_mapped_object(ev, file);
	ev->file.prot = prot;
	return vk_answer(&fixed, VK_ONE_PATH);
}

static __always_inline int vk_carry_command(struct vk_fixed_event *fixed, struct file *file,
					    unsigned int cmd, unsigned long arg)
{
	struct vk_policy_event *ev = vk_event_of(*fixed);

	vk_object(ev, file);
	ev->file.flags = cmd;
	ev->file.value = arg;
	return vk_answer(fixed, VK_ONE_PATH);
}

SEC("lsm/file_ioctl")
int BPF_PROG(vk_c_file_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_ioctl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/file_ioctl_compat")
int BPF_PROG(vk_c_file_ioctl_compat, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_ioctl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/file_fcntl")
int BPF_PROG(vk_c_file_fcntl, struct file *file, unsigned int cmd, unsigned long arg)
{
	VK_EVENT(file_fcntl);
	return vk_carry_command(&fixed, file, cmd, arg);
}

SEC("lsm/path_truncate")
int BPF_PROG(vk_c_path_truncate, const struct path *path)
{
	VK_EVENT(path_truncate);
	vk_entry(ev, path->dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/file_truncate")
int BPF_PROG(vk_c_file_truncate, struct file *file)
{
	VK_EVENT(path_truncate);
	vk_object(ev, file);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_chmod")
int BPF_PROG(vk_c_path_chmod, const struct path *path, u16 mode)
{
	VK_EVENT(path_chmod);
	vk_entry(ev, path->dentry);
	ev->file.flags = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_chown")
int BPF_PROG(vk_c_path_chown, const struct path *path, u64 uid, u64 gid)
{
	VK_EVENT(path_chown);
	vk_entry(ev, path->dentry);
	ev->file.value = (u32)uid | (gid & 0xffffffff) << 32;
	return vk_answer(&fixed, VK_ONE_PATH);
}

/* ---- names ---- */

SEC("lsm/path_mknod")
int BPF_PROG(vk_c_path_mknod, const struct path *dir, struct dentry *dentry, u16 mode,
	     unsigned int dev)
{
	VK_EVENT(path_mknod);
	vk_entry(ev, dentry);
	ev->file.mode = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_unlink")
int BPF_PROG(vk_c_path_unlink, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_unlink);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_mkdir")
int BPF_PROG(vk_c_path_mkdir, const struct path *dir, struct dentry *dentry, u16 mode)
{
	VK_EVENT(path_mkdir);
	vk_entry(ev, dentry);
	ev->file.mode = mode;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_rmdir")
int BPF_PROG(vk_c_path_rmdir, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_rmdir);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_symlink")
int BPF_PROG(vk_c_path_symlink, const struct path *dir, struct dentry *dentry)
{
	VK_EVENT(path_symlink);
	vk_entry(ev, dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/path_link")
int BPF_PROG(vk_c_path_link, struct dentry *old_dentry)
{
	VK_EVENT(path_link);
	vk_entry(ev, old_dentry);
	return vk_answer(&fixed, VK_TWO_PATHS);
}

SEC("lsm/path_rename")
int BPF_PROG(vk_c_path_rename, const struct path *old_dir, struct dentry *old_dentry,
	     const struct path *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	VK_EVENT(path_rename);
	vk_entry(ev, old_dentry);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_TWO_PATHS);
}

/* ---- mounts ---- */

SEC("lsm/sb_mount")
int BPF_PROG(vk_c_sb_mount, const char *dev_name, const struct path *path, const char *type,
	     unsigned long flags)
{
	VK_EVENT(sb_mount);
	vk_entry(ev, path->dentry);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/move_mount")
int BPF_PROG(vk_c_move_mount, const struct path *from, const struct path *to)
{
	VK_EVENT(move_mount);
	vk_entry(ev, to->dentry);
	return vk_answer(&fixed, VK_ONE_PATH);
}

SEC("lsm/sb_umount")
int BPF_PROG(vk_c_sb_umount, struct vfsmount *mnt, int flags)
{
	VK_EVENT(sb_umount);
	vk_entry(ev, mnt->mnt_root);
	ev->file.flags = flags;
	return vk_answer(&fixed, VK_ONE_PATH);
}

/* ---- sockets ---- */

SEC("lsm/socket_create")
int BPF_PROG(vk_c_socket_create, int family, int type, int protocol, int kern)
{
	if (kern)
		return 0; /* allow: the kernel's own */
	VK_EVENT(socket_create);
	ev->net.family = family;
	ev->net.type = type;
	ev->net.protocol = protocol;
	return vk_answer(&fixed, VK_NO_PATH);
}

static __always_inline void vk_socket_object(struct vk_policy_event *ev, struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return;
	ev->net.family = sk->__sk_common.skc_family;
	ev->net.type = sk->sk_type;
	ev->net.protocol = sk->sk_protocol;
}

/* A function of its own: its stack is not the carrier's. */
static __noinline int vk_put_address(struct vk_policy_event *ev, const void *address, u64 len,
				     u64 op)
{
	struct vk_endpoint e = {.op = op & ~VK_SENDING};

	if (!vk_read_address(&e, address, len, ev->net.family, op != VK_NET_CONNECT))
		return 0;
	ev->net.port = e.port;
	ev->addr32[0] = e.addr[0];
	ev->addr32[1] = e.addr[1];
	ev->addr32[2] = e.addr[2];
	ev->addr32[3] = e.addr[3];
	if (e.family == AF_INET)
		ev->net.family = AF_INET; /* also of a mapped address */
	return 0;
}

SEC("lsm/socket_bind")
int BPF_PROG(vk_c_socket_bind, struct socket *sock, void *address, int len)
{
	VK_EVENT(socket_bind);
	vk_socket_object(ev, sock);
	vk_put_address(ev, address, len, VK_NET_BIND);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_connect")
int BPF_PROG(vk_c_socket_connect, struct socket *sock, void *address, int len)
{
	VK_EVENT(socket_connect);
	vk_socket_object(ev, sock);
	vk_put_address(ev, address, len, VK_NET_CONNECT);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_listen")
int BPF_PROG(vk_c_socket_listen, struct socket *sock, int backlog)
{
	VK_EVENT(socket_listen);
	vk_socket_object(ev, sock);
	ev->net.value = (u32)backlog;
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_accept")
int BPF_PROG(vk_c_socket_accept, struct socket *sock)
{
	VK_EVENT(socket_accept);
	vk_socket_object(ev, sock);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(vk_c_socket_sendmsg, struct socket *sock, struct msghdr *msg, int size)
{
	void *address = msg->msg_name;

	VK_EVENT(socket_sendmsg);
	vk_socket_object(ev, sock);
	if (address)
		vk_put_address(ev, address, msg->msg_namelen, VK_NET_CONNECT | VK_SENDING);
	ev->net.value = (u32)size;
	return vk_answer(&fixed, VK_NO_PATH);
}

static __always_inline int vk_carry_peer(struct vk_fixed_event *fixed, struct sock *other)
{
	struct unix_sock *peer = other ? bpf_skc_to_unix_sock(other) : NULL;
	struct dentry *dentry = peer ? peer->path.dentry : NULL;

	if (dentry)
		vk_entry(vk_event_of(*fixed), dentry);
	return vk_answer(fixed, VK_ONE_PATH);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(vk_c_unix_stream_connect, struct sock *sock, struct sock *other)
{
	VK_EVENT(unix_stream_connect);
	return vk_carry_peer(&fixed, other);
}

SEC("lsm/unix_may_send")
int BPF_PROG(vk_c_unix_may_send, struct socket *sock, struct socket *other)
{
	VK_EVENT(unix_may_send);
	return vk_carry_peer(&fixed, other->sk);
}

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
VK_CARRY_NUMBER(perf_event_open, (u32)type, void *attr, int type)
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
