/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * programs.h - policy programs: from an object file to a flat image, and the check of an image.
 *
 * vk_program_flatten() is for the side that has the object file, and need not be trusted;
 * vk_program_check() is for the side that has privileges, and trusts nothing.
 */
#ifndef VK_PROGRAMS_H
#define VK_PROGRAMS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "vk_program.h"

/*
 * Reads an object made by clang -target bpf and returns its image, to be released with free().
 * @file: for messages. @name: of the program. -EINVAL with the reason when the object is none.
 */
int vk_program_flatten(const char *file, const char *name, const void *object, size_t size,
		       struct vk_program_image **ret, struct vk_error *e);

/*
 * Whether @data is an image of which everything is within its bounds and limits, and whose
 * instructions are ones that programs may have. It does not prove that the program is safe: the
 * kernel's verifier does. -EINVAL, -E2BIG (a limit), -EPROTO (another version), with the reason.
 */
int vk_program_check(const void *data, size_t size, struct vk_error *e);

/* Parts of an image that vk_program_check() has accepted. */
const struct bpf_insn *vk_program_insns(const struct vk_program_image *img);
const struct vk_program_function *vk_program_functions(const struct vk_program_image *img);
const struct vk_program_entry *vk_program_entries(const struct vk_program_image *img);
const struct vk_program_map *vk_program_maps(const struct vk_program_image *img);
const struct vk_program_import *vk_program_imports(const struct vk_program_image *img);
const struct vk_program_export *vk_program_exports(const struct vk_program_image *img);
const uint8_t *vk_program_data(const struct vk_program_image *img);

/* Bytes of kernel memory that a map takes, roughly and not too low. */
uint64_t vk_program_map_bytes(const struct vk_program_map *map);
uint64_t vk_program_memory(const struct vk_program_image *img);
/* "file_open"; NULL: no such hook. */
const char *vk_program_hook_name(unsigned int hook);
/* Whether programs may be for it. */
bool vk_program_hook_ok(unsigned int hook);
/* 0: no hook has this name. */
unsigned int vk_program_hook_id(const char *name);
bool vk_program_hook_has_path(unsigned int hook);
/* Bytes of the event at @hook that a program with these VK_WANT_* may read. */
uint32_t vk_program_event_bytes(unsigned int hook, uint32_t wants);
/* Bit per hook that the image has a policy for. */
uint64_t vk_program_hooks(const struct vk_program_image *img);
bool vk_program_name_ok(const char *name, size_t room);

/* ---- code for the kernel: code.c, splice.c ---- */

/**
 * struct vk_code - instructions being put together
 * @builtins: where functions of ours are, plus one; 0: not there
 * @dry:      in their place is code that looks alike to the verifier, once it is called
 */
struct vk_code {
	struct bpf_insn *insns;
	size_t n;
	size_t room;
	uint32_t builtins[VK_BUILTIN_COUNT];
	bool dry;
};
void vk_code_free(struct vk_code *c);
int vk_code_add(struct vk_code *c, const struct bpf_insn *insns, size_t n);

/**
 * struct vk_linked - a checked image with what it refers to
 * @img:      the image
 * @map_fds:  descriptors of its maps
 * @helpers:  for each import: the image that exports it,
 * @exported: and the function there
 * @at:       scratch: where each function is in the code, plus one
 */
struct vk_linked {
	const struct vk_program_image *img;
	int map_fds[VK_PROGRAM_MAPS];
	struct vk_linked *helpers[VK_PROGRAM_IMPORTS];
	uint32_t exported[VK_PROGRAM_IMPORTS];
	uint32_t at[VK_PROGRAM_FUNCTIONS];
};

/* Before a program is put into other code. */
void vk_linked_reset(struct vk_linked *p);
/* Appends function @fn and all that it calls, unless they are there; returns its position. */
int vk_code_place(struct vk_code *c, struct vk_linked *p, uint32_t fn, uint32_t *ret_at,
		  struct vk_error *e);

/*
 * Marks in the code of a carrier. What follows the first one in these five instructions,
 *
 *	r1 = rN			the event
 *	r2 = 0
 *	r3 = VK_MARK_CHAIN ll
 *	call reporter		(event, result, program) -> what the hook returns
 *
 * is replaced by a call of each program, and of the reporter when one denies. The constant of the
 * second is replaced by VK_WANT_* bits. Before a call of each function that programs may call is
 * the third, plus its number.
 */
#define VK_MARK_CHAIN 0x766b6368u
#define VK_MARK_WANTS 0x766b7774u
#define VK_MARK_BUILTIN 0x766b6600u
#define VK_CHAIN_MAX 64 /* programs of one hook, those of the instances above included */

/**
 * struct vk_chained - one policy of a chain
 * @program:  its program
 * @function: of the image
 * @id:       handed to the reporter; VK_CHAIN_AUDIT: a denial is only reported
 */
struct vk_chained {
	struct vk_linked *program;
	uint32_t function;
	uint32_t id;
};

/* The carrier's code with all of @chain behind it; they are asked in this order. */
int vk_splice(const struct bpf_insn *carrier, size_t n_carrier, const struct vk_chained *chain,
	      size_t n_chain, uint32_t wants, struct vk_code *ret, struct vk_error *e);

/*
 * The code that shows an unprivileged verifier one function on its own: called with the address of
 * an event in map @event_fd, under the stack that a carrier leaves.
 */
int vk_dry_code(struct vk_linked *p, uint32_t function, int event_fd, struct vk_code *ret,
		struct vk_error *e);

#endif
