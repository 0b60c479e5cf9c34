/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program_map.c - the maps of policy programs, read and written while they run.
 *
 * Root reaches those of all programs by their number; a member, through the broker, those of the
 * programs that it pushed itself. What it may write is what it may take back: who can change the
 * limit that a program enforces can lift it, so the policies must let it pop programs.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "internal.h"
#include "program.h"
#include "push.h"

static int get(int fd, const void *key, void *ret_value, struct vk_error *e)
{
	if (bpf_map_lookup_elem(fd, key, ret_value) < 0)
		return vk_error_set(e, errno,
				    errno == ENOENT ? "the map has no such key" :
						      "cannot read the map");
	return 0;
}

static int set(int fd, const void *key, const void *value, struct vk_error *e)
{
	int r = value ? bpf_map_update_elem(fd, key, value, BPF_ANY) : bpf_map_delete_elem(fd, key);

	if (r == 0)
		return 0;
	if (errno == E2BIG && value)
		return vk_error_set(e, E2BIG, "the map is full, or has no such key");
	if (errno == EPERM)
		return vk_error_set(e, EROFS, "the map is read-only");
	return vk_error_set(e, errno, "cannot %s: %s", value ? "write the map" : "delete",
			    errno == ENOENT ? "the map has no such key" : strerror(errno));
}

/* ---- of any program, for root ---- */

static int open_map(struct vk_engine *eng, uint32_t id, uint32_t map, struct vk_error *e)
{
	int fd;

	if (id == 0 || id >= VK_PROGRAM_ROWS || !(eng->programs[id].flags & VK_P_USED) ||
	    map >= eng->programs[id].maps)
		return vk_error_set(e, ENOENT, "there is no such map");
	fd = vk_program_open_map(id, map);
	return fd < 0 ? vk_error_set(e, errno, "cannot open the map: %s", strerror(errno)) : fd;
}

int vk_program_map_next(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
			void *ret_next, struct vk_error *e)
{
	_cleanup_close_ int fd = open_map(eng, id, map, e);

	if (fd < 0)
		return fd;
	return bpf_map_get_next_key(fd, key, ret_next) < 0 ? -errno : 0;
}

int vk_program_map_get(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
		       void *ret_value, struct vk_error *e)
{
	_cleanup_close_ int fd = open_map(eng, id, map, e);

	return fd < 0 ? fd : get(fd, key, ret_value, e);
}

int vk_program_map_set(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
		       const void *value, struct vk_error *e)
{
	_cleanup_close_ int fd = open_map(eng, id, map, e);

	return fd < 0 ? fd : set(fd, key, value, e);
}

/* ---- of one's own programs, for members ---- */

int vk_program_request_maps(struct vk_engine *eng, const struct vk_program_request *q,
			    struct vk_program_image **ret, uint32_t *ret_id, struct vk_error *e)
{
	uint32_t vki, id;
	int r = vk_push_target(eng, q->caller, q->target, &vki, e);

	if (r < 0)
		return r;
	id = vk_program_own(eng, vki, q->uid, q->name);
	if (!id) {
		/* The same for one that somebody else pushed. */
		vk_error_set(e, ENOENT, "uid %u has pushed no program %s onto \"%s\"", q->uid,
			     q->name, eng->rows[vki].name);
		vk_error_advise(e, "\"vkernel push --list\" lists them");
		return -ENOENT;
	}
	if (q->write && !vk_push_limits_of(eng, vki).poppable)
		return vk_push_refuse(eng, vki, "change what programs keep", "poppable: true", e);
	r = vk_program_image_of(eng, id, ret, e);
	if (r == 0)
		*ret_id = id;
	return r;
}

int vk_program_request_map(struct vk_engine *eng, const struct vk_program_request *q,
			   const char *name, struct vk_own_map *ret, struct vk_error *e)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	const struct vk_program_map *maps;
	uint32_t id, i = 0;
	int r = vk_program_request_maps(eng, q, &img, &id, e);

	if (r < 0)
		return r;
	maps = vk_program_maps(img);
	while (i < img->maps.count && strcmp(maps[i].name, name) != 0)
		i++;
	if (i == img->maps.count)
		return vk_error_set(e, ENOENT, "program %s has no map %s", q->name, name);
	if (q->write && maps[i].flags & VK_MAP_FLAG_READ_ONLY)
		return vk_error_set(e, EROFS, "map %s is read-only", name);
	ret->map = maps[i];
	ret->fd = open_map(eng, id, i, e);
	return ret->fd < 0 ? ret->fd : 0;
}

int vk_own_map_get(const struct vk_own_map *m, const void *key, void *ret_value, struct vk_error *e)
{
	return get(m->fd, key, ret_value, e);
}

int vk_own_map_set(const struct vk_own_map *m, const void *key, const void *value,
		   struct vk_error *e)
{
	return set(m->fd, key, value, e);
}

size_t vk_own_map_dump(const struct vk_own_map *m, const void *after, void *buf, size_t room)
{
	const size_t element = m->map.key_size + m->map.value_size;
	uint8_t key[VK_PROGRAM_MAP_KEY], *at = buf;
	const void *last = NULL;
	size_t used = 0;

	if (after)
		last = memcpy(key, after, m->map.key_size);
	/* More turns than elements: keys may go while they are walked over. */
	for (uint32_t i = 0; i <= m->map.max_entries && room - used >= element; i++) {
		if (bpf_map_get_next_key(m->fd, last, key) < 0)
			break;
		last = key;
		if (bpf_map_lookup_elem(m->fd, key, at + used + m->map.key_size) < 0)
			continue;
		memcpy(at + used, key, m->map.key_size);
		used += element;
	}
	return used;
}
