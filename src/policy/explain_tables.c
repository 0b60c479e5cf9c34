// SPDX-License-Identifier: LGPL-2.1-or-later
/* explain_tables.c - which rule decides about anything that is not a path. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "explain.h"

/* ::ffff:a.b.c.d is a.b.c.d. @addr need not be aligned. */
static uint16_t plain_address(uint16_t family, const void *addr, uint8_t ret[16])
{
	struct in6_addr six;

	memset(ret, 0, 16);
	if (family != AF_INET6) {
		memcpy(ret, addr, 4);
		return family;
	}
	memcpy(&six, addr, sizeof(six));
	if (!IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(ret, &six, 16);
		return family;
	}
	memcpy(ret, six.s6_addr + 12, 4);
	return AF_INET;
}

static bool prefix_matches(const struct vk_inet_rule *r, const uint8_t addr[16])
{
	for (unsigned int i = 0; i < r->prefix && i < 128; i++) {
		if ((r->addr[i / 8] ^ addr[i / 8]) & 0x80 >> i % 8)
			return false;
	}
	return true;
}

static void inet_text(const struct vk_inet_rule *r, char *out, size_t size)
{
	const char *op = r->ops == VK_NET_BIND	  ? "bind" :
			 r->ops == VK_NET_CONNECT ? "connect" :
						    "bind, connect";
	char proto[8] = "any", addr[INET6_ADDRSTRLEN] = "", port[16] = "*", prefix[8] = "";

	if (r->proto == IPPROTO_TCP || r->proto == IPPROTO_UDP)
		snprintf(proto, sizeof(proto), "%s", r->proto == IPPROTO_TCP ? "tcp" : "udp");
	else if (r->proto)
		snprintf(proto, sizeof(proto), "%u", r->proto);
	if (r->port_lo == r->port_hi)
		snprintf(port, sizeof(port), "%u", r->port_lo);
	else if (r->port_lo || r->port_hi != 65535)
		snprintf(port, sizeof(port), "%u-%u", r->port_lo, r->port_hi);
	if (r->family) {
		inet_ntop(r->family, r->addr, addr, sizeof(addr));
		snprintf(prefix, sizeof(prefix), "/%u", r->prefix);
	}
	snprintf(out, size, "%s {%s: %s/%s}%s%s%s", vk_action_name(r->action), op, proto, port,
		 r->family ? " " : "", addr, prefix);
}

static void network_default(const struct vk_policy *p, struct vk_reason *ret)
{
	ret->policy = p;
	ret->outcome = VK_DENIED;
	ret->pos = p->sections[VK_SECTION_NETWORK].pos;
	snprintf(ret->text, sizeof(ret->text), "default of network: deny");
}

static bool network_denies(const struct vk_policy *p)
{
	const struct vk_section_head *h = &p->sections[VK_SECTION_NETWORK];

	return h->set && h->def == VK_ACTION_DENY;
}

static const enum vk_outcome outcome_of[] = {
	[VK_ACTION_ALLOW] = VK_ALLOWED,
	[VK_ACTION_DENY] = VK_DENIED,
	[VK_ACTION_AUDIT] = VK_AUDITED,
};

/* Of the first rule of each action: which decides. -1: the default denies; -2: nothing speaks. */
static int decide(const struct vk_policy *p, const bool found[3])
{
	if (found[VK_ACTION_DENY])
		return VK_ACTION_DENY;
	if (network_denies(p) && !found[VK_ACTION_ALLOW])
		return -1;
	if (found[VK_ACTION_AUDIT])
		return VK_ACTION_AUDIT;
	return found[VK_ACTION_ALLOW] ? VK_ACTION_ALLOW : -2;
}

void vk_explain_inet(const struct vk_policy *const *layers, size_t n, uint8_t op, uint8_t proto,
		     uint16_t family, const void *addr, uint16_t port, struct vk_reason *ret)
{
	struct vk_components comps;
	uint8_t a[16];

	memset(ret, 0, sizeof(*ret));
	family = plain_address(family, addr, a);
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		const struct vk_inet_rule *rules[3] = {NULL};
		struct vk_reason one = {0};

		for (size_t k = 0; k < p->n_inet; k++) {
			const struct vk_inet_rule *r = &p->inet[k];

			if (r->ops & op && (!r->proto || r->proto == proto) &&
			    (!r->family || r->family == family) && port >= r->port_lo &&
			    port <= r->port_hi && prefix_matches(r, a) && !rules[r->action])
				rules[r->action] = r;
		}
		int d = decide(p, (const bool[]){rules[0], rules[1], rules[2]});

		if (d == -1)
			network_default(p, &one);
		if (d >= 0) {
			one = (struct vk_reason){
				.policy = p, .outcome = outcome_of[d], .pos = rules[d]->pos};
			inet_text(rules[d], one.text, sizeof(one.text));
		}
		vk_reason_take(ret, &comps.c[i], &one);
	}
}

static void socket_text(const struct vk_socket_rule *r, int type, struct vk_reason *ret)
{
	const char *family = r->family >= 0 ? vk_family_name(r->family) : "any";
	char kind[24] = "";

	if (r->protocol >= 0)
		snprintf(kind, sizeof(kind), "/%s", vk_netlink_name(r->protocol));
	else if (r->types != 0xffff)
		snprintf(kind, sizeof(kind), "/type %d", type & 15);
	snprintf(ret->text, sizeof(ret->text), "%s {socket: %s%s}", vk_action_name(r->action),
		 family ? family : "?", kind);
}

void vk_explain_socket(const struct vk_policy *const *layers, size_t n, int family, int type,
		       int protocol, struct vk_reason *ret)
{
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		const struct vk_socket_rule *rules[3] = {NULL};
		struct vk_reason one = {0};

		for (size_t k = 0; k < p->n_sockets; k++) {
			const struct vk_socket_rule *r = &p->sockets[k];
			/* The last family of the table stands for all beyond it. */
			bool same = r->family < 0 || r->family == family ||
				    (r->family >= VK_FAMILIES - 1 && family >= VK_FAMILIES - 1);

			same &= r->protocol < 0 || r->protocol == protocol;
			if (same && r->types >> (type & 15) & 1 && !rules[r->action])
				rules[r->action] = r;
		}
		int d = decide(p, (const bool[]){rules[0], rules[1], rules[2]});

		if (d == -1)
			network_default(p, &one);
		if (d >= 0) {
			one = (struct vk_reason){
				.policy = p, .outcome = outcome_of[d], .pos = rules[d]->pos};
			socket_text(rules[d], type, &one);
		}
		vk_reason_take(ret, &comps.c[i], &one);
	}
}

void vk_explain_capability(const struct vk_policy *const *layers, size_t n, int cap,
			   struct vk_reason *ret)
{
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		struct vk_reason one = {.policy = p, .pos = p->caps_pos};
		const char *name = vk_cap_name(cap);
		bool granted = cap >= 0 && cap < 64 && p->caps >> cap & 1;
		bool by_call = cap >= 0 && cap < 64 && p->caps_sys >> cap & 1;

		if (by_call) {
			one.outcome = VK_DENIED;
			one.pos = p->caps_sys_pos;
			snprintf(one.text, sizeof(one.text), "syscalls: deny what needs %s", name);
			vk_reason_take(ret, &comps.c[i], &one);
		}
		one = (struct vk_reason){.policy = p, .pos = p->caps_pos};
		if (!p->caps_set)
			continue;
		one.outcome = granted ? VK_ALLOWED : VK_DENIED;
		snprintf(one.text, sizeof(one.text), "capabilities: %s is %s the list",
			 name ? name : "it", granted ? "in" : "not in");
		vk_reason_take(ret, &comps.c[i], &one);
	}
}

void vk_explain_scope(const struct vk_policy *const *layers, size_t n, bool ptrace,
		      enum vk_scope target_scope, struct vk_reason *ret)
{
	static const char *const words[] = {"none", "own", "all"};
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		const struct vk_scope_setting *s = ptrace ? &p->ptrace : &p->signal;
		struct vk_reason one = {.policy = p, .pos = s->pos};

		if (!s->set)
			continue;
		one.outcome = target_scope <= s->scope ? VK_ALLOWED : VK_DENIED;
		snprintf(one.text, sizeof(one.text), "processes: {%s: %s}",
			 ptrace ? "ptrace" : "signal", words[s->scope]);
		vk_reason_take(ret, &comps.c[i], &one);
	}
}

void vk_explain_switch(const struct vk_policy *const *layers, size_t n, uint32_t sw,
		       struct vk_reason *ret)
{
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		const struct vk_policy *p = comps.c[i].policy;
		enum vk_action action = p->switches_deny & sw  ? VK_ACTION_DENY :
					p->switches_audit & sw ? VK_ACTION_AUDIT :
								 VK_ACTION_ALLOW;
		struct vk_reason one = {.policy = p, .outcome = outcome_of[action]};
		const char *name = vk_switch_name(sw);
		int bit = sw ? __builtin_ctz(sw) : 0;

		if (!(p->switches_set & sw))
			continue;
		if (bit < 8)
			one.pos = p->switch_pos[bit];
		snprintf(one.text, sizeof(one.text), "%s: %s", name ? name : "?",
			 vk_action_name(action));
		vk_reason_take(ret, &comps.c[i], &one);
	}
}
