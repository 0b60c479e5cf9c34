/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attack.h - the catalogue of attacks: each tries the primitive of a published escape or abuse.
 *
 *	ATTACK(core_pattern, .against = "CVE-2022-0811", .primitive = "write to core_pattern",
 *	       .policy = "use: protect-kernel-files", .rule = "protect-kernel-files: deny ...",
 *	       .hook = "file_open", .err = EACCES, .op = VK_OP_OPEN, .plain = PRIVILEGED)
 *	{
 *		return rewrite("/proc/sys/kernel/core_pattern");
 *	}
 *
 * The body is the attacker: 0 if it got through, else the errno. It is harmless where it succeeds,
 * because it runs three times: in a plain privileged container and in a plain default one, both
 * without vkernel, where it must succeed exactly where @plain says; and as a member, all
 * privileges included, where it must fail with @err, be reported as @op, and be denied by @rule.
 */
#ifndef VK_TESTS_ATTACK_H
#define VK_TESTS_ATTACK_H

#include "live.h"

enum attack_plain {
	NOWHERE = 0,
	PRIVILEGED = 1 << 0, /* all capabilities; pid and network namespace of the host */
	DEFAULT = 1 << 1, /* what Docker gives: its capabilities, namespaces, masks and devices */
	EVERYWHERE = PRIVILEGED | DEFAULT,
};

/**
 * struct attack - one case
 * @name:      identifier
 * @against:   the CVE, or the kind of attack
 * @primitive: what is tried, in a few words
 * @policy:    the policy of the member, as for live_policy()
 * @rule:      "POLICY: RULE" as in reports, or what the report says where no rule decides
 * @hook:      LSM hook that denies it
 * @err:       what the member gets
 * @op:        enum vk_op of the report
 * @plain:     where it succeeds without vkernel
 * @lacks:     what this kernel lacks for it, so that the test is skipped, or NULL; asked on the host,
 *             and not by the attempt; NULL: every kernel can
 * @attempt:   the attacker
 * @prepare:   the host, before each attempt; may be NULL
 * @check:     the host, after the member's attempt: nothing has changed; may be NULL
 */
struct attack {
	const char *name;
	const char *against;
	const char *primitive;
	const char *policy;
	const char *rule;
	const char *hook;
	int err;
	uint16_t op;
	unsigned int plain;
	const char *(*lacks)(void);
	int (*attempt)(void);
	void (*prepare)(void);
	void (*check)(void);
};

void attack_register(const struct attack *a);
void attack_run(const struct attack *a);

#define ATTACK(ident, ...)                                                                         \
	static int try_##ident(void);                                                              \
	static const struct attack attack_##ident = {                                              \
		.name = #ident, .attempt = try_##ident, __VA_ARGS__};                              \
	__attribute__((constructor)) static void list_##ident(void)                                \
	{                                                                                          \
		attack_register(&attack_##ident);                                                  \
	}                                                                                          \
	LIVE_TEST(ident)                                                                           \
	{                                                                                          \
		attack_run(&attack_##ident);                                                       \
	}                                                                                          \
	static int try_##ident(void)

/* ---- what attackers and their hosts need (attack.c) ---- */

/* Opens for writing and writes what was read before: 0 or an errno. */
int attack_rewrite(const char *path);
/* 0 or the errno of open(); nothing stays open. */
int attack_open(const char *path, int flags);
/* 0, or errno if @r is -1. */
static inline int attack_errno(long r)
{
	return r < 0 ? errno : 0;
}
/* A process of the host that waits; ended with the test. Its pid is kept for attempts. */
pid_t attack_victim(void);
/* Runs @fn in a child of the attacker; what it returns. */
int attack_child(int (*fn)(void));

/* A listening socket of the host that attackers have, and a client that waits there (network.c). */
void leak_service(void);
int leaked_service(void);

/* A file that members may not read, with a mark in it, and a policy that says so. */
#define SECRET "/tmp/k/secret/file"
#define SECRET_POLICY                                                                              \
	"files: {default: allow, rules: [{deny: [read, modify], path: '/tmp/k/secret{,/**}'}]}"
#define SECRET_RULE "test: deny [read, modify] /tmp/k/secret{,/**}"
void secret_prepare(void);
void secret_check(void);

#endif
