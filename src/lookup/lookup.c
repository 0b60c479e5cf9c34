// SPDX-License-Identifier: LGPL-2.1-or-later
/* lookup.c - the one reader of policy files. */
#include "lookup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "parse.h"

#define MAX_POLICY (4u << 20)

const char *const vk_policy_dirs[] = {"/etc/vkernel/policies", "/usr/share/vkernel/policies", NULL};

static vk_lookup_fn watch;
static void *watch_data;

void vk_lookup_watch(vk_lookup_fn fn, void *data)
{
	watch = fn;
	watch_data = data;
}

void vk_lookup_tell(const char *path, const struct stat *st)
{
	if (watch)
		watch(path, st, watch_data);
}

void vk_source_free(struct vk_source *s)
{
	free(s->text);
	free(s->file);
	*s = (struct vk_source){0};
}

static int check_owner(const char *path, const struct stat *st, bool others, struct vk_error *e)
{
	if (geteuid() != 0)
		return 0;
	if (st->st_mode & S_IWOTH) {
		vk_error_at(e, EPERM, path, 0, 0, "every user may write to this policy");
		vk_error_advise(e, "chmod o-w %s, after a look at what it says", path);
		return -EPERM;
	}
	if (!others && (st->st_uid != 0 || (st->st_mode & S_IWGRP && st->st_gid != 0))) {
		vk_error_at(e, EPERM, path, 0, 0, "this policy can be changed by others than root");
		vk_error_advise(e, "chown root:root %s, after a look at what it says", path);
		return -EPERM;
	}
	return 0;
}

int vk_lookup_read(int fd, size_t size, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *text = malloc(size + 1);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = vk_take_ptr(text);
	*ret_len = len;
	return 0;
}

int vk_lookup_path(const char *path, bool others, struct vk_source *ret, struct vk_error *e)
{
	/* O_NONBLOCK: a fifo must not keep us waiting. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_free_ char *file = strdup(path);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT) {
		vk_lookup_tell(path, NULL);
		return -ENOENT;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_at(e, errno, path, 0, 0, "cannot read this policy: %s",
				   strerror(errno));
	vk_lookup_tell(path, &st);
	if (!S_ISREG(st.st_mode))
		return vk_error_at(e, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, path, 0, 0,
				   "a policy must be a regular file");
	if (st.st_size > MAX_POLICY)
		return vk_error_at(e, E2BIG, path, 0, 0, "a policy must not exceed 4 MiB");
	r = check_owner(path, &st, others, e);
	if (r < 0)
		return r;
	r = file ? vk_lookup_read(fd, (size_t)st.st_size, &ret->text, &ret->len) : -ENOMEM;
	if (r < 0)
		return vk_error_at(e, -r, path, 0, 0, "cannot read this policy: %s", strerror(-r));
	ret->file = vk_take_ptr(file);
	return 0;
}

static int use_builtin(const char *name, struct vk_source *ret, struct vk_error *e)
{
	const struct vk_builtin *b = vk_builtin_find(name);

	if (!b)
		return -ENOENT;
	ret->text = strndup(b->text, b->len);
	ret->len = b->len;
	if (asprintf(&ret->file, "built-in %s", b->name) < 0)
		ret->file = NULL;
	if (ret->text && ret->file)
		return 0;
	vk_source_free(ret);
	return vk_error_set(e, ENOMEM, "no memory");
}

int vk_lookup_name(const char *const *dirs, const char *name, struct vk_source *ret,
		   struct vk_error *e)
{
	for (; *dirs; dirs++) {
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s.yaml", *dirs, name) < 0) {
			path = NULL;
			return vk_error_set(e, ENOMEM, "no memory");
		}
		r = vk_lookup_path(path, false, ret, e);
		if (r != -ENOENT)
			return r;
	}
	return use_builtin(name, ret, e);
}

/**
 * struct uses - what resolving `use:` needs, and what the parser cannot know
 * @e: set when a set was found and is not fit for use
 */
struct uses {
	const char *const *dirs;
	struct vk_error e;
};

/* vk_use_fn. The parser has checked that it is a name. */
static int resolve_use(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
		       void *data)
{
	struct uses *uses = data;
	struct vk_source s = {0};
	int r = vk_lookup_name(uses->dirs, name, &s, &uses->e);

	if (r < 0)
		return r;
	*ret_text = s.text;
	*ret_len = s.len;
	*ret_file = s.file;
	return 0;
}

int vk_lookup_parse(const char *const *dirs, const struct vk_source *s, struct vk_policy **ret,
		    struct vk_error *e)
{
	struct uses uses = {.dirs = dirs};
	int r = vk_policy_parse(s->file, s->text, s->len, resolve_use, &uses, ret, e);

	/* The parser knows the place of the word, the look-up knows what was wrong with it. */
	if (r < 0 && uses.e.code) {
		snprintf(e->message, sizeof(e->message), "%.200s: %.280s", uses.e.file,
			 uses.e.message);
		snprintf(e->advice, sizeof(e->advice), "%s", uses.e.advice);
	}
	return r;
}
