// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * policy_load.c - from a word on the command line, or after `use:`, to a policy.
 *
 * A word with a '/' or ".yaml" in it is a path. Any other is a name, looked for in
 * /etc/vkernel/policies (the administrator's), /usr/share/vkernel/policies (the packages') and
 * among the built-in sets. VKERNEL_POLICY_PATH replaces the directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "schema.h"

#define DEFAULT_PATH "/etc/vkernel/policies:/usr/share/vkernel/policies"
#define MAX_POLICY (4u << 20)

char **cli_policy_dirs(void)
{
	const char *path = getenv("VKERNEL_POLICY_PATH");
	size_t n = 0;

	if (!path || !*path)
		path = DEFAULT_PATH;

	char **dirs = cli_alloc(strlen(path) + 2, sizeof(*dirs));

	while (*path) {
		size_t len = strcspn(path, ":");

		if (len)
			dirs[n++] = cli_format("%.*s", (int)len, path);
		path += len + (path[len] == ':');
	}
	return dirs;
}

void cli_free_strings(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
}

static void free_stringsp(char ***v)
{
	cli_free_strings(*v);
}

/*
 * A rule that root is about to enforce must not be one that others can edit. A policy named by
 * path may belong to the user who types `sudo vkernel run -p ./web.yaml`; one found by name was
 * not looked at by anybody, so it must be root's.
 */
static int check_owner(const char *path, const struct stat *st, bool by_name, struct vk_error *e)
{
	if (geteuid() != 0)
		return 0;
	if (st->st_mode & S_IWOTH) {
		vk_error_at(e, EPERM, path, 0, 0, "every user may write to this policy");
		vk_error_advise(e, "chmod o-w %s, after a look at what it says", path);
		return -EPERM;
	}
	if (by_name && (st->st_uid != 0 || (st->st_mode & S_IWGRP && st->st_gid != 0))) {
		vk_error_at(e, EPERM, path, 0, 0, "this policy can be changed by others than root");
		vk_error_advise(e, "chown root:root %s, or give its path instead of its name",
				path);
		return -EPERM;
	}
	return 0;
}

static int read_all(int fd, size_t size, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *text = malloc(size + 1);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	/* A file that grows meanwhile is read up to the size it had. */
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

/* -ENOENT leaves the error unset: the caller knows what was looked for. */
static int read_file(const char *path, bool by_name, char **ret, size_t *ret_len,
		     struct vk_error *e)
{
	/* O_NONBLOCK: a fifo must not keep us waiting. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_at(e, errno, path, 0, 0, "cannot read this policy: %s",
				   strerror(errno));
	if (!S_ISREG(st.st_mode))
		return vk_error_at(e, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, path, 0, 0,
				   "a policy must be a regular file");
	if (st.st_size > MAX_POLICY)
		return vk_error_at(e, E2BIG, path, 0, 0, "a policy must not exceed 4 MiB");

	int r = check_owner(path, &st, by_name, e);

	if (r < 0)
		return r;
	r = read_all(fd, (size_t)st.st_size, ret, ret_len);
	if (r < 0)
		return vk_error_at(e, -r, path, 0, 0, "cannot read this policy: %s", strerror(-r));
	return 0;
}

static int find_by_name(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
			struct vk_error *e)
{
	vk_cleanup(free_stringsp) char **dirs = cli_policy_dirs();

	for (char **dir = dirs; *dir; dir++) {
		_cleanup_free_ char *path = cli_format("%s/%s.yaml", *dir, name);
		int r = read_file(path, true, ret_text, ret_len, e);

		if (r == 0)
			*ret_file = vk_take_ptr(path);
		if (r != -ENOENT)
			return r;
	}

	const struct vk_builtin *b = vk_builtin_find(name);

	if (!b)
		return -ENOENT;
	*ret_text = cli_alloc(b->len + 1, 1);
	memcpy(*ret_text, b->text, b->len);
	*ret_len = b->len;
	*ret_file = cli_format("built-in %s", b->name);
	return 0;
}

static void advise_name(const char *word, struct vk_error *e)
{
	const char **names = cli_alloc(vk_n_builtins + 1, sizeof(*names));

	for (size_t i = 0; i < vk_n_builtins; i++)
		names[i] = vk_builtins[i].name;

	const char *near = vk_nearest(word, names);

	if (near)
		vk_error_advise(e, "did you mean %s? (vkernel policy list shows all)", near);
	else
		vk_error_advise(e,
				"vkernel policy list shows the names; a file is given as "
				"./%s or with .yaml",
				word);
	free(names);
}

int cli_policy_text(const char *word, char **ret_text, size_t *ret_len, char **ret_file,
		    struct vk_error *e)
{
	int r;

	if (strchr(word, '/') || strstr(word, ".yaml")) {
		r = read_file(word, false, ret_text, ret_len, e);
		if (r == 0)
			*ret_file = cli_dup(word);
		if (r == -ENOENT)
			vk_error_at(e, ENOENT, word, 0, 0, "no such file");
		return r;
	}
	r = find_by_name(word, ret_text, ret_len, ret_file, e);
	if (r == -ENOENT) {
		vk_error_set(e, ENOENT, "no policy is named '%s'", word);
		advise_name(word, e);
	}
	return r;
}

/* vk_use_fn; @data is a struct vk_error for what the parser cannot know. */
static int resolve_use(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
		       void *data)
{
	return find_by_name(name, ret_text, ret_len, ret_file, data);
}

/* The parser knows the place of the word, the look-up knows what was wrong with it. */
static void join_errors(struct vk_error *e, const struct vk_error *use)
{
	if (use->code == 0)
		return;
	snprintf(e->message, sizeof(e->message), "%.200s: %.280s", use->file, use->message);
	snprintf(e->advice, sizeof(e->advice), "%s", use->advice);
}

static int load_one(const char *word, struct vk_policy **ret, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *file = NULL;
	struct vk_error use = {0};
	size_t len = 0;
	int r = cli_policy_text(word, &text, &len, &file, e);

	if (r < 0)
		return r;
	r = vk_policy_parse(file, text, len, resolve_use, &use, ret, e);
	if (r < 0)
		join_errors(e, &use);
	return r;
}

int cli_policies_load(struct cli_policies *p, const char *const *words, size_t n,
		      struct vk_error *e)
{
	if (n > VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG, "an instance has at most %d layers", VK_MAX_LAYERS);
	for (size_t i = 0; i < n; i++) {
		int r = load_one(words[i], &p->layers[p->n], e);

		if (r < 0)
			return r;
		p->n++;
	}
	return 0;
}

void cli_policies_free(struct cli_policies *p)
{
	for (size_t i = 0; i < p->n; i++)
		vk_policy_free(p->layers[i]);
	*p = (struct cli_policies){0};
}

void cli_add_policy_name(const struct cli_command *cmd, struct cli_names *names, const char *word)
{
	if (names->n == VK_MAX_LAYERS)
		exit(cli_usage(cmd, "-p can be given at most %d times", VK_MAX_LAYERS));
	names->names[names->n++] = word;
}
