/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that the check takes and the dry load must refuse, each with its reason, on the
 * kernel that the tests run on; and how long it takes.
 */
#include <unistd.h>

#include "hostile_images.h"
#include "program.h"
#include "tap.h"

static bool may_bpf(void)
{
	struct vk_linked p = {.img = IMAGE(ALLOW)};
	struct vk_error e = {0};
	int r = vk_program_dry_load(&p, NULL, &e);

	free((void *)(uintptr_t)p.img);
	return r == 0;
}
#define NEEDS_BPF                                                                                  \
	do                                                                                         \
		if (geteuid() != 0 || !may_bpf())                                                  \
			SKIP("needs root and CAP_BPF");                                            \
	while (0)

/* Releases the image. */
static int dry_load(struct vk_program_image *img, struct vk_dry *ret, struct vk_error *e)
{
	struct vk_linked p = {.img = img};
	int r = vk_program_check(img, img->size, e);

	if (r == 0)
		r = vk_program_make_maps(&p, e);
	if (r == 0)
		r = vk_program_dry_load(&p, ret, e);
	vk_program_close_maps(&p);
	free(img);
	return r;
}

#define check_refused(img, reason) check_refused_at(__FILE__, __LINE__, img, reason)
static void check_refused_at(const char *file, int line, struct vk_program_image *img,
			     const char *reason)
{
	struct vk_error e = {0};
	int r = dry_load(img, NULL, &e);

	if (r != -EACCES)
		tap_fail(file, line, "returned %d: %s", r, e.message);
	else if (!strstr(e.message, reason))
		tap_fail(file, line, "\"%s\" does not say \"%s\"", e.message, reason);
}

static struct vk_program_image *with_path(struct vk_program_image *img)
{
	img->wants = VK_WANT_path;
	return img;
}

static struct vk_program_image *at_rename(struct vk_program_image *img)
{
	((struct vk_program_entry *)(uintptr_t)vk_program_entries(img))->hook = VK_HOOK_path_rename;
	return with_path(img);
}

TEST(good_programs_pass)
{
	struct vk_error e = {0};

	NEEDS_BPF;
	CHECK_EQ(dry_load(IMAGE(ALLOW), NULL, &e), 0);
	CHECK_EQ(dry_load(IMAGE(LOAD(0, 1, 80), EXIT), NULL, &e), 0);
	CHECK_EQ(
		dry_load(IMAGE(MOV(6, 1), LOOKUP, LOAD(1, 6, 24), STORE(0, 0, 1), ALLOW), NULL, &e),
		0);
	CHECK_EQ(dry_load(with_path(IMAGE(LOAD(0, 1, 4216), EXIT)), NULL, &e), 0);
	CHECK_EQ(dry_load(at_rename(IMAGE(LOAD(0, 1, 7800), EXIT)), NULL, &e), 0);
	if (e.code)
		FAIL("%s", e.message);
}

TEST(context_access)
{
	NEEDS_BPF;
	/* r6 holds the context in the carrier. */
	check_refused(IMAGE(MOV(0, 6), EXIT), "R6 !read_ok");
	check_refused(IMAGE(LOAD(0, 2, 0), EXIT), "R2 !read_ok");
	check_refused(IMAGE(MOV(1, 0), ALLOW), "R0 !read_ok");
}

TEST(write_to_the_event)
{
	NEEDS_BPF;
	check_refused(IMAGE(STOREI(1, 0, 0), ALLOW), "write into map forbidden");
	check_refused(
		IMAGE(SET(2, 1), INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 0, BPF_ADD), ALLOW),
		"write into map forbidden");
}

TEST(read_beyond_the_event)
{
	NEEDS_BPF;
	check_refused(IMAGE(LOAD(0, 1, VK_EVENT_FIXED), EXIT), "invalid access to map value");
	check_refused(IMAGE(LOAD(0, 1, -8), EXIT), "invalid access to map value");
	/* A second path is where there are two. */
	check_refused(with_path(IMAGE(LOAD(0, 1, VK_EVENT_ONE_PATH), EXIT)),
		      "invalid access to map value");
	check_refused(at_rename(IMAGE(LOAD(0, 1, sizeof(struct vk_policy_event)), EXIT)),
		      "invalid access to map value");
	/* By a number that nobody has bounded. */
	check_refused(IMAGE(LOAD(2, 1, 80), ADDR(1, 2), LOAD(0, 1, 0), EXIT), "math between");
}

TEST(stack_of_the_caller)
{
	NEEDS_BPF;
	check_refused(IMAGE(LOAD(0, 10, 8), EXIT), "invalid");
	check_refused(IMAGE(STOREI(10, 0, 1), ALLOW), "invalid");
}

TEST(oversized_stack)
{
	static const struct bpf_insn code[] = {STOREI(10, -256, 0), CALL(VK_CALL_FUNCTION, 1), EXIT,
					       STOREI(10, -256, 0), ALLOW};

	NEEDS_BPF;
	check_refused(IMAGE(STOREI(10, -520, 0), ALLOW), "invalid write to stack");
	check_refused(IMAGE(STOREI(10, -496, 0), ALLOW), "combined stack size");
	check_refused(make_image(&(struct parts){.insns = code, .n_insns = 6, .split = 3}),
		      "combined stack size");
}

TEST(uninitialised_data)
{
	NEEDS_BPF;
	check_refused(IMAGE(EXIT), "R0 !read_ok");
	/* What is left on the stack would become a key that user space reads. */
	check_refused(IMAGE(MOV(2, 10), ADD(2, -8), MAP(1, 0), CALL(0, 1), ALLOW), "invalid");
}

TEST(kernel_address_into_a_map)
{
	NEEDS_BPF;
	check_refused(IMAGE(MOV(6, 1), LOOKUP, STORE(0, 0, 6), ALLOW), "leaks addr into map");
	check_refused(IMAGE(MOV(6, 1), STORE(10, -8, 6), MOV(2, 10), ADD(2, -8), MOV(3, 2),
			    SET(4, 0), MAP(1, 0), CALL(0, 2), ALLOW),
		      "invalid");
}

TEST(kernel_address_as_result)
{
	NEEDS_BPF;
	check_refused(IMAGE(MOV(0, 1), EXIT), "R0 ");
	check_refused(IMAGE(MAP(0, 0), EXIT), "R0 ");
}

TEST(reading_a_map_as_an_object)
{
	NEEDS_BPF;
	check_refused(IMAGE(MAP(1, 0), LOAD(0, 1, 0), EXIT), "CAP_PERFMON");
}

TEST(null_value)
{
	NEEDS_BPF;
	check_refused(IMAGE(STOREI(10, -8, 0), MOV(2, 10), ADD(2, -8), MAP(1, 0), CALL(0, 1),
			    LOAD(0, 0, 0), EXIT),
		      "invalid mem access 'map_value_or_null'");
}

TEST(beyond_a_value)
{
	NEEDS_BPF;
	check_refused(IMAGE(LOOKUP, STOREI(0, 8, 1), ALLOW), "invalid access to map value");
}

TEST(pointer_arithmetic)
{
	NEEDS_BPF;
	check_refused(IMAGE(INSN(BPF_ALU64 | BPF_MUL | BPF_K, 1, 0, 0, 2), ALLOW),
		      "pointer arithmetic");
	check_refused(IMAGE(LOAD(1, 1, 24), LOAD(0, 1, 0), EXIT), "invalid mem access 'scalar'");
}

TEST(unreachable_code)
{
	NEEDS_BPF;
	check_refused(IMAGE(SET(0, 0), EXIT, SET(0, 0), EXIT), "unreachable insn");
}

TEST(verifier_time_bomb, .timeout = 60)
{
	struct vk_error e = {0};

	NEEDS_BPF;
	CHECK_EQ(dry_load(make_time_bomb(), NULL, &e), -EACCES);
	if (!strstr(e.message, "too much time") && !strstr(e.message, "steps") &&
	    !strstr(e.message, "too large") && !strstr(e.message, "too complex"))
		FAIL("%s", e.message);
}

static unsigned int n_hostile;

static void must_be_refused(const char *what, struct vk_program_image *img, size_t size,
			    const char *reason)
{
	struct vk_linked p = {.img = img};
	struct vk_error e = {0};
	int r = vk_program_check(img, size, &e);

	if (r == 0)
		r = vk_program_make_maps(&p, &e);
	if (r == 0) {
		r = vk_program_dry_load(&p, NULL, &e);
		vk_program_close_maps(&p);
	}
	if (r == 0 || !strstr(e.message, reason))
		FAIL("%s: %d \"%s\" does not say \"%s\"", what, r, e.message, reason);
	free(img);
	n_hostile++;
}

TEST(every_hostile_image, .timeout = 120)
{
	NEEDS_BPF;
	each_hostile_image(must_be_refused);
	printf("# %u hostile images\n", n_hostile);
	CHECK(n_hostile >= 60);
}

TEST(the_place_is_named)
{
	struct vk_error e = {0};

	NEEDS_BPF;
	dry_load(IMAGE(SET(3, 0), SET(4, 0), MOV(0, 6), EXIT), NULL, &e);
	if (!strstr(e.message, "policy file_open: function main, instruction 2: R6 !read_ok"))
		FAIL("%s", e.message);
}

TEST(fifty_instructions_take_milliseconds)
{
	struct bpf_insn code[50];
	struct parts parts = {.insns = code, .n_insns = 50};
	struct vk_dry dry = {0};
	struct vk_error e = {0};

	NEEDS_BPF;
	for (size_t i = 0; i < 48; i++)
		code[i] = i % 2 ? ADD(2, 1) : LOAD(2, 1, (int16_t)(i / 2 % 14 * 8));
	code[48] = SET(0, 0);
	code[49] = EXIT;
	CHECK_EQ(dry_load(make_image(&parts), &dry, &e), 0);
	printf("# %u instructions verified in %u us\n", dry.insns, dry.usec);
	CHECK(dry.usec < 1000000);
}
