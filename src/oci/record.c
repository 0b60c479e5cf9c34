/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c - which instances are containers'.
 *
 *	/run/vkernel/containers/INSTANCE	pid, id, bundle and name of the container, instance,
 *						one line each. Nobody needs the instance once it
 *						has no process: "vkernel gc" removes it
 *	/run/vkernel/ended/NUMBER		likewise, of one that has ended: its last events
 *						are read later. A few hundred, by a hash of the
 *						instance's name
 *
 * Nothing that is enforced depends on it.
 */
#include "oci.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

#define ENDED "/run/vkernel/ended"
#define ENDED_MAX 512

static void record_path(const char *instance, char *buf, size_t size)
{
	snprintf(buf, size, VK_OCI_RECORDS "/%s", instance);
}

static void ended_path(const char *instance, char *buf, size_t size)
{
	uint32_t hash = 0x811c9dc5;

	for (; *instance; instance++)
		hash = (hash ^ (unsigned char)*instance) * 0x01000193;
	snprintf(buf, size, ENDED "/%u", hash % ENDED_MAX);
}

int oci_record_write(const struct oci_state *st, struct vk_error *e)
{
	char path[384], temp[400];
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	int len = asprintf(&text, "%d\n%s\n%s\n%s\n%s\n", (int)st->pid, st->id, st->bundle,
			   st->engine_name, st->name);

	if (len < 0) {
		text = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	record_path(st->name, path, sizeof(path));
	snprintf(temp, sizeof(temp), "%s+new", path); /* '+' is in no name */
	errno = 0;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENOENT && mkdir(VK_OCI_RECORDS, 0700) == 0) {
		errno = 0;
		fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	if (fd < 0 || write(fd, text, (size_t)len) != len || rename(temp, path) < 0) {
		int code = errno ? errno : ENOSPC;

		unlink(temp);
		return vk_error_set(e, code, "cannot write %s: %s", path, strerror(code));
	}
	return 0;
}

void oci_record_remove(const char *instance)
{
	char path[384];

	record_path(instance, path, sizeof(path));
	unlink(path);
}

void oci_record_end(const char *instance)
{
	char path[384], ended[64];

	record_path(instance, path, sizeof(path));
	ended_path(instance, ended, sizeof(ended));
	mkdir(ENDED, 0700);
	if (rename(path, ended) < 0)
		unlink(path);
}

static void read_line(FILE *f, char *buf, size_t size)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	*buf = '\0';
	if (getline(&line, &cap, f) <= 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	snprintf(buf, size, "%s", line);
}

static int read_record(const char *path, struct oci_record *ret)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char pid[16];

	if (!f)
		return -ENOENT;
	read_line(f, pid, sizeof(pid));
	read_line(f, ret->id, sizeof(ret->id));
	read_line(f, ret->bundle, sizeof(ret->bundle));
	read_line(f, ret->name, sizeof(ret->name));
	read_line(f, ret->instance, sizeof(ret->instance));
	return 0;
}

int oci_record_read(const char *instance, struct oci_record *ret)
{
	char path[384];

	if (strchr(instance, '/') || strlen(instance) >= sizeof(ret->instance))
		return -ENOENT;
	record_path(instance, path, sizeof(path));
	if (read_record(path, ret) < 0)
		return -ENOENT;
	snprintf(ret->instance, sizeof(ret->instance), "%s", instance);
	if (!ret->id[0])
		snprintf(ret->id, sizeof(ret->id), "%s", instance);
	return 0;
}

int oci_record_read_ended(const char *instance, struct oci_record *ret)
{
	char path[64];

	ended_path(instance, path, sizeof(path));
	if (read_record(path, ret) == 0 && !strcmp(ret->instance, instance))
		return 0;
	*ret = (struct oci_record){0}; /* another one's of the same hash */
	return -ENOENT;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int oci_record_each(int (*fn)(const struct oci_record *r, void *data), void *data)
{
	vk_cleanup(closedirp) DIR *dir = opendir(VK_OCI_RECORDS);
	struct oci_record record;
	struct dirent *entry;
	int r = 0;

	/* cppcheck-suppress readdirCalled; one thread */
	while (r == 0 && dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    strchr(entry->d_name, '+') || oci_record_read(entry->d_name, &record) < 0)
			continue;
		r = fn(&record, data);
	}
	return r;
}

/**
 * struct search - for a container
 * @exact:   one of this id or name
 * @matches: how many ids begin with it
 */
struct search {
	const char *word;
	struct oci_record *ret;
	unsigned int exact, matches;
};

static int match(const struct oci_record *r, void *data)
{
	struct search *s = data;
	bool exact = !strcmp(r->id, s->word) || !strcmp(r->name, s->word);

	if (!exact && (s->exact || strncmp(r->id, s->word, strlen(s->word)) != 0))
		return 0;
	s->exact += exact;
	s->matches += !exact;
	*s->ret = *r;
	return 0;
}

int oci_record_find(const char *word, struct oci_record *ret, struct vk_error *e)
{
	struct search s = {.word = word, .ret = ret};

	if (*word)
		oci_record_each(match, &s);
	if (s.exact == 1 || (!s.exact && s.matches == 1))
		return 0;
	if (s.exact + s.matches == 0) {
		vk_error_set(e, ENOENT, "no container under vkernel is called \"%s\"", word);
		vk_error_advise(e, "\"vkernel ps\" lists them; \"vkernel attach --container\" "
				   "confines one that runs already");
		return -ENOENT;
	}
	vk_error_set(e, ENOTUNIQ, "%u containers are called \"%s\"", s.exact ?: s.matches, word);
	vk_error_advise(e, "give more of the id; \"vkernel ps\" lists them");
	return -ENOTUNIQ;
}
