/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile.h - the files of profiles that are imported, and what AppArmor's include. */
#ifndef VK_LOOKUP_PROFILE_H
#define VK_LOOKUP_PROFILE_H

#include <stddef.h>

#include "error.h"
#include "import.h"

#define VK_APPARMOR_DIR "/etc/apparmor.d"

/* All of a regular file of at most 16 MiB, NUL behind it. Return: 0; a negative errno. */
int vk_profile_read(const char *path, char **ret, size_t *ret_len);
/* vk_include_fn; @data: the directory of profiles. */
int vk_profile_include(const char *name, char **ret_text, size_t *ret_len, void *data);
/* Imports the AppArmor profile @name, wherever in @dir it is. -ENOENT: nowhere, with the error
 * unset; -ENOTUNIQ: in several files. */
int vk_profile_find(const char *dir, const char *name, struct vk_imported *ret, struct vk_error *e);

#endif
