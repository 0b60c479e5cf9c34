// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ring.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

bool ring_make(struct ring *r, unsigned int flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 10000};
	char *sq, *cq;

	r->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (r->fd < 0)
		return false;
	sq = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || r->sqes == MAP_FAILED)
		return false;
	r->sq_tail = (void *)(sq + p.sq_off.tail);
	r->sq_mask = (void *)(sq + p.sq_off.ring_mask);
	r->sq_array = (void *)(sq + p.sq_off.array);
	r->sq_flags = (void *)(sq + p.sq_off.flags);
	r->cq_head = (void *)(cq + p.cq_off.head);
	r->cq_tail = (void *)(cq + p.cq_off.tail);
	r->cq_mask = (void *)(cq + p.cq_off.ring_mask);
	r->cqes = (void *)(cq + p.cq_off.cqes);
	return true;
}

bool ring_can(unsigned int op)
{
	struct {
		struct io_uring_probe head;
		struct io_uring_probe_op ops[256];
	} probe = {0};
	struct ring r;
	long err;

	if (!ring_make(&r, 0))
		return false;
	err = syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_PROBE, &probe, 256);
	close(r.fd);
	return err == 0 && op <= probe.head.last_op && probe.ops[op].flags & IO_URING_OP_SUPPORTED;
}

int ring_submit(struct ring *r, const struct io_uring_sqe *sqe, bool polled)
{
	unsigned int tail = *r->sq_tail, index = tail & *r->sq_mask;
	int res;

	r->sqes[index] = *sqe;
	r->sq_array[index] = index;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	syscall(SYS_io_uring_enter, r->fd, polled ? 0 : 1, 1,
		IORING_ENTER_GETEVENTS | (polled ? IORING_ENTER_SQ_WAKEUP : 0), NULL, 0);
	while (__atomic_load_n(r->cq_tail, __ATOMIC_SEQ_CST) == *r->cq_head)
		sched_yield();
	res = r->cqes[*r->cq_head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_SEQ_CST);
	return res;
}
