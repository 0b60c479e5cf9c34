/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verdict_ops.h - the operations of verdict tables, really made: by a member (vo_perform), on
 * objects that somebody else has prepared (vo_prepare).
 */
#ifndef VK_TESTS_VERDICT_OPS_H
#define VK_TESTS_VERDICT_OPS_H

#include <stdbool.h>
#include <sys/types.h>

#include "table.h"

#define VO_PATH 512

/**
 * struct vo_call - one operation as handed to the member, in shared memory
 * @op:    operation
 * @args:  its arguments
 * @own:   a process of the member's instance with its user id
 * @own_uid: the same with another user id
 * @other: a process of no instance
 * @err:   set by the member: errno, or 0
 */
struct vo_call {
	enum vt_op op;
	char args[VT_MAX_ARGS][VO_PATH];
	pid_t own;
	pid_t own_uid;
	pid_t other;
	int err;
};

/* Makes the objects of a row. *ret_fd: a descriptor to hand to the member, or -1. With
 * @row->foreign they are on a mount of their own. */
bool vo_prepare(const struct vt_row *row, int *ret_fd);
/* Removes them, and what the operation made. */
void vo_clean(const struct vt_row *row);
/* Performs c->op; @fd as from vo_prepare. */
void vo_perform(struct vo_call *c, int fd);
/* The errno that a verdict must show as. */
int vo_errno(const struct vt_row *row);

#endif
