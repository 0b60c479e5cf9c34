// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The compiler as a whole: precedence, layers and modes, what an image needs, that equal content
 * gives equal bytes, that the automaton is minimal, and that limits are errors that name a rule.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "compile.h"
#include "parse.h"
#include "tap.h"

#define HEAD "vkernel: 1\nname: t\n"

static struct vk_policy *parse(const char *text)
{
	struct vk_policy *p = NULL;
	struct vk_error e = {0};

	if (vk_policy_parse("t.yaml", text, strlen(text), NULL, NULL, &p, &e) < 0)
		tap_diag("%s:%u:%u: %s", e.file, e.line, e.column, e.message);
	return p;
}

/* Compiles documents as the layers of one instance; the list ends with NULL. */
static struct vk_image *compile(const char *text, ...)
{
	struct vk_policy *layers[VK_MAX_LAYERS];
	struct vk_image *img = NULL;
	struct vk_error e = {0};
	size_t n = 0;
	va_list ap;

	va_start(ap, text);
	for (; text; text = va_arg(ap, const char *)) {
		layers[n] = parse(text);
		if (!layers[n++])
			tap_abort();
	}
	va_end(ap);
	if (vk_compile((const struct vk_policy *const *)layers, n, &img, &e) < 0)
		tap_diag("%s:%u:%u: %s", e.file, e.line, e.column, e.message);
	while (n)
		vk_policy_free(layers[--n]);
	ASSERT(img && vk_image_validate(img, img->size) == 0);
	return img;
}

static bool same_image(const struct vk_image *a, const struct vk_image *b)
{
	return a->size == b->size && memcmp(a, b, a->size) == 0;
}

static uint32_t allow(const struct vk_image *img, const char *name)
{
	return vk_image_match(img, name).allow;
}

TEST(empty_policy_allows_all_and_needs_nothing)
{
	_cleanup_free_ struct vk_image *img = compile(HEAD, NULL);

	CHECK_EQ(allow(img, "/x"), VK_R_ALL);
	CHECK_EQ(vk_image_match(img, "/x").foreign, VK_R_ALL);
	CHECK_EQ(vk_image_match(img, "/x").audit, 0);
	CHECK_EQ(img->needs, 0);
	CHECK_EQ(img->anon_allow, VK_R_ALL);
	CHECK_EQ(img->size, VK_IMAGE_HEADER + VK_ROW_UNIT);
	CHECK_EQ(vk_image_capable(img, 21), VK_ALLOWED);
	CHECK_EQ(vk_image_socket(img, AF_INET, SOCK_STREAM, 0), VK_ALLOWED);
}

TEST(deny_beats_allow_beats_default_in_any_order)
{
	_cleanup_free_ struct vk_image *a =
		compile(HEAD "files: {default: deny, rules: [{deny: [read], path: /a/b}, "
			     "{allow: [read], path: /a/**}]}\n",
			NULL);
	_cleanup_free_ struct vk_image *b =
		compile(HEAD "files: {default: deny, rules: [{allow: [read], path: /a/**}, "
			     "{deny: [read], path: /a/b}]}\n",
			NULL);

	CHECK(!(allow(a, "/a/b") & VK_R_READ));
	CHECK(allow(a, "/a/c") & VK_R_READ);
	CHECK(!(allow(a, "/b") & VK_R_READ));
	CHECK(same_image(a, b));
}

TEST(equal_languages_give_equal_bytes)
{
	_cleanup_free_ struct vk_image *a = compile(
		HEAD "files: {default: allow, rules: [{deny: [read], path: \"/{a,b}/[x-z]*\"}]}\n",
		NULL);
	_cleanup_free_ struct vk_image *b =
		compile(HEAD "# another text\nfiles: {default: allow, rules: [\n"
			     "{deny: [read], path: [/b/z*, /a/x*, /b/y*]},\n"
			     "{deny: [read], path: [/a/z*, \"/a/y{,*}\", /b/x*, /a/xylophone]}]}\n",
			NULL);

	CHECK(same_image(a, b));
}

TEST(rules_without_effect_leave_no_trace)
{
	_cleanup_free_ struct vk_image *a = compile(HEAD "files: {default: allow}\n", NULL);
	_cleanup_free_ struct vk_image *b = compile(
		HEAD "files: {default: allow, rules: [{allow: [read], path: /some/where}]}\n",
		NULL);
	_cleanup_free_ struct vk_image *c = compile(
		HEAD "files: {default: allow, rules: [{deny: [read], path: /a/**}]}\n", NULL);
	_cleanup_free_ struct vk_image *d =
		compile(HEAD "files: {default: allow, rules: [{deny: [read], path: "
			     "[/a/**, /a/b/c, \"/a/**/d*\", \"/a/{x,y}/?\"]}]}\n",
			NULL);

	CHECK(same_image(a, b));
	CHECK(same_image(c, d));
}

TEST(layers_are_a_conjunction)
{
	_cleanup_free_ struct vk_image *img = compile(
		HEAD "files: {default: deny, rules: [{allow: [read], path: /a/**}]}\n",
		HEAD "files: {default: allow, rules: [{deny: [read], path: /a/x}]}\n", NULL);

	CHECK(allow(img, "/a/y") & VK_R_READ);
	CHECK(!(allow(img, "/a/x") & VK_R_READ));
	CHECK(!(allow(img, "/b") & VK_R_READ));
	_cleanup_free_ struct vk_image *swapped = compile(
		HEAD "files: {default: allow, rules: [{deny: [read], path: /a/x}]}\n",
		HEAD "files: {default: deny, rules: [{allow: [read], path: /a/**}]}\n", NULL);

	CHECK(same_image(img, swapped));
}

TEST(audit_layer_reports_and_lets_through)
{
	_cleanup_free_ struct vk_image *img = compile(
		HEAD "mode: audit\nfiles: {default: allow, rules: [{deny: [read], path: /a}]}\n"
		     "capabilities: [CHOWN]\nkeys: deny\nprocesses: {ptrace: none}\n"
		     "network: {default: deny}\n",
		NULL);
	struct vk_verdict v = vk_image_match(img, "/a");
	uint32_t addr = htonl(INADDR_LOOPBACK);

	CHECK(v.allow & VK_R_READ);
	CHECK_EQ(v.audit & VK_R_FILES_ALL, VK_R_READ);
	CHECK_EQ(vk_image_match(img, "/b").audit & VK_R_FILES_ALL, 0);
	CHECK_EQ(vk_image_capable(img, 0), VK_ALLOWED);
	CHECK_EQ(vk_image_capable(img, 1), VK_AUDITED);
	CHECK_EQ(img->sw_allow, VK_SW_ALL);
	CHECK_EQ(img->sw_audit, VK_SW_KEYS);
	CHECK_EQ(img->ptrace_scope, VK_SCOPE_ALL);
	CHECK_EQ(img->ptrace_audit, VK_SCOPE_NONE);
	CHECK_EQ(vk_image_socket(img, AF_INET, SOCK_STREAM, 0), VK_AUDITED);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, IPPROTO_TCP, AF_INET, &addr, 80), VK_AUDITED);
}

TEST(foreign_ignores_allow_rules)
{
	_cleanup_free_ struct vk_image *img =
		compile(HEAD "files: {default: deny, rules: [{allow: [read], path: /a}]}\n", NULL);
	_cleanup_free_ struct vk_image *all =
		compile(HEAD "files: {default: allow, foreign: deny}\n", NULL);
	_cleanup_free_ struct vk_image *audit =
		compile(HEAD "mode: audit\nfiles: {default: allow, foreign: deny}\n", NULL);

	CHECK(allow(img, "/a") & VK_R_READ);
	CHECK(!(vk_image_match(img, "/a").foreign & VK_R_READ));
	CHECK_EQ(allow(all, "/a"), VK_R_ALL);
	CHECK_EQ(vk_image_match(all, "/a").foreign & (VK_R_FILES_ALL | VK_R_EXEC), 0);
	CHECK_EQ(vk_image_match(audit, "/a").audit, 0);
	CHECK_EQ(vk_image_match(audit, "/a").foreign, VK_R_ALL);
	CHECK_EQ(vk_image_match(audit, "/a").foreign_audit, VK_R_FILES_ALL | VK_R_EXEC);
}

TEST(exec_section_governs_exec)
{
	_cleanup_free_ struct vk_image *files = compile(HEAD "files: {default: deny}\n", NULL);
	_cleanup_free_ struct vk_image *both =
		compile(HEAD "files: {default: deny}\nexec: {default: allow}\n", NULL);

	CHECK(!(allow(files, "/a") & VK_R_EXEC));
	CHECK(allow(both, "/a") & VK_R_EXEC);
	CHECK(!(allow(both, "/a") & VK_R_MMAP_EXEC));
	CHECK_EQ(files->anon_allow, VK_R_ALL & ~(VK_R_EXEC | VK_R_MMAP_EXEC));
	CHECK_EQ(both->anon_allow, VK_R_ALL & ~VK_R_MMAP_EXEC);
}

TEST(root_is_the_state_before_the_first_byte)
{
	_cleanup_free_ struct vk_image *img =
		compile(HEAD "files: {default: allow, rules: [{deny: [read], path: /}]}\n", NULL);

	CHECK(!(allow(img, "") & VK_R_READ));
	CHECK(!(allow(img, "/") & VK_R_READ));
	CHECK(allow(img, "/a") & VK_R_READ);
}

static bool same_future(const struct vk_image *img, const char *a, const char *b)
{
	return vk_image_same_future(img, vk_image_state(img, a), vk_image_state(img, b));
}

TEST(directories_of_equal_future)
{
	_cleanup_free_ struct vk_image *img =
		compile(HEAD "files: {default: allow, rules: [{deny: [read], path: "
			     "[/a/key, /b/key, /c/*/key, /d/**]}]}\n",
			NULL);

	CHECK_EQ(vk_image_state(img, "/a"), vk_image_state(img, "/b"));
	CHECK(!same_future(img, "/a", "/c"));
	CHECK(!same_future(img, "/a", "/d"));
	CHECK(!same_future(img, "/a", "/e"));
	/* "/c/xx" has a key, "/ax" has none: another state, yet the same below it. */
	CHECK_NE(vk_image_state(img, "/a"), vk_image_state(img, "/c/x"));
	CHECK(same_future(img, "/a", "/c/x"));
	/* Below "/d" all is alike, "/d" itself is not. */
	CHECK(!same_future(img, "/d", "/d/x"));
	CHECK_EQ(vk_image_state(img, "/d/x"), vk_image_state(img, "/d/x/y"));
	CHECK_EQ(vk_image_state(img, "/e"), vk_image_state(img, "/f/g"));
}

static const struct {
	const char *text;
	uint32_t needs;
} needs[] = {
	{"files: {default: allow, rules: [{audit: [ioctl], path: /**}]}",
	 VK_NEED_IOCTL | VK_NEED_MODIFY},
	{"files: {default: allow, rules: [{deny: [truncate], path: /a}]}",
	 VK_NEED_TRUNCATE | VK_NEED_MODIFY},
	{"files: {default: allow, rules: [{deny: [chown], path: /a}]}",
	 VK_NEED_CHMOD | VK_NEED_MODIFY},
	{"exec: {default: deny}", VK_NEED_EXEC},
	{"mounts: {default: deny}", VK_NEED_MOUNT},
	{"capabilities: [CHOWN]", VK_NEED_CAPABLE},
	{"capabilities: all", 0},
	{"network: {default: deny}", VK_NEED_SOCKET | VK_NEED_INET | VK_NEED_UNIX | VK_NEED_ACCEPT},
	{"network: {default: allow, deny: [{socket: alg}]}", VK_NEED_SOCKET},
	{"network: {default: allow, deny: [{bind: tcp/80}]}", VK_NEED_INET | VK_NEED_ACCEPT},
	{"network: {default: allow, audit: [{bind: \"unix:@a\"}]}",
	 VK_NEED_UNIX | VK_NEED_ACCEPT | VK_NEED_MODIFY},
	{"network: {default: allow, deny: [{connect: tcp/80}]}", VK_NEED_INET},
	{"network: {default: allow, audit: [{connect: \"unix:/a\"}]}",
	 VK_NEED_UNIX | VK_NEED_MODIFY},
	{"processes: {ptrace: own}", VK_NEED_PTRACE},
	{"processes: {signal: none}", VK_NEED_SIGNAL},
	{"processes: {signal: all}", 0},
	{"processes: {userns: deny}", VK_NEED_USERNS},
	{"bpf: deny", VK_NEED_BPF},
	{"perf: audit", VK_NEED_PERF},
	{"modules: deny", VK_NEED_MODULES},
	{"keys: deny", VK_NEED_KEYS},
	{"io_uring: deny", VK_NEED_IO_URING},
	{"io_uring: allow", 0},
	{"xattrs: deny", VK_NEED_XATTRS},
	{"xattrs: audit", VK_NEED_XATTRS},
};

TEST(needs_are_exact)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s\n", needs[i].text);
		_cleanup_free_ struct vk_image *img = compile(text, NULL);

		if (!CHECK_EQ(img->needs, needs[i].needs))
			tap_diag("%s", needs[i].text);
	}
}

TEST(append_only_needs_mmap)
{
	struct vk_path_rule rule = {
		.action = VK_ACTION_DENY, .rights = VK_R_WRITE, .glob = strdup("/log")};
	struct vk_policy p = {.paths = &rule, .n_paths = 1};
	const struct vk_policy *layers[] = {&p};
	_cleanup_free_ struct vk_image *img = NULL;

	ASSERT(vk_compile(layers, 1, &img, NULL) == 0);
	CHECK_EQ(img->needs, VK_NEED_OPEN | VK_NEED_MMAP | VK_NEED_APPEND | VK_NEED_MODIFY);
	free(rule.glob);
}

TEST(inet_rules)
{
	_cleanup_free_ struct vk_image *img =
		compile(HEAD "network: {default: deny, allow: [{connect: tcp/443, to: 10.0.0.0/9}, "
			     "{bind: udp/5000-5010}], deny: [{connect: any, to: 10.1.0.0/16}], "
			     "audit: [{connect: tcp/443, to: 10.2.0.0/16}]}\n",
			NULL);
	static const struct {
		uint8_t op, proto;
		const char *addr;
		uint16_t port;
		enum vk_outcome want;
	} rows[] = {
		{VK_NET_CONNECT, IPPROTO_TCP, "10.0.0.1", 443, VK_ALLOWED},
		{VK_NET_CONNECT, IPPROTO_TCP, "10.127.255.255", 443, VK_ALLOWED},
		{VK_NET_CONNECT, IPPROTO_TCP, "10.128.0.0", 443, VK_DENIED},
		{VK_NET_CONNECT, IPPROTO_TCP, "10.0.0.1", 444, VK_DENIED},
		{VK_NET_CONNECT, IPPROTO_UDP, "10.0.0.1", 443, VK_DENIED},
		{VK_NET_BIND, IPPROTO_TCP, "10.0.0.1", 443, VK_DENIED},
		{VK_NET_CONNECT, IPPROTO_TCP, "10.1.2.3", 443, VK_DENIED},
		{VK_NET_CONNECT, IPPROTO_TCP, "10.2.0.1", 443, VK_AUDITED},
		{VK_NET_CONNECT, IPPROTO_TCP, "::ffff:10.0.0.1", 443, VK_ALLOWED},
		{VK_NET_CONNECT, IPPROTO_TCP, "::ffff:10.1.0.1", 443, VK_DENIED},
		{VK_NET_CONNECT, IPPROTO_TCP, "::1", 443, VK_DENIED},
		{VK_NET_BIND, IPPROTO_UDP, "::", 5000, VK_ALLOWED},
		{VK_NET_BIND, IPPROTO_UDP, "0.0.0.0", 5010, VK_ALLOWED},
		{VK_NET_BIND, IPPROTO_UDP, "0.0.0.0", 5011, VK_DENIED},
		{VK_NET_BIND, IPPROTO_UDP, "0.0.0.0", 0, VK_DENIED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int family = strchr(rows[i].addr, ':') ? AF_INET6 : AF_INET;
		uint8_t addr[16];

		ASSERT(inet_pton(family, rows[i].addr, addr) == 1);
		if (!CHECK_EQ(vk_image_inet(img, rows[i].op, rows[i].proto, (uint16_t)family, addr,
					    rows[i].port),
			      rows[i].want))
			tap_diag("row %zu: %s", i, rows[i].addr);
	}
}

static uint32_t scramble(size_t i)
{
	uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)((x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
}

/* A model of @n deny rules; in @format, "#" stands for a number and "%" for digits of no order. */
static int compile_many(size_t n, const char *format, bool by_right, struct vk_image **ret,
			struct vk_error *e)
{
	_cleanup_policy_ struct vk_policy *p = calloc(1, sizeof(*p));

	ASSERT(p);
	p->file = strdup("many.yaml");
	p->paths = calloc(n, sizeof(*p->paths));
	p->n_paths = n;
	ASSERT(p->file && p->paths);
	for (size_t i = 0; i < n; i++) {
		char glob[256] = "";

		for (const char *f = format; *f; f++) {
			size_t len = strlen(glob);

			if (*f == '#')
				snprintf(glob + len, sizeof(glob) - len, "%zu", i);
			else if (*f == '%')
				snprintf(glob + len, sizeof(glob) - len, "%08x", scramble(i));
			else
				snprintf(glob + len, sizeof(glob) - len, "%c", *f);
		}
		p->paths[i] = (struct vk_path_rule){
			.action = VK_ACTION_DENY,
			.rights = by_right ? (uint32_t)i + 1 : VK_R_READ,
			.glob = strdup(glob),
			.pos = {(uint32_t)i + 1, 7},
		};
	}
	const struct vk_policy *layers[] = {p};

	return vk_compile(layers, 1, ret, e);
}

TEST(explosion_is_an_error_that_names_rules, .timeout = 60)
{
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	/* Which of 25 directories were passed: 2^25 sets. */
	CHECK_NEG(compile_many(25, "/**/d#/**/x#", false, &img, &e), E2BIG);
	CHECK_EQ(e.code, E2BIG);
	CHECK_STREQ(e.file, "many.yaml");
	CHECK_GT(e.line, 0);
	CHECK_EQ(e.column, 7);
	if (!CHECK(strstr(e.message, "too many states") && strstr(e.message, "/**/d")))
		tap_diag("%s", e.message);
	CHECK(!img);
}

TEST(doubling_by_one_pattern_is_an_error, .timeout = 60)
{
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	/* Whether an "a" was at each of the last 24 places: no automaton is smaller. */
	CHECK_NEG(compile_many(1, "/*a????????????????????????", false, &img, &e), E2BIG);
	CHECK_EQ(e.line, 1);
	CHECK(strstr(e.message, "too many states"));
	CHECK(!img);
}

/* From text to tables, a tenth of the rules with wildcards: its limit of time is what is promised. */
TEST(ten_thousand_rules_take_less_than_five_seconds, .timeout = 5)
{
	_cleanup_free_ struct vk_image *img = NULL;
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ASSERT(f);
	fputs(HEAD "files:\n  default: allow\n  rules:\n", f);
	for (size_t i = 0; i < 10000; i++) {
		fprintf(f, "  - deny: [%s]\n    path: /srv/%08x/", i % 2 ? "read" : "write",
			scramble(i));
		fputs(i % 10	      ? "data/file\n" :
		      i / 10 % 3 == 0 ? "**\n" :
		      i / 10 % 3 == 1 ? "*.conf\n" :
					"{a,b}/v[0-9]/*\n",
		      f);
	}
	fclose(f);
	img = compile(text, NULL);
	for (size_t i = 0; i < 60; i++) {
		static const char *const names[] = {"x/y", "x.conf", "b/v7/z"};
		char name[64];

		snprintf(name, sizeof(name), "/srv/%08x/%s", scramble(i),
			 i % 10 ? "data/file" : names[i / 10 % 3]);
		CHECK_EQ(allow(img, name) & (VK_R_READ | VK_R_WRITE),
			 i % 2 ? VK_R_WRITE : VK_R_READ);
		CHECK_EQ(allow(img, "/srv/other"), VK_R_ALL);
	}
}

TEST(overlapping_directories_do_not_multiply)
{
	_cleanup_free_ struct vk_image *img = NULL;

	/* The same right: once settled, nothing more can change. */
	ASSERT(compile_many(300, "/**/d#/**", false, &img, NULL) == 0);
	CHECK_LT(img->size, 100000);
	CHECK(!(allow(img, "/x/d299/y") & VK_R_READ));
	CHECK(allow(img, "/x/d300/y") & VK_R_READ);
}

TEST(too_large_an_automaton_is_an_error, .timeout = 60)
{
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	CHECK_NEG(compile_many(40000, "/data/%/some-file", false, &img, &e), E2BIG);
	if (!CHECK(strstr(e.message, "the limit is 2048 KiB")))
		tap_diag("%s", e.message);
	CHECK(!img);
}

TEST(large_automata_walk_right)
{
	_cleanup_free_ struct vk_image *img = NULL;
	size_t hits = 0, stray = 0;

	ASSERT(compile_many(15000, "/data/%/some-file", false, &img, NULL) == 0);
	ASSERT(vk_image_validate(img, img->size) == 0);
	CHECK_GT(img->max_entry, 0x8000);
	for (size_t i = 0; i < 15000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/data/%08x/some-file", scramble(i));
		hits += !(allow(img, name) & VK_R_READ);
		name[6 + i % 8] = 'g';
		stray += !(allow(img, name) & VK_R_READ);
	}
	CHECK_EQ(hits, 15000);
	CHECK_EQ(stray, 0);
}

TEST(too_many_verdicts_is_an_error)
{
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	CHECK_EQ(compile_many(VK_VERDICTS - 1, "/f#", true, &img, NULL), 0);
	free(vk_take_ptr(img));
	CHECK_NEG(compile_many(VK_VERDICTS, "/f#", true, &img, &e), E2BIG);
	CHECK(strstr(e.message, "480"));
}

TEST(too_many_net_rules_is_an_error)
{
	char text[16384] = HEAD "network:\n  default: allow\n  deny:\n";
	_cleanup_policy_ struct vk_policy *p = NULL;
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	for (int i = 0; i <= VK_NET_RULES; i++)
		sprintf(text + strlen(text), "    - {bind: tcp/%d}\n", i + 1);
	p = parse(text);
	ASSERT(p);
	const struct vk_policy *layers[] = {p};

	CHECK_NEG(vk_compile(layers, 1, &img, &e), E2BIG);
	CHECK_EQ(e.line, 5 + VK_NET_RULES + 1);
	CHECK(strstr(e.message, "128"));
}

TEST(number_of_layers)
{
	_cleanup_policy_ struct vk_policy *p = parse(HEAD);
	const struct vk_policy *layers[VK_MAX_LAYERS + 1];
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	for (size_t i = 0; i <= VK_MAX_LAYERS; i++)
		layers[i] = p;
	CHECK_NEG(vk_compile(layers, 0, &img, &e), EINVAL);
	CHECK_NEG(vk_compile(layers, VK_MAX_LAYERS + 1, &img, NULL), EINVAL);
	CHECK_EQ(vk_compile(layers, VK_MAX_LAYERS, &img, NULL), 0);
	free(img);
}

TEST(malformed_glob_is_an_error_with_position)
{
	struct vk_path_rule rule = {.action = VK_ACTION_DENY,
				    .rights = VK_R_READ,
				    .glob = strdup("/a/[b"),
				    .pos = {3, 10}};
	struct vk_policy p = {.paths = &rule, .n_paths = 1};
	const struct vk_policy *layers[] = {&p};
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	CHECK_NEG(vk_compile(layers, 1, &img, &e), EINVAL);
	CHECK_EQ(e.line, 3);
	CHECK_EQ(e.column, 13);
	free(rule.glob);
}

/* Every pair of states must differ in its verdict or, some steps on, in one. */
static size_t count_equivalent(const struct vk_image *img)
{
	size_t units = img->stride / VK_ROW_UNIT, n = img->max_entry / units + 1, pairs = 0;
	const char *rows = (const char *)img + VK_IMAGE_HEADER;
	_cleanup_free_ bool *differ = calloc(n * n, 1);
	bool changed = true;

#define ROW(s) ((const uint16_t *)(rows + (s)*img->stride))
	ASSERT(differ);
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			differ[a * n + b] = ROW(a)[0] != ROW(b)[0];
	while (changed) {
		changed = false;
		for (size_t i = 0; i < n * n; i++) {
			const uint16_t *a = ROW(i / n), *b = ROW(i % n);

			for (size_t c = 1; c <= img->classes && !differ[i]; c++) {
				differ[i] = differ[a[c] / units * n + b[c] / units];
				changed |= differ[i];
			}
		}
	}
#undef ROW
	for (size_t i = 0; i < n * n; i++)
		pairs += i / n < i % n && !differ[i];
	return pairs;
}

TEST(automata_are_minimal, .timeout = 60)
{
	static const char *const texts[] = {
		HEAD "files: {default: allow, rules: [{deny: [read], path: [/a/**/b, /a/*/c, "
		     "\"/**/*.key\", /x/y/z, /x/q/z]}, {deny: [write], path: [\"/a/**\", "
		     "\"/*/x?z\"]}]}\n",
		HEAD "files: {default: deny, rules: [{allow: [read], path: [\"/usr/**\", "
		     "\"/lib{,32,64}/**\", \"/etc/[a-m]*/?onf\"]}, {audit: [read], path: "
		     "\"/usr/**/secret\"}]}\nexec: {default: deny, allow: [/usr/bin/*]}\n",
	};

	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ struct vk_image *img = compile(texts[i], NULL);

		CHECK_EQ(count_equivalent(img), 0);
	}
	for (size_t i = 0; i < vk_n_builtins; i++) {
		char text[128];

		snprintf(text, sizeof(text), HEAD "use: [%s]\n", vk_builtins[i].name);
		_cleanup_free_ struct vk_image *img = compile(text, NULL);

		if (!CHECK_EQ(count_equivalent(img), 0))
			tap_diag("%s", vk_builtins[i].name);
	}
}

TEST(twice_the_same_bytes)
{
	for (size_t i = 0; i < vk_n_builtins; i++) {
		char text[128];

		snprintf(text, sizeof(text), HEAD "use: [%s]\n", vk_builtins[i].name);
		_cleanup_free_ struct vk_image *a = compile(text, NULL);
		_cleanup_free_ struct vk_image *b = compile(text, NULL);
		_cleanup_free_ struct vk_image *twice = compile(text, text, NULL);

		CHECK(same_image(a, b));
		CHECK(same_image(a, twice));
	}
}

/* No state may be taken for settled, or final, that is not. */
TEST(settled_states_come_last)
{
	_cleanup_free_ struct vk_image *img = compile(
		HEAD "files: {default: allow, rules: [{deny: [read], path: \"/a/*/b\"}]}\n", NULL);
	size_t size = img->size, final = 0;
	uint16_t units = img->stride / VK_ROW_UNIT, settled = img->settled;

	CHECK_EQ(vk_image_validate(img, size), 0);
	CHECK_LT(vk_image_state(img, "/a/"), settled);
	CHECK_GE(vk_image_state(img, "/a/x"), settled);
	CHECK_LT(vk_image_state(img, "/a/x/"), settled);
	CHECK_GE(vk_image_state(img, "/a/x/bb"), settled);
	CHECK_EQ(vk_image_match(img, "/a/x/b").allow & VK_R_READ, 0);
	CHECK(vk_image_match(img, "/a/x/bb").allow & VK_R_READ);
	CHECK(vk_image_match(img, "/a/x/b/b").allow & VK_R_READ);
	for (uint32_t e = 0; e <= img->max_entry; e += units) {
		uint16_t *row = (uint16_t *)((char *)img + VK_IMAGE_HEADER + e * VK_ROW_UNIT);
		bool is_final = row[0] & VK_ROW_FINAL;

		final += is_final;
		if (e < settled || !is_final) {
			row[0] |= VK_ROW_FINAL;
			CHECK_NEG(vk_image_validate(img, size), EINVAL);
			row[0] ^= VK_ROW_FINAL;
		}
		img->settled = (uint16_t)e;
		if (e < settled)
			CHECK_NEG(vk_image_validate(img, size), EINVAL);
		img->settled = settled;
	}
	CHECK_GT(final, 0);
	CHECK_EQ(vk_image_validate(img, size), 0);
}

/* Every byte of an image turned: rejected, or safe to walk (under the sanitizers). */
TEST(validate_protects_the_walk, .timeout = 60)
{
	_cleanup_free_ struct vk_image *img = compile(
		HEAD "files: {default: allow, rules: [{deny: [read], path: \"/a/**/b\"}]}\n", NULL);
	_cleanup_free_ struct vk_image *copy = malloc(img->size);
	size_t rejected = 0, size = img->size;

	ASSERT(copy);
	for (size_t i = 0; i < size; i++) {
		for (unsigned int turn = 1; turn < 256; turn = turn * 4 + 1) {
			memcpy(copy, img, size);
			((uint8_t *)copy)[i] ^= (uint8_t)turn;
			if (vk_image_validate(copy, size) < 0)
				rejected++;
			else
				vk_image_match(copy, "/a/x\xff/b");
		}
	}
	CHECK_GT(rejected, 0);
	for (size_t len = 0; len < size; len += len < VK_IMAGE_HEADER - 1 ? 1021 : 1)
		CHECK_NEG(vk_image_validate(img, len), EINVAL);
	CHECK_EQ(vk_image_validate(img, size), 0);
}
