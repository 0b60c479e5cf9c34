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

#endif
