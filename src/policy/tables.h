/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tables.h - the parts of an image that are not paths. */
#ifndef VK_TABLES_H
#define VK_TABLES_H

#include "components.h"

/* Fill their fields of the header, which starts as zeroes. Return: 0; -E2BIG. */
int vk_tables_fill(struct vk_image *img, const struct vk_components *comps, struct vk_error *e);
/* After verdicts and tables are final. */
uint32_t vk_needs(const struct vk_image *img);
/* What of it follows from rights on names that are not simply granted. */
uint32_t vk_needs_of_rights(uint32_t rights);

#endif
