// SPDX-License-Identifier: LGPL-2.1-or-later
/* profile.c - reads profiles of other tools. */
#include "profile.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "lookup.h"

#define PROFILE_MAX (16u << 20)

int vk_profile_read(const char *path, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > PROFILE_MAX)
		return -E2BIG;
	return vk_lookup_read(fd, (size_t)st.st_size, ret, ret_len);
}

static int is_profile(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	/* What packages leave behind is no profile, as apparmor_parser(8) has it. */
	return d->d_name[0] != '.' && d->d_name[len - 1] != '~' && !strstr(d->d_name, ".dpkg-");
}

/* The file at @path behind a comment with its name: see vk_include_fn. */
static int append(const char *name, const char *path, FILE *f)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = vk_profile_read(path, &text, &len);

	if (r == 0)
		fprintf(f, "#@file %s\n%s\n", name, text);
	return r == -EISDIR ? 0 : r;
}

static int read_directory(const char *name, const char *path, char **ret, size_t *ret_len)
{
	struct dirent **entries;
	int r = 0, n = scandir(path, &entries, is_profile, alphasort);
	FILE *f;

	if (n < 0)
		return -errno;
	f = open_memstream(ret, ret_len);
	if (!f)
		r = -ENOMEM;
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = NULL, *shown = NULL;

		if (r == 0 && (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0 ||
			       asprintf(&shown, "%s/%s", name, entries[i]->d_name) < 0))
			r = -ENOMEM;
		if (r == 0)
			r = append(shown, file, f);
		free(entries[i]);
	}
	free(entries);
	if (f && fclose(f) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0 && f) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

int vk_profile_include(const char *name, char **ret_text, size_t *ret_len, void *data)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s%s%s", *name == '/' ? "" : (const char *)data,
		     *name == '/' ? "" : "/", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = vk_profile_read(path, ret_text, ret_len);
	return r == -EISDIR ? read_directory(name, path, ret_text, ret_len) : r;
}

/* Whether the file is worth reading as a profile. 1: @ret has what it became. */
static int try_file(const char *dir, const char *path, const char *name, struct vk_imported *ret,
		    struct vk_error *e)
{
	struct vk_import_from from = {.file = path,
				      .profile = name,
				      .include = vk_profile_include,
				      .data = (void *)(uintptr_t)dir};
	_cleanup_free_ char *text = NULL;
	int r = vk_profile_read(path, &text, &from.len);

	if (r == -EISDIR)
		return 0;
	if (r < 0)
		return vk_error_at(e, -r, path, 0, 0, "cannot read it: %s", strerror(-r));
	if (!memmem(text, from.len, name, strlen(name)))
		return 0;
	from.text = text;
	vk_lookup_tell(NULL, NULL); /* what it includes */
	r = vk_import(VK_IMPORT_APPARMOR, &from, ret, e);
	if (r == 0)
		return 1;
	vk_imported_free(ret);
	return r == -ENOENT ? 0 : r; /* it only speaks of it */
}

int vk_profile_find(const char *dir, const char *name, struct vk_imported *ret, struct vk_error *e)
{
	struct dirent **entries;
	int n, found = 0, r = 0;
	struct stat st;

	vk_lookup_tell(dir, stat(dir, &st) == 0 ? &st : NULL);
	n = scandir(dir, &entries, is_profile, alphasort);
	if (n < 0)
		return errno == ENOENT ? -ENOENT :
					 vk_error_at(e, errno, dir, 0, 0, "cannot read it: %s",
						     strerror(errno));
	for (int i = 0; i < n; i++) {
		vk_cleanup(vk_imported_free) struct vk_imported made = {0};
		_cleanup_free_ char *path = NULL;

		if (r >= 0 && asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0) {
			path = NULL;
			r = vk_error_set(e, ENOMEM, "no memory");
		}
		if (r >= 0)
			r = try_file(dir, path, name, &made, e);
		if (r > 0 && found++)
			r = vk_error_at(e, ENOTUNIQ, path, 0, 0,
					"another file has a profile \"%s\", too", name);
		if (r > 0) {
			*ret = made;
			made = (struct vk_imported){0};
		}
		free(entries[i]);
	}
	free(entries);
	if (r < 0) {
		vk_imported_free(ret);
		return r;
	}
	*e = (struct vk_error){0};
	return found ? 0 : -ENOENT;
}
