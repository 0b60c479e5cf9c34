// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fuzz_glob.c - a pattern and names, one a line: the automaton must match what the reference
 * matcher matches, whatever the bytes. The names need not be canonical, as long as they are not
 * empty and do not end in a way that only the root has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"
#include "glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct vk_image *img, const char *glob, const char *name)
{
	bool automaton = !(vk_image_match(img, name).allow & VK_R_READ);

	if (automaton != vk_glob_match(glob, name)) {
		fprintf(stderr, "'%s' on '%s': the automaton says %d\n", glob, name, automaton);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vk_path_rule rule = {.action = VK_ACTION_DENY, .rights = VK_R_READ};
	struct vk_policy p = {.paths = &rule, .n_paths = 1};
	const struct vk_policy *layers[] = {&p};
	_cleanup_free_ struct vk_image *img = NULL;
	struct vk_error e = {0};
	const char *why = NULL;
	size_t off = SIZE_MAX;

	size_t commas = 0, ones = 0;

	/*
	 * Full length, a thousand alternatives and the doubling by each single character behind a
	 * star are the unit tests' business; here speed counts.
	 */
	for (size_t i = 0; i < size; i++) {
		commas += data[i] == ',';
		ones += data[i] == '?' || data[i] == '[';
	}
	if (size > 256 || commas > 5 || ones > 8)
		return 0;
	_cleanup_free_ char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	char *save = text, *glob = strsep(&save, "\n");
	int r = vk_glob_check(glob, &off, &why);

	if (r < 0) {
		if (!why || off > strlen(glob))
			abort();
		return 0;
	}
	rule.glob = glob;
	r = vk_compile(layers, 1, &img, &e);
	/* Braces can ask for more than an image holds, and nothing else may fail. */
	if (r < 0) {
		if (e.code != E2BIG || !e.message[0])
			abort();
		return 0;
	}
	if (vk_image_validate(img, img->size) < 0)
		abort();
	compare(img, glob, "/");
	for (char *name; (name = strsep(&save, "\n"));)
		compare(img, glob, name);
	/* The pattern is a name as well, and a likely one to match. */
	compare(img, glob, glob);
	return 0;
}
