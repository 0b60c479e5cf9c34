/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* push_program.h - pushing policy programs in tests: made by hand, or the examples. */
#ifndef VK_TESTS_PUSH_PROGRAM_H
#define VK_TESTS_PUSH_PROGRAM_H

#include "../unit/program_images.h"
#include "live.h"
#include "program_ops.h"

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

/* The files that operations are about. */
void prepare_ops(void);
/* The result of the operation for a new member; in a child, so that what it does to itself does not
 * stay. */
int as_member(const struct program_op *op);

/* The number of a map of a program, by its name. */
uint32_t map_of(uint32_t id, const char *name);
/* The contents of its map "bss", and the map's number. */
uint32_t read_bss(uint32_t id, void *value);
/* The row and the number of the instance's last program; @ret_id may be NULL. */
struct vk_program_row program_row(uint32_t *ret_id);
/* Of a helper; number 0: there is none. */
struct vk_program_row helper_row(const char *name, uint32_t *ret_id);

#endif
