/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Feed every file of a corpus to a fuzz entry, once, and report in TAP.  A
 * crash or a sanitizer's report ends the program before its plan is fulfilled,
 * which the test runner takes for a failure.
 *
 * Run from the top of the source tree, or give corpus directories.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	uint8_t *data = NULL;
	size_t size = 0, room = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	do {
		if (size == room) {
			uint8_t *bigger = realloc(data, room = room * 2 + 4096);

			if (!bigger)
				abort();
			data = bigger;
		}
		size += fread(data + size, 1, room - size, file);
	} while (!feof(file) && !ferror(file));
	fclose(file);
	/* Exactly as long as the input, so that a sanitizer sees an overrun. */
	data = realloc(data, size ? size : 1);
	if (!data)
		abort();
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : CORPUS;
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, alphasort);
	int number = 0, failed = 0, i;

	if (count < 0) {
		printf("Bail out! %s: %s\n", directory, strerror(errno));
		return 1;
	}
	for (i = 0; i < count; i++) {
		char path[4096];
		int ret;

		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
			ret = replay_file(path);
			printf("%sok %d - %s\n", ret ? "not " : "", ++number, path);
			fflush(stdout);
			failed += !!ret;
		}
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", number);
	return failed || number == 0;
}
