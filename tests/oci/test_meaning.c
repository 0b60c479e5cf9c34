// SPDX-License-Identifier: LGPL-2.1-or-later
/* When what a container's policies mean is taken from what is kept: the key, and the files. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "meaning.h"
#include "tap.h"

static const char question[] = "{\"policies\":null,\"seccomp\":{\"defaultAction\":\"A\"}}";

/* A meaning of @words, @asked if not NULL. */
static struct vk_meaning make(const char *const *words, size_t n, const char *annotation,
			      const char *asked, bool takeover)
{
	struct vk_meaning a;

	CHECK(oci_meaning_words(&a, words, n, annotation, strlen(annotation)));
	if (asked)
		oci_meaning_ask(&a, asked, strlen(asked), takeover);
	a.document = 1;
	return a;
}

TEST(every_part_of_the_key_counts)
{
	static const char *const words[] = {"one", "two"}, *const joined[] = {"onetwo"};
	static const char other[] = "{\"policies\":null,\"seccomp\":{\"defaultAction\":\"B\"}}";
	const struct vk_meaning kept = make(words, 2, "three", question, true);
	const struct vk_meaning keys[] = {
		make(words, 1, "three", question, true),  make(joined, 1, "three", question, true),
		make(words, 2, "", question, true),	  make(words, 2, "thre", question, true),
		make(words, 2, "three", other, true),	  make(words, 2, "three", "", true),
		make(words, 2, "three", question, false), make(words, 2, "three", NULL, false),
	};
	const struct vk_meaning same = make(words, 2, "three", question, true);

	CHECK(oci_meaning_holds(&kept, same.words, same.asked));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		CHECK(!oci_meaning_holds(&kept, keys[i].words, keys[i].asked));
		CHECK(!oci_meaning_holds(&keys[i], kept.words, kept.asked));
	}
}

TEST(what_is_incomplete_means_nothing)
{
	static const char *const words[] = {"one"}, *const lines[] = {"one\ntwo"};
	struct vk_meaning a = make(words, 1, "", question, false), kept = a;
	char many[512];

	kept.document = 0;
	CHECK(!oci_meaning_holds(&kept, a.words, a.asked));
	kept = a;
	kept.n_files = VK_MEANING_FILES;
	CHECK(!oci_meaning_holds(&kept, a.words, a.asked));
	memset(many, 'x', sizeof(many));
	CHECK(!oci_meaning_words(&a, words, 1, many, sizeof(many)));
	CHECK(!oci_meaning_words(&a, lines, 1, "", 0));
}

static char dir[] = "/tmp/vk-meaning-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Notes @path when it has not changed for long enough. */
static void note(struct vk_meaning *a, const char *path)
{
	const struct timespec moment = {.tv_nsec = 100000000};
	uint32_t before = a->n_files;
	struct stat st;

	for (int tries = 0; tries < 600; tries++) {
		a->n_files = before;
		oci_meaning_note(path, stat(path, &st) == 0 ? &st : NULL, a);
		if (a->n_files != VK_MEANING_FILES)
			return;
		nanosleep(&moment, NULL);
	}
	FAIL("%s is never settled", path);
	tap_abort();
}

TEST(files_are_what_they_were)
{
	static const char *const words[] = {"one"};
	const struct vk_meaning key = make(words, 1, "", question, false);
	char file[64], none[64];
	struct vk_meaning of_file = key, of_none = key, of_dir = key;
	struct stat st;

	ASSERT(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/file", dir);
	snprintf(none, sizeof(none), "%s/none", dir);
	put("file", "one");
	/* Changed just now, it could change once more and look the same. */
	ASSERT(stat(file, &st) == 0);
	oci_meaning_note(file, &st, &of_file);
	CHECK_EQ(of_file.n_files, VK_MEANING_FILES);
	oci_meaning_note(dir, stat(dir, &st) == 0 ? &st : NULL, &of_dir);
	CHECK_EQ(of_dir.n_files, VK_MEANING_FILES);
	of_file.n_files = of_dir.n_files = 0;
	note(&of_file, file);
	note(&of_none, none);
	note(&of_dir, dir);
	CHECK(oci_meaning_holds(&of_file, key.words, key.asked));
	CHECK(oci_meaning_holds(&of_none, key.words, key.asked));
	CHECK(oci_meaning_holds(&of_dir, key.words, key.asked));
	/* The directory itself does not change, what is in it does. */
	put("file", "two");
	CHECK(!oci_meaning_holds(&of_file, key.words, key.asked));
	CHECK(!oci_meaning_holds(&of_dir, key.words, key.asked));
	CHECK(oci_meaning_holds(&of_none, key.words, key.asked));
	put("none", "");
	CHECK(!oci_meaning_holds(&of_none, key.words, key.asked));
	unlink(file);
	CHECK(!oci_meaning_holds(&of_file, key.words, key.asked));
	unlink(none);
	CHECK(!oci_meaning_holds(&of_dir, key.words, key.asked));
	rmdir(dir);
}

TEST(more_than_can_be_told_is_not_kept)
{
	static const char *const words[] = {"one"};
	struct vk_meaning a = make(words, 1, "", question, false);

	oci_meaning_note(NULL, NULL, &a);
	CHECK_EQ(a.n_files, VK_MEANING_FILES);
	a.n_files = 0;
	oci_meaning_note("relative", NULL, &a);
	CHECK_EQ(a.n_files, VK_MEANING_FILES);
	a.n_files = 0;
	for (int i = 0; i < VK_MEANING_FILES; i++)
		oci_meaning_note("/no/file", NULL, &a);
	CHECK_EQ(a.n_files, VK_MEANING_FILES);
}
