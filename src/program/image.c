/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.c - parts of an image, names of hooks. */
#include "programs.h"

#include <ctype.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned int flags;
} hooks[] = {
#define X(hook, number, flags) [number] = {#hook, flags},
	VK_PROGRAM_HOOKS(X) VK_PROGRAM_ALIASES(X)
#undef X
};

static const void *part(const struct vk_program_image *img, const struct vk_span *span)
{
	return (const uint8_t *)img + span->offset;
}

const struct bpf_insn *vk_program_insns(const struct vk_program_image *img)
{
	return part(img, &img->insns);
}

const struct vk_program_function *vk_program_functions(const struct vk_program_image *img)
{
	return part(img, &img->functions);
}

const struct vk_program_entry *vk_program_entries(const struct vk_program_image *img)
{
	return part(img, &img->entries);
}

const struct vk_program_map *vk_program_maps(const struct vk_program_image *img)
{
	return part(img, &img->maps);
}

const struct vk_program_import *vk_program_imports(const struct vk_program_image *img)
{
	return part(img, &img->imports);
}

const struct vk_program_export *vk_program_exports(const struct vk_program_image *img)
{
	return part(img, &img->exports);
}

const uint8_t *vk_program_data(const struct vk_program_image *img)
{
	return part(img, &img->data);
}

/* An element of a hash has some 64 bytes of its own, and room for a bucket. */
uint64_t vk_program_map_bytes(const struct vk_program_map *map)
{
	uint64_t element = (uint64_t)(map->value_size + 7) / 8 * 8;

	if (map->type != VK_MAP_TYPE_ARRAY)
		element += (uint64_t)(map->key_size + 7) / 8 * 8 + 80;
	return 512 + element * map->max_entries;
}

uint64_t vk_program_memory(const struct vk_program_image *img)
{
	const struct vk_program_map *maps = vk_program_maps(img);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < img->maps.count; i++)
		sum += vk_program_map_bytes(&maps[i]);
	return sum;
}

const char *vk_program_hook_name(unsigned int hook)
{
	return hook < VK_HOOK_COUNT ? hooks[hook].name : NULL;
}

bool vk_program_hook_ok(unsigned int hook)
{
	return hook < VK_HOOK_file_ioctl_compat && hooks[hook].name;
}

unsigned int vk_program_hook_id(const char *name)
{
	for (unsigned int i = 1; i < VK_HOOK_COUNT; i++)
		if (vk_program_hook_ok(i) && strcmp(hooks[i].name, name) == 0)
			return i;
	return 0;
}

bool vk_program_hook_has_path(unsigned int hook)
{
	return hook < VK_HOOK_COUNT && hooks[hook].flags & VK_HAS_PATH;
}

uint32_t vk_program_event_bytes(unsigned int hook, uint32_t wants)
{
	if (!(wants & VK_WANT_path) || !vk_program_hook_has_path(hook))
		return VK_EVENT_FIXED;
	return hooks[hook].flags == VK_HAS_PATHS ? sizeof(struct vk_policy_event) :
						   VK_EVENT_ONE_PATH;
}

uint64_t vk_program_hooks(const struct vk_program_image *img)
{
	const struct vk_program_entry *entries = vk_program_entries(img);
	uint64_t mask = 0;

	for (uint32_t i = 0; i < img->entries.count; i++)
		mask |= 1ull << entries[i].hook;
	return mask;
}

bool vk_program_name_ok(const char *name, size_t room)
{
	size_t len = strnlen(name, room);

	if (len == 0 || len >= room || name[0] == '-' || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}
