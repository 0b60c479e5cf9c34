// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whoever changes policy programs is killed at each step of it: what was in force before, or what
 * is to be, is in force; nothing is left behind; and a member that tries all the time never gets
 * past a program that is there before and after.
 *
 * As many steps are tried as fit in the time, evenly spread over all; all of them with
 * VKERNEL_KILL_SECONDS=3600.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "kill_at.h"
#include "program_ops.h"
#include "push_program.h"
#include "sha256.h"

#define POLICY "files: {default: allow}\npush: {programs: 3, poppable: true}"
#define IMAGES "/run/vkernel/programs"
#define PINS "/sys/fs/bpf/vkernel/programs"

/* "p" denies mkdir, with one errno or the other. */
static const int denials[] = {EACCES, EROFS};

static struct vk_program_image *denying(size_t which)
{
	const struct bpf_insn code[] = {SET(0, -denials[which]), EXIT};
	struct parts parts = {.insns = code,
			      .n_insns = 2,
			      .hook = VK_HOOK_path_mkdir,
			      .maps = {HASH_MAP, ARRAY_MAP},
			      .n_maps = 2};
	struct vk_program_image *img = make_image(&parts);

	strcpy(img->name, "p");
	return img;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- who tries all the time ---- */

struct load {
	atomic_bool stop;
	atomic_ulong opens, passed;
};
static struct load *load;
static struct live_member loader;

static void open_for_ever(void *ignored)
{
	(void)ignored;
	vk_engine_close(live.eng); /* and so its lock */
	while (!load->stop) {
		int fd = open(LIVE_DIR "/ops/file", O_RDONLY | O_CLOEXEC);

		load->opens++;
		if (fd >= 0) {
			load->passed++;
			close(fd);
		}
	}
}

static void begin(void)
{
	prepare_ops();
	live_policy(POLICY);
	ASSERT(push_image(image_returning("q", VK_HOOK_file_open, -EDQUOT), 0) == 0);
	load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	loader = live_fork(open_for_ever, NULL);
	live_attach(&loader);
	live_go(&loader);
	while (!load->opens)
		usleep(1000);
}

static void end(void)
{
	load->stop = true;
	live_wait(&loader);
	CHECK_EQ(load->passed, 0);
	printf("# %lu opens were denied meanwhile\n", load->opens);
}

/* ---- what is there ---- */

/**
 * struct found - programs and helpers
 * @maps: by number of the program, one more than it has; 0: there is none
 */
struct found {
	uint32_t maps[VK_PROGRAM_ROWS];
	unsigned int images, pins;
};

static int note_one(const struct vk_program_info *info, void *data)
{
	struct found *f = data;

	f->maps[info->id] = info->row.maps + 1;
	f->images++;
	f->pins += info->row.maps;
	return 0;
}

static bool wrong;

static unsigned int check_dir(const char *path, const struct found *f, bool pins)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	for (struct dirent *d; dir && (d = readdir(dir));) {
		unsigned int id = 0, map = 0;
		char rest = 0;

		if (d->d_name[0] == '.')
			continue;
		n++;
		if (pins ? sscanf(d->d_name, "%u_%u%c", &id, &map, &rest) != 2 :
			   sscanf(d->d_name, "%u%c", &id, &rest) != 1)
			id = 0;
		if (id >= VK_PROGRAM_ROWS || !f->maps[id] || (pins && map + 1 >= f->maps[id])) {
			FAIL("%s/%s is left behind", path, d->d_name);
			wrong = true;
		}
	}
	if (dir)
		closedir(dir);
	return n;
}

static int find_p(const struct vk_program_info *info, void *data)
{
	if (strcmp(info->row.name, "p") == 0)
		*(struct vk_program_row *)data = info->row;
	return 0;
}

/* Which of them is in force: 0 and 1; -1: none. It must be the one that is listed. */
static int check_state(void)
{
	static const struct program_op *make_dir = &program_ops[8];
	struct vk_program_row p = {0};
	struct found f = {0};
	struct vk_error e = {0};
	uint8_t hash[VK_SHA256];
	int which = -1;

	live_ok(vk_program_list(live.eng, NULL, 0, note_one, &f, &e), &e);
	live_ok(vk_program_list(live.eng, NULL, VK_P_HELPER, note_one, &f, &e), &e);
	wrong |= !CHECK_EQ(check_dir(IMAGES, &f, false), f.images);
	wrong |= !CHECK_EQ(check_dir(PINS, &f, true), f.pins);
	live_ok(vk_program_list(live.eng, live.name, 0, find_p, &p, &e), &e);
	for (int i = 0; p.flags && i < 2; i++) {
		struct vk_program_image *img = denying((size_t)i);

		vk_sha256(img, img->size, hash);
		if (memcmp(hash, p.sha256, sizeof(hash)) == 0)
			which = i;
		free(img);
	}
	wrong |= !CHECK(!p.flags || which >= 0);
	wrong |= !CHECK_EQ(as_member(make_dir),
			   which < 0 || p.flags & VK_P_AUDIT ? 0 : denials[which]);
	wrong |= !CHECK_EQ(load->passed, 0);
	return which;
}

static void open_engine(void)
{
	struct vk_error e = {0};

	if (!live_ok(vk_engine_open(&live.eng, 0, &e), &e))
		tap_abort();
}

static void close_engine(void)
{
	vk_engine_close(live.eng);
	live.eng = NULL;
}

/* ---- the engine ---- */

enum what { PUSH, REPLACE, POP, AUDIT, ADD_HELPER, REMOVE_HELPER, WHATS };
static const char *const names[] = {"push", "replace", "pop", "audit", "helper add", "helper rm"};

/**
 * struct task - what the child does that is killed
 * @which: PUSH, REPLACE: the program; AUDIT: 1: only report
 */
struct task {
	enum what what;
	size_t which;
};

static struct vk_program_image *helper(void)
{
	return read_object("../../examples/helpers/count.bpf.o", "count");
}

static int do_task(const struct task *t)
{
	struct vk_program_image *img;
	struct vk_error e = {0};
	uint32_t id;

	switch (t->what) {
	case PUSH:
	case REPLACE:
		return push_image(denying(t->which), t->what == REPLACE ? VK_PUSH_REPLACE : 0);
	case POP:
		return vk_program_pop(live.eng, live.name, "p", &e);
	case AUDIT:
		return vk_program_set_audit(live.eng, live.name, "p", t->which, &e);
	case ADD_HELPER:
		img = helper();
		return vk_helper_add(live.eng, img, img->size, &id, &e);
	default:
		return vk_helper_remove(live.eng, "count", &e);
	}
}

static int in_child(void *arg)
{
	open_engine();
	return do_task(arg) < 0;
}

static bool is_audit(void)
{
	struct vk_program_row p = {0};
	struct vk_error e = {0};

	live_ok(vk_program_list(live.eng, live.name, 0, find_p, &p, &e), &e);
	return p.flags & VK_P_AUDIT;
}

static bool helper_is_there(void)
{
	uint32_t id;

	helper_row("count", &id);
	return id;
}

/* So that the task can be done. */
static void prepare(struct task *t, int in_force)
{
	const struct task push = {.what = PUSH}, pop = {.what = POP}, add = {.what = ADD_HELPER},
			  rm = {.what = REMOVE_HELPER};

	if (t->what == PUSH && in_force >= 0)
		CHECK_EQ(do_task(&pop), 0);
	if ((t->what == REPLACE || t->what == POP || t->what == AUDIT) && in_force < 0)
		CHECK_EQ(do_task(&push), 0);
	if (t->what == ADD_HELPER && helper_is_there())
		CHECK_EQ(do_task(&rm), 0);
	if (t->what == REMOVE_HELPER && !helper_is_there())
		CHECK_EQ(do_task(&add), 0);
	if (t->what == REPLACE)
		t->which = in_force == 0;
	if (t->what == AUDIT)
		t->which = !is_audit();
}

static int kill_task(struct kill_at *k, struct task *t)
{
	close_engine();
	kill_at_start(k, in_child, t);
	kill_at_wait(k);
	open_engine();
	return check_state();
}

/* Steps in an order in which those tried are spread, however many it will be. */
static unsigned int spread(unsigned int i, unsigned int n)
{
	unsigned int stride = n * 5 / 8 | 1;

	for (unsigned int a = stride, b = n; b;) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
		if (!b && a != 1) {
			/* Not prime to each other. */
			stride += 2;
			a = stride;
			b = n;
		}
	}
	return (i * stride) % n + 1;
}

static time_t seconds(void)
{
	const char *said = getenv("VKERNEL_KILL_SECONDS");

	return said ? atol(said) : 1;
}

/* All steps once, without a kill, to know how many there are; then killed at each. */
static void kill_everywhere(enum what what)
{
	struct kill_at *k = kill_at_make();
	struct task t = {.what = what};
	time_t until = now() + seconds();
	unsigned int steps, tried = 0;
	int in_force;

	prepare(&t, check_state());
	in_force = kill_task(k, &t);
	steps = k->seen;
	CHECK(steps > 0);
	while (tried < steps && (now() < until || tried < 3)) {
		prepare(&t, in_force);
		k->at = spread(tried++, steps);
		in_force = kill_task(k, &t);
		if (wrong) {
			printf("# %s, at step %u of %u\n", names[what], k->at, steps);
			return;
		}
	}
	printf("# %s: killed at %u of %u steps\n", names[what], tried, steps);
}

LIVE_TEST_WITHIN(the_engine, 4000)
{
	begin();
	for (enum what what = PUSH; what < WHATS; what++)
		kill_everywhere(what);
	end();
}

/* ---- vkerneld ---- */

static int run_vkerneld(void *ignored)
{
	(void)ignored;
	execlp("vkerneld", "vkerneld", NULL);
	return 127;
}

static bool answers(void)
{
	static const struct sockaddr_un addr = {AF_UNIX, VK_BROKER_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));

	close(fd);
	return r == 0;
}

static void start_vkerneld(struct kill_at *k)
{
	unlink(VK_BROKER_SOCKET);
	k->at = 0;
	kill_at_start(k, run_vkerneld, NULL);
	while (!answers() && kill_at_runs(k))
		usleep(20000);
	ASSERT(kill_at_runs(k));
}

struct call {
	uint16_t op;
	size_t which;
};

/* As a member: its number of programs is one at most, so it pushes, replaces and pops. */
static void ask(void *arg)
{
	const struct call *c = arg;
	struct vk_program_image *img = denying(c->which);
	struct vk_ask q = {
		.op = c->op, .name = "", .pidfd = -1, .patience_s = 1, .text = (const char *)img};
	struct vk_error e = {0};
	struct vk_answer a;

	vk_engine_close(live.eng);
	q.text_len = img->size;
	if (c->op == VK_BROKER_PROGRAM_PUSH)
		q.flags = c->which ? VK_BROKER_REPLACE : 0;
	else
		q.text_len = 0;
	_exit(vk_broker_ask(&q, &a, &e) < 0);
}

/* Who answers, or everything, is killed at step @at of the call; returns what is in force then. */
static int call_killed(struct kill_at *k, struct call *c, unsigned int at, unsigned int *ret_steps)
{
	struct live_member m;
	unsigned int before;
	int status = 0, in_force;

	if (!kill_at_runs(k))
		start_vkerneld(k);
	before = k->seen;
	k->all = at % 2;
	k->at = at ? before + at : 0;
	m = live_fork(ask, c);
	live_attach(&m);
	close_engine();
	live_go(&m);
	ASSERT(waitpid(m.pid, &status, 0) == m.pid);
	*ret_steps = k->seen - before;
	open_engine();
	k->at = 0;
	in_force = check_state();
	/* Who was told that it is done can rely on it. */
	if (status == 0)
		wrong |= !CHECK_EQ(in_force, c->op == VK_BROKER_PROGRAM_POP ? -1 : (int)c->which);
	return in_force;
}

/* What comes next: a push, then a replacement, then a pop. */
static struct call next_call(int in_force)
{
	if (in_force > 0)
		return (struct call){VK_BROKER_PROGRAM_POP, 0};
	return (struct call){VK_BROKER_PROGRAM_PUSH, in_force == 0};
}

LIVE_TEST_WITHIN(vkerneld, 4000)
{
	struct kill_at *k = kill_at_make();
	unsigned int steps[3], tried[3] = {0}, all, made;
	time_t until;
	int in_force = -1;

	begin();
	for (int i = 0; i < 3; i++) {
		struct call c = next_call(in_force);

		in_force = call_killed(k, &c, 0, &steps[i]);
		CHECK(steps[i] > 0);
	}
	CHECK_EQ(in_force, -1);
	until = now() + 4 * seconds();
	for (all = 0; now() < until || all < 6; all++) {
		struct call c = next_call(in_force);
		int i = in_force + 1;

		/* All steps of this kind are done: it is only made, for the next ones. */
		if (tried[i] == steps[i]) {
			if (tried[0] + tried[1] + tried[2] == steps[0] + steps[1] + steps[2])
				break;
			in_force = call_killed(k, &c, 0, &made);
			continue;
		}
		in_force = call_killed(k, &c, spread(tried[i]++, steps[i]), &made);
		if (wrong)
			break;
	}
	kill_at_end(k);
	printf("# killed at %u of %u steps of a push, %u of %u of a replacement, %u of %u of a pop\n",
	       tried[0], steps[0], tried[1], steps[1], tried[2], steps[2]);
	end();
}
