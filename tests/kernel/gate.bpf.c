/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that can be opened until "closed" is set from outside; counts by user who opened it. */
#include <vkernel/policy.h>

VK_NEED(path);

struct page {
	__u8 bytes[4096];
};

VK_HASH(opens, __u32, __u64, 2);
VK_ARRAY(pages, struct page, 16);
volatile __u32 closed;

VK_POLICY(file_open)
{
	__u64 *n, zero = 0;
	__u32 uid = event->uid;

	if (!vk_path_is(event, "/tmp/broker-test/a"))
		return VK_ALLOW;
	vk_insert(&opens, &uid, &zero);
	n = vk_lookup(&opens, &uid);
	if (n)
		__sync_fetch_and_add(n, 1);
	return closed ? VK_DENY(EDQUOT) : VK_ALLOW;
}
