/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* internal.h - the engine's parts, for each other. */
#ifndef VK_ENGINE_INTERNAL_H
#define VK_ENGINE_INTERNAL_H

#include "cleanup.h"
#include "compile.h"
#include "engine.h"
#include "hooks.h"
#include "host.h"

#define VK_PIN_ROOT VK_BPFFS "/vkernel"
#define VK_STATE_ROOT "/run/vkernel"
#define VK_SELFTEST_ID (VK_INSTANCES - 1)

struct vkernel_bpf;
struct vkernel_bpf__bss;

/**
 * struct vk_row - user space's knowledge of one instance; index = id, in the map vk_rows
 * @name:     its name; kept with the texts after its end, until the id is used again, so that its
 *            last events can still be explained
 * @used:     the instance exists
 * @mitigations: how many of its last layers are mitigations (mitigate.c), which an update keeps
 * @mode:     enum vk_mode
 * @n_layers: layers
 * @placed:   it has entries in vk_places
 * @slot:     image slot
 * @needs:    VK_NEED_* of the image
 * @image_bytes: bytes of the image in use
 * @states:   states of its automaton
 * @text:     number of the file that holds its policies' texts
 * @hash:     of the image, to find equal ones
 * @policies: names of the layers
 * @entry:    hash of the filter that its members have at the entry of the kernel, 0: none
 *
 * Mapped shared; changed only under the lock. It decides which hooks stay attached and which
 * images stay loaded, so it is in a map, which members cannot reach, and not in a file.
 */
struct vk_row {
	char name[65];
	uint8_t mode;
	uint8_t n_layers;
	uint8_t placed;
	uint8_t used;
	uint8_t mitigations;
	uint32_t slot;
	uint32_t needs;
	uint32_t image_bytes;
	uint32_t states;
	uint32_t text;
	uint64_t hash;
	char policies[160];
	uint64_t entry;
	uint8_t reserved[VK_ROW_BYTES - 272];
};
_Static_assert(sizeof(struct vk_row) == VK_ROW_BYTES, "an element of vk_rows");

enum vk_pinned_map {
	VK_MAP_BSS,
	VK_MAP_ROWS,
	VK_MAP_MEMBERS,
	VK_MAP_SCRATCH,
	VK_MAP_SMALL,
	VK_MAP_MEDIUM,
	VK_MAP_LARGE,
	VK_MAP_PLACES,
	VK_MAP_ANCHORS,
	VK_MAP_MOUNTED,
	VK_MAP_CREATORS,
	VK_MAP_EVENTS,
	VK_MAP_CAUSES,
	VK_MAP_COUNT,
};

struct vk_engine {
	bool writable;
	int lock;
	int maps[VK_MAP_COUNT];
	struct vkernel_bpf__bss *bss;
	size_t bss_size;
	struct vk_row *rows;
	enum vk_mechanism mechanism;
	uint64_t entry;
	bool degraded;
};

/* load.c: programs, maps, pins */
int vk_pins_open(struct vk_engine *eng, struct vk_error *e);
void vk_pins_remove(void);
int vk_pins_create(struct vk_engine *eng, const struct vk_host *host, struct vk_error *e);
/* Attaches what @needs asks for and is not attached yet. */
int vk_hooks_ensure(struct vk_engine *eng, uint32_t needs, struct vk_error *e);
/* trim.c: removes what no instance needs any more, in the background. Events stay to be read. */
void vk_trim(void);
uint32_t vk_hooks_attached(void);
/* Tells the programs about kernel modules that were loaded since. */
void vk_modules_refresh(struct vk_engine *eng);
int vk_iterate(const char *program, int (*fn)(const void *record, void *data), size_t size,
	       void *data, struct vk_error *e);

/* image.c: slots */
int vk_slot_acquire(struct vk_engine *eng, const struct vk_image *img, uint64_t hash,
		    uint32_t *ret_slot, struct vk_error *e);
/* Whether the image in the slot is @img, byte for byte. */
bool vk_slot_holds(struct vk_engine *eng, uint32_t slot, const struct vk_image *img);
/* Frees the slot if no instance uses it; waits for programs that may still read it. */
void vk_slot_release(struct vk_engine *eng, uint32_t slot);
uint64_t vk_hash(const void *data, size_t len);

/* store.c: rows and texts */
int vk_store_open(struct vk_engine *eng, struct vk_error *e);
void vk_store_close(struct vk_engine *eng);
int vk_store_texts(struct vk_engine *eng, const struct vk_policy *const *layers, size_t n,
		   uint32_t *ret_text, struct vk_error *e);
int vk_store_layers(uint32_t text, struct vk_policy **layers, size_t *ret_n, struct vk_error *e);
void vk_store_trim(struct vk_engine *eng, uint32_t text);
/* The id of @name: exact, or the only one it is a prefix of. */
int vk_row_find(struct vk_engine *eng, const char *name, uint32_t *ret_id, struct vk_error *e);

/* instance.c */

/**
 * struct vk_loaded - layers compiled and loaded, not yet in force
 * @img:  what they compile to
 * @hash: of it
 * @slot: where it is loaded
 * @text: where their texts are stored
 * @entry: hash of the filter that members have
 */
struct vk_loaded {
	struct vk_image *img;
	uint64_t hash;
	uint32_t slot;
	uint32_t text;
	uint64_t entry;
};
void vk_loaded_free(struct vk_loaded *l);
#define _cleanup_loaded_ vk_cleanup(vk_loaded_free)
/* Everything that can fail about new layers happens here, before anything changes. @entry: hash of
 * the filter that members have. */
int vk_layers_load(struct vk_engine *eng, const struct vk_policy *const *layers, size_t n,
		   uint64_t entry, struct vk_loaded *l, struct vk_error *e);
/* Describes the layers in the row, and puts them in force with one store. The last @mitigations
 * of them are that. What was in force before is the caller's to release. */
void vk_layers_put(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		   size_t n, size_t mitigations, const struct vk_loaded *l);

struct vk_layers {
	struct vk_policy *layers[VK_MAX_LAYERS];
	size_t n;
};
static inline const struct vk_policy *const *vk_layers_const(const struct vk_layers *l)
{
	return (const struct vk_policy *const *)l->layers;
}
void vk_layers_free(struct vk_layers *l);
#define _cleanup_layers_ vk_cleanup(vk_layers_free)
/* The layers in force, from their texts. -EBADMSG: the texts are not those of what is in force. */
int vk_layers_stored(struct vk_engine *eng, uint32_t id, struct vk_layers *ret, struct vk_error *e);

int vk_members_count(struct vk_engine *eng, uint32_t *active, uint32_t *pending,
		     struct vk_error *e);
int vk_member_set(struct vk_engine *eng, int pidfd, uint32_t id, enum vk_member_state state);

/* selftest.c: provokes one real denial. */
int vk_selftest(struct vk_engine *eng, struct vk_error *e);

#endif
