/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a policy program usually does, for the columns "programs": looks something up by the
 * process, counts, and compares with a limit.
 */
#include <vkernel/policy.h>

#define O_ACCMODE 3

volatile __u64 limit = 1ull << 60;

VK_LRU(written, __u32, __u64, 1024);
VK_ARRAY(opened, __u64, 1);

VK_POLICY(file_open)
{
	__u32 pid = event->pid, zero = 0;
	__u64 *count = vk_lookup(&opened, &zero), one = 1;

	if (count && __sync_fetch_and_add(count, 1) > limit)
		return VK_DENY(EAGAIN);
	if (!(event->file.flags & O_ACCMODE))
		return VK_ALLOW;
	count = vk_lookup(&written, &pid);
	if (!count)
		vk_update(&written, &pid, &one);
	else if (__sync_fetch_and_add(count, 1) > limit)
		return VK_DENY(EAGAIN);
	return VK_ALLOW;
}
