/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image.c - ruleset images in the kernel: one map each, shared by all instances whose layers
 * compile to the same bytes.
 */
#include "internal.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

/* FNV-1a, 64 bits. Only a hint: equal hashes are compared byte by byte. */
uint64_t vk_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static enum vk_class class_of(const struct vk_image *img)
{
	if (img->max_entry <= VK_SMALL_ENTRY)
		return VK_CLASS_SMALL;
	return img->max_entry <= VK_MEDIUM_ENTRY ? VK_CLASS_MEDIUM : VK_CLASS_LARGE;
}

static size_t class_bytes(enum vk_class c)
{
	static const size_t bytes[] = {
		[VK_CLASS_SMALL] = VK_IMAGE_BYTES(VK_SMALL_ENTRY),
		[VK_CLASS_MEDIUM] = VK_IMAGE_BYTES(VK_MEDIUM_ENTRY),
		[VK_CLASS_LARGE] = VK_IMAGE_BYTES(VK_LARGE_ENTRY),
	};

	return bytes[c];
}

static int outer_map(struct vk_engine *eng, enum vk_class c)
{
	return vk_map(eng, VK_MAP_SMALL + (int)c, NULL);
}

int vk_slot_read(struct vk_engine *eng, uint32_t slot, struct vk_image **ret)
{
	enum vk_class c = VK_SLOT_CLASS(slot);
	uint32_t index = VK_SLOT_INDEX(slot), id, zero = 0;
	_cleanup_free_ char *buf = NULL;
	_cleanup_close_ int fd = -1;

	if (bpf_map_lookup_elem(outer_map(eng, c), &index, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	buf = malloc(class_bytes(c));
	if (!buf)
		return -ENOMEM;
	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, buf) < 0)
		return -errno;
	*ret = (struct vk_image *)vk_take_ptr(buf);
	return 0;
}

/* Whether the image in @slot is @img, byte for byte. */
bool vk_slot_holds(struct vk_engine *eng, uint32_t slot, const struct vk_image *img)
{
	_cleanup_free_ struct vk_image *have = NULL;

	return class_of(img) == VK_SLOT_CLASS(slot) && vk_slot_read(eng, slot, &have) == 0 &&
	       memcmp(have, img, img->size) == 0;
}

static bool slot_used(struct vk_engine *eng, uint32_t slot)
{
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used && (uint32_t)eng->bss->vk_instances[id].rule == slot)
			return true;
	for (size_t i = 0; i < eng->n_reserved; i++)
		if (eng->reserved[i].slot == slot)
			return true;
	return false;
}

static int load_image(struct vk_engine *eng, uint32_t slot, const struct vk_image *img,
		      struct vk_error *e)
{
	enum vk_class c = VK_SLOT_CLASS(slot);
	uint32_t index = VK_SLOT_INDEX(slot), zero = 0;
	_cleanup_free_ char *padded = calloc(1, class_bytes(c));
	_cleanup_close_ int fd = -1;

	if (!padded || img->size > class_bytes(c))
		return vk_error_set(e, ENOMEM, "no memory for the rules");
	memcpy(padded, img, img->size);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vk_image", 4, (uint32_t)class_bytes(c), 1, NULL);
	if (fd < 0)
		return vk_error_set(e, errno, "the kernel has no room for %zu bytes of rules: %s",
				    class_bytes(c), strerror(errno));
	if (bpf_map_update_elem(fd, &zero, padded, BPF_ANY) < 0 ||
	    bpf_map_update_elem(outer_map(eng, c), &index, &fd, BPF_ANY) < 0)
		return vk_error_set(e, errno, "cannot load the rules: %s", strerror(errno));
	return 0;
}

/* Remembers a slot that no row mentions yet. */
int vk_slot_keep(struct vk_engine *eng, uint32_t slot, uint64_t hash, struct vk_error *e)
{
	struct vk_reserved *more =
		reallocarray(eng->reserved, eng->n_reserved + 1, sizeof(*eng->reserved));

	if (!more)
		return vk_error_set(e, ENOMEM, "no memory");
	eng->reserved = more;
	more[eng->n_reserved++] = (struct vk_reserved){slot, hash};
	return 0;
}

/* True and *ret_slot: the image is in @slot already. Notes the slot as used. */
static bool slot_fits(struct vk_engine *eng, const struct vk_image *img, uint64_t hash,
		      uint32_t slot, uint64_t slot_hash, uint8_t *used, uint32_t *ret_slot)
{
	if (VK_SLOT_CLASS(slot) != (uint32_t)class_of(img))
		return false;
	if (slot_hash == hash && VK_SLOT_INDEX(slot) && !used[VK_SLOT_INDEX(slot)] &&
	    vk_slot_holds(eng, slot, img)) {
		*ret_slot = slot;
		return true;
	}
	used[VK_SLOT_INDEX(slot)] = 1;
	return false;
}

int vk_slot_acquire(struct vk_engine *eng, const struct vk_image *img, uint64_t hash,
		    uint32_t *ret_slot, struct vk_error *e)
{
	enum vk_class c = class_of(img);
	_cleanup_free_ uint8_t *used = calloc(1, VK_SLOTS);
	uint32_t index;
	int r;

	if (!used)
		return vk_error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < eng->n_reserved; i++)
		if (slot_fits(eng, img, hash, eng->reserved[i].slot, eng->reserved[i].hash, used,
			      ret_slot))
			return 0;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		uint32_t slot = (uint32_t)eng->bss->vk_instances[id].rule;

		if (!eng->rows[id].used ||
		    !slot_fits(eng, img, hash, slot, vk_row_state(eng, id)->hash, used, ret_slot))
			continue;
		return vk_slot_keep(eng, slot, hash, e);
	}
	/* Index 0 stays empty: rule word 0 means no rules. */
	for (index = 1; index < VK_SLOTS && used[index];)
		index++;
	if (index == VK_SLOTS)
		return vk_error_set(e, ENOSPC, "all %d image slots are in use", VK_SLOTS);
	r = load_image(eng, VK_SLOT(c, index), img, e);
	if (r == 0)
		r = vk_slot_keep(eng, VK_SLOT(c, index), hash, e);
	if (r == 0)
		*ret_slot = VK_SLOT(c, index);
	return r;
}

/* Puts the same image into its slot once more: an update of a map of maps waits for programs. */
static void put_again(int outer, uint32_t index)
{
	_cleanup_close_ int fd = -1;
	uint32_t id;

	if (bpf_map_lookup_elem(outer, &index, &id) < 0)
		return;
	fd = bpf_map_get_fd_by_id(id);
	if (fd >= 0)
		bpf_map_update_elem(outer, &index, &fd, BPF_ANY);
}

void vk_grace(struct vk_engine *eng)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		uint32_t slot = (uint32_t)eng->bss->vk_instances[id].rule;

		if (eng->rows[id].used && VK_SLOT_INDEX(slot)) {
			put_again(outer_map(eng, VK_SLOT_CLASS(slot)), VK_SLOT_INDEX(slot));
			return;
		}
	}
}

void vk_slot_release(struct vk_engine *eng, uint32_t slot)
{
	uint32_t index = VK_SLOT_INDEX(slot);

	if (!index || slot_used(eng, slot))
		return;
	/*
	 * Programs that read the old rule word must have ended: both calls wait for that with
	 * synchronize_rcu. The first is refused under nohz_full, the second changes nothing else.
	 */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		put_again(outer_map(eng, VK_SLOT_CLASS(slot)), index);
	bpf_map_delete_elem(outer_map(eng, VK_SLOT_CLASS(slot)), &index);
}
