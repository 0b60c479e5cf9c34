// SPDX-License-Identifier: LGPL-2.1-or-later
#include "components.h"

#include <errno.h>
#include <string.h>

#define FOREIGN_DENIED ((uint32_t)(VK_R_FILES_ALL | VK_R_EXEC))

static bool same_document(const struct vk_policy *a, const struct vk_policy *b)
{
	if (a == b)
		return true;
	return a->text && b->text && a->text_len == b->text_len &&
	       memcmp(a->text, b->text, a->text_len) == 0;
}

enum vk_section vk_policy_governs(const struct vk_policy *p, uint32_t right)
{
	if (right & VK_R_EXEC && p->sections[VK_SECTION_EXEC].set)
		return VK_SECTION_EXEC;
	if (right & VK_R_NETWORK_ALL)
		return VK_SECTION_NETWORK;
	if (right & VK_R_MOUNTS_ALL)
		return VK_SECTION_MOUNTS;
	return VK_SECTION_FILES;
}

static uint32_t path_default(const struct vk_policy *p)
{
	uint32_t allow = 0;

	for (uint32_t bit = 1; bit & VK_R_ALL; bit <<= 1) {
		const struct vk_section_head *h = &p->sections[vk_policy_governs(p, bit)];

		if (!h->set || h->def == VK_ACTION_ALLOW)
			allow |= bit;
	}
	return allow;
}

static int add(struct vk_components *out, const struct vk_policy *p, size_t layer,
	       enum vk_mode mode, struct vk_error *e)
{
	uint32_t def = path_default(p);
	bool known = false;

	for (size_t i = 0; i < out->n && !known; i++)
		known = out->c[i].mode == mode && same_document(out->c[i].policy, p);
	if (!known && out->n == VK_MAX_COMPONENTS)
		return vk_error_at(e, E2BIG, p->file, 1, 1,
				   "the layers and the sets they use are more than %d policies",
				   VK_MAX_COMPONENTS);
	if (!known)
		out->c[out->n++] = (struct vk_component){
			.policy = p,
			.layer = layer,
			.mode = mode,
			.def = def,
			.def_foreign = p->foreign_deny ? def & ~FOREIGN_DENIED : def,
		};
	/* The same text may use other sets when it was resolved elsewhere: look in any case. */
	for (size_t i = 0; i < p->n_uses; i++) {
		int r = add(out, p->uses[i], layer, mode, e);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_components_fill(const struct vk_policy *const *layers, size_t n, struct vk_components *ret,
		       struct vk_error *e)
{
	ret->n = 0;
	if (n == 0 || n > VK_MAX_LAYERS)
		return vk_error_set(e, EINVAL, "%zu layers; an instance has 1 to %d", n,
				    VK_MAX_LAYERS);
	for (size_t i = 0; i < n; i++) {
		int r = add(ret, layers[i], i, layers[i]->mode, e);

		if (r < 0)
			return r;
	}
	return 0;
}

void vk_policy_sockets(const struct vk_policy *p, int family, int protocol, uint16_t *ret_allow,
		       uint16_t *ret_audit)
{
	const struct vk_section_head *h = &p->sections[VK_SECTION_NETWORK];
	uint16_t allow = h->set && h->def == VK_ACTION_DENY ? 0 : 0xffff, deny = 0, audit = 0;

	for (size_t i = 0; i < p->n_sockets; i++) {
		const struct vk_socket_rule *r = &p->sockets[i];
		int named = r->family < VK_FAMILIES - 1 ? r->family : VK_FAMILIES - 1;

		if ((r->family >= 0 && named != family) ||
		    (r->protocol >= 0 && r->protocol != protocol))
			continue;
		if (r->action == VK_ACTION_DENY)
			deny |= r->types;
		else if (r->action == VK_ACTION_ALLOW)
			allow |= r->types;
		else
			audit |= r->types;
	}
	*ret_allow = allow & (uint16_t)~deny;
	*ret_audit = audit;
}
