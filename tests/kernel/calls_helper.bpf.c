/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets two opens of each process pass, then none: by a dynamic helper. */
#include <vkernel/policy.h>

VK_IMPORT(long, count, (__u64 key));

VK_POLICY(file_open)
{
	return count(event->pid) > 2 ? VK_DENY(EDQUOT) : VK_ALLOW;
}
