/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program_store.c - policy programs at rest: rows in the map vk_programs, maps pinned below
 * programs/ID_NUMBER, images in /run/vkernel/programs/ID.
 *
 * Images are needed again when programs are spliced anew. They are files, so each is held against
 * the hash in its row, which members cannot reach, before anything of it is used.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "internal.h"
#include "program.h"
#include "sha256.h"

#define IMAGE_DIR VK_STATE_ROOT "/programs"

static void image_path(char *buf, size_t len, uint32_t id)
{
	snprintf(buf, len, IMAGE_DIR "/%u", id);
}

/* While it is written. */
static void temp_path(char *buf, size_t len, uint32_t id)
{
	snprintf(buf, len, IMAGE_DIR "/%u.new", id);
}

static void map_path(char *buf, size_t len, uint32_t id, uint32_t index)
{
	snprintf(buf, len, VK_PIN_ROOT "/programs/%u_%u", id, index);
}

int vk_program_open_map(uint32_t id, uint32_t index)
{
	char path[96];

	map_path(path, sizeof(path), id, index);
	return bpf_obj_get(path);
}

uint32_t vk_program_find(struct vk_engine *eng, uint32_t vki, uint32_t flags, const char *name)
{
	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++) {
		const struct vk_program_row *row = &eng->programs[id];

		if (row->flags & VK_P_USED && (row->flags & VK_P_HELPER) == flags &&
		    (flags || row->vki == vki) && strcmp(row->name, name) == 0)
			return id;
	}
	return 0;
}

uint32_t vk_program_free_id(struct vk_engine *eng)
{
	static uint32_t last;

	/* Late, so that the last events of a program that is gone do not name another one. */
	for (uint32_t i = 1; i < VK_PROGRAM_ROWS; i++) {
		last = last + 1 >= VK_PROGRAM_ROWS ? 1 : last + 1;
		if (!eng->programs[last].flags && !eng->programs[last].name[0])
			return last;
	}
	for (uint32_t id = 1; id < VK_PROGRAM_ROWS; id++)
		if (!eng->programs[id].flags)
			return id;
	return 0;
}

void vk_program_name_of(struct vk_engine *eng, uint32_t id, char ret[32])
{
	if (id && id < VK_PROGRAM_ROWS && eng->programs[id].name[0])
		memcpy(ret, eng->programs[id].name, 32);
	else
		snprintf(ret, 32, "#%u", id);
}

static int read_image(struct vk_engine *eng, uint32_t id, struct vk_program_image **ret,
		      struct vk_error *e)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ void *data = NULL;
	uint8_t hash[VK_SHA256];
	struct stat st;
	char path[64];
	int r;

	image_path(path, sizeof(path), id);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_set(e, errno, "cannot read %s: %s", path, strerror(errno));
	if (st.st_size <= 0 || st.st_size > VK_PROGRAM_BYTES)
		return vk_error_set(e, EBADMSG, "%s is no image", path);
	data = malloc((size_t)st.st_size);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		return vk_error_set(e, EIO, "cannot read %s", path);
	vk_sha256(data, (size_t)st.st_size, hash);
	if (memcmp(hash, eng->programs[id].sha256, sizeof(hash)) != 0) {
		vk_error_set(e, EBADMSG, "%s is not the image that was pushed", path);
		vk_error_advise(e,
				"somebody changed " VK_STATE_ROOT "; pop the program and push it "
				"again");
		return -EBADMSG;
	}
	r = vk_program_check(data, (size_t)st.st_size, e);
	if (r == 0)
		*ret = vk_take_ptr(data);
	return r;
}

int vk_program_image_of(struct vk_engine *eng, uint32_t id, struct vk_program_image **ret,
			struct vk_error *e)
{
	if (id == 0 || id >= VK_PROGRAM_ROWS || !(eng->programs[id].flags & VK_P_USED))
		return vk_error_set(e, ENOENT, "there is no program %u", id);
	return read_image(eng, id, ret, e);
}

void vk_stored_free(struct vk_stored *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < VK_PROGRAM_IMPORTS; i++)
		vk_stored_free(s->helpers[i]);
	vk_program_close_maps(&s->linked);
	free(s->img);
	free(s);
}

static void stored_freep(struct vk_stored **s)
{
	vk_stored_free(*s);
}

int vk_stored_link(struct vk_engine *eng, struct vk_linked *p, struct vk_stored **helpers,
		   uint16_t *ids, struct vk_error *e)
{
	for (uint32_t i = 0; i < p->img->imports.count; i++) {
		const struct vk_program_import *want = &vk_program_imports(p->img)[i];
		uint32_t id = vk_program_find(eng, 0, VK_P_HELPER, want->name);
		const struct vk_program_export *exports;
		int r;

		if (!id) {
			vk_error_set(e, ENOENT,
				     "the program calls helper %s, which is not installed",
				     want->name);
			vk_error_advise(e, "\"vkernel helper ls\" lists those that are; the "
					   "administrator adds one by \"vkernel helper add\"");
			return -ENOENT;
		}
		if (want->pinned && memcmp(want->sha256, eng->programs[id].sha256, VK_SHA256) != 0)
			return vk_error_set(
				e, EPERM, "helper %s is not the one that the program is pinned to",
				want->name);
		r = vk_stored_get(eng, id, &helpers[i], e);
		if (r < 0)
			return r;
		exports = vk_program_exports(helpers[i]->img);
		if (strcmp(exports->type, want->type) != 0)
			return vk_error_set(e, EINVAL,
					    "helper %s is %s, and the program takes it for %s",
					    want->name, exports->type, want->type);
		p->helpers[i] = &helpers[i]->linked;
		p->exported[i] = exports->function;
		ids[i] = (uint16_t)id;
	}
	return 0;
}

int vk_stored_get(struct vk_engine *eng, uint32_t id, struct vk_stored **ret, struct vk_error *e)
{
	vk_cleanup(stored_freep) struct vk_stored *s = calloc(1, sizeof(*s));
	uint16_t ids[VK_PROGRAM_IMPORTS];
	int r;

	if (!s)
		return vk_error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < VK_PROGRAM_MAPS; i++)
		s->linked.map_fds[i] = -1;
	r = read_image(eng, id, &s->img, e);
	if (r < 0)
		return r;
	s->linked.img = s->img;
	for (uint32_t i = 0; i < s->img->maps.count; i++) {
		s->linked.map_fds[i] = vk_program_open_map(id, i);
		if (s->linked.map_fds[i] < 0)
			return vk_error_set(e, errno, "cannot open map %s of program %s: %s",
					    vk_program_maps(s->img)[i].name, s->img->name,
					    strerror(errno));
	}
	r = vk_stored_link(eng, &s->linked, s->helpers, ids, e);
	if (r == 0)
		*ret = vk_take_ptr(s);
	return r;
}

static int write_image(uint32_t id, const struct vk_program_image *img, struct vk_error *e)
{
	char path[64], temp[80];
	_cleanup_close_ int fd = -1;

	mkdir(IMAGE_DIR, 0700);
	image_path(path, sizeof(path), id);
	temp_path(temp, sizeof(temp), id);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, img, img->size) != (ssize_t)img->size || rename(temp, path) < 0) {
		int code = errno ? errno : ENOSPC;

		unlink(temp);
		return vk_error_set(e, code, "cannot write %s: %s", path, strerror(code));
	}
	return 0;
}

int vk_stored_put(struct vk_engine *eng, uint32_t id, const struct vk_linked *p, struct vk_error *e)
{
	struct vk_program_row *row = &eng->programs[id];
	char path[96];
	int r = write_image(id, p->img, e);

	for (uint32_t i = 0; r == 0 && i < p->img->maps.count; i++) {
		map_path(path, sizeof(path), id, i);
		unlink(path);
		if (bpf_obj_pin(p->map_fds[i], path) < 0)
			r = vk_error_set(e, errno, "cannot pin %s: %s", path, strerror(errno));
	}
	if (r < 0) {
		vk_stored_remove(eng, id);
		return r;
	}
	vk_sha256(p->img, p->img->size, row->sha256);
	snprintf(row->name, sizeof(row->name), "%s", p->img->name);
	row->insns = p->img->insns.count;
	row->maps = p->img->maps.count;
	row->hooks = vk_program_hooks(p->img);
	row->wants = p->img->wants;
	row->memory = vk_program_memory(p->img);
	row->denied = 0;
	row->audited = 0;
	row->flags |= VK_P_USED;
	return 0;
}

/* The row's name stays, for its last events. */
void vk_stored_remove(struct vk_engine *eng, uint32_t id)
{
	char path[96];

	eng->programs[id].flags &= ~(uint32_t)VK_P_USED;
	image_path(path, sizeof(path), id);
	unlink(path);
	temp_path(path, sizeof(path), id);
	unlink(path);
	for (uint32_t i = 0; i < VK_PROGRAM_MAPS; i++) {
		map_path(path, sizeof(path), id, i);
		unlink(path);
	}
	eng->programs[id].flags = 0;
	memset(eng->programs[id].helpers, 0, sizeof(eng->programs[id].helpers));
}
