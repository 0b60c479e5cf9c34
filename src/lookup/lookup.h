/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.h - from a word that names a policy to its text, and to the policy.
 *
 * A name is looked for in directories, the administrator's before the packages', and then among
 * the built-in sets. A rule that root is about to enforce must not be one that others can edit: a
 * file found by name, which nobody looked at, must be root's.
 */
#ifndef VK_LOOKUP_H
#define VK_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "error.h"
#include "model.h"

/* /etc/vkernel/policies, /usr/share/vkernel/policies; ends with NULL. */
extern const char *const vk_policy_dirs[];

/**
 * struct vk_source - the text of a policy
 * @text: NUL after @len bytes
 * @len:  bytes
 * @file: the name that messages use: a path, or "built-in NAME"
 */
struct vk_source {
	char *text;
	size_t len;
	char *file;
};
void vk_source_free(struct vk_source *s);
#define _cleanup_source_ vk_cleanup(vk_source_free)

/* Reads up to @size bytes, and puts a NUL after them: what a file grows by meanwhile is left out. */
int vk_lookup_read(int fd, size_t size, char **ret, size_t *ret_len);
/* Reads a file. @others: it may be a user's, as long as not everybody can write to it. Nobody but
 * root is held to any of this. -ENOENT leaves the error unset: the caller knows what was looked
 * for. */
int vk_lookup_path(const char *path, bool others, struct vk_source *ret, struct vk_error *e);
/* From now on calls @fn for each file that a policy is looked for in, with what it was when it was
 * read, or NULL where there is none, and for directories in all of whose files a profile is looked
 * for. A NULL path: of more files than can be told. For programs that keep what they found. */
typedef void (*vk_lookup_fn)(const char *path, const struct stat *st, void *data);
void vk_lookup_watch(vk_lookup_fn fn, void *data);
/* Tells who watches of one more. */
void vk_lookup_tell(const char *path, const struct stat *st);
/* Finds a name in @dirs and among the built-in sets. -ENOENT leaves the error unset. */
int vk_lookup_name(const char *const *dirs, const char *name, struct vk_source *ret,
		   struct vk_error *e);
/* Parses what was found; the sets it uses are looked up by name. */
int vk_lookup_parse(const char *const *dirs, const struct vk_source *s, struct vk_policy **ret,
		    struct vk_error *e);

#endif
