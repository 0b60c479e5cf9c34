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

/**
 * struct vk_own - what a member may know of its instance
 * @pushed:   uid of each layer that members pushed, first to last
 * @bytes:    and its size
 * @given:    layers given by root, and all of the instances above
 * @may_push: layers that may still be pushed
 * @may_make: instances that may still be made below
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
};
int vk_own_get(struct vk_engine *eng, uint32_t id, struct vk_own *ret, struct vk_error *e);
/* Removes an instance that a member of @caller or of one below it has made, and that is empty. */
int vk_child_remove(struct vk_engine *eng, uint32_t caller, const char *name, struct vk_error *e);

#endif
