// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fuzz_apparmor.c - the importer takes any bytes: a policy that our own parser accepts, or an error
 * that says where. Files that are included hold the same bytes, so that they end in an error.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "import.h"
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

static int include(const char *name, char **ret_text, size_t *ret_len, void *data)
{
	static const char text[] = "@{a}=/b/ /c/\n@{a}+={d,e}\n";

	(void)data;
	if (strcmp(name, "v") != 0)
		return -ENOENT;
	*ret_text = strdup(text);
	require(*ret_text);
	*ret_len = sizeof(text) - 1;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vk_import_from from = {
		.file = "fuzz", .text = (const char *)data, .len = size, .include = include};
	vk_cleanup(vk_imported_free) struct vk_imported out = {0};
	_cleanup_policy_ struct vk_policy *policy = NULL;
	struct vk_error e = {0};
	int r = vk_import(VK_IMPORT_APPARMOR, &from, &out, &e);

	if (r < 0) {
		require(!out.yaml && e.code == -r && *e.message && *e.file);
		require(printable(e.message) && printable(e.advice));
		return 0;
	}
	require(out.yaml && out.n_lost && out.unlike <= out.n_lost);
	r = vk_policy_parse("made", out.yaml, strlen(out.yaml), NULL, NULL, &policy, &e);
	require(r == 0 || r == -E2BIG);
	return 0;
}
