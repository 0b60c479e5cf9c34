/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * push.h - what members ask for themselves: layers onto their instance or one below it, and
 * instances below it. For the broker, which knows who asks.
 *
 *	vk_request_plan()	what would change, from rows and texts; under the lock, quick
 *	vk_plan_images()	compiled, by a process without privilege
 *	vk_plan_take()		what it returned, checked: nothing gets looser, whatever it is
 *	vk_request_commit()	in force, if nothing was changed meanwhile
 */
#ifndef VK_ENGINE_PUSH_H
#define VK_ENGINE_PUSH_H

#include "engine.h"
#include "model.h"
#include "vk_program.h"

#define VK_PUSH_TEXT_MAX (64u << 10) /* bytes of a layer */
#define VK_PUSH_IMAGE_MAX (1u << 20) /* bytes of an image with such a layer */
#define VK_PUSH_TREE_MAX (16u << 20) /* bytes of images of a tree in which members push */
#define VK_PUSH_USER_LAYERS 128 /* layers of one user, on the whole host */
#define VK_PUSH_USER_CHILDREN 64 /* instances of one user */

enum vk_request_kind { VK_REQUEST_PUSH, VK_REQUEST_POP, VK_REQUEST_CHILD };

/**
 * struct vk_request - one request, by whom
 * @kind:   what
 * @caller: the caller's instance
 * @uid:    the caller's user, in the initial user namespace
 * @target: name of an instance below the caller's, or "": the caller's own; CHILD: a label for the
 *          name of the new one, or ""
 * @text:   PUSH, CHILD: the layer
 * @len:    its bytes
 */
struct vk_request {
	enum vk_request_kind kind;
	uint32_t caller;
	uint32_t uid;
	const char *target;
	const char *text;
	size_t len;
};

/* The instance in which the process is active, and the one at the top of its tree. -EPERM: none;
 * -ESRCH: it has ended. */
int vk_member_instance(struct vk_engine *eng, int pidfd, uint32_t *ret_id, uint32_t *ret_top);

struct vk_plan;

/* -EPERM: the policies do not permit it; -EDQUOT: a limit; -ENOENT: nothing to pop, no such
 * instance. */
int vk_request_plan(struct vk_engine *eng, const struct vk_request *q, struct vk_plan **ret,
		    struct vk_error *e);
void vk_plan_free(struct vk_plan *p);
static inline void vk_plan_freep(struct vk_plan **p)
{
	vk_plan_free(*p);
}
/* Compiles into @buf: for each image its size (8 bytes) and itself, padded to 8. Pure. Return: the
 * bytes used; a negative errno. */
int vk_plan_images(struct vk_plan *p, void *buf, size_t size, struct vk_error *e);
/* Takes what vk_plan_images() left, copying it. -EBADMSG: it is not what it must be. */
int vk_plan_take(struct vk_plan *p, struct vk_engine *eng, const void *buf, size_t len,
		 struct vk_error *e);
/* CHILD: @ret_id is the new instance, @name its name. -EAGAIN: make the plan anew. */
int vk_request_commit(struct vk_engine *eng, struct vk_plan *p, uint32_t *ret_id, char name[65],
		      struct vk_error *e);

/* ---- policy programs: program_member.c ---- */

#define VK_PUSH_USER_PROGRAMS 64 /* programs of one user, on the whole host */
#define VK_PUSH_TREE_PROGRAMS 128 /* that members pushed onto the instances of one tree */
#define VK_PUSH_PROGRAM_BYTES                                                                      \
	(4u << 20) /* of maps, of those that members pushed onto one instance */
#define VK_PUSH_TREE_PROGRAM_BYTES (32u << 20) /* the same for a tree */
#define VK_PUSH_TREE_STEPS 1000000u /* of the verifier, if all of a tree are loaded again */

/**
 * struct vk_program_request - one request for a program, by whom
 * @caller, @uid, @target: as in struct vk_request
 * @name:    POP: of the program; "": the one pushed last
 * @audit:   PUSH: its denials are only reported
 * @replace: PUSH: in the place of the user's own of that name
 * @write:   of maps: they are to be changed
 */
struct vk_program_request {
	uint32_t caller;
	uint32_t uid;
	const char *target;
	const char *name;
	bool audit;
	bool replace;
	bool write;
};

struct vk_pushed;
void vk_pushed_done(struct vk_pushed *p);
static inline void vk_pushed_donep(struct vk_pushed **p)
{
	vk_pushed_done(*p);
}
/*
 * Whether it may be pushed, and the program shown to the verifier, which may take seconds: with an
 * engine that is read only, so without the lock. What is returned borrows @image. -EPERM, -EDQUOT,
 * -ENOENT as above; else as vk_program_push().
 */
int vk_program_request_verify(struct vk_engine *eng, const struct vk_program_request *q,
			      const void *image, size_t size, struct vk_pushed **ret,
			      struct vk_error *e);
/* Puts it in force. -EAGAIN: a helper that it calls was changed meanwhile. */
int vk_program_request_push(struct vk_engine *eng, const struct vk_program_request *q,
			    const struct vk_pushed *p, struct vk_error *e);
int vk_program_request_pop(struct vk_engine *eng, const struct vk_program_request *q,
			   struct vk_error *e);

/**
 * struct vk_own_map - a map of a program that the member pushed
 * @fd:  the map; it can be used after the engine is closed, so without its lock
 */
struct vk_own_map {
	int fd;
	struct vk_program_map map;
};
/* The image of the caller's own program @q->name, for its maps. -ENOENT: it has pushed none of
 * that name; -EPERM: @q->write, and the policies do not let it pop programs. */
int vk_program_request_maps(struct vk_engine *eng, const struct vk_program_request *q,
			    struct vk_program_image **ret, uint32_t *ret_id, struct vk_error *e);
/* One of them; the engine's lock must be held. -EROFS. */
int vk_program_request_map(struct vk_engine *eng, const struct vk_program_request *q,
			   const char *name, struct vk_own_map *ret, struct vk_error *e);
int vk_own_map_get(const struct vk_own_map *m, const void *key, void *ret_value,
		   struct vk_error *e);
/* @value NULL: deletes. */
int vk_own_map_set(const struct vk_own_map *m, const void *key, const void *value,
		   struct vk_error *e);
/* Keys and values of the elements that follow the key @after (NULL: from the first one), as many
 * as fit; returns the bytes used. */
size_t vk_own_map_dump(const struct vk_own_map *m, const void *after, void *buf, size_t room);

/**
 * struct vk_own - what a member may know of its instance
 * @pushed:   uid of each layer that members pushed, first to last
 * @bytes:    and its size
 * @given:    layers given by root, and all of the instances above
 * @may_push: layers that may still be pushed
 * @may_make: instances that may still be made below
 * @programs: names of the programs that members pushed, first to last
 * @may_push_programs: how many more may be
 */
struct vk_own {
	char name[65];
	uint32_t depth;
	uint32_t given;
	uint32_t n_pushed;
	uint32_t pushed[VK_MAX_LAYERS];
	uint32_t bytes[VK_MAX_LAYERS];
	uint32_t may_push;
	uint32_t may_make;
	bool poppable;
	uint32_t n_programs;
	uint32_t may_push_programs;
	char programs[VK_PUSH_PROGRAMS_MAX][32];
};
int vk_own_get(struct vk_engine *eng, uint32_t id, struct vk_own *ret, struct vk_error *e);
/* Removes an instance that a member of @caller or of one below it has made, and that is empty. */
int vk_child_remove(struct vk_engine *eng, uint32_t caller, const char *name, struct vk_error *e);

#endif
