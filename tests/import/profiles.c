// SPDX-License-Identifier: LGPL-2.1-or-later
/* profiles.c - where the profiles come from, and what they include. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "compare.h"
#include "tap.h"

char *cmp_read_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	if (f && getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	return text;
}

int cmp_include(const char *name, char **ret_text, size_t *ret_len, void *data)
{
	_cleanup_free_ char *path = NULL;
	struct dirent **entries;
	struct stat st;
	size_t size;
	int n;

	(void)data;
	if (asprintf(&path, "%s%s%s", *name == '/' ? "" : APPARMOR_DIR, *name == '/' ? "" : "/",
		     name) < 0)
		return -ENOMEM;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		*ret_text = cmp_read_file(path);
		if (!*ret_text)
			return -errno;
		*ret_len = strlen(*ret_text);
		cmp_names_text(*ret_text);
		return 0;
	}
	FILE *f = open_memstream(ret_text, &size);

	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = NULL, *text = NULL;

		if (entries[i]->d_name[0] != '.' &&
		    asprintf(&file, "%s/%s", path, entries[i]->d_name) > 0)
			text = cmp_read_file(file);
		if (text)
			fprintf(f, "%s\n", text);
		free(entries[i]);
	}
	free(entries);
	fclose(f);
	*ret_len = size;
	cmp_names_text(*ret_text);
	return 0;
}

/* The template that dockerd loads when it starts, filled in as it does. */
char *cmp_docker_template(void)
{
	static const char head[] = "profile {{.Name}} flags=";
	_cleanup_free_ char *binary = NULL, *copy = NULL;
	_cleanup_close_ int fd = open("/usr/sbin/dockerd", O_RDONLY | O_CLOEXEC);
	char *start, *end, *out = NULL, *save = NULL;
	struct stat st;
	size_t size;
	FILE *f;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	ASSERT(map != MAP_FAILED);
	start = memmem(map, (size_t)st.st_size, head, sizeof(head) - 1);
	end = start ? memmem(start, 8192, "\n}\n", 3) : NULL;
	ASSERT(end);
	copy = strndup(start, (size_t)(end - start) + 3);
	munmap(map, (size_t)st.st_size);
	f = open_memstream(&out, &size);
	fputs("#include <tunables/global>\n", f);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *open;

		if (line[strspn(line, " ")] == '{')
			continue; /* a directive of the template */
		while ((open = strstr(line, "{{"))) {
			*open = '\0';
			fprintf(f, "%s%s", line,
				strncmp(open + 2, ".Daemon", 7) == 0 ? "unconfined" :
								       "docker-default");
			line = strstr(open + 2, "}}") + 2;
		}
		fprintf(f, "%s\n", line);
		if (strchr(line, '{') && strstr(line, "mediate_deleted"))
			fputs("  #include <abstractions/base>\n", f);
	}
	fclose(f);
	return out;
}

/* In enforce mode, whatever the text says. */
void cmp_enforce(char *text)
{
	for (char *at; (at = strstr(text, "complain"));)
		memcpy(at, "audit   ", 8);
}
