/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * container.c - the instances of containers.
 *
 *	/run/vkernel/containers/NAME	"PID ID BUNDLE", one line each: this instance is a
 *					container's, and nobody will need it when it has no process
 */
#include "oci.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"

static void record_path(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, VK_OCI_RECORDS "/%s", name);
}

static int write_record(const struct oci_state *st, struct vk_error *e)
{
	char path[384], temp[400];
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	int len = asprintf(&text, "%d\n%s\n%s\n", (int)st->pid, st->id, st->bundle);

	if (len < 0) {
		text = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	record_path(st->name, path, sizeof(path));
	snprintf(temp, sizeof(temp), "%s+new", path); /* '+' is in no name */
	mkdir(VK_OCI_RECORDS, 0700);
	errno = 0;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)len) != len || rename(temp, path) < 0) {
		int code = errno ? errno : ENOSPC;

		unlink(temp);
		return vk_error_set(e, code, "cannot write %s: %s", path, strerror(code));
	}
	return 0;
}

static void remove_record(const char *name)
{
	char path[384];

	record_path(name, path, sizeof(path));
	unlink(path);
}

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* -ENOENT, without an error: no instance of exactly this name. */
static int get_exact(struct vk_engine *eng, const char *name, struct vk_info *info)
{
	struct vk_error ignored = {0};
	int r = vk_instance_get(eng, name, info, &ignored);

	if (r < 0)
		return -ENOENT;
	if (strcmp(info->name, name) == 0)
		return 0;
	vk_info_free(info);
	return -ENOENT;
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
	size_t own = info->n_layers - info->n_mitigations; /* those stay by themselves */
	size_t n = 0;

	for (size_t i = 0; i < own; i++)
		all[n++] = info->layers[i];
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
	int r = get_exact(eng, st->name, &info);

	if (r < 0)
		return 0;
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
	return vk_instance_remove(eng, st->name, false, e);
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

int oci_container_create(const struct oci_state *st, const struct oci_layers *l, struct vk_error *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, st->pid, 0);
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error ignored = {0};
	uint32_t id = 0;
	int r;

	if (st->pid <= 0 || pidfd < 0)
		return vk_error_set(e, ESRCH, "the container has no process");
	r = vk_engine_open(&eng, VK_OPEN_CREATE, e);
	if (r == 0)
		r = meet_existing(eng, st, l, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = write_record(st, e);
	if (r < 0)
		return r;
	r = vk_instance_create(eng, st->name, (const struct vk_policy *const *)l->layers, l->n, &id,
			       e);
	if (r == 0) {
		r = bind_process(eng, st, id, pidfd, e);
		if (r < 0)
			vk_instance_remove(eng, st->name, true, &ignored);
	}
	if (r < 0)
		remove_record(st->name);
	return r;
}

int oci_container_remove(const char *name, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	int r = vk_engine_open(&eng, 0, e);

	if (r == -ENOENT) {
		remove_record(name);
		return 0;
	}
	if (r < 0)
		return r;
	/* Exactly this name: a prefix would be another container. */
	if (get_exact(eng, name, &info) == 0)
		r = vk_instance_remove(eng, name, true, e);
	if (r == 0)
		remove_record(name);
	return r;
}

/* The container's id of the record @name, or @name itself. */
static void record_id(const char *name, char *buf, size_t size)
{
	char path[384];

	record_path(name, path, sizeof(path));

	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, (int)size, f) || !fgets(buf, (int)size, f))
		snprintf(buf, size, "%s", name);
	buf[strcspn(buf, "\n")] = '\0';
}

/* 1: removed, or would be; 0: in use. */
static int collect_one(struct vk_engine *eng, const char *name, bool dry_run, struct vk_error *e)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	int r;

	if (eng && get_exact(eng, name, &info) == 0) {
		if (info.members + info.pending)
			return 0;
		r = dry_run ? 0 : vk_instance_remove(eng, name, false, e);
		if (r < 0)
			return r;
	}
	if (!dry_run)
		remove_record(name);
	return 1;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int oci_collect(bool dry_run, void (*fn)(const char *id, void *data), void *data,
		struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	vk_cleanup(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	int r = vk_engine_open(&eng, 0, e), count = 0;
	char id[1200];

	if (r < 0 && r != -ENOENT)
		return r;
	r = 0;
	dir = opendir(VK_OCI_RECORDS);
	/* cppcheck-suppress readdirCalled; one thread */
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    strchr(entry->d_name, '+'))
			continue;
		record_id(entry->d_name, id, sizeof(id));
		r = collect_one(eng, entry->d_name, dry_run, e);
		if (r < 0)
			return r;
		count += r;
		if (r)
			fn(id, data);
	}
	return count;
}
