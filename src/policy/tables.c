// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CAPS_ALL UINT64_MAX

static bool audits(const struct vk_component *c)
{
	return c->mode == VK_MODE_AUDIT;
}

static uint8_t least(uint8_t a, const struct vk_scope_setting *s)
{
	return s->set && s->scope < a ? (uint8_t)s->scope : a;
}

static void fill_ceilings(struct vk_image *img, const struct vk_components *comps)
{
	img->caps_allow = CAPS_ALL;
	img->sw_allow = VK_SW_ALL;
	img->ptrace_scope = img->ptrace_audit = VK_SCOPE_ALL;
	img->signal_scope = img->signal_audit = VK_SCOPE_ALL;
	for (size_t i = 0; i < comps->n; i++) {
		const struct vk_component *c = &comps->c[i];
		const struct vk_policy *p = c->policy;

		img->sw_audit |= p->switches_audit;
		img->ptrace_audit = least(img->ptrace_audit, &p->ptrace);
		img->signal_audit = least(img->signal_audit, &p->signal);
		if (audits(c)) {
			img->sw_audit |= p->switches_deny;
			img->caps_audit |= (p->caps_set ? ~p->caps : 0) | p->caps_sys;
			continue;
		}
		img->sw_allow &= ~p->switches_deny;
		img->caps_allow &= (p->caps_set ? p->caps : CAPS_ALL) & ~p->caps_sys;
		img->ptrace_scope = least(img->ptrace_scope, &p->ptrace);
		img->signal_scope = least(img->signal_scope, &p->signal);
	}
	img->caps_audit &= img->caps_allow;
	img->sw_audit &= img->sw_allow;
}

/* Files without a name cannot be named by a rule: only the defaults speak of them. */
static void fill_anon(struct vk_image *img, const struct vk_components *comps)
{
	const uint32_t governed = VK_R_EXEC | VK_R_MMAP_EXEC;

	img->anon_allow = VK_R_ALL;
	for (size_t i = 0; i < comps->n; i++) {
		uint32_t denied = governed & ~comps->c[i].def;

		if (audits(&comps->c[i]))
			img->anon_audit |= denied;
		else
			img->anon_allow &= ~denied;
	}
	img->anon_audit &= img->anon_allow;
}

/* The types of one family and protocol. */
static void fill_types(const struct vk_components *comps, int family, int protocol,
		       uint16_t *ret_allow, uint16_t *ret_audit)
{
	uint16_t allow = 0xffff, audit = 0;

	for (size_t i = 0; i < comps->n; i++) {
		uint16_t a, report;

		vk_policy_sockets(comps->c[i].policy, family, protocol, &a, &report);
		audit |= report;
		if (audits(&comps->c[i]))
			audit |= (uint16_t)~a;
		else
			allow &= a;
	}
	*ret_allow = allow;
	*ret_audit = audit & allow;
}

/* What the first rule that denies the family asks for; 0: nothing in particular. */
static uint8_t socket_errno(const struct vk_components *comps, int family)
{
	for (size_t i = 0; i < comps->n; i++) {
		const struct vk_policy *p = comps->c[i].policy;

		for (size_t k = 0; !audits(&comps->c[i]) && k < p->n_sockets; k++)
			if (p->sockets[k].action == VK_ACTION_DENY &&
			    p->sockets[k].family == family && p->sockets[k].err)
				return (uint8_t)p->sockets[k].err;
	}
	return 0;
}

static void fill_sockets(struct vk_image *img, const struct vk_components *comps)
{
	for (int i = 0; i < VK_FAMILIES; i++) {
		fill_types(comps, i, -1, &img->socket_allow[i], &img->socket_audit[i]);
		img->socket_errno[i] = socket_errno(comps, i);
	}
	for (int i = 0; i < VK_NETLINK; i++)
		fill_types(comps, AF_NETLINK, i, &img->netlink_allow[i], &img->netlink_audit[i]);
}

static uint8_t net_action(enum vk_action action)
{
	switch (action) {
	case VK_ACTION_ALLOW:
		return VK_NET_ALLOW;
	case VK_ACTION_DENY:
		return VK_NET_DENY;
	default:
		return VK_NET_AUDIT;
	}
}

/* Bits of the address behind the prefix do not count, so they are not kept either. */
static void masked_addr(const struct vk_inet_rule *r, uint8_t ret[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = r->prefix > i * 8 ? r->prefix - i * 8 : 0;

		ret[i] = bits >= 8 ? r->addr[i] : r->addr[i] & (uint8_t)(0xff00 >> bits);
	}
}

static int compare_net(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vk_net_rule));
}

static int add_net_rule(struct vk_image *img, size_t comp, const struct vk_policy *p,
			const struct vk_inet_rule *r, struct vk_error *e)
{
	struct vk_net_rule n = {
		.ops = r->ops,
		.action = net_action(r->action),
		.component = (uint8_t)comp,
		.proto = r->proto,
		.family = r->family,
		.prefix = r->prefix,
		.port_lo = r->port_lo,
		.port_hi = r->port_hi,
	};

	masked_addr(r, n.addr);
	for (uint32_t i = 0; i < img->n_net; i++) {
		if (compare_net(&img->net[i], &n) == 0)
			return 0;
	}
	if (img->n_net == VK_NET_RULES)
		return vk_error_at(e, E2BIG, p->file, r->pos.line, r->pos.column,
				   "more than %d bind and connect rules in all layers together",
				   VK_NET_RULES);
	img->net[img->n_net++] = n;
	return 0;
}

static int fill_net(struct vk_image *img, const struct vk_components *comps, struct vk_error *e)
{
	for (size_t i = 0; i < comps->n; i++) {
		const struct vk_policy *p = comps->c[i].policy;
		const struct vk_section_head *h = &p->sections[VK_SECTION_NETWORK];
		bool denies = h->set && h->def == VK_ACTION_DENY, speaks = denies;

		for (size_t k = 0; k < p->n_inet; k++) {
			/* Allowing what is allowed anyway changes nothing. */
			if (p->inet[k].action == VK_ACTION_ALLOW && !denies)
				continue;
			int r = add_net_rule(img, i, p, &p->inet[k], e);

			if (r < 0)
				return r;
			speaks = true;
		}
		if (denies)
			img->net_default_deny |= 1u << i;
		/* A component with nothing to say leaves no trace: equal content, equal bytes. */
		if (speaks && !audits(&comps->c[i]))
			img->net_enforce |= 1u << i;
	}
	qsort(img->net, img->n_net, sizeof(img->net[0]), compare_net);
	return 0;
}

int vk_tables_fill(struct vk_image *img, const struct vk_components *comps, struct vk_error *e)
{
	fill_ceilings(img, comps);
	fill_anon(img, comps);
	fill_sockets(img, comps);
	return fill_net(img, comps, e);
}

uint32_t vk_needs_of_rights(uint32_t rights)
{
	static const struct {
		uint32_t rights;
		uint32_t need;
	} table[] = {
		{VK_R_READ | VK_R_WRITE | VK_R_APPEND, VK_NEED_OPEN},
		{VK_R_EXEC, VK_NEED_EXEC},
		{VK_R_CREATE | VK_R_UNLINK | VK_R_RENAME | VK_R_LINK | VK_R_SYMLINK | VK_R_MKDIR |
			 VK_R_RMDIR | VK_R_MKNOD,
		 VK_NEED_MODIFY},
		{VK_R_TRUNCATE, VK_NEED_TRUNCATE},
		{VK_R_CHMOD | VK_R_CHOWN, VK_NEED_CHMOD},
		{VK_R_IOCTL, VK_NEED_IOCTL},
		{VK_R_MMAP_EXEC, VK_NEED_MMAP},
		{VK_R_NETWORK_ALL, VK_NEED_UNIX},
		{VK_R_UNIX_BIND, VK_NEED_ACCEPT},
		{VK_R_MOUNTS_ALL, VK_NEED_MOUNT},
	};
	uint32_t needs = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		needs |= rights & table[i].rights ? table[i].need : 0;
	return needs;
}

static bool appends_only(uint32_t rights)
{
	return (rights & (VK_R_APPEND | VK_R_WRITE)) == VK_R_APPEND;
}

static uint32_t path_needs(const struct vk_image *img)
{
	uint32_t touched = (VK_R_ALL & ~img->anon_allow) | img->anon_audit, needs = 0;

	for (size_t i = 0; i < img->n_verdicts; i++) {
		const struct vk_verdict *v = &img->verdicts[i];

		touched |= (VK_R_ALL & ~(v->allow & v->foreign)) | v->audit | v->foreign_audit;
		/* A file opened for appending must not be mapped writable, nor changed elsewhere. */
		if (appends_only(v->allow & ~v->audit) ||
		    appends_only(v->foreign & ~v->foreign_audit))
			needs |= VK_NEED_MMAP | VK_NEED_APPEND;
	}
	needs |= vk_needs_of_rights(touched);
	/* Where names differ in rights, moving a file or a directory is a matter of policy. */
	if (img->n_verdicts > 1)
		needs |= VK_NEED_MODIFY;
	return needs;
}

uint32_t vk_needs(const struct vk_image *img)
{
	static const struct {
		uint32_t sw;
		uint32_t need;
	} switches[] = {
		{VK_SW_BPF, VK_NEED_BPF},	    {VK_SW_PERF, VK_NEED_PERF},
		{VK_SW_MODULES, VK_NEED_MODULES},   {VK_SW_KEYS, VK_NEED_KEYS},
		{VK_SW_IO_URING, VK_NEED_IO_URING}, {VK_SW_USERNS, VK_NEED_USERNS},
		{VK_SW_XATTRS, VK_NEED_XATTRS},
	};
	uint32_t needs = path_needs(img), sw = (VK_SW_ALL & ~img->sw_allow) | img->sw_audit;
	bool net = img->net_default_deny, bind = net;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		needs |= sw & switches[i].sw ? switches[i].need : 0;
	if (img->caps_allow != CAPS_ALL || img->caps_audit)
		needs |= VK_NEED_CAPABLE;
	if (img->ptrace_audit != VK_SCOPE_ALL)
		needs |= VK_NEED_PTRACE;
	if (img->signal_audit != VK_SCOPE_ALL)
		needs |= VK_NEED_SIGNAL;
	for (size_t i = 0; i < VK_FAMILIES; i++)
		needs |=
			img->socket_allow[i] != 0xffff || img->socket_audit[i] ? VK_NEED_SOCKET : 0;
	for (size_t i = 0; i < VK_NETLINK; i++) {
		needs |= img->netlink_allow[i] != 0xffff || img->netlink_audit[i] ? VK_NEED_SOCKET :
										    0;
		/* Where protocols differ, a rule names one; it holds for sockets made before too. */
		needs |= img->netlink_allow[i] != img->netlink_allow[0] ||
					 img->netlink_audit[i] != img->netlink_audit[0] ?
				 VK_NEED_NETLINK :
				 0;
	}
	for (size_t i = 0; i < img->n_net; i++) {
		net |= img->net[i].action != VK_NET_ALLOW;
		bind |= img->net[i].action != VK_NET_ALLOW && img->net[i].ops & VK_NET_BIND;
	}
	return needs | (net ? VK_NEED_INET : 0) | (bind ? VK_NEED_ACCEPT : 0);
}
