/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* components.h - the policies that an operation must pass, one by one: layers and their sets. */
#ifndef VK_COMPONENTS_H
#define VK_COMPONENTS_H

#include "error.h"
#include "model.h"

/**
 * struct vk_component - one policy of the conjunction
 * @policy: a layer, or a set that it uses, directly or not
 * @layer:  index of the layer
 * @mode:   the layer's
 * @def:    path rights granted where no rule speaks
 * @def_foreign: the same on foreign mounts
 */
struct vk_component {
	const struct vk_policy *policy;
	size_t layer;
	enum vk_mode mode;
	uint32_t def;
	uint32_t def_foreign;
};

struct vk_components {
	struct vk_component c[VK_MAX_COMPONENTS];
	size_t n;
};

/* A set used twice in the same mode counts once. Return: 0; -E2BIG; -EINVAL no or too many layers.
 * What fitted is in @ret even then. */
int vk_components_fill(const struct vk_policy *const *layers, size_t n, struct vk_components *ret,
		       struct vk_error *e);

/* The section whose default governs a right. */
enum vk_section vk_policy_governs(const struct vk_policy *p, uint32_t right);
/* Socket types (bit per SOCK_*) of one family, and for AF_NETLINK of one protocol: granted, and
 * reported although granted. */
void vk_policy_sockets(const struct vk_policy *p, int family, int protocol, uint16_t *ret_allow,
		       uint16_t *ret_audit);

#endif
