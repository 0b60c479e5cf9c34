// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where nothing can be enforced with certainty, nothing is set up, and the message says what to
 * do. tests/suites runs this in such configurations only: fmod_ret where the kernel may preempt
 * programs (it would fail open), and 6.1 with preempt=full (membership could be overlooked).
 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
#include "tap.h"

/* What to change on the kernel command line. */
static const char *wanted_parameter(void)
{
	const char *mode = getenv("VKERNEL_TEST_MODE");

	return mode && strncmp(mode, "lsm", 3) == 0 ? "preempt=" : "lsm=";
}

TEST(open_refuses_with_a_reason_and_advice)
{
	struct vk_engine *eng = NULL;
	struct vk_error e = {0};

	CHECK_NEG(vk_engine_open(&eng, VK_OPEN_CREATE, &e), EOPNOTSUPP);
	CHECK_EQ(e.code, EOPNOTSUPP);
	CHECK(*e.message);
	CHECK(strstr(e.advice, wanted_parameter()));
	tap_diag("%s: %s", e.message, e.advice);
	CHECK(!eng);
	vk_engine_close(eng);
}

TEST(check_says_why)
{
	struct vk_host host;

	vk_host_check(&host);
	CHECK_EQ(host.mechanism, VK_MECH_NONE);
	CHECK(*host.reason);
	CHECK(strstr(host.advice, wanted_parameter()));
	tap_diag("%s: %s", host.reason, host.advice);
}

TEST(nothing_is_left_behind)
{
	struct vk_engine *eng = NULL;

	CHECK_NEG(vk_engine_open(&eng, VK_OPEN_CREATE, NULL), EOPNOTSUPP);
	CHECK_ERRNO(access("/sys/fs/bpf/vkernel", F_OK), ENOENT);
	CHECK_NEG(vk_engine_open(&eng, VK_OPEN_READ_ONLY, NULL), ENOENT);
}
