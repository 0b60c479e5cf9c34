// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * takeover.c - the profiles that a container's engine asks for, as layers of its instance.
 *
 * The runtime has put them aside in config.json, so no rule of theirs may get lost: what cannot be
 * said stops the container.
 */
#include "oci.h"

#include <string.h>

#include "cleanup.h"
#include "config_edit.h"
#include "import.h"
#include "lookup.h"
#include "profile.h"

bool oci_wants_takeover(const struct oci_layers *l)
{
	bool wants = false;

	for (size_t i = 0; i < l->n; i++)
		wants |= l->layers[i]->takeover;
	return wants;
}

/* A layer of the text, which begins with the version, marked as what it is. */
static int add_layer(struct oci_layers *l, const char *what, const char *text, const char *more,
		     struct vk_error *e)
{
	static const char version[] = "vkernel: 1\n";
	const char *rest = strstr(text, version);
	_cleanup_source_ struct vk_source s = {0};
	int len, r;

	if (l->n == VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG,
				    "with the profiles of its engine the container has more "
				    "than %d policies",
				    VK_MAX_LAYERS);
	if (!rest)
		return vk_error_set(e, EINVAL, "%s is not understood", what);
	rest += sizeof(version) - 1;
	len = asprintf(&s.text, "%sin-place-of: %s\n%s%s", version, what, more, rest);
	if (len < 0 || !(s.file = strdup(what)))
		return vk_error_set(e, ENOMEM, "no memory");
	s.len = (size_t)len;
	r = vk_lookup_parse(vk_policy_dirs, &s, &l->layers[l->n], e);
	if (r == 0)
		l->n++;
	return r;
}

static int refuse(const char *what, const char *why, struct vk_error *e)
{
	vk_error_at(e, EOPNOTSUPP, what, 0, 0, "it cannot be taken over: %.300s", why);
	vk_error_advise(e, "leave takeover out for this container, and the engine's profile stays");
	return -EOPNOTSUPP;
}

static int take_seccomp(struct oci_layers *l, const char *profile, struct vk_error *e)
{
	static const char what[] = "linux.seccomp";
	/* Who decides in another process is part of the sandbox, and what we say instead is not. */
	static const char *const asks[] = {"SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"};
	struct vk_import_from from = {
		.file = what, .text = profile, .len = strlen(profile), .name = "engine-seccomp"};
	vk_cleanup(vk_imported_free) struct vk_imported made = {0};
	int r;

	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		if (strstr(profile, asks[i]))
			return refuse(what, "another process or a signal handler decides", e);
	r = vk_import(VK_IMPORT_SECCOMP, &from, &made, e);
	if (r < 0)
		return r;
	if (made.unlike)
		return refuse(what, made.why, e);
	return add_layer(l, what, made.yaml, "", e);
}

/* Profiles that engines have compiled in, and load when they start. */
static bool is_compiled_in(const char *name)
{
	static const char podman[] = "containers-default-";

	return !strcmp(name, "docker-default") || !strcmp(name, "cri-containerd.apparmor.d") ||
	       !strncmp(name, podman, sizeof(podman) - 1);
}

/* The administrator's file comes first: it may be there because the profile was changed. */
static int take_apparmor(struct oci_layers *l, const char *name, struct vk_error *e)
{
	vk_cleanup(vk_imported_free) struct vk_imported made = {0};
	_cleanup_source_ struct vk_source builtin = {0};
	_cleanup_free_ char *what = NULL;
	int r;

	if (!*name || !strcmp(name, "unconfined"))
		return 0;
	/* It becomes a word of a document and part of messages. */
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+") !=
		    strlen(name) ||
	    asprintf(&what, "AppArmor profile %s", name) < 0) {
		what = NULL;
		return refuse("AppArmor profile", "its name is not of letters, digits and ._-/+",
			      e);
	}
	r = vk_profile_find(VK_APPARMOR_DIR, name, &made, e);
	if (r == 0)
		return made.unlike ? refuse(what, made.why, e) :
				     add_layer(l, what, made.yaml, "use: [no-d-bus]\n", e);
	if (r != -ENOENT)
		return r;
	if (!is_compiled_in(name))
		return refuse(what, "no file in " VK_APPARMOR_DIR " has it", e);
	r = vk_lookup_name((const char *const[]){NULL}, "docker-default", &builtin, e);
	return r < 0 ? r : add_layer(l, what, builtin.text, "use: [no-d-bus]\n", e);
}

int oci_take_over(struct oci_layers *l, const char *seccomp, const char *apparmor,
		  struct vk_error *e)
{
	int r = seccomp ? take_seccomp(l, seccomp, e) : 0;

	return r == 0 && apparmor ? take_apparmor(l, apparmor, e) : r;
}

/* A string of JSON that needs no escapes; a name that needs them is refused by its quotes. */
static int unquote(const char *json, size_t len, char **ret, struct vk_error *e)
{
	if (len < 2 || json[0] != '"' || json[len - 1] != '"')
		return vk_error_set(e, EINVAL, "process.apparmorProfile is no string");
	*ret = strndup(json + 1, len - 2);
	return *ret ? 0 : vk_error_set(e, ENOMEM, "no memory");
}

int oci_take_over_config(struct oci_layers *l, const char *path, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *seccomp = NULL, *apparmor = NULL;
	const char *value;
	size_t len, n;
	int r = vk_profile_read(path, &text, &len);

	if (r < 0)
		return vk_error_at(e, -r, path, 0, 0, "cannot read it: %s", strerror(-r));
	r = oci_config_find(text, len, "linux", OCI_TAKEN_SECCOMP, &value, &n, e);
	if (r == 0 && value && !(seccomp = strndup(value, n)))
		r = vk_error_set(e, ENOMEM, "no memory");
	if (r == 0)
		r = oci_config_find(text, len, "process", OCI_TAKEN_APPARMOR, &value, &n, e);
	if (r == 0 && value)
		r = unquote(value, n, &apparmor, e);
	return r < 0 ? r : oci_take_over(l, seccomp, apparmor, e);
}
