// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Explanations: the text and the position of the deciding rule, and that on random policies the
 * models (by the reference matcher) and the image give the same verdict for every right.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "compile.h"
#include "glob.h"
#include "parse.h"
#include "tap.h"

static struct vk_policy *parse(const char *text)
{
	struct vk_policy *p = NULL;
	struct vk_error e = {0};

	if (vk_policy_parse("t.yaml", text, strlen(text), NULL, NULL, &p, &e) < 0)
		tap_diag("%s:%u:%u: %s", e.file, e.line, e.column, e.message);
	ASSERT(p);
	return p;
}

static const char *const text = "vkernel: 1\n"
				"name: t\n"
				"files:\n"
				"  default: allow\n"
				"  foreign: deny\n"
				"  rules:\n"
				"    - deny: [write]\n"
				"      path: [/opt/x, /etc/**]\n"
				"    - audit: [read]\n"
				"      path: /etc/shadow\n"
				"    - allow: [read]\n"
				"      path: /srv/*\n"
				"exec: {default: deny, allow: [/usr/bin/*]}\n"
				"network:\n"
				"  default: deny\n"
				"  allow: [{connect: tcp/443, to: 10.0.0.0/8}]\n"
				"  deny: [{connect: udp/53}, {socket: alg}]\n"
				"mounts: {default: deny}\n"
				"capabilities: [CHOWN]\n"
				"processes: {ptrace: own}\n"
				"bpf: deny\n"
				"keys: audit\n";

static void check_reason(const struct vk_reason *r, enum vk_outcome outcome, uint32_t line,
			 uint32_t column, const char *want)
{
	CHECK(r->policy);
	CHECK_EQ(r->outcome, outcome);
	CHECK_EQ(r->layer, 0);
	CHECK_EQ(r->pos.line, line);
	CHECK_EQ(r->pos.column, column);
	CHECK_STREQ(r->text, want);
}

TEST(path_reasons)
{
	_cleanup_policy_ struct vk_policy *p = parse(text);
	const struct vk_policy *layers[] = {p};
	struct vk_reason r;

	vk_explain_path(layers, 1, "/etc/passwd", VK_R_WRITE, false, &r);
	check_reason(&r, VK_DENIED, 8, 22, "deny [write] /etc/**");
	vk_explain_path(layers, 1, "/etc/shadow", VK_R_READ, false, &r);
	check_reason(&r, VK_AUDITED, 10, 13, "audit [read] /etc/shadow");
	vk_explain_path(layers, 1, "/srv/x", VK_R_READ, false, &r);
	check_reason(&r, VK_ALLOWED, 12, 13, "allow [read] /srv/*");
	vk_explain_path(layers, 1, "/bin/sh", VK_R_EXEC, false, &r);
	check_reason(&r, VK_DENIED, 13, 17, "default of exec: deny");
	vk_explain_path(layers, 1, "/usr/bin/sh", VK_R_EXEC, false, &r);
	check_reason(&r, VK_ALLOWED, 13, 31, "allow [exec, mmap-exec] /usr/bin/*");
	vk_explain_path(layers, 1, "/usr/bin/sh", VK_R_READ, true, &r);
	check_reason(&r, VK_DENIED, 5, 12, "files: {foreign: deny}");
	vk_explain_path(layers, 1, "/mnt", VK_R_MOUNT, false, &r);
	check_reason(&r, VK_DENIED, 18, 19, "default of mounts: deny");
	vk_explain_path(layers, 1, "/x", VK_R_UNIX_CONNECT, false, &r);
	check_reason(&r, VK_DENIED, 15, 12, "default of network: deny");
	vk_explain_path(layers, 1, "/x", VK_R_READ, false, &r);
	CHECK(!r.policy);
	CHECK_EQ(r.outcome, VK_ALLOWED);
}

TEST(other_reasons)
{
	_cleanup_policy_ struct vk_policy *p = parse(text);
	const struct vk_policy *layers[] = {p};
	uint32_t ten = htonl(0x0a000001), other = htonl(0x0b000001);
	struct vk_reason r;

	vk_explain_inet(layers, 1, VK_NET_CONNECT, IPPROTO_TCP, AF_INET, &ten, 443, &r);
	check_reason(&r, VK_ALLOWED, 16, 21, "allow {connect: tcp/443} 10.0.0.0/8");
	vk_explain_inet(layers, 1, VK_NET_CONNECT, IPPROTO_TCP, AF_INET, &other, 443, &r);
	check_reason(&r, VK_DENIED, 15, 12, "default of network: deny");
	vk_explain_inet(layers, 1, VK_NET_CONNECT, IPPROTO_UDP, AF_INET, &ten, 53, &r);
	check_reason(&r, VK_DENIED, 17, 20, "deny {connect: udp/53}");
	vk_explain_socket(layers, 1, AF_ALG, SOCK_SEQPACKET, 0, &r);
	check_reason(&r, VK_DENIED, 17, 38, "deny {socket: alg}");
	vk_explain_capability(layers, 1, 0, &r);
	check_reason(&r, VK_ALLOWED, 19, 1, "capabilities: CHOWN is in the list");
	vk_explain_capability(layers, 1, 21, &r);
	check_reason(&r, VK_DENIED, 19, 1, "capabilities: SYS_ADMIN is not in the list");
	vk_explain_scope(layers, 1, true, VK_SCOPE_ALL, &r);
	check_reason(&r, VK_DENIED, 20, 21, "processes: {ptrace: own}");
	vk_explain_scope(layers, 1, false, VK_SCOPE_ALL, &r);
	CHECK(!r.policy);
	vk_explain_switch(layers, 1, VK_SW_BPF, &r);
	check_reason(&r, VK_DENIED, 21, 6, "bpf: deny");
	vk_explain_switch(layers, 1, VK_SW_KEYS, &r);
	check_reason(&r, VK_AUDITED, 22, 7, "keys: audit");
	vk_explain_switch(layers, 1, VK_SW_PERF, &r);
	CHECK(!r.policy);
}

TEST(layer_and_used_set_are_named)
{
	_cleanup_policy_ struct vk_policy *a = parse("vkernel: 1\nname: a\nmode: audit\n"
						     "files: {default: deny}\n");
	_cleanup_policy_ struct vk_policy *b = parse("vkernel: 1\nname: b\nuse: [no-af-alg]\n"
						     "exec: {default: deny}\n");
	const struct vk_policy *layers[] = {a, b};
	struct vk_reason r;

	/* The denial of the second layer goes before the report of the first. */
	vk_explain_path(layers, 2, "/x", VK_R_EXEC, false, &r);
	CHECK(r.policy == b);
	CHECK_EQ(r.layer, 1);
	CHECK_EQ(r.outcome, VK_DENIED);
	vk_explain_path(layers, 2, "/x", VK_R_READ, false, &r);
	CHECK(r.policy == a);
	CHECK_EQ(r.layer, 0);
	CHECK_EQ(r.outcome, VK_AUDITED);
	vk_explain_socket(layers, 2, AF_ALG, SOCK_SEQPACKET, 0, &r);
	CHECK(r.policy == b->uses[0]);
	CHECK_EQ(r.layer, 1);
}

TEST(long_texts_are_cut)
{
	struct vk_path_rule rule = {.action = VK_ACTION_DENY, .rights = VK_R_ALL};
	struct vk_policy p = {.paths = &rule, .n_paths = 1};
	const struct vk_policy *layers[] = {&p};
	char glob[1024] = "/";
	struct vk_reason r;

	memset(glob + 1, 'x', sizeof(glob) - 2);
	rule.glob = glob;
	vk_explain_path(layers, 1, glob, VK_R_READ, false, &r);
	CHECK_EQ(r.outcome, VK_DENIED);
	CHECK_EQ(strlen(r.text), sizeof(r.text) - 1);
}

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static char *random_glob(void)
{
	static const char *const parts[] = {
		"/a", "/b", "/*", "/**", "/**/a", "*", "b", "?", "{a,/b}", "[!a]", "/c", "{,/**}",
	};
	char out[128];

	do {
		strcpy(out, pick(15) ? "/" : "@");
		if (*out == '/')
			out[0] = '\0';
		for (size_t n = 1 + pick(4); n; n--)
			strcat(out, parts[pick(sizeof(parts) / sizeof(parts[0]))]);
	} while (vk_glob_check(out, NULL, NULL) < 0);
	return strdup(out);
}

static struct vk_policy *random_policy(void)
{
	struct vk_policy *p = calloc(1, sizeof(*p));

	ASSERT(p);
	p->mode = pick(3) ? VK_MODE_ENFORCE : VK_MODE_AUDIT;
	p->foreign_deny = !pick(4);
	for (size_t s = 0; s < VK_SECTION_COUNT; s++) {
		p->sections[s].set = pick(2);
		p->sections[s].def = pick(2) ? VK_ACTION_ALLOW : VK_ACTION_DENY;
	}
	p->n_paths = pick(9);
	p->paths = calloc(p->n_paths + 1, sizeof(*p->paths));
	ASSERT(p->paths);
	for (size_t i = 0; i < p->n_paths; i++)
		p->paths[i] = (struct vk_path_rule){
			.section = pick(VK_SECTION_COUNT),
			.action = pick(3),
			.rights = (pick(1 << 16) | pick(1 << 16) << 9) & VK_R_ALL,
			.glob = random_glob(),
		};
	return p;
}

/* The order of rules means nothing, to the last byte of an image. */
static void shuffle(struct vk_policy *p)
{
	for (size_t i = p->n_paths; i > 1; i--) {
		size_t k = pick((uint32_t)i);
		struct vk_path_rule swap = p->paths[i - 1];

		p->paths[i - 1] = p->paths[k];
		p->paths[k] = swap;
	}
}

static enum vk_outcome image_outcome(const struct vk_image *img, const char *name, uint32_t right,
				     bool foreign)
{
	struct vk_verdict v = vk_image_match(img, name);

	if (!((foreign ? v.foreign : v.allow) & right))
		return VK_DENIED;
	return (foreign ? v.foreign_audit : v.audit) & right ? VK_AUDITED : VK_ALLOWED;
}

static void random_name(char *out)
{
	static const char *const parts[] = {"/a", "/b", "/c", "a", "b", "/ab", "\xc3\xa9"};

	strcpy(out, pick(10) ? "/a" : "@");
	if (!pick(12))
		strcpy(out, "/");
	else
		for (size_t n = pick(4); n; n--)
			strcat(out, parts[pick(sizeof(parts) / sizeof(parts[0]))]);
}

TEST(models_and_images_agree, .timeout = 120)
{
	size_t verdicts = 0;

	seed = 7;
	for (size_t round = 0; round < 400; round++) {
		struct vk_policy *p[3] = {random_policy(), random_policy(), random_policy()};
		const struct vk_policy *const layers[] = {p[0], p[1], p[2]};
		_cleanup_free_ struct vk_image *img = NULL;
		size_t n = 1 + pick(3);
		char name[128];

		ASSERT(vk_compile(layers, n, &img, NULL) == 0);
		ASSERT(vk_image_validate(img, img->size) == 0);
		for (size_t i = 0; i < 20; i++) {
			random_name(name);
			for (uint32_t k = 0; k < 2 * VK_R_COUNT; k++, verdicts++) {
				uint32_t right = 1u << k / 2;
				struct vk_reason r;

				vk_explain_path(layers, n, name, right, k & 1, &r);
				if (image_outcome(img, name, right, k & 1) != r.outcome) {
					FAIL("round %zu: '%s' %x %u: %s", round, name, right, k & 1,
					     r.text);
					return;
				}
			}
		}
		shuffle(p[0]);
		_cleanup_free_ struct vk_image *again = NULL;

		ASSERT(vk_compile(layers, n, &again, NULL) == 0);
		CHECK(again->size == img->size && memcmp(again, img, img->size) == 0);
		for (size_t i = 0; i < 3; i++)
			vk_policy_free(p[i]);
	}
	tap_diag("%zu verdicts", verdicts);
}
