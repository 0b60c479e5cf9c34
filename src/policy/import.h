/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import.h - profiles of other tools to a policy of ours. Pure: it opens no file.
 *
 * One importer per format, in a file of its own, import_NAME.c; import.c finds out which is meant.
 * An importer drops nothing in silence: what the policy does not say is a line of @lost.
 */
#ifndef VK_IMPORT_H
#define VK_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum vk_import_kind {
	VK_IMPORT_SECCOMP, /* Docker's format, or a bare linux.seccomp */
	VK_IMPORT_OCI, /* linux.seccomp in a config.json */
	VK_IMPORT_APPARMOR,
	VK_IMPORT_KINDS,
};

/* For messages and options: "seccomp", "oci", "apparmor"; NULL at the end. */
extern const char *const vk_import_kinds[VK_IMPORT_KINDS + 1];

/**
 * vk_include_fn - the text of a file that a profile includes
 * @name:     as written; of AppArmor, relative to the directory of profiles, or absolute
 * @ret_text: allocated
 * @ret_len:  its length
 * @data:     the caller's
 *
 * Return: 0; -ENOENT when there is no such file; another negative errno. A directory yields the
 * texts of its files, one after the other, each behind a line "#@file NAME".
 */
typedef int (*vk_include_fn)(const char *name, char **ret_text, size_t *ret_len, void *data);

/**
 * struct vk_import_from - what to import
 * @file:    for messages
 * @text:    the profile; need not end in NUL
 * @len:     its length
 * @name:    of the policy to make, already fit to be one; NULL: the importer's choice
 * @profile: which profile of a file that has several; NULL: the first
 * @caps:    the capabilities that the container will have, where a profile asks for them
 * @kernel:  major << 16 | minor of the kernel, where a profile asks for it; 0: as new as can be
 * @include: finds included files; NULL: there are none
 * @data:    handed to @include
 */
struct vk_import_from {
	const char *file;
	const char *text;
	size_t len;
	const char *name;
	const char *profile;
	uint64_t caps;
	uint32_t kernel;
	vk_include_fn include;
	void *data;
};

/**
 * struct vk_imported - what came of it
 * @yaml:   the policy, allocated; it parses
 * @lost:   one line for each thing that it does not say, with the reason; allocated each
 * @n_lost: how many
 * @unlike: of those, how many make the policy allow what the profile denies. 0: it can take the
 *          profile's place. What denies nothing worth having is not counted: file locks, and what
 *          others do to the members; nor are messages on D-Bus, which need no-d-bus besides
 * @why:    the first of those, or NULL
 */
struct vk_imported {
	char *yaml;
	char **lost;
	size_t n_lost;
	size_t unlike;
	const char *why;
};

/* Adds a line to @out->lost. @laxer: the policy allows more for the lack of it. Return: 0; -ENOMEM. */
int vk_import_lose(struct vk_imported *out, bool laxer, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void vk_imported_free(struct vk_imported *out);

/* Which format the text is in, by its content. Return: 0; -EINVAL none that is known. */
int vk_import_detect(const struct vk_import_from *from, enum vk_import_kind *ret,
		     struct vk_error *e);

/* Return: 0; -EINVAL a mistake in the profile; -ENOENT the text has no such profile; -ENOTSUP the kind cannot be imported; -ENOMEM. */
int vk_import(enum vk_import_kind kind, const struct vk_import_from *from, struct vk_imported *ret,
	      struct vk_error *e);

/* The importers. On failure @ret may hold lines, to be freed by the caller. */
typedef int (*vk_importer)(const struct vk_import_from *from, struct vk_imported *ret,
			   struct vk_error *e);

int vk_import_apparmor(const struct vk_import_from *from, struct vk_imported *ret,
		       struct vk_error *e);

#endif
