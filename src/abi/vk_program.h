/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vk_program.h - a program image: a policy program, flat and bounded, as the privileged side
 * takes it. All integers are in host byte order. Layout, without gaps, each part a multiple of
 * 8 bytes:
 *
 *	struct vk_program_image
 *	u64 insns[]                            instructions of all functions, one after another
 *	struct vk_program_function functions[] they cover insns[] exactly, in order
 *	struct vk_program_entry entries[]      hook -> function
 *	struct vk_program_map maps[]           private maps; data sections are maps, too
 *	struct vk_program_import imports[]     dynamic helpers that it calls
 *	struct vk_program_export exports[]     what it is a dynamic helper for
 *	u8 data[]                              first contents of maps
 *
 * Nothing in it is a file descriptor, an address or a distance between functions. In insns[]:
 *
 *	ld_imm64, src 0	a constant
 *	ld_imm64, src 1	the map maps[imm]
 *	ld_imm64, src 2	the address of byte (imm of the second half) of the only element of maps[imm]
 *	call, src 0	a helper of the kernel, from a list
 *	call, src 1	functions[imm]
 *	call, src 14	imports[imm]
 *	call, src 15	a function of ours, see enum vk_program_builtin
 *
 * so a call can only be to the program's own functions, whatever the numbers are.
 */
#ifndef VK_PROGRAM_H
#define VK_PROGRAM_H

#ifndef VK_BPF
#include <linux/types.h>
#include <stddef.h>
#endif

/* In here a "vk_event" is the record of a denial. */
#define vk_event vk_policy_event
#include "vkernel/event.h"
#undef vk_event

#define VK_PROGRAM_MAGIC 0x31504b56u /* "VKP1" */
#define VK_PROGRAM_ABI 1
#define VK_PROGRAM_NAME 32
#define VK_PROGRAM_TYPE 96
#define VK_PROGRAM_MAP_NAME 16
#define VK_SHA256 32

/* Limits of one image. */
#define VK_PROGRAM_BYTES (256u << 10)
#define VK_PROGRAM_INSNS 4096u
#define VK_PROGRAM_FUNCTIONS 64u
#define VK_PROGRAM_ENTRIES 48u
#define VK_PROGRAM_MAPS 16u
#define VK_PROGRAM_IMPORTS 16u
#define VK_PROGRAM_EXPORTS 16u
#define VK_PROGRAM_MAP_KEY 64u
#define VK_PROGRAM_MAP_VALUE 4096u
#define VK_PROGRAM_MAP_ENTRIES 65536u
#define VK_PROGRAM_MAP_BYTES (4u << 20) /* all maps together, as vk_program_map_bytes() counts */

/* Bytes of stack below the event: what a program and all that it calls may use together. */
#define VK_PROGRAM_CARRIER_STACK 192
#define VK_PROGRAM_STACK 320

/* In the number by which a carrier's reporter knows a program: its denials are only reported. */
#define VK_CHAIN_AUDIT 0x40000000u

#define VK_CALL_HELPER 0
#define VK_CALL_FUNCTION 1
#define VK_CALL_IMPORT 14
#define VK_CALL_BUILTIN 15

/* Functions of the carriers that programs may call. */
enum vk_program_builtin {
	VK_BUILTIN_ancestor = 0, /* u64 vk_ancestor(u32 level, u32 what) */
	VK_BUILTIN_COUNT,
};
/* Stack of each, and what the verifier goes through for a call, at most. */
#define VK_BUILTIN_STACK 32
#define VK_BUILTIN_STEPS 512

enum vk_program_map_type {
	VK_MAP_TYPE_ARRAY = 1,
	VK_MAP_TYPE_HASH = 2,
	VK_MAP_TYPE_LRU = 3,
};
#define VK_MAP_FLAG_READ_ONLY 1u /* to the program; an array with one element and its contents */

struct vk_span {
	__u32 offset; /* bytes from the start of the image */
	__u32 count; /* elements */
};

/**
 * struct vk_program_image - header
 * @magic:     VK_PROGRAM_MAGIC
 * @abi:       VK_PROGRAM_ABI
 * @event_abi: VK_EVENT_ABI that it was compiled against
 * @size:      bytes of the image
 * @wants:     VK_WANT_* bits
 * @name:      NUL-terminated, [A-Za-z0-9._-]
 */
struct vk_program_image {
	__u32 magic;
	__u16 abi;
	__u16 event_abi;
	__u32 size;
	__u32 wants;
	char name[VK_PROGRAM_NAME];
	struct vk_span insns;
	struct vk_span functions;
	struct vk_span entries;
	struct vk_span maps;
	struct vk_span imports;
	struct vk_span exports;
	struct vk_span data;
	__u64 reserved;
};
_Static_assert(sizeof(struct vk_program_image) == 112, "vk_program_image is ABI");

struct vk_program_function {
	__u32 start; /* index into insns[] */
	__u32 count;
	char name[VK_PROGRAM_NAME]; /* for messages */
};

struct vk_program_entry {
	__u16 hook; /* enum vk_hook_id */
	__u16 reserved;
	__u32 function;
};

struct vk_program_map {
	char name[VK_PROGRAM_MAP_NAME];
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 flags;
	__u32 data; /* first contents: offset within data[] */
	__u32 data_len; /* 0: zeros */
	__u32 reserved;
};

/* A dynamic helper by name and type, and, if @pinned, by the hash of its image. */
struct vk_program_import {
	char name[VK_PROGRAM_NAME];
	char type[VK_PROGRAM_TYPE]; /* "long(__u64 key, __u64 per_second)" */
	__u8 sha256[VK_SHA256];
	__u64 pinned;
};

struct vk_program_export {
	char name[VK_PROGRAM_NAME];
	char type[VK_PROGRAM_TYPE];
	__u32 function;
	__u32 reserved;
};

#endif
