/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* internal.h - the engine's parts, for each other. */
#ifndef VK_ENGINE_INTERNAL_H
#define VK_ENGINE_INTERNAL_H

#include "cleanup.h"
#include "compile.h"
#include "engine.h"
#include "hooks.h"
#include "host.h"
#include "push.h"
#include "vk_program.h"

#define VK_PIN_ROOT VK_BPFFS "/vkernel"
#define VK_STATE_ROOT "/run/vkernel"
#define VK_SELFTEST_ID (VK_INSTANCES - 1)

struct vkernel_bpf;
struct vkernel_bpf__bss;

enum vk_row_push {
	VK_ROW_PUSH = 1, /* they speak of it */
	VK_ROW_POPPABLE = 2,
	VK_ROW_TAKEN = 4, /* some are in the place of profiles of an engine */
};

#define VK_MAX_PUSHED (VK_MAX_LAYERS - 1)

/**
 * struct vk_row_state - what an instance enforces, as user space knows it
 * @rule:     vk_instance.rule while this is in force: of the two states of a row, that one counts
 * @hash:     of the image, to find equal ones
 * @document: hash of the layers given by root, as their texts say; see share_image()
 * @entry:    hash of the filter that its members have at the entry of the kernel, 0: none
 * @needs:    VK_NEED_* of the image
 * @image_bytes: bytes of the image in use
 * @states:   states of its automaton
 * @text:     number of the file that holds the layers given by root; 0: none
 * @mode:     enum vk_mode of those layers
 * @n_layers: how many they are
 * @mitigations: how many of the last of those are mitigations (mitigate.c), which an update keeps
 * @n_pushed: layers that members added
 * @pushed:   of each the number of the file that holds its text, and who pushed it
 * @push_flags: enum vk_row_push: what the layers given by root say of push, and are
 * @push_layers: how many layers members may push
 * @push_children: how many instances they may make below
 * @push_programs: how many policy programs they may push
 * @policies: names of the layers given by root
 */
struct vk_row_state {
	uint64_t rule;
	uint64_t hash;
	uint64_t document;
	uint64_t entry;
	uint32_t needs;
	uint32_t image_bytes;
	uint32_t states;
	uint32_t text;
	uint8_t mode;
	uint8_t n_layers;
	uint8_t n_pushed;
	uint8_t mitigations;
	struct {
		uint32_t text;
		uint32_t uid;
	} pushed[VK_MAX_PUSHED];
	uint8_t push_flags;
	uint8_t push_layers;
	uint8_t push_children;
	uint8_t push_programs;
	char policies[56];
};

/**
 * struct vk_row - user space's knowledge of one instance; index = id, in the map vk_rows
 * @name:     its name; kept with the texts after its end, until the id is used again, so that its
 *            last events can still be explained
 * @used:     the instance exists
 * @placed:   entries that it has in vk_places; 255: as many or more
 * @ended:    when it does not exist any more: its last state
 * @parent:   the instance above it, 0: none
 * @by_member: a member made it, through the broker
 * @uid:      which user, then
 * @created:  vk_instance.created_ns, by which a parent whose id is used again is told from it
 * @parent_created: that of its parent
 * @cgroup:   of the last of them for a cgroup, its id
 * @program_slot: where its programs are in the arrays; 0: it has none of its own
 * @state:    what is in force, and what was before or will be next
 *
 * Mapped shared; changed only under the lock. It decides which hooks stay attached and which
 * images stay loaded, so it is in a map, which members cannot reach, and not in a file. A change
 * fills the state that is not in force; the one store that puts the rules in force switches both,
 * so whoever is killed half-way leaves the old or the new.
 */
struct vk_row {
	char name[65];
	uint8_t used;
	uint8_t placed;
	uint8_t ended;
	uint32_t parent;
	uint32_t uid;
	uint8_t by_member;
	uint8_t pad[3];
	uint64_t created;
	uint64_t parent_created;
	struct vk_row_state state[2];
	uint64_t cgroup;
	uint32_t program_slot;
	uint8_t reserved[VK_ROW_BYTES - 444];
};
_Static_assert(sizeof(struct vk_row) == VK_ROW_BYTES, "an element of vk_rows");

enum vk_pinned_map {
	VK_MAP_BSS,
	VK_MAP_ROWS,
	VK_MAP_PROGRAMS,
	VK_MAP_PLACES,
	VK_MAP_BRIEF, /* from here on: opened under VK_OPEN_BRIEF when it is asked for */
	VK_MAP_MEMBERS = VK_MAP_BRIEF,
	VK_MAP_STARTS,
	VK_MAP_SMALL,
	VK_MAP_MEDIUM,
	VK_MAP_LARGE,
	VK_MAP_ANCHORS,
	VK_MAP_LONG_ANCHORS,
	VK_MAP_MOUNTED,
	VK_MAP_SCRATCH,
	VK_MAP_CPU_SCRATCH,
	VK_MAP_CREATORS,
	VK_MAP_EVENTS,
	VK_MAP_CAUSES,
	VK_MAP_PATHS,
	VK_MAP_PATH_PAIRS,
	VK_MAP_MEANINGS,
	VK_MAP_HOOKS, /* vk_p_HOOK is at VK_MAP_HOOKS + VK_HOOK_HOOK - 1 */
	VK_MAP_COUNT = VK_MAP_HOOKS + VK_HOOK_COUNT - 1,
};
#define VK_MAP_HOOK(id) (VK_MAP_HOOKS + (int)(id)-1)

struct vk_engine {
	bool writable;
	bool brief; /* see VK_OPEN_BRIEF */
	int lock;
	int maps[VK_MAP_COUNT];
	struct vkernel_bpf__bss *bss;
	size_t bss_size;
	struct vk_row *rows;
	struct vk_program_row *programs;
	enum vk_mechanism mechanism;
	/* Slots filled by a change that is not in force yet. */
	struct vk_reserved {
		uint32_t slot;
		uint64_t hash;
	} * reserved;
	size_t n_reserved;
	uint64_t entry;
	uint64_t entry_of; /* document that is known to need it; 0: none */
	bool degraded;
	uint64_t ensured; /* needs whose hooks are known to be attached */
	uint32_t in_force; /* of an instance that another one is made like */
	uint32_t places; /* needed besides by what is made, see VK_OPEN_PLACES */
};

/* maps.c */
/* Names of the maps under maps/. */
extern const char *const vk_map_names[VK_MAP_COUNT];
int vk_pins_open(struct vk_engine *eng, struct vk_error *e);
void vk_data_unmap(struct vk_engine *eng);
/* The descriptor of a map, which is opened when it is asked for first. @e may be NULL. */
int vk_map(struct vk_engine *eng, int m, struct vk_error *e);
/* load.c: programs and pins */
void vk_pins_remove(void);
int vk_pins_create(struct vk_engine *eng, const struct vk_host *host, struct vk_error *e);
/* Attaches what @needs asks for and is not attached yet, */
int vk_hooks_ensure(struct vk_engine *eng, uint32_t needs, struct vk_error *e);
/* and hooks at which programs are asked. */
int vk_hooks_ensure_asked(struct vk_engine *eng, uint32_t needs, uint64_t programs,
			  struct vk_error *e);
struct vk_hook;
/*
 * Detaches what is at a hook and not @wanted, or what asks programs there if none is to be asked.
 * False: nothing was.
 */
bool vk_hook_trim(const struct vk_hook *h, bool wanted, bool asks);
struct btf;
/* All programs, none marked for loading, with our maps. Release with vkernel_bpf__destroy(). */
int vk_skeleton_open(struct vk_engine *eng, enum vk_mechanism m, const struct btf *btf,
		     struct vkernel_bpf **ret, struct vk_error *e);
struct bpf_program;
/* Makes a program of a DECIDES hook ready for loading under @m. */
int vk_program_target(struct bpf_program *p, const struct vk_hook *h, enum vk_mechanism m,
		      struct vk_error *e);
int vk_skeleton_load(struct vkernel_bpf *s, struct vk_error *e);
/* trim.c: removes what no instance needs any more, in the background. Events stay to be read. */
void vk_trim(void);
uint32_t vk_hooks_attached(void);
/* Tells the programs about kernel modules that were loaded since. */
void vk_modules_refresh(struct vk_engine *eng);
int vk_iterate(const char *program, int (*fn)(const void *record, void *data), size_t size,
	       void *data, struct vk_error *e);

/* image.c: slots. What is acquired stays reserved, and is not released, until n_reserved is 0. */
int vk_slot_acquire(struct vk_engine *eng, const struct vk_image *img, uint64_t hash,
		    uint32_t *ret_slot, struct vk_error *e);
/* Likewise a slot that is known. */
int vk_slot_keep(struct vk_engine *eng, uint32_t slot, uint64_t hash, struct vk_error *e);
/* A copy of the image in the slot. */
int vk_slot_read(struct vk_engine *eng, uint32_t slot, struct vk_image **ret);
/* Whether the image in the slot is @img, byte for byte. */
bool vk_slot_holds(struct vk_engine *eng, uint32_t slot, const struct vk_image *img);
/* Frees the slot if no instance uses it; waits for programs that may still read it. */
void vk_slot_release(struct vk_engine *eng, uint32_t slot);
uint64_t vk_hash(const void *data, size_t len);
/* Waits for all our programs that run now. */
void vk_grace(struct vk_engine *eng);

/* store.c: rows and texts */
int vk_store_open(struct vk_engine *eng, struct vk_error *e);
void vk_store_close(struct vk_engine *eng);
/* Layers as one document, with the sets they use. NULL: no memory. */
char *vk_store_document(const struct vk_policy *const *layers, size_t n);
/* The layers of such a document, appended. Pure. */
int vk_store_parse(const char *data, size_t len, struct vk_policy **layers, size_t *n,
		   struct vk_error *e);
int vk_store_put(const char *data, size_t len, uint32_t *ret_text, struct vk_error *e);
int vk_store_get(uint32_t text, char **ret, size_t *ret_len, struct vk_error *e);
bool vk_store_has(uint32_t text);
/* Removes the file if no instance refers to it. */
void vk_store_trim(struct vk_engine *eng, uint32_t text);
/* The state in force, or the last one of an instance that has ended. */
struct vk_row_state *vk_row_state(struct vk_engine *eng, uint32_t id);
static inline uint32_t vk_row_slot(const struct vk_row_state *s)
{
	return (uint32_t)s->rule;
}
/* 1 for an instance without a parent. */
unsigned int vk_row_depth(const struct vk_engine *eng, uint32_t id);
bool vk_row_is_below(const struct vk_engine *eng, uint32_t id, uint32_t ancestor);
/* The id of @name: exact, or the only one it is a prefix of. */
int vk_row_find(struct vk_engine *eng, const char *name, uint32_t *ret_id, struct vk_error *e);

/* plan.c: changes of rules, of one instance and all below it */

#define VK_TEXT_NEW 0xffffffffu
#define VK_CHAIN (2 * VK_MAX_LAYERS)

/**
 * struct vk_plan_text - a document, in memory; see vk_row_state
 * @text:  its number, or VK_TEXT_NEW
 * @owned: @data is the plan's
 */
struct vk_plan_text {
	uint32_t text;
	bool owned;
	char *data;
	size_t len;
};

/**
 * struct vk_plan_item - one instance whose image changes
 * @id:      instance; 0: one that is about to be made
 * @parent:  the instance above it
 * @seen:    its rule word when the plan was made
 * @state:   the state it will have
 * @chain:   documents of its layers, outermost first; index in the plan's texts
 * @owner:   whose they are
 * @uid:     of a pushed one: who pushed it; else -1
 * @n_chain: how many
 * @fits:    its layers are known to need no other filter for system calls than it has
 * @img:     the image, once compiled
 * @shared:  there is none: it is that of another instance, in @slot, as @state says
 * @slot:    where it is loaded
 */
struct vk_plan_item {
	uint32_t id;
	uint32_t parent;
	uint64_t seen;
	struct vk_row_state state;
	uint32_t chain[VK_CHAIN];
	uint32_t owner[VK_CHAIN];
	int64_t uid[VK_CHAIN];
	size_t n_chain;
	bool fits;
	struct vk_image *img;
	bool shared;
	uint32_t slot;
};

/**
 * struct vk_plan - a change: the instance asked for, and all below it, whose images include its
 * @items: parents before their children
 * @above: the instances above, and their rule words when the plan was made
 * @given: layers of the new document, if there are models of them already; borrowed
 * @name:  of the instance to be made
 * @degraded: rules that need a filter which the members do not have stay unenforced
 * @drop:  what members pushed goes, here and below
 * @by_member: asked for by a member: its images are checked against those in force
 * @uid:   who, then
 * @kind:  what for, then
 * @caps_ok: a new ceiling of capabilities is no trap for set-user-ID programs of others
 */
struct vk_plan {
	struct vk_plan_item *items;
	size_t n;
	struct vk_plan_text *texts;
	size_t n_texts;
	struct {
		uint32_t id;
		uint64_t seen;
	} above[VK_MAX_DEPTH];
	size_t n_above;
	const struct vk_policy *const *given;
	size_t n_given;
	char name[65];
	bool degraded;
	bool drop;
	bool by_member;
	uint32_t uid;
	enum vk_request_kind kind;
	bool caps_ok;
};
void vk_plan_done(struct vk_plan *p);
/* The new state of @id (0: to be made below @parent) with everything below it. @next: @text and
 * texts of @pushed may be VK_TEXT_NEW, which is @data. */
int vk_plan_make(struct vk_plan *p, struct vk_engine *eng, uint32_t id, uint32_t parent,
		 const struct vk_row_state *next, const char *data, size_t len, struct vk_error *e);
/* Only the documents of @id as they are, for vk_plan_layers. */
int vk_plan_look(struct vk_plan *p, struct vk_engine *eng, uint32_t id, struct vk_error *e);

/**
 * struct vk_layer_list - the layers of one item, outermost first
 * @borrowed: not to be freed
 * @owner, @uid: as in struct vk_plan_item
 */
struct vk_layer_list {
	struct vk_policy *layer[VK_MAX_LAYERS];
	bool borrowed[VK_MAX_LAYERS];
	uint32_t owner[VK_MAX_LAYERS];
	int64_t uid[VK_MAX_LAYERS];
	size_t n;
};
void vk_layer_list_done(struct vk_layer_list *l);
/* Pure. */
int vk_plan_layers(const struct vk_plan *p, const struct vk_plan_item *item,
		   struct vk_layer_list *ret, struct vk_error *e);
/* What holds for nested instances whatever their layers say. */
void vk_plan_confine(struct vk_plan_item *item);
/* Compiles all that has no image yet. Pure. */
int vk_plan_compile(struct vk_plan *p, struct vk_error *e);
/* Everything that can fail, then all in force, deepest first. -EAGAIN: something was changed since
 * the plan was made. The caller calls vk_trim(). */
int vk_plan_commit(struct vk_plan *p, struct vk_engine *eng, uint32_t *ret_id, struct vk_error *e);

/* instance.c */

/* The layers that root gave to an instance. */
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
/* Those in force, from their texts. -EBADMSG: the texts are not those of what is in force. */
int vk_layers_stored(struct vk_engine *eng, uint32_t id, struct vk_layers *ret, struct vk_error *e);

/* Puts layers that root gives in force; the last @mitigations of them are that. @known: an image
 * of the same layers in an instance that has no others, and in none below; *known NULL: it is kept
 * there, the caller's. */
int vk_layers_put(struct vk_engine *eng, uint32_t id, const struct vk_policy *const *layers,
		  size_t n, size_t mitigations, struct vk_image **known, struct vk_error *e);

/* Whether it can be the name of an instance. */
int vk_name_check(const char *name, struct vk_error *e);

/* share.c: the image of an instance under the same document for the plan's new one, if there is
 * such an instance. */
int vk_share_image(struct vk_plan *p, struct vk_engine *eng, const char *document,
		   struct vk_error *e);

int vk_members_count(struct vk_engine *eng, uint32_t *active, uint32_t *pending,
		     struct vk_error *e);
/* The record of a process's leader. -ENOENT: it has none; -ESRCH: it has ended. */
int vk_member_get(struct vk_engine *eng, int pidfd, struct vk_member *ret);
int vk_member_set(struct vk_engine *eng, int pidfd, uint32_t id, enum vk_member_state state);

/* program.c */
/* Binds a new instance by the programs of those above it. */
void vk_programs_inherit(struct vk_engine *eng, uint32_t id);
/* Forgets the programs of an instance without members. */
void vk_programs_drop(struct vk_engine *eng, uint32_t id);
/* Bit per hook at which any instance asks programs; whether some want paths. */
uint64_t vk_programs_asked(struct vk_engine *eng, bool *ret_paths);

/* Takes out what members pushed onto @id and all below it. */
int vk_programs_drop_pushed(struct vk_engine *eng, uint32_t id, struct vk_error *e);
/* Finishes, or takes back, what somebody was killed at. */
int vk_programs_repair(struct vk_engine *eng, struct vk_error *e);

/* push.c, program_member.c: what members may add. The least of what layers that root gave to an
 * instance and to those above say. */
struct vk_push_limits {
	bool any;
	bool poppable;
	unsigned int layers;
	unsigned int children;
	unsigned int programs;
};
struct vk_push_limits vk_push_limits_of(struct vk_engine *eng, uint32_t id);
uint32_t vk_push_top(struct vk_engine *eng, uint32_t id);
/* @target "": the caller's own. */
int vk_push_target(struct vk_engine *eng, uint32_t caller, const char *target, uint32_t *ret,
		   struct vk_error *e);
/* -EPERM, and what to write into the policy. */
int vk_push_refuse(struct vk_engine *eng, uint32_t id, const char *what, const char *key,
		   struct vk_error *e);
struct vk_own;
void vk_programs_own_get(struct vk_engine *eng, uint32_t id, struct vk_own *ret);

/* selftest.c: provokes one real denial. */
int vk_selftest(struct vk_engine *eng, struct vk_error *e);

#endif
