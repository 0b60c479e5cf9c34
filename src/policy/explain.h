/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain.h - what the two halves of explain share. */
#ifndef VK_EXPLAIN_H
#define VK_EXPLAIN_H

#include "compile.h"
#include "components.h"

const char *vk_action_name(enum vk_action action);
/* Takes what one component says into the answer so far; @next->policy NULL: it says nothing. */
void vk_reason_take(struct vk_reason *best, const struct vk_component *c, struct vk_reason *next);

#endif
