// SPDX-License-Identifier: LGPL-2.1-or-later
/* Dynamic helpers: installed, typed, pinned, in use; and what those that come with vkernel return. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program_ops.h"
#include "push_program.h"
#include "sha256.h"

#define NOTHING "files: {default: allow}"

static const char *const shipped[] = {"ancestor",  "compare",	   "count",	"glob_match",
				      "log_event", "random_below", "rate_limit"};
#define N_SHIPPED (sizeof(shipped) / sizeof(shipped[0]))

static struct vk_program_image *helper_image(const char *name)
{
	char relative[128];

	snprintf(relative, sizeof(relative), "../../examples/helpers/%s.bpf.o", name);
	return read_object(relative, name);
}

static int add_helper(const char *name)
{
	struct vk_program_image *img = helper_image(name);
	struct vk_error e = {0};
	uint32_t id;
	int r = vk_helper_add(live.eng, img, img->size, &id, &e);

	if (r < 0)
		printf("# helper %s: %s\n", name, e.message);
	free(img);
	return r;
}

static int remove_helper(const char *name)
{
	struct vk_error e = {0};

	return vk_helper_remove(live.eng, name, &e);
}

static struct vk_program_import *first_import(struct vk_program_image *img)
{
	return (void *)((uint8_t *)img + img->imports.offset);
}

static int open_thrice(void)
{
	int r = 0;

	for (int i = 0; i < 3 && !r; i++)
		r = program_ops[0].run();
	return r;
}

LIVE_TEST_WITHIN(helpers, 200)
{
	static const struct program_op thrice = {0, open_thrice};
	struct vk_program_image *img, *count;

	prepare_ops();
	live_policy(NOTHING);
	/* Not there; of another type; of another hash, and of this one. */
	CHECK_EQ(push_image(read_object("calls_helper.bpf.o", "p"), 0), -ENOENT);
	CHECK_EQ(add_helper("count"), 0);
	CHECK_EQ(add_helper("count"), -EEXIST);
	CHECK_EQ(add_helper("rate_limit"), 0);
	img = read_object("calls_helper.bpf.o", "p");
	strcpy(first_import(img)->type, "long(__u32 key)");
	CHECK_EQ(push_image(img, 0), -EINVAL);
	img = read_object("calls_helper.bpf.o", "p");
	first_import(img)->pinned = 1;
	CHECK_EQ(push_image(img, 0), -EPERM);
	img = read_object("calls_helper.bpf.o", "p");
	count = helper_image("count");
	first_import(img)->pinned = 1;
	vk_sha256(count, count->size, first_import(img)->sha256);
	free(count);
	CHECK_EQ(push_image(img, 0), 0);
	CHECK_EQ(as_member(&thrice), EDQUOT);
	/* In use, and not. */
	CHECK_EQ(remove_helper("count"), -EBUSY);
	CHECK_EQ(remove_helper("rate_limit"), 0);
	pop_program("p");
	CHECK_EQ(as_member(&thrice), 0);
	CHECK_EQ(remove_helper("count"), 0);
}

/* struct in uses_helpers.bpf.c */
struct io {
	char left[32], right[32];
	uint32_t n, pid;
	int64_t compared, matched, counted, limited, random, above, parent, beyond, uid, instance;
	uint64_t started;
};

static struct io read_io(uint32_t id)
{
	struct io io;

	read_bss(id, &io);
	return io;
}

static struct io give(uint32_t id, const char *left, const char *right, uint32_t n)
{
	struct io io = read_io(id);
	struct vk_error e = {0};
	uint32_t zero = 0;

	memset(io.left, 0, sizeof(io.left) + sizeof(io.right));
	snprintf(io.left, sizeof(io.left), "%s", left);
	snprintf(io.right, sizeof(io.right), "%s", right);
	io.n = n;
	live_ok(vk_program_map_set(live.eng, id, read_bss(id, &(struct io){0}), &zero, &io, &e),
		&e);
	as_member(&program_ops[19]); /* socket */
	return read_io(id);
}

static void check_strings(uint32_t id)
{
	static const struct {
		const char *left, *right;
		uint32_t n;
		int compared, matched;
	} rows[] = {
		{"apple", "apple", 32, 0, 1}, {"apple", "apples", 32, -1, 0},
		{"apple", "apples", 5, 0, 0}, {"b", "a", 32, 1, 0},
		{"", "", 32, 0, 1},	      {"apple", "a*", 32, 1, 1},
		{"apple", "a?ple", 32, 1, 1}, {"apple", "?????", 32, 1, 1},
		{"apple", "????", 32, 1, 0},  {"apple", "b", 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct io io = give(id, rows[i].left, rows[i].right, rows[i].n);
		int sign = (io.compared > 0) - (io.compared < 0);

		if (sign != rows[i].compared || io.matched != rows[i].matched)
			FAIL("%s and %s: %d %d", rows[i].left, rows[i].right, (int)io.compared,
			     (int)io.matched);
		CHECK_EQ(io.counted, (int64_t)i + 1);
		CHECK(io.random >= 0 && io.random < 10);
		/* Three at once and one a second: the guest may be slow. */
		if (i < 3)
			CHECK_EQ(io.limited, 0);
	}
}

/* What log_event keeps: who, what and how often, each time. */
static void check_log(void)
{
	struct record {
		uint64_t time_ns, what, subject, value;
	} r = {0}, before;
	struct vk_error e = {0};
	uint32_t id, at = 0, map;

	helper_row("log_event", &id);
	map = map_of(id, "records");
	for (; at < 3; at++) {
		before = r;
		live_ok(vk_program_map_get(live.eng, id, map, &at, &r, &e), &e);
		CHECK_EQ(r.what, VK_HOOK_socket_create);
		CHECK_EQ(r.value, at + 1);
		CHECK(r.subject && r.time_ns > before.time_ns);
	}
}

static int listen_op(void *ignored)
{
	(void)ignored;
	return program_ops[22].run();
}

static int listen_in_child(void *ignored)
{
	return live_child(listen_op, ignored);
}

/* A child's child of the member, which told the program its own number. */
static int listen_below(void)
{
	prctl(4711, 0);
	return live_child(listen_in_child, NULL);
}

static int listen_at_the_top(void)
{
	prctl(4711, getppid());
	return listen_op(NULL);
}

static void check_ancestors(uint32_t id)
{
	static const struct program_op below = {0, listen_below}, top = {0, listen_at_the_top};
	struct io io;

	CHECK_EQ(as_member(&below), 0);
	io = read_io(id);
	CHECK_EQ(io.above, 2);
	CHECK(io.parent > 1 && io.parent != io.pid);
	CHECK_EQ(io.beyond, 0);
	CHECK_EQ(io.instance, live.id);
	CHECK(io.started);
	/* Who made the member is in no instance, so the program does not see it. */
	CHECK_EQ(as_member(&top), 0);
	io = read_io(id);
	CHECK_EQ(io.pid, getpid());
	CHECK_EQ(io.above, 0);
	CHECK_EQ(io.parent, 0);
	CHECK_EQ(io.started, 0);
	CHECK_EQ(io.instance, live.id);
}

/* Each that comes with vkernel is installed under its hash, and does what it says. */
LIVE_TEST_WITHIN(shipped_helpers, 200)
{
	struct vk_program_row row;
	uint8_t hash[VK_SHA256];
	uint32_t id;

	prepare_ops();
	live_policy(NOTHING);
	for (size_t i = 0; i < N_SHIPPED; i++) {
		struct vk_program_image *img = helper_image(shipped[i]);

		CHECK_EQ(add_helper(shipped[i]), 0);
		row = helper_row(shipped[i], &id);
		vk_sha256(img, img->size, hash);
		CHECK(id && memcmp(hash, row.sha256, sizeof(hash)) == 0);
		free(img);
	}
	push_object("uses_helpers.bpf.o", "p");
	program_row(&id);
	check_strings(id);
	check_log();
	check_ancestors(id);
	for (size_t i = 0; i < N_SHIPPED; i++)
		CHECK_EQ(remove_helper(shipped[i]), -EBUSY);
	pop_program("p");
	for (size_t i = 0; i < N_SHIPPED; i++)
		CHECK_EQ(remove_helper(shipped[i]), 0);
}
