// SPDX-License-Identifier: LGPL-2.1-or-later
/* Good policies: what they become in memory; and the rule sets that they use. */
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "parse.h"
#include "schema.h"
#include "tap.h"

#define V "vkernel: 1\n"
#define WRITE (VK_R_WRITE | VK_R_APPEND | VK_R_TRUNCATE)

static struct vk_policy *parse(const char *doc)
{
	struct vk_policy *p = NULL;
	struct vk_error e = {0};
	int r = vk_policy_parse("/etc/vkernel/web.yaml", doc, strlen(doc), NULL, NULL, &p, &e);

	if (r < 0)
		FAIL("%u:%u: %s (%s)", e.line, e.column, e.message, e.advice);
	ASSERT(r == 0);
	CHECK_EQ(e.code, 0);
	return p;
}

TEST(the_least_policy)
{
	_cleanup_policy_ struct vk_policy *p = parse("vkernel: 1");

	CHECK_STREQ(p->name, "web");
	CHECK_STREQ(p->file, "/etc/vkernel/web.yaml");
	CHECK_STREQ(p->text, "vkernel: 1");
	CHECK_EQ(p->text_len, 10);
	CHECK_EQ(p->mode, VK_MODE_ENFORCE);
	for (int i = 0; i < VK_SECTION_COUNT; i++)
		CHECK(!p->sections[i].set);
	CHECK(!p->caps_set);
	CHECK(!p->ptrace.set);
	CHECK(!p->signal.set);
	CHECK_EQ(p->switches_set, 0);
	CHECK_EQ(p->n_paths + p->n_inet + p->n_sockets + p->n_uses, 0);
}

TEST(forms_of_a_document)
{
	static const char *const docs[] = {
		"{vkernel: 1}",
		"---\nvkernel: 1\n...\n",
		"%YAML 1.1\n---\nvkernel: 1\n",
		"\xef\xbb\xbfvkernel: 1\n",
		"vkernel: 1\r\nmode: audit\r\n",
		"# a comment\n\"vkernel\": '1'\n",
		V "use: []\n",
		V "capabilities: []\n",
		V "description: >\n  two\n  lines, \xc3\xa4\n",
	};

	for (size_t i = 0; i < sizeof(docs) / sizeof(*docs); i++)
		vk_policy_free(parse(docs[i]));
}

TEST(names)
{
	static const struct {
		const char *file, *doc, *name;
	} t[] = {
		{"web.yaml", V "name: Web_1.x-y\n", "Web_1.x-y"},
		{"a/b/web.v2.yaml", V, "web"},
		{"my web.yml", V, "my-web"},
		{"-", V, "x"},
		{"", V, "policy"},
		{"built-in nginx", V, "nginx"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		_cleanup_policy_ struct vk_policy *p = NULL;

		ASSERT(vk_policy_parse(t[i].file, t[i].doc, strlen(t[i].doc), NULL, NULL, &p,
				       NULL) == 0);
		CHECK_STREQ(p->name, t[i].name);
	}
}

static void check_path(const struct vk_policy *p, size_t i, enum vk_section section,
		       enum vk_action action, uint32_t rights, const char *glob, unsigned int line,
		       unsigned int column)
{
	ASSERT(i < p->n_paths);
	CHECK_EQ(p->paths[i].section, section);
	CHECK_EQ(p->paths[i].action, action);
	CHECK_EQ(p->paths[i].rights, rights);
	CHECK_STREQ(p->paths[i].glob, glob);
	CHECK_EQ(p->paths[i].pos.line, line);
	CHECK_EQ(p->paths[i].pos.column, column);
}

TEST(files)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "mode: audit\n"
			"files:\n"
			"  default: allow\n"
			"  foreign: deny\n"
			"  rules:\n"
			"    - deny: [write]\n"
			"      path: [/etc/**, '/usr/**']\n"
			"    - {allow: [read, append, exec], path: /a}\n"
			"    - {path: /b, audit: all}\n"
			"    - {deny: modify, path: /c}\n"
			"    - {deny: [mmap-exec, ioctl, chmod, read], path: /d}\n");
	const struct vk_section_head *head = &p->sections[VK_SECTION_FILES];
	const enum vk_section s = VK_SECTION_FILES;

	CHECK_EQ(p->mode, VK_MODE_AUDIT);
	CHECK(head->set);
	CHECK_EQ(head->def, VK_ACTION_ALLOW);
	CHECK_EQ(head->pos.line, 4);
	CHECK_EQ(head->pos.column, 12);
	CHECK(p->foreign_deny);
	CHECK_EQ(p->foreign_pos.line, 5);
	CHECK_EQ(p->n_paths, 6);
	check_path(p, 0, s, VK_ACTION_DENY, WRITE, "/etc/**", 8, 14);
	check_path(p, 1, s, VK_ACTION_DENY, WRITE, "/usr/**", 8, 23);
	check_path(p, 2, s, VK_ACTION_ALLOW, VK_R_READ | VK_R_APPEND | VK_R_EXEC, "/a", 9, 43);
	check_path(p, 3, s, VK_ACTION_AUDIT, VK_R_FILES_ALL | VK_R_EXEC, "/b", 10, 14);
	check_path(p, 4, s, VK_ACTION_DENY,
		   WRITE | VK_R_CREATE | VK_R_UNLINK | VK_R_RENAME | VK_R_LINK | VK_R_SYMLINK |
			   VK_R_MKDIR | VK_R_RMDIR | VK_R_MKNOD | VK_R_CHMOD | VK_R_CHOWN,
		   "/c", 11, 28);
	check_path(p, 5, s, VK_ACTION_DENY, VK_R_MMAP_EXEC | VK_R_IOCTL | VK_R_CHMOD | VK_R_READ,
		   "/d", 12, 53);
}

TEST(exec)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "exec: {allow: [/a], deny: /b, audit: ['/{a,c}']}\n");

	CHECK_EQ(p->sections[VK_SECTION_EXEC].def, VK_ACTION_DENY);
	CHECK_EQ(p->sections[VK_SECTION_EXEC].pos.line, 2);
	CHECK_EQ(p->sections[VK_SECTION_EXEC].pos.column, 1);
	CHECK_EQ(p->n_paths, 3);
	check_path(p, 0, VK_SECTION_EXEC, VK_ACTION_ALLOW, VK_R_EXEC | VK_R_MMAP_EXEC, "/a", 2, 16);
	check_path(p, 1, VK_SECTION_EXEC, VK_ACTION_DENY, VK_R_EXEC, "/b", 2, 27);
	check_path(p, 2, VK_SECTION_EXEC, VK_ACTION_AUDIT, VK_R_EXEC, "/{a,c}", 2, 39);
}

TEST(mounts)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "mounts: {default: deny, allow: {op: [mount, bind, move], on: /mnt/**},\n"
			"  deny: [{op: all, on: [/a, /]}]}\n");

	CHECK_EQ(p->n_paths, 3);
	check_path(p, 0, VK_SECTION_MOUNTS, VK_ACTION_ALLOW,
		   VK_R_MOUNT | VK_R_BIND_MOUNT | VK_R_MOVE_MOUNT, "/mnt/**", 2, 62);
	check_path(p, 1, VK_SECTION_MOUNTS, VK_ACTION_DENY, VK_R_MOUNTS_ALL, "/a", 3, 25);
	check_path(p, 2, VK_SECTION_MOUNTS, VK_ACTION_DENY, VK_R_MOUNTS_ALL, "/", 3, 29);
}

static void check_inet(const struct vk_policy *p, size_t i, enum vk_action action, int ops,
		       int proto, int family, int prefix, unsigned int lo, unsigned int hi,
		       const char *addr)
{
	const struct vk_inet_rule *r = &p->inet[i];

	ASSERT(i < p->n_inet);
	CHECK_EQ(r->action, action);
	CHECK_EQ(r->ops, ops);
	CHECK_EQ(r->proto, proto);
	CHECK_EQ(r->family, family);
	CHECK_EQ(r->prefix, prefix);
	CHECK_EQ(r->port_lo, lo);
	CHECK_EQ(r->port_hi, hi);
	CHECK(memcmp(r->addr, addr, 4) == 0);
}

static void check_socket(const struct vk_policy *p, size_t i, enum vk_action action, int family,
			 unsigned int types)
{
	ASSERT(i < p->n_sockets);
	CHECK_EQ(p->sockets[i].action, action);
	CHECK_EQ(p->sockets[i].family, family);
	CHECK_EQ(p->sockets[i].types, types);
}

TEST(inet)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "network:\n"
			"  default: deny\n"
			"  allow:\n"
			"    - {bind: [tcp/80, udp/8000-8100], on: [127.0.0.1, '2001:db8::/32']}\n"
			"    - {connect: tcp/443, to: 10.0.0.0/8}\n"
			"    - {connect: sctp/*, to: any}\n"
			"  deny: {connect: any/0}\n"
			"  audit: {bind: any}\n");
	const enum vk_action allow = VK_ACTION_ALLOW;

	CHECK_EQ(p->n_inet, 8);
	check_inet(p, 0, allow, VK_NET_BIND, 6, 2, 32, 80, 80, "\x7f\0\0\1");
	check_inet(p, 1, allow, VK_NET_BIND, 6, 10, 32, 80, 80, "\x20\x01\x0d\xb8");
	check_inet(p, 2, allow, VK_NET_BIND, 17, 2, 32, 8000, 8100, "\x7f\0\0\1");
	check_inet(p, 3, allow, VK_NET_BIND, 17, 10, 32, 8000, 8100, "\x20\x01\x0d\xb8");
	check_inet(p, 4, allow, VK_NET_CONNECT, 6, 2, 8, 443, 443, "\x0a\0\0\0");
	check_inet(p, 5, allow, VK_NET_CONNECT, 132, 0, 0, 0, 65535, "\0\0\0\0");
	check_inet(p, 6, VK_ACTION_DENY, VK_NET_CONNECT, 0, 0, 0, 0, 0, "\0\0\0\0");
	check_inet(p, 7, VK_ACTION_AUDIT, VK_NET_BIND, 0, 0, 0, 0, 65535, "\0\0\0\0");
	CHECK_EQ(p->inet[4].pos.line, 6);
	CHECK_EQ(p->inet[4].pos.column, 17);
	/* stream, dgram, seqpacket, implied by tcp, udp and sctp */
	CHECK_EQ(p->n_sockets, 2);
	check_socket(p, 0, allow, 2, 1 << 1 | 1 << 2 | 1 << 5);
	check_socket(p, 1, allow, 10, 1 << 1 | 1 << 2 | 1 << 5);
}

TEST(unix_sockets)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "network: {default: deny, allow: [{connect: ['unix:/run/x.sock', "
			"'unix:@name*']}, {bind: 'unix:/run/*.sock'}]}\n");
	const enum vk_section s = VK_SECTION_NETWORK;

	CHECK_EQ(p->n_paths, 3);
	check_path(p, 0, s, VK_ACTION_ALLOW, VK_R_UNIX_CONNECT, "/run/x.sock", 2, 45);
	check_path(p, 1, s, VK_ACTION_ALLOW, VK_R_UNIX_CONNECT, "@name*", 2, 65);
	check_path(p, 2, s, VK_ACTION_ALLOW, VK_R_UNIX_BIND, "/run/*.sock", 2, 89);
	CHECK_EQ(p->n_sockets, 1);
	check_socket(p, 0, VK_ACTION_ALLOW, 1, 1 << 1 | 1 << 2 | 1 << 5);
}

TEST(sockets)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "network: {default: allow, allow: [{bind: tcp/1}], deny: [{socket: "
			"[alg, inet/raw, any/packet]}], audit: {socket: netlink}}\n");

	/* Under "default: allow" nothing is implied. */
	CHECK_EQ(p->n_sockets, 4);
	check_socket(p, 0, VK_ACTION_DENY, 38, 0xffff);
	check_socket(p, 1, VK_ACTION_DENY, 2, 1 << 3);
	check_socket(p, 2, VK_ACTION_DENY, -1, 1 << 10);
	check_socket(p, 3, VK_ACTION_AUDIT, 16, 0xffff);
}

TEST(any_network)
{
	_cleanup_policy_ struct vk_policy *p = parse(V "network: {allow: any}\n");

	CHECK_EQ(p->n_paths, 2);
	check_path(p, 0, VK_SECTION_NETWORK, VK_ACTION_ALLOW, VK_R_NETWORK_ALL, "/**", 2, 18);
	check_path(p, 1, VK_SECTION_NETWORK, VK_ACTION_ALLOW, VK_R_NETWORK_ALL, "@**", 2, 18);
	CHECK_EQ(p->n_inet, 1);
	check_inet(p, 0, VK_ACTION_ALLOW, VK_NET_BIND | VK_NET_CONNECT, 0, 0, 0, 0, 65535,
		   "\0\0\0\0");
	CHECK_EQ(p->n_sockets, 1);
	check_socket(p, 0, VK_ACTION_ALLOW, -1, 0xffff);
}

TEST(processes_and_switches)
{
	_cleanup_policy_ struct vk_policy *p =
		parse(V "processes: {ptrace: own, signal: none, userns: audit}\n"
			"bpf: deny\nperf: audit\nkeys: allow\n");

	CHECK(p->ptrace.set);
	CHECK_EQ(p->ptrace.scope, VK_SCOPE_OWN);
	CHECK_EQ(p->ptrace.pos.column, 21);
	CHECK(p->signal.set);
	CHECK_EQ(p->signal.scope, VK_SCOPE_NONE);
	CHECK_EQ(p->switches_set, VK_SW_USERNS | VK_SW_BPF | VK_SW_PERF | VK_SW_KEYS);
	CHECK_EQ(p->switches_deny, VK_SW_BPF);
	CHECK_EQ(p->switches_audit, VK_SW_USERNS | VK_SW_PERF);
	CHECK_EQ(p->switch_pos[0].line, 3);
	CHECK_EQ(p->switch_pos[5].line, 2);
}

TEST(capabilities)
{
	static const struct {
		const char *doc;
		uint64_t caps;
	} t[] = {
		{V "capabilities: [CHOWN, cap_setuid, Net_Admin, CHECKPOINT_RESTORE]\n",
		 1 | 1 << 7 | 1 << 12 | 1ull << 40},
		{V "capabilities: kill\n", 1 << 5},
		{V "capabilities: all\n", ~0ull},
		{V "capabilities: none\n", 0},
		{V "capabilities: []\n", 0},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		_cleanup_policy_ struct vk_policy *p = parse(t[i].doc);

		CHECK(p->caps_set);
		CHECK_EQ(p->caps, t[i].caps);
		CHECK_EQ(p->caps_pos.line, 2);
	}
}

TEST(built_in_sets)
{
	for (size_t i = 0; i < vk_n_builtins; i++) {
		const struct vk_builtin *b = &vk_builtins[i];
		struct vk_policy *p = NULL;
		struct vk_error e = {0};

		CHECK(vk_builtin_find(b->name) == b);
		if (CHECK_EQ(vk_policy_parse(b->name, b->text, b->len, NULL, NULL, &p, &e), 0))
			CHECK_STREQ(p->name, b->name);
		else
			tap_diag("%s:%u:%u: %s", b->name, e.line, e.column, e.message);
		vk_policy_free(p);
	}
	CHECK_EQ(vk_n_builtins, 19);
	CHECK(!vk_builtin_find("no-such-set"));
}

/* A resolver over a table of "name", "text" pairs. */
static int find_set(const char *name, char **ret_text, size_t *ret_len, char **ret_file, void *data)
{
	for (const char *const *s = data; *s; s += 2) {
		if (strcmp(*s, name) == 0) {
			*ret_text = strdup(s[1]);
			*ret_len = strlen(s[1]);
			*ret_file = strdup(name);
			return 0;
		}
	}
	return strcmp(name, "secret") == 0 ? -EACCES : -ENOENT;
}

static int parse_sets(const char *doc, const char *const *sets, struct vk_policy **ret,
		      struct vk_error *e)
{
	memset(e, 0, sizeof(*e));
	*ret = NULL;
	/* The cast drops a const that find_set() puts back. */
	return vk_policy_parse("top", doc, strlen(doc), find_set, (void *)(uintptr_t)sets, ret, e);
}

TEST(used_sets)
{
	static const char *const sets[] = {"a",	     V "use: c\nname: other\n",
					   "b",	     V "use: [c]\n",
					   "c",	     V "bpf: deny\n",
					   "l1",     V "use: l2\n",
					   "l2",     V "use: l3\n",
					   "l3",     V "use: l2\n",
					   "me",     V "use: [a, me]\n",
					   "broken", V "exec: 1\n",
					   NULL};
	struct vk_policy *p;
	struct vk_error e;

	ASSERT(parse_sets(V "use: [a, b]\n", sets, &p, &e) == 0);
	CHECK_EQ(p->n_uses, 2);
	CHECK_STREQ(p->uses[0]->name, "other");
	CHECK_STREQ(p->uses[0]->file, "a");
	CHECK_EQ(p->uses[1]->n_uses, 1);
	CHECK_EQ(p->uses[1]->uses[0]->switches_deny, VK_SW_BPF);
	vk_policy_free(p);

	CHECK_NEG(parse_sets(V "use: l1\n", sets, &p, &e), ELOOP);
	CHECK_STREQ(e.message, "rule sets use each other: l2 -> l3 -> l2");
	CHECK_STREQ(e.file, "l3");
	CHECK_EQ(e.line, 2);
	CHECK_EQ(e.column, 6);
	CHECK_NEG(parse_sets(V "use: me\n", sets, &p, &e), ELOOP);
	CHECK_STREQ(e.message, "rule sets use each other: me -> me");
	CHECK_NEG(parse_sets(V "use: [a, broken]\n", sets, &p, &e), EINVAL);
	CHECK_STREQ(e.file, "broken");
	CHECK_STREQ(e.message, "exec must be a map");
	CHECK_NEG(parse_sets(V "use: [nope]\n", sets, &p, &e), ENOENT);
	CHECK_STREQ(e.file, "top");
	CHECK_NEG(parse_sets(V "use: secret\n", sets, &p, &e), EACCES);
	CHECK_STREQ(e.message, "cannot read rule set \"secret\": Permission denied");
}

/* Sets that use two others each, in layers: the number of sets is bounded, not only the depth. */
TEST(sets_are_bounded)
{
	const char *sets[2 * 27 + 1] = {NULL};
	char text[26][40], name[26][2];
	struct vk_policy *p;
	struct vk_error e;

	for (int i = 0; i < 26; i++) {
		snprintf(name[i], sizeof(name[i]), "%c", 'a' + i);
		snprintf(text[i], sizeof(text[i]), V "use: [%c, %c]\n", 'a' + (i / 2 + 1) * 2,
			 'a' + (i / 2 + 1) * 2 + 1);
		sets[2 * i] = name[i];
		sets[2 * i + 1] = i < 24 ? text[i] : V;
	}
	CHECK_NEG(parse_sets(V "use: [a, b]\n", sets, &p, &e), E2BIG);
	CHECK_STREQ(e.message, "the policy uses more than 64 rule sets");
	CHECK_EQ(parse_sets(V "use: [q, r]\n", sets, &p, &e), 0);
	vk_policy_free(p);
}

TEST(words_and_numbers)
{
	uint32_t right;
	int cap;

	for (int i = 0; i < VK_R_COUNT; i++) {
		CHECK_EQ(vk_right_parse(vk_right_name(1u << i), &right), 0);
		CHECK_EQ(right, 1u << i);
	}
	CHECK_NEG(vk_right_parse("all", &right), EINVAL);
	CHECK_STREQ(vk_right_name(3), "?");
	for (int i = 0; i <= 40; i++) {
		CHECK_EQ(vk_cap_parse(vk_cap_name(i), &cap), 0);
		CHECK_EQ(cap, i);
	}
	CHECK_NEG(vk_cap_parse("", &cap), EINVAL);
	CHECK_NEG(vk_cap_parse("CAP_", &cap), EINVAL);
	CHECK_STREQ(vk_cap_name(41), "?");
	CHECK_STREQ(vk_cap_name(-1), "?");
	CHECK_STREQ(vk_family_name(38), "alg");
	CHECK_STREQ(vk_family_name(45), "mctp");
	CHECK_STREQ(vk_family_name(0), "?");
	CHECK_STREQ(vk_family_name(46), "?");
	CHECK_STREQ(vk_switch_name(VK_SW_IO_URING), "io_uring");
	CHECK_STREQ(vk_switch_name(VK_SW_USERNS), "userns");
	CHECK_STREQ(vk_switch_name(VK_SW_XATTRS), "xattrs");
	CHECK_STREQ(vk_switch_name(3), "?");
}

TEST(nearest_word)
{
	static const struct {
		const char *word, *near;
	} t[] = {
		{"read", "read"},   {"raed", "read"},	 {"READ", "read"},
		{"reads", "read"},  {"r", NULL},	 {"rd", NULL},
		{"wrtie", "write"}, {"creat", "create"}, {"mmap_exec", "mmap-exec"},
		{"delete", NULL},   {"execute", "exec"}, {"", NULL},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		CHECK_STREQ(vk_nearest(t[i].word, vk_words_rights), t[i].near);
}
