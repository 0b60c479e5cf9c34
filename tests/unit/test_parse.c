// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mistakes in policies: each is found, where it stands, with the word at fault and advice. */
#include <stdlib.h>

#include "parse.h"
#include "tap.h"

#define V "vkernel: 1\n" /* the rest begins on line 2 */

/* A document, and the error that it must give; @advice NULL: none. */
struct mistake {
	const char *doc;
	unsigned int line, column;
	const char *message;
	const char *advice;
};

static void check_all(const struct mistake *m, size_t n, int code)
{
	for (; n; n--, m++) {
		struct vk_policy *p = NULL;
		struct vk_error e = {0};
		int r = vk_policy_parse("t.yaml", m->doc, strlen(m->doc), NULL, NULL, &p, &e);

		tap_diag("%s", e.message);
		if (!CHECK_EQ(r, -code) || !CHECK_EQ(e.code, code) || !CHECK(!p) ||
		    !CHECK_EQ(e.line, m->line) || !CHECK_EQ(e.column, m->column) ||
		    !CHECK_STREQ(e.file, "t.yaml") || !CHECK_STREQ(e.message, m->message) ||
		    !CHECK_STREQ(e.advice, m->advice ? m->advice : ""))
			tap_diag("in the document:\n%s", m->doc);
		vk_policy_free(p);
	}
}
#define CHECK_ALL(table, code) check_all(table, sizeof(table) / sizeof(*(table)), code)

TEST(yaml)
{
	static const struct mistake t[] = {
		{"", 1, 1, "the policy is empty", "the least policy is \"vkernel: 1\""},
		{"# only a comment\n", 1, 1, "the policy is empty",
		 "the least policy is \"vkernel: 1\""},
		{"vkernel", 1, 1, "the policy must be a map",
		 "write \"key: value\" lines, or {key: value}"},
		{"- vkernel: 1\n", 1, 1, "the policy must be a map",
		 "write \"key: value\" lines, or {key: value}"},
		{V "---\n" V, 2, 1, "a file holds one policy, and a second one begins here", NULL},
		{V "name: &x web\n", 2, 7, "anchors (&x) are not allowed in a policy",
		 "put a word that begins with & in quotes"},
		{V "name: *x\n", 2, 7, "aliases (*x) are not allowed in a policy",
		 "put a pattern that begins with * in quotes"},
		{V "name: !!str web\n", 2, 7,
		 "tags (tag:yaml.org,2002:str) are not allowed in a policy",
		 "put a word that begins with ! in quotes"},
		{V "files: !x {}\n", 2, 8, "tags (!x) are not allowed in a policy",
		 "put a word that begins with ! in quotes"},
		{V "use: &a [b]\n", 2, 6, "anchors (&a) are not allowed in a policy",
		 "put a word that begins with & in quotes"},
		{"%TAG ! tag:x,2000:\n---\n" V, 1, 1, "tags are not allowed in a policy", NULL},
		{V "? [a]\n: b\n", 2, 3, "a key must be a word", NULL},
		{V "{a: b}: c\n", 2, 1, "a key must be a word", NULL},
		{V "name: \"a\\0b\"\n", 2, 7, "the text holds a NUL byte", NULL},
		{V "name: \x01\n", 2, 7, "the text holds the invisible character U+0001", NULL},
		{V "name: a\xff\n", 2, 8, "byte 0xff is not valid UTF-8", NULL},
		{V "name: \xc0\x80\n", 2, 7, "byte 0xc0 is not valid UTF-8", NULL},
		{V "name: \xed\xa0\x80\n", 2, 7, "byte 0xed is not valid UTF-8", NULL},
		{V "name: \xe2\x82", 2, 7, "byte 0xe2 is not valid UTF-8", NULL},
		{V "# \xe2\x80\xae\n", 2, 3, "the text holds the invisible character U+202E", NULL},
		{V "name: [a\n", 3, 1,
		 "not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'",
		 "close the bracket, and put words that hold { } [ ] or , in quotes"},
		{V "exec:\n\tallow: x\n", 3, 1,
		 "not valid YAML: while scanning for the next token, found character that cannot "
		 "start any token",
		 "indent with spaces, not tabs, and put a word that begins with @, % or ` in "
		 "quotes"},
		{V "exec: {allow: [**/x]}\n", 2, 17,
		 "not valid YAML: while scanning an alias, did not find expected alphabetic or "
		 "numeric character",
		 "put a word that begins with * or & in quotes"},
		{V "name: a\n  mode: audit\n", 3, 7,
		 "not valid YAML: mapping values are not allowed in this context",
		 "check the indentation of this line and of the one above"},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(keys)
{
	static const struct mistake t[] = {
		{"name: x\n", 1, 1, "the key \"vkernel\" is missing",
		 "begin the policy with \"vkernel: 1\""},
		{"vkernel: 2\n", 1, 10, "unknown version \"2\" of the policy format",
		 "this vkernel knows version 1"},
		{"vkernel: 1.0\n", 1, 10, "unknown version \"1.0\" of the policy format",
		 "this vkernel knows version 1"},
		{"vkernel: [1]\n", 1, 10, "vkernel must be a word, not a list", NULL},
		{V V, 2, 1, "duplicate key \"vkernel\"", "it is first given on line 1"},
		{V "fiels: {}\n", 2, 1, "unknown key \"fiels\" in the policy",
		 "did you mean \"files\"?"},
		{V "Files: {}\n", 2, 1, "unknown key \"Files\" in the policy",
		 "did you mean \"files\"?"},
		{V "<<: {}\n", 2, 1, "unknown key \"<<\" in the policy",
		 "known here: vkernel, name, description, mode, use, mitigates, takeover, in-place-of, "
		 "files, exec, network, mounts, "
		 "processes, capabilities, bpf, perf, modules, keys, io_uring, xattrs, push, "
		 "syscalls"},
		{V "io-uring: deny\n", 2, 1, "unknown key \"io-uring\" in the policy",
		 "did you mean \"io_uring\"?"},
		{V "name:\n", 2, 1, "\"name\" has no value", NULL},
		{V "files: ~\n", 2, 1, "\"files\" has no value", NULL},
		{V "mode: null\n", 2, 1, "\"mode\" has no value", NULL},
		{V "name: ''\n", 2, 7, "name is empty", NULL},
		{V "name: a/b\n", 2, 8, "\"a/b\" cannot be a name",
		 "use letters, digits, \"-\", \"_\" and \".\", and begin with a letter or digit"},
		{V "name: .a\n", 2, 7, "\".a\" cannot be a name",
		 "use letters, digits, \"-\", \"_\" and \".\", and begin with a letter or digit"},
		{V "description: [a]\n", 2, 14, "description must be a word, not a list", NULL},
		{V "mode: enforced\n", 2, 7, "unknown word \"enforced\" for mode",
		 "did you mean \"enforce\"?"},
		{V "mode: complain\n", 2, 7, "unknown word \"complain\" for mode",
		 "known here: enforce, audit"},
		{V "kernel:\n", 2, 1, "\"kernel\" is not supported by this version of vkernel",
		 "remove it: a rule that cannot be enforced is never ignored"},
		{V "limits: {}\n", 2, 1, "\"limits\" is not supported by this version of vkernel",
		 "remove it: a rule that cannot be enforced is never ignored"},
		{V "schedule: {}\n", 2, 1,
		 "\"schedule\" is not supported by this version of vkernel",
		 "remove it: a rule that cannot be enforced is never ignored"},
		{V "programs: []\n", 2, 1,
		 "\"programs\" is not supported by this version of vkernel",
		 "remove it: a rule that cannot be enforced is never ignored"},
		{V "use: {a: b}\n", 2, 6, "use must be a list of names", NULL},
		{V "use: [no-af-alg, no-af-alg]\n", 2, 18, "rule set \"no-af-alg\" is named twice",
		 NULL},
		{V "use: [../x]\n", 2, 7, "\"../x\" cannot be a rule set's name",
		 "use small letters, digits and \"-\""},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(syscalls)
{
	static const struct mistake t[] = {
		{V "syscalls: {}\n", 2, 1, "\"syscalls\" has no default and names no call",
		 "add \"deny: [...]\", or \"allow: [...]\""},
		{V "syscalls: {deny: ptracr}\n", 2, 18, "unknown system call \"ptracr\"",
		 "did you mean \"ptrace\"?"},
		{V "syscalls: {deny: sys_enter}\n", 2, 18, "unknown system call \"sys_enter\"",
		 "a call that is newer than this vkernel is given by its number"},
		{V "syscalls: {deny: ['@moduls']}\n", 2, 19,
		 "unknown group \"@moduls\" of system calls", "did you mean \"module\"?"},
		{V "syscalls: {deny: 462}\n", 2, 18, "system call 462 has a name",
		 "write \"mseal\""},
		{V "syscalls: {deny: 59}\n", 2, 18, "system call 59 has a name",
		 "below 424 a number means another call on every ABI: write the name"},
		{V "syscalls: {deny: 512}\n", 2, 18, "\"512\" is no number of a system call", NULL},
		{V "syscalls: {deny: []}\n", 2, 18, "the rule names no system call", NULL},
		{V "syscalls: {deny: {a: b}}\n", 2, 18, "the rule names no system call", NULL},
		{V "syscalls: {default: deni}\n", 2, 21, "unknown word \"deni\" for default",
		 "did you mean \"deny\"?"},
		{V "syscalls: {deny: acct, errno: EPREM}\n", 2, 31, "unknown error \"EPREM\"",
		 "did you mean \"EPERM\"?"},
		{V "syscalls: {deny: acct, errno: 4096}\n", 2, 31, "unknown error \"4096\"",
		 "errno(3) lists them; a number is from 1 to 4095"},
		{V "syscalls: {deny: acct, abis: [x86_64]}\n", 2, 31,
		 "unknown word \"x86_64\" for an ABI", "did you mean \"x86-64\"?"},
		{V "syscalls: {deny: acct, abis: []}\n", 2, 30, "the list names no ABI", NULL},
		{V "syscalls: {deny: acct, strict: yes}\n", 2, 32,
		 "unknown word \"yes\" for strict", "known here: false, true"},
		{V "syscalls: {rules: [{when: {arg0: 1}}]}\n", 2, 20,
		 "the rule has none of allow, deny, kill and audit",
		 "a rule looks like {deny: socket, when: {domain: AF_ALG}}"},
		{V "syscalls: {rules: [{deny: acct, kill: acct}]}\n", 2, 33,
		 "a rule has one of allow, deny, kill and audit; this one has \"deny\" and \"kill\"",
		 "write a rule for each"},
		{V "syscalls: {rules: [{kill: acct, errno: EPERM}]}\n", 2, 33,
		 "\"errno\" goes with \"deny\", not with \"kill\"", NULL},
		{V "syscalls: {rules: [{deny: acct, when: 5}]}\n", 2, 39, "\"when\" must be a map",
		 "write {when: {domain: AF_ALG}} or {when: {arg0: \"< 5\"}}"},
		{V "syscalls: {rules: [{deny: socket, when: {domian: 5}}]}\n", 2, 42,
		 "socket has no argument \"domian\"", "did you mean \"domain\"?"},
		{V "syscalls: {rules: [{deny: socket, when: {domain: AF_AGL}}]}\n", 2, 50,
		 "unknown value in \"AF_AGL\"", "did you mean \"AF_ALG\"?"},
		{V "syscalls: {rules: [{deny: socket, when: {domain: 0x100000026}}]}\n", 2, 50,
		 "the kernel looks at 32 bits of this argument, and the value has more", NULL},
		{V "syscalls: {rules: [{deny: read, when: {arg0: '& 6 == 8'}}]}\n", 2, 51,
		 "in the condition \"& 6 == 8\": the value has bits that the mask has not",
		 "write a value, or a comparison in quotes: \"== 5\", \"!= 5\", \"< 5\", \"<= 5\", "
		 "\"> 5\", \">= 5\", \"& 0xff == 5\""},
		{V "syscalls: {rules: [{deny: read, when: {arg0: '< '}}]}\n", 2, 49,
		 "in the condition \"< \": a value is missing",
		 "write a value, or a comparison in quotes: \"== 5\", \"!= 5\", \"< 5\", \"<= 5\", "
		 "\"> 5\", \">= 5\", \"& 0xff == 5\""},
		{V "syscalls: {rules: [{deny: read, when: {arg0: {eq: 5}}}]}\n", 2, 46,
		 "a condition must be a word, not a map",
		 "write 5, \"!= 5\", \"& 0xff == 5\", or a list of such"},
		{V "syscalls: {rules: [{deny: read, when: {arg0: []}}]}\n", 2, 46,
		 "\"arg0\" is an empty list", NULL},
		{V "syscalls: {rules: [{deny: socketcall, abi: x32}]}\n", 2, 27,
		 "there is no socketcall on the ABIs of this rule", NULL},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(files)
{
	static const struct mistake t[] = {
		{V "files: deny\n", 2, 8, "files must be a map",
		 "write \"key: value\" lines, or {key: value}"},
		{V "files: {}\n", 2, 1, "\"files\" has no default and allows nothing",
		 "add \"default: allow\", or \"default: deny\" if nothing shall be allowed"},
		{V "files: {foreign: deny}\n", 2, 1, "\"files\" has no default and allows nothing",
		 "add \"default: allow\", or \"default: deny\" if nothing shall be allowed"},
		{V "files: {default: audit}\n", 2, 18, "unknown word \"audit\" for default",
		 "known here: allow, deny"},
		{V "files: {default: allow, foreign: dney}\n", 2, 34,
		 "unknown word \"dney\" for foreign", "did you mean \"deny\"?"},
		{V "files: {rule: []}\n", 2, 9, "unknown key \"rule\" in files",
		 "did you mean \"rules\"?"},
		{V "files: {rules: [x]}\n", 2, 17, "a file rule must be a map",
		 "write \"key: value\" lines, or {key: value}"},
		{V "files: {rules: [{deny: [write]}]}\n", 2, 17, "the rule has no \"path\"",
		 "a rule looks like {deny: [write], path: /etc/**}"},
		{V "files: {rules: [{path: /x}]}\n", 2, 17,
		 "the rule has no \"allow, deny or audit\"",
		 "a rule looks like {deny: [write], path: /etc/**}"},
		{V "files: {rules: [{deny: read, allow: read, path: /x}]}\n", 2, 30,
		 "a rule has one of allow, deny and audit; this one has \"deny\" and \"allow\"",
		 "write a rule for each, with the same path"},
		{V "files: {rules: [{deny: [wirte], path: /x}]}\n", 2, 25,
		 "unknown word \"wirte\" for a right", "did you mean \"write\"?"},
		{V "files: {rules: [{deny: [umount], path: /x}]}\n", 2, 25,
		 "\"umount\" is not a right of file rules", "it belongs in \"mounts\""},
		{V "files: {rules: [{deny: unix-bind, path: /x}]}\n", 2, 24,
		 "\"unix-bind\" is not a right of file rules", "it belongs in \"network\""},
		{V "files: {rules: [{deny: [], path: /x}]}\n", 2, 24, "the rule names no right",
		 NULL},
		{V "files: {rules: [{deny: [[read]], path: /x}]}\n", 2, 25,
		 "a right must be a word, not a list", NULL},
		{V "files: {rules: [{deny: read, path: []}]}\n", 2, 36, "the rule names no path",
		 NULL},
		{V "files: {rules: [{deny: read, path: ''}]}\n", 2, 36, "a path is empty", NULL},
		{V "files: {rules: [{deny: read, path: '@x'}]}\n", 2, 37,
		 "in the pattern \"@x\": only a unix socket's name can begin with @",
		 "write the whole path, from \"/\" on"},
		{V "files:\n  rules:\n    - deny: read\n      path: /x\n      deny: write\n", 6, 7,
		 "duplicate key \"deny\"", "it is first given on line 4"},
	};

	CHECK_ALL(t, EINVAL);
}

/* Where a pattern is wrong; what is wrong with it is the business of test_glob. */
TEST(pattern_position)
{
	static const struct {
		const char *doc;
		unsigned int line, column;
	} t[] = {
		{V "exec: {allow: etc/x}\n", 2, 15},
		{V "exec: {allow: '**/x'}\n", 2, 16},
		{V "exec: {allow: [/a, /b//c]}\n", 2, 23},
		{V "exec:\n  allow:\n    - /a/../b\n", 4, 10},
		{V "exec:\n  allow:\n    - \"/a{b\"\n", 4, 10},
		{V "exec:\n  allow:\n    - \"/\xc3\xa4\xc3\xa4{b\"\n", 4, 11},
		{V "exec:\n  allow:\n    - /a[z-a]\n", 4, 10},
		/* An escape in quotes moves the columns: the beginning it is. */
		{V "exec:\n  allow:\n    - \"/\\x41{b\"\n", 4, 7},
		{V "network: {allow: [{bind: 'unix:/a{b'}]}\n", 2, 34},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct vk_policy *p = NULL;
		struct vk_error e = {0};

		CHECK_NEG(vk_policy_parse("t", t[i].doc, strlen(t[i].doc), NULL, NULL, &p, &e),
			  EINVAL);
		tap_diag("%u:%u: %s", e.line, e.column, e.message);
		CHECK(strstr(e.message, "in the pattern"));
		CHECK_EQ(e.line, t[i].line);
		CHECK_EQ(e.column, t[i].column);
	}
}

#define NET(item) V "network: {default: deny, allow: [" item "]}\n" /* the item is at column 34 */
#define PORTS "write tcp/80, tcp/8000-8100 or tcp/*"
#define ADDRESSES "write 192.0.2.1, 10.0.0.0/8, 2001:db8::/32 or any"

TEST(network)
{
	static const struct mistake t[] = {
		{NET("tcp/80"), 2, 34, "\"tcp/80\" says not what to do with it",
		 "write {bind: tcp/80}, {connect: tcp/80}, {socket: unix} or any"},
		{NET("{}"), 2, 34, "the item has none of bind, connect and socket",
		 "an item looks like {bind: tcp/80} or {socket: unix}"},
		{NET("{to: any}"), 2, 34, "the item has none of bind, connect and socket",
		 "an item looks like {bind: tcp/80} or {socket: unix}"},
		{NET("{bnid: tcp/80}"), 2, 35, "unknown key \"bnid\" in a network rule",
		 "did you mean \"bind\"?"},
		{NET("{bind: tcp/80, connect: tcp/80}"), 2, 49,
		 "an item has one of bind, connect and socket; this one has \"bind\" and "
		 "\"connect\"",
		 NULL},
		{NET("{bind: tcp/80, to: any}"), 2, 49,
		 "\"to\" goes with \"connect\", not with "
		 "\"bind\"",
		 NULL},
		{NET("{socket: unix, on: any}"), 2, 49,
		 "\"on\" goes with \"bind\", not with "
		 "\"socket\"",
		 NULL},
		{NET("{bind: 'unix:/x', on: any}"), 2, 52, "\"on\" does not go with unix sockets",
		 NULL},
		{NET("{bind: []}"), 2, 41, "\"bind\" is an empty list", NULL},
		{NET("{bind: tcp/80, on: []}"), 2, 53, "\"on\" is an empty list", NULL},
		{NET("{bind: tpc/80}"), 2, 41, "unknown protocol in \"tpc/80\"",
		 "did you mean \"tcp\"?"},
		{NET("{bind: /run/x.sock}"), 2, 41, "unknown protocol in \"/run/x.sock\"",
		 "for a unix socket write \"unix:/run/x.sock\""},
		{NET("{bind: 80}"), 2, 41, "unknown protocol in \"80\"",
		 "known here: tcp, udp, sctp, udplite, any"},
		{NET("{bind: tcp}"), 2, 41, "in \"tcp\": the port is missing", PORTS},
		{NET("{bind: tcp/http}"), 2, 45,
		 "in \"tcp/http\": a port is a number from 0 to 65535", PORTS},
		{NET("{bind: tcp/65536}"), 2, 45,
		 "in \"tcp/65536\": a port is a number from 0 to 65535", PORTS},
		{NET("{bind: tcp/080}"), 2, 45,
		 "in \"tcp/080\": a port is a number from 0 to 65535", PORTS},
		{NET("{bind: tcp/}"), 2, 45, "in \"tcp/\": a port is a number from 0 to 65535",
		 PORTS},
		{NET("{bind: tcp/80-}"), 2, 48,
		 "in \"tcp/80-\": a port is a number from 0 to 65535", PORTS},
		{NET("{bind: tcp/90-80}"), 2, 48,
		 "in \"tcp/90-80\": the range of ports is backwards", PORTS},
		{NET("{bind: tcp/80x}"), 2, 47, "in \"tcp/80x\": this does not belong to a port",
		 PORTS},
		{NET("{connect: tcp/1, to: 10.0.0.1/8}"), 2, 55,
		 "\"10.0.0.1/8\" has bits beyond its prefix", "did you mean \"10.0.0.0/8\"?"},
		{NET("{connect: tcp/1, to: '2001:db8::1/32'}"), 2, 55,
		 "\"2001:db8::1/32\" has bits beyond its prefix",
		 "did you mean \"2001:db8::/32\"?"},
		{NET("{connect: tcp/1, to: 10.0.0.0/33}"), 2, 64,
		 "in \"10.0.0.0/33\": a prefix is a number from 0 to 32", ADDRESSES},
		{NET("{connect: tcp/1, to: '::/129'}"), 2, 59,
		 "in \"::/129\": a prefix is a number from 0 to 128", ADDRESSES},
		{NET("{connect: tcp/1, to: 10.0.0}"), 2, 55, "in \"10.0.0\": this is no address",
		 ADDRESSES},
		{NET("{connect: tcp/1, to: example.org}"), 2, 55,
		 "in \"example.org\": this is no address", ADDRESSES},
		{NET("{connect: tcp/1, to: '::ffff:10.0.0.1'}"), 2, 56,
		 "in \"::ffff:10.0.0.1\": an IPv4 address must be written as such", ADDRESSES},
		{NET("{socket: inte}"), 2, 43, "unknown socket family in \"inte\"",
		 "did you mean \"inet\"?"},
		{NET("{socket: foobar}"), 2, 43, "unknown socket family in \"foobar\"",
		 "the families are listed in vkernel-policy(5)"},
		{NET("{socket: inet/steam}"), 2, 48, "unknown socket type in \"inet/steam\"",
		 "did you mean \"stream\"?"},
		{V "network: {deny: [{socket: alg}]}\n", 2, 1,
		 "\"network\" has no default and allows nothing",
		 "add \"default: allow\", or \"default: deny\" if nothing shall be allowed"},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(mounts_processes_capabilities)
{
	static const struct mistake t[] = {
		{V "mounts: {allow: [/mnt]}\n", 2, 18, "a mount rule must be a map",
		 "write \"key: value\" lines, or {key: value}"},
		{V "mounts: {allow: [{op: mount}]}\n", 2, 18, "the mount rule has no \"on\"",
		 "a mount rule looks like {op: [mount, umount], on: /mnt/**}"},
		{V "mounts: {allow: [{on: /mnt}]}\n", 2, 18, "the mount rule has no \"op\"",
		 "a mount rule looks like {op: [mount, umount], on: /mnt/**}"},
		{V "mounts: {allow: [{op: unmount, on: /mnt}]}\n", 2, 23,
		 "unknown word \"unmount\" for a mount operation", "did you mean \"umount\"?"},
		{V "mounts: {allow: [{op: read, on: /mnt}]}\n", 2, 23,
		 "unknown word \"read\" for a mount operation",
		 "known here: mount, bind, remount, move, umount, pivot, all"},
		{V "mounts: {allow: [{op: [], on: /mnt}]}\n", 2, 23,
		 "the mount rule names no operation", NULL},
		{V "mounts: {allow: [{op: all, on: []}]}\n", 2, 32, "the mount rule names no path",
		 NULL},
		{V "processes: {ptrace: deny}\n", 2, 21, "unknown word \"deny\" for ptrace",
		 "known here: none, own, all"},
		{V "processes: {signals: own}\n", 2, 13, "unknown key \"signals\" in processes",
		 "did you mean \"signal\"?"},
		{V "processes: {userns: none}\n", 2, 21, "unknown word \"none\" for userns",
		 "known here: allow, deny, audit"},
		{V "bpf: no\n", 2, 6, "unknown word \"no\" for bpf",
		 "known here: allow, deny, audit"},
		{V "perf: {}\n", 2, 7, "perf must be a word, not a map", NULL},
		{V "keys: dent\n", 2, 7, "unknown word \"dent\" for keys",
		 "did you mean \"deny\"?"},
		{V "capabilities: [CHOWM]\n", 2, 16, "unknown capability \"CHOWM\"",
		 "did you mean \"CHOWN\"?"},
		{V "capabilities: [cap_sys_admn]\n", 2, 16, "unknown capability \"cap_sys_admn\"",
		 "did you mean \"SYS_ADMIN\"?"},
		{V "capabilities: [CHOWN, all]\n", 2, 23,
		 "\"all\" cannot be in a list of capabilities", "write \"capabilities: all\""},
		{V "capabilities: quux\n", 2, 15, "unknown capability \"quux\"",
		 "capabilities(7) lists them"},
		{V "capabilities: {a: b}\n", 2, 15, "a capability must be a word, not a map", NULL},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(sets_that_do_not_exist)
{
	static const struct mistake t[] = {
		{V "use: container-defualt\n", 2, 6, "unknown rule set \"container-defualt\"",
		 "did you mean \"container-default\"?"},
		{V "use: [foo]\n", 2, 7, "unknown rule set \"foo\"",
		 "known here: container-default, dirty-frag, dirty-pipe, docker-default, foreign-mounts, "
		 "nf-tables, nginx, no-af-alg, no-d-bus, no-fs-context, no-io-uring, "
		 "no-userns, postgres, protect-kernel-files, "
		 "python, redis, release-agent, runtime-sockets, shocker"},
	};

	CHECK_ALL(t, ENOENT);
}

TEST(nesting_is_bounded)
{
	char doc[200] = V "files: ";

	memset(doc + strlen(doc), '[', 40);

	struct mistake t[] = {{doc, 2, 39, "nested more than 32 levels deep", NULL}};

	CHECK_ALL(t, EINVAL);
}

/* Words of the document are shown in messages, but cannot break them. */
TEST(messages_are_clean)
{
	struct mistake t[] = {
		{V "mode: \"a\\nb\\e\"\n", 2, 7, "unknown word \"a?b?\" for mode",
		 "known here: enforce, audit"},
		{V
		 "mode: "
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "\n",
		 2, 7,
		 "unknown word \""
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "...\" for mode",
		 "known here: enforce, audit"},
	};

	CHECK_ALL(t, EINVAL);
}

TEST(limits)
{
	size_t big = (4u << 20) + 1;
	char *doc = calloc(1, big + 1);
	struct vk_policy *p = NULL;
	struct vk_error e = {0};
	char *at = doc;

	ASSERT(doc);
	memset(doc, '#', big);
	CHECK_NEG(vk_policy_parse("t", doc, big, NULL, NULL, &p, &e), E2BIG);
	CHECK_STREQ(e.message, "the policy is larger than 4194304 bytes");

	at = stpcpy(at, V "exec:\n  allow:\n");
	for (int i = 0; i < 100000; i++)
		at = stpcpy(at, "  - /a\n");
	CHECK_EQ(vk_policy_parse("t", doc, at - doc, NULL, NULL, &p, &e), 0);
	ASSERT(p);
	CHECK_EQ(p->n_paths, 100000);
	vk_policy_free(p);
	p = NULL;
	at = stpcpy(at, "  - /a\n");
	memset(&e, 0, sizeof(e));
	CHECK_NEG(vk_policy_parse("t", doc, at - doc, NULL, NULL, &p, &e), E2BIG);
	CHECK_STREQ(e.message, "the policy has more than 100000 rules");
	CHECK_EQ(e.line, 100004);
	CHECK_EQ(e.column, 5);
	CHECK(!p);

	at = stpcpy(doc, V "use: [");
	for (int i = 0; i < 1100000; i++)
		at = stpcpy(at, "a, ");
	memset(&e, 0, sizeof(e));
	CHECK_NEG(vk_policy_parse("t", doc, at - doc, NULL, NULL, &p, &e), E2BIG);
	CHECK_STREQ(e.message, "the document has more than 1000000 parts");
	free(doc);
}
