/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* random_below(n) - a number from 0 to n - 1, nearly as likely as any other; n 0: 0. */
#include <vkernel/policy.h>

VK_EXPORT(long, random_below, (__u32 n))
{
	/* The high half of a product, not a remainder, which would prefer low numbers. */
	return (long)(((__u64)vk_random() * n) >> 32);
}
