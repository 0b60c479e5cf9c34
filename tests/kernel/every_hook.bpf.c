/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy for every hook: counts, and denies at the one whose number is in "which". */
#include <vkernel/policy.h>

/* All that there is, so that every path of the carriers is taken. */
VK_NEED(path);
VK_NEED(inode);
VK_NEED(cred);
VK_NEED(time);
VK_NEED(exe);
VK_NEED(comm);
VK_NEED(parent);
VK_NEED(instance);

__u32 which, pad;
__u64 asked[64];

#define X(hook, number, flags)                                                                     \
	VK_POLICY(hook)                                                                            \
	{                                                                                          \
		__sync_fetch_and_add(&asked[number], 1);                                           \
		return which == (number) ? VK_DENY(EDQUOT) : VK_ALLOW;                             \
	}
VK_PROGRAM_HOOKS(X)
