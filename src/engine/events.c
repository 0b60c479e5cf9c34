/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* events.c - reading the ring buffer. It has one reading position, so one reader at a time. */
#include "internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct vk_event_reader {
	int lock;
	int map;
	struct ring_buffer *ring;
	int (*fn)(const struct vk_event *ev, void *data);
	void *data;
	int events;
	int stopped;
};

static int on_record(void *ctx, void *record, size_t len)
{
	struct vk_event_reader *r = ctx;
	const struct vk_event *ev = record;

	if (len < sizeof(*ev) || ev->vki == VK_SELFTEST_ID)
		return 0;
	r->events++;
	r->stopped = r->fn(ev, r->data);
	return r->stopped ? -ECANCELED : 0;
}

int vk_events_open(struct vk_engine *eng, struct vk_event_reader **ret, struct vk_error *e)
{
	struct vk_event_reader *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return vk_error_set(e, ENOMEM, "no memory");
	r->map = -1;
	r->lock = open(VK_STATE_ROOT "/events.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (r->lock < 0 || flock(r->lock, LOCK_EX | LOCK_NB) < 0) {
		code = errno;
		vk_events_close(r);
		if (code != EWOULDBLOCK)
			return vk_error_set(e, code, "cannot lock the events: %s", strerror(code));
		vk_error_set(e, EBUSY, "another \"vkernel events\" reads the events");
		vk_error_advise(e, "stop it, or read its output");
		return -EBUSY;
	}
	/* A descriptor of our own: the reader may outlive the engine handle. */
	r->map = fcntl(eng->maps[VK_MAP_EVENTS], F_DUPFD_CLOEXEC, 3);
	r->ring = r->map >= 0 ? ring_buffer__new(r->map, on_record, r, NULL) : NULL;
	if (!r->ring) {
		code = errno;
		vk_events_close(r);
		return vk_error_set(e, code, "cannot map the events: %s", strerror(code));
	}
	*ret = r;
	return 0;
}

int vk_events_poll(struct vk_event_reader *r, int timeout_ms,
		   int (*fn)(const struct vk_event *ev, void *data), void *data)
{
	int n;

	r->fn = fn;
	r->data = data;
	r->events = 0;
	r->stopped = 0;
	n = ring_buffer__consume(r->ring);
	if (n >= 0 && r->events == 0 && timeout_ms != 0)
		n = ring_buffer__poll(r->ring, timeout_ms);
	if (r->stopped)
		return r->stopped < 0 ? r->stopped : r->events;
	return n < 0 ? n : r->events;
}

void vk_events_close(struct vk_event_reader *r)
{
	if (!r)
		return;
	ring_buffer__free(r->ring);
	vk_closep(&r->map);
	vk_closep(&r->lock);
	free(r);
}
