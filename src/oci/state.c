/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.c - the document that a runtime writes to its hooks. */
#include "oci.h"

#include <ctype.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* Instances have names of at most 64 of A-Z a-z 0-9 . _ -; ids of other shapes are made fit, with
 * a digest that keeps them apart. */
void oci_instance_name(const char *id, char name[65])
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t len = strlen(id), i;
	bool fits = len <= 64 && *id != '-';

	for (i = 0; id[i]; i++) {
		hash = (hash ^ (unsigned char)id[i]) * 0x100000001b3u;
		fits &= isalnum((unsigned char)id[i]) || strchr("._-", id[i]);
	}
	if (fits) {
		memcpy(name, id, len + 1);
		return;
	}
	for (i = 0; i < 40 && id[i]; i++)
		name[i] =
			isalnum((unsigned char)id[i]) || (i && strchr("._-", id[i])) ? id[i] : '_';
	snprintf(name + i, 65 - i, "-%016llx", (unsigned long long)hash);
}

static int fill(const json_t *root, struct oci_state *st, struct vk_error *e)
{
	const char *id = json_string_value(json_object_get(root, "id"));
	const char *bundle = json_string_value(json_object_get(root, "bundle"));
	json_t *annotations = json_object_get(root, "annotations");
	const json_t *policies = json_object_get(annotations, VK_OCI_ANNOTATION);
	json_int_t pid = json_integer_value(json_object_get(root, "pid"));

	if (!id || !*id)
		return vk_error_set(e, EINVAL, "the runtime's state names no container");
	if (pid < 0 || pid > 4194304)
		return vk_error_set(e, EINVAL, "the runtime's state has an impossible pid");
	if (policies && !json_is_string(policies))
		return vk_error_set(e, EINVAL, "annotation " VK_OCI_ANNOTATION " must be a string");
	st->id = strdup(id);
	st->bundle = strdup(bundle ? bundle : "");
	st->policies = policies ? strdup(json_string_value(policies)) : NULL;
	if (!st->id || !st->bundle || (policies && !st->policies))
		return vk_error_set(e, ENOMEM, "no memory");
	st->pid = (pid_t)pid;
	oci_instance_name(id, st->name);
	oci_engine_name(id, st->bundle, annotations, st->engine_name, sizeof(st->engine_name));
	return 0;
}

int oci_state_parse(const char *text, size_t len, struct oci_state *ret, struct vk_error *e)
{
	json_error_t je;
	vk_cleanup(json_freep) json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

	if (!json_is_object(root))
		return vk_error_set(e, EINVAL, "the state on standard input is not JSON: %s",
				    root ? "no object" : je.text);
	return fill(root, ret, e);
}

void oci_state_free(struct oci_state *st)
{
	free(st->id);
	free(st->bundle);
	free(st->policies);
	*st = (struct oci_state){0};
}
