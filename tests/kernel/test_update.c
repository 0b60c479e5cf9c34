// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Replacing a policy under load: one store switches all, no operation sees two policies, and every
 * denial is counted and reported, suppressed or lost exactly once.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define THREADS 4
#define FLIPS 2000 /* a quarter of it where the mechanism is not a kernel's usual one */

/* z is allowed by both, w denied by both; "a" and "b" by one each. */
#define ALWAYS "{deny: [read], path: /tmp/k/w}"
#define POLICY_A                                                                                   \
	"files: {default: allow, rules: [{deny: [read, rename], path: '/tmp/k/b*'}, " ALWAYS "]}"
#define POLICY_B                                                                                   \
	"files: {default: allow, rules: [{deny: [read, rename], path: '/tmp/k/a*'}, " ALWAYS "]}"

/**
 * struct load - what the members saw, shared
 * @a, @b, @z, @w: opens that were granted
 * @denied:  operations that failed with EACCES
 * @renamed: renames of a to b, each of which one policy denies by the old, the other by the new name
 * @strange: other errors
 * @stop:    for the members
 */
struct load {
	unsigned long long a, b, z, w, denied, renamed, strange;
	volatile bool stop;
};

static void count(struct load *l, unsigned long long *granted, int err)
{
	if (err == 0)
		__atomic_fetch_add(granted, 1, __ATOMIC_RELAXED);
	else if (err == EACCES)
		__atomic_fetch_add(&l->denied, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&l->strange, 1, __ATOMIC_RELAXED);
}

static void *hammer(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		count(l, &l->a, live_open("/tmp/k/a1", O_RDONLY));
		count(l, &l->b, live_open("/tmp/k/b1", O_RDONLY));
		count(l, &l->z, live_open("/tmp/k/z", O_RDONLY));
		count(l, &l->w, live_open("/tmp/k/w", O_RDONLY));
		count(l, &l->renamed, rename("/tmp/k/a2", "/tmp/k/b2") < 0 ? errno : 0);
	}
	return NULL;
}

static void members(void *arg)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		ASSERT(pthread_create(&t[i], NULL, hammer, arg) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static int count_event(const struct vk_event *ev, void *data)
{
	unsigned long long *n = data;

	if (ev->vki == live.id && ev->verdict == VK_EVENT_DENIED)
		++*n;
	return 0;
}

static struct load *start(struct live_member *m)
{
	struct load *l =
		mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(l != MAP_FAILED);
	live_policy(POLICY_A);
	live_file("/tmp/k/a1", "x");
	live_file("/tmp/k/a2", "x");
	live_file("/tmp/k/b1", "x");
	live_file("/tmp/k/z", "x");
	live_file("/tmp/k/w", "x");
	*m = live_fork(members, l);
	live_attach(m);
	return l;
}

static void check_load(const struct load *l)
{
	CHECK_GT(l->a, 100);
	CHECK_GT(l->b, 100);
	CHECK_GT(l->z, 100);
	CHECK_EQ(l->w, 0);
	CHECK_EQ(l->renamed, 0);
	CHECK_EQ(l->strange, 0);
	tap_diag("granted: a %llu, b %llu, z %llu; denied: %llu", l->a, l->b, l->z, l->denied);
}

LIVE_TEST_WITHIN(updates_under_load, 100)
{
	struct vk_event_reader *reader;
	unsigned long long events = 0;
	struct vk_instance counters;
	struct vk_error e = {0};
	struct live_member m;
	struct load *l;
	const char *mode = getenv("VKERNEL_TEST_MODE"), *kernel = getenv("VKERNEL_TEST_KERNEL");
	/* On 6.1 each waits for the kernel several times as long as on the others. */
	bool all = !mode || !kernel || (!strcmp(mode, "lsm") && strcmp(kernel, "6.1") != 0);
	int flips = all ? FLIPS : FLIPS / 4;

	if (!live_ok(vk_events_open(live.eng, &reader, &e), &e))
		tap_abort();
	/* They keep both images loaded, so that an update is little more than its one store. */
	live_create("hold-a", POLICY_A);
	live_create("hold-b", POLICY_B);
	l = start(&m);
	live_go(&m);
	/* Else it gets its turn once in a while only. */
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, -20), 0);
	for (int i = 0; i < flips; i++) {
		live_update(i & 1 ? POLICY_A : POLICY_B);
		vk_events_poll(reader, 0, count_event, &events);
	}
	l->stop = true;
	CHECK_EQ(live_wait(&m), 0);
	while (vk_events_poll(reader, 0, count_event, &events) > 0)
		;
	vk_events_close(reader);
	live_ok(vk_instance_remove(live.eng, "hold-a", true, &e), &e);
	live_ok(vk_instance_remove(live.eng, "hold-b", true, &e), &e);
	check_load(l);
	counters = live_counters();
	CHECK_EQ(counters.denied, l->denied);
	CHECK_EQ(counters.denied, events + counters.suppressed + counters.lost);
	CHECK_EQ(counters.errors, 0);
	CHECK_EQ(counters.audited, 0);
	tap_diag("%d updates", flips);
	tap_diag("events %llu, suppressed %llu, lost %llu", events,
		 (unsigned long long)counters.suppressed, (unsigned long long)counters.lost);
}

/* Sizes of images change, and with them the maps they are in. */
LIVE_TEST(updates_across_size_classes)
{
	static char large[200000];
	size_t len = 0;
	struct live_member m;
	struct load *l;

	len += (size_t)snprintf(large, sizeof(large),
				"files: {default: allow, rules: [" ALWAYS
				", {deny: [read, rename], "
				"path: ['/tmp/k/b*'");
	for (int i = 0; i < 300; i++)
		len += (size_t)snprintf(large + len, sizeof(large) - len,
					", '/tmp/other/%d%d%d/f%d'", i * 7919, i * 104729,
					i * 1299709, i);
	snprintf(large + len, sizeof(large) - len, "]}]}");
	l = start(&m);
	live_go(&m);
	for (int i = 0; i < 20; i++)
		live_update(i & 1 ? large : POLICY_B);
	l->stop = true;
	CHECK_EQ(live_wait(&m), 0);
	check_load(l);
	CHECK_EQ(live_counters().denied, l->denied);
	CHECK_EQ(live_counters().errors, 0);
}
