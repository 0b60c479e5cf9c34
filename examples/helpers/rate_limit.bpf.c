/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rate_limit(key, per_second, burst) - 0, or 1 when @key was used more often than that. */
#include <vkernel/policy.h>

VK_LRU(buckets, __u64, struct vk_bucket, 8192);

VK_EXPORT(long, rate_limit, (__u64 key, __u32 per_second, __u32 burst))
{
	struct vk_bucket *bucket, fresh = {0};

	vk_insert(&buckets, &key, &fresh);
	bucket = vk_lookup(&buckets, &key);
	if (!bucket)
		return 1;
	return !vk_bucket_take(bucket, vk_now(), per_second, burst);
}
