// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * policy_load.c - from a word on the command line, or after `use:`, to a policy.
 *
 * A word with a '/' or ".yaml" in it is a path. Any other is a name, looked for in
 * /etc/vkernel/policies (the administrator's), /usr/share/vkernel/policies (the packages') and
 * among the built-in sets. VKERNEL_POLICY_PATH replaces the directories.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "lookup.h"
#include "schema.h"

char **cli_policy_dirs(void)
{
	const char *path = getenv("VKERNEL_POLICY_PATH");
	size_t n = 0;
	char **dirs;

	if (!path || !*path) {
		dirs = cli_alloc(8, sizeof(*dirs));
		for (; vk_policy_dirs[n]; n++)
			dirs[n] = cli_dup(vk_policy_dirs[n]);
		return dirs;
	}
	dirs = cli_alloc(strlen(path) + 2, sizeof(*dirs));
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

static int find(char **dirs, const char *word, struct vk_source *ret, struct vk_error *e)
{
	int r;

	if (strchr(word, '/') || strstr(word, ".yaml")) {
		/* The user's who types `sudo vkernel run -p ./web.yaml`. */
		r = vk_lookup_path(word, true, ret, e);
		if (r == -ENOENT)
			vk_error_at(e, ENOENT, word, 0, 0, "no such file");
		return r;
	}
	r = vk_lookup_name((const char *const *)dirs, word, ret, e);
	if (r == -ENOENT) {
		vk_error_set(e, ENOENT, "no policy is named '%s'", word);
		advise_name(word, e);
	}
	return r;
}

int cli_policy_text(const char *word, char **ret_text, size_t *ret_len, char **ret_file,
		    struct vk_error *e)
{
	vk_cleanup(free_stringsp) char **dirs = cli_policy_dirs();
	struct vk_source s = {0};
	int r = find(dirs, word, &s, e);

	if (r < 0)
		return r;
	*ret_text = s.text;
	*ret_len = s.len;
	*ret_file = s.file;
	return 0;
}

static int load_one(const char *word, struct vk_policy **ret, struct vk_error *e)
{
	vk_cleanup(free_stringsp) char **dirs = cli_policy_dirs();
	_cleanup_source_ struct vk_source s = {0};
	int r = find(dirs, word, &s, e);

	return r < 0 ? r : vk_lookup_parse((const char *const *)dirs, &s, ret, e);
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
