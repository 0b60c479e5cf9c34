// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What rules for system calls cost calls that are allowed, in instructions: nothing where hooks
 * enforce them, and what a filter made by hand with libseccomp costs where a filter has to. And
 * what policy programs cost an open. All in one run, in a guest whose clock counts instructions;
 * elsewhere there is nothing to compare.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "entry.h"
#include "push_program.h"

#define HOOKS "syscalls: {deny: [bpf, perf_event_open, '@module', acct]}"
#define FILTER                                                                                     \
	"syscalls:\n"                                                                              \
	"  deny: [ptrace, clock_settime, clock_adjtime, settimeofday, adjtimex]\n"                 \
	"  rules: [{deny: personality, when: {persona: 8}}]"

/* Calls that are allowed: one by its number alone, one after a look at its argument. */
enum { BY_NUMBER, BY_ARGUMENT, CALLS };
static const char *const names[CALLS] = {"getppid", "personality"};

/* The fastest of many batches: shorter than a timer tick, so most are without an interrupt. */
static void measure(void *arg)
{
	uint64_t *ret = arg;

	for (int call = 0; call < CALLS; call++) {
		ret[call] = UINT64_MAX;
		for (int batch = 0; batch < 200; batch++) {
			struct timespec a, b;
			uint64_t ns;

			clock_gettime(CLOCK_MONOTONIC, &a);
			for (int i = 0; i < 100; i++)
				if (call == BY_NUMBER)
					syscall(SYS_getppid);
				else
					syscall(SYS_personality, 0xffffffff);
			clock_gettime(CLOCK_MONOTONIC, &b);
			ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
			     (uint64_t)a.tv_nsec;
			if (ns < ret[call])
				ret[call] = ns;
		}
	}
}

static uint64_t *results(void)
{
	uint64_t *r = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(r != MAP_FAILED);
	return r;
}

static bool counts_instructions(void)
{
	const char *mode = getenv("VKERNEL_TEST_MODE");

	return mode && strcmp(mode, "icount") == 0;
}

static int measure_in_child(void *arg)
{
	measure(arg);
	return 0;
}

LIVE_TEST_WITHIN(hooks_cost_allowed_calls_nothing, 100000)
{
	uint64_t *before = results(), *member = results();

	if (!counts_instructions())
		SKIP("the clock does not count instructions");
	live_policy(HOOKS);
	CHECK_EQ(live_child(measure_in_child, before), 0);
	live_run(measure, member);
	for (int i = 0; i < CALLS; i++) {
		tap_diag("%s: %.2f outside, %.2f in an instance", names[i], (double)before[i] / 100,
			 (double)member[i] / 100);
		/* A hundred calls: less than an instruction for each is the batch's own noise. */
		CHECK(member[i] < before[i] + 100 && before[i] < member[i] + 100);
	}
}

/* As a person would write it. */
static void by_hand(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	static const char *const denied[] = {"ptrace", "clock_settime", "clock_adjtime",
					     "settimeofday", "adjtimex"};

	if (!ctx || seccomp_arch_add(ctx, SCMP_ARCH_X86) < 0 ||
	    seccomp_arch_add(ctx, SCMP_ARCH_X32) < 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				     seccomp_syscall_resolve_name(denied[i]), 0) < 0)
			_exit(1);
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, 8)) < 0 ||
	    seccomp_load(ctx) < 0)
		_exit(1);
}

static int under_ours(void *arg)
{
	_cleanup_policy_ struct vk_policy *policy = live_parse(FILTER);
	vk_cleanup(vk_entry_free) struct vk_entry entry = {0};
	struct vk_error e = {0};

	if (!live_ok(vk_entry_make((const struct vk_policy *const *)&policy, 1, &entry, &e), &e) ||
	    !entry.n || vk_entry_apply(&entry) < 0)
		return 1;
	/* It is in force. */
	if (syscall(SYS_personality, 8) != -1 || errno != EPERM)
		return 2;
	measure(arg);
	return 0;
}

static int under_theirs(void *arg)
{
	by_hand();
	if (syscall(SYS_personality, 8) != -1 || errno != EPERM)
		return 2;
	measure(arg);
	return 0;
}

TEST(a_filter_costs_what_one_made_by_hand_costs, .timeout = 100000)
{
	uint64_t *ours = results(), *theirs = results(), *none = results();

	if (!counts_instructions())
		SKIP("the clock does not count instructions");
	CHECK_EQ(live_child(measure_in_child, none), 0);
	CHECK_EQ(live_child(under_ours, ours), 0);
	CHECK_EQ(live_child(under_theirs, theirs), 0);
	for (int i = 0; i < CALLS; i++) {
		tap_diag("%s: %.2f without a filter, %.2f with ours, %.2f with one made by hand",
			 names[i], (double)none[i] / 100, (double)ours[i] / 100,
			 (double)theirs[i] / 100);
		CHECK(ours[i] > none[i]);
		CHECK(ours[i] < theirs[i] + 100);
	}
}

/* ---- policy programs ---- */

#define OPENED LIVE_DIR "/tmpfs/file"

/* A warm open and close. */
static void measure_open(void *arg)
{
	uint64_t *ret = arg;

	*ret = UINT64_MAX;
	for (int batch = 0; batch < 200; batch++) {
		struct timespec a, b;
		uint64_t ns;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < 20; i++)
			close(open(OPENED, O_RDONLY | O_CLOEXEC));
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
		     (uint64_t)a.tv_nsec;
		if (ns / 20 < *ret)
			*ret = ns / 20;
	}
}

static uint64_t cost_of_open(void)
{
	uint64_t *ret = results(), cost;

	live_run(measure_open, ret);
	cost = *ret;
	munmap(ret, 4096);
	return cost;
}

static void push_allowing(const char *name, uint32_t wants, unsigned int flags)
{
	struct vk_program_image *img = image_returning(name, VK_HOOK_file_open, 0);

	img->wants = wants;
	ASSERT(push_image(img, flags) == 0);
}

LIVE_TEST_WITHIN(what_policy_programs_cost, 100000)
{
	uint64_t none, one, five, path, after;

	if (!counts_instructions())
		SKIP("the clock does not count instructions");
	/* Not on an overlay, where an open is two. */
	live_dir(LIVE_DIR "/tmpfs");
	ASSERT(mount("tmpfs", LIVE_DIR "/tmpfs", "tmpfs", 0, NULL) == 0);
	live_file(OPENED, "text");
	live_policy("files: {default: allow}");
	none = cost_of_open();
	push_allowing("p0", 0, 0);
	one = cost_of_open();
	push_allowing("p0", VK_WANT_path, VK_PUSH_REPLACE);
	path = cost_of_open();
	push_allowing("p0", 0, VK_PUSH_REPLACE);
	after = cost_of_open();
	for (char name[] = "p1"; name[1] < '5'; name[1]++)
		push_allowing(name, 0, 0);
	five = cost_of_open();
	printf("# open and close: %u; with a program %+d, five %+d, one that wants the path %+d\n",
	       (unsigned int)none, (int)(one - none), (int)(five - none), (int)(path - none));
	CHECK(one <= none + 160);
	CHECK(five <= one + 4 * 20);
	/* The path is built for those who ask only. */
	CHECK(path > one + 500);
	CHECK(after < one + 20);
	umount2(LIVE_DIR "/tmpfs", MNT_DETACH);
}
