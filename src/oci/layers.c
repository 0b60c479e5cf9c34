/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layers.c - from the names of policies to the layers of a container.
 *
 * Stricter than the command line: names may come from whoever wrote an image, so they are names
 * and never paths; the environment has no say; and every file must be root's.
 */
#include "oci.h"

#include <string.h>

#include "cleanup.h"
#include "lookup.h"

#define MAX_NAME 64

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

static int parse(struct oci_layers *l, const struct vk_source *source, struct vk_error *e)
{
	int r = vk_lookup_parse(vk_policy_dirs, source, &l->layers[l->n], e);

	if (r == 0)
		l->n++;
	return r;
}

/* -ENOENT, without an error: there is no such file. */
static int add_path(struct oci_layers *l, const char *path, struct vk_error *e)
{
	_cleanup_source_ struct vk_source source = {0};
	int r = vk_lookup_path(path, false, &source, e);

	return r < 0 ? r : parse(l, &source, e);
}

int oci_add_layer(struct oci_layers *l, const char *word, bool path_allowed, struct vk_error *e)
{
	_cleanup_source_ struct vk_source source = {0};
	int r;

	if (l->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG, "a container can be under at most %d policies",
				    VK_MAX_LAYERS);
	if (path_allowed && *word == '/') {
		r = add_path(l, word, e);
		return r == -ENOENT ?
			       vk_error_at(e, ENOENT, word, 0, 0, "there is no such policy") :
			       r;
	}
	if (!is_name(word)) {
		vk_error_set(e, EINVAL, "\"%.80s\" is no name of a policy", word);
		vk_error_advise(e, "a name is of a-z, 0-9 and -; paths are not allowed here");
		return -EINVAL;
	}
	r = vk_lookup_name(vk_policy_dirs, word, &source, e);
	if (r == -ENOENT) {
		vk_error_set(e, ENOENT, "no policy is named '%s'", word);
		vk_error_advise(e, "put it at %s/%s.yaml; \"vkernel policy list\" shows the names",
				vk_policy_dirs[0], word);
		return -ENOENT;
	}
	return r < 0 ? r : parse(l, &source, e);
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

static bool speaks_of_push(const struct vk_policy *p)
{
	bool push = p->push.set && (p->push.layers || p->push.programs || p->push.children);

	for (size_t i = 0; !push && i < p->n_uses; i++)
		push = speaks_of_push(p->uses[i]);
	return push;
}

bool oci_layers_push(const struct oci_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (speaks_of_push(l->layers[i]))
			return true;
	return false;
}

int oci_add_default(struct oci_layers *l, struct vk_error *e)
{
	int r = add_path(l, VK_OCI_DEFAULT, e);

	return r == -ENOENT && !e->code ? oci_add_layer(l, VK_OCI_BUILTIN, false, e) : r;
}
