/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_event(what, subject, value) - keeps the last 1024 records of all programs that call it, each
 * with the time: in map "records", oldest at "next" modulo 1024. Root reads it:
 *
 *	vkernel program map --helper log_event records
 */
#include <vkernel/policy.h>

struct record {
	__u64 time_ns;
	__u64 what;
	__u64 subject;
	__u64 value;
};

VK_ARRAY(records, struct record, 1024);
__u64 next;

VK_EXPORT(long, log_event, (__u64 what, __u64 subject, __u64 value))
{
	__u32 at = __sync_fetch_and_add(&next, 1) & 1023;
	struct record *r = vk_lookup(&records, &at);

	if (!r)
		return 0;
	r->time_ns = vk_now();
	r->what = what;
	r->subject = subject;
	r->value = value;
	return 0;
}
