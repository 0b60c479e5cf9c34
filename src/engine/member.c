/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* member.c - who belongs to an instance: marking, attaching, joining by place, listing. */
#include "internal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

#define FILEID_KERNFS 0xfe /* linux/exportfs.h */

int vk_member_set(struct vk_engine *eng, int pidfd, uint32_t id, enum vk_member_state state)
{
	struct vk_member m = {.vki = id, .state = state}, old;
	int map = vk_map(eng, VK_MAP_MEMBERS, NULL);
	bool born = bpf_map_lookup_elem(map, &pidfd, &old) == 0 && !old.vki;
	int r = bpf_map_update_elem(map, &pidfd, &m, born ? BPF_EXIST : BPF_NOEXIST);

	r = r < 0 ? -errno : 0;
	__atomic_fetch_add(&eng->bss->vk_member_gen, 1, __ATOMIC_SEQ_CST);
	return r;
}

static int member_error(struct vk_error *e, int r)
{
	if (r == -EEXIST || r == -EBUSY) {
		vk_error_set(e, EALREADY, "the process is a member of an instance already");
		vk_error_advise(e, "a member can only go into an instance below its own; "
				   "\"vkernel update\" changes the rules of its instance");
		return -EALREADY;
	}
	if (r == -EOPNOTSUPP) {
		vk_error_set(e, EOPNOTSUPP,
			     "the instance has a filter for system calls, which only "
			     "a start can install");
		vk_error_advise(e, "start the process in it: vkernel run --parent");
		return -EOPNOTSUPP;
	}
	if (r == -ESRCH || r == -EBADF || r == -ENOENT)
		return vk_error_set(e, ESRCH, "the process has ended");
	return vk_error_set(e, -r, "cannot make it a member: %s", strerror(-r));
}

int vk_member_get(struct vk_engine *eng, int pidfd, struct vk_member *ret)
{
	return bpf_map_lookup_elem(vk_map(eng, VK_MAP_MEMBERS, NULL), &pidfd, ret) < 0 ? -errno : 0;
}

/*
 * Runs the attach iterator, by which the kernel side changes records. @from: the instance that the
 * process is in now, 0: none. @at_exec: only marks its leader.
 */
static int attach(struct vk_engine *eng, uint32_t id, pid_t pid, uint32_t from, bool at_exec,
		  uint32_t *ret_total, struct vk_error *e)
{
	uint32_t total = 0, added;
	int r;

	eng->bss->vk_attach_vki = id;
	eng->bss->vk_attach_tgid = (uint32_t)pid;
	eng->bss->vk_attach_from = from;
	eng->bss->vk_attach_exec = at_exec;
	/* Each pass joins children of members; those born later inherit. */
	do {
		eng->bss->vk_attach_added = 0;
		r = vk_iterate("vk_attach", NULL, 0, NULL, e);
		added = __atomic_load_n(&eng->bss->vk_attach_added, __ATOMIC_SEQ_CST);
		total += added;
	} while (r == 0 && added && !at_exec);
	eng->bss->vk_attach_tgid = 0;
	eng->bss->vk_attach_vki = 0;
	eng->bss->vk_attach_from = 0;
	eng->bss->vk_attach_exec = 0;
	__atomic_fetch_add(&eng->bss->vk_member_gen, 1, __ATOMIC_SEQ_CST);
	*ret_total = total;
	return r;
}

/* The instance that the process is active in, 0: none; -EEXIST if it cannot go into @id. */
static int present_instance(struct vk_engine *eng, uint32_t id, int pidfd, uint32_t *ret)
{
	struct vk_member m;

	*ret = 0;
	if (vk_member_get(eng, pidfd, &m) < 0 || !m.vki)
		return 0;
	if (m.state != VK_MEMBER_ACTIVE || !vk_row_is_below(eng, id, m.vki))
		return -EEXIST;
	/* Filters for system calls cannot be put on who runs. */
	if (vk_row_state(eng, id)->entry != vk_row_state(eng, m.vki)->entry && !eng->degraded)
		return -EOPNOTSUPP;
	*ret = m.vki;
	return 0;
}

/* The pid of a pidfd, in the namespace of /proc. */
static pid_t pid_of(int pidfd)
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *f = NULL;
	int pid = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	return pid;
}

/* Whether it executed a program at a place of the instance before it was marked. */
static bool has_joined(struct vk_engine *eng, uint32_t id, int pidfd)
{
	struct vk_member m;

	return vk_member_get(eng, pidfd, &m) == 0 && m.vki == id && m.state == VK_MEMBER_ACTIVE;
}

int vk_instance_confine_next_exec(struct vk_engine *eng, uint32_t id, int pidfd, struct vk_error *e)
{
	uint32_t from, marked = 0;
	int r = present_instance(eng, id, pidfd, &from);

	if (r == 0 && !from)
		r = vk_member_set(eng, pidfd, id, VK_MEMBER_PENDING);
	if (r == 0 && from) {
		r = attach(eng, id, pid_of(pidfd), from, true, &marked, e);
		if (r < 0)
			return r;
		r = marked ? 0 : -ESRCH;
	}
	if (r == -EEXIST && has_joined(eng, id, pidfd))
		return 0;
	return r < 0 ? member_error(e, r) : 0;
}

int vk_instance_start_here(struct vk_engine *eng, uint32_t id, struct vk_error *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int r = vk_hooks_ensure(eng, VK_NEED_SETUP, e);

	if (r < 0)
		return r;
	if (pidfd < 0)
		return vk_error_set(e, errno, "cannot open this process: %s", strerror(errno));
	/* Its places are recorded by the kernel side, which knows first what they are. */
	eng->rows[id].placed = 2;
	eng->bss->vk_instances[id].flags |= VK_I_STARTING;
	r = vk_member_set(eng, pidfd, id, VK_MEMBER_STARTING);
	return r < 0 ? member_error(e, r) : 0;
}

void vk_instance_start_not(struct vk_engine *eng)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct vk_member m;

	if (vk_member_get(eng, pidfd, &m) == 0 && m.state == VK_MEMBER_STARTING)
		bpf_map_delete_elem(vk_map(eng, VK_MAP_MEMBERS, NULL), &pidfd);
}

int vk_instance_attach(struct vk_engine *eng, uint32_t id, pid_t pid, uint32_t *ret_count,
		       struct vk_error *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint32_t total = 0, from;
	int r;

	if (pidfd < 0)
		return vk_error_set(e, errno == EINVAL ? ESRCH : errno, "there is no process %d",
				    (int)pid);
	r = present_instance(eng, id, pidfd, &from);
	if (r < 0)
		return member_error(e, r);
	/* Its other members have a filter since their start, and this process has not. */
	if (!from && vk_row_state(eng, id)->entry && !eng->degraded) {
		vk_error_set(e, EOPNOTSUPP,
			     "instance \"%s\" has rules for system calls that only a start can "
			     "put in force",
			     eng->rows[id].name);
		vk_error_advise(e, "--allow-degraded lets the process join without them");
		return -EOPNOTSUPP;
	}
	r = attach(eng, id, pid, from, false, &total, e);
	if (r < 0)
		return r;
	if (!total)
		return vk_error_set(e, ESRCH, "process %d has ended", (int)pid);
	if (ret_count)
		*ret_count = total;
	return 0;
}

static int add_place(struct vk_engine *eng, uint32_t id, const struct vk_place *place,
		     struct vk_error *e)
{
	int r = vk_hooks_ensure(eng, VK_NEED_SETUP, e);

	if (r < 0)
		return r;
	/* Who is killed in between leaves one too many, and then all are looked through. */
	if (eng->rows[id].placed < UINT8_MAX)
		eng->rows[id].placed++;
	if (place->kind == VK_PLACE_CGROUP)
		eng->rows[id].cgroup = place->id;
	/* First, so that nobody who executes there meanwhile is told that there are no places. */
	__atomic_fetch_add(&eng->bss->vk_n_places, 1, __ATOMIC_SEQ_CST);
	if (bpf_map_update_elem(eng->maps[VK_MAP_PLACES], place, &id, BPF_NOEXIST) == 0)
		return 0;
	r = errno;
	__atomic_fetch_sub(&eng->bss->vk_n_places, 1, __ATOMIC_SEQ_CST);
	if (eng->rows[id].placed < UINT8_MAX)
		eng->rows[id].placed--;
	errno = r;
	if (errno == EEXIST)
		return vk_error_set(e, EEXIST, "that place belongs to an instance already");
	return vk_error_set(e, errno, "cannot record the place: %s", strerror(errno));
}

/* How many cgroups are above that directory, as far as can be seen from its mount. */
static unsigned int cgroup_level(int fd)
{
	_cleanup_close_ int at = dup(fd);
	unsigned int level = 0;
	struct stat here, up;
	struct statfs fs;

	while (at >= 0 && level <= VK_PLACE_LEVELS && fstat(at, &here) == 0) {
		int above = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		vk_closep(&at);
		at = above;
		if (at < 0 || fstat(at, &up) < 0 || fstatfs(at, &fs) < 0 ||
		    fs.f_type != CGROUP2_SUPER_MAGIC || up.st_ino == here.st_ino)
			break;
		level++;
	}
	return level;
}

int vk_instance_join_cgroup(struct vk_engine *eng, uint32_t id, const char *path,
			    struct vk_error *e)
{
	struct vk_place place = {.kind = VK_PLACE_CGROUP};
	struct {
		struct file_handle fh;
		uint64_t id;
	} handle = {.fh = {.handle_bytes = sizeof(uint64_t)}};
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	int mount_id;

	/* The file handle of a cgroup directory is its 64-bit id, which is never reused. */
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC ||
	    name_to_handle_at(fd, "", &handle.fh, &mount_id, AT_EMPTY_PATH) < 0 ||
	    handle.fh.handle_type != FILEID_KERNFS)
		return vk_error_set(e, ENOTDIR, "%s is no cgroup v2 directory", path);
	if (cgroup_level(fd) > VK_PLACE_LEVELS) {
		vk_error_set(e, E2BIG, "%s is more than %d cgroups deep", path, VK_PLACE_LEVELS);
		vk_error_advise(e, "who executes in a cgroup below it would not be recognized");
		return -E2BIG;
	}
	place.id = *(uint64_t *)handle.fh.f_handle;
	return add_place(eng, id, &place, e);
}

int vk_instance_join_mntns(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e)
{
	struct vk_place place = {.kind = VK_PLACE_MNTNS};
	int r;

	eng->bss->vk_mntns_wanted = (uint32_t)pid;
	eng->bss->vk_mntns_found = 0;
	r = vk_iterate("vk_list", NULL, 0, NULL, e);
	place.id = eng->bss->vk_mntns_found;
	eng->bss->vk_mntns_wanted = 0;
	if (r < 0)
		return r;
	if (!place.id)
		return vk_error_set(e, ESRCH, "there is no process %d", (int)pid);
	/* Its mounts name the instance's files, unless somebody's are used already. */
	if (!eng->bss->vk_instances[id].mntns && !eng->bss->vk_instances[id].parent)
		eng->bss->vk_instances[id].mntns = place.id;
	return add_place(eng, id, &place, e);
}

struct member_walk {
	uint32_t id;
	int (*fn)(const struct vk_member_line *line, void *data);
	void *data;
};

static int member_line(const void *record, void *data)
{
	const struct vk_member_line *line = record;
	struct member_walk *w = data;

	if (w->id && line->vki != w->id)
		return 0;
	return w->fn(line, w->data);
}

int vk_members(struct vk_engine *eng, uint32_t id,
	       int (*fn)(const struct vk_member_line *line, void *data), void *data,
	       struct vk_error *e)
{
	struct member_walk w = {.id = id, .fn = fn, .data = data};

	(void)eng;
	return vk_iterate("vk_list", member_line, sizeof(struct vk_member_line), &w, e);
}

struct member_counts {
	uint32_t *active;
	uint32_t *pending;
};

static int count_line(const void *record, void *data)
{
	const struct vk_member_line *line = record;
	struct member_counts *c = data;
	uint32_t *count = line->state == VK_MEMBER_ACTIVE ? c->active : c->pending;

	/* A process counts once, by its leader. */
	if (count && line->vki < VK_INSTANCES && line->tgid == line->tid)
		count[line->vki]++;
	return 0;
}

int vk_members_count(struct vk_engine *eng, uint32_t *active, uint32_t *pending, struct vk_error *e)
{
	struct member_counts c = {.active = active, .pending = pending};

	(void)eng;
	return vk_iterate("vk_list", count_line, sizeof(struct vk_member_line), &c, e);
}
