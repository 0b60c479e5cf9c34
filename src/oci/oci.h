/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oci.h - containers: which policy binds one, how its instance is made and ended.
 *
 * An engine's runtime runs vkernel-hook when the container's namespaces exist and before its
 * program starts. The hook makes an instance named after the container, records its mount
 * namespace and cgroup as places, and marks the process that will become the container's program.
 */
#ifndef VK_OCI_H
#define VK_OCI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine.h"
#include "error.h"
#include "model.h"

#define VK_OCI_ANNOTATION "io.vkernel.policy"
#define VK_OCI_DEFAULT "/etc/vkernel/default.yaml"
#define VK_OCI_BUILTIN "container-default"
#define VK_OCI_RECORDS "/run/vkernel/containers"

/* ---- policies (layers.c) ---- */

struct oci_layers {
	struct vk_policy *layers[VK_MAX_LAYERS];
	size_t n;
};
void oci_layers_free(struct oci_layers *l);
#define _cleanup_layers_ vk_cleanup(oci_layers_free)

/* Adds the policy @word: a name, or, if @path_allowed, an absolute path. All files must be root's:
 * nobody looked at them when the container was started. */
int oci_add_layer(struct oci_layers *l, const char *word, bool path_allowed, struct vk_error *e);
/* Adds names separated by commas: what an annotation or a configuration says. */
int oci_add_names(struct oci_layers *l, const char *names, struct vk_error *e);
/* Adds what binds a container of which the administrator said nothing. */
int oci_add_default(struct oci_layers *l, struct vk_error *e);

/* Whether members may push: then the container has the broker's socket. */
bool oci_layers_push(const struct oci_layers *l);

/* ---- state (state.c) ---- */

/**
 * struct oci_state - what the runtime tells its hooks
 * @id:       the container's id, as given to the runtime
 * @name:     of its instance: the id, or a digest of it where it cannot be a name
 * @pid:      the process that becomes the container's program; 0 when there is none
 * @bundle:   directory of config.json, or ""
 * @policies: the annotation, or NULL
 * @engine_name: what the engine calls it, or ""
 */
struct oci_state {
	char *id;
	char name[65];
	pid_t pid;
	char *bundle;
	char *policies;
	char engine_name[256];
};
struct json_t;
/* The name of the instance of container @id. */
void oci_instance_name(const char *id, char name[65]);
int oci_state_parse(const char *text, size_t len, struct oci_state *ret, struct vk_error *e);
void oci_state_free(struct oci_state *st);
#define _cleanup_state_ vk_cleanup(oci_state_free)

/* ---- system calls (filter.c) ---- */

/**
 * struct oci_question - what the runtime wrapper asks on standard input
 * @policies: the annotation
 * @seccomp:  linux.seccomp, JSON
 * @apparmor: process.apparmorProfile
 *
 * {"policies": STRING, "seccomp": PROFILE, "apparmor": STRING}; each may be null, and is NULL then.
 */
struct oci_question {
	char *policies;
	char *seccomp;
	char *apparmor;
};
int oci_question_parse(const char *text, size_t len, struct oci_question *ret, struct vk_error *e);
void oci_question_free(struct oci_question *q);
#define _cleanup_question_ vk_cleanup(oci_question_free)
/* The profile to run the container under, JSON; NULL: the layers need none. @profile: the engine's,
 * or NULL. @ret_hash: of what the layers by themselves need. -EOPNOTSUPP: it cannot be made. */
int oci_filter(const struct oci_layers *l, const char *profile, uint64_t *ret_hash, char **ret,
	       struct vk_error *e);

/* ---- the engine's profiles as layers (takeover.c) ---- */

/* Whether one of the layers says "takeover: true". */
bool oci_wants_takeover(const struct oci_layers *l);
/* Adds a layer for each profile; NULL: none. -EOPNOTSUPP: a rule of it would be lost. */
int oci_take_over(struct oci_layers *l, const char *seccomp, const char *apparmor,
		  struct vk_error *e);
/* The same, of what the runtime wrapper has put aside in the config.json at @path. */
int oci_take_over_config(struct oci_layers *l, const char *path, struct vk_error *e);

/* ---- containers (container.c) ---- */

/* Puts the container under the layers, from its program's exec on. A second call for the same
 * container, of another hook, adds layers. Nothing half-made stays when it fails. @filter: hash of
 * the filter for system calls that its runtime installs, 0: none. @document: number of layers (see
 * vk_layers_document()) of which it is known that they need that filter, or 0. */
int oci_container_create(const struct oci_state *st, const struct oci_layers *l, uint64_t filter,
			 uint64_t document, struct vk_error *e);
/* The same, under the layers with the number @document, of which another instance is made; nothing
 * is parsed. -ENOENT, without an error: there is none, or this container has an instance. */
int oci_container_create_like(const struct oci_state *st, uint64_t document, uint64_t filter,
			      struct vk_error *e);
/* The same, without a filter, by who is about to execute the container's runtime: all that the
 * runtime starts is told from the container's program by its mount namespace, so the runtime needs
 * no hook for it. @st has no pid of the container yet. -EEXIST, without an error: this container has
 * an instance. */
int oci_container_start(const struct oci_state *st, uint64_t document, struct vk_error *e);
/* Takes that back: the runtime cannot be executed. */
void oci_container_start_not(const char *name);
/* Makes the processes of a container that runs already members of @instance, which has the number
 * @id, and whoever executes a program in it later. @ret_count: threads joined. */
int oci_container_join(struct vk_engine *eng, uint32_t id, const char *instance,
		       struct oci_state *st, uint32_t *ret_count, struct vk_error *e);
/* Ends the instance. @kill: and what is left of its members; else it stays while it has any. No such
 * instance: 0. */
int oci_container_remove(const char *name, bool kill, struct vk_error *e);
/* Removes instances of containers without processes, and records without instances; calls @fn
 * for each removed, with the container's id. @dry_run: only says so. Return: how many. */
int oci_collect(bool dry_run, void (*fn)(const char *id, void *data), void *data,
		struct vk_error *e);

/* ---- records (record.c) ---- */

/**
 * struct oci_record - what is known of a container while its instance exists
 * @instance: name of the instance
 * @id:       the container's id
 * @bundle:   directory of config.json, or ""
 * @name:     what the engine called it when it started, or ""
 */
struct oci_record {
	char instance[65];
	char id[1024];
	char bundle[1024];
	char name[256];
};
int oci_record_write(const struct oci_state *st, struct vk_error *e);
/* Of a container that did not start. */
void oci_record_remove(const char *instance);
/* Of one that has ended: the record is kept for its last events, until there are many. */
void oci_record_end(const char *instance);
/* -ENOENT: the instance is no container's. */
int oci_record_read(const char *instance, struct oci_record *ret);
/* -ENOENT: no container of this instance has ended, or that was long ago. */
int oci_record_read_ended(const char *instance, struct oci_record *ret);
/* Calls @fn for each record; stops when it returns non-zero, and returns that. */
int oci_record_each(int (*fn)(const struct oci_record *r, void *data), void *data);
/* The container that @word means: its id or name, or the beginning of one id. -ENOENT, -ENOTUNIQ. */
int oci_record_find(const char *word, struct oci_record *ret, struct vk_error *e);

/* ---- engines (engines.c) ---- */

/* What Docker, podman, Kubernetes or nerdctl call a container; "" when they do not say. */
void oci_engine_name(const char *id, const char *bundle, struct json_t *annotations, char *buf,
		     size_t size);
/* A running container of runc or crun, by id, beginning of an id, or name: its state. Instances of
 * containers are not looked at. -ENOENT, -ENOTUNIQ. */
int oci_find_running(const char *word, struct oci_state *ret, struct vk_error *e);

/* ---- places (place.c) ---- */

/* -EOPNOTSUPP: the caller is in a user or pid namespace from which containers cannot be bound. */
int oci_check_namespaces(struct vk_error *e);
/* The one half of it. */
int oci_check_user_namespace(struct vk_error *e);
/* Makes who executes a program in the container's mount namespace or cgroup join the instance. */
int oci_join_places(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e);

#endif
