/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program_list.c - looking at policy programs and helpers. */
#include <string.h>

#include "internal.h"
#include "program.h"

static uint32_t count_inheriting(struct vk_engine *eng, uint32_t vki)
{
	uint32_t n = 0;

	for (uint32_t id = 1; id < VK_INSTANCES; id++)
		n += id != vki && eng->rows[id].used && vk_instance_is_within(eng, id, vki);
	return n;
}

int vk_program_list(struct vk_engine *eng, const char *instance, uint32_t flags,
		    int (*fn)(const struct vk_program_info *info, void *data), void *data,
		    struct vk_error *e)
{
	uint32_t only = 0, ids[VK_PROGRAMS_OWN];
	int r = instance ? vk_row_find(eng, instance, &only, e) : 0;

	for (uint32_t id = 1; flags & VK_P_HELPER && r == 0 && id < VK_PROGRAM_ROWS; id++) {
		struct vk_program_info info = {.id = id, .row = eng->programs[id]};

		if (info.row.flags & VK_P_USED && info.row.flags & VK_P_HELPER)
			r = fn(&info, data);
	}
	for (uint32_t vki = 1; !(flags & VK_P_HELPER) && r == 0 && vki < VK_INSTANCES; vki++) {
		size_t n;

		if (!eng->rows[vki].used || (only && vki != only))
			continue;
		n = vk_programs_own(eng, vki, ids, 0, VK_PROGRAMS_OWN);
		for (size_t i = 0; r == 0 && i < n; i++) {
			struct vk_program_info info = {.id = ids[i], .row = eng->programs[ids[i]]};

			snprintf(info.instance, sizeof(info.instance), "%s", eng->rows[vki].name);
			info.inherited = count_inheriting(eng, vki);
			r = fn(&info, data);
		}
	}
	return r;
}
