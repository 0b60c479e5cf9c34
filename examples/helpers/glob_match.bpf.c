/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glob_match(text, pattern) - 1 if the first 32 bytes of @text match @pattern, a string of at most
 * 16 bytes in which '?' stands for any byte, and a '*' at its end for any rest; else 0. Both must
 * be readable so far.
 */
#include <vkernel/policy.h>

VK_EXPORT(long, glob_match, (const char *text, const char *pattern))
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < 16; i++) {
		char p = pattern[i];

		if (p == '*')
			return 1;
		if (p != text[i] && (p != '?' || !text[i]))
			return 0;
		if (!p)
			return 1;
	}
	return 0;
}
