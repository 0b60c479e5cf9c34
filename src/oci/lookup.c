/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.c - from a policy's name to its layer, for containers.
 *
 * Stricter than the command line: names may come from whoever wrote an image, so they are names
 * and never paths; the environment has no say; and every file must be root's.
 */
#include "oci.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "parse.h"

#define MAX_POLICY (4 << 20)
#define MAX_NAME 64

static const char *const dirs[] = {"/etc/vkernel/policies", "/usr/share/vkernel/policies"};

void oci_layers_free(struct oci_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		vk_policy_free(l->layers[i]);
	l->n = 0;
}

static bool is_name(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len <= MAX_NAME && !s[len];
}

static int read_fd(int fd, size_t size, char **ret, size_t *ret_len)
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

/* -ENOENT leaves the error unset. */
static int read_policy(const char *path, char **ret, size_t *ret_len, struct vk_error *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_at(e, errno, path, 0, 0, "cannot read this policy: %s",
				   strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_POLICY)
		return vk_error_at(e, EINVAL, path, 0, 0,
				   "a policy must be a regular file of at most 4 MiB");
	if (st.st_uid != 0 || (st.st_mode & S_IWOTH) || (st.st_mode & S_IWGRP && st.st_gid != 0)) {
		vk_error_at(e, EPERM, path, 0, 0, "this policy can be changed by others than root");
		vk_error_advise(e, "chown root:root and chmod go-w %s", path);
		return -EPERM;
	}
	r = read_fd(fd, (size_t)st.st_size, ret, ret_len);
	if (r < 0)
		return vk_error_at(e, -r, path, 0, 0, "cannot read this policy: %s", strerror(-r));
	return 0;
}

/* -ENOENT leaves the error unset. */
static int find(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
		struct vk_error *e)
{
	const struct vk_builtin *b;
	char path[128];
	int r;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.yaml", dirs[i], name);
		r = read_policy(path, ret_text, ret_len, e);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		*ret_file = strdup(path);
		return *ret_file ? 0 : -ENOMEM;
	}
	b = vk_builtin_find(name);
	if (!b)
		return -ENOENT;
	*ret_text = strndup(b->text, b->len);
	*ret_len = b->len;
	if (asprintf(ret_file, "built-in %s", b->name) < 0)
		*ret_file = NULL;
	return *ret_text && *ret_file ? 0 : -ENOMEM;
}

/* vk_use_fn; @data is a struct vk_error. */
static int resolve_use(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
		       void *data)
{
	return is_name(name) ? find(name, ret_text, ret_len, ret_file, data) : -ENOENT;
}

static int parse(struct oci_layers *l, const char *file, const char *text, size_t len,
		 struct vk_error *e)
{
	struct vk_error use = {0};
	int r = vk_policy_parse(file, text, len, resolve_use, &use, &l->layers[l->n], e);

	if (r == 0)
		l->n++;
	else if (use.code)
		snprintf(e->message, sizeof(e->message), "%.200s: %.280s", use.file, use.message);
	return r;
}

int oci_add_layer(struct oci_layers *l, const char *word, bool path_allowed, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *file = NULL;
	size_t len = 0;
	int r;

	if (l->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG, "a container can be under at most %d policies",
				    VK_MAX_LAYERS);
	if (path_allowed && *word == '/') {
		r = read_policy(word, &text, &len, e);
		if (r == -ENOENT)
			return vk_error_at(e, ENOENT, word, 0, 0, "there is no such policy");
		return r < 0 ? r : parse(l, word, text, len, e);
	}
	if (!is_name(word)) {
		vk_error_set(e, EINVAL, "\"%.80s\" is no name of a policy", word);
		vk_error_advise(e, "a name is of a-z, 0-9 and -; paths are not allowed here");
		return -EINVAL;
	}
	r = find(word, &text, &len, &file, e);
	if (r == -ENOENT) {
		vk_error_set(e, ENOENT, "no policy is named '%s'", word);
		vk_error_advise(e, "put it at %s/%s.yaml; \"vkernel policy list\" shows the names",
				dirs[0], word);
		return -ENOENT;
	}
	return r < 0 ? r : parse(l, file, text, len, e);
}

int oci_add_names(struct oci_layers *l, const char *names, struct vk_error *e)
{
	_cleanup_free_ char *copy = strdup(names);
	char *rest = copy, *word;
	int r = 0;

	if (!copy)
		return vk_error_set(e, ENOMEM, "no memory");
	while (r == 0 && (word = strsep(&rest, ","))) {
		word += strspn(word, " \t");
		word[strcspn(word, " \t")] = '\0';
		r = oci_add_layer(l, word, false, e);
	}
	return r;
}

int oci_add_default(struct oci_layers *l, struct vk_error *e)
{
	if (access(VK_OCI_DEFAULT, F_OK) == 0)
		return oci_add_layer(l, VK_OCI_DEFAULT, true, e);
	if (errno != ENOENT)
		return vk_error_at(e, errno, VK_OCI_DEFAULT, 0, 0, "cannot read this policy: %s",
				   strerror(errno));
	return oci_add_layer(l, VK_OCI_BUILTIN, false, e);
}
