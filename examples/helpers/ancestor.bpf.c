/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ancestor(pid) - how many generations above the process that asks is process pid: 1 is its
 * parent; 0: it is none of the eight nearest ancestors within the instance.
 */
#include <vkernel/policy.h>

VK_EXPORT(long, ancestor, (__u32 pid))
{
	if (!pid)
		return 0;
#pragma clang loop unroll(full)
	for (__u32 level = 1; level <= 8; level++)
		if (vk_ancestor(level, VK_ANCESTOR_PID) == pid)
			return level;
	return 0;
}
