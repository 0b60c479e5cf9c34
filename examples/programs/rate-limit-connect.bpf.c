/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At most five outbound connections a second for each user, and bursts of twenty. A process that
 * scans a network, or floods a peer, is slowed down to what a client does.
 *
 * The limits are variables: "vkernel program map NAME rate-limit-connect data" shows them.
 */
#include <vkernel/policy.h>

#define AF_INET 2
#define AF_INET6 10

volatile __u32 per_second = 5, burst = 20;

VK_LRU(buckets, __u32, struct vk_bucket, 1024);

VK_POLICY(socket_connect)
{
	struct vk_bucket *bucket, fresh = {0};
	__u32 uid = event->uid;

	if (event->net.family != AF_INET && event->net.family != AF_INET6)
		return VK_ALLOW;
	vk_insert(&buckets, &uid, &fresh);
	bucket = vk_lookup(&buckets, &uid);
	if (!bucket)
		return VK_DENY(EAGAIN);
	return vk_bucket_take(bucket, vk_now(), per_second, burst) ? VK_ALLOW : VK_DENY(EAGAIN);
}
