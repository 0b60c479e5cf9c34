// SPDX-License-Identifier: LGPL-2.1-or-later
/* Policy programs in force: they deny, and nothing gets around them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "program_ops.h"
#include "push_program.h"

#define NOTHING "files: {default: allow}"

static int open_as_member(void)
{
	return as_member(&program_ops[0]);
}

LIVE_TEST_WITHIN(one_program_denies, 120)
{
	prepare_ops();
	live_policy(NOTHING);
	CHECK_EQ(open_as_member(), 0);
	CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT), 0), 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	/* Whoever is no member is not asked. */
	CHECK_EQ(live_open(LIVE_DIR "/ops/file", O_RDONLY), 0);
	CHECK_EQ(program_row(NULL).denied, 1);
	pop_program("p");
	CHECK_EQ(open_as_member(), 0);
}

static int run_read_write(void)
{
	return live_open(LIVE_DIR "/ops/file", O_RDWR);
}

/* Also when the rules grant what is wanted, but not every open, so that they look closer. */
LIVE_TEST_WITHIN(asked_of_every_open, 120)
{
	static const struct program_op read_write = {.run = run_read_write};

	prepare_ops();
	live_policy("files: {default: allow, rules: [{deny: [truncate], path: " LIVE_DIR
		    "/ops/*}]}");
	CHECK_EQ(as_member(&read_write), 0);
	CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT), 0), 0);
	CHECK_EQ(as_member(&read_write), EDQUOT);
	CHECK_EQ(open_as_member(), EDQUOT);
}

/* struct in every_hook.bpf.c */
struct every_hook {
	uint32_t which, pad;
	uint64_t asked[64];
};

static void set_which(uint32_t id, unsigned int hook)
{
	struct every_hook *v = calloc(1, 4096);
	struct vk_error e = {0};
	uint32_t zero = 0, map = read_bss(id, v);

	v->which = hook;
	live_ok(vk_program_map_set(live.eng, id, map, &zero, v, &e), &e);
	free(v);
}

/* At every hook: it is asked, its denial reaches the caller, and the rest is let through. */
LIVE_TEST_WITHIN(every_hook, 300)
{
	uint32_t id = 0;

	prepare_ops();
	live_policy(NOTHING);
	push_object("every_hook.bpf.o", "every");
	program_row(&id);
	for (size_t i = 0; i < n_program_ops; i++) {
		const struct program_op *op = &program_ops[i];
		const char *name = vk_program_hook_name(op->hook);
		struct every_hook *v = calloc(1, 4096);
		uint64_t before = program_row(NULL).denied;
		int r;

		set_which(id, op->hook);
		r = as_member(op);
		if (r != EDQUOT && r != VK_UNSEEN)
			FAIL("%s: %d, not denied", name, r);
		if (program_row(NULL).denied == before)
			FAIL("%s: no denial was counted", name);
		set_which(id, 0);
		r = as_member(op);
		if (r == EDQUOT)
			FAIL("%s: denied, and no program says so", name);
		read_bss(id, v);
		if (!v->asked[op->hook])
			FAIL("%s: was not asked", name);
		free(v);
	}
}

/* Programs bind the instances below, made before or after, with programs of their own or without. */
LIVE_TEST_WITHIN(instances_below, 200)
{
	_cleanup_policy_ struct vk_policy *policy = live_parse(NOTHING);
	const struct vk_policy *layers[] = {policy};
	struct vk_error e = {0};
	char above[65], below[65];
	uint32_t id, child = 0;

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(push_image(image_returning("p", VK_HOOK_file_open, -EDQUOT), 0) == 0);
	memcpy(above, live.name, sizeof(above));
	snprintf(below, sizeof(below), "below-%d", getpid());
	id = live.id;
	if (!live_ok(vk_instance_create_below(live.eng, below, above, layers, 1, &child, &e), &e))
		tap_abort();
	live.id = child;
	CHECK_EQ(open_as_member(), EDQUOT);
	/* Its own program changes nothing about that. */
	memcpy(live.name, below, sizeof(below));
	CHECK_EQ(push_image(image_returning("q", VK_HOOK_file_open, 0), 0), 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	memcpy(live.name, above, sizeof(above));
	pop_program("p");
	CHECK_EQ(open_as_member(), 0);
	CHECK_EQ(push_image(image_returning("p", VK_HOOK_file_open, -EACCES), 0), 0);
	CHECK_EQ(open_as_member(), EACCES);
	/* That of the one below does not bind upwards. */
	pop_program("p");
	memcpy(live.name, below, sizeof(below));
	CHECK_EQ(push_image(image_returning("q", VK_HOOK_file_open, -EDQUOT), VK_PUSH_REPLACE), 0);
	CHECK_EQ(open_as_member(), EDQUOT);
	memcpy(live.name, above, sizeof(above));
	live.id = id;
	CHECK_EQ(open_as_member(), 0);
	live_ok(vk_instance_remove(live.eng, below, true, &e), &e);
}

/* ---- both names of a link or rename ---- */

static int rename_across(void)
{
	return rename(LIVE_DIR "/from/file", LIVE_DIR "/to/file") < 0 ? errno : 0;
}

static int rename_back(void)
{
	return rename(LIVE_DIR "/to/file", LIVE_DIR "/from/file") < 0 ? errno : 0;
}

static int exchange(void)
{
	return renameat2(AT_FDCWD, LIVE_DIR "/from/file", AT_FDCWD, LIVE_DIR "/to/other",
			 RENAME_EXCHANGE) < 0 ?
		       errno :
		       0;
}

static int link_across(void)
{
	return link(LIVE_DIR "/from/file", LIVE_DIR "/to/file") < 0 ? errno : 0;
}

static int link_within(void)
{
	int r = link(LIVE_DIR "/from/file", LIVE_DIR "/from/again") < 0 ? errno : 0;

	unlink(LIVE_DIR "/from/again");
	return r;
}

/* What is reported of a program's denial has the old of two names. */
static int check_name(const struct vk_event *ev, void *data)
{
	unsigned int *n = data;

	if (ev->vki == live.id) {
		++*n;
		CHECK_STREQ(ev->path, LIVE_DIR "/from/file");
		CHECK_EQ(ev->path_len, sizeof(LIVE_DIR "/from/file") - 1);
	}
	return 0;
}

LIVE_TEST_WITHIN(both_names, 120)
{
	static const struct program_op across = {0, rename_across}, back = {0, rename_back},
				       swap = {0, exchange}, link_ = {0, link_across},
				       within = {0, link_within};
	struct vk_event_reader *reader = NULL;
	struct vk_error e = {0};
	unsigned int reported = 0;

	live_file(LIVE_DIR "/from/file", "text");
	live_file(LIVE_DIR "/to/other", "text");
	live_policy(NOTHING);
	push_object("both_names.bpf.o", "both");
	if (!live_ok(vk_events_open(live.eng, &reader, &e), &e))
		tap_abort();
	CHECK_EQ(as_member(&across), EDQUOT);
	CHECK_EQ(as_member(&swap), EBUSY);
	CHECK_EQ(as_member(&link_), EROFS);
	CHECK_EQ(as_member(&within), 0);
	CHECK_EQ(rename_across(), 0);
	CHECK_EQ(as_member(&back), 0);
	while (vk_events_poll(reader, 0, check_name, &reported) > 0)
		;
	vk_events_close(reader);
	CHECK_EQ(reported, 3);
}

/* ---- the examples ---- */

static int exec_written(void)
{
	int fd = open(LIVE_DIR "/ops/tool", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	static const char script[] = "#!/bin/sh\nexit 0\n";
	int status;
	pid_t pid;

	if (fd < 0 || write(fd, script, sizeof(script) - 1) < 0)
		return -1;
	close(fd);
	pid = fork();
	if (pid == 0) {
		execl(LIVE_DIR "/ops/tool", "tool", NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int exec_old(void)
{
	return program_ops[1].run();
}

LIVE_TEST_WITHIN(example_no_exec_of_written, 120)
{
	static const struct program_op written = {0, exec_written}, old = {0, exec_old};

	prepare_ops();
	live_policy(NOTHING);
	push_example("no-exec-of-written");
	CHECK_EQ(as_member(&old), 0);
	CHECK_EQ(as_member(&written), EACCES);
	pop_program(NULL);
	CHECK_EQ(as_member(&written), 0);
}

static int read_secret(void)
{
	return live_open("/run/secrets/key", O_RDONLY);
}

static int send_something(void)
{
	return program_ops[24].run();
}

LIVE_TEST_WITHIN(example_no_secrets_after_send, 120)
{
	static const struct program_op secret = {0, read_secret}, send_ = {0, send_something};

	live_file("/run/secrets/key", "x");
	prepare_ops();
	live_policy(NOTHING);
	push_example("no-secrets-after-send");
	CHECK_EQ(as_member(&secret), 0);
	CHECK_EQ(as_member(&send_), 0);
	CHECK_EQ(as_member(&secret), EACCES);
	CHECK_EQ(open_as_member(), 0);
	live_clean("/run/secrets");
}

static int connect_often(void)
{
	for (int i = 0; i < 100; i++) {
		int r = program_ops[21].run();

		if (r)
			return r == EAGAIN ? 1000 + i : r;
	}
	return 0;
}

LIVE_TEST_WITHIN(example_rate_limit_connect, 120)
{
	static const struct program_op often = {0, connect_often};
	int r;

	live_policy(NOTHING);
	push_example("rate-limit-connect");
	r = as_member(&often);
	/* Twenty at once, and some more if they took long. */
	if (r < 1020 || r > 1090)
		FAIL("refused after %d", r - 1000);
}

static int use_capability(void)
{
	return sethostname("vk", 2) < 0 ? errno : 0;
}

LIVE_TEST_WITHIN(example_startup_capabilities, 120)
{
	static const struct program_op use = {0, use_capability};

	live_policy(NOTHING);
	push_example("startup-capabilities");
	CHECK_EQ(as_member(&use), 0);
	CHECK_EQ(as_member(&program_ops[22]), 0); /* listen */
	CHECK_EQ(as_member(&use), EPERM);
}

/* A program that is running, rewritten by way of /proc/PID/exe. */
static int rewrite_runtime(void)
{
	pid_t pid = fork();
	int fd, r, status = 0;
	char path[64];

	if (pid == 0) {
		execl(LIVE_DIR "/ops/runtime", "runtime", "60", NULL);
		_exit(errno);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	for (int i = 0; i < 500; i++) {
		char target[256] = "";

		if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "runtime"))
			break;
		usleep(10000);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (fd < 0)
		return 1000 + status; /* it could not be executed */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* Nothing runs from it any more, so the kernel does not mind. */
	r = live_open(path, O_WRONLY | O_TRUNC);
	close(fd);
	return r;
}

LIVE_TEST_WITHIN(example_no_runtime_rewrite, 120)
{
	static const struct program_op rewrite = {0, rewrite_runtime};

	prepare_ops();
	live_policy(NOTHING);
	ASSERT(system("cp /bin/sleep " LIVE_DIR "/ops/runtime") == 0);
	push_example("no-runtime-rewrite");
	CHECK_EQ(as_member(&rewrite), EACCES);
	CHECK_EQ(live_open(LIVE_DIR "/ops/file", O_WRONLY), 0);
	pop_program(NULL);
	CHECK_EQ(as_member(&rewrite), 0);
}
