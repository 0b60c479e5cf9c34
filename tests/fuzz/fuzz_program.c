/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images of policy programs, as anybody may hand them to the privileged side: what the check takes
 * can be walked through from end to end, and laid out as code.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "programs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void lay_out(struct vk_program_image *img)
{
	struct vk_linked p = {.img = img};

	for (uint32_t i = 0; i < img->entries.count; i++) {
		struct vk_code code = {0};
		struct vk_error e = {0};
		int r = vk_dry_code(&p, vk_program_entries(img)[i].function, 3, &code, &e);

		/* Helpers that it imports are not there. */
		require(r == 0 || img->imports.count);
		require(code.n <= img->insns.count + 9 + VK_BUILTIN_STEPS);
		vk_code_free(&code);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vk_error e = {0};
	/* Exactly as long, and aligned. */
	uint8_t *copy = malloc(size ? size : 1);
	int r;

	memcpy(copy, data, size);
	r = vk_program_check(copy, size, &e);
	require(r == 0 ? !e.code : e.code == -r && e.message[0]);
	if (r == 0) {
		struct vk_program_image *img = (void *)copy;

		require(vk_program_hooks(img) || img->exports.count);
		require(vk_program_memory(img) <= VK_PROGRAM_MAP_BYTES);
		lay_out(img);
	}
	free(copy);
	return 0;
}
