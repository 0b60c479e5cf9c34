/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - the engine's side of policy programs, for its own files. */
#ifndef VK_ENGINE_PROGRAM_H
#define VK_ENGINE_PROGRAM_H

#include "error.h"
#include "programs.h"

#define VK_DRY_INSNS 100000 /* that the verifier may go through for one policy */
#define VK_DRY_CPU_S 2 /* for all policies of an image */
#define VK_DRY_WALL_MS 20000

/**
 * struct vk_dry - what a dry load found out
 * @insns: instructions that the verifier went through, all policies together
 * @usec:  time it took
 */
struct vk_dry {
	uint32_t insns;
	uint32_t usec;
};

/* Makes the maps of an image; p->map_fds. Those made before a failure are closed. */
int vk_program_make_maps(struct vk_linked *p, struct vk_error *e);
void vk_program_close_maps(struct vk_linked *p);

/*
 * Shows all policies of @p to the kernel's verifier as it judges the unprivileged, in a child
 * that has CAP_BPF only and little time. -EACCES: refused, with the reason.
 */
int vk_program_dry_load(struct vk_linked *p, struct vk_dry *ret, struct vk_error *e);

struct vk_engine;
struct vkernel_bpf;
struct vk_program_row;

#define VK_PROGRAMS_OWN 32 /* programs of one instance */
#define VK_PROGRAMS_BINDING (VK_PROGRAMS_OWN * (VK_MAX_LAYERS + 1))
bool vk_program_is_of(const struct vk_program_row *row, uint32_t vki);
/* The programs of one instance by their order, appended to @ids; returns the new number. */
size_t vk_programs_own(struct vk_engine *eng, uint32_t vki, uint32_t *ids, size_t n, size_t room);
/* All programs that bind @vki, outermost instance first; room for VK_PROGRAMS_BINDING. */
size_t vk_programs_binding(struct vk_engine *eng, uint32_t vki, uint32_t *ids);
/* Puts in force in @vki and below it what the rows say. @torn: on failure, whether some of it is
 * in force; untouched if nothing is. */
int vk_programs_apply(struct vk_engine *eng, uint32_t vki, bool *torn, struct vk_error *e);
/* Whether @vki is @above or below it. */
bool vk_instance_is_within(struct vk_engine *eng, uint32_t vki, uint32_t above);

/**
 * struct vk_carriers - carriers ready to be spliced
 * @hooks: bit per VK_HOOK_* that this kernel has
 */
struct vk_carriers {
	struct vkernel_bpf *skeleton;
	uint64_t hooks;
};
int vk_carriers_load(struct vk_engine *eng, uint64_t hooks, struct vk_carriers *c,
		     struct vk_error *e);
void vk_carriers_free(struct vk_carriers *c);
/* Loads @chain behind the carrier of @hook; returns a descriptor. */
int vk_carriers_splice(struct vk_engine *eng, const struct vk_carriers *c, unsigned int hook,
		       const struct vk_chained *chain, size_t n, uint32_t wants,
		       struct vk_error *e);

/* ---- rows, image files and pins of maps: program_store.c ---- */

/**
 * struct vk_stored - a program or helper taken out of the store
 * @linked: with the descriptors of its maps, and its helpers
 */
struct vk_stored {
	struct vk_program_image *img;
	struct vk_linked linked;
	struct vk_stored *helpers[VK_PROGRAM_IMPORTS];
};
/* -EBADMSG: the file is not what was checked. */
int vk_stored_get(struct vk_engine *eng, uint32_t id, struct vk_stored **ret, struct vk_error *e);
void vk_stored_free(struct vk_stored *s);
/* Writes the image, pins the maps and fills the row, of which the caller has set the rest. */
int vk_stored_put(struct vk_engine *eng, uint32_t id, const struct vk_linked *p,
		  struct vk_error *e);
void vk_stored_remove(struct vk_engine *eng, uint32_t id);
/* Finds the helpers that an image calls. The linked image borrows what @ret holds. */
int vk_stored_link(struct vk_engine *eng, struct vk_linked *p, struct vk_stored **helpers,
		   uint16_t *ids, struct vk_error *e);
uint32_t vk_program_find(struct vk_engine *eng, uint32_t vki, uint32_t flags, const char *name);
uint32_t vk_program_free_id(struct vk_engine *eng);
/* ---- pushing: program_push.c ---- */

/**
 * struct vk_pushed - a program that is verified, on its way into the store
 * @linked: borrows the image
 */
struct vk_pushed {
	struct vk_linked linked;
	struct vk_stored *helpers[VK_PROGRAM_IMPORTS];
	struct vk_dry dry;
	uint16_t helper_ids[VK_PROGRAM_IMPORTS];
};
/* Everything about one program that can be refused. Changes nothing, and needs no lock. */
int vk_pushed_verify(struct vk_engine *eng, struct vk_pushed *p, const void *image, size_t size,
		     struct vk_error *e);
/* @flags: VK_P_*; @uid: of a member. */
int vk_pushed_commit(struct vk_engine *eng, const struct vk_pushed *p, uint32_t vki, uint32_t flags,
		     uint32_t uid, bool replace, uint32_t *ret_id, struct vk_error *e);
void vk_pushed_free(struct vk_pushed *p);
/* What loading it again takes of the verifier, at most. */
uint32_t vk_pushed_steps(const struct vk_pushed *p);
int vk_program_take_out(struct vk_engine *eng, uint32_t vki, uint32_t id, struct vk_error *e);
/* Removes what is in force nowhere: a helper (@vki 0), or a program of an instance that ends. */
void vk_program_forget(struct vk_engine *eng, uint32_t vki, uint32_t id);

/* The program of that name that this member pushed; 0: there is none, or it is another's. */
uint32_t vk_program_own(struct vk_engine *eng, uint32_t vki, uint32_t uid, const char *name);

/* Descriptor of a pinned map, by its number. */
int vk_program_open_map(uint32_t id, uint32_t index);

#endif
