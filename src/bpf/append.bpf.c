/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * append.bpf.c - what a member may only append to is not changed anywhere else: not by fallocate(2),
 * which punches holes, nor by RWF_NOAPPEND, nor by the ways to these of ioctl(2), io_submit(2) and
 * io_uring.
 *
 * The one hook on their way is told the file, and that it is to be written. What by is told by the
 * number of the call: those below cannot but write at the end of a file with O_APPEND. Whatever else
 * writes, calls of later kernels included, needs the right to write.
 *
 * The hook is passed by every read and write of every process, so it is attached only while some
 * policy grants to append and not to write.
 */

#define RWF_NOAPPEND 0x20
#define RWF_APPENDS 0x1df /* flags of pwritev2(2) that leave O_APPEND alone, as of 6.18 */

/* The number and the arguments are those that the kernel dispatched on, as in vk_sets_mount_flags. */
static __always_inline bool vk_call_appends(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u32 nr = (u32)regs->orig_ax;

	if (task->thread_info.status & TS_COMPAT) {
		switch (nr) {
		case 4: /* write */
		case 146: /* writev */
		case 181: /* pwrite64 */
		case 334: /* pwritev */
		case 187: /* sendfile, and these: refuse such files by themselves */
		case 239: /* sendfile64 */
		case 313: /* splice */
		case 377: /* copy_file_range */
			return true;
		case 379: /* pwritev2, flags are the sixth argument */
			return !((u32)regs->bp & ~RWF_APPENDS);
		}
		return false;
	}
	switch (nr & ~0x40000000u) {
	case 1: /* write */
	case 18: /* pwrite64 */
	case 20: /* writev */
	case 296: /* pwritev */
	case 516: /* writev of x32 */
	case 535: /* pwritev of x32 */
	case 40: /* sendfile, and these: refuse such files by themselves */
	case 275: /* splice */
	case 326: /* copy_file_range */
		return true;
	case 328: /* pwritev2, flags are the sixth argument */
		return !((u32)regs->r9 & ~RWF_APPENDS);
	case 547: /* pwritev2 of x32, the fifth */
		return !((u32)regs->r8 & ~RWF_APPENDS);
	}
	return false;
}

static __noinline int vk_check_append(struct file *file)
{
	struct vk_call c;
	int r;

	/* Requests of a ring run in its tasks whenever these leave the kernel, after any call. */
	if (!bpf_get_current_task_btf()->io_uring &&
	    !(bpf_get_current_task_btf()->flags & PF_IO_WORKER) &&
	    vk_call_appends(bpf_get_current_task_btf()))
		return 0; /* allow: at the end */
	r = vk_begin_rules(&c, EACCES);
	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & VK_NEED_APPEND))
		return 0; /* allow: no name grants this instance to append only */
	if (c.task->cred != c.task->real_cred && vk_mount_is_private(file->f_path.mnt))
		return 0; /* allow: the file underneath an overlay's, which was asked about before */
	return vk_judge(&c, VK_OP_WRITE, VK_R_WRITE,
			vk_file_rights(&c, file->f_path.dentry, file->f_path.mnt), EACCES,
			file->f_path.dentry, file->f_path.mnt);
}

SEC("lsm/file_permission")
int BPF_PROG(vk_append, struct file *file, int mask)
{
	if (!(mask & MAY_WRITE) || !(file->f_flags & O_APPEND) ||
	    !bpf_get_current_task_btf()->bpf_storage)
		return vk_allow(); /* allow: not written; not open to append; not a member */
	return vk_check_append(file);
}
