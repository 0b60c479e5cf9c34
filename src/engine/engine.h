/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * engine.h - all contact with the kernel: what this host can enforce, instances, members, events.
 *
 * Enforcement lives in pinned maps and links under the bpf file system; a struct vk_engine is
 * only a hold on them, for the time of one command. Names of instances are [A-Za-z0-9._-]{1,64}.
 */
#ifndef VK_ENGINE_H
#define VK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "model.h"
#include "vk_kern.h"

/* ---- the host: vkernel check ---- */

enum vk_support { VK_NO = 0, VK_YES = 1, VK_UNKNOWN = 2 };

/* One line of `vkernel check`. */
struct vk_feature {
	const char *id; /* "lsm-bpf", "fmod-ret", "preempt", "btf", "bpffs", "privilege", ... */
	const char *title; /* what it is, for people */
	enum vk_support ok;
	char detail[192]; /* what was found, and why it matters when it is missing */
};

#define VK_MAX_FEATURES 32
enum vk_mechanism { VK_MECH_NONE = 0, VK_MECH_LSM = 1, VK_MECH_FMOD_RET = 2 };

/**
 * struct vk_host - what this host can enforce
 * @mechanism: what enforces; NONE when this host cannot
 * @reason:    when NONE: why, one sentence
 * @advice:    when NONE: what to do (a boot parameter, a mount, a privilege)
 */
struct vk_host {
	enum vk_mechanism mechanism;
	char kernel[80];
	char preempt[16];
	char lsm_list[160];
	char reason[256];
	char advice[256];
	struct vk_feature features[VK_MAX_FEATURES];
	size_t n_features;
};

/* Probes by doing, loads small programs; needs no engine. Never fails: what cannot be found out
 * is VK_UNKNOWN or VK_NO with the cause in detail. */
void vk_host_check(struct vk_host *ret);
const char *vk_mechanism_name(enum vk_mechanism m);

/* ---- the engine ---- */

struct vk_engine;

enum vk_open_flag {
	VK_OPEN_CREATE = 1, /* set up maps and core hooks when absent, after the self-test */
	VK_OPEN_READ_ONLY = 2, /* for ps, show, stats: no lock, nothing is created */
	VK_OPEN_BRIEF = 4, /* to make or end one instance or tidy up, and no more: cheaper */
	VK_OPEN_PLACES = 8, /* what is made will have places: looks for what they need as well */
};

/* -ENOENT: READ_ONLY and nothing was ever set up here; -EPERM: not root; -EOPNOTSUPP: this host
 * cannot enforce (message and advice say why); -EPROTO: pins of another version. */
int vk_engine_open(struct vk_engine **ret, unsigned int flags, struct vk_error *e);
void vk_engine_close(struct vk_engine *eng);
/* Mounts the bpf file system where it is not. */
int vk_bpffs_ensure(struct vk_error *e);
static inline void vk_engine_closep(struct vk_engine **eng)
{
	vk_engine_close(*eng);
}

/**
 * struct vk_info - one instance, for ps and show
 * @layers:   parsed copies of the policies in force, outermost first, those of the instances above
 *            included; owned by the info
 * @origins:  of each, whose it is
 * @policies: names of its own layers that root gave, comma separated
 * @n_own:    its own layers
 * @n_pushed: of those, the ones that members added
 * @parent:   the instance above it, 0: none
 * @depth:    1: has no parent
 * @by_member: made by a member; @uid says which user
 * @slot_shared: instances that share its image, itself included
 */
struct vk_layer_origin {
	uint32_t instance;
	char name[65];
	bool mitigation; /* put on top by vk_mitigate() */
	bool pushed; /* by a member */
	uint32_t uid; /* of whom */
};
struct vk_info {
	uint32_t id;
	char name[65];
	enum vk_mode mode;
	char policies[256];
	uint32_t members;
	uint32_t pending;
	uint32_t slot_shared;
	uint32_t image_bytes;
	uint32_t states;
	uint32_t needs;
	struct vk_instance counters;
	uint32_t parent;
	char parent_name[65];
	uint32_t depth;
	uint32_t n_own;
	uint32_t n_pushed;
	bool by_member;
	uint32_t uid;
	struct vk_policy *layers[VK_MAX_LAYERS];
	struct vk_layer_origin origins[VK_MAX_LAYERS];
	size_t n_layers;
};
void vk_info_free(struct vk_info *info);

/* Creates an instance under @layers. -EEXIST: name in use; -EINVAL: bad name; -ENOSPC: table
 * full; -EOPNOTSUPP: a rule cannot be enforced here; what vk_compile returns. */
int vk_instance_create(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, uint32_t *ret_id,
		       struct vk_error *e);
/* What the texts of layers say, as a number; 0: no memory. It is the same for the same texts, in
 * the same version of vkernel. */
uint64_t vk_layers_document(const struct vk_policy *const *layers, size_t n);
/* Creates an instance like one that root has made under @document, with the same filter for system
 * calls: nothing is parsed or compiled. -ENOENT, without an error: there is none. */
int vk_instance_create_like(struct vk_engine *eng, const char *name, uint64_t document,
			    uint32_t *ret_id, struct vk_error *e);
/* As vk_instance_create, below the instance @parent (NULL: none), all of whose layers bind it too.
 * -ELOOP: it would be more than VK_MAX_DEPTH deep; -E2BIG: more than VK_MAX_LAYERS layers in all. */
int vk_instance_create_below(struct vk_engine *eng, const char *name, const char *parent,
			     const struct vk_policy *const *layers, size_t n, uint32_t *ret_id,
			     struct vk_error *e);
/* Replaces all its own layers, but mitigations and those that members pushed, atomically; the
 * instances below it follow. -ENOENT: no such instance; -EBADMSG: it has mitigations, whose stored
 * texts are not those in force. */
int vk_instance_update(struct vk_engine *eng, const char *name,
		       const struct vk_policy *const *layers, size_t n, struct vk_error *e);
enum vk_drop {
	VK_DROP_MITIGATIONS = 1, /* of the instance */
	VK_DROP_PUSHED = 2, /* what members pushed, on it and on all below it */
};
/* The same, and takes away what would stay. @drop: enum vk_drop. */
int vk_instance_replace(struct vk_engine *eng, const char *name,
			const struct vk_policy *const *layers, size_t n, unsigned int drop,
			struct vk_error *e);
/* Re-enforces the stored layers in another mode; mitigations keep theirs. */
int vk_instance_set_mode(struct vk_engine *eng, const char *name, enum vk_mode mode,
			 struct vk_error *e);

/* ---- mitigations: rule sets on top of running instances ---- */

/* The names of the layers that they are in, of which each instance has at most these two. Each
 * uses the rule sets that are applied in its mode. */
#define VK_MITIGATIONS "mitigations"
#define VK_MITIGATIONS_AUDIT "mitigations-audit"

enum vk_mitigate { VK_MITIGATE_AUDIT, VK_MITIGATE_ENFORCE, VK_MITIGATE_LIFT };

/**
 * struct vk_mitigation - a change
 * @what:    to apply @sets in audit mode, to enforce them, or to lift what @words name
 * @sets:    rule sets; one that is applied already is replaced, also in the other mode
 * @n_sets:  how many
 * @words:   with LIFT: names of rule sets, or what they mitigate
 * @n_words: how many; 0: all
 */
struct vk_mitigation {
	enum vk_mitigate what;
	const struct vk_policy *const *sets;
	size_t n_sets;
	const char *const *words;
	size_t n_words;
};

/* Whether @set is known as @word: by its name, or by what it mitigates, without regard to case. */
bool vk_mitigates(const struct vk_policy *set, const char *word);

/* Changes one instance after the other, each atomically; equal instances are compiled once. Calls
 * @fn for each: @sets changed there, or a negative errno with @e, upon which the instance is as it
 * was and the next one follows. @names: of instances; NULL: all. Return: number of instances that
 * failed, or a negative errno. */
int vk_mitigate(struct vk_engine *eng, const char *const *names, size_t n,
		const struct vk_mitigation *m,
		void (*fn)(const char *name, int sets, const struct vk_error *e, void *data),
		void *data, struct vk_error *e);

/* Removes it. -EBUSY: it has members (the message says how many), unless @kill, which ends them
 * first. There is no way to release members. -ENOTEMPTY: there are instances below it. */
int vk_instance_remove(struct vk_engine *eng, const char *name, bool kill, struct vk_error *e);
/* The same with all below it: all or none. */
int vk_instance_remove_tree(struct vk_engine *eng, const char *name, bool kill, struct vk_error *e);

/* The next exec of @pid (a single-threaded process, by pidfd) makes it a member, if it is none of
 * this instance already. A member of an instance above it goes down into it. -EALREADY: it is a
 * member of another one. */
int vk_instance_confine_next_exec(struct vk_engine *eng, uint32_t id, int pidfd,
				  struct vk_error *e);
/* Makes this process and all that it will start the runtime of a container, whose instance is @id and
 * new: what one of them executes in another mount namespace is a member, and that namespace and its
 * cgroup, if it is another one, become places. The next exec must be that of the runtime. */
int vk_instance_start_here(struct vk_engine *eng, uint32_t id, struct vk_error *e);
/* Takes that back, for this process. */
void vk_instance_start_not(struct vk_engine *eng);
/* A running process with all its threads and descendants, now. Members of an instance above it go
 * down into it. @ret_count: threads joined. -ESRCH: no such process; -EALREADY: it is a member of
 * another instance. */
int vk_instance_attach(struct vk_engine *eng, uint32_t id, pid_t pid, uint32_t *ret_count,
		       struct vk_error *e);
/* Who executes a program in this cgroup v2 (by path) / mount namespace (of a process) joins. */
int vk_instance_join_cgroup(struct vk_engine *eng, uint32_t id, const char *path,
			    struct vk_error *e);
int vk_instance_join_mntns(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e);

/* Calls @fn for each instance; stops when it returns non-zero, and returns that. @with_layers:
 * parse and hand over the policies too. */
int vk_instance_list(struct vk_engine *eng, bool with_layers,
		     int (*fn)(const struct vk_info *info, void *data), void *data,
		     struct vk_error *e);
/* Whether there is one of exactly this name. */
bool vk_instance_exists(struct vk_engine *eng, const char *name);
/* By name or unique prefix. -ENOENT, -ENOTUNIQ. Release with vk_info_free. */
int vk_instance_get(struct vk_engine *eng, const char *name, struct vk_info *ret,
		    struct vk_error *e);
/* By id; also one that has ended, for its last events: name, policies and layers. -ENOENT. */
int vk_instance_get_id(struct vk_engine *eng, uint32_t id, struct vk_info *ret, struct vk_error *e);
/* @id 0: all instances. */
int vk_members(struct vk_engine *eng, uint32_t id,
	       int (*fn)(const struct vk_member_line *line, void *data), void *data,
	       struct vk_error *e);

/* What would be attached for @needs here: calls @fn per hook. Needs no engine. */
struct vk_hook_plan {
	const char *program;
	const char *hook; /* kernel function or LSM hook it sits on */
	enum vk_mechanism mechanism;
	bool available;
	const char *why; /* what it decides */
};
int vk_plan_hooks(uint32_t needs, const struct vk_host *host,
		  int (*fn)(const struct vk_hook_plan *plan, void *data), void *data);

/* ---- system calls (entry.c) ---- */

/**
 * struct vk_entry - the filter that layers need at the entry of the kernel
 * @insns: the program, owned
 * @n:     instructions; 0: none is needed
 * @hash:  equal for equal filters; 0: none
 */
struct sock_filter;
struct vk_entry {
	struct sock_filter *insns;
	size_t n;
	uint64_t hash;
};
/* -EOPNOTSUPP: libseccomp cannot express a rule; what vk_filter_make returns. */
int vk_entry_make(const struct vk_policy *const *layers, size_t n, struct vk_entry *ret,
		  struct vk_error *e);
/* Puts the calling task under it, for good. To be called between fork and exec. Return: 0 or a
 * negative errno. */
int vk_entry_apply(const struct vk_entry *entry);
void vk_entry_free(struct vk_entry *entry);
/* Whether libseccomp, which runtimes of containers use as well, knows a call of that name. */
bool vk_entry_knows(const char *name);
/* Says which filter the members of instances that are made or updated next have (its hash); and
 * whether rules that need another may stay unenforced. Without it, layers that need a filter are
 * refused. */
void vk_engine_entry(struct vk_engine *eng, uint64_t hash, bool degraded);
/* The same, where it is known that layers with the number @document (see vk_layers_document()) need
 * that filter: of them it is not found out again. */
void vk_engine_entry_of(struct vk_engine *eng, uint64_t hash, uint64_t document);

/* ---- policy programs: docs/programs.md ---- */

enum vk_push_flag {
	VK_PUSH_AUDIT = 1, /* its denials are only reported */
	VK_PUSH_REPLACE = 2, /* take the place of the program of the same name */
};

/* Checks @image (src/program) and puts it in force in an instance and all below it; what is asked
 * already stays in force until then. -EEXIST: the instance has one of that name; -EACCES: the
 * verifier refuses it; -E2BIG: a limit; what vk_program_check returns. */
int vk_program_push(struct vk_engine *eng, const char *instance, const void *image, size_t size,
		    unsigned int flags, uint32_t *ret_id, struct vk_error *e);
/* @name NULL: the one pushed last. -ENOENT. */
int vk_program_pop(struct vk_engine *eng, const char *instance, const char *name,
		   struct vk_error *e);
int vk_program_set_audit(struct vk_engine *eng, const char *instance, const char *name, bool audit,
			 struct vk_error *e);
/* Installs a dynamic helper, and removes it. -EBUSY: programs call it. */
int vk_helper_add(struct vk_engine *eng, const void *image, size_t size, uint32_t *ret_id,
		  struct vk_error *e);
int vk_helper_remove(struct vk_engine *eng, const char *name, struct vk_error *e);

/**
 * struct vk_program_info - a program or helper
 * @instance: name of its instance, "" for helpers
 * @inherited: instances below that are bound by it
 */
struct vk_program_info {
	uint32_t id;
	struct vk_program_row row;
	char instance[65];
	uint32_t inherited;
};
/* Programs in the order in which they are asked, instance by instance; with VK_P_HELPER, helpers.
 * @instance NULL: of all. */
int vk_program_list(struct vk_engine *eng, const char *instance, uint32_t flags,
		    int (*fn)(const struct vk_program_info *info, void *data), void *data,
		    struct vk_error *e);
/* The name of a program, also of one that is gone, until its number is used again; else its number. */
void vk_program_name_of(struct vk_engine *eng, uint32_t id, char ret[32]);
/* The image of a program; release with free(). */
struct vk_program_image;
int vk_program_image_of(struct vk_engine *eng, uint32_t id, struct vk_program_image **ret,
			struct vk_error *e);

/* An element of a program's map. @key NULL: the first. Sizes are those of the image. -ENOENT. */
int vk_program_map_next(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
			void *ret_next, struct vk_error *e);
int vk_program_map_get(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
		       void *ret_value, struct vk_error *e);
/* @value NULL: deletes. */
int vk_program_map_set(struct vk_engine *eng, uint32_t id, uint32_t map, const void *key,
		       const void *value, struct vk_error *e);

/* ---- events ---- */

struct vk_event_reader;

/* Only one reader at a time: -EBUSY names the other. */
int vk_events_open(struct vk_engine *eng, struct vk_event_reader **ret, struct vk_error *e);
/* Calls @fn for each waiting event, then waits up to @timeout_ms (0: not, -1: for ever) for more
 * when there was none. Return: number of events; -EINTR. */
int vk_events_poll(struct vk_event_reader *r, int timeout_ms,
		   int (*fn)(const struct vk_event *ev, void *data), void *data);
void vk_events_close(struct vk_event_reader *r);

/* Host-wide counters, for stats. */
struct vk_stats {
	uint32_t instances, members;
	uint32_t images, image_bytes;
	uint64_t denied, audited, suppressed, lost, errors;
	uint32_t hooks_attached;
	uint64_t cache_bytes;
};
int vk_stats_get(struct vk_engine *eng, struct vk_stats *ret, struct vk_error *e);

#endif
