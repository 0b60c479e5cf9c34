/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* import_seccomp.h - the importers of seccomp profiles. */
#ifndef VK_IMPORT_SECCOMP_H
#define VK_IMPORT_SECCOMP_H

#include "import.h"

/* A profile by itself, and linux.seccomp of a config.json; see vk_importer. */
int vk_import_seccomp(const struct vk_import_from *from, struct vk_imported *ret,
		      struct vk_error *e);
int vk_import_oci(const struct vk_import_from *from, struct vk_imported *ret, struct vk_error *e);

#endif
