// SPDX-License-Identifier: LGPL-2.1-or-later
/* rules.c - the rules of a policy, one line each, as show and plan print them. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "cli.h"
#include "tables.h"

typedef void (*rule_fn)(const struct vk_policy *p, const struct cli_rule *rule, void *data);

/* Where the lines go, and whose they are. */
struct sink {
	const struct vk_policy *p;
	rule_fn fn;
	void *data;
};

static const char *const section_names[VK_SECTION_COUNT] = {
	[VK_SECTION_FILES] = "files",
	[VK_SECTION_EXEC] = "exec",
	[VK_SECTION_NETWORK] = "network",
	[VK_SECTION_MOUNTS] = "mounts",
};

static const char *action_name(enum vk_action a)
{
	return a == VK_ACTION_ALLOW ? "allow" : a == VK_ACTION_DENY ? "deny" : "audit";
}

const char *cli_mode_name(enum vk_mode mode)
{
	return mode == VK_MODE_AUDIT ? "audit" : "enforce";
}

static void put(const struct sink *s, const char *section, struct vk_pos pos, uint32_t needs,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void put(const struct sink *s, const char *section, struct vk_pos pos, uint32_t needs,
		const char *fmt, ...)
{
	struct cli_rule rule = {.section = section, .needs = needs, .pos = pos};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rule.text, sizeof(rule.text), fmt, ap);
	va_end(ap);
	s->fn(s->p, &rule, s->data);
}

static void put_paths(const struct sink *s, enum vk_section section)
{
	char rights[256];

	for (size_t i = 0; i < s->p->n_paths; i++) {
		const struct vk_path_rule *r = &s->p->paths[i];
		uint32_t needs;

		if (r->section != section)
			continue;
		vk_rights_text(r->rights, rights, sizeof(rights));
		needs = vk_needs_of_rights(r->rights);
		if (r->action == VK_ACTION_ALLOW && r->rights & VK_R_APPEND &&
		    !(r->rights & VK_R_WRITE))
			needs |= VK_NEED_MMAP | VK_NEED_APPEND;
		put(s, section_names[section], r->pos, needs, "%s [%s] %s", action_name(r->action),
		    rights, r->glob);
	}
}

static void put_ports(char *buf, size_t size, const struct vk_inet_rule *r)
{
	const char *proto = cli_proto_name(r->proto);

	if (r->port_lo == 0 && r->port_hi == 65535)
		snprintf(buf, size, "%s", proto);
	else if (r->port_lo == r->port_hi)
		snprintf(buf, size, "%s/%u", proto, r->port_lo);
	else
		snprintf(buf, size, "%s/%u-%u", proto, r->port_lo, r->port_hi);
}

static void put_network(const struct sink *s)
{
	for (size_t i = 0; i < s->p->n_sockets; i++) {
		const struct vk_socket_rule *r = &s->p->sockets[i];
		char types[96] = "";
		size_t len = 0;

		if (r->err)
			continue; /* of a rule for system calls, and shown there */
		for (int t = 1; t < 16 && r->types != 0xffff; t++)
			if (r->types & 1u << t && len < sizeof(types))
				len += (size_t)snprintf(types + len, sizeof(types) - len, " %s",
							cli_socket_type_name(t));
		if (r->protocol >= 0)
			snprintf(types, sizeof(types), "/%s", vk_netlink_name(r->protocol));
		put(s, "network", r->pos, VK_NEED_SOCKET | (r->protocol >= 0 ? VK_NEED_NETLINK : 0),
		    "%s socket %s%s", action_name(r->action),
		    r->family < 0 ? "any" : vk_family_name(r->family), types);
	}
	for (size_t i = 0; i < s->p->n_inet; i++) {
		const struct vk_inet_rule *r = &s->p->inet[i];
		char address[INET6_ADDRSTRLEN] = "", ports[32], to[64] = "";

		put_ports(ports, sizeof(ports), r);
		if (r->family && inet_ntop(r->family, r->addr, address, sizeof(address)))
			snprintf(to, sizeof(to), "%s%s/%u",
				 r->ops & VK_NET_CONNECT ? " to " : " on ", address, r->prefix);
		put(s, "network", r->pos,
		    VK_NEED_INET | (r->ops & VK_NET_BIND ? VK_NEED_ACCEPT : 0), "%s %s %s%s",
		    action_name(r->action),
		    r->ops == VK_NET_BIND    ? "bind" :
		    r->ops == VK_NET_CONNECT ? "connect" :
					       "bind, connect",
		    ports, to);
	}
}

static void put_caps(const struct sink *s)
{
	char text[480];
	size_t len = 0;

	if (!s->p->caps_set)
		return;
	text[0] = '\0';
	for (int cap = 0; cap < 64 && len < sizeof(text); cap++)
		if (s->p->caps & 1ull << cap && *vk_cap_name(cap) != '?')
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? ", " : "", vk_cap_name(cap));
	put(s, "capabilities", s->p->caps_pos, VK_NEED_CAPABLE, "at most %s", len ? text : "none");
}

static const char *scope_name(enum vk_scope scope)
{
	return scope == VK_SCOPE_NONE ? "none" : scope == VK_SCOPE_OWN ? "own" : "all";
}

static void put_processes(const struct sink *s)
{
	if (s->p->ptrace.set)
		put(s, "processes", s->p->ptrace.pos, VK_NEED_PTRACE, "ptrace: %s",
		    scope_name(s->p->ptrace.scope));
	if (s->p->signal.set)
		put(s, "processes", s->p->signal.pos, VK_NEED_SIGNAL, "signal: %s",
		    scope_name(s->p->signal.scope));
}

static void put_switches(const struct sink *s)
{
	static const uint32_t needs[] = {VK_NEED_BPF,	VK_NEED_PERF,	  VK_NEED_MODULES,
					 VK_NEED_KEYS,	VK_NEED_IO_URING, VK_NEED_USERNS,
					 VK_NEED_XATTRS};

	for (unsigned int i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		uint32_t sw = 1u << i;
		bool deny = s->p->switches_deny & sw, audit = s->p->switches_audit & sw;

		if (s->p->switches_set & ~s->p->switches_sys & sw)
			put(s,
			    sw == VK_SW_USERNS ? "processes" :
			    sw == VK_SW_XATTRS ? "files" :
						 "kernel",
			    s->p->switch_pos[i], needs[i], "%s: %s", vk_switch_name(sw),
			    deny  ? "deny" :
			    audit ? "audit" :
				    "allow");
	}
}

static void put_syscalls(const struct sink *s)
{
	const struct vk_sys_section *sys = &s->p->sys;
	bool open = sys->def.act == VK_SYS_ALLOW && sys->unknown.act == VK_SYS_ALLOW &&
		    sys->abis == VK_ABIS_ALL;
	struct cli_rule rule = {
		.section = "syscalls", .call = true, .entry = !open, .pos = sys->pos};
	char how[40];

	if (!sys->set)
		return;
	snprintf(rule.text, sizeof(rule.text), "default: %s",
		 vk_sys_verdict_text(sys->def, how, sizeof(how)));
	s->fn(s->p, &rule, s->data);
	for (size_t i = 0; i < sys->n_rules; i++) {
		const struct vk_sys_rule *r = &sys->rules[i];

		vk_sys_rule_text(r, rule.text, sizeof(rule.text));
		rule.pos = r->pos;
		rule.hook = r->hook;
		/* To allow is an exception from what the filter does. */
		rule.entry = r->verdict.act == VK_SYS_ALLOW ?
				     !open :
				     !r->by_hook || sys->strict || sys->def.act != VK_SYS_ALLOW;
		s->fn(s->p, &rule, s->data);
	}
}

static uint32_t default_needs(const struct vk_policy *p, enum vk_section section)
{
	if (p->sections[section].def != VK_ACTION_DENY)
		return 0;
	switch (section) {
	case VK_SECTION_FILES:
		return vk_needs_of_rights(VK_R_FILES_ALL);
	case VK_SECTION_EXEC:
		return VK_NEED_EXEC;
	case VK_SECTION_NETWORK:
		return VK_NEED_UNIX | VK_NEED_INET | VK_NEED_SOCKET | VK_NEED_ACCEPT;
	default:
		return VK_NEED_MOUNT;
	}
}

void cli_each_rule(const struct vk_policy *p, rule_fn fn, void *data)
{
	const struct sink s = {.p = p, .fn = fn, .data = data};

	for (int i = 0; i < VK_SECTION_COUNT; i++) {
		if (p->sections[i].set)
			put(&s, section_names[i], p->sections[i].pos,
			    default_needs(p, (enum vk_section)i), "default: %s",
			    action_name(p->sections[i].def));
		if (i == VK_SECTION_FILES && p->foreign_deny)
			put(&s, "files", p->foreign_pos, VK_NEED_OPEN, "foreign: deny");
		if (i == VK_SECTION_NETWORK)
			put_network(&s);
		put_paths(&s, (enum vk_section)i);
	}
	put_caps(&s);
	put_processes(&s);
	put_switches(&s);
	put_syscalls(&s);
}
