// SPDX-License-Identifier: LGPL-2.1-or-later
/* Other ways to a file that is denied by name: links, moves, descriptors, roots. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define DENIED                                                                                     \
	"files: {default: allow, rules: [{deny: [read, write], path: '/tmp/k/denied{,/**}'}, "     \
	"{deny: [modify], path: '/tmp/k/locked/**'}]}"

static void prepare(void)
{
	live_policy(DENIED);
	live_file("/tmp/k/denied/f", "secret");
	live_file("/tmp/k/ok/f", "public");
	live_dir("/tmp/k/locked");
}

static void by_chroot(void *arg)
{
	(void)arg;
	ASSERT(chroot("/tmp/k/denied") == 0);
	CHECK_EQ(live_open("/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("f", O_RDONLY), ENOENT);
}
LIVE_TEST(chroot_into_a_denied_directory)
{
	prepare();
	live_run(by_chroot, NULL);
}

static void by_chroot_above(void *arg)
{
	(void)arg;
	ASSERT(chroot("/tmp/k") == 0 && chdir("/") == 0);
	CHECK_EQ(live_open("/denied/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/ok/f", O_RDONLY), 0);
	/* A tree that looks like the allowed one from inside. */
	CHECK_EQ(live_open("/fake/tmp/k/ok/f", O_RDONLY), 0);
}
LIVE_TEST(chroot_above_a_denied_directory)
{
	prepare();
	live_file("/tmp/k/fake/tmp/k/ok/f", "not the real one");
	live_run(by_chroot_above, NULL);
}

static void by_fake_root(void *arg)
{
	(void)arg;
	ASSERT(chroot("/tmp/k/fake") == 0 && chdir("/") == 0);
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), EACCES);
}
LIVE_TEST(chroot_into_a_tree_that_looks_allowed)
{
	live_policy("files: {default: deny, rules: [{allow: [read], path: '/tmp/k/ok/**'}]}");
	live_file("/tmp/k/fake/tmp/k/ok/f", "not the real one");
	live_run(by_fake_root, NULL);
}

static void by_moves(void *arg)
{
	(void)arg;
	CHECK_ERRNO(rename("/tmp/k/denied", "/tmp/k/ok2"), EXDEV);
	CHECK_ERRNO(rename("/tmp/k/denied/f", "/tmp/k/ok/g"), EXDEV);
	CHECK_ERRNO(rename("/tmp/k/denied/f", "/tmp/k/ok/f"), EXDEV);
	CHECK_ERRNO(link("/tmp/k/denied/f", "/tmp/k/ok/g"), EXDEV);
	CHECK_EQ(live_open("/tmp/k/denied/f", O_RDONLY), EACCES);
}
LIVE_TEST(rename_or_link_to_an_allowed_name)
{
	prepare();
	live_run(by_moves, NULL);
}

static void by_exchange(void *arg)
{
	(void)arg;
	CHECK_ERRNO(
		renameat2(AT_FDCWD, "/tmp/k/denied/f", AT_FDCWD, "/tmp/k/ok/f", RENAME_EXCHANGE),
		EXDEV);
	CHECK_ERRNO(
		renameat2(AT_FDCWD, "/tmp/k/ok/f", AT_FDCWD, "/tmp/k/denied/f", RENAME_EXCHANGE),
		EXDEV);
	CHECK_ERRNO(renameat2(AT_FDCWD, "/tmp/k/ok", AT_FDCWD, "/tmp/k/denied", RENAME_EXCHANGE),
		    EXDEV);
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), 0);
}
LIVE_TEST(rename_exchange_is_two_moves)
{
	prepare();
	live_run(by_exchange, NULL);
}

static void by_symlink(void *arg)
{
	(void)arg;
	CHECK_ERRNO(symlink("/tmp/k/denied/f", "/tmp/k/ok/s"), 0);
	CHECK_EQ(live_open("/tmp/k/ok/s", O_RDONLY), EACCES);
	CHECK_ERRNO(symlink("/tmp/k/denied", "/tmp/k/ok/d"), 0);
	CHECK_EQ(live_open("/tmp/k/ok/d/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/ok/../denied/./f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("//tmp//k//denied//f", O_RDONLY), EACCES);
}
LIVE_TEST(symlinks_and_dots_name_nothing)
{
	prepare();
	live_run(by_symlink, NULL);
}

static void by_proc(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/proc/self/root/tmp/k/denied/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/proc/thread-self/root/tmp/k/denied/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/proc/1/root/tmp/k/denied/f", O_RDONLY), EACCES);
	ASSERT(chdir("/tmp/k/denied") == 0);
	CHECK_EQ(live_open("/proc/self/cwd/f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("f", O_RDONLY), EACCES);
}
LIVE_TEST(proc_root_and_cwd_links)
{
	prepare();
	live_run(by_proc, NULL);
}

static void by_descriptor(void *arg)
{
	int fd = *(int *)arg, o_path = open("/tmp/k/denied/f", O_PATH | O_CLOEXEC), dir;
	char byte;

	CHECK_ERRNO(read(fd, &byte, 1), 0); /* a descriptor is a right already granted */
	CHECK_EQ(live_open(live_fd_path(fd), O_RDONLY), EACCES);
	ASSERT(o_path >= 0);
	CHECK_EQ(live_open(live_fd_path(o_path), O_RDONLY), EACCES);
	dir = open("/tmp/k/denied", O_PATH | O_CLOEXEC);
	CHECK_EQ(live_openat(dir, "f", O_RDONLY), EACCES);
	CHECK_ERRNO(linkat(o_path, "", AT_FDCWD, "/tmp/k/ok/l", AT_EMPTY_PATH), EXDEV);
}
LIVE_TEST(descriptors_from_before_and_o_path)
{
	int fd;

	prepare();
	fd = open("/tmp/k/denied/f", O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0);
	live_run(by_descriptor, &fd);
}

static void of_deleted(void *arg)
{
	int fd = *(int *)arg;

	CHECK_EQ(live_open(live_fd_path(fd), O_RDONLY), EACCES);
	CHECK_EQ(live_open(live_fd_path(fd), O_RDWR), EACCES);
}
LIVE_TEST(deleted_file_is_not_reopened)
{
	int fd;

	prepare();
	fd = open("/tmp/k/denied/f", O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0 && unlink("/tmp/k/denied/f") == 0);
	live_run(of_deleted, &fd);
}

static void by_tmpfile(void *arg)
{
	int fd = open("/tmp/k/ok", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), r;

	(void)arg;
	ASSERT(fd >= 0);
	errno = 0;
	r = linkat(AT_FDCWD, live_fd_path(fd), AT_FDCWD, "/tmp/k/locked/x", AT_SYMLINK_FOLLOW);
	CHECK_EQ(r, -1);
	CHECK(errno == EACCES || errno == EXDEV);
	CHECK_ERRNO(linkat(AT_FDCWD, live_fd_path(fd), AT_FDCWD, "/tmp/k/ok/x", AT_SYMLINK_FOLLOW),
		    0);
	CHECK_ERRNO(open("/tmp/k/locked", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), EACCES);
}
LIVE_TEST(unnamed_files_are_named_by_linkat)
{
	prepare();
	live_run(by_tmpfile, NULL);
}

static void by_handle(void *arg)
{
	struct file_handle *h = arg;
	int dir = open("/tmp/k/ok", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	ASSERT(dir >= 0);
	fd = open_by_handle_at(dir, h, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(fd, -1);
	CHECK_EQ(errno, EACCES);
}
LIVE_TEST(open_by_handle)
{
	struct file_handle *h = calloc(1, sizeof(*h) + MAX_HANDLE_SZ);
	int mount_id;

	prepare();
	h->handle_bytes = MAX_HANDLE_SZ;
	ASSERT(name_to_handle_at(AT_FDCWD, "/tmp/k/denied/f", h, &mount_id, 0) == 0);
	live_run(by_handle, h);
	free(h);
}

static void recreated(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		CHECK_ERRNO(unlink("/tmp/k/denied2"), 0);
		CHECK_ERRNO(mknod("/tmp/k/denied2", S_IFREG | 0644, 0), 0);
		CHECK_EQ(live_open("/tmp/k/denied2", O_RDONLY), EACCES);
	}
}
LIVE_TEST(recreated_file_stays_denied)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied2}]}");
	live_file("/tmp/k/denied2", "x");
	live_run(recreated, NULL);
}

/* Names below 32 bytes take another way than longer ones, and depths to 16 than deeper ones. */
static void deep_and_long(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/l/0123456789012345678901234567890", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/l/01234567890123456789012345678901", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/l/012345678901234567890123456789012345678901234567890123456789"
			   "/secret",
			   O_RDONLY),
		 EACCES);
	CHECK_EQ(live_open("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/secret", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/secret", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/secret", O_RDONLY),
		 EACCES);
	CHECK_EQ(live_open("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/public", O_RDONLY), 0);
}
LIVE_TEST(deep_and_long_names)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: ['/tmp/k/**/secret', "
		    "'/tmp/k/l/0*']}]}");
	live_file("/tmp/k/l/0123456789012345678901234567890", "31");
	live_file("/tmp/k/l/01234567890123456789012345678901", "32");
	live_file("/tmp/k/l/012345678901234567890123456789012345678901234567890123456789/secret",
		  "60");
	live_file("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/secret", "x");
	live_file("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/public", "x");
	live_file("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/e/secret", "x");
	live_file("/tmp/k/1/2/3/4/5/6/7/8/9/a/b/c/d/secret", "x");
	live_run(deep_and_long, NULL);
}
