/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_images.h - images that nobody may get past the privileged side, each with the reason for
 * which it is refused: by the check first, by the kernel's verifier after that.
 */
#ifndef VK_TESTS_HOSTILE_IMAGES_H
#define VK_TESTS_HOSTILE_IMAGES_H

#include "program_images.h"

/* r0 = the value of key 0 in map 0, or exit. */
#define LOOKUP STOREI(10, -8, 0), MOV(2, 10), ADD(2, -8), MAP(1, 0), CALL(0, 1), JNE(0, 0, 1), EXIT

/* @size: what is sent of it. Releases the image. */
typedef void (*hostile_fn)(const char *what, struct vk_program_image *img, size_t size,
			   const char *reason);

static inline void hostile_code(hostile_fn fn, const char *what, const char *reason,
				struct vk_program_image *img)
{
	fn(what, img, img->size, reason);
}

static inline struct vk_program_map *hostile_map(struct vk_program_image *img)
{
	return (void *)((uint8_t *)img + img->maps.offset);
}

/* Lengths, versions and maps: nothing that the check would read is there. */
static inline void hostile_formats(hostile_fn fn)
{
	struct vk_program_image *img;

#define WITH(what, reason, change)                                                                 \
	do {                                                                                       \
		img = IMAGE(ALLOW);                                                                \
		change;                                                                            \
		fn(what, img, img->size, reason);                                                  \
	} while (0)
#define CUT(what, reason, by)                                                                      \
	do {                                                                                       \
		img = IMAGE(ALLOW);                                                                \
		fn(what, img, img->size - (by), reason);                                           \
	} while (0)
	WITH("another file", "no program image", img->magic = 0x464c457f);
	WITH("version of the format", "version", img->abi = 9);
	WITH("version of the event", "wants events of version", img->event_abi = VK_EVENT_ABI + 1);
	CUT("truncated image", "says that it has", 8);
	CUT("truncated header", "no program image", img->size - sizeof(*img) + 1);
	WITH("truncated part", "instructions are cut off", img->insns.count = 4096);
	WITH("overlapping parts", "that overlaps", img->functions.offset -= 8);
	WITH("part over the header", "that overlaps", img->insns.offset = 0);
	WITH("gap between parts", "there is a gap", img->entries.offset += 8);
	WITH("length that overflows", "instructions: at most", img->insns.count = 0x20000001);
	WITH("count without end", "data: at most", img->data.count = UINT32_MAX);
	WITH("offset that overflows", "there is a gap", img->functions.offset = UINT32_MAX);
	WITH("contents that overflow", "outside of the image",
	     (hostile_map(img)[1].data = UINT32_MAX - 63, hostile_map(img)[1].data_len = 64));
	WITH("reserved field", "reserved", img->reserved = 1);
	WITH("name that is a path", "no proper name", strcpy(img->name, "../x"));
	WITH("map of maps", "is of type 12", hostile_map(img)->type = BPF_MAP_TYPE_ARRAY_OF_MAPS);
	WITH("flag of a map", "unknown flags", hostile_map(img)->flags = 8);
	WITH("map without end", "elements", hostile_map(img)->max_entries = UINT32_MAX);
	WITH("maps that take all memory", "maps take",
	     (hostile_map(img)->max_entries = 65536, hostile_map(img)->value_size = 4096));
#undef WITH
#undef CUT
}

/* What a privileged loader may do, and a program may not. */
static inline void hostile_instructions(hostile_fn fn)
{
	static const struct bpf_insn next[] = {JUMP(1), EXIT, SET(0, 0), EXIT};

#define CODE(what, reason, ...) hostile_code(fn, what, reason, IMAGE(__VA_ARGS__))
	CODE("kernel read", "(probe_read_kernel) is not allowed", CALL(0, 113), ALLOW);
	CODE("kernel task", "(get_current_task) is not allowed", CALL(0, 35), ALLOW);
	CODE("write to user memory", "(probe_write_user)", CALL(0, 36), ALLOW);
	CODE("signal", "(send_signal)", CALL(0, 109), ALLOW);
	CODE("tail call", "(tail_call) is not allowed", MAP(2, 0), CALL(0, 12), EXIT);
	CODE("loop by callback", "(loop)", CALL(0, 181), EXIT);
	CODE("timer", "(timer_init)", CALL(0, 169), EXIT);
	CODE("helper that does not exist", "helper -1", CALL(0, -1), EXIT);
	CODE("kfunc", "(kfunc)", CALL(BPF_PSEUDO_KFUNC_CALL, 1), EXIT);
	CODE("call of an unknown kind", "call of unknown kind 5", CALL(5, 1), EXIT);
	CODE("call out of own code", "which is not its own", CALL(VK_CALL_FUNCTION, 1), EXIT);
	CODE("import that does not exist", "call to import 0", CALL(VK_CALL_IMPORT, 0), EXIT);
	CODE("function of the carrier", "does not exist", CALL(VK_CALL_BUILTIN, VK_BUILTIN_COUNT),
	     EXIT);
	CODE("recursion", "calls itself", CALL(VK_CALL_FUNCTION, 0), EXIT);
	CODE("jump out of own code", "jump out of its function", JUMP(9), ALLOW);
	CODE("jump before own code", "jump out of its function", JUMP(-9), ALLOW);
	hostile_code(fn, "jump into the next function", "a jump out",
		     make_image(&(struct parts){.insns = next, .n_insns = 4, .split = 2}));
	CODE("jump into a constant", "into a 64-bit constant", JUMP(1), IMM64(0, 0, 0, 0x95), EXIT);
	CODE("running on", "runs on", SET(0, 0));
	CODE("unbounded loop", "a loop", SET(0, 0), JUMP(-1));
	CODE("bounded loop", "a loop", SET(1, 5), ADD(1, -1), JNE(1, 0, -2), ALLOW);
	CODE("foreign map", "which is not its own", MAP(1, 7), ALLOW);
	CODE("map by number", "only those of own maps", IMM64(1, BPF_PSEUDO_MAP_IDX, 0, 0), ALLOW);
	CODE("variable of the kernel", "only those of own maps", IMM64(1, BPF_PSEUDO_BTF_ID, 1, 0),
	     ALLOW);
	CODE("byte outside of a map", "byte 64 of map array", IMM64(1, BPF_PSEUDO_MAP_VALUE, 1, 64),
	     ALLOW);
	CODE("packet load", "loads from packets", INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0),
	     ALLOW);
	CODE("load that may fault", "newer kind", INSN(BPF_LDX | 0x20, 0, 1, 0, 0), ALLOW);
}

/* Nothing is wrong with these instructions but what they do. */
static inline void hostile_behaviour(hostile_fn fn)
{
	CODE("context access", "R6 !read_ok", MOV(0, 6), EXIT);
	CODE("second argument", "R2 !read_ok", LOAD(0, 2, 0), EXIT);
	CODE("write to the event", "write into map forbidden", STOREI(1, 0, 0), ALLOW);
	CODE("read beyond the event", "invalid access to map value", LOAD(0, 1, 4088), EXIT);
	CODE("read before the event", "invalid access to map value", LOAD(0, 1, -8), EXIT);
	CODE("read by a number without bounds", "math between", LOAD(2, 1, 80), ADDR(1, 2),
	     LOAD(0, 1, 0), EXIT);
	CODE("stack of the caller", "invalid", LOAD(0, 10, 8), EXIT);
	CODE("oversized stack", "invalid write to stack", STOREI(10, -520, 0), ALLOW);
	CODE("stack of the carrier", "combined stack size", STOREI(10, -496, 0), ALLOW);
	CODE("data of others on the stack", "invalid", MOV(2, 10), ADD(2, -8), MAP(1, 0),
	     CALL(0, 1), ALLOW);
	CODE("pointer as result", "R0 ", MOV(0, 1), EXIT);
	CODE("pointer into a map", "leaks addr into map", MOV(6, 1), LOOKUP, STORE(0, 0, 6), ALLOW);
	CODE("pointer as key", "invalid", MOV(6, 1), STORE(10, -8, 6), MOV(2, 10), ADD(2, -8),
	     MOV(3, 2), SET(4, 0), MAP(1, 0), CALL(0, 2), ALLOW);
	CODE("map as an object", "CAP_PERFMON", MAP(1, 0), LOAD(0, 1, 0), EXIT);
	CODE("value that may be none", "map_value_or_null", STOREI(10, -8, 0), MOV(2, 10),
	     ADD(2, -8), MAP(1, 0), CALL(0, 1), LOAD(0, 0, 0), EXIT);
	CODE("beyond a value", "invalid access to map value", LOOKUP, STOREI(0, 8, 1), ALLOW);
	CODE("pointer arithmetic", "pointer arithmetic",
	     INSN(BPF_ALU64 | BPF_MUL | BPF_K, 1, 0, 0, 2), ALLOW);
	CODE("number as pointer", "invalid mem access", LOAD(1, 1, 24), LOAD(0, 1, 0), EXIT);
	CODE("unreachable code", "unreachable insn", SET(0, 0), EXIT, SET(0, 0), EXIT);
	CODE("no result", "R0 !read_ok", EXIT);
	hostile_code(fn, "verifier time bomb", "policy file_open: ", make_time_bomb());
#undef CODE
}

static inline void each_hostile_image(hostile_fn fn)
{
	hostile_formats(fn);
	hostile_instructions(fn);
	hostile_behaviour(fn);
}

#endif
