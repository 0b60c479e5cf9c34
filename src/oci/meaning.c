/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* meaning.c - what words mean, in the map vk_meanings. */
#include "meaning.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>

#include "cleanup.h"
#include "sha256.h"

#define PROFILES "/run/vkernel/profiles"
#define PROFILE_MAX (256u << 10)
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

void oci_meaning_ask(struct vk_meaning *a, const char *question, size_t len, bool takeover)
{
	uint8_t all[33];

	vk_sha256(question, len, all);
	all[32] = takeover;
	vk_sha256(all, sizeof(all), a->asked);
}

static uint64_t in_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

/* FNV-1a. */
static uint64_t hash_more(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}
#define HASH_BEGIN 0xcbf29ce484222325u

static uint64_t changed_last(const struct stat *st)
{
	uint64_t modified = in_ns(&st->st_mtim), changed = in_ns(&st->st_ctim);

	return modified > changed ? modified : changed;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* What is in a directory, in any order; @last becomes the time of the last change. */
static uint64_t list(const char *path, uint64_t *last)
{
	vk_cleanup(closedirp) DIR *dir = opendir(path);
	uint64_t sum = 1;
	struct dirent *entry;
	struct stat st;

	if (!dir)
		*last = UINT64_MAX;
	/* cppcheck-suppress readdirCalled; one thread */
	while (dir && (entry = readdir(dir))) {
		uint64_t of[5] = {0};

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0) {
			of[0] = st.st_dev;
			of[1] = st.st_ino;
			of[2] = (uint64_t)st.st_size;
			of[3] = in_ns(&st.st_mtim);
			of[4] = in_ns(&st.st_ctim);
			*last = changed_last(&st) > *last ? changed_last(&st) : *last;
		}
		sum += hash_more(hash_more(HASH_BEGIN, entry->d_name, strlen(entry->d_name) + 1),
				 of, sizeof(of));
	}
	return sum;
}

/* Return: the time of its last change. */
static uint64_t describe(struct vk_meaning_file *f, const char *path, const struct stat *st)
{
	uint64_t last = changed_last(st);

	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->size = S_ISDIR(st->st_mode) ? list(path, &last) : (uint64_t)st->st_size;
	f->modified_ns = in_ns(&st->st_mtim);
	f->changed_ns = in_ns(&st->st_ctim);
	return last;
}

void oci_meaning_note(const char *path, const struct stat *st, void *meaning)
{
	struct vk_meaning *a = meaning;
	struct vk_meaning_file *f = &a->files[a->n_files];
	struct timespec now;
	uint64_t last;

	if (a->n_files >= VK_MEANING_FILES)
		return; /* not kept already, or not to be */
	clock_gettime(CLOCK_REALTIME, &now);
	if (!path || a->n_files == VK_MEANING_FILES - 1 || strlen(path) >= sizeof(f->path) ||
	    *path != '/' || (st && !st->st_ino)) {
		a->n_files = VK_MEANING_FILES;
		return;
	}
	*f = (struct vk_meaning_file){0};
	last = st ? describe(f, path, st) : 0;
	memcpy(f->path, path, strlen(path) + 1);
	a->n_files = last > in_ns(&now) - SETTLED_NS ? VK_MEANING_FILES : a->n_files + 1;
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

/* What has this hash is compared with them. */
static uint64_t hash_words(const struct vk_meaning *a)
{
	return hash_more(hash_more(HASH_BEGIN, a->words, strlen(a->words)), a->asked,
			 sizeof(a->asked));
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

static void profile_path(const struct vk_meaning *a, char *buf, size_t size)
{
	snprintf(buf, size, PROFILES "/%02x", (unsigned int)hash_words(a) & 0xff);
}

static bool keep_profile(struct vk_meaning *a, const char *profile)
{
	static const char temp[] = PROFILES "/new";
	const int how = O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	_cleanup_close_ int lock = -1, fd = -1;
	size_t len = strlen(profile);
	char path[64];

	if (!len || len > PROFILE_MAX)
		return false;
	vk_sha256(profile, len, a->profile);
	mkdir(PROFILES, 0700);
	lock = open(PROFILES "/lock", O_RDWR | how, 0600);
	/* Whoever holds it keeps one of its own. */
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return false;
	profile_path(a, path, sizeof(path));
	fd = open(temp, O_WRONLY | O_TRUNC | how, 0600);
	if (fd >= 0 && write(fd, profile, len) == (ssize_t)len && rename(temp, path) == 0)
		return true;
	unlink(temp);
	return false;
}

char *oci_meaning_profile(const struct vk_meaning *a)
{
	static const uint8_t none[sizeof(a->profile)];
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	uint8_t hash[sizeof(a->profile)];
	struct stat st;
	char path[64];

	if (memcmp(a->profile, none, sizeof(none)) == 0)
		return strdup("");
	profile_path(a, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 ||
	    st.st_mode & (S_IWGRP | S_IWOTH) || st.st_size > (off_t)PROFILE_MAX)
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		return NULL;
	vk_sha256(text, (size_t)st.st_size, hash);
	return memcmp(hash, a->profile, sizeof(hash)) == 0 ? vk_take_ptr(text) : NULL;
}

void oci_meaning_keep(struct vk_meaning *a, const char *profile)
{
	_cleanup_close_ int map = open_map();
	uint64_t key = hash_words(a);

	if (map < 0 || !a->document || a->n_files >= VK_MEANING_FILES)
		return;
	memset(a->profile, 0, sizeof(a->profile));
	if (profile && !keep_profile(a, profile))
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
	describe(&now, f->path, &st);
	return f->ino && now.dev == f->dev && now.ino == f->ino && now.size == f->size &&
	       now.modified_ns == f->modified_ns && now.changed_ns == f->changed_ns;
}

bool oci_meaning_holds(const struct vk_meaning *kept, const char words[VK_MEANING_WORDS],
		       const uint8_t asked[32])
{
	if (memcmp(kept->words, words, sizeof(kept->words)) != 0 ||
	    memcmp(kept->asked, asked, sizeof(kept->asked)) != 0 || !kept->document ||
	    kept->n_files >= VK_MEANING_FILES)
		return false;
	for (uint32_t i = 0; i < kept->n_files; i++)
		if (!still_holds(&kept->files[i]))
			return false;
	return true;
}

bool oci_meaning_find(struct vk_meaning *a)
{
	_cleanup_close_ int map = open_map();
	char words[sizeof(a->words)];
	uint8_t asked[sizeof(a->asked)];

	memcpy(words, a->words, sizeof(words));
	memcpy(asked, a->asked, sizeof(asked));
	return map >= 0 && look_up(map, hash_words(a), a) == 0 &&
	       oci_meaning_holds(a, words, asked);
}
