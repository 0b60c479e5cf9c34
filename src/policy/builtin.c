// SPDX-License-Identifier: LGPL-2.1-or-later
/* builtin.c - look-up of the rule sets that are compiled in; scripts/embed-policies makes them. */
#include <string.h>

#include "parse.h"

const struct vk_builtin *vk_builtin_find(const char *name)
{
	for (size_t i = 0; i < vk_n_builtins; i++)
		if (strcmp(vk_builtins[i].name, name) == 0)
			return &vk_builtins[i];
	return NULL;
}
