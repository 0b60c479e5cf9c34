// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_net.c - rules on sockets: "network" by family and type, "unix" by name as well.
 *
 * AppArmor has no rules on ports: who may make an internet socket may bind and connect it.
 */
#include <errno.h>
#include <string.h>

#include "import_apparmor.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define ANY_TYPE 0xffff

/* The types that a protocol means. */
static uint16_t protocol_types(const char *word)
{
	if (strcmp(word, "tcp") == 0)
		return 1u << 1;
	if (strcmp(word, "udp") == 0)
		return 1u << 2;
	if (strcmp(word, "icmp") == 0)
		return 1u << 3;
	return 0;
}

/* Adds types to a family, -1: all of them. */
static void add_types(struct aa *a, const struct aa_rule *rule, int family, uint16_t types)
{
	struct aa_net *net = &a->net;

	for (int f = 1; f < VK_N_FAMILIES; f++) {
		if (family >= 0 && f != family)
			continue;
		if (rule->deny)
			net->deny[f] |= types;
		else
			net->allow[f] |= types;
		if (rule->audit && !rule->deny)
			net->audit[f] |= types;
	}
	if (!net->at.file)
		net->at = rule->at;
	if (family != -1 && family != AF_UNIX)
		return;
	/* Names are all or nothing in a network rule. */
	if (rule->deny && types == ANY_TYPE)
		net->named_deny |= AA_NAMED_BIND | AA_NAMED_CONNECT;
	else if (!rule->deny)
		net->named |= AA_NAMED_BIND | AA_NAMED_CONNECT;
}

int aa_network_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	bool inet_only = false, some = false;
	struct aa_conds c = {0};
	uint16_t types = ANY_TYPE;
	int family = -1, type, r = aa_conds(a, rule, rest, &c);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c.n; i++) {
		const char *word = c.v[i].values.n ? c.v[i].values.v[0] : "";

		if (c.v[i].key || c.v[i].list) {
			some = true;
		} else if (vk_family_parse(word, &family) == 0) {
			continue;
		} else if (vk_socktype_parse(word, &type) == 0) {
			types = (uint16_t)(1u << type);
		} else if (protocol_types(word)) {
			types = protocol_types(word);
			inet_only = true;
		} else if (strcmp(word, "unspec") == 0) {
			return 0; /* no socket of that family can be made */
		} else if (strlen(word) > 2 && word[0] >= 'a' && word[0] <= 'z' && i == 0 &&
			   c.n <= 2) {
			return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST,
					 "\"%s\" is no family of sockets known here", word);
		} else {
			return aa_mistake(a, rule->at, "\"%s\" is no type of socket", word);
		}
	}
	if (some && !rule->deny)
		return aa_report(a, rule, AA_LOST,
				 "single operations and addresses are no conditions of ours");
	if (some)
		r = aa_report(a, rule, AA_NARROWER,
			      "all operations with such sockets are denied, on all addresses");
	if (family < 0 && inet_only) {
		add_types(a, rule, AF_INET, types);
		family = AF_INET6;
	}
	if (family < 0 && types == ANY_TYPE && !rule->deny)
		a->net.all = true;
	add_types(a, rule, family, types);
	return r;
}

/* "addr=..." of the rule itself or within peer=(...); NULL: none. */
static const char *address(const struct aa_conds *c, bool peer, bool *ret_label)
{
	const struct aa_cond *p = aa_cond_find(c, peer ? "peer" : "addr");

	if (!p)
		return NULL;
	if (!peer)
		return p->values.n ? p->values.v[0] : NULL;
	for (size_t i = 0; i < p->values.n; i++) {
		if (strncmp(p->values.v[i], "label=", 6) == 0)
			*ret_label = true;
		if (strncmp(p->values.v[i], "addr=", 5) == 0)
			return p->values.v[i] + 5;
	}
	return NULL;
}

static bool may(const struct aa_conds *c, const char *word, const char *shorthand)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].key)
			continue;
		any = true;
		if (aa_has_value(&c->v[i].values, word) ||
		    aa_has_value(&c->v[i].values, shorthand) || aa_has_value(&c->v[i].values, "rw"))
			return true;
	}
	return !any;
}

/* A rule on one abstract name, or on all. */
static int add_named(struct aa *a, const struct aa_rule *rule, uint32_t which, const char *text)
{
	uint32_t right = which == AA_NAMED_BIND ? VK_R_UNIX_BIND : VK_R_UNIX_CONNECT;
	struct aa_strings names = {0};
	const char *why;
	char *plain;
	int r;

	if (!text || strcmp(text, "**") == 0) {
		if (rule->deny)
			a->net.named_deny |= which;
		else
			a->net.named |= which;
		return 0;
	}
	plain = aa_strndup(a, text + (*text == '"'), strlen(text));
	if (!plain)
		return aa_oom(a);
	if (*text == '"' && *plain)
		plain[strcspn(plain, "\"")] = '\0';
	if (strcmp(plain, "none") == 0)
		return 0; /* sockets without a name need no rule */
	if (*plain != '@')
		return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST,
				 "a socket file is governed by w on its path");
	r = aa_names(a, rule, plain, &names, &why);
	if (r == -ENOTSUP)
		return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST, "its pattern: %s",
				 why);
	return r < 0 ? r :
		       aa_add_item(a, &a->net.items, rule->deny ? VK_ACTION_DENY : VK_ACTION_ALLOW,
				   right, names, rule->at);
}

int aa_unix_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	const struct aa_cond *type;
	struct aa_conds c = {0};
	uint16_t types = ANY_TYPE;
	bool label = false, connects;
	const char *local, *peer;
	int r = aa_conds(a, rule, rest, &c), one;

	if (r < 0)
		return r;
	a->about = rule->deny ? AA_ABOUT_OTHER : AA_ABOUT_SOCKETS;
	type = aa_cond_find(&c, "type");
	for (size_t i = 0; type && i < type->values.n; i++) {
		if (vk_socktype_parse(type->values.v[i], &one) < 0)
			return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST,
					 "\"%s\" is no type of socket", type->values.v[i]);
		types = (uint16_t)((i ? types : 0) | 1u << one);
	}
	local = address(&c, false, &label);
	peer = address(&c, true, &label);
	connects = may(&c, "connect", "connect") || may(&c, "send", "w");
	if (may(&c, "create", "create")) {
		if (rule->deny)
			a->net.deny[AF_UNIX] |= local || peer || label ? 0 : types;
		else
			a->net.allow[AF_UNIX] |= types;
		if (rule->audit && !rule->deny)
			a->net.audit[AF_UNIX] |= types;
	}
	if (!a->net.at.file)
		a->net.at = rule->at;
	if (may(&c, "bind", "bind") && !label)
		r = add_named(a, rule, AA_NAMED_BIND, local);
	if (r < 0 || !connects)
		return r;
	if (label && !rule->deny)
		return aa_report(a, rule, AA_LOST,
				 "peers have no labels; creating sockets is carried over, "
				 "connecting to abstract names is not");
	if (label)
		r = aa_report(a, rule, AA_NARROWER, "peers have no labels: whoever it is");
	if (r == 0 && local && !peer && !rule->deny)
		return aa_report(a, rule, AA_LOST,
				 "connecting by one's own name, whoever the peer is");
	return r < 0 ? r : add_named(a, rule, AA_NAMED_CONNECT, peer);
}
