/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice.c - all policies of one hook and instance behind one carrier.
 *
 * The carrier is a program of ours, with a mark where policies are asked. Their code is appended
 * as it is, and never jumped into: each is called as a function, with the event and nothing else
 * in its registers, so it cannot skip, see or change what comes after it.
 */
#include <errno.h>
#include <string.h>

#include "programs.h"

#define INSN_LD_IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define INSN_CALL (BPF_JMP | BPF_CALL)
#define INSN_EXIT (BPF_JMP | BPF_EXIT)
#define MARK_LEN 5

static struct bpf_insn move(uint8_t to, uint8_t from)
{
	return (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to & 15, .src_reg = from & 15};
}

static struct bpf_insn set(uint8_t to, int32_t value)
{
	return (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to & 15, .imm = value};
}

static struct bpf_insn branch(uint8_t op, uint8_t reg, int16_t off)
{
	return (struct bpf_insn){.code = BPF_JMP | op | BPF_K, .dst_reg = reg & 15, .off = off};
}

/* The target is filled in when it is known. */
static struct bpf_insn call(void)
{
	return (struct bpf_insn){.code = INSN_CALL, .src_reg = BPF_PSEUDO_CALL};
}

static bool is_mark(const struct bpf_insn *insn, uint32_t mark)
{
	return insn->code == INSN_LD_IMM64 && insn->src_reg == 0 && (uint32_t)insn->imm == mark;
}

/* Index of the first of the five instructions; 0: there is none. */
static size_t find_chain(const struct bpf_insn *insns, size_t n)
{
	for (size_t i = 2; i + 3 <= n; i++)
		if (is_mark(&insns[i], VK_MARK_CHAIN) && insns[i].dst_reg == 3 &&
		    insns[i - 2].code == (BPF_ALU64 | BPF_MOV | BPF_X) &&
		    insns[i - 2].dst_reg == 1 && insns[i - 2].src_reg >= 6 &&
		    insns[i + 2].code == INSN_CALL && insns[i + 2].src_reg == BPF_PSEUDO_CALL)
			return i - 2;
	return 0;
}

/**
 * struct stretch - where instructions are after MARK_LEN of them at @at became @len
 */
struct stretch {
	size_t at;
	size_t len;
};

static int64_t moved(const struct stretch *s, int64_t i)
{
	return i < (int64_t)s->at + MARK_LEN ? i : i + (int64_t)s->len - MARK_LEN;
}

/* Keeps the targets of what stands before the stretch and goes behind it, and the reverse. */
static void adjust(struct bpf_insn *insn, const struct stretch *s, int64_t i)
{
	uint8_t class = BPF_CLASS(insn->code);
	int64_t to;

	if (insn->code == INSN_CALL && insn->src_reg == BPF_PSEUDO_CALL) {
		to = moved(s, i + 1 + insn->imm);
		insn->imm = (int32_t)(to - moved(s, i) - 1);
	} else if ((class == BPF_JMP || class == BPF_JMP32) && insn->code != INSN_CALL &&
		   insn->code != INSN_EXIT) {
		to = moved(s, i + 1 + insn->off);
		insn->off = (int16_t)(to - moved(s, i) - 1);
	}
}

/* Where the carrier has the functions that programs may call. */
static void find_builtins(struct vk_code *code, const struct bpf_insn *carrier, size_t n,
			  const struct stretch *s)
{
	for (uint32_t which = 0; which < VK_BUILTIN_COUNT; which++)
		for (size_t i = 0; i + 3 <= n; i++)
			if (is_mark(&carrier[i], VK_MARK_BUILTIN + which) &&
			    carrier[i + 2].code == INSN_CALL &&
			    carrier[i + 2].src_reg == BPF_PSEUDO_CALL)
				code->builtins[which] =
					(uint32_t)moved(s, (int64_t)i + 3 + carrier[i + 2].imm) + 1;
}

#define PER_PROGRAM 8 /* instructions of the chain for each program */
#define FIRST 4

/* The calls, without their targets. */
static void make_chain(struct bpf_insn *out, uint8_t event, const struct vk_chained *chain,
		       size_t n)
{
	size_t len = FIRST + n * PER_PROGRAM, at = 0;

	/* Nothing of the carrier's is left in the registers; later calls clear them. */
	for (uint8_t reg = 2; reg <= 5; reg++)
		out[at++] = set(reg, 0);
	for (size_t i = 0; i < n; i++) {
		out[at++] = move(1, event);
		out[at++] = call();
		out[at++] = branch(BPF_JEQ, 0, 5);
		out[at++] = move(1, event);
		out[at++] = move(2, 0);
		out[at++] = set(3, (int32_t)chain[i].id);
		out[at++] = call();
		out[at] = branch(BPF_JNE, 0, (int16_t)(len - at - 1));
		at++;
	}
}

static int append_programs(struct vk_code *code, size_t first, const struct vk_chained *chain,
			   size_t n, int64_t reporter, struct vk_error *e)
{
	for (size_t i = 0; i < n; i++)
		vk_linked_reset(chain[i].program);
	for (size_t i = 0; i < n; i++) {
		size_t at = first + FIRST + i * PER_PROGRAM;
		uint32_t target;
		int r = vk_code_place(code, chain[i].program, chain[i].function, &target, e);

		if (r < 0)
			return r;
		code->insns[at + 1].imm = (int32_t)target - (int32_t)(at + 1) - 1;
		code->insns[at + 6].imm = (int32_t)(reporter - (int64_t)(at + 6) - 1);
	}
	return 0;
}

int vk_splice(const struct bpf_insn *carrier, size_t n_carrier, const struct vk_chained *chain,
	      size_t n_chain, uint32_t wants, struct vk_code *ret, struct vk_error *e)
{
	struct stretch s = {.at = find_chain(carrier, n_carrier),
			    .len = FIRST + n_chain * PER_PROGRAM};
	struct bpf_insn calls[FIRST + VK_CHAIN_MAX * PER_PROGRAM];
	int64_t reporter;
	int r;

	if (!s.at)
		return vk_error_set(e, EPROTO, "the carrier has no mark");
	if (n_chain == 0 || n_chain > VK_CHAIN_MAX)
		return vk_error_set(e, E2BIG, "more than %d programs at one hook", VK_CHAIN_MAX);
	make_chain(calls, carrier[s.at].src_reg, chain, n_chain);
	r = vk_code_add(ret, carrier, s.at);
	if (r == 0)
		r = vk_code_add(ret, calls, s.len);
	if (r == 0)
		r = vk_code_add(ret, carrier + s.at + MARK_LEN, n_carrier - s.at - MARK_LEN);
	if (r < 0)
		return vk_error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < n_carrier; i++) {
		struct bpf_insn *insn;

		if (i == s.at)
			i += MARK_LEN;
		insn = &ret->insns[moved(&s, (int64_t)i)];
		if (is_mark(insn, VK_MARK_WANTS))
			insn->imm = (int32_t)wants;
		adjust(insn, &s, (int64_t)i);
		if (insn->code == INSN_LD_IMM64)
			i++;
	}
	reporter = (int64_t)s.at + 5 + carrier[s.at + 4].imm;
	find_builtins(ret, carrier, n_carrier, &s);
	return append_programs(ret, s.at, chain, n_chain, moved(&s, reporter), e);
}

int vk_dry_code(struct vk_linked *p, uint32_t function, int event_fd, struct vk_code *ret,
		struct vk_error *e)
{
	const struct bpf_insn head[] = {
		/* The deepest word of the carrier's stack. */
		{.code = BPF_ST | BPF_MEM | BPF_DW,
		 .dst_reg = 10,
		 .off = -VK_PROGRAM_CARRIER_STACK},
		{.code = INSN_LD_IMM64,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = event_fd},
		{0},
		call(),
		/* The result must be a number. */
		{.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = INSN_EXIT},
	};
	uint32_t target;
	int r;

	vk_linked_reset(p);
	ret->dry = true;
	r = vk_code_add(ret, head, sizeof(head) / sizeof(head[0]));
	if (r < 0)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_code_place(ret, p, function, &target, e);
	if (r == 0)
		ret->insns[3].imm = (int32_t)target - 4;
	return r;
}
