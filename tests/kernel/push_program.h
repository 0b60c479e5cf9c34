/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* push_program.h - pushing policy programs in tests: made by hand, or the examples. */
#ifndef VK_TESTS_PUSH_PROGRAM_H
#define VK_TESTS_PUSH_PROGRAM_H

#include "../unit/program_images.h"
#include "live.h"

/* "return @result" at @hook; named @name. */
static inline struct vk_program_image *image_returning(const char *name, unsigned int hook,
						       int result)
{
	const struct bpf_insn code[] = {SET(0, result), EXIT};
	struct vk_program_image *img =
		make_image(&(struct parts){.insns = code, .n_insns = 2, .hook = hook});

	snprintf(img->name, sizeof(img->name), "%s", name);
	return img;
}

/* Pushes and releases @img; 0 or a negative errno. */
int push_image(struct vk_program_image *img, unsigned int flags);
/* The same for an object of examples/programs, which must succeed. */
void push_example(const char *name);
/* @relative: to the directory of the test program. */
struct vk_program_image *read_object(const char *relative, const char *name);
void push_object(const char *relative, const char *name);
void pop_program(const char *name);

#endif
