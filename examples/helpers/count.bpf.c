/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* count(key) - how often it was called with @key, this time included; 0: there are too many keys. */
#include <vkernel/policy.h>

VK_HASH(counts, __u64, __u64, 16384);

VK_EXPORT(long, count, (__u64 key))
{
	__u64 *n, zero = 0;

	vk_insert(&counts, &key, &zero);
	n = vk_lookup(&counts, &key);
	return n ? (long)__sync_fetch_and_add(n, 1) + 1 : 0;
}
