/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* names.h - the word lists of policies; the public look-ups are declared in compile.h. */
#ifndef VK_NAMES_H
#define VK_NAMES_H

#include <stdint.h>

#include "vk_rights.h"

/* What the words "write", "modify" and "all" of a file rule stand for. */
#define VK_RIGHTS_WRITE (VK_R_WRITE | VK_R_APPEND | VK_R_TRUNCATE)
#define VK_RIGHTS_ALL (VK_R_FILES_ALL | VK_R_EXEC)
/* All that leaves something changed; an ioctl may or may not. */
#define VK_RIGHTS_MODIFY (VK_RIGHTS_ALL & ~(VK_R_READ | VK_R_EXEC | VK_R_IOCTL | VK_R_MMAP_EXEC))

#define VK_N_CAPS 41 /* CAP_CHECKPOINT_RESTORE is 40 */
#define VK_N_FAMILIES 46 /* AF_MCTP is 45 */

/* NULL-terminated. Capabilities and families are indexed by number; "" has no name. */
extern const char *const vk_cap_words[];
extern const char *const vk_family_words[];
extern const char *const vk_socktype_words[];
extern const char *const vk_netlink_words[];

/* Each returns 0 and *ret, or -EINVAL. */
int vk_family_parse(const char *word, int *ret);
int vk_socktype_parse(const char *word, int *ret);
int vk_netlink_parse(const char *word, int *ret);

#endif
