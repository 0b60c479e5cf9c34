// SPDX-License-Identifier: LGPL-2.1-or-later
#include "push_program.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"

int push_image(struct vk_program_image *img, unsigned int flags)
{
	struct vk_error e = {0};
	uint32_t id;
	int r = vk_program_push(live.eng, live.name, img, img->size, flags, &id, &e);

	if (r < 0)
		printf("# push %s: %s\n", img->name, e.message);
	free(img);
	return r;
}

struct vk_program_image *read_object(const char *relative, const char *name)
{
	static char object[65536];
	struct vk_program_image *img = NULL;
	struct vk_error e = {0};
	char path[PATH_MAX];
	ssize_t n;

	/* From build/tests/kernel, where the test programs are. */
	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(live_probe(), '/') - live_probe()),
		 live_probe(), relative);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd >= 0 ? read(fd, object, sizeof(object)) : -1;
	if (n <= 0 || vk_program_flatten(name, name, object, (size_t)n, &img, &e) < 0) {
		FAIL("%s: %s", path, e.message);
		tap_abort();
	}
	return img;
}

void push_object(const char *relative, const char *name)
{
	if (push_image(read_object(relative, name), 0) < 0) {
		FAIL("%s is refused", name);
		tap_abort();
	}
}

void push_example(const char *name)
{
	char relative[128];

	snprintf(relative, sizeof(relative), "../../examples/programs/%s.bpf.o", name);
	push_object(relative, name);
}

void pop_program(const char *name)
{
	struct vk_error e = {0};

	live_ok(vk_program_pop(live.eng, live.name, name, &e), &e);
}

/* ---- members ---- */

struct attempt {
	const struct program_op *op;
	int result;
};

static void try_op(void *arg)
{
	struct attempt *a = arg;

	a->result = a->op->run();
}

int as_member(const struct program_op *op)
{
	static struct attempt *shared;

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared->op = op;
	shared->result = -1;
	live_run(try_op, shared);
	return shared->result;
}

void prepare_ops(void)
{
	live_file(LIVE_DIR "/ops/file", "text");
	live_dir(LIVE_DIR "/mnt");
}

/* ---- what is there ---- */

uint32_t map_of(uint32_t id, const char *name)
{
	struct vk_program_image *img = NULL;
	struct vk_error e = {0};
	uint32_t map = 0;

	if (!live_ok(vk_program_image_of(live.eng, id, &img, &e), &e))
		tap_abort();
	while (map < img->maps.count && strcmp(vk_program_maps(img)[map].name, name) != 0)
		map++;
	free(img);
	return map;
}

uint32_t read_bss(uint32_t id, void *value)
{
	uint32_t zero = 0, map = map_of(id, "bss");
	struct vk_error e = {0};

	live_ok(vk_program_map_get(live.eng, id, map, &zero, value, &e), &e);
	return map;
}

struct sought {
	const char *name;
	struct vk_program_info found;
};

static int match(const struct vk_program_info *info, void *data)
{
	struct sought *s = data;

	if (!s->name || strcmp(info->row.name, s->name) == 0)
		s->found = *info;
	return 0;
}

struct vk_program_row program_row(uint32_t *ret_id)
{
	struct sought s = {0};
	struct vk_error e = {0};

	live_ok(vk_program_list(live.eng, live.name, 0, match, &s, &e), &e);
	if (ret_id)
		*ret_id = s.found.id;
	return s.found.row;
}

struct vk_program_row helper_row(const char *name, uint32_t *ret_id)
{
	struct sought s = {.name = name};
	struct vk_error e = {0};

	live_ok(vk_program_list(live.eng, NULL, VK_P_HELPER, match, &s, &e), &e);
	*ret_id = s.found.id;
	return s.found.row;
}
