// SPDX-License-Identifier: LGPL-2.1-or-later
#include "push_program.h"

#include <fcntl.h>
#include <limits.h>
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
