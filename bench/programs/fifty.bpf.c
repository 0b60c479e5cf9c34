/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Some fifty instructions, to be loaded: a limit on the rate of opens below a directory. */
#include <vkernel/policy.h>

VK_NEED(path);
VK_NEED(time);

VK_LRU(buckets, __u32, struct vk_bucket, 1024);

VK_POLICY(file_open)
{
	struct vk_bucket *bucket, fresh = {};
	__u32 uid = event->uid;

	if (!vk_path_starts(event, "/srv/"))
		return VK_ALLOW;
	bucket = vk_lookup(&buckets, &uid);
	if (!bucket) {
		vk_insert(&buckets, &uid, &fresh);
		return VK_ALLOW;
	}
	return vk_bucket_take(bucket, event->time_ns, 100, 1000) ? VK_ALLOW : VK_DENY(EAGAIN);
}
