// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A conjunction is within each of its parts; and for every thing that a policy can say, an image
 * without it is not within one with it. Run from the top of the source tree.
 */
#include <dirent.h>
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "parse.h"
#include "tap.h"

static struct vk_policy *parse(const char *text)
{
	_cleanup_free_ char *document = NULL;
	struct vk_policy *p = NULL;
	struct vk_error e = {0};

	ASSERT(asprintf(&document, "vkernel: 1\nname: test\n%s\n", text) > 0);
	if (vk_policy_parse("test", document, strlen(document), NULL, NULL, &p, &e) < 0) {
		FAIL("%u:%u: %s in %s", e.line, e.column, e.message, text);
		tap_abort();
	}
	return p;
}

static struct vk_image *compile(const struct vk_policy *a, const struct vk_policy *b)
{
	const struct vk_policy *layers[] = {a, b};
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	if (vk_compile(layers, b ? 2 : 1, &img, &e) < 0) {
		tap_diag("%s", e.message);
		return NULL;
	}
	CHECK_EQ(vk_image_validate(img, img->size), 0);
	return img;
}

#define ALL "files: {default: allow, rules: [{allow: [read], path: /x}]}"

/* Each denies or reports something. */
static const char *const said[] = {
	"files: {default: allow, rules: [{deny: [read], path: /etc/shadow}]}",
	"files: {default: allow, rules: [{deny: [write], path: '/etc/**'}]}",
	"files: {default: allow, rules: [{audit: [read], path: '/etc/*'}]}",
	"files: {default: allow, rules: [{deny: [all], path: '/{a,b}/*.{c,h}'}]}",
	"files: {default: deny, rules: [{allow: [read], path: '/**'}]}",
	"files: {default: allow, foreign: deny}",
	"exec: {default: deny, allow: [/usr/bin/true]}",
	"exec: {default: allow, deny: ['/**/sh']}",
	"mode: audit\nfiles: {default: allow, rules: [{deny: [read], path: /etc/shadow}]}",
	"network: {default: deny, allow: [{connect: tcp/443, to: 10.0.0.0/8}, {socket: unix}]}",
	"network: {default: allow, deny: {connect: any, to: 169.254.169.254}}",
	"network: {default: allow, deny: {connect: tcp/25}}",
	"network: {default: allow, deny: {socket: [alg, packet/raw]}}",
	"network: {default: allow, audit: {bind: tcp/80}}",
	"network: {default: allow, deny: {socket: netlink/xfrm}}",
	"network: {default: allow, deny: {connect: 'unix:/run/x.sock'}}",
	"mode: audit\nnetwork: {default: deny, allow: {socket: inet}}",
	"mounts: {default: deny}",
	"mounts: {default: allow, deny: {op: [umount], on: /proc}}",
	"processes: {ptrace: none}",
	"processes: {ptrace: own}",
	"processes: {signal: own}",
	"mode: audit\nprocesses: {ptrace: none, signal: own}",
	"processes: {userns: deny}",
	"capabilities: [CHOWN, NET_BIND_SERVICE]",
	"capabilities: none",
	"mode: audit\ncapabilities: none",
	"bpf: deny",
	"perf: audit",
	"modules: deny",
	"keys: deny",
	"io_uring: audit",
	"xattrs: deny",
};
#define SAID (sizeof(said) / sizeof(said[0]))

TEST(what_is_said_is_missed)
{
	_cleanup_policy_ struct vk_policy *all = parse(ALL);
	_cleanup_free_ struct vk_image *loose = compile(all, NULL);

	ASSERT(loose);
	CHECK_EQ(vk_image_within(loose, loose), 0);
	for (size_t i = 0; i < SAID; i++) {
		_cleanup_policy_ struct vk_policy *p = parse(said[i]);
		_cleanup_free_ struct vk_image *tight = compile(p, NULL);

		if (!tight || !CHECK_EQ(vk_image_within(tight, tight), 0))
			tap_diag("%s", said[i]);
		if (!tight || !CHECK_NEG(vk_image_within(loose, tight), EPERM))
			tap_diag("%s", said[i]);
	}
}

TEST(a_conjunction_is_within_its_parts, .timeout = 100)
{
	for (size_t i = 0; i < SAID; i++)
		for (size_t k = 0; k < SAID; k++) {
			_cleanup_policy_ struct vk_policy *a = parse(said[i]), *b = parse(said[k]);
			_cleanup_free_ struct vk_image *x = compile(a, NULL), *both = compile(a, b);

			if (!x || !both || !CHECK_EQ(vk_image_within(both, x), 0))
				tap_diag("%s\nand\n%s", said[i], said[k]);
		}
}

TEST(built_in_sets_with_everything, .timeout = 100)
{
	for (size_t i = 0; i < vk_n_builtins; i++) {
		_cleanup_policy_ struct vk_policy *set = NULL;
		_cleanup_free_ struct vk_image *x = NULL;
		struct vk_error e = {0};

		ASSERT(vk_policy_parse(vk_builtins[i].name, vk_builtins[i].text, vk_builtins[i].len,
				       NULL, NULL, &set, &e) == 0);
		x = compile(set, NULL);
		for (size_t k = 0; x && k < SAID; k += 4) {
			_cleanup_policy_ struct vk_policy *p = parse(said[k]);
			_cleanup_free_ struct vk_image *both = compile(set, p);

			if (!both || !CHECK_EQ(vk_image_within(both, x), 0))
				tap_diag("%s and %s", vk_builtins[i].name, said[k]);
		}
	}
}

/* One bit anywhere that grants more is noticed. */
TEST(every_bit_that_grants_is_noticed)
{
	_cleanup_policy_ struct vk_policy *p =
		parse("files: {default: allow, rules: [{deny: [read], path: /etc/shadow}]}\n"
		      "network: {default: allow, deny: {connect: tcp/25}}\n"
		      "processes: {ptrace: none, signal: own}\ncapabilities: none\nbpf: deny");
	_cleanup_free_ struct vk_image *img = compile(p, NULL), *bad = NULL;

	ASSERT(img);
	bad = malloc(img->size);
	ASSERT(bad);
#define CHANGED(statement)                                                                         \
	do {                                                                                       \
		memcpy(bad, img, img->size);                                                       \
		statement;                                                                         \
		if (!CHECK_NEG(vk_image_within(bad, img), EPERM))                                  \
			tap_diag("%s", #statement);                                                \
	} while (0)
	for (size_t v = 0; v < img->n_verdicts; v++)
		if (!(img->verdicts[v].allow & VK_R_READ))
			CHANGED(bad->verdicts[v].allow |= VK_R_READ);
	CHANGED(bad->caps_allow |= 1);
	CHANGED(bad->sw_allow |= VK_SW_BPF);
	CHANGED(bad->ptrace_scope = VK_SCOPE_ALL);
	CHANGED(bad->signal_scope = VK_SCOPE_ALL);
	CHANGED(bad->needs &= ~VK_NEED_OPEN);
	CHANGED(bad->n_net = 0);
	CHANGED(bad->net[0].port_lo = 26);
	CHANGED(bad->net_enforce = 0);
#undef CHANGED
}
