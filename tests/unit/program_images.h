/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program_images.h - program images made by hand, good and bad. */
#ifndef VK_TESTS_PROGRAM_IMAGES_H
#define VK_TESTS_PROGRAM_IMAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs.h"

#define INSN(code_, dst, src, off_, imm_)                                                          \
	((struct bpf_insn){.code = (code_),                                                        \
			   .dst_reg = (dst),                                                       \
			   .src_reg = (src),                                                       \
			   .off = (off_),                                                          \
			   .imm = (imm_)})
#define MOV(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, imm) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD(dst, imm) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define ADDR(dst, src) INSN(BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0)
#define LOAD(dst, src, off) INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, src, off, 0)
#define STORE(dst, off, src) INSN(BPF_STX | BPF_MEM | BPF_DW, dst, src, off, 0)
#define STOREI(dst, off, imm) INSN(BPF_ST | BPF_MEM | BPF_DW, dst, 0, off, imm)
#define CALL(kind, what) INSN(BPF_JMP | BPF_CALL, 0, kind, 0, what)
#define JUMP(off) INSN(BPF_JMP | BPF_JA, 0, 0, off, 0)
#define JEQ(reg, imm, off) INSN(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, off, imm)
#define JNE(reg, imm, off) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, off, imm)
#define JLT(reg, imm, off) INSN(BPF_JMP | BPF_JLT | BPF_K, reg, 0, off, imm)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two instructions. */
#define IMM64(dst, src, low, high)                                                                 \
	INSN(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, low), INSN(0, 0, 0, 0, high)
#define MAP(dst, index) IMM64(dst, BPF_PSEUDO_MAP_FD, index, 0)
#define ALLOW SET(0, 0), EXIT

/**
 * struct parts - what make_image() puts together; zero: one function, one entry for file_open
 * @split: the second function begins at this instruction; 0: there is one function
 */
struct parts {
	const struct bpf_insn *insns;
	size_t n_insns;
	size_t split;
	struct vk_program_map maps[4];
	size_t n_maps;
	size_t n_imports;
	uint32_t wants;
	unsigned int hook;
	bool helper;
};

static inline struct vk_program_image *make_image(const struct parts *p)
{
	struct vk_program_image *img = calloc(1, 65536);
	uint8_t *base = (uint8_t *)img;
	size_t at = sizeof(*img);
	struct vk_program_function *f;

	img->magic = VK_PROGRAM_MAGIC;
	img->abi = VK_PROGRAM_ABI;
	img->event_abi = VK_EVENT_ABI;
	img->wants = p->wants;
	strcpy(img->name, "test");
	img->insns = (struct vk_span){(uint32_t)at, (uint32_t)p->n_insns};
	memcpy(base + at, p->insns, p->n_insns * 8);
	at += p->n_insns * 8;
	img->functions = (struct vk_span){(uint32_t)at, p->split ? 2 : 1};
	f = (void *)(base + at);
	f->count = (uint32_t)(p->split ? p->split : p->n_insns);
	strcpy(f->name, "main");
	if (p->split) {
		f[1].start = (uint32_t)p->split;
		f[1].count = (uint32_t)(p->n_insns - p->split);
		strcpy(f[1].name, "sub");
	}
	at += img->functions.count * sizeof(*f);
	img->entries = (struct vk_span){(uint32_t)at, !p->helper};
	if (!p->helper) {
		struct vk_program_entry *entry = (void *)(base + at);

		entry->hook = (uint16_t)(p->hook ? p->hook : VK_HOOK_file_open);
		at += sizeof(*entry);
	}
	img->maps = (struct vk_span){(uint32_t)at, (uint32_t)p->n_maps};
	memcpy(base + at, p->maps, p->n_maps * sizeof(p->maps[0]));
	at += p->n_maps * sizeof(p->maps[0]);
	img->imports = (struct vk_span){(uint32_t)at, (uint32_t)p->n_imports};
	for (size_t i = 0; i < p->n_imports; i++) {
		struct vk_program_import *import = (void *)(base + at);

		snprintf(import->name, sizeof(import->name), "helper%zu", i);
		strcpy(import->type, "long(void)");
		at += sizeof(*import);
	}
	img->exports = (struct vk_span){(uint32_t)at, p->helper};
	if (p->helper) {
		struct vk_program_export *export = (void *)(base + at);

		strcpy(export->name, "helper0");
		strcpy(export->type, "long(void)");
		at += sizeof(*export);
	}
	img->data = (struct vk_span){(uint32_t)at, 0};
	img->size = (uint32_t)at;
	return img;
}

#define HASH_MAP                                                                                   \
	{                                                                                          \
		.name = "hash", .type = VK_MAP_TYPE_HASH, .key_size = 8, .value_size = 8,          \
		.max_entries = 16                                                                  \
	}
#define ARRAY_MAP                                                                                  \
	{                                                                                          \
		.name = "array", .type = VK_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64,       \
		.max_entries = 1                                                                   \
	}

#define IMAGE(...)                                                                                 \
	({                                                                                         \
		static const struct bpf_insn code_[] = {__VA_ARGS__};                              \
		struct parts parts_ = {.insns = code_,                                             \
				       .n_insns = sizeof(code_) / 8,                               \
				       .maps = {HASH_MAP, ARRAY_MAP},                              \
				       .n_maps = 2};                                               \
		make_image(&parts_);                                                               \
	})

/* Two to the power of 40 ways through it, of which no two look alike to the verifier. */
static inline struct vk_program_image *make_time_bomb(void)
{
	struct bpf_insn code[400];
	struct parts parts = {.insns = code};
	size_t n = 0;

	code[n++] = LOAD(2, 1, 80);
	code[n++] = SET(3, 0);
	for (int i = 0; i < 40; i++) {
		code[n++] = MOV(4, 2);
		code[n++] = INSN(BPF_ALU64 | BPF_RSH | BPF_K, 4, 0, 0, i);
		code[n++] = INSN(BPF_ALU64 | BPF_AND | BPF_K, 4, 0, 0, 1);
		code[n++] = JEQ(4, 0, 2);
		code[n++] = INSN(BPF_ALU64 | BPF_LSH | BPF_K, 3, 0, 0, 1);
		code[n++] = ADD(3, 1 + i);
	}
	/* Its value decides at the end, so states cannot be merged. */
	for (int i = 0; i < 20; i++)
		code[n++] = JEQ(3, 4711 + i, 0);
	code[n++] = SET(0, 0);
	code[n++] = EXIT;
	parts.n_insns = n;
	return make_image(&parts);
}

#endif
