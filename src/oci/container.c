/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* container.c - the instances of containers. */
#include "oci.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "cleanup.h"

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* -ENOENT, without an error: no instance of exactly this name. A prefix would be another one. */
static int get_exact(struct vk_engine *eng, const char *name, struct vk_info *info,
		     struct vk_error *e)
{
	return vk_instance_exists(eng, name) ? vk_instance_get(eng, name, info, e) : -ENOENT;
}

struct search {
	pid_t pid;
	bool found;
};

static int match_pid(const struct vk_member_line *line, void *data)
{
	struct search *s = data;

	s->found |= (pid_t)line->tgid == s->pid;
	return 0;
}

static bool same_layer(const struct vk_policy *a, const struct vk_policy *b)
{
	return a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0 &&
	       a->mode == b->mode;
}

/* Another hook of the same container was here first: both sets of layers apply. */
static int add_layers(struct vk_engine *eng, const struct vk_info *info, const struct oci_layers *l,
		      struct vk_error *e)
{
	const struct vk_policy *all[2 * VK_MAX_LAYERS];
	size_t n = 0, own;

	for (size_t i = 0; i < info->n_layers; i++)
		/* The others stay by themselves. */
		if (info->origins[i].instance == info->id && !info->origins[i].pushed &&
		    !info->origins[i].mitigation)
			all[n++] = info->layers[i];
	own = n;
	for (size_t i = 0; i < l->n; i++) {
		size_t k = 0;

		while (k < n && !same_layer(all[k], l->layers[i]))
			k++;
		if (k == n)
			all[n++] = l->layers[i];
	}
	if (n == own)
		return 0;
	return vk_instance_update(eng, info->name, all, n, e);
}

/* 1: the instance is this container's own, and has been dealt with. 0: the name is free. */
static int meet_existing(struct vk_engine *eng, const struct oci_state *st,
			 const struct oci_layers *l, struct vk_error *e)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	struct search s = {.pid = st->pid};
	int r = get_exact(eng, st->name, &info, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = vk_members(eng, info.id, match_pid, &s, e);
	if (r < 0)
		return r;
	if (s.found) {
		r = add_layers(eng, &info, l, e);
		return r < 0 ? r : 1;
	}
	if (info.members + info.pending) {
		vk_error_set(e, EEXIST, "there is an instance \"%s\" already, with %u processes",
			     st->name, info.members + info.pending);
		vk_error_advise(e, "give the container another id, or \"vkernel rm --kill %s\"",
				st->name);
		return -EEXIST;
	}
	/* Of an earlier life of the container, which its engine did not see end. */
	return vk_instance_remove_tree(eng, st->name, false, e);
}

static int bind_process(struct vk_engine *eng, const struct oci_state *st, uint32_t id, int pidfd,
			struct vk_error *e)
{
	int r = oci_join_places(eng, id, st->pid, e);

	if (r == 0)
		r = vk_instance_confine_next_exec(eng, id, pidfd, e);
	/* The places were named by its pid: it must have been the same process all the time. */
	if (r == 0 && has_ended(pidfd))
		r = vk_error_set(e, ESRCH, "the container's process has ended");
	return r;
}

/* Makes the instance, of layers or like others of @document, and binds the process. With both it is
 * known that the layers are those, and that they need the filter. */
static int create(struct vk_engine *eng, const struct oci_state *st, int pidfd,
		  const struct oci_layers *l, uint64_t document, uint64_t filter,
		  struct vk_error *e)
{
	struct vk_error ignored = {0};
	uint32_t id = 0;
	int r = oci_record_write(st, e);

	if (r < 0)
		return r;
	vk_engine_entry_of(eng, filter, document);
	r = l ? vk_instance_create(eng, st->name, (const struct vk_policy *const *)l->layers, l->n,
				   &id, e) :
		vk_instance_create_like(eng, st->name, document, &id, e);
	if (r == 0) {
		r = bind_process(eng, st, id, pidfd, e);
		if (r < 0)
			vk_instance_remove(eng, st->name, true, &ignored);
	}
	if (r < 0)
		oci_record_remove(st->name);
	return r;
}

static int open_process(const struct oci_state *st, struct vk_error *e)
{
	int pidfd = st->pid > 0 ? (int)syscall(SYS_pidfd_open, st->pid, 0) : -1;

	return pidfd < 0 ? vk_error_set(e, ESRCH, "the container has no process") : pidfd;
}

int oci_container_create(const struct oci_state *st, const struct oci_layers *l, uint64_t filter,
			 uint64_t document, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_close_ int pidfd = open_process(st, e);
	int r = pidfd < 0 ?
			pidfd :
			vk_engine_open(&eng, VK_OPEN_CREATE | VK_OPEN_BRIEF | VK_OPEN_PLACES, e);

	if (r == 0)
		r = meet_existing(eng, st, l, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return create(eng, st, pidfd, l, document, filter, e);
}

int oci_container_create_like(const struct oci_state *st, uint64_t document, uint64_t filter,
			      struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_close_ int pidfd = open_process(st, e);
	struct vk_error none = {0};

	if (pidfd < 0)
		return pidfd;
	/* What is wrong is said when it is tried the long way. */
	if (vk_engine_open(&eng, VK_OPEN_BRIEF | VK_OPEN_PLACES, &none) < 0 ||
	    vk_instance_exists(eng, st->name))
		return -ENOENT;
	return create(eng, st, pidfd, NULL, document, filter, e);
}

int oci_container_start(const struct oci_state *st, uint64_t document, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error ignored = {0};
	uint32_t id = 0;
	int r = vk_engine_open(&eng, VK_OPEN_BRIEF | VK_OPEN_PLACES, e);

	if (r < 0)
		return r;
	if (vk_instance_exists(eng, st->name))
		return -EEXIST;
	r = oci_record_write(st, e);
	if (r < 0)
		return r;
	vk_engine_entry(eng, 0, false);
	r = vk_instance_create_like(eng, st->name, document, &id, e);
	if (r == 0) {
		r = vk_instance_start_here(eng, id, e);
		if (r < 0)
			vk_instance_remove(eng, st->name, false, &ignored);
	}
	if (r < 0)
		oci_record_remove(st->name);
	return r;
}

void oci_container_start_not(const char *name)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error ignored = {0};

	if (vk_engine_open(&eng, VK_OPEN_BRIEF, &ignored) < 0)
		return;
	vk_instance_start_not(eng);
	if (vk_instance_remove(eng, name, false, &ignored) == 0)
		oci_record_remove(name);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Those that were not started by the container's first process, as by docker exec. */
static int attach_others(struct vk_engine *eng, uint32_t id, ino_t mntns, uint32_t *count,
			 struct vk_error *e)
{
	vk_cleanup(closedirp) DIR *dir = opendir("/proc");
	struct dirent *entry;

	/* cppcheck-suppress readdirCalled; one thread */
	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct vk_error failed = {0};
		uint32_t threads = 0;
		char path[300];
		struct stat st;
		int r;

		snprintf(path, sizeof(path), "/proc/%s/ns/mnt", entry->d_name);
		if (pid <= 0 || stat(path, &st) < 0 || st.st_ino != mntns)
			continue;
		r = vk_instance_attach(eng, id, pid, &threads, &failed);
		*count += threads;
		if (r < 0 && r != -EALREADY && r != -ESRCH) {
			*e = failed;
			return r;
		}
	}
	return 0;
}

int oci_container_join(struct vk_engine *eng, uint32_t id, const char *instance,
		       struct oci_state *st, uint32_t *ret_count, struct vk_error *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, st->pid, 0);
	struct stat ns, host;
	char path[48];
	int r;

	if (pidfd < 0)
		return vk_error_set(e, ESRCH, "the container has ended");
	/* Places first: what is executed meanwhile must not slip through. */
	r = oci_join_places(eng, id, st->pid, e);
	if (r == 0)
		r = vk_instance_attach(eng, id, st->pid, ret_count, e);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)st->pid);
	if (stat(path, &ns) == 0 && stat("/proc/1/ns/mnt", &host) == 0 && ns.st_ino != host.st_ino)
		r = attach_others(eng, id, ns.st_ino, ret_count, e);
	if (r == 0 && has_ended(pidfd))
		r = vk_error_set(e, ESRCH, "the container has ended");
	if (instance != st->name)
		snprintf(st->name, sizeof(st->name), "%s", instance);
	return r < 0 ? r : oci_record_write(st, e);
}

/* Who is about to end is no member any more before its parent is told, or hardly later. */
static int remove_when_ended(struct vk_engine *eng, const char *name, struct vk_error *e)
{
	struct timespec moment = {.tv_nsec = 20000000};
	int r = -EBUSY;

	for (int tries = 0; r == -EBUSY && tries < 25; tries++) {
		*e = (struct vk_error){0};
		if (tries)
			nanosleep(&moment, NULL);
		r = vk_instance_remove_tree(eng, name, false, e);
	}
	return r;
}

int oci_container_remove(const char *name, bool kill, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	int r = vk_engine_open(&eng, VK_OPEN_BRIEF, e);

	if (r == -ENOENT) {
		oci_record_end(name);
		return 0;
	}
	if (r < 0)
		return r;
	/* Exactly this name: a prefix would be another container. */
	if (vk_instance_exists(eng, name))
		r = kill ? vk_instance_remove_tree(eng, name, true, e) :
			   remove_when_ended(eng, name, e);
	if (r == 0)
		oci_record_end(name);
	return r;
}

/* 1: removed, or would be; 0: in use. */
static int collect_one(struct vk_engine *eng, const char *name, bool dry_run, struct vk_error *e)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	int r = eng ? get_exact(eng, name, &info, e) : -ENOENT;

	if (r == 0 && info.members + info.pending)
		return 0;
	if (r == 0 && !dry_run)
		r = vk_instance_remove_tree(eng, name, false, e);
	if (r == -EBUSY) {
		/* Somebody came in meanwhile, or is about to end. The others are collected. */
		*e = (struct vk_error){0};
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (!dry_run)
		oci_record_end(name);
	return 1;
}

struct collection {
	struct vk_engine *eng;
	bool dry_run;
	void (*fn)(const char *id, void *data);
	void *data;
	struct vk_error *e;
	int count;
};

static int collect(const struct oci_record *record, void *data)
{
	struct collection *c = data;
	int r = collect_one(c->eng, record->instance, c->dry_run, c->e);

	if (r > 0) {
		c->count++;
		c->fn(record->id, c->data);
	}
	return r < 0 ? r : 0;
}

int oci_collect(bool dry_run, void (*fn)(const char *id, void *data), void *data,
		struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct collection c = {.dry_run = dry_run, .fn = fn, .data = data, .e = e};
	int r = vk_engine_open(&eng, 0, e);

	if (r < 0 && r != -ENOENT)
		return r;
	c.eng = eng;
	r = oci_record_each(collect, &c);
	return r < 0 ? r : c.count;
}
