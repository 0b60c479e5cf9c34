/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ring.h - io_uring without a library, one operation at a time. */
#ifndef VK_TESTS_RING_H
#define VK_TESTS_RING_H

#include <linux/io_uring.h>
#include <stdbool.h>

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

/* @flags: IORING_SETUP_*. */
bool ring_make(struct ring *r, unsigned int flags);
/* Whether io_uring of this kernel says that it has the operation IORING_OP_*. */
bool ring_can(unsigned int op);
/* The result of one operation; @polled: the ring has a thread of the kernel for it. */
int ring_submit(struct ring *r, const struct io_uring_sqe *sqe, bool polled);

#endif
