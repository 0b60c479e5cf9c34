/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cbpf.h - runs a filter for system calls as the kernel would. */
#ifndef VK_TEST_CBPF_H
#define VK_TEST_CBPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "tap.h"

/* Classic BPF, as far as filters for system calls use it. A program that does not fit kills. */
static inline uint32_t cbpf_run(const struct sock_filter *p, size_t n,
				const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, mem[16] = {0};

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &p[pc];
		uint32_t k = i->k, s = BPF_SRC(i->code) == BPF_X ? x : k;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ASSERT(k % 4 == 0 && k + 4 <= sizeof(*data));
			memcpy(&a, (const char *)data + k, 4);
			break;
		case BPF_LD | BPF_IMM:
			a = k;
			break;
		case BPF_LD | BPF_MEM:
			a = mem[k & 15];
			break;
		case BPF_ST:
			mem[k & 15] = a;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			break;
		case BPF_ALU | BPF_OR | BPF_K:
			a |= k;
			break;
		case BPF_JMP | BPF_JA:
			pc += k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JEQ | BPF_X:
			pc += a == s ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > s ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= s ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & s ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return k;
		case BPF_RET | BPF_A:
			return a;
		default:
			FAIL("an instruction that the interpreter does not know: %#x", i->code);
			tap_abort();
		}
	}
	FAIL("the program runs over its end");
	return SECCOMP_RET_KILL_PROCESS;
}

#endif
