/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects as clang makes them become images that pass every check; what is no object does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "program.h"
#include "tap.h"

static const char *const examples[] = {
	"no-exec-of-written", "no-runtime-rewrite",   "no-secrets-after-send",
	"rate-limit-connect", "startup-capabilities",
};

static void *read_file(const char *path, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	data = malloc((size_t)st.st_size + 1);
	*ret_size = (size_t)read(fd, data, (size_t)st.st_size);
	return data;
}

static void *read_example(const char *name, size_t *ret_size)
{
	char path[256];

	snprintf(path, sizeof(path), EXAMPLES "/%s.bpf.o", name);
	return read_file(path, ret_size);
}

static struct vk_program_image *flatten_example(const char *name)
{
	struct vk_program_image *img = NULL;
	struct vk_error e = {0};
	size_t size = 0;
	_cleanup_free_ void *object = read_example(name, &size);

	ASSERT(object);
	if (vk_program_flatten(name, name, object, size, &img, &e) < 0) {
		FAIL("%s: %s", name, e.message);
		return NULL;
	}
	return img;
}

TEST(examples_pass_the_check)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		_cleanup_free_ struct vk_program_image *img = flatten_example(examples[i]);
		struct vk_error e = {0};

		if (img && vk_program_check(img, img->size, &e) < 0)
			FAIL("%s: %s", examples[i], e.message);
	}
}

TEST(examples_pass_the_dry_load)
{
	if (geteuid() != 0)
		SKIP("needs root and CAP_BPF");
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		_cleanup_free_ struct vk_program_image *img = flatten_example(examples[i]);
		struct vk_linked p = {.img = img};
		struct vk_error e = {0};
		struct vk_dry dry;
		int r;

		ASSERT(img && vk_program_check(img, img->size, &e) == 0);
		r = vk_program_make_maps(&p, &e);
		if (r == -EPERM)
			SKIP("needs root and CAP_BPF");
		if (r == 0)
			r = vk_program_dry_load(&p, &dry, &e);
		if (r < 0)
			FAIL("%s: %s", examples[i], e.message);
		vk_program_close_maps(&p);
	}
}

TEST(what_an_image_says)
{
	_cleanup_free_ struct vk_program_image *img = flatten_example("no-secrets-after-send");
	const struct vk_program_map *maps = vk_program_maps(img);

	ASSERT(img);
	CHECK_EQ(img->wants, VK_WANT_path);
	CHECK(vk_program_hooks(img) ==
	      (1ull << VK_HOOK_socket_sendmsg | 1ull << VK_HOOK_file_open));
	/* The variable, and the names of the directories. */
	CHECK_EQ(img->maps.count, 2);
	for (uint32_t i = 0; i < img->maps.count; i++)
		if (strcmp(maps[i].name, "bss") == 0)
			CHECK_EQ(maps[i].value_size, 4);
		else
			CHECK_EQ(maps[i].flags, VK_MAP_FLAG_READ_ONLY);
	CHECK_EQ(img->imports.count, 0);
}

TEST(the_same_object_gives_the_same_image)
{
	_cleanup_free_ struct vk_program_image *a = flatten_example("rate-limit-connect");
	_cleanup_free_ struct vk_program_image *b = flatten_example("rate-limit-connect");

	ASSERT(a && b && a->size == b->size);
	CHECK(memcmp(a, b, a->size) == 0);
}

TEST(what_is_no_object)
{
	static const char text[] = "#include <vkernel/policy.h>\n";
	struct vk_program_image *img = NULL;
	struct vk_error e = {0};
	size_t size;
	_cleanup_free_ void *self = read_file("/proc/self/exe", &size);

	CHECK_EQ(vk_program_flatten("x.c", "x", text, sizeof(text), &img, &e), -EINVAL);
	CHECK_STREQ(e.message, "this is no object file");
	CHECK_STREQ(e.file, "x.c");
	e = (struct vk_error){0};
	CHECK_EQ(vk_program_flatten("self", "x", text, 0, &img, &e), -EINVAL);
	e = (struct vk_error){0};
	ASSERT(self);
	CHECK_EQ(vk_program_flatten("self", "x", self, size, &img, &e), -EINVAL);
	CHECK_STREQ(e.message, "this object file is not for bpf");
}

/* Cut off and changed anywhere, an object is refused or becomes an image within bounds. */
TEST(damaged_objects, .timeout = 60)
{
	size_t size = 0;
	_cleanup_free_ uint8_t *object = read_example("no-exec-of-written", &size);
	_cleanup_free_ uint8_t *copy = malloc(size);

	ASSERT(object && copy);
	for (size_t i = 0; i < size; i++) {
		struct vk_program_image *img = NULL;
		struct vk_error e = {0};

		memcpy(copy, object, size);
		copy[i] ^= (uint8_t)(1 + i % 255);
		if (vk_program_flatten("x", "x", copy, size, &img, &e) == 0)
			vk_program_check(img, img->size, &e);
		free(img);
		img = NULL;
		e = (struct vk_error){0};
		if (i % 7 == 0 && vk_program_flatten("x", "x", copy, i, &img, &e) == 0)
			free(img);
	}
}
