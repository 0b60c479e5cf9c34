// SPDX-License-Identifier: LGPL-2.1-or-later
/* import.c - which importer, and what they share. */
#include "import.h"
#include "import_seccomp.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vk_import_kinds[VK_IMPORT_KINDS + 1] = {"seccomp", "oci", "apparmor", NULL};

/* A kind without an importer cannot be imported by this version. */
static const vk_importer importers[VK_IMPORT_KINDS] = {
	[VK_IMPORT_SECCOMP] = vk_import_seccomp,
	[VK_IMPORT_OCI] = vk_import_oci,
	[VK_IMPORT_APPARMOR] = vk_import_apparmor,
};

int vk_import_lose(struct vk_imported *out, bool laxer, const char *fmt, ...)
{
	char **lost = reallocarray(out->lost, out->n_lost + 1, sizeof(*lost));
	va_list ap;
	int r;

	if (!lost)
		return -ENOMEM;
	out->lost = lost;
	va_start(ap, fmt);
	r = vasprintf(&lost[out->n_lost], fmt, ap);
	va_end(ap);
	if (r < 0)
		return -ENOMEM;
	if (laxer && out->unlike++ == 0)
		out->why = lost[out->n_lost];
	out->n_lost++;
	return 0;
}

void vk_imported_free(struct vk_imported *out)
{
	for (size_t i = 0; i < out->n_lost; i++)
		free(out->lost[i]);
	free(out->lost);
	free(out->yaml);
	*out = (struct vk_imported){0};
}

static bool has_word(const struct vk_import_from *from, const char *word)
{
	return memmem(from->text, from->len, word, strlen(word)) != NULL;
}

/* Whether a line begins with @word, as a directive of AppArmor does. */
static bool has_line(const struct vk_import_from *from, const char *word)
{
	const char *end = from->text + from->len;
	size_t len = strlen(word);

	for (const char *s = from->text; s && s < end;) {
		const char *next = memchr(s, '\n', (size_t)(end - s));

		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		if ((size_t)(end - s) >= len && memcmp(s, word, len) == 0)
			return true;
		s = next ? next + 1 : NULL;
	}
	return false;
}

int vk_import_detect(const struct vk_import_from *from, enum vk_import_kind *ret,
		     struct vk_error *e)
{
	size_t at = 0;

	while (at < from->len && isspace((unsigned char)from->text[at]))
		at++;
	if (at < from->len && from->text[at] == '{') {
		bool config = has_word(from, "\"ociVersion\"") || has_word(from, "\"linux\"");

		if (config || has_word(from, "\"defaultAction\"")) {
			*ret = config ? VK_IMPORT_OCI : VK_IMPORT_SECCOMP;
			return 0;
		}
	} else if (has_line(from, "profile ") || has_line(from, "abi <") ||
		   has_line(from, "#include <") || has_line(from, "include <") ||
		   has_word(from, "flags=(")) {
		*ret = VK_IMPORT_APPARMOR;
		return 0;
	}
	vk_error_at(e, EINVAL, from->file, 0, 0, "this is no profile that can be imported");
	vk_error_advise(e, "seccomp profiles (JSON), config.json of a container, and AppArmor "
			   "profiles are known; --kind says which it is meant to be");
	return -EINVAL;
}

int vk_import(enum vk_import_kind kind, const struct vk_import_from *from, struct vk_imported *ret,
	      struct vk_error *e)
{
	if (!importers[kind])
		return vk_error_at(e, ENOTSUP, from->file, 0, 0,
				   "this version cannot import profiles of the kind %s",
				   vk_import_kinds[kind]);
	return importers[kind](from, ret, e);
}
