// SPDX-License-Identifier: LGPL-2.1-or-later
/* event_text.c - an event in words: what was attempted on what, and which rule decided. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cli.h"
#include "programs.h"

const char *cli_op_name(uint16_t op)
{
	static const char *const names[] = {
#define X(id, number, name) [number] = (name),
		VK_OPS(X)
#undef X
	};

	if (op < sizeof(names) / sizeof(names[0]) && names[op])
		return names[op];
	return "unknown";
}

const char *cli_socket_type_name(int type)
{
	/* The low bits; SOCK_CLOEXEC and SOCK_NONBLOCK are above. */
	switch (type & 0xf) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_RAW:
		return "raw";
	case SOCK_RDM:
		return "rdm";
	case SOCK_SEQPACKET:
		return "seqpacket";
	case SOCK_DCCP:
		return "dccp";
	case SOCK_PACKET:
		return "packet";
	default:
		return "other";
	}
}

const char *cli_proto_name(int proto)
{
	switch (proto) {
	case 0:
		return "any";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_UDPLITE:
		return "udplite";
	default:
		return "other";
	}
}

static void put_address(const struct vk_event *ev, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?";
	bool six = ev->arg[0] == AF_INET6;

	inet_ntop(six ? AF_INET6 : AF_INET, ev->addr, address, sizeof(address));
	snprintf(buf, size, six ? "%s [%s]:%u" : "%s %s:%u", cli_proto_name((int)ev->arg[1]),
		 address, (unsigned int)ev->arg[2]);
}

static void put_socket(const struct vk_event *ev, char *buf, size_t size)
{
	if (ev->arg[0] == AF_NETLINK && *vk_netlink_name((int)ev->arg[2]) != '?') {
		snprintf(buf, size, "netlink %s protocol %s", cli_socket_type_name((int)ev->arg[1]),
			 vk_netlink_name((int)ev->arg[2]));
		return;
	}
	snprintf(buf, size, "%s %s protocol %u", vk_family_name((int)ev->arg[0]),
		 cli_socket_type_name((int)ev->arg[1]), (unsigned int)ev->arg[2]);
}

/* The names of attributes have a prefix of the kernel's; what follows it may be anything. */
static void put_attribute(const struct vk_event *ev, char *buf, size_t size)
{
	char name[sizeof(ev->arg) + 1] = {0};

	memcpy(name, ev->arg, sizeof(ev->arg));
	snprintf(buf, size, "%s", *name ? name : "flags of a file");
}

/* "file_open /etc/passwd" */
static void put_program(const struct vk_event *ev, char *buf, size_t size)
{
	bool named = ev->name_class == VK_NAME_KNOWN || ev->name_class == VK_NAME_FOREIGN;
	const char *path = ev->path[0] ? ev->path : "/";

	snprintf(buf, size, "%s%s%s", vk_program_hook_name((unsigned int)ev->arg[0]) ?: "hook",
		 named ? " " : "", named ? path : "");
}

void cli_event_resource(const struct vk_event *ev, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (ev->op) {
	case VK_OP_CAPABLE:
		snprintf(buf, size, "%s", vk_cap_name((int)ev->arg[0]));
		return;
	case VK_OP_SOCKET:
		put_socket(ev, buf, size);
		return;
	case VK_OP_BIND:
	case VK_OP_CONNECT:
		put_address(ev, buf, size);
		return;
	case VK_OP_ACCEPT:
		if (ev->name_class != VK_NAME_NONE)
			break; /* a unix socket */
		put_address(ev, buf, size);
		return;
	case VK_OP_PTRACE:
		snprintf(buf, size, "process %u", (unsigned int)ev->arg[0]);
		return;
	case VK_OP_SIGNAL:
		snprintf(buf, size, "signal %u to process %u", (unsigned int)ev->arg[1],
			 (unsigned int)ev->arg[0]);
		return;
	case VK_OP_PROGRAM:
		put_program(ev, buf, size);
		return;
	case VK_OP_CREDENTIALS:
		snprintf(buf, size, "uid %u instead of %u, capabilities %#llx",
			 (unsigned int)ev->arg[0], (unsigned int)ev->arg[1],
			 (unsigned long long)ev->arg[2]);
		return;
	case VK_OP_BPF:
		snprintf(buf, size, "command %u", (unsigned int)ev->arg[0]);
		return;
	case VK_OP_XATTR:
		put_attribute(ev, buf, size);
		return;
	default:
		break;
	}
	if (ev->name_class == VK_NAME_LOST)
		snprintf(buf, size, "(a file whose name could not be computed)");
	else if (ev->name_class == VK_NAME_ANON)
		snprintf(buf, size, "(a file without a name) %s", ev->path);
	else if (ev->name_class != VK_NAME_NONE)
		/* "" is the canonical name of the root. */
		snprintf(buf, size, "%s", ev->path[0] ? ev->path : "/");
}

static uint32_t switch_of(uint16_t op)
{
	switch (op) {
	case VK_OP_BPF:
		return VK_SW_BPF;
	case VK_OP_PERF:
		return VK_SW_PERF;
	case VK_OP_MODULE:
		return VK_SW_MODULES;
	case VK_OP_KEY:
		return VK_SW_KEYS;
	case VK_OP_IO_URING:
		return VK_SW_IO_URING;
	case VK_OP_USERNS:
		return VK_SW_USERNS;
	case VK_OP_XATTR:
		return VK_SW_XATTRS;
	default:
		return 0;
	}
}

/* The rule for the first right that was missing. */
static void explain_rights(const struct vk_event *ev, const struct vk_policy *const *layers,
			   size_t n, struct vk_reason *ret)
{
	uint32_t missing = ev->missing;

	while (missing) {
		uint32_t right = missing & -missing;

		vk_explain_path(layers, n, ev->path, right, ev->name_class == VK_NAME_FOREIGN, ret);
		if (ret->policy && ret->outcome != VK_ALLOWED)
			return;
		missing &= missing - 1;
	}
}

/* The kernel side says which scope would have been enough. */
static void explain_scope(const struct vk_event *ev, const struct vk_policy *const *layers,
			  size_t n, struct vk_reason *ret)
{
	enum vk_scope scope = ev->arg[2] == VK_SCOPE_OWN ? VK_SCOPE_OWN : VK_SCOPE_ALL;

	vk_explain_scope(layers, n, ev->op == VK_OP_PTRACE, scope, ret);
}

/* The policy whose default decides on @right to a file that has no name. */
static const struct vk_policy *denies_nameless(const struct vk_policy *p, uint32_t right,
					       enum vk_section *ret)
{
	*ret = right == VK_R_EXEC && p->sections[VK_SECTION_EXEC].set ? VK_SECTION_EXEC :
									VK_SECTION_FILES;
	if (p->sections[*ret].set && p->sections[*ret].def == VK_ACTION_DENY)
		return p;
	for (size_t i = 0; i < p->n_uses; i++) {
		const struct vk_policy *found = denies_nameless(p->uses[i], right, ret);

		if (found)
			return found;
	}
	return NULL;
}

/* No rule can name what is in no file system tree (memfds): defaults decide. */
static void explain_nameless(const struct vk_event *ev, const struct vk_policy *const *layers,
			     size_t n, struct vk_reason *ret)
{
	uint32_t right = ev->missing & -ev->missing;

	for (size_t i = 0; i < n && !ret->policy; i++) {
		enum vk_section section;

		ret->policy = denies_nameless(layers[i], right, &section);
		ret->layer = i;
		if (!ret->policy)
			continue;
		ret->pos = ret->policy->sections[section].pos;
		ret->outcome = ev->verdict == VK_EVENT_DENIED ? VK_DENIED : VK_AUDITED;
		snprintf(ret->text, sizeof(ret->text),
			 "default of %s: deny, and no rule can name this file",
			 section == VK_SECTION_EXEC ? "exec" : "files");
	}
}

/* What is known without a rule. */
static const char *without_rule(const struct vk_event *ev)
{
	if (ev->op == VK_OP_SELF)
		return "vkernel protects its own state from members";
	if (ev->op == VK_OP_CREDENTIALS)
		return "credentials that the kernel did not give: the thread is denied all";
	if (ev->op == VK_OP_SETUP)
		return "the set-up policy: before its program starts, a container opens no files "
		       "of the host, and writes none that say what the kernel executes";
	if (ev->op == VK_OP_FORK)
		return "the new task could not be made a member";
	if (ev->op == VK_OP_MOUNT && ev->name_class == VK_NAME_NONE)
		return "mounting is allowed nowhere, so no file system is made or changed";
	if (ev->op == VK_OP_IOCTL && ev->err == EPERM)
		return "a member does not type into a terminal";
	if (ev->op == VK_OP_PTRACE && ev->arg[2] == VK_SCOPE_ALL)
		return "members of a nested instance cannot trace tasks outside of it";
	if (ev->name_class == VK_NAME_LOST)
		return "what cannot be named is denied";
	if (ev->err == EXDEV)
		return "other rules apply at the new name; copying is checked, moving is not";
	if (!ev->rule)
		return "the instance has no rules loaded";
	return "no rule of the present policy says so; was it updated since?";
}

bool cli_event_reason(const struct vk_event *ev, const struct vk_policy *const *layers, size_t n,
		      struct vk_reason *ret)
{
	uint32_t sw = switch_of(ev->op);

	*ret = (struct vk_reason){0};
	if (sw)
		vk_explain_switch(layers, n, sw, ret);
	else if (ev->op == VK_OP_CAPABLE)
		vk_explain_capability(layers, n, (int)ev->arg[0], ret);
	else if (ev->op == VK_OP_SOCKET)
		vk_explain_socket(layers, n, (int)ev->arg[0], (int)ev->arg[1] & 0xf,
				  (int)ev->arg[2], ret);
	else if (ev->op == VK_OP_BIND || ev->op == VK_OP_CONNECT ||
		 (ev->op == VK_OP_ACCEPT && ev->name_class == VK_NAME_NONE))
		vk_explain_inet(layers, n, ev->op == VK_OP_CONNECT ? VK_NET_CONNECT : VK_NET_BIND,
				(uint8_t)ev->arg[1], (uint16_t)ev->arg[0], ev->addr,
				(uint16_t)ev->arg[2], ret);
	else if (ev->op == VK_OP_PTRACE || ev->op == VK_OP_SIGNAL)
		explain_scope(ev, layers, n, ret);
	else if (ev->err == EXDEV || ev->op == VK_OP_SETUP || ev->op == VK_OP_CREDENTIALS)
		; /* no rule denies it */
	else if (ev->name_class == VK_NAME_KNOWN || ev->name_class == VK_NAME_FOREIGN)
		explain_rights(ev, layers, n, ret);
	else if (ev->name_class == VK_NAME_ANON)
		explain_nameless(ev, layers, n, ret);

	enum vk_outcome expected = ev->verdict == VK_EVENT_DENIED ? VK_DENIED : VK_AUDITED;

	if (ret->policy && ret->outcome == expected)
		return true;
	*ret = (struct vk_reason){.outcome = expected};
	snprintf(ret->text, sizeof(ret->text), "%s", without_rule(ev));
	return false;
}
