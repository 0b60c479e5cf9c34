/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server may bind a low port, change its user and read what belongs to others while it starts;
 * from the first listen(2) on, and in any case after ten seconds, it has no capability left,
 * whatever its credentials say.
 */
#include <vkernel/policy.h>

volatile __u64 start_up_ns = 10000000000ull;
__u64 first_seen;
__u32 started;

VK_POLICY(socket_listen)
{
	started = 1;
	return VK_ALLOW;
}

VK_POLICY(capable)
{
	__u64 now;

	if (started)
		return VK_DENY(EPERM);
	now = vk_now();
	if (!first_seen)
		first_seen = now;
	return now - first_seen > start_up_ns ? VK_DENY(EPERM) : VK_ALLOW;
}
