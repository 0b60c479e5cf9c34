/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that the check must refuse, each with its reason; and what it must take. */
#include "program_images.h"
#include "tap.h"

#define check_refused(img, code, reason) check_refused_at(__FILE__, __LINE__, img, 0, code, reason)

/* Releases the image. @size 0: as the image says. */
static void check_refused_at(const char *file, int line, struct vk_program_image *img, size_t size,
			     int code, const char *reason)
{
	struct vk_error e = {0};
	int r = vk_program_check(img, size ? size : img->size, &e);

	if (r != -code)
		tap_fail(file, line, "returned %d, not %d: %s", r, -code, e.message);
	else if (!strstr(e.message, reason))
		tap_fail(file, line, "\"%s\" does not say \"%s\"", e.message, reason);
	free(img);
}

static void check_taken(struct vk_program_image *img)
{
	struct vk_error e = {0};

	if (vk_program_check(img, img->size, &e) < 0)
		FAIL("%s", e.message);
	free(img);
}

static struct vk_program_function *functions(struct vk_program_image *img)
{
	return (void *)((uint8_t *)img + img->functions.offset);
}

static struct vk_program_entry *entries(struct vk_program_image *img)
{
	return (void *)((uint8_t *)img + img->entries.offset);
}

static struct vk_program_map *maps(struct vk_program_image *img)
{
	return (void *)((uint8_t *)img + img->maps.offset);
}

TEST(a_small_program_is_taken)
{
	check_taken(IMAGE(ALLOW));
	check_taken(IMAGE(IMM64(1, 0, 1, 2), SET(0, 0), EXIT));
	check_taken(IMAGE(SET(1, 5), ADD(1, -1), JNE(1, 0, 1), SET(2, 0), ALLOW));
}

TEST(truncated_header)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	check_refused_at(__FILE__, __LINE__, img, sizeof(*img) - 1, EINVAL, "no program image");
}

TEST(another_file)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->magic = 0x464c457f;
	check_refused(img, EINVAL, "no program image");
}

TEST(wrong_version_of_the_format)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->abi++;
	check_refused(img, EPROTO, "image is of version 2");
}

TEST(wrong_version_of_the_event)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->event_abi = VK_EVENT_ABI + 1;
	check_refused(img, EPROTO, "wants events of version 3");
	img = IMAGE(ALLOW);
	img->event_abi = 0;
	check_refused(img, EPROTO, "wants events of version 0");
}

TEST(size_that_is_not_the_size)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->size += 8;
	check_refused_at(__FILE__, __LINE__, img, img->size - 8, EINVAL, "says that it has");
}

TEST(too_large)
{
	struct vk_program_image *img = realloc(IMAGE(ALLOW), VK_PROGRAM_BYTES + 8);

	check_refused_at(__FILE__, __LINE__, img, VK_PROGRAM_BYTES + 1, E2BIG, "at most");
}

TEST(bytes_after_the_end)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->size += 8;
	check_refused(img, EINVAL, "8 bytes follow");
}

TEST(truncated_part)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->insns.count = 4096;
	check_refused(img, EINVAL, "instructions are cut off");
}

TEST(overlapping_parts)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->functions.offset -= 8;
	check_refused(img, EINVAL, "functions begin at byte 120: that overlaps");
	img = IMAGE(ALLOW);
	img->insns.offset = 0;
	check_refused(img, EINVAL, "instructions begin at byte 0: that overlaps");
}

TEST(gap_between_parts)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->entries.offset += 8;
	check_refused(img, EINVAL, "there is a gap");
}

TEST(overflow_of_a_length)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	/* 0x20000001 * 8 is 8 in 32 bits. */
	img->insns.count = 0x20000001;
	check_refused(img, E2BIG, "instructions: at most");
	img = IMAGE(ALLOW);
	img->data.count = UINT32_MAX;
	check_refused(img, E2BIG, "data: at most");
	img = IMAGE(ALLOW);
	img->functions.offset = UINT32_MAX;
	check_refused(img, EINVAL, "there is a gap");
}

TEST(overflow_of_map_contents)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	maps(img)[1].data = UINT32_MAX - 63;
	maps(img)[1].data_len = 64;
	check_refused(img, EINVAL, "outside of the image");
}

TEST(reserved_fields)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	img->reserved = 1;
	check_refused(img, EINVAL, "reserved");
	img = IMAGE(ALLOW);
	img->wants = 0x100;
	check_refused(img, EINVAL, "needs what is not known");
}

TEST(names)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	memset(img->name, 'a', sizeof(img->name));
	check_refused(img, EINVAL, "no proper name");
	img = IMAGE(ALLOW);
	strcpy(img->name, "../x");
	check_refused(img, EINVAL, "no proper name");
	img = IMAGE(ALLOW);
	strcpy(maps(img)[0].name, "a b");
	check_refused(img, EINVAL, "map 0 has no proper name");
	img = IMAGE(ALLOW);
	strcpy(maps(img)[0].name, "array");
	check_refused(img, EINVAL, "two maps are called array");
}

TEST(functions_that_do_not_cover_the_code)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	functions(img)->count = 1;
	check_refused(img, EINVAL, "instruction 1 belongs to no function");
	img = IMAGE(ALLOW);
	functions(img)->count = 3;
	check_refused(img, EINVAL, "has no end");
	img = IMAGE(ALLOW);
	functions(img)->start = 1;
	check_refused(img, EINVAL, "not where the one before it ends");
}

TEST(hooks_that_do_not_exist)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	entries(img)->hook = 0;
	check_refused(img, EINVAL, "hook 0, which does not exist");
	img = IMAGE(ALLOW);
	entries(img)->hook = 0xffff;
	check_refused(img, EINVAL, "hook 65535, which does not exist");
	img = IMAGE(ALLOW);
	entries(img)->function = 1;
	check_refused(img, EINVAL, "function 1, which does not exist");
}

TEST(map_of_maps)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	maps(img)[0].type = BPF_MAP_TYPE_ARRAY_OF_MAPS;
	check_refused(img, EINVAL, "map hash is of type 12");
	img = IMAGE(ALLOW);
	maps(img)[0].type = 0;
	check_refused(img, EINVAL, "map hash is of type 0");
}

TEST(oversized_maps)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	maps(img)[0].max_entries = VK_PROGRAM_MAP_ENTRIES + 1;
	check_refused(img, E2BIG, "65537 elements");
	img = IMAGE(ALLOW);
	maps(img)[0].value_size = VK_PROGRAM_MAP_VALUE + 1;
	check_refused(img, E2BIG, "values of 4097 bytes");
	img = IMAGE(ALLOW);
	maps(img)[0].key_size = 65;
	check_refused(img, EINVAL, "keys of 65 bytes");
	img = IMAGE(ALLOW);
	maps(img)[0].max_entries = 65536;
	maps(img)[0].value_size = 4096;
	check_refused(img, E2BIG, "maps take");
}

TEST(flags_of_maps)
{
	struct vk_program_image *img = IMAGE(ALLOW);

	maps(img)[0].flags = 8;
	check_refused(img, EINVAL, "unknown flags");
	img = IMAGE(ALLOW);
	maps(img)[0].flags = VK_MAP_FLAG_READ_ONLY;
	check_refused(img, EINVAL, "no array of one element");
}

TEST(helpers_that_read_the_kernel)
{
	check_refused(IMAGE(CALL(0, BPF_FUNC_probe_read_kernel), EXIT), EINVAL,
		      "helper 113 (probe_read_kernel) is not allowed");
	check_refused(IMAGE(CALL(0, BPF_FUNC_get_current_task), EXIT), EINVAL,
		      "helper 35 (get_current_task) is not allowed");
	check_refused(IMAGE(CALL(0, BPF_FUNC_get_current_task_btf), EXIT), EINVAL,
		      "(get_current_task_btf) is not allowed");
}

TEST(helpers_that_act)
{
	check_refused(IMAGE(CALL(0, BPF_FUNC_send_signal), EXIT), EINVAL, "(send_signal)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_override_return), EXIT), EINVAL, "(override_return)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_probe_write_user), EXIT), EINVAL,
		      "(probe_write_user)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_trace_printk), EXIT), EINVAL, "(trace_printk)");
}

TEST(tail_call)
{
	check_refused(IMAGE(MAP(2, 0), CALL(0, BPF_FUNC_tail_call), EXIT), EINVAL,
		      "helper 12 (tail_call) is not allowed");
}

TEST(callbacks_and_timers)
{
	check_refused(IMAGE(CALL(0, BPF_FUNC_loop), EXIT), EINVAL, "(loop)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_for_each_map_elem), EXIT), EINVAL,
		      "(for_each_map_elem)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_timer_init), EXIT), EINVAL, "(timer_init)");
	check_refused(IMAGE(CALL(0, BPF_FUNC_ringbuf_output), EXIT), EINVAL, "(ringbuf_output)");
	check_refused(IMAGE(CALL(0, 0), EXIT), EINVAL, "helper 0");
	check_refused(IMAGE(CALL(0, -1), EXIT), EINVAL, "helper -1 (unknown)");
}

TEST(kfunc)
{
	check_refused(IMAGE(CALL(BPF_PSEUDO_KFUNC_CALL, 1), EXIT), EINVAL, "(kfunc)");
	check_refused(IMAGE(CALL(5, 1), EXIT), EINVAL, "call of unknown kind 5");
}

TEST(call_out_of_own_code)
{
	check_refused(IMAGE(CALL(VK_CALL_FUNCTION, 1), EXIT), EINVAL,
		      "call to function 1, which is not its own");
	check_refused(IMAGE(CALL(VK_CALL_FUNCTION, -1), EXIT), EINVAL, "which is not its own");
	check_refused(IMAGE(CALL(VK_CALL_IMPORT, 0), EXIT), EINVAL, "call to import 0");
}

TEST(recursion)
{
	static const struct bpf_insn code[] = {CALL(VK_CALL_FUNCTION, 1), EXIT,
					       CALL(VK_CALL_FUNCTION, 0), EXIT};

	check_refused(IMAGE(CALL(VK_CALL_FUNCTION, 0), EXIT), EINVAL, "main calls itself");
	check_refused(make_image(&(struct parts){.insns = code, .n_insns = 4, .split = 2}), EINVAL,
		      "main calls itself");
}

TEST(jump_out_of_own_code)
{
	static const struct bpf_insn code[] = {JUMP(1), EXIT, SET(0, 0), EXIT};

	check_refused(IMAGE(JUMP(2), ALLOW), EINVAL, "jump out of its function");
	check_refused(IMAGE(JUMP(-2), ALLOW), EINVAL, "jump out of its function");
	check_refused(IMAGE(JEQ(1, 0, 100), ALLOW), EINVAL, "jump out of its function");
	/* Into the next function, which is what a carrier would be. */
	check_refused(make_image(&(struct parts){.insns = code, .n_insns = 4, .split = 2}), EINVAL,
		      "function main, instruction 0: a jump out");
}

TEST(loops)
{
	check_refused(IMAGE(SET(0, 0), JUMP(-1)), EINVAL, "function main, instruction 1: a loop");
	check_refused(IMAGE(SET(1, 5), ADD(1, -1), JNE(1, 0, -2), ALLOW), EINVAL, "a loop");
	check_refused(IMAGE(LOAD(1, 1, 80), ADD(1, 1), JNE(1, 0, -2), ALLOW), EINVAL, "a loop");
	/* By two jumps, of which each alone is none. */
	check_refused(IMAGE(SET(0, 0), JUMP(2), JEQ(0, 1, 1), EXIT, JUMP(-3), EXIT), EINVAL,
		      "a loop");
	/* Backwards to a shared end. */
	check_taken(IMAGE(JUMP(2), SET(0, 0), EXIT, JNE(1, 0, -3), JUMP(-4)));
}

TEST(jump_into_a_constant)
{
	check_refused(IMAGE(JUMP(1), IMM64(0, 0, 0, 0x95), EXIT), EINVAL, "into a 64-bit constant");
}

TEST(running_on)
{
	static const struct bpf_insn code[] = {SET(0, 0), SET(0, 1), SET(0, 0), EXIT};

	check_refused(IMAGE(SET(0, 0)), EINVAL, "runs on");
	check_refused(make_image(&(struct parts){.insns = code, .n_insns = 4, .split = 2}), EINVAL,
		      "function main, instruction 1: the function runs on");
}

TEST(half_a_constant)
{
	check_refused(IMAGE(INSN(BPF_LD | BPF_IMM | BPF_DW, 0, 0, 0, 0)), EINVAL,
		      "without its second half");
	check_refused(IMAGE(INSN(BPF_LD | BPF_IMM | BPF_DW, 0, 0, 0, 0), EXIT), EINVAL,
		      "without its second half");
}

TEST(foreign_map)
{
	check_refused(IMAGE(MAP(1, 2), ALLOW), EINVAL, "map 2, which is not its own");
	check_refused(IMAGE(MAP(1, -1), ALLOW), EINVAL, "map -1, which is not its own");
	/* By number, as only the kernel's own format has it. */
	check_refused(IMAGE(IMM64(1, BPF_PSEUDO_MAP_IDX, 0, 0), ALLOW), EINVAL,
		      "only those of own maps");
}

TEST(addresses_of_the_kernel)
{
	check_refused(IMAGE(IMM64(1, BPF_PSEUDO_BTF_ID, 1, 0), ALLOW), EINVAL,
		      "only those of own maps");
	check_refused(IMAGE(IMM64(1, BPF_PSEUDO_FUNC, 1, 0), ALLOW), EINVAL,
		      "only those of own maps");
}

TEST(byte_outside_of_a_map)
{
	check_refused(IMAGE(IMM64(1, BPF_PSEUDO_MAP_VALUE, 1, 64), ALLOW), EINVAL,
		      "byte 64 of map array, which has 64");
	check_refused(IMAGE(IMM64(1, BPF_PSEUDO_MAP_VALUE, 0, 0), ALLOW), EINVAL,
		      "which has several");
}

TEST(packet_loads)
{
	check_refused(IMAGE(INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0), ALLOW), EINVAL,
		      "loads from packets");
}

TEST(newer_instructions)
{
	check_refused(IMAGE(INSN(BPF_JMP | 0xe0, 0, 0, 0, 0), ALLOW), EINVAL, "newer kind");
	check_refused(IMAGE(INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, 0), ALLOW), EINVAL, "newer kind");
	check_refused(IMAGE(INSN(BPF_LDX | 0x80, 0, 1, 0, 0), ALLOW), EINVAL, "newer kind");
	check_refused(IMAGE(INSN(BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 8, 0), ALLOW), EINVAL,
		      "newer kind");
	/* The kernel's own mark of a load that may fault. */
	check_refused(IMAGE(INSN(BPF_LDX | 0x20, 0, 1, 0, 0), ALLOW), EINVAL, "newer kind");
}

TEST(registers_that_do_not_exist)
{
	check_refused(IMAGE(SET(11, 0), ALLOW), EINVAL, "register that does not exist");
	check_refused(IMAGE(MOV(0, 15), ALLOW), EINVAL, "register that does not exist");
}

TEST(helper_images)
{
	static const struct bpf_insn code[] = {ALLOW};

	check_taken(make_image(&(struct parts){.insns = code, .n_insns = 2, .helper = true}));
	check_refused(make_image(&(struct parts){
			      .insns = code, .n_insns = 2, .helper = true, .n_imports = 1}),
		      EINVAL, "cannot call other helpers");
}

/* Every bit of a small image: whatever is taken is still within bounds (under a sanitizer). */
TEST(every_flipped_bit, .timeout = 60)
{
	struct vk_program_image *img = IMAGE(SET(1, 0), STORE(10, -8, 1), MOV(2, 10), ADD(2, -8),
					     MAP(1, 0), CALL(0, 1), ALLOW);
	size_t size = img->size;
	uint8_t *copy = malloc(size);

	for (size_t i = 0; i < size * 8; i++) {
		struct vk_error e = {0};

		memcpy(copy, img, size);
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		if (vk_program_check(copy, size, &e) < 0)
			CHECK(e.message[0]);
	}
	free(copy);
	free(img);
}
