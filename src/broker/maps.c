/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps.c - the maps of the programs that a member pushed, read and written by itself.
 *
 * Which map it is, is decided under the engine's lock; what is in it is copied without, by the
 * descriptor, so a large one keeps nobody waiting.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "cleanup.h"
#include "programs.h"
#include "proto.h"
#include "push.h"

static int list_maps(const struct vk_program_image *img, uint8_t *data)
{
	size_t len = img->maps.count * sizeof(struct vk_program_map);

	_Static_assert(VK_PROGRAM_MAPS * sizeof(struct vk_program_map) <= VK_BROKER_DATA_MAX,
		       "all maps fit");
	memcpy(data, vk_program_maps(img), len);
	return (int)len;
}

/* The bytes left in @data, or a negative errno. */
static int use_map(const struct vk_own_map *m, uint16_t op, const struct vk_map_call *c,
		   uint8_t *data, struct vk_error *e)
{
	const uint8_t *key = (const uint8_t *)(c + 1), *value = key + c->key_len;
	int r;

	if (c->key_len && c->key_len != m->map.key_size)
		return vk_error_set(e, EINVAL, "keys of map %s have %u bytes", c->map,
				    m->map.key_size);
	if (c->value_len && c->value_len != m->map.value_size)
		return vk_error_set(e, EINVAL, "values of map %s have %u bytes", c->map,
				    m->map.value_size);
	_Static_assert(VK_PROGRAM_MAP_VALUE <= VK_BROKER_VALUE_MAX &&
			       VK_PROGRAM_MAP_KEY <= VK_BROKER_KEY_MAX &&
			       VK_PROGRAM_MAP_VALUE + VK_PROGRAM_MAP_KEY <= VK_BROKER_DATA_MAX,
		       "any element fits");
	switch (op) {
	case VK_BROKER_MAP_DUMP:
		return (int)vk_own_map_dump(m, c->key_len ? key : NULL, data, VK_BROKER_DATA_MAX);
	case VK_BROKER_MAP_GET:
		r = vk_own_map_get(m, key, data, e);
		return r < 0 ? r : (int)m->map.value_size;
	case VK_BROKER_MAP_SET:
		return vk_own_map_set(m, key, value, e);
	default:
		return vk_own_map_set(m, key, NULL, e);
	}
}

int serve_map(const struct peer *p, uid_t uid, const char *target, uint16_t op,
	      const struct vk_map_call *c, void *data, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_free_ struct vk_program_image *img = NULL;
	struct vk_program_request q = {
		.uid = uid,
		.target = target,
		.name = c->program,
		.write = op == VK_BROKER_MAP_SET || op == VK_BROKER_MAP_DELETE,
	};
	struct vk_own_map m = {.fd = -1};
	uint32_t id;
	int r = open_for(p, 0, &q, &eng, e);

	if (r < 0)
		return r;
	if (op == VK_BROKER_MAPS) {
		r = vk_program_request_maps(eng, &q, &img, &id, e);
		return r < 0 ? r : list_maps(img, data);
	}
	r = vk_program_request_map(eng, &q, c->map, &m, e);
	vk_engine_close(vk_take_ptr(eng));
	if (r == 0)
		r = use_map(&m, op, c, data, e);
	vk_closep(&m.fd);
	return r;
}
