// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * parse_net.c - the section "network".
 *
 * An item is the word "any" or a map with one of bind, connect and socket. Names of unix sockets
 * become path rules, so that one automaton answers for them; ports and addresses become inet
 * rules. A socket must be made before it can be bound or connected: whoever is allowed the one is
 * allowed the other, so the parser adds the socket rules that allowed endpoints imply.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "names.h"
#include "parse_internal.h"

#define TYPE_STREAM (1u << 1)
#define TYPE_DGRAM (1u << 2)
#define TYPE_SEQPACKET (1u << 5)
#define ANY_TYPE 0xffff
#define ANY_FAMILY (-1)
#define ANY_PROTOCOL (-1)

/* In the order of vk_words_proto: number, and the types of socket that speak it. */
static const struct {
	uint8_t proto;
	uint16_t types;
} protos[] = {
	{IPPROTO_TCP, TYPE_STREAM},
	{IPPROTO_UDP, TYPE_DGRAM},
	{IPPROTO_SCTP, TYPE_STREAM | TYPE_SEQPACKET},
	{IPPROTO_UDPLITE, TYPE_DGRAM},
	{0, TYPE_STREAM | TYPE_DGRAM | TYPE_SEQPACKET},
};

static int add_inet(struct vk_parser *p, const struct vk_inet_rule *rule)
{
	struct vk_policy *policy = p->policy;
	int r;

	r = vk_grow(p, &policy->inet, policy->n_inet, sizeof(*rule), rule->pos);
	if (r < 0)
		return r;
	policy->inet[policy->n_inet++] = *rule;
	return 0;
}

static int add_socket(struct vk_parser *p, enum vk_action action, int family, uint16_t types,
		      int protocol, struct vk_pos pos)
{
	struct vk_socket_rule rule = {action, family, types, protocol, pos, 0};
	struct vk_policy *policy = p->policy;
	int r;

	r = vk_grow(p, &policy->sockets, policy->n_sockets, sizeof(rule), pos);
	if (r < 0)
		return r;
	policy->sockets[policy->n_sockets++] = rule;
	return 0;
}

static void imply_inet(struct vk_section_state *state, uint16_t types, struct vk_pos pos)
{
	if (!state->inet_types)
		state->inet_pos = pos;
	state->inet_types |= types;
}

static void imply_unix(struct vk_section_state *state, struct vk_pos pos)
{
	if (!state->unix_types)
		state->unix_pos = pos;
	state->unix_types = TYPE_STREAM | TYPE_DGRAM | TYPE_SEQPACKET;
}

/* Decimal without sign, blanks or leading zeros; moves *at behind it. */
static bool number(const char **at, unsigned int max, unsigned int *ret)
{
	const char *s = *at;
	unsigned int v = 0;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (*s - '0');
		if (v > max)
			return false;
	}
	*at = s;
	*ret = v;
	return true;
}

static int bad_port(struct vk_parser *p, const struct vk_node *n, const char *at, const char *why)
{
	vk_mistake(p, vk_pos_in(n, at - n->text), "in \"%s\": %s", vk_show(n->text), why);
	vk_error_advise(p->e, "write tcp/80, tcp/8000-8100 or tcp/*");
	return -EINVAL;
}

static int parse_ports(struct vk_parser *p, const struct vk_node *n, const char *at,
		       struct vk_inet_rule *rule)
{
	unsigned int lo, hi;
	const char *s = at;

	rule->port_lo = 0;
	rule->port_hi = 65535;
	if (strcmp(s, "*") == 0)
		return 0;
	if (!number(&s, 65535, &lo))
		return bad_port(p, n, at, "a port is a number from 0 to 65535");
	hi = lo;
	if (*s == '-') {
		at = ++s;
		if (!number(&s, 65535, &hi))
			return bad_port(p, n, at, "a port is a number from 0 to 65535");
	}
	if (*s)
		return bad_port(p, n, s, "this does not belong to a port");
	if (hi < lo)
		return bad_port(p, n, at, "the range of ports is backwards");
	rule->port_lo = lo;
	rule->port_hi = hi;
	return 0;
}

/* Protocol and ports; the index of the protocol, or a negative errno. */
static int parse_proto(struct vk_parser *p, const struct vk_node *n, struct vk_inet_rule *rule)
{
	size_t len = strcspn(n->text, "/");
	char word[16] = "";
	int i, r;

	if (len < sizeof(word))
		memcpy(word, n->text, len);
	for (i = 0; vk_words_proto[i]; i++)
		if (strcmp(vk_words_proto[i], word) == 0)
			break;
	if (!vk_words_proto[i]) {
		vk_mistake(p, n->pos, "unknown protocol in \"%s\"", vk_show(n->text));
		if (n->text[0] == '/' || n->text[0] == '@')
			vk_error_advise(p->e, "for a unix socket write \"unix:%s\"",
					vk_show(n->text));
		vk_advise_words(p, word, vk_words_proto, "");
		return -EINVAL;
	}
	rule->proto = protos[i].proto;
	if (n->text[len] == '/')
		r = parse_ports(p, n, n->text + len + 1, rule);
	else if (rule->proto == 0)
		r = parse_ports(p, n, "*", rule);
	else
		r = bad_port(p, n, n->text, "the port is missing");
	return r < 0 ? r : i;
}

static bool has_bits_beyond(const uint8_t *addr, unsigned int prefix, unsigned int bits)
{
	for (unsigned int i = prefix; i < bits; i++)
		if (addr[i / 8] & (0x80 >> (i % 8)))
			return true;
	return false;
}

static int bad_address(struct vk_parser *p, const struct vk_node *n, size_t off, const char *why)
{
	vk_mistake(p, vk_pos_in(n, off), "in \"%s\": %s", vk_show(n->text), why);
	vk_error_advise(p->e, "write 192.0.2.1, 10.0.0.0/8, 2001:db8::/32 or any");
	return -EINVAL;
}

/* Names the network that was meant by an address with too many bits. */
static int bad_host_bits(struct vk_parser *p, const struct vk_node *n, struct vk_inet_rule *rule,
			 unsigned int bits)
{
	char network[INET6_ADDRSTRLEN];

	for (unsigned int i = rule->prefix; i < bits; i++)
		rule->addr[i / 8] &= ~(0x80 >> (i % 8));
	vk_mistake(p, n->pos, "\"%s\" has bits beyond its prefix", vk_show(n->text));
	vk_error_advise(p->e, "did you mean \"%s/%u\"?",
			inet_ntop(rule->family, rule->addr, network, sizeof(network)),
			rule->prefix);
	return -EINVAL;
}

static int parse_address(struct vk_parser *p, const struct vk_node *n, struct vk_inet_rule *rule)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	size_t len = strcspn(n->text, "/");
	char text[INET6_ADDRSTRLEN] = "";
	unsigned int bits, prefix;

	memset(rule->addr, 0, sizeof(rule->addr));
	rule->family = 0;
	rule->prefix = 0;
	if (strcmp(n->text, "any") == 0)
		return 0;
	if (len >= sizeof(text))
		return bad_address(p, n, 0, "this is no address");
	memcpy(text, n->text, len);
	rule->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	bits = prefix = rule->family == AF_INET6 ? 128 : 32;
	if (inet_pton(rule->family, text, rule->addr) != 1)
		return bad_address(p, n, 0, "this is no address");
	if (n->text[len]) {
		const char *s = n->text + len + 1;

		if (!number(&s, bits, &prefix) || *s)
			return bad_address(p, n, len + 1,
					   bits == 32 ? "a prefix is a number from 0 to 32" :
							"a prefix is a number from 0 to 128");
	}
	rule->prefix = prefix;
	if (has_bits_beyond(rule->addr, prefix, bits))
		return bad_host_bits(p, n, rule, bits);
	if (bits == 128 && prefix >= 96 && memcmp(rule->addr, mapped, 12) == 0)
		return bad_address(p, n, 0, "an IPv4 address must be written as such");
	return 0;
}

/* What an item says, while its endpoints are gone through. */
struct item {
	struct vk_section_state *state;
	enum vk_action action;
	bool bind;
	const struct vk_node *addresses; /* NULL: any */
	const struct vk_node *address_key;
};

static int add_endpoint(struct vk_parser *p, const struct vk_node *n, const struct item *it)
{
	struct vk_inet_rule rule = {.action = it->action,
				    .ops = it->bind ? VK_NET_BIND : VK_NET_CONNECT,
				    .pos = n->pos};
	int proto, r = vk_expect_scalar(p, n, it->bind ? "bind" : "connect");

	if (r < 0)
		return r;
	if (strncmp(n->text, "unix:", 5) == 0) {
		if (it->addresses)
			return vk_mistake(p, it->address_key->pos,
					  "\"%s\" does not go with unix sockets",
					  it->address_key->text);
		if (it->action == VK_ACTION_ALLOW)
			imply_unix(it->state, n->pos);
		return vk_add_path(p, VK_SECTION_NETWORK, it->action,
				   it->bind ? VK_R_UNIX_BIND : VK_R_UNIX_CONNECT, n, 5);
	}
	proto = parse_proto(p, n, &rule);
	if (proto < 0)
		return proto;
	if (it->action == VK_ACTION_ALLOW)
		imply_inet(it->state, protos[proto].types, n->pos);
	if (!it->addresses)
		return add_inet(p, &rule);
	vk_for_each_item(a, it->addresses)
	{
		r = vk_expect_scalar(p, a, "an address");
		if (r == 0)
			r = parse_address(p, a, &rule);
		if (r == 0)
			r = add_inet(p, &rule);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What stands after the '/': a type or, of netlink sockets, a protocol. */
static int parse_kind(struct vk_parser *p, const struct vk_node *n, size_t off, int family,
		      uint16_t *types, int *protocol)
{
	const char *word = n->text + off;
	int type;

	if (family == AF_NETLINK && vk_netlink_parse(word, protocol) == 0)
		return 0;
	if (vk_socktype_parse(word, &type) == 0) {
		*types = 1u << type;
		return 0;
	}
	vk_mistake(p, vk_pos_in(n, off), "unknown socket type%s in \"%s\"",
		   family == AF_NETLINK ? " or netlink protocol" : "", vk_show(n->text));
	if (family == AF_NETLINK && vk_nearest(word, vk_netlink_words))
		vk_advise_words(p, word, vk_netlink_words, "");
	else
		vk_advise_words(p, word, vk_socktype_words, "");
	return -EINVAL;
}

static int add_sockets(struct vk_parser *p, const struct vk_node *list, enum vk_action action)
{
	vk_for_each_item(n, list)
	{
		int family = ANY_FAMILY, protocol = ANY_PROTOCOL,
		    r = vk_expect_scalar(p, n, "a socket family");
		uint16_t types = ANY_TYPE;
		char word[24] = "";
		size_t len;

		if (r < 0)
			return r;
		len = strcspn(n->text, "/");
		if (len < sizeof(word))
			memcpy(word, n->text, len);
		if (strcmp(word, "any") != 0 && vk_family_parse(word, &family) < 0) {
			vk_mistake(p, n->pos, "unknown socket family in \"%s\"", vk_show(n->text));
			vk_advise_words(p, word, vk_family_words,
					"the families are listed in vkernel-policy(5)");
			return -EINVAL;
		}
		if (n->text[len] == '/') {
			r = parse_kind(p, n, len + 1, family, &types, &protocol);
			if (r < 0)
				return r;
		}
		r = add_socket(p, action, family, types, protocol, n->pos);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "any": all of the above. */
static int add_any(struct vk_parser *p, const struct vk_node *n, enum vk_action action)
{
	static const char *const globs[] = {"/**", "@**"};
	struct vk_inet_rule rule = {.action = action,
				    .ops = VK_NET_BIND | VK_NET_CONNECT,
				    .port_hi = 65535,
				    .pos = n->pos};
	int r = add_inet(p, &rule);

	for (size_t i = 0; r == 0 && i < 2; i++) {
		struct vk_node glob = {.type = VK_SCALAR, .pos = n->pos, .text = globs[i]};

		r = vk_add_path(p, VK_SECTION_NETWORK, action, VK_R_NETWORK_ALL, &glob, 0);
	}
	return r < 0 ? r : add_socket(p, action, ANY_FAMILY, ANY_TYPE, ANY_PROTOCOL, n->pos);
}

/* Exactly one of bind, connect and socket, and an address only where it means something. */
static int check_item(struct vk_parser *p, const struct vk_node *n, const struct vk_kept *k)
{
	const struct vk_node *on = vk_kept_key(k, "on"), *to = vk_kept_key(k, "to");
	const struct vk_node *kind = NULL;

	for (size_t i = 0; i < k->n; i++) {
		const struct vk_node *key = k->item[i].key;

		if (key == on || key == to)
			continue;
		if (kind)
			return vk_mistake(p, key->pos,
					  "an item has one of bind, connect and socket; this one "
					  "has \"%s\" and \"%s\"",
					  kind->text, key->text);
		kind = key;
		if (k->item[i].val->type == VK_LIST && !k->item[i].val->child)
			return vk_mistake(p, k->item[i].val->pos, "\"%s\" is an empty list",
					  key->text);
	}
	if (!kind) {
		vk_mistake(p, n->pos, "the item has none of bind, connect and socket");
		vk_error_advise(p->e, "an item looks like {bind: tcp/80} or {socket: unix}");
		return -EINVAL;
	}
	if (on && strcmp(kind->text, "bind") != 0)
		return vk_mistake(p, on->pos, "\"on\" goes with \"bind\", not with \"%s\"",
				  kind->text);
	if (to && strcmp(kind->text, "connect") != 0)
		return vk_mistake(p, to->pos, "\"to\" goes with \"connect\", not with \"%s\"",
				  kind->text);
	return 0;
}

static int parse_item(struct vk_parser *p, const struct vk_node *n, enum vk_action action,
		      struct vk_section_state *state)
{
	struct vk_kept k = {0};
	struct item it = {state, action, false, NULL, NULL};
	const struct vk_node *list;
	int r;

	if (n->type == VK_SCALAR) {
		if (strcmp(n->text, "any") == 0)
			return add_any(p, n, action);
		vk_mistake(p, n->pos, "\"%s\" says not what to do with it", vk_show(n->text));
		vk_error_advise(p->e, "write {bind: %s}, {connect: %s}, {socket: unix} or any",
				vk_show(n->text), vk_show(n->text));
		return -EINVAL;
	}
	r = vk_parse_map(p, n, "network.items", "a network rule", &k);
	if (r == 0)
		r = check_item(p, n, &k);
	if (r < 0)
		return r;
	list = vk_kept_val(&k, "socket");
	if (list)
		return add_sockets(p, list, action);
	list = vk_kept_val(&k, "bind");
	it.bind = list;
	if (!list)
		list = vk_kept_val(&k, "connect");
	it.address_key = vk_kept_key(&k, it.bind ? "on" : "to");
	it.addresses = vk_kept_val(&k, it.bind ? "on" : "to");
	if (it.addresses && it.addresses->type == VK_LIST && !it.addresses->child)
		return vk_mistake(p, it.addresses->pos, "\"%s\" is an empty list",
				  it.address_key->text);
	vk_for_each_item(endpoint, list)
	{
		r = add_endpoint(p, endpoint, &it);
		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_net(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		 const struct vk_node *val, void *out)
{
	struct vk_section_state *state = out;

	(void)key;
	state->n[vk_action_of(row->key)]++;
	vk_for_each_item(item, val)
	{
		int r = parse_item(p, item, vk_action_of(row->key), state);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_network(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_section_state state = {.section = VK_SECTION_NETWORK};
	int r = vk_parse_section(p, row, key, val, &state);

	(void)out;
	if (r < 0 || p->policy->sections[VK_SECTION_NETWORK].def == VK_ACTION_ALLOW)
		return r;
	if (state.unix_types)
		r = add_socket(p, VK_ACTION_ALLOW, AF_UNIX, state.unix_types, ANY_PROTOCOL,
			       state.unix_pos);
	/* An IPv6 socket can speak IPv4 as well, so addresses do not tell the family. */
	if (r == 0 && state.inet_types)
		r = add_socket(p, VK_ACTION_ALLOW, AF_INET, state.inet_types, ANY_PROTOCOL,
			       state.inet_pos);
	if (r == 0 && state.inet_types)
		r = add_socket(p, VK_ACTION_ALLOW, AF_INET6, state.inet_types, ANY_PROTOCOL,
			       state.inet_pos);
	return r;
}
