/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decide.h - the end of every check: let it pass, report it, or deny it.
 *
 * Denials and reports are off the hot path. Reports of one cause are limited to VK_BURST a second
 * and counted beyond it; a full ring buffer loses reports and counts them. Neither changes a
 * verdict.
 */
#ifndef VK_BPF_DECIDE_H
#define VK_BPF_DECIDE_H

#define VK_BURST 20
#define VK_BUDGET                                                                                  \
	1000 /* reports a second of one instance, so that it cannot hide those of others */
#define VK_WINDOW_NS 1000000000ull

/**
 * struct vk_detail - what a report says beyond who and when; see struct vk_event
 * @path: address of the name that @class is of, @path_len bytes; 0: it is in scratch
 */
struct vk_detail {
	u16 op;
	u16 err;
	u32 rights;
	u32 missing;
	u32 class;
	u64 arg[3];
	u64 addr[2];
	u64 path;
	u64 path_len;
};

/* False: @cause is over @limit in this second, counted. *ret: left out since the last one. */
static __always_inline bool vk_window_take(const struct vk_cause *cause, u32 limit, u32 *ret)
{
	struct vk_window fresh = {}, *w;
	u64 now = bpf_ktime_get_ns();

	w = bpf_map_lookup_elem(&vk_causes, cause);
	if (!w) {
		fresh.start_ns = now;
		fresh.count = 1;
		bpf_map_update_elem(&vk_causes, cause, &fresh, BPF_ANY);
		return true;
	}
	if (now - w->start_ns >= VK_WINDOW_NS) {
		*ret = w->suppressed;
		w->start_ns = now;
		w->suppressed = 0;
		w->count = 1;
		return true;
	}
	if (__sync_fetch_and_add(&w->count, 1) < limit)
		return true;
	__sync_fetch_and_add(&w->suppressed, 1);
	return false;
}

static __noinline bool vk_within_limit(struct vk_call *c, const struct vk_detail *d, u32 *ret)
{
	struct vk_cause cause = {};
	u32 ignored = 0;

	*ret = 0;
	cause.vki = ((u64)c->inst - (u64)&vk_instances) / sizeof(struct vk_instance);
	if (!cause.vki || !vk_window_take(&cause, VK_BUDGET, &ignored))
		return false; /* forged credentials were reported as such */
	cause.op = d->op;
	cause.verdict = d->err ? VK_EVENT_DENIED : VK_EVENT_AUDITED;
	cause.what = (u64)d->missing << 32 ^ d->arg[0] ^ d->arg[2] << 16 ^ d->addr[0] ^
		     (u64)d->class << 60;
	return vk_window_take(&cause, VK_BURST, ret);
}

/* Who does it. */
static __always_inline void vk_emit_task(struct vk_event *e, struct task_struct *task)
{
	e->time_ns = bpf_ktime_get_ns();
	e->cgroup = bpf_get_current_cgroup_id();
	e->tgid = task->tgid;
	e->tid = task->pid;
	e->ppid = task->real_parent->tgid;
	e->uid = task->real_cred->uid.val;
	e->gid = task->real_cred->gid.val;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->path_len = 0;
	e->path[0] = 0;
}

/* Forged credentials, once for each thread: whatever it does now is denied. */
static __noinline void vk_report_forged(struct task_struct *task, struct vk_member *m)
{
	struct vk_instance *inst = vk_instance_at(m->vki);
	struct vk_event *e;

	__sync_fetch_and_add(&inst->denied, 1);
	if (m->cred.flags & VK_CRED_TOLD) {
		__sync_fetch_and_add(&inst->suppressed, 1);
		return;
	}
	e = bpf_ringbuf_reserve(&vk_events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&inst->lost, 1);
		return;
	}
	m->cred.flags |= VK_CRED_TOLD;
	vk_emit_task(e, task);
	e->rule = vk_read_once(inst->rule);
	e->vki = m->vki;
	e->op = VK_OP_CREDENTIALS;
	e->verdict = VK_EVENT_DENIED;
	e->name_class = VK_NAME_NONE;
	e->err = EPERM;
	e->rights = 0;
	e->missing = 0;
	e->suppressed = 0;
	e->arg[0] = task->real_cred->euid.val;
	e->arg[1] = m->cred.euid;
	e->arg[2] = vk_caps(task->real_cred, cap_effective);
	((u64 *)e->addr)[0] = 0;
	((u64 *)e->addr)[1] = 0;
	bpf_ringbuf_submit(e, 0);
}

/* Writes the report. */
static __noinline void vk_emit(struct vk_call *c, const struct vk_detail *d, u32 suppressed)
{
	struct task_struct *task = c->task;
	struct vk_scratch *s;
	struct vk_event *e;
	u64 path, len;

	e = bpf_ringbuf_reserve(&vk_events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&c->inst->lost, 1);
		return;
	}
	vk_emit_task(e, task);
	e->rule = c->rule;
	e->vki = ((u64)c->inst - (u64)&vk_instances) / sizeof(struct vk_instance);
	e->op = d->op;
	e->verdict = d->err ? VK_EVENT_DENIED : VK_EVENT_AUDITED;
	e->name_class = d->class;
	e->err = d->err;
	e->rights = d->rights;
	e->missing = d->missing;
	e->suppressed = suppressed;
	e->arg[0] = d->arg[0];
	e->arg[1] = d->arg[1];
	e->arg[2] = d->arg[2];
	((u64 *)e->addr)[0] = d->addr[0];
	((u64 *)e->addr)[1] = d->addr[1];
	if (d->class == VK_NAME_KNOWN || d->class == VK_NAME_FOREIGN) {
		path = d->path;
		len = d->path_len;
		s = path ? NULL : vk_scratch_of(task);
		if (s && s->off <= VK_PATH) {
			path = (u64)&s->buf[s->off & (VK_PATH - 1)];
			len = VK_PATH - s->off;
		}
		if (path) {
			if (len > VK_EVENT_PATH - 1)
				len = VK_EVENT_PATH - 1;
			bpf_probe_read_kernel(e->path, VK_EVENT_PATH, (const void *)path);
			e->path[VK_EVENT_PATH - 1] = 0;
			e->path_len = len;
		}
	}
	bpf_ringbuf_submit(e, 0);
}

/* What a hook returns. Spelt out: the verifier of 6.12 wants to see that it is an errno. */
static __always_inline int vk_return(u32 err)
{
	int r = -EACCES;

	if (err == 0)
		r = 0;
	else if (err == EPERM)
		r = -EPERM;
	else if (err == EXDEV)
		r = -EXDEV;
	else if (err == EINVAL)
		r = -EINVAL;
	else if (err == ENOSYS)
		r = -ENOSYS;
	else if (err == EAFNOSUPPORT)
		r = -EAFNOSUPPORT;
	asm volatile("" : "+r"(r));
	return r;
}

/*
 * Reports an operation without a path. Returns what the hook returns: -err, 0 when only reported.
 */
static __noinline int vk_report(struct vk_call *c, struct vk_detail *d)
{
	u32 suppressed;

	if (d->err)
		__sync_fetch_and_add(&c->inst->denied, 1);
	else
		__sync_fetch_and_add(&c->inst->audited, 1);
	if (!vk_within_limit(c, d, &suppressed)) {
		__sync_fetch_and_add(&c->inst->suppressed, 1);
		return vk_return(d->err);
	}
	vk_emit(c, d, suppressed);
	return vk_return(d->err);
}

/*
 * Denies or reports what c->op, c->want and c->err say on a path that grants @rights. The name is
 * built only if the report is made.
 */
static __noinline int vk_report_path(struct vk_call *c, u64 rights, struct dentry *dentry,
				     struct vfsmount *mnt)
{
	u32 missing = c->want & ~(u32)rights, suppressed;
	struct vk_detail d = {};

	d.op = c->op;
	d.rights = c->want;
	d.err = missing ? c->err : 0;
	d.missing = missing ? missing : c->want & (u32)(rights >> 32);
	d.addr[0] = vk_key(dentry); /* part of the cause only */
	if (d.err)
		__sync_fetch_and_add(&c->inst->denied, 1);
	else
		__sync_fetch_and_add(&c->inst->audited, 1);
	if (!vk_within_limit(c, &d, &suppressed)) {
		__sync_fetch_and_add(&c->inst->suppressed, 1);
		return vk_return(d.err);
	}
	d.addr[0] = 0;
	d.class = vk_build_name(c, dentry, mnt);
	vk_emit(c, &d, suppressed);
	vk_scratch_give_back(c->task);
	return vk_return(d.err);
}

/* Judges rights wanted on a path against the rights its name grants (allow | audit << 32). */
static __always_inline int vk_judge(struct vk_call *c, u32 op, u32 want, u64 rights, int err,
				    struct dentry *dentry, struct vfsmount *mnt)
{
	if (!(want & ~(u32)rights) && !(want & (u32)(rights >> 32)))
		return 0; /* allow: every right is granted, none is to be reported */
	c->op = op;
	c->want = want;
	c->err = err;
	return vk_report_path(c, rights, dentry, mnt);
}

/*
 * Opens a check for the current task. 0: bound by no instance, the caller allows. The image is
 * not loaded: the hot path may not need it.
 */
static __always_inline bool vk_begin(struct vk_call *c)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 place = vk_current_place(task);

	if (!place)
		return false;
	c->task = task;
	c->inst = vk_instance_placed(place);
	c->rule = vk_read_once(c->inst->rule);
	c->img = NULL;
	c->mask = 0;
	return true;
}

/* The same with the image. 1: go on; 0: allow, not a member; negative: deny, no image. */
static __always_inline int vk_begin_rules(struct vk_call *c, int err)
{
	if (!vk_begin(c))
		return 0;
	if (vk_load_image(c))
		return 1;
	__sync_fetch_and_add(&vk_fail[VK_FAIL_IMAGE], 1);
	__sync_fetch_and_add(&c->inst->errors, 1);
	return vk_return(err);
}

/* Rights of a name that may not exist yet; the image is loaded. */
static __always_inline u64 vk_rights_at(struct vk_call *c, struct dentry *dentry,
					struct vfsmount *mnt)
{
	return vk_name_rights(c, vk_name(c, dentry, mnt));
}

#endif
