// SPDX-License-Identifier: LGPL-2.1-or-later
/* Many policy programs at one hook: each is asked, whatever the others do; and what fails denies. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cleanup.h"
#include "push_program.h"

#define NOTHING "files: {default: allow}"

static int open_as_member(void)
{
	return as_member(&program_ops[0]);
}

static struct vk_program_image *named(const char *name, struct vk_program_image *img)
{
	snprintf(img->name, sizeof(img->name), "%s", name);
	return img;
}

static int push_returning(int number, int result, unsigned int flags)
{
	char name[16];

	snprintf(name, sizeof(name), "p%d", number);
	return push_image(image_returning(name, VK_HOOK_file_open, result), flags);
}

/* Of 16 programs the first that denies decides, wherever it is; an audit program lets through. */
LIVE_TEST_WITHIN(stacked, 300)
{
	prepare_ops();
	live_policy(NOTHING);
	for (int i = 0; i < 16; i++)
		ASSERT(push_returning(i, 0, 0) == 0);
	CHECK_EQ(open_as_member(), 0);
	for (int i = 15; i >= 0; i -= 5) {
		CHECK_EQ(push_returning(i, -100 - i, VK_PUSH_REPLACE), 0);
		CHECK_EQ(open_as_member(), 100 + i);
	}
	CHECK_EQ(push_returning(0, -100, VK_PUSH_REPLACE | VK_PUSH_AUDIT), 0);
	CHECK_EQ(open_as_member(), 105);
}

/* A chain of tail calls ends after 33, and what is beyond would be passed by: there is none. */
LIVE_TEST_WITHIN(more_than_33, 300)
{
	_cleanup_policy_ struct vk_policy *policy = live_parse(NOTHING);
	const struct vk_policy *layers[] = {policy};
	struct vk_error e = {0};
	struct live above;

	prepare_ops();
	live_policy(NOTHING);
	for (int i = 0; i < 32; i++)
		ASSERT(push_returning(i, 0, 0) == 0);
	CHECK_EQ(push_returning(32, 0, 0), -E2BIG);
	above = live;
	snprintf(live.name, sizeof(live.name), "below-%d", getpid());
	if (!live_ok(vk_instance_create_below(live.eng, live.name, above.name, layers, 1, &live.id,
					      &e),
		     &e))
		tap_abort();
	CHECK_EQ(push_returning(33, 0, 0), 0);
	CHECK_EQ(open_as_member(), 0);
	CHECK_EQ(push_returning(34, -EDQUOT, 0), 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	live_ok(vk_instance_remove(live.eng, live.name, true, &e), &e);
	live = above;
}

/* What a program cannot do: allow what another denies, or return something else than an errno. */
LIVE_TEST_WITHIN(results, 200)
{
	static const struct {
		int result, want;
	} rows[] = {{1, EPERM},	   {-1, EPERM},	  {-EACCES, EACCES}, {-133, 133},
		    {-134, EPERM}, {-512, EPERM}, {INT32_MIN, EPERM}};

	prepare_ops();
	live_policy("files: {default: allow, rules: [{deny: [write], path: " LIVE_DIR "/ops/**}]}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, rows[i].result),
				    VK_PUSH_REPLACE),
			 0);
		CHECK_EQ(open_as_member(), rows[i].want);
	}
	/* Not 0, though its lower half is. */
	CHECK_EQ(push_image(named("p", IMAGE(IMM64(0, 0, 0, 1), EXIT)), VK_PUSH_REPLACE), 0);
	CHECK_EQ(open_as_member(), EPERM);
}

/* ---- getting around another one ---- */

/* The stack that a policy may have, filled, and all registers that a caller relies on. */
static struct vk_program_image *overwrites_all(void)
{
	struct bpf_insn code[64];
	size_t n = 0;

	for (int16_t off = -8; off >= -320; off = (int16_t)(off - 8))
		code[n++] = STOREI(10, off, -1);
	for (uint8_t reg = 0; reg < 10; reg++)
		code[n++] = SET(reg, 0x7fffffff);
	code[n++] = SET(0, 0);
	code[n++] = EXIT;
	return make_image(&(struct parts){.insns = code, .n_insns = n});
}

static int refused(struct vk_program_image *img)
{
	return push_image(named("first", img), VK_PUSH_REPLACE);
}

/* What is asked before a program that denies cannot keep it from being asked. */
LIVE_TEST_WITHIN(no_way_around, 300)
{
	/* An exit from a function of its own is a return, of the lower half of a number. */
	static const struct bpf_insn leaves[] = {CALL(VK_CALL_FUNCTION, 1), ALLOW, SET(0, 0), EXIT};

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(push_image(image_returning("first", VK_HOOK_file_open, 0), 0) == 0);
	ASSERT(push_image(image_returning("last", VK_HOOK_file_open, -EDQUOT), 0) == 0);
	CHECK_EQ(refused(overwrites_all()), 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	CHECK_EQ(refused(make_image(&(struct parts){.insns = leaves, .n_insns = 5, .split = 3})),
		 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	/* To jump over it, into it, or to another program; to change what it sees or returns. */
	CHECK_EQ(refused(IMAGE(SET(0, 0), JUMP(1), EXIT)), -EINVAL);
	CHECK_EQ(refused(IMAGE(SET(0, 0), JUMP(20), EXIT)), -EINVAL);
	CHECK_EQ(refused(IMAGE(SET(0, 0), JUMP(-2), EXIT)), -EINVAL);
	CHECK_EQ(refused(IMAGE(CALL(VK_CALL_FUNCTION, 1), ALLOW)), -EINVAL);
	CHECK_EQ(refused(IMAGE(MAP(2, 1), SET(3, 0), CALL(0, 12), ALLOW)), -EINVAL);
	CHECK_EQ(refused(IMAGE(SET(0, 0))), -EINVAL);
	CHECK_EQ(refused(IMAGE(STOREI(1, 24, 0), ALLOW)), -EACCES);
	CHECK_EQ(refused(IMAGE(STOREI(10, 8, 0), ALLOW)), -EACCES);
	CHECK_EQ(refused(IMAGE(SET(6, 0), MOV(0, 7), EXIT)), -EACCES);
	CHECK_EQ(refused(make_time_bomb()), -EACCES);
	CHECK_EQ(open_as_member(), EDQUOT);
	/* It is the last one alone that denies. */
	pop_program("last");
	CHECK_EQ(open_as_member(), 0);
}

struct load {
	atomic_bool stop;
	atomic_ulong opens, passed;
};

static void open_for_ever(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		int fd = open(LIVE_DIR "/ops/file", O_RDONLY | O_CLOEXEC);

		l->opens++;
		if (fd >= 0) {
			l->passed++;
			close(fd);
		}
	}
}

/* While a denying program is replaced by others that deny, not one open passes. */
LIVE_TEST_WITHIN(replaced_under_load, 200)
{
	struct load *l =
		mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct live_member m;
	unsigned long before;

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT), 0) == 0);
	m = live_fork(open_for_ever, l);
	live_attach(&m);
	live_go(&m);
	while (l->opens < 100)
		usleep(1000);
	for (int i = 0; i < 3; i++) {
		before = l->opens;
		CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT - i),
				    VK_PUSH_REPLACE),
			 0);
		CHECK_EQ(push_image(image_returning("q", VK_HOOK_file_open, 0), VK_PUSH_REPLACE),
			 0);
		CHECK_EQ(
			push_image(image_returning("r", VK_HOOK_socket_create, 0), VK_PUSH_REPLACE),
			0);
		pop_program("r");
		while (l->opens == before)
			usleep(1000);
	}
	l->stop = true;
	live_wait(&m);
	CHECK_EQ(l->passed, 0);
	printf("# %lu opens were denied meanwhile\n", l->opens);
}

/* ---- what fails ---- */

/* A word that says that there are programs, and an array that has none. */
LIVE_TEST_WITHIN(empty_slot, 120)
{
	_cleanup_close_ int fd = bpf_obj_get("/sys/fs/bpf/vkernel/maps/vk_p_file_open");
	uint32_t slot = 0;

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(fd >= 0);
	ASSERT(push_image(image_returning("p", VK_HOOK_file_open, 0), 0) == 0);
	CHECK_EQ(open_as_member(), 0);
	while (bpf_map_delete_elem(fd, &slot) < 0)
		ASSERT(errno == ENOENT && ++slot < 16384);
	CHECK_EQ(open_as_member(), EPERM);
	CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, 0), VK_PUSH_REPLACE), 0);
	CHECK_EQ(open_as_member(), 0);
}

/* A file whose name is longer than what a program can see, opened by no member. */
static int open_deep(void)
{
	int dir = open(LIVE_DIR "/ops", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	for (int i = 0; i < 17 && dir >= 0; i++) {
		int above = dir;

		ASSERT(mkdirat(above, name, 0755) == 0);
		dir = openat(above, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(above);
	}
	fd = openat(dir, "file", O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	close(dir);
	ASSERT(fd >= 0);
	return fd;
}

static int deep = -1;

static int use_deep(void)
{
	return fcntl(deep, F_GETFL) < 0 ? errno : 0;
}

LIVE_TEST_WITHIN(no_path_to_decide_by, 120)
{
	static const struct program_op use = {VK_HOOK_file_fcntl, use_deep};
	struct vk_program_image *img = image_returning("p", VK_HOOK_file_fcntl, 0);

	prepare_ops();
	deep = open_deep();
	live_policy(NOTHING);
	ASSERT(push_image(image_returning("p", VK_HOOK_file_fcntl, 0), 0) == 0);
	CHECK_EQ(as_member(&use), 0);
	img->wants = VK_WANT_path;
	ASSERT(push_image(img, VK_PUSH_REPLACE) == 0);
	CHECK_EQ(as_member(&use), EACCES);
	close(deep);
	deep = open(LIVE_DIR "/ops/file", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(as_member(&use), 0);
	close(deep);
}

#define CGROUP "/sys/fs/cgroup/vkernel-test-memory"

static int write_to(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0 ? 0 : -1;
}

/* Pushed where there is less memory than its map takes: nothing changes. */
LIVE_TEST_WITHIN(out_of_memory, 120)
{
	static const struct bpf_insn code[] = {ALLOW};
	struct vk_program_image *img =
		make_image(&(struct parts){.insns = code,
					   .n_insns = 2,
					   .maps = {{.name = "large",
						     .type = VK_MAP_TYPE_ARRAY,
						     .key_size = 4,
						     .value_size = 4096,
						     .max_entries = 1000}},
					   .n_maps = 1});

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT), 0) == 0);
	write_to("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	ASSERT(mkdir(CGROUP, 0755) == 0 || errno == EEXIST);
	ASSERT(write_to(CGROUP "/memory.max", "3M") == 0);
	ASSERT(write_to(CGROUP "/cgroup.procs", "0") == 0);
	CHECK_EQ(push_image(named("p", img), VK_PUSH_REPLACE), -ENOMEM);
	ASSERT(write_to("/sys/fs/cgroup/cgroup.procs", "0") == 0);
	rmdir(CGROUP);
	CHECK_EQ(open_as_member(), EDQUOT);
}
