/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * engines.c - what the files of engines and runtimes say of a container.
 *
 *	Docker       /var/lib/docker/containers/ID/config.v2.json: "Name"
 *	podman       STORAGE/containers.json beside the bundle: "id", "names"
 *	Kubernetes, nerdctl	annotations
 *	runc         ROOT/ID/state.json: "init_process_pid", "init_process_start"
 *	crun         ROOT/ID/status: "pid", "process-start-time"
 *
 * Names are for people; nothing is decided by them but which container a command means.
 */
#include "oci.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"

#define DOCKER "/var/lib/docker/containers"

static void json_freep(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ vk_cleanup(json_freep)

/* Most often there is no such file, of which jansson would make a message first. */
static json_t *load_file(const char *path)
{
	return access(path, F_OK) == 0 ? json_load_file(path, 0, NULL) : NULL;
}

/* Into one line without control characters. */
static void copy_name(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s", name + (*name == '/'));
	for (; *buf; buf++)
		if (iscntrl((unsigned char)*buf))
			*buf = '?';
}

static const char *by_annotation(const json_t *annotations)
{
	static const char *const keys[] = {"io.kubernetes.cri.container-name",
					   "io.kubernetes.container.name", "nerdctl/name"};
	const char *name = NULL;

	for (size_t i = 0; !name && i < sizeof(keys) / sizeof(keys[0]); i++)
		name = json_string_value(json_object_get(annotations, keys[i]));
	return name;
}

static bool is_file_name(const char *id)
{
	return *id && !strchr(id, '/') && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

static void by_podman(const char *id, const char *bundle, char *buf, size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *list = NULL;
	const char *end = strstr(bundle, "-containers/");
	json_t *entry;
	size_t i;

	if (!end ||
	    asprintf(&path, "%.*s-containers/containers.json", (int)(end - bundle), bundle) < 0) {
		path = NULL;
		return;
	}
	list = load_file(path);
	json_array_foreach(list, i, entry)
	{
		const char *theirs = json_string_value(json_object_get(entry, "id"));
		const char *name =
			json_string_value(json_array_get(json_object_get(entry, "names"), 0));

		if (theirs && name && !strcmp(theirs, id))
			copy_name(name, buf, size);
	}
}

void oci_engine_name(const char *id, const char *bundle, json_t *annotations, char *buf,
		     size_t size)
{
	const char *name = by_annotation(annotations);
	_cleanup_json_ json_t *docker = NULL;
	_cleanup_free_ char *path = NULL;

	*buf = '\0';
	if (name) {
		copy_name(name, buf, size);
		return;
	}
	if (!is_file_name(id) || asprintf(&path, DOCKER "/%s/config.v2.json", id) < 0) {
		path = NULL;
		return;
	}
	docker = load_file(path);
	name = json_string_value(json_object_get(docker, "Name"));
	if (name)
		copy_name(name, buf, size);
	else
		by_podman(id, bundle, buf, size);
}

/* ---- running containers ---- */

/* The time at which a process started, in clock ticks since boot; 0: there is none. */
static unsigned long long start_time(pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long ticks = 0;
	char path[32], line[1024], *s;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return 0;
	s = strrchr(line, ')'); /* the name before may have anything in it */
	for (int field = 2; s && field < 22; field++)
		s = strchr(s + 1, ' ');
	if (s)
		ticks = strtoull(s, NULL, 10);
	return ticks;
}

static char *bundle_of(const json_t *root)
{
	const char *bundle = json_string_value(json_object_get(root, "bundle"));
	json_t *label;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "config"), "labels"), i,
			   label) if (!strncmp(json_string_value(label) ?: "", "bundle=", 7))
		bundle = json_string_value(label) + 7;
	return strdup(bundle ? bundle : "");
}

/* False: not a state of a container that runs. */
static bool read_runtime_state(const char *file, const char *id, struct oci_state *st)
{
	_cleanup_json_ json_t *root = json_load_file(file, 0, NULL);
	json_t *pid = json_object_get(root, "init_process_pid");
	json_t *start = json_object_get(root, "init_process_start");

	if (!pid) {
		pid = json_object_get(root, "pid");
		start = json_object_get(root, "process-start-time");
	}
	*st = (struct oci_state){.pid = (pid_t)json_integer_value(pid)};
	/* Another process may have the pid by now. */
	if (st->pid <= 0 || !json_is_integer(start) ||
	    start_time(st->pid) != (unsigned long long)json_integer_value(start))
		return false;
	st->id = strdup(id);
	st->bundle = bundle_of(root);
	if (!st->id || !st->bundle) {
		oci_state_free(st);
		return false;
	}
	oci_instance_name(id, st->name);
	oci_engine_name(id, st->bundle, NULL, st->engine_name, sizeof(st->engine_name));
	return true;
}

/**
 * struct wanted - a container that is looked for
 * @exact:   how many have this id or name
 * @matches: how many ids begin with it
 */
struct wanted {
	const char *word;
	struct oci_state *ret;
	unsigned int exact, matches;
};

static void consider(struct wanted *w, const char *dir, const char *id)
{
	static const char *const files[] = {"state.json", "status"};
	struct oci_state st = {0};
	char path[4096];
	bool same, found = false;

	for (size_t i = 0; !found && i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, id, files[i]);
		found = read_runtime_state(path, id, &st);
	}
	if (!found)
		return;
	same = !strcmp(id, w->word) || !strcmp(st.engine_name, w->word);
	if (!same && (w->exact || strncmp(id, w->word, strlen(w->word)) != 0)) {
		oci_state_free(&st);
		return;
	}
	w->exact += same;
	w->matches += !same;
	oci_state_free(w->ret);
	*w->ret = st;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* The containers @depth directories below @path. */
static void look_in(struct wanted *w, const char *path, int depth)
{
	vk_cleanup(closedirp) DIR *dir = opendir(path);
	struct dirent *entry;
	char below[2048];

	/* cppcheck-suppress readdirCalled; one thread */
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (depth == 0) {
			consider(w, path, entry->d_name);
			continue;
		}
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		look_in(w, below, depth - 1);
	}
}

int oci_find_running(const char *word, struct oci_state *ret, struct vk_error *e)
{
	struct wanted w = {.word = word, .ret = ret};

	*ret = (struct oci_state){0};
	if (*word) {
		look_in(&w, "/run/runc", 0);
		look_in(&w, "/run/crun", 0);
		look_in(&w, "/run/containerd/runc", 1); /* namespaces of containerd */
		look_in(&w, "/run/docker", 2); /* runtime-NAME/moby/ID */
	}
	if (w.exact == 1 || (!w.exact && w.matches == 1))
		return 0;
	oci_state_free(ret);
	if (w.exact + w.matches == 0) {
		vk_error_set(e, ENOENT, "no container of runc or crun is called \"%s\"", word);
		vk_error_advise(e, "give its id, or the PIDs of its processes");
		return -ENOENT;
	}
	vk_error_set(e, ENOTUNIQ, "%u containers are called \"%s\"", w.exact ?: w.matches, word);
	vk_error_advise(e, "give more of the id");
	return -ENOTUNIQ;
}
