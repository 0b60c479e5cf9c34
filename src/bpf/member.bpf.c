/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * member.bpf.c - how tasks become members, and that they stay it.
 *
 * Ways in: fork (task_alloc), the next exec of a marked task, or the one by which the descendants of
 * a marked runtime start its container (start.h), an exec at a place (cgroup or mount namespace)
 * that belongs to an instance, and the engine's attach (iterator). There is no way out:
 * nothing here or elsewhere removes a record once it is active, and it changes in one direction
 * only, to an instance below its own, whose rules include all it was bound by (vk_go_below).
 *
 * Fail closed: a child that cannot get its record is not born.
 */

/*
 * A non-member's child that clone3(2) puts into a cgroup, as recent runtimes do to execute a
 * program in a container: the first program that it executes is the runtime's own, outside the
 * container still, where its parent is. This tells it, at that exec, from what was moved there.
 */
static __noinline int vk_born_in_cgroup(struct task_struct *parent, struct task_struct *child)
{
	struct vk_member init = {.state = VK_MEMBER_BORN};

	/* allow: no member; without the record it joins one exec earlier, at worst */
	if (!vk_n_places)
		return 0;
	init.born = vk_mntns_of(parent);
	bpf_task_storage_get(&vk_members, child, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

/* What is not recorded yet is 0, also where a record of one born in a cgroup had its namespace. */
static __always_inline void vk_make_member(struct vk_member *m, u32 vki, u32 state)
{
	__builtin_memset(&m->cred, 0, sizeof(m->cred));
	*(u64 *)m = vki | (u64)state << 32;
}

/* Moves an active record into @vki, if that is below its instance. False: it stays as it is. */
static __always_inline bool vk_go_below(struct vk_member *m, u32 vki)
{
	u64 *word = (u64 *)m, old = vk_read_once(*word);

	if ((old >> 32 & 0xffff) != VK_MEMBER_ACTIVE || (u32)old == vki ||
	    !vk_is_own((u32)old, vki) || !(vk_instance_at(vki)->flags & VK_I_LIVE))
		return false;
	/* The task may move itself at its exec while an iterator moves it. */
	return __sync_val_compare_and_swap(word, old, (u64)vki) == old;
}

/* deny: the child's record cannot be made. allow: otherwise; a non-member's child is none. */
SEC("lsm/task_alloc")
int BPF_PROG(vk_task_alloc, struct task_struct *child, unsigned long clone_flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vk_member *mine = NULL, *record, init;

	if (task->bpf_storage)
		mine = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!mine || !mine->vki) {
		if (clone_flags & CLONE_INTO_CGROUP)
			return vk_born_in_cgroup(task, child);
		return 0; /* allow: no member */
	}
	if (vk_cred_forged(mine, task) || !vk_cred_inherited(&mine->cred, child)) {
		vk_report_forged(task, mine);
		return -EPERM; /* deny: the child would inherit them */
	}
	init = *mine;
	init.cred.flags = 0;
	if (init.cred.user_ns)
		vk_cred_take(&init.cred, child->real_cred);
	vk_member_forget(child);
	record = bpf_task_storage_get(&vk_members, child, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (record)
		return 0; /* allow: the child is a member from its first instruction */
	__sync_fetch_and_add(&vk_fail[VK_FAIL_FORK], 1);
	return -EAGAIN; /* deny: it would run unbound */
}

/* The next task at this address is another. */
SEC("lsm/task_free")
int BPF_PROG(vk_task_free, struct task_struct *task)
{
	vk_member_forget(task);
	return 0;
}

/* The innermost cgroup that is a place: one made below a member cgroup belongs to it. */
static __always_inline u32 vk_cgroup_place(void)
{
	struct vk_place place = {.kind = VK_PLACE_CGROUP};
	u32 *vki;

	place.id = bpf_get_current_cgroup_id();
	vki = bpf_map_lookup_elem(&vk_places, &place);
	if (vki)
		return *vki;
		/* Level 0 is the root. */
#pragma unroll
	for (int level = VK_PLACE_LEVELS; level >= 1; level--) {
		place.id = bpf_get_current_ancestor_cgroup_id(level);
		if (!place.id)
			continue;
		vki = bpf_map_lookup_elem(&vk_places, &place);
		if (vki)
			return *vki;
	}
	return 0;
}

/* Whether a task sees other mounts than those that name the files of instance @vki. */
static __always_inline bool vk_is_outside(struct task_struct *task, u32 vki)
{
	u64 ns = vk_instance_at(vki)->mntns;

	return ns && ns != vk_mntns_of(task);
}

/* The instance that the place of a task belongs to, 0: none; of two, the one below the other. */
static __noinline u32 vk_place_of(struct task_struct *task)
{
	struct vk_place place = {.kind = VK_PLACE_MNTNS};
	u32 *vki, cgroup;

	if (!vk_n_places)
		return 0;
	cgroup = vk_cgroup_place();
	place.id = vk_mntns_of(task);
	vki = bpf_map_lookup_elem(&vk_places, &place);
	if (!vki || (cgroup && vk_is_own(*vki, cgroup)))
		return cgroup;
	return *vki;
}

/* At its exec, a member goes further down, where it was marked or where its place is. */
static __always_inline void vk_exec_below(struct task_struct *task, struct vk_member *m)
{
	u32 next = m->next;
	struct vk_member *leader;

	if (!next) {
		leader = bpf_task_storage_get(&vk_members, task->group_leader, NULL, 0);
		if (leader)
			next = leader->next;
	}
	if (!next)
		next = vk_place_of(task);
	if (next && vk_go_below(m, next))
		__sync_fetch_and_add(&vk_member_gen, 1);
}

/* Files of an instance are named by the mounts of its namespace, or that of those above it. */
static __always_inline void vk_name_space(struct vk_instance *inst, struct task_struct *task)
{
	struct vk_instance *up = inst;

	if (inst->mntns)
		return;
#pragma unroll
	for (int i = 0; i < VK_MAX_DEPTH && up->parent; i++) {
		up = vk_instance_at(up->parent);
		if (up->mntns) {
			inst->mntns = up->mntns;
			return;
		}
	}
	inst->mntns = vk_mntns_of(task);
}

/*
 * Runs at every exec before the program's own check, so that the rules of the instance already
 * decide about the program by which a task joins. A join or activation that is followed by a
 * failing exec stands: the task is bound too early rather than too late.
 */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(vk_exec_join, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf(), *leader;
	struct vk_member *m = NULL, *marked, init = {};

	if (task->bpf_storage)
		m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (m && m->vki && m->state == VK_MEMBER_ACTIVE) {
		if (vk_cred_forged(m, task) || !vk_cred_prepared(&m->cred, bprm->cred)) {
			vk_report_forged(task, m);
			return -EPERM; /* deny: the program would inherit them */
		}
		vk_exec_below(task, m);
		goto named; /* allow: a member already */
	}
	if (m && m->vki && m->state == VK_MEMBER_STARTING) {
		if (!(vk_instance_at(m->vki)->flags & VK_I_LIVE))
			return -EPERM; /* deny: there is nothing left that would bind it */
		if (!vk_instance_at(m->vki)->began && !vk_start_begins(task, m->vki))
			return -EAGAIN; /* deny: the container could not be told from its engine */
		if (vk_start_is_outside(task, m->vki))
			return 0; /* allow: a program of the runtime, outside the container */
		if (!vk_start_arrives(task, m->vki))
			return -EPERM; /* deny: who joins later could not be recognized */
		__sync_fetch_and_or(&vk_instance_at(m->vki)->flags, VK_I_STARTED);
	}
	if (!m || !m->vki) {
		/*
		 * A thread's exec takes over the process but keeps its own task_struct: a mark
		 * set on the leader would be lost.
		 */
		leader = task->group_leader;
		marked = bpf_task_storage_get(&vk_members, leader, NULL, 0);
		if (marked && marked->vki)
			init.vki = marked->vki;
		else
			init.vki = vk_place_of(task);
		if (!init.vki) {
			if (m)
				bpf_task_storage_delete(&vk_members, task);
			return 0; /* allow: not marked, and at no instance's place */
		}
		if (m && m->born == vk_mntns_of(task) && vk_is_outside(task, init.vki)) {
			vk_make_member(m, init.vki, VK_MEMBER_PENDING);
			return 0; /* allow: a runtime's own program; the next one is bound */
		}
		vk_member_forget(task);
		m = bpf_task_storage_get(&vk_members, task, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!m)
			return -EAGAIN; /* deny: it would run unbound */
		vk_make_member(m, init.vki, VK_MEMBER_ACTIVE); /* also one born in the cgroup */
	}
	m->state = VK_MEMBER_ACTIVE;
named:
	vk_name_space(vk_instance_at(m->vki), task);
	return 0; /* allow: whether the program may run is vk_exec's to say */
}

/* ---- the record of credentials: see creds.h ---- */

/* From here to commit_creds() nothing else changes those of the task. */
SEC("lsm/bprm_committing_creds")
int BPF_PROG(vk_exec_creds, struct linux_binprm *bprm)
{
	vk_cred_expect(bpf_get_current_task_btf(), VK_CRED_EXEC);
	return 0;
}

/* allow: whether it may is the kernel's to say. */
SEC("lsm/capset")
int BPF_PROG(vk_capset, struct cred *new)
{
	vk_cred_expect(bpf_get_current_task_btf(), VK_CRED_CHANGE);
	return 0;
}

SEC("fentry/commit_creds")
int BPF_PROG(vk_commit_creds, struct cred *new)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vk_member *m = NULL;
	u32 flags;

	if (task->bpf_storage)
		m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!m || !m->vki)
		return 0; /* no member */
	/* The member cache must not know the present ones any more, if they are forged later. */
	vk_member_forget(task);
	if (!m->cred.user_ns)
		return 0; /* not known yet: taken when they are first looked at */
	flags = m->cred.flags;
	if (!vk_cred_same(&m->cred, task->real_cred) && vk_cred_forged(m, task))
		return 0; /* what is unlike the record stays it, and is denied */
	m->cred.flags = flags & ~(VK_CRED_EXEC | VK_CRED_CHANGE);
	if (flags & VK_CRED_EXEC || !vk_cred_grows(&m->cred, new))
		vk_cred_take(&m->cred, new);
	return 0;
}

/* ---- iterators: attach a running tree, list members ---- */

/* Set by the engine before it reads the attach iterator. */
__u32 vk_attach_tgid;
__u32 vk_attach_vki;
__u32 vk_attach_from; /* only members of this instance, which is above; 0: only who is none */
__u32 vk_attach_exec; /* not now, but at its next exec */
__u32 vk_attach_added;

/* Marks an active member for its next exec. */
static __always_inline void vk_mark(struct vk_member *m)
{
	u64 *word = (u64 *)m, old = vk_read_once(*word), marked;

	marked = (old & 0xffffffffffffull) | (u64)vk_attach_vki << 48;
	if ((u32)old == vk_attach_from && vk_is_own((u32)old, vk_attach_vki) &&
	    __sync_val_compare_and_swap(word, old, marked) == old)
		__sync_fetch_and_add(&vk_attach_added, 1);
}

/*
 * One pass over all threads: those of the wanted process and those whose parent is a member by
 * now join. The engine repeats it until a pass adds nothing; children born meanwhile to members
 * inherit, so this ends. Members of another instance are never moved, but from vk_attach_from to
 * one below it.
 */
SEC("iter/task")
int vk_attach(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct vk_member *m, *parent, init = {};
	u64 vki = vk_attach_vki;

	if (!task)
		return 0;
	m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (m && m->vki &&
	    (!vk_attach_from || m->vki != vk_attach_from || m->state != VK_MEMBER_ACTIVE))
		return 0; /* a member already: never moved */
	if ((!m || !m->vki) && vk_attach_from)
		return 0;
	if (vk_attach_exec) {
		if (m && (u32)task->tgid == vk_attach_tgid && task->pid == task->tgid)
			vk_mark(m);
		return 0;
	}
	if ((u32)task->tgid != vk_attach_tgid) {
		parent = bpf_task_storage_get(&vk_members, task->group_leader, NULL, 0);
		if (!parent || parent->vki != vk_attach_vki)
			parent = bpf_task_storage_get(&vk_members, task->real_parent, NULL, 0);
		if (!parent || parent->vki != vk_attach_vki)
			return 0;
	}
	if (m && m->vki) {
		if (!vk_go_below(m, vk_attach_vki))
			return 0;
	} else {
		init.vki = vki;
		m = bpf_task_storage_get(&vk_members, task, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!m) {
			__sync_fetch_and_add(&vk_fail[VK_FAIL_FORK], 1);
			return 0;
		}
		vk_make_member(m, vki, VK_MEMBER_ACTIVE); /* also one born in a cgroup */
	}
	__sync_fetch_and_add(&vk_attach_added, 1);
	vk_name_space(vk_instance_at(vk_attach_vki), task);
	return 0;
}

/*
 * A child that had passed task_alloc, but was not in the list of tasks yet, when its parent was
 * attached. It has not run yet.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(vk_born, struct task_struct *parent, struct task_struct *child)
{
	struct vk_member *m, *record, init;

	if (!parent->bpf_storage)
		return 0; /* no member */
	m = bpf_task_storage_get(&vk_members, parent, NULL, 0);
	if (!m || !m->vki)
		return 0; /* no member */
	init = *m;
	init.cred.user_ns = 0; /* its own may be others */
	init.cred.flags = 0;
	vk_member_forget(child);
	/* Finds the record that task_alloc made, or makes it. */
	record = bpf_task_storage_get(&vk_members, child, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!record)
		__sync_fetch_and_add(&vk_fail[VK_FAIL_FORK], 1);
	else if (!record->vki)
		vk_make_member(record, init.vki, init.state); /* born in a cgroup; see above */
	else if (record->vki != init.vki)
		vk_go_below(record, init.vki); /* its parent was moved meanwhile */
	return 0;
}

/* The engine asks here for the mount namespace of a process: set tgid, read the list. */
__u32 vk_mntns_wanted;
__u64 vk_mntns_found;

SEC("iter/task")
int vk_list(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct vk_member_line line = {};
	struct vk_member *m;

	if (!task)
		return 0;
	if (vk_mntns_wanted && (u32)task->tgid == vk_mntns_wanted)
		vk_mntns_found = vk_mntns_of(task);
	/* The first thread stands for the process as long as others run. */
	if (task->exit_state && (task->pid != task->tgid || task->signal->live.counter <= 0))
		return 0; /* a zombie waits for its parent, and does nothing more */
	m = bpf_task_storage_get(&vk_members, task, NULL, 0);
	if (!m || !m->vki)
		return 0;
	line.vki = m->vki;
	line.state = m->state;
	line.tgid = task->tgid;
	line.tid = task->pid;
	bpf_probe_read_kernel_str(line.comm, sizeof(line.comm), task->comm);
	bpf_seq_write(seq, &line, sizeof(line));
	if (m->next && m->state == VK_MEMBER_ACTIVE) {
		line.vki = m->next;
		line.state = VK_MEMBER_PENDING;
		bpf_seq_write(seq, &line, sizeof(line));
	}
	return 0;
}
