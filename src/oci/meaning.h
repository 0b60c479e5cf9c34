/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meaning.h - what words for policies mean, kept for the next container.
 *
 * Containers start under a few policies, again and again. What their files say is parsed once; as
 * long as the files are what they were, the words that name them mean the same. Meanings decide
 * what binds a container, so they are in a map of ours, which members cannot reach.
 */
#ifndef VK_OCI_MEANING_H
#define VK_OCI_MEANING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "vk_kern.h"

/* Makes the words: policies of the administrator, and what the container's annotation says. False:
 * they are too long to be kept. */
bool oci_meaning_words(struct vk_meaning *a, const char *const *policies, size_t n,
		       const char *annotation, size_t len);
/* Notes a file that was looked for. @st NULL: there was none. A vk_lookup_fn: @meaning is a struct
 * vk_meaning, and whatever cannot be noted makes it one that is not kept. */
void oci_meaning_note(const char *path, const struct stat *st, void *meaning);
/* Keeps it; when that fails, the next container finds it out again. */
void oci_meaning_keep(const struct vk_meaning *a);
/* What the words of @a mean, if that is kept and still holds; else @a is of no use any more. */
bool oci_meaning_find(struct vk_meaning *a);

#endif
