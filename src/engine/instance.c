/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* instance.c - the life of instances: create, update, change mode, list, remove. */
#include "entry.h"
#include "internal.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

static int check_name(const char *name, struct vk_error *e)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= 64) {
		size_t i = 0;

		while (i < len && (isalnum((unsigned char)name[i]) || strchr("._-", name[i])))
			i++;
		if (i == len && name[0] != '-')
			return 0;
	}
	vk_error_set(e, EINVAL, "\"%s\" is no name for an instance", name);
	vk_error_advise(e, "use 1 to 64 of A-Z a-z 0-9 . _ - and no - at the start");
	return -EINVAL;
}

void vk_loaded_free(struct vk_loaded *l)
{
	free(l->img);
}

int vk_layers_load(struct vk_engine *eng, const struct vk_policy *const *layers, size_t n,
		   uint64_t entry, struct vk_loaded *l, struct vk_error *e)
{
	int r;

	if (n < 1 || n > VK_MAX_LAYERS)
		return vk_error_set(e, EINVAL, "an instance has 1 to %d layers", VK_MAX_LAYERS);
	r = vk_compile(layers, n, &l->img, e);
	if (r == 0)
		r = vk_entry_check(eng, layers, n, entry, &l->entry, e);
	if (r < 0)
		return r;
	l->hash = vk_hash(l->img, l->img->size);
	vk_modules_refresh(eng);
	r = vk_hooks_ensure(eng, l->img->needs, e);
	if (r < 0)
		return r;
	r = vk_store_texts(eng, layers, n, &l->text, e);
	if (r < 0)
		return r;
	return vk_slot_acquire(eng, l->img, l->hash, &l->slot, e);
}

void vk_layers_put(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		   size_t n, size_t mitigations, const struct vk_loaded *l)
{
	struct vk_row *row = &eng->rows[id];
	uint64_t rule = (uint64_t)++eng->bss->vk_next_view << 32 | l->slot;
	size_t used = 0;

	row->slot = l->slot;
	row->hash = l->hash;
	row->text = l->text;
	row->entry = l->entry;
	row->needs = l->img->needs;
	row->image_bytes = l->img->size;
	row->states = (l->img->max_entry / (l->img->stride / VK_ROW_UNIT)) + 1;
	row->n_layers = (uint8_t)n;
	row->mitigations = (uint8_t)mitigations;
	row->mode = VK_MODE_AUDIT;
	row->policies[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int w = snprintf(row->policies + used, sizeof(row->policies) - used, "%s%s",
				 i ? "," : "", layers[i]->name);

		used += w > 0 && used + (size_t)w < sizeof(row->policies) ? (size_t)w : 0;
		/* Mitigations have modes of their own: see vk_mitigate(). */
		if (i < n - mitigations && layers[i]->mode == VK_MODE_ENFORCE)
			row->mode = VK_MODE_ENFORCE;
	}
	__atomic_store_n(&eng->bss->vk_instances[id].rule, rule, __ATOMIC_SEQ_CST);
}

/* Ids are handed out round robin, so that one is reused as late as possible. */
static uint32_t free_id(struct vk_engine *eng)
{
	uint32_t id = eng->bss->vk_last_id;

	for (uint32_t i = 1; i < VK_INSTANCES; i++) {
		id = id + 1 >= VK_SELFTEST_ID ? 1 : id + 1;
		if (!eng->rows[id].used)
			return id;
	}
	return 0;
}

int vk_instance_create(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, uint32_t *ret_id,
		       struct vk_error *e)
{
	_cleanup_loaded_ struct vk_loaded l = {0};
	struct timespec now;
	uint32_t id, text;
	int r = check_name(name, e);

	if (r < 0)
		return r;
	for (id = 1; id < VK_INSTANCES; id++)
		if (eng->rows[id].used && strcmp(eng->rows[id].name, name) == 0) {
			vk_error_set(e, EEXIST, "there is an instance \"%s\" already", name);
			vk_error_advise(e, "choose another name, or \"vkernel rm %s\"", name);
			return -EEXIST;
		}
	id = free_id(eng);
	if (!id)
		return vk_error_set(e, ENOSPC, "all %d instances are in use", VK_INSTANCES - 2);
	r = vk_layers_load(eng, layers, n, eng->entry, &l, e);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_BOOTTIME, &now);
	memset(&eng->bss->vk_instances[id], 0, sizeof(struct vk_instance));
	/* The id's earlier life ends here: its texts were kept for its last events. */
	text = eng->rows[id].text;
	memset(&eng->rows[id], 0, sizeof(struct vk_row));
	if (text && text != l.text)
		vk_store_trim(eng, text);
	eng->bss->vk_instances[id].created_ns =
		(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	eng->bss->vk_instances[id].flags = VK_I_LIVE;
	eng->bss->vk_last_id = id;
	vk_layers_put(eng, id, layers, n, 0, &l);
	snprintf(eng->rows[id].name, sizeof(eng->rows[id].name), "%s", name);
	eng->rows[id].used = 1;
	*ret_id = id;
	return 0;
}

static int replace(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		   size_t n, size_t mitigations, struct vk_error *e)
{
	_cleanup_loaded_ struct vk_loaded l = {0};
	uint32_t old_slot = eng->rows[id].slot, old_text = eng->rows[id].text;
	int r = vk_layers_load(eng, layers, n, eng->rows[id].entry, &l, e);

	if (r < 0)
		return r;
	vk_layers_put(eng, id, layers, n, mitigations, &l);
	if (old_slot != l.slot)
		vk_slot_release(eng, old_slot);
	if (old_text != l.text)
		vk_store_trim(eng, old_text);
	vk_trim();
	return 0;
}

/* The texts are in files: before they are put in force again they must be what is in force. */
static int check_stored(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
			size_t n, struct vk_error *e)
{
	_cleanup_free_ struct vk_image *img = NULL;
	int r = vk_compile(layers, n, &img, e);

	if (r < 0)
		return r;
	if (vk_slot_holds(eng, eng->rows[id].slot, img) && n >= eng->rows[id].mitigations)
		return 0;
	vk_error_set(e, EBADMSG, "the stored policies of \"%s\" are not those in force",
		     eng->rows[id].name);
	vk_error_advise(e, "somebody changed " VK_STATE_ROOT "; use \"vkernel update "
			   "--drop-mitigations\" with the policies");
	return -EBADMSG;
}

int vk_layers_stored(struct vk_engine *eng, uint32_t id, struct vk_layers *ret, struct vk_error *e)
{
	int r = vk_store_layers(eng->rows[id].text, ret->layers, &ret->n, e);

	if (r == 0)
		r = check_stored(eng, id, vk_layers_const(ret), ret->n, e);
	return r;
}

void vk_layers_free(struct vk_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		vk_policy_free(l->layers[i]);
	l->n = 0;
}

int vk_instance_update_all(struct vk_engine *eng, const char *name,
			   const struct vk_policy *const *layers, size_t n, struct vk_error *e)
{
	uint32_t id;
	int r = vk_row_find(eng, name, &id, e);

	return r < 0 ? r : replace(eng, id, layers, n, 0, e);
}

int vk_instance_update(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, struct vk_error *e)
{
	const struct vk_policy *all[VK_MAX_LAYERS];
	_cleanup_layers_ struct vk_layers old = {0};
	size_t kept;
	uint32_t id;
	int r = vk_row_find(eng, name, &id, e);

	if (r < 0)
		return r;
	kept = eng->rows[id].mitigations;
	if (!kept)
		return replace(eng, id, layers, n, 0, e);
	if (n < 1 || n + kept > VK_MAX_LAYERS) {
		vk_error_set(e, EINVAL, "an instance has 1 to %d layers, and mitigations take %zu",
			     VK_MAX_LAYERS, kept);
		vk_error_advise(e, "put some of them into one policy that uses the others");
		return -EINVAL;
	}
	r = vk_layers_stored(eng, id, &old, e);
	if (r < 0)
		return r;
	memcpy(all, layers, n * sizeof(*all));
	memcpy(all + n, old.layers + old.n - kept, kept * sizeof(*all));
	return replace(eng, id, all, n + kept, kept, e);
}

int vk_instance_set_mode(struct vk_engine *eng, const char *name, enum vk_mode mode,
			 struct vk_error *e)
{
	_cleanup_layers_ struct vk_layers l = {0};
	uint32_t id;
	int r = vk_row_find(eng, name, &id, e);

	if (r == 0)
		r = vk_layers_stored(eng, id, &l, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n - eng->rows[id].mitigations; i++)
		l.layers[i]->mode = mode;
	return replace(eng, id, vk_layers_const(&l), l.n, eng->rows[id].mitigations, e);
}

struct kill_members {
	uint32_t id;
	uint32_t found;
};

static int kill_one(const struct vk_member_line *line, void *data)
{
	struct kill_members *k = data;
	_cleanup_close_ int pidfd = -1;

	k->found++;
	/* By pidfd, so that a pid reused meanwhile is not hit. */
	pidfd = (int)syscall(SYS_pidfd_open, line->tgid, 0);
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	return 0;
}

static int count_one(const struct vk_member_line *line, void *data)
{
	(void)line;
	((struct kill_members *)data)->found++;
	return 0;
}

/* Until there is none: a fork bomb under SIGKILL loses, as children of the dead are found too. */
static int end_members(struct vk_engine *eng, uint32_t id, struct vk_error *e)
{
	for (int tries = 0; tries < 1000; tries++) {
		struct kill_members k = {.id = id};
		struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
		int r = vk_members(eng, id, kill_one, &k, e);

		if (r < 0 || k.found == 0)
			return r;
		nanosleep(&pause, NULL);
	}
	return vk_error_set(e, EBUSY, "its members do not end");
}

/* Forgets the places of @id, so that nobody joins what is gone. */
static void remove_places(struct vk_engine *eng, uint32_t id)
{
	enum { MANY = 1024 };
	struct vk_place keys[MANY];
	uint32_t ids[MANY];
	int map = eng->maps[VK_MAP_PLACES], r = 0;
	uint32_t at, n;

	if (!eng->rows[id].placed)
		return;
	for (bool first = true; r == 0; first = false) {
		n = MANY;
		r = bpf_map_lookup_batch(map, first ? NULL : &at, &at, keys, ids, &n, NULL);
		if (r < 0 && errno != ENOENT)
			break;
		for (uint32_t i = 0; i < n; i++)
			if (ids[i] == id && bpf_map_delete_elem(map, &keys[i]) == 0)
				__atomic_fetch_sub(&eng->bss->vk_n_places, 1, __ATOMIC_SEQ_CST);
	}
}

/* In a namespace that no other instance names files by, it does not count any more who mounted. */
static void forget_mounts(struct vk_engine *eng, uint32_t gone)
{
	uint64_t ns = eng->bss->vk_instances[gone].mntns;

	for (uint32_t id = 1; id < VK_INSTANCES; id++)
		if (id != gone && eng->rows[id].used && eng->bss->vk_instances[id].mntns == ns)
			return;
	bpf_map_delete_elem(eng->maps[VK_MAP_MOUNTED], &ns);
}

int vk_instance_remove(struct vk_engine *eng, const char *name, bool kill, struct vk_error *e)
{
	struct kill_members k = {0};
	uint32_t id, slot;
	int r = vk_row_find(eng, name, &id, e);

	if (r < 0)
		return r;
	remove_places(eng, id);
	r = kill ? end_members(eng, id, e) : vk_members(eng, id, count_one, &k, e);
	if (r < 0)
		return r;
	if (k.found) {
		vk_error_set(e, EBUSY, "instance \"%s\" has %u running member%s",
			     eng->rows[id].name, k.found, k.found == 1 ? "" : "s");
		vk_error_advise(e, "stop them first, or end them with --kill; a member is never "
				   "released");
		return -EBUSY;
	}
	slot = eng->rows[id].slot;
	forget_mounts(eng, id);
	__atomic_store_n(&eng->bss->vk_instances[id].rule, 0, __ATOMIC_SEQ_CST);
	memset(&eng->bss->vk_instances[id], 0, sizeof(struct vk_instance));
	eng->rows[id].used = 0;
	vk_slot_release(eng, slot);
	vk_trim();
	return 0;
}

void vk_info_free(struct vk_info *info)
{
	for (size_t i = 0; i < info->n_layers; i++)
		vk_policy_free(info->layers[i]);
	info->n_layers = 0;
}

static int fill_info(struct vk_engine *eng, uint32_t id, bool with_layers, const uint32_t *active,
		     const uint32_t *pending, struct vk_info *info, struct vk_error *e)
{
	const struct vk_row *row = &eng->rows[id];

	memset(info, 0, sizeof(*info));
	info->id = id;
	snprintf(info->name, sizeof(info->name), "%s", row->name);
	snprintf(info->policies, sizeof(info->policies), "%s", row->policies);
	info->mode = row->mode;
	info->members = active[id];
	info->pending = pending[id];
	info->image_bytes = row->image_bytes;
	info->states = row->states;
	info->needs = row->needs;
	info->counters = eng->bss->vk_instances[id];
	for (uint32_t i = 1; i < VK_INSTANCES; i++)
		info->slot_shared += eng->rows[i].used && eng->rows[i].slot == row->slot;
	if (!with_layers)
		return 0;

	int r = vk_store_layers(row->text, info->layers, &info->n_layers, e);

	/* Texts that were tampered with may be fewer. */
	if (r == 0)
		info->n_mitigations =
			row->mitigations < info->n_layers ? row->mitigations : info->n_layers;
	return r;
}

int vk_instance_list(struct vk_engine *eng, bool with_layers,
		     int (*fn)(const struct vk_info *info, void *data), void *data,
		     struct vk_error *e)
{
	_cleanup_free_ uint32_t *count = calloc(2 * VK_INSTANCES, sizeof(*count));
	int r;

	if (!count)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_members_count(eng, count, count + VK_INSTANCES, e);
	for (uint32_t id = 1; r == 0 && id < VK_INSTANCES; id++) {
		struct vk_info info;

		if (!eng->rows[id].used)
			continue;
		r = fill_info(eng, id, with_layers, count, count + VK_INSTANCES, &info, e);
		if (r == 0)
			r = fn(&info, data);
		vk_info_free(&info);
	}
	return r;
}

int vk_instance_get(struct vk_engine *eng, const char *name, struct vk_info *ret,
		    struct vk_error *e)
{
	_cleanup_free_ uint32_t *count = calloc(2 * VK_INSTANCES, sizeof(*count));
	struct vk_info info;
	uint32_t id;
	int r;

	if (!count)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_row_find(eng, name, &id, e);
	if (r == 0)
		r = vk_members_count(eng, count, count + VK_INSTANCES, e);
	if (r == 0)
		r = fill_info(eng, id, true, count, count + VK_INSTANCES, &info, e);
	if (r == 0)
		*ret = info;
	return r;
}

int vk_instance_get_id(struct vk_engine *eng, uint32_t id, struct vk_info *ret, struct vk_error *e)
{
	_cleanup_free_ uint32_t *none = calloc(VK_INSTANCES, sizeof(*none));
	struct vk_info info;
	int r;

	if (!none)
		return vk_error_set(e, ENOMEM, "no memory");
	if (id == 0 || id >= VK_INSTANCES || !eng->rows[id].name[0])
		return vk_error_set(e, ENOENT, "there is no instance %u", id);
	r = fill_info(eng, id, true, none, none, &info, e);
	if (r == 0)
		*ret = info;
	return r;
}
