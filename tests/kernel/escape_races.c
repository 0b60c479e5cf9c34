// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names that change while they are read, and addresses that are used again. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define TRIES 100000

/**
 * struct race - shared by the opener and the mover
 * @dir:     O_PATH of the directory that moves
 * @granted: opens that succeeded; @denied: with EACCES; @missing: with ENOENT; @other: the rest
 * @moves:   renames that were made
 * @stop:    for the mover
 */
struct race {
	int dir;
	unsigned int granted, denied, missing, other;
	volatile unsigned int moves;
	volatile bool stop;
};

static struct race *race_new(void)
{
	struct race *r =
		mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT(r != MAP_FAILED);
	return r;
}

static void count(struct race *r, int err)
{
	if (err == 0)
		r->granted++;
	else if (err == EACCES)
		r->denied++;
	else if (err == ENOENT)
		r->missing++;
	else
		r->other++;
}

static void opener(void *arg)
{
	struct race *r = arg;

	for (int i = 0; i < TRIES / 2; i++) {
		count(r, live_openat(r->dir, "s", O_RDONLY));
		count(r, live_open(i & 1 ? "/tmp/k/A/1/s" : "/tmp/k/B/2/s", O_RDONLY));
	}
	r->stop = true;
}

static void mover(void *arg)
{
	struct race *r = arg;

	while (!r->stop) {
		if (rename("/tmp/k/A/1", "/tmp/k/B/2") == 0 &&
		    rename("/tmp/k/B/2", "/tmp/k/A/1") == 0)
			r->moves += 2;
	}
}

/*
 * The directory is either A/1 or B/2, both denied; a name read half before and half after a move
 * would be A/2 or B/1, which are allowed.
 */
static void race_moves(bool member_moves)
{
	struct race *r = race_new();
	struct live_member open_it, move_it;

	live_policy("files: {default: allow, rules: [{deny: [read], path: "
		    "'/tmp/k/{A/1,B/2}/s'}]}");
	live_file("/tmp/k/A/1/s", "secret");
	live_dir("/tmp/k/B");
	r->dir = open("/tmp/k/A/1", O_PATH | O_CLOEXEC);
	ASSERT(r->dir >= 0);
	open_it = live_fork(opener, r);
	move_it = live_fork(mover, r);
	live_attach(&open_it);
	if (member_moves)
		live_attach(&move_it);
	live_go(&move_it);
	live_go(&open_it);
	live_wait(&open_it);
	live_wait(&move_it);
	tap_diag("%u denied, %u not there, %u moves", r->denied, r->missing, r->moves);
	CHECK_EQ(r->granted, 0);
	CHECK_EQ(r->other, 0);
	CHECK_GE(r->denied, TRIES / 2);
	CHECK_GT(r->moves, 1000);
}

LIVE_TEST(race_with_moves_by_the_host)
{
	race_moves(false);
}

LIVE_TEST(race_with_own_moves)
{
	race_moves(true);
}

/* A file that moves between denied and allowed: once it rests, its name decides. */
static void settled(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		const char *now = i & 1 ? "/tmp/k/ok" : "/tmp/k/denied";
		char byte = 0;

		ASSERT(read(STDIN_FILENO, &byte, 1) == 1);
		if (live_open(now, O_RDONLY) != (i & 1 ? 0 : EACCES)) {
			FAIL("wrong verdict after move %d", i);
			return;
		}
		ASSERT(write(STDOUT_FILENO + 98, &byte, 1) == 1);
	}
}
LIVE_TEST(verdict_follows_every_move)
{
	struct live_member m;
	int to[2], back[2];
	char byte = 'x';

	live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}");
	live_file("/tmp/k/denied", "x");
	ASSERT(pipe(to) == 0 && pipe(back) == 0);
	ASSERT(dup2(to[0], STDIN_FILENO) == STDIN_FILENO && dup2(back[1], 99) == 99);
	m = live_fork(settled, NULL);
	close(99);
	close(back[1]);
	live_attach(&m);
	live_go(&m);
	for (int i = 0; i < 2000; i++) {
		if (write(to[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			break;
		ASSERT(rename(i & 1 ? "/tmp/k/ok" : "/tmp/k/denied",
			      i & 1 ? "/tmp/k/denied" : "/tmp/k/ok") == 0);
	}
	CHECK_EQ(live_wait(&m), 0);
}

/* Freed inodes and dentries are used again at once; nothing cached of the old ones may stay. */
static void reuse(void *arg)
{
	unsigned int wrong = 0;
	char ok[64], no[64];

	(void)arg;
	for (int i = 0; i < 10000; i++) {
		snprintf(ok, sizeof(ok), "/tmp/k/r/a%d", i & 7);
		snprintf(no, sizeof(no), "/tmp/k/r/d%d", i & 7);
		wrong += mknod(ok, S_IFREG | 0644, 0) != 0;
		wrong += live_open(ok, O_RDONLY) != 0;
		wrong += unlink(ok) != 0;
		wrong += mknod(no, S_IFREG | 0644, 0) != 0;
		wrong += live_open(no, O_RDONLY) != EACCES;
		wrong += unlink(no) != 0;
	}
	CHECK_EQ(wrong, 0);
}
LIVE_TEST(inode_reuse)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: '/tmp/k/r/d*'}]}");
	live_dir("/tmp/k/r");
	live_run(reuse, NULL);
}

/* A second name of a file: the cached rights of one must not serve the other. */
static void two_names(void *arg)
{
	(void)arg;
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(live_open("/tmp/k/ok", O_RDONLY), 0);
		CHECK_EQ(live_open("/tmp/k/denied", O_RDONLY), EACCES);
	}
}
LIVE_TEST(two_names_of_one_file)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}");
	live_file("/tmp/k/ok", "x");
	ASSERT(link("/tmp/k/ok", "/tmp/k/denied") == 0);
	live_run(two_names, NULL);
}
