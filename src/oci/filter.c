// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * filter.c - the seccomp profile of a container: what its engine asks for, and what its policies
 * need besides. The strictest verdict counts, so nothing that the engine denies is allowed.
 */
#include "oci.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "entry.h"
#include "import.h"
#include "parse.h"

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* The engine's profile as one more layer. */
static int add_engine(struct oci_layers *all, const char *profile, struct vk_error *e)
{
	struct vk_import_from from = {
		.file = "linux.seccomp", .text = profile, .len = strlen(profile), .name = "engine"};
	vk_cleanup(vk_imported_free) struct vk_imported made = {0};
	int r;

	if (all->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG,
				    "with the engine's seccomp profile the container has "
				    "more than %d policies",
				    VK_MAX_LAYERS);
	r = vk_import(VK_IMPORT_SECCOMP, &from, &made, e);
	if (r < 0)
		return r;
	if (made.unlike)
		return vk_error_at(e, EOPNOTSUPP, "linux.seccomp", 0, 0,
				   "the engine's profile cannot be joined with the policies': %s",
				   made.lost[0]);
	r = vk_policy_parse("linux.seccomp", made.yaml, strlen(made.yaml), NULL, NULL,
			    &all->layers[all->n], e);
	if (r == 0)
		all->n++;
	return r;
}

/* The runtime's libseccomp leaves out names that it does not know: none of them may be a denial. */
static int check_names(const struct vk_filter *f, struct vk_error *e)
{
	for (size_t i = 0; i < f->n_rules; i++) {
		const struct vk_filter_rule *rule = &f->rules[i];

		if (rule->verdict.act <= f->def.act ||
		    (rule->call >= 0 && vk_entry_knows(vk_syscalls[rule->call].name)))
			continue;
		if (rule->call >= 0)
			vk_error_set(e, EOPNOTSUPP,
				     "the container's runtime may not know the "
				     "system call %s, which a policy denies",
				     vk_syscalls[rule->call].name);
		else
			vk_error_set(e, EOPNOTSUPP,
				     "a container's runtime takes system calls by "
				     "name only, and a policy denies number %u",
				     rule->nr);
		vk_error_advise(e, "leave it to the engine's default profile, which denies what "
				   "is new");
		return -EOPNOTSUPP;
	}
	return 0;
}

int oci_filter(const struct oci_layers *l, const char *profile, uint64_t *ret_hash, char **ret,
	       struct vk_error *e)
{
	_cleanup_filter_ struct vk_filter own = {.coarse = -1}, both = {.coarse = -1};
	const struct vk_filter *f = profile ? &both : &own;
	vk_cleanup(vk_imported_free) struct vk_imported json = {0};
	struct oci_layers all = *l;
	int r = vk_filter_make((const struct vk_policy *const *)l->layers, l->n, &own, e);

	*ret = NULL;
	*ret_hash = vk_filter_hash(&own);
	if (r < 0 || !own.needed)
		return r;
	if (profile)
		r = add_engine(&all, profile, e);
	if (r == 0 && profile)
		r = vk_filter_make((const struct vk_policy *const *)all.layers, all.n, &both, e);
	if (all.n > l->n)
		vk_policy_free(all.layers[l->n]);
	if (r == 0)
		r = check_names(f, e);
	if (r == 0)
		r = vk_filter_json(f, &json, e);
	if (r == 0)
		*ret = vk_take_ptr(json.yaml);
	return r;
}

void oci_question_free(struct oci_question *q)
{
	free(q->policies);
	free(q->seccomp);
	free(q->apparmor);
	*q = (struct oci_question){0};
}

static int take_string(json_t *root, const char *key, const char *name, char **ret,
		       struct vk_error *e)
{
	json_t *value = json_object_get(root, key);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return vk_error_set(e, EINVAL, "%s must be a string", name);
	*ret = strdup(json_string_value(value));
	return *ret ? 0 : vk_error_set(e, ENOMEM, "no memory");
}

int oci_question_parse(const char *text, size_t len, struct oci_question *ret, struct vk_error *e)
{
	json_error_t je;
	vk_cleanup(json_freep) json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	json_t *profile = json_object_get(root, "seccomp");
	int r;

	if (!root)
		return vk_error_set(e, EINVAL, "config.json is not understood: %s", je.text);
	r = take_string(root, "policies", "annotation " VK_OCI_ANNOTATION, &ret->policies, e);
	if (r == 0)
		r = take_string(root, "apparmor", "process.apparmorProfile", &ret->apparmor, e);
	if (r < 0 || !profile || json_is_null(profile))
		return r;
	if (!json_is_object(profile))
		return vk_error_set(e, EINVAL, "linux.seccomp is no object");
	ret->seccomp = json_dumps(profile, 0);
	return ret->seccomp ? 0 : vk_error_set(e, ENOMEM, "no memory");
}
