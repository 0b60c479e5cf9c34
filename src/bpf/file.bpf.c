/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * file.bpf.c - opening, executing and changing files that exist.
 *
 * A file opened before its process became a member keeps working, as a descriptor is a right
 * already granted; opening it again by any name (/proc/self/fd included) is checked.
 */

/* All checks of one existing file by path. */
static __always_inline int vk_check_file(struct dentry *dentry, struct vfsmount *mnt, u32 op,
					 u32 want, int err)
{
	struct vk_call c;

	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_judge(&c, op, want, vk_file_rights(&c, dentry, mnt), err, dentry, mnt);
}

/*
 * Whether fanotify(7) opens a file for whoever reads an event. Since 6.5 (commit bc2473c90fca5) it
 * tells of files underneath an overlay's; before, overlayfs itself opens them so, and fanotify
 * none. Where the flag is: kernel.h.
 */
static __always_inline bool vk_open_for_event(struct file *file)
{
	struct dentry___short *short_name = NULL;

	if (!bpf_core_type_exists(struct backing_file))
		return false;
	if (bpf_core_field_exists(short_name->d_shortname))
		return file->f_mode & FMODE_NONOTIFY;
	return file->f_flags & (FMODE_NONOTIFY | FMODE_NONOTIFY << 1);
}

/* Whether the current task opens a file under other credentials than its own, as overlayfs does. */
static __always_inline bool vk_open_lent(struct task_struct *task, struct file *file)
{
	return task->cred != task->real_cred && !vk_open_for_event(file);
}

/*
 * Whether it does so underneath a file of an overlay's: on a mount that only overlayfs has. What
 * io_uring lets a member choose are its own credentials, and the one way to such a mount is an event.
 */
static __always_inline bool vk_open_below(struct task_struct *task, struct file *file)
{
	return vk_open_lent(task, file) && vk_mount_is_private(file->f_path.mnt);
}

/* All opens but those that are granted at a glance. */
static __noinline int vk_open_judge(struct file *file, u64 rights)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 mode, flags, want = 0;
	struct vk_call c;

	if (rights & VK_RIGHTS_BELOW && vk_open_lent(task, file))
		return 0; /* allow: as below, the mount being known */
	mode = file->f_mode;
	flags = file->f_flags;
	if (mode & FMODE_READ)
		want |= VK_R_READ;
	if (mode & FMODE_WRITE) {
		want |= flags & O_APPEND ? VK_R_APPEND : VK_R_WRITE;
		if (flags & O_TRUNC && !(mode & FMODE_CREATED))
			want |= VK_R_TRUNCATE;
	} else if (!(mode & FMODE_READ))
		want |= VK_R_READ; /* open(2) with access mode 3: neither, for ioctl(2) only */
	/*
	 * The kernel opens a program, its ELF interpreter or a script to execute it, with a flag
	 * that open(2) does not take: EXEC is checked by vk_exec; reading needs no right then.
	 */
	if (flags & FMODE_EXEC && rights & (VK_R_EXEC | VK_R_MMAP_EXEC))
		want &= ~VK_R_READ;
	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	/*
	 * allow: the file underneath an overlay's, opened by overlayfs itself, under its mounter's
	 * credentials, for a file that was checked under its own name. A fanotify(7) event may
	 * offer the same file to a member: under its own, or by io_uring under others.
	 */
	if (want & ~(u32)rights && vk_open_below(task, file))
		return 0;
	return vk_judge(&c, VK_OP_OPEN, want, rights, EACCES, file->f_path.dentry,
			file->f_path.mnt);
}

/* Whether @rights grant to read what is opened to be read, and nothing is to be reported. */
static __always_inline bool vk_open_reads(struct file *file, u64 rights)
{
	return (rights & (VK_R_READ | (u64)VK_R_READ << 32)) == VK_R_READ &&
	       (file->f_mode & (FMODE_READ | FMODE_WRITE)) == FMODE_READ;
}

/* The directory's entry of the cache, by the fast walk; VK_NAME_SLOW or _ROOT: without success. */
static __noinline u64 vk_open_walk(struct dentry *dir, struct vfsmount *mnt, u64 rule, u64 stamp,
				   struct vk_name_slot *slot)
{
	struct vk_call c;
	u64 data;

	c.rule = rule;
	if (!slot || !vk_load_image(&c))
		return VK_NAME_SLOW;
	c.names = vk_names_gen();
	data = vk_dir_walk(&c, dir, mnt);
	if ((u32)data == VK_NAME_SLOW || (u32)data == VK_NAME_ROOT)
		return data;
	data = vk_dir_data(&c, (u32)data);
	vk_slot_put(slot, dir, mnt, stamp, data);
	return data;
}

/*
 * Rights of a file by its name; @data is the entry of the directory @dir, or what it was when it
 * was. VK_RIGHTS_SLOW: unknown.
 */
static __noinline u64 vk_open_feed(struct dentry *dentry, struct dentry *dir, u64 rule, u64 data)
{
	u32 begun = vk_read_once(vk_move_begin), name;
	struct vk_call c;

	c.rule = rule;
	if (begun != vk_read_once(vk_move_end) || dentry->d_parent != dir ||
	    !vk_name_is_inline(dentry, vk_inline_off) || !vk_load_image(&c))
		return VK_RIGHTS_SLOW;
	name = vk_feed_component(c.img, c.mask, VK_NAME_ENTRY(data), dentry, vk_inline_off);
	if (begun != vk_read_once(vk_move_begin))
		return VK_RIGHTS_SLOW;
	return vk_rights_open(vk_name_rights(&c, VK_NAME(VK_NAME_CLASS((u32)data), name)));
}

/*
 * The first open of a file. That its directory has an entry, or that the walk from there reaches
 * the mount's root, says that the file is below that root.
 *
 * Moves are serialized. While @names stays, none of a directory ended, so the entry of @dir is its
 * name at a time when the file was in it: before such a move, if one is under way. A move of the
 * file that ends after its stamp was read makes the entry made here stale.
 */
static __noinline u64 vk_open_near(struct dentry *dentry, struct vfsmount *mnt, u32 place)
{
	struct dentry *dir;
	u64 hash, file_hash, view, data, names, rule, rights, stamp, file_stamp;
	struct vk_name_slot *slot;

	rule = vk_read_once(vk_instance_placed(place)->rule);
	names = vk_names_gen();
	view = vk_view(rule);
	file_hash = vk_dentry_hash(vk_key(dentry));
	file_stamp = vk_stamp(view, names, file_hash);
	asm volatile("" ::: "memory");
	dir = dentry->d_parent;
	if (dir == dentry)
		goto slow;
	hash = vk_dentry_hash(vk_key(dir));
	slot = vk_dir_slot(hash, view);
	stamp = vk_stamp(view, names, hash);
	if (!vk_slot_get(slot, dir, mnt, stamp, &data)) {
		data = vk_open_walk(dir, mnt, rule, stamp, slot);
		if ((u32)data == VK_NAME_ROOT)
			return VK_RIGHTS_ROOT;
		if ((u32)data == VK_NAME_SLOW)
			goto slow;
	}
	if (vk_has_sign(data)) { /* VK_DIR_ALIKE */
		rights = data >> VK_DIR_RIGHTS;
	} else {
		rights = vk_open_feed(dentry, dir, rule, data);
		if (rights == VK_RIGHTS_SLOW)
			goto slow;
	}
	if (names != vk_names_gen())
		goto slow;
	vk_slot_put(vk_file_slot(file_hash, view), dentry, mnt, file_stamp, rights);
	return rights;
slow:
	rights = VK_RIGHTS_SLOW;
	asm volatile("" : "+r"(rights)); /* else it is set before each test */
	return rights;
}

/*
 * Names a mount's root for the fast walk, once for each mount. Called from the top, as what follows
 * is: below the walk the stack would not suffice. 1: go on.
 *
 * The file underneath an overlay's, opened by overlayfs itself as in vk_open_judge, has no rights,
 * whatever its name: that can be kept, and vk_open_judge is asked at once next time.
 */
static __noinline int vk_open_root(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	struct vfsmount *mnt = file->f_path.mnt;
	struct vk_call c;
	u64 hash, view;

	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	c.names = vk_names_gen();
	if (vk_open_below(c.task, file)) {
		hash = vk_dentry_hash(vk_key(dentry));
		view = vk_view(c.rule);
		vk_slot_put(vk_file_slot(hash, view), dentry, mnt, vk_stamp(view, c.names, hash),
			    VK_RIGHTS_BELOW);
		return 0; /* allow: overlayfs itself */
	}
	if (vk_load_image(&c))
		vk_root_name(&c, mnt);
	return 1;
}

static __noinline u64 vk_open_slow(struct file *file)
{
	struct vk_call c;

	if (!vk_begin(&c))
		return 0; /* not a member: vk_open_judge allows */
	c.names = vk_names_gen();
	return vk_file_rights_miss(&c, file->f_path.dentry, file->f_path.mnt);
}

/*
 * The hottest hook. What a warm open does not need is in functions of its own, and no register is
 * kept across calls, see vk_arguments; for the same reason the mount is read after the dentry was
 * found.
 */
#define vk_file_of(arguments) ((struct file *)(*(arguments))[0])

#define VK_GRANTED 1 /* the rules do; not 0, so that all who allow share one end */

/*
 * Judges an open by rules: VK_GRANTED, negative, or 0 if the task is no member (which may be marked
 * for its next exec, and its set-up allowed). *ret_place: of the member.
 */
static __always_inline int vk_open(struct task_struct *task, vk_arguments *arguments,
				   volatile u32 *ret_place)
{
	u64 names = vk_names_gen_of(task), hash, view, stamp, mix, rights;
	volatile struct vk_found found;
	u32 place = vk_member_find(task, &found);
	struct vk_name_slot *slot;
	struct dentry *dentry, *volatile kept;
	int r;

	if (place) {
		*ret_place = place;
		view = vk_view(vk_read_once(vk_instance_placed(place)->rule));
		dentry = vk_file_of(arguments)->f_path.dentry;
		hash = vk_dentry_hash(vk_key(dentry));
		stamp = vk_stamp(view, names, hash);
		slot = vk_file_slot(hash, view);
		asm volatile("" : "+r"(slot)); /* as in vk_slot_get */
		mix = vk_slot_data(slot, stamp, &rights);
		if (vk_key_is(vk_read_once(slot->dentry), mix, dentry) &&
		    vk_key_is(vk_read_once(slot->mnt), mix, vk_file_of(arguments)->f_path.mnt))
			goto judge;
		kept = dentry;
		if (vk_member_kept(&found))
			goto near;
	}
	place = vk_member_miss(found.task);
	*ret_place = place;
	if (!place)
		return vk_setup_open(vk_file_of(arguments)); /* not bound yet, if ever */
	kept = vk_file_of(arguments)->f_path.dentry;
near:
	rights = vk_open_near(kept, vk_file_of(arguments)->f_path.mnt, *ret_place);
	if ((s64)rights < 0) { /* VK_RIGHTS_ROOT or _SLOW */
		if (rights == VK_RIGHTS_ROOT && !vk_open_root(vk_file_of(arguments)))
			return VK_GRANTED; /* no member, or overlayfs itself */
		rights = vk_open_slow(vk_file_of(arguments));
	}
judge:
	if (vk_has_sign(rights) /* VK_RIGHTS_OPENS */ ||
	    vk_open_reads(vk_file_of(arguments), rights))
		return VK_GRANTED; /* and not to be reported */
	r = vk_open_judge(vk_file_of(arguments), rights);
	return r ? r : VK_GRANTED;
}

SEC("lsm/file_open")
int BPF_PROG(vk_file_open, struct file *file)
{
	vk_arguments arguments = ctx;
	struct task_struct *task = bpf_get_current_task_btf();
	volatile u32 place;
	int r;

	if (task->bpf_storage) {
		r = vk_open(task, &arguments, &place);
		if (r != VK_GRANTED)
			return r; /* deny: the rules do; allow: not a member */
	}
	return vk_allow(); /* allow: not a member; or granted */
}

/* See ask.h; what VK_HOOK would make looks for the member again. */
SEC("lsm/file_open")
int BPF_PROG(vk_file_open_asks, struct file *file)
{
	vk_arguments arguments = ctx;
	struct task_struct *task = bpf_get_current_task_btf();
	volatile u32 place;
	int r;

	if (task->bpf_storage) {
		r = vk_open(task, &arguments, &place);
		if (r != VK_GRANTED)
			return r; /* deny: the rules do; allow: not a member */
		if (place) {
			ctx = arguments;
			VK_ASK(file_open, file, place, 0);
		}
	}
	return vk_allow(); /* allow: not a member; or nobody has programs here */
}

/* Called for a script and again for its interpreter. */
SEC("lsm/bprm_check_security")
int VK_HOOK(vk_exec, bprm_check_security, bprm, struct linux_binprm *bprm)
{
	return vk_check_file(bprm->file->f_path.dentry, bprm->file->f_path.mnt, VK_OP_EXEC,
			     VK_R_EXEC, EACCES);
}

SEC("lsm/mmap_file")
int VK_HOOK_LEAVING(vk_mmap, mmap_file, mapped, struct file *file, unsigned long reqprot,
		    unsigned long prot, unsigned long flags)
{
	struct vk_call c;
	u64 given = 0;
	u32 want = 0;

	/* As a number, too: as in vk_kill. */
	bpf_probe_read_kernel(&given, sizeof(given), &file);
	if (!file || !given)
		return 0; /* allow: anonymous memory has no name */
	if (vk_fmod) {
		/* security_mmap_file(file, prot, flags) computes the hook's prot itself. */
		flags = prot;
		prot = reqprot;
		if (prot & PROT_READ && bpf_get_current_task_btf()->personality & READ_IMPLIES_EXEC)
			prot |= PROT_EXEC;
	}
	if (prot & PROT_EXEC)
		want = VK_R_MMAP_EXEC;
	/* A shared writable mapping writes anywhere, so a descriptor to append is not enough. */
	if (prot & PROT_WRITE && (flags & 0xf) != 2 && file->f_flags & O_APPEND)
		want |= VK_R_WRITE;
	if (!want)
		return 0; /* allow: neither executable nor around O_APPEND */
	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_judge(&c, VK_OP_MMAP, want,
			vk_file_rights(&c, file->f_path.dentry, file->f_path.mnt), EACCES,
			file->f_path.dentry, file->f_path.mnt);
}

/* Since 6.5 an overlay's file is mapped by the file underneath: judged by its own name. */
static __noinline int vk_check_mapped(struct file *file, u32 want)
{
	struct vk_call c;
	u32 name;

	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	if (!vk_load_image(&c))
		return -EACCES; /* deny: no rules */
	name = vk_scratch_name(&c, vk_build_mapped(&c, file));
	return vk_judge(&c, VK_OP_MMAP, want, vk_name_rights(&c, name), EACCES, file->f_path.dentry,
			file->f_path.mnt);
}

SEC("lsm/file_mprotect")
int VK_HOOK(vk_mprotect, file_mprotect, vma, struct vm_area_struct *vma, unsigned long reqprot,
	    unsigned long prot)
{
	struct file *file = vma->vm_file;
	u32 want = 0;

	if (!file)
		return 0; /* allow: no file */
	if (prot & PROT_EXEC)
		want = VK_R_MMAP_EXEC;
	if (prot & PROT_WRITE && vma->vm_flags & VM_SHARED && file->f_flags & O_APPEND)
		want |= VK_R_WRITE; /* as in vk_mmap */
	if (!want)
		return 0; /* allow: neither made executable nor around O_APPEND */
	return vk_check_mapped(file, want);
}

/*
 * SIGIO, or any signal chosen by F_SETSIG, goes to whom a file's owner is set to: that is sending
 * a signal. Within a limited scope a member may set only itself. What is set through memory that
 * can change after the check (F_SETOWN_EX, ioctl) is refused there.
 */
static __noinline int vk_check_owner(bool by_value, u64 arg)
{
	struct vk_detail d = {.op = VK_OP_SIGNAL};
	struct vk_call c;
	struct pid *pid;
	u64 level;
	int nr = 0, r = vk_begin_rules(&c, EPERM);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (vk_image(&c)->signal_scope == VK_SCOPE_ALL &&
	    vk_image(&c)->signal_audit == VK_SCOPE_ALL)
		return 0; /* allow: signals are not limited */
	if (by_value) {
		pid = c.task->group_leader->thread_pid;
		level = pid->level;
		bpf_probe_read_kernel(&nr, sizeof(nr),
				      (void *)&pid->numbers + level * sizeof(struct upid));
		if (arg == 0 || (int)arg == nr)
			return 0; /* allow: nobody, or itself */
	}
	d.err = vk_image(&c)->signal_scope == VK_SCOPE_ALL ? 0 : EPERM;
	d.arg[0] = arg;
	return vk_report(&c, &d);
}

/* F_SETFL that drops O_APPEND turns appending into writing. */
SEC("lsm/file_fcntl")
int VK_HOOK(vk_fcntl, file_fcntl, file, struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == F_SETOWN || cmd == F_SETOWN_EX)
		return vk_check_owner(cmd == F_SETOWN, arg);
	if (cmd != F_SETFL || arg & O_APPEND || !(file->f_flags & O_APPEND) ||
	    !(file->f_mode & FMODE_WRITE))
		return 0; /* allow: no change from append to write */
	return vk_check_file(file->f_path.dentry, file->f_path.mnt, VK_OP_OPEN, VK_R_WRITE, EACCES);
}

/*
 * Typing into one's terminal (TIOCSTI, TIOCLINUX) is typing into the shell outside that shares it:
 * refused to every member as far as ioctl(2) is looked at.
 */
static __noinline int vk_refuse_typing(void)
{
	struct vk_detail d = {.op = VK_OP_IOCTL, .err = EPERM};
	struct vk_call c;

	if (!vk_begin(&c))
		return 0; /* allow: not a member */
	return vk_report(&c, &d);
}

static __noinline int vk_check_flags(struct file *file); /* xattr.bpf.c */

static __always_inline int vk_check_ioctl(struct file *file, unsigned int cmd)
{
	int r = 0;

	if (cmd == FIOSETOWN || cmd == SIOCSPGRP)
		r = vk_check_owner(false, 0);
	else if (cmd == TIOCSTI || cmd == TIOCLINUX)
		r = vk_refuse_typing();
	else if (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC32_SETFLAGS || cmd == FS_IOC_FSSETXATTR ||
		 cmd == FAT_IOCTL_SET_ATTRIBUTES)
		r = vk_check_flags(file);
	if (r)
		return r; /* deny: signals for somebody else, typing, or flags */
	return vk_check_file(file->f_path.dentry, file->f_path.mnt, VK_OP_IOCTL, VK_R_IOCTL,
			     EACCES);
}

SEC("lsm/file_ioctl")
int VK_HOOK(vk_ioctl, file_ioctl, file, struct file *file, unsigned int cmd, unsigned long arg)
{
	return vk_check_ioctl(file, cmd);
}

/* ioctl from 32-bit code; a hook of its own since 6.8 (commit f1bb47a31dff). */
SEC("lsm/file_ioctl_compat")
int VK_HOOK(vk_ioctl_compat, file_ioctl_compat, file, struct file *file, unsigned int cmd,
	    unsigned long arg)
{
	return vk_check_ioctl(file, cmd); /* the numbers that it knows are the same there */
}

SEC("lsm/path_truncate")
int VK_HOOK(vk_truncate, path_truncate, path, const struct path *path)
{
	return vk_check_file(path->dentry, path->mnt, VK_OP_TRUNCATE, VK_R_TRUNCATE, EACCES);
}

/* ftruncate; a hook of its own since 6.2 (commit 3350607dc563). */
SEC("lsm/file_truncate")
int VK_HOOK(vk_ftruncate, file_truncate, file, struct file *file)
{
	return vk_check_file(file->f_path.dentry, file->f_path.mnt, VK_OP_TRUNCATE, VK_R_TRUNCATE,
			     EACCES);
}

SEC("lsm/path_chmod")
int VK_HOOK_LEAVING(vk_chmod, path_chmod, path, const struct path *path)
{
	return vk_check_file(path->dentry, path->mnt, VK_OP_CHMOD, VK_R_CHMOD, EACCES);
}

SEC("lsm/path_chown")
int VK_HOOK_LEAVING(vk_chown, path_chown, path, const struct path *path)
{
	return vk_check_file(path->dentry, path->mnt, VK_OP_CHOWN, VK_R_CHOWN, EACCES);
}
