/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* meaning.c - what words mean, in the map vk_meanings. */
#include "meaning.h"

#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "cleanup.h"

#define MEANINGS_PIN "/sys/fs/bpf/vkernel/maps/vk_meanings"
/* Time stamps of files are those of a clock that stands still between its ticks, so a file that
 * was changed just now could be changed once more and look the same. */
#define SETTLED_NS 2000000000u

bool oci_meaning_words(struct vk_meaning *a, const char *const *policies, size_t n,
		       const char *annotation, size_t len)
{
	size_t used = 0;

	*a = (struct vk_meaning){0};
	/* A line for each, so that no two lists of words look alike. */
	for (size_t i = 0; i <= n; i++) {
		const char *word = i < n ? policies[i] : annotation;
		size_t size = i < n ? strlen(word) : len;

		if (used + size + 2 > sizeof(a->words) || memchr(word, '\n', size))
			return false;
		memcpy(a->words + used, word, size);
		a->words[used + size] = '\n';
		used += size + 1;
	}
	return true;
}

static uint64_t in_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static void describe(struct vk_meaning_file *f, const struct stat *st)
{
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->size = (uint64_t)st->st_size;
	f->modified_ns = in_ns(&st->st_mtim);
	f->changed_ns = in_ns(&st->st_ctim);
}

void oci_meaning_note(const char *path, const struct stat *st, void *meaning)
{
	struct vk_meaning *a = meaning;
	struct vk_meaning_file *f = &a->files[a->n_files];
	struct timespec now;

	if (a->n_files >= VK_MEANING_FILES)
		return; /* not kept already, or not to be */
	clock_gettime(CLOCK_REALTIME, &now);
	if (a->n_files == VK_MEANING_FILES - 1 || strlen(path) >= sizeof(f->path) || *path != '/' ||
	    (st && (!st->st_ino || in_ns(&st->st_mtim) + SETTLED_NS > in_ns(&now) ||
		    in_ns(&st->st_ctim) + SETTLED_NS > in_ns(&now)))) {
		a->n_files = VK_MEANING_FILES;
		return;
	}
	*f = (struct vk_meaning_file){0};
	if (st)
		describe(f, st);
	memcpy(f->path, path, strlen(path) + 1);
	a->n_files++;
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int open_map(void)
{
	union bpf_attr attr = {.pathname = (uintptr_t)MEANINGS_PIN};

	return (int)bpf(BPF_OBJ_GET, &attr);
}

/* FNV-1a; the words themselves are compared. */
static uint64_t hash_words(const struct vk_meaning *a)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (const char *s = a->words; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 0x100000001b3u;
	return hash;
}

static long look_up(int map, uint64_t key, struct vk_meaning *ret)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)ret};

	return bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

static long put(int map, uint64_t key, const struct vk_meaning *a)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)a};

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/* Any of them: there are more policies in use than meanings are kept. */
static void forget_one(int map)
{
	uint64_t key = 0;
	union bpf_attr attr = {.map_fd = (uint32_t)map, .next_key = (uintptr_t)&key};

	if (bpf(BPF_MAP_GET_NEXT_KEY, &attr) < 0)
		return;
	attr = (union bpf_attr){.map_fd = (uint32_t)map, .key = (uintptr_t)&key};
	bpf(BPF_MAP_DELETE_ELEM, &attr);
}

void oci_meaning_keep(const struct vk_meaning *a)
{
	_cleanup_close_ int map = open_map();
	uint64_t key = hash_words(a);

	if (map < 0 || !a->document || a->n_files >= VK_MEANING_FILES)
		return;
	if (put(map, key, a) < 0 && errno == E2BIG) {
		forget_one(map);
		put(map, key, a);
	}
}

static bool still_holds(const struct vk_meaning_file *f)
{
	struct vk_meaning_file now = {0};
	struct stat st;

	if (stat(f->path, &st) < 0)
		return errno == ENOENT && !f->ino;
	describe(&now, &st);
	return f->ino && now.dev == f->dev && now.ino == f->ino && now.size == f->size &&
	       now.modified_ns == f->modified_ns && now.changed_ns == f->changed_ns;
}

bool oci_meaning_find(struct vk_meaning *a)
{
	_cleanup_close_ int map = open_map();
	char words[sizeof(a->words)];

	memcpy(words, a->words, sizeof(words));
	if (map < 0 || look_up(map, hash_words(a), a) < 0 ||
	    memcmp(words, a->words, sizeof(words)) != 0 || !a->document ||
	    a->n_files >= VK_MEANING_FILES)
		return false;
	for (uint32_t i = 0; i < a->n_files; i++)
		if (!still_holds(&a->files[i]))
			return false;
	return true;
}
