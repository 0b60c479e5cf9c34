/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * compare(a, b, n) - as strncmp() of strings that are in memory: less than, equal to or greater
 * than 0, by the first n bytes, at most 32. Both must be readable so far. (Of a string literal,
 * vk_strncmp() does it.)
 */
#include <vkernel/policy.h>

VK_EXPORT(long, compare, (const char *a, const char *b, __u32 n))
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < 32; i++) {
		unsigned char x = a[i], y = b[i];

		if (i >= n)
			return 0;
		if (x != y)
			return (long)x - (long)y;
		if (!x)
			return 0;
	}
	return 0;
}
