/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls every helper of examples/helpers with what the test has put into "io", and leaves results. */
#include <vkernel/policy.h>

VK_IMPORT(long, ancestor, (__u32 pid));
VK_IMPORT(long, compare, (const char *a, const char *b, __u32 n));
VK_IMPORT(long, count, (__u64 key));
VK_IMPORT(long, glob_match, (const char *text, const char *pattern));
VK_IMPORT(long, log_event, (__u64 what, __u64 subject, __u64 value));
VK_IMPORT(long, random_below, (__u32 n));
VK_IMPORT(long, rate_limit, (__u64 key, __u32 per_second, __u32 burst));

struct io {
	char left[32], right[32];
	__u32 n, pid;
	__s64 compared, matched, counted, limited, random, above, parent, beyond, uid, instance;
	__u64 started;
} io;

/* prctl(4711, PID): PID, or the caller itself, is what is looked for among the ancestors. */
VK_POLICY(task_prctl)
{
	if (event->number[0] == 4711)
		io.pid = event->number[1] ? event->number[1] : event->pid;
	return VK_ALLOW;
}

VK_POLICY(socket_create)
{
	io.compared = compare(io.left, io.right, io.n);
	io.matched = glob_match(io.left, io.right);
	io.counted = count(event->uid);
	io.limited = rate_limit(event->uid, 1, 3);
	io.random = random_below(10);
	log_event(event->hook, event->pid, io.counted);
	return VK_ALLOW;
}

VK_POLICY(socket_listen)
{
	io.above = ancestor(io.pid);
	io.parent = vk_ancestor(1, VK_ANCESTOR_PID);
	io.beyond = vk_ancestor(VK_ANCESTOR_LEVELS + 1, VK_ANCESTOR_PID);
	io.uid = vk_ancestor(1, VK_ANCESTOR_UID);
	io.instance = vk_ancestor(0, VK_ANCESTOR_INSTANCE);
	io.started = vk_ancestor(1, VK_ANCESTOR_STARTED);
	return VK_ALLOW;
}
