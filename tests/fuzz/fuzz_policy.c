// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fuzz_policy.c - the parser takes any bytes: a policy or an error with a place, never both, never
 * a crash or a leak.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static void check_policy(const struct vk_policy *p)
{
	require(p->name && *p->name && p->file && p->text);
	for (size_t i = 0; i < p->n_paths; i++) {
		require(p->paths[i].rights && p->paths[i].rights <= VK_R_ALL);
		require(p->paths[i].glob && *p->paths[i].glob && p->paths[i].pos.line);
		require(p->paths[i].action <= VK_ACTION_AUDIT);
	}
	for (size_t i = 0; i < p->n_inet; i++) {
		require(p->inet[i].ops && p->inet[i].port_lo <= p->inet[i].port_hi);
		require(p->inet[i].prefix <= (p->inet[i].family == 10 ? 128 : 32));
	}
	for (size_t i = 0; i < p->n_sockets; i++)
		require(p->sockets[i].types && p->sockets[i].family < VK_FAMILIES);
	require(!((p->switches_deny | p->switches_audit) & ~p->switches_set));
	require(!(p->switches_deny & p->switches_audit));
	for (size_t i = 0; i < p->n_uses; i++)
		check_policy(p->uses[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_policy_ struct vk_policy *p = NULL;
	struct vk_error e = {0};
	int r = vk_policy_parse("fuzz", (const char *)data, size, NULL, NULL, &p, &e);

	if (r == 0) {
		require(p && e.code == 0);
		check_policy(p);
	} else {
		require(!p && e.code == -r && *e.message && *e.file);
		require(printable(e.message) && printable(e.advice));
		require(r == -E2BIG || (e.line && e.column));
	}
	return 0;
}
