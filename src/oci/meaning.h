/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meaning.h - what words for policies mean, kept for the next container.
 *
 * Containers start under a few policies, again and again. What their files say is parsed once; as
 * long as the files are what they were, the words that name them mean the same. Meanings decide
 * what binds a container, so they are in a map of ours, which members cannot reach.
 *
 * Where the engine's own profiles count, what it asks for is part of the words: a hash of it. The
 * seccomp profile that comes of it is too long for the map:
 *
 *	/run/vkernel/profiles/NN	of the last meaning with this NN, two digits of its key
 *	/run/vkernel/profiles/lock	held by who writes one
 *
 * It counts if its hash is the one in the map; else it is made again.
 */
#ifndef VK_OCI_MEANING_H
#define VK_OCI_MEANING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vk_kern.h"

/* Makes the words: policies of the administrator, and what the container's annotation says. False:
 * they are too long to be kept. */
bool oci_meaning_words(struct vk_meaning *a, const char *const *policies, size_t n,
		       const char *annotation, size_t len);
/* Adds what the engine asks for: the runtime's @question to the hook, and whether the profiles of
 * all containers are taken over. */
void oci_meaning_ask(struct vk_meaning *a, const char *question, size_t len, bool takeover);
/* Notes a file that was looked for. @st NULL: there was none. A vk_lookup_fn: @meaning is a struct
 * vk_meaning, and whatever cannot be noted makes it one that is not kept. */
void oci_meaning_note(const char *path, const struct stat *st, void *meaning);
/* Keeps it, with the seccomp profile that comes of it (NULL: none); when that fails, the next
 * container finds it out again. */
void oci_meaning_keep(struct vk_meaning *a, const char *profile);
/* What the words of @a mean, if that is kept and still holds; else @a is of no use any more. */
bool oci_meaning_find(struct vk_meaning *a);
/* Whether @kept is what these words mean, and still holds. */
bool oci_meaning_holds(const struct vk_meaning *kept, const char words[VK_MEANING_WORDS],
		       const uint8_t asked[32]);
/* The seccomp profile of what was found, for the caller to free; "" if there is none. NULL: it is not
 * what was kept. */
char *oci_meaning_profile(const struct vk_meaning *a);

#endif
