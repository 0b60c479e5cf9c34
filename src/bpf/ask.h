/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ask.h - from a hook's own check to the policy programs of the instance.
 *
 * What the rules allow, programs may still deny. A hook program is written as
 *
 *	SEC("lsm/socket_listen")
 *	int VK_HOOK(vk_listen, socket_listen, none, struct socket *sock, int backlog) { ... }
 *
 * where its body is the check by rules. That makes two programs: vk_listen, which decides by them
 * alone, and vk_listen_asks, which the engine attaches instead while somebody has programs at the
 * hook, for the mere possibility of a jump costs every task some ten instructions. If the rules
 * allow, and if the instance has programs at this hook, all of them together are one program in
 * vk_p_HOOK, and are jumped to; what comes after the jump only runs if there was nothing to jump
 * to, which must not happen, so it denies.
 *
 * The third word says where the path is in the hook's arguments, for programs that want it: its
 * name is built before, because that takes loops, which the spliced programs cannot have.
 */
#ifndef VK_BPF_ASK_H
#define VK_BPF_ASK_H

/* Copies the name in scratch, of class @class, to @path, which has @room bytes. */
static __always_inline bool vk_copy_scratch(struct vk_call *c, u32 class, char *path, u64 room,
					    u32 *ret_kind, u32 *ret_len)
{
	struct vk_scratch *s = vk_scratch_of(c->task);
	u64 len;

	if (class == VK_NAME_LOST || !s || s->off > VK_PATH)
		return false;
	*ret_kind = class;
	len = class == VK_NAME_ANON ? 0 : VK_PATH - s->off;
	if (len == 0 && class != VK_NAME_ANON) {
		path[0] = '/';
		path[1] = 0;
		*ret_len = 1;
		return true;
	}
	*ret_len = len;
	asm volatile("" : "+r"(len)); /* what is compared is what is used, for the verifier */
	if (len >= room)
		return false;
	path[len] = 0;
	if (len == 0)
		return true;
	return bpf_probe_read_kernel(path, len, &s->buf[s->off & (VK_PATH - 1)]) == 0;
}

/* The same, and gives scratch back. */
static __always_inline bool vk_copy_path(struct vk_call *c, u32 class, char *path, u64 room,
					 u32 *ret_kind, u32 *ret_len)
{
	bool copied = vk_copy_scratch(c, class, path, room, ret_kind, ret_len);

	vk_scratch_give_back(c->task);
	return copied;
}

/* The event of the task that holds one path. */
static __always_inline struct vk_policy_event *vk_event_one(struct task_struct *task, u64 flags)
{
	return bpf_task_storage_get(&vk_paths, task, NULL, flags);
}

static __always_inline bool vk_copy_only(struct vk_call *c, u32 class)
{
	struct vk_policy_event *ev = vk_event_one(c->task, BPF_LOCAL_STORAGE_GET_F_CREATE);

	return ev &&
	       vk_copy_path(c, class, ev->path, sizeof(ev->path), &ev->path_kind, &ev->path_len);
}

/*
 * Leaves the name in the event of the task. False: there is none, or it does not fit; the caller
 * denies, as a program that wants the path would decide about something else.
 */
static __noinline bool vk_leave_path(struct dentry *dentry, struct vfsmount *mnt)
{
	struct vk_call c;

	if (!vk_begin(&c))
		return false; /* a member when it was asked for its programs */
	return vk_copy_only(&c, vk_build_name(&c, dentry, mnt));
}

/* The same with two names; a report takes the old one. */
static __noinline bool vk_leave_paths(struct dentry *old, struct dentry *new, struct vfsmount *mnt)
{
	struct vk_policy_event *ev;
	struct vk_call c;
	u32 class;

	if (!vk_begin(&c))
		return false; /* as above */
	class = vk_build_name(&c, new, mnt);
	ev = bpf_task_storage_get(&vk_path_pairs, c.task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ev || !vk_copy_path(&c, class, ev->new_path, sizeof(ev->new_path), &ev->new_path_kind,
				 &ev->new_path_len))
		return false;
	class = vk_build_name(&c, old, mnt);
	return vk_copy_path(&c, class, ev->path, sizeof(ev->path), &ev->path_kind, &ev->path_len);
}

/* The same for a file that is mapped: of one underneath an overlay's, the overlay's own. */
static __noinline bool vk_leave_mapped(struct file *file)
{
	struct vk_call c;

	if (!vk_begin(&c))
		return false; /* as above */
	return vk_copy_only(&c, vk_build_mapped(&c, file));
}

/* For hooks whose arguments have no path now: programs see that there is none. */
static __noinline bool vk_leave_no_path(void)
{
	struct vk_policy_event *ev =
		vk_event_one(bpf_get_current_task_btf(), BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!ev)
		return false;
	ev->path_kind = VK_PATH_NONE;
	ev->path_len = 0;
	ev->path[0] = 0;
	return true;
}

/* Where the path is, by kind of hook. */
#define vk_path_none(ctx) true

static __always_inline bool vk_path_file(unsigned long long *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = (void *)ctx[0];

	/* The file underneath an overlay's, opened by overlayfs: its carrier does not ask. */
	if (task->cred != task->real_cred && vk_mount_is_private(file->f_path.mnt))
		return vk_leave_no_path();
	return vk_leave_path(file->f_path.dentry, file->f_path.mnt);
}

/* A file that may be NULL, which the verifier of some kernels does not know. */
static __always_inline bool vk_path_mapped(unsigned long long *ctx)
{
	struct file *file = (void *)ctx[0];
	u64 given = 0;

	bpf_probe_read_kernel(&given, sizeof(given), &file);
	if (!file || !given)
		return vk_leave_no_path();
	return vk_leave_mapped(file);
}

static __always_inline bool vk_path_vma(unsigned long long *ctx)
{
	struct file *file = ((struct vm_area_struct *)ctx[0])->vm_file;

	if (!file)
		return vk_leave_no_path();
	return vk_leave_mapped(file);
}

static __always_inline bool vk_path_bprm(unsigned long long *ctx)
{
	struct file *file = ((struct linux_binprm *)ctx[0])->file;

	return vk_leave_path(file->f_path.dentry, file->f_path.mnt);
}

/* (path) */
static __always_inline bool vk_path_path(unsigned long long *ctx)
{
	const struct path *path = (void *)ctx[0];

	return vk_leave_path(path->dentry, path->mnt);
}

/* (directory, dentry, ...) */
static __always_inline bool vk_path_name(unsigned long long *ctx)
{
	const struct path *dir = (void *)ctx[0];

	return vk_leave_path((struct dentry *)ctx[1], dir->mnt);
}

/* (old dentry, new directory, new dentry) */
static __always_inline bool vk_path_link(unsigned long long *ctx)
{
	const struct path *dir = (void *)ctx[1];

	return vk_leave_paths((struct dentry *)ctx[0], (struct dentry *)ctx[2], dir->mnt);
}

/* (old directory, old dentry, new directory, new dentry, ...) */
static __always_inline bool vk_path_rename(unsigned long long *ctx)
{
	const struct path *dir = (void *)ctx[2];

	return vk_leave_paths((struct dentry *)ctx[1], (struct dentry *)ctx[3], dir->mnt);
}

/* (name, path, ...), (from, to) */
static __always_inline bool vk_path_second(unsigned long long *ctx)
{
	const struct path *path = (void *)ctx[1];

	return vk_leave_path(path->dentry, path->mnt);
}

static __always_inline bool vk_path_mount(unsigned long long *ctx)
{
	struct vfsmount *mnt = (void *)ctx[0];

	return vk_leave_path(mnt->mnt_root, mnt);
}

static __always_inline bool vk_path_peer(struct sock *other)
{
	struct unix_sock *peer;
	struct dentry *dentry;

	if (!other)
		return false;
	peer = bpf_skc_to_unix_sock(other);
	if (!peer)
		return vk_leave_no_path();
	dentry = peer->path.dentry;
	if (!dentry)
		return vk_leave_no_path();
	return vk_leave_path(dentry, peer->path.mnt);
}

static __always_inline bool vk_path_stream(unsigned long long *ctx)
{
	return vk_path_peer((struct sock *)ctx[1]);
}

static __always_inline bool vk_path_dgram(unsigned long long *ctx)
{
	return vk_path_peer(((struct socket *)ctx[1])->sk);
}

/* Whether anybody has programs at @hook. */
#define vk_asks(hook) (vk_read_once(vk_asked) >> (hook)&1)

/* vk_instance.programs of the member at @place if it asks programs at @hook, else 0. */
static __always_inline u64 vk_programs_at(u32 place, u32 hook, u64 *ret_paths)
{
	struct vk_instance *inst = vk_instance_placed(place);
	u64 programs = vk_read_once(inst->programs);

	*ret_paths = inst->paths;
	return programs >> hook & 1 ? programs : 0;
}

/* "No opinion", as 0 means "done" there; the security_* function takes 0 for it. */
#define VK_PRCTL_ALLOWED (vk_fmod ? 0 : -ENOSYS)

/* What a hook returns to allow: 0, but for task_prctl, where that means "done". */
#define VK_ASK(hook, where, place, allowed)                                                        \
	({                                                                                         \
		u64 paths, programs = vk_programs_at(place, VK_HOOK_##hook, &paths);               \
                                                                                                   \
		if (!programs)                                                                     \
			return allowed; /* allow: its instance has no program here */              \
		if (paths >> VK_HOOK_##hook & 1 && !vk_path_##where(ctx))                          \
			return -EACCES; /* deny: no path to decide by */                           \
		bpf_tail_call(ctx, &vk_p_##hook, programs >> VK_PROGRAMS_AT);                      \
		return -EPERM; /* deny: the programs are not where they must be */                 \
	})

#define VK_RULES(name, args...)                                                                    \
	({                                                                                         \
		_Pragma("GCC diagnostic push")                                                     \
			_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") int r_ =            \
				____##name(___bpf_ctx_cast(args));                                 \
		_Pragma("GCC diagnostic pop") r_;                                                  \
	})

/* Asks the programs if the rules, @rules, allow. */
#define VK_HOOK_ASKING(name, hook, where, allowed, rules)                                          \
	SEC("lsm/" #hook) int name##_asks(unsigned long long *ctx)                                 \
	{                                                                                          \
		int r = rules;                                                                     \
		u32 place;                                                                         \
                                                                                                   \
		if (r)                                                                             \
			return r; /* deny: the rules do */                                         \
		if (!vk_asks(VK_HOOK_##hook))                                                      \
			return allowed; /* allow: nobody has programs here */                      \
		place = vk_current_place(bpf_get_current_task_btf());                              \
		if (!place)                                                                        \
			return allowed; /* allow: not a member */                                  \
		VK_ASK(hook, where, place, allowed);                                               \
	}

#define VK_HOOK_ALLOWING(name, hook, where, allowed, args...)                                      \
	name(unsigned long long *ctx);                                                             \
	static __always_inline int ____##name(unsigned long long *ctx, ##args);                    \
	int name(unsigned long long *ctx)                                                          \
	{                                                                                          \
		int r = VK_RULES(name, args);                                                      \
                                                                                                   \
		return r ? r : allowed;                                                            \
	}                                                                                          \
	VK_HOOK_ASKING(name, hook, where, allowed, VK_RULES(name, args))                           \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)

#define VK_HOOK(name, hook, where, args...) VK_HOOK_ALLOWING(name, hook, where, 0, ##args)

/*
 * The same for a hook that the kernel calls often for tasks of no instance: these leave at once,
 * and save no registers for the check, which is in a function of its own. A member pays ten more.
 */
#define VK_HOOK_LEAVING(name, hook, where, args...)                                                \
	name(unsigned long long *ctx);                                                             \
	static __always_inline int ____##name(unsigned long long *ctx, ##args);                    \
	static __noinline int name##_rules(unsigned long long *ctx)                                \
	{                                                                                          \
		return VK_RULES(name, args);                                                       \
	}                                                                                          \
	int name(unsigned long long *ctx)                                                          \
	{                                                                                          \
		vk_arguments arguments = ctx;                                                      \
                                                                                                   \
		if (bpf_get_current_task_btf()->bpf_storage)                                       \
			return name##_rules(arguments);                                            \
		return vk_allow(); /* allow: not a member */                                       \
	}                                                                                          \
	VK_HOOK_ASKING(name, hook, where, 0,                                                       \
		       bpf_get_current_task_btf()->bpf_storage ? name##_rules(ctx) : 0)            \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)

#endif
