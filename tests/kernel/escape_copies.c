// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Copies of mounts that nobody met by name before, made by calls that pass no mount hook: what is
 * on them keeps its names. And file systems whose root the kernel shares with who asks for them.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define OPEN_TREE_CLONE_ 1

/* A volume that no member ever touched by its name, with a file that it must not read. */
static char volume_a[] = "/tmp/k/a";

static void volume(const char *dir)
{
	char path[512];

	live_dir(dir);
	live_dir("/tmp/k/ok");
	ASSERT(mount("none", dir, "tmpfs", 0, NULL) == 0);
	snprintf(path, sizeof(path), "%s/secret", dir);
	live_file(path, "secret");
	snprintf(path, sizeof(path), "%s/public", dir);
	live_file(path, "public");
}

static int copy_of(const char *path)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE_ | O_CLOEXEC);

	ASSERT(tree >= 0);
	return tree;
}

static void detached_copy(void *arg)
{
	int tree = copy_of(arg);

	CHECK_EQ(live_openat(tree, "secret", O_RDONLY), EACCES);
	CHECK_EQ(live_openat(tree, "public", O_RDONLY), 0);
}

static void copied_namespace(void *arg)
{
	ASSERT(unshare(CLONE_NEWNS) == 0);
	CHECK_ERRNO(mount(arg, "/tmp/k/ok", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/ok/secret", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/ok/public", O_RDONLY), 0);
}

static void user_namespace(void *arg)
{
	int tree;

	ASSERT(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
	tree = copy_of(arg);
	CHECK_EQ(live_openat(tree, "secret", O_RDONLY), EACCES);
}

#define POLICY "files: {default: allow, rules: [{deny: [read], path: '/tmp/k/{a,b}/secret'}]}"

LIVE_TEST(copy_of_a_mount_never_met)
{
	live_policy(POLICY);
	volume(volume_a);
	live_run(detached_copy, volume_a);
}

LIVE_TEST(mount_never_met_in_a_copied_namespace)
{
	live_policy(POLICY);
	volume(volume_a);
	live_run(copied_namespace, volume_a);
}

LIVE_TEST(mount_never_met_in_a_user_namespace)
{
	live_policy(POLICY);
	volume(volume_a);
	live_run(user_namespace, volume_a);
}

/* Since 7.0 a copy can be a mount namespace at once. */
static void namespace_of_copy(void *arg)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, arg, 2 /* OPEN_TREE_NAMESPACE */);

	if (tree < 0 && errno == EINVAL)
		return;
	ASSERT(tree >= 0);
	CHECK_ERRNO(setns(tree, CLONE_NEWNS), 0);
	CHECK_EQ(live_open("/secret", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/public", O_RDONLY), 0);
}
LIVE_TEST(namespace_of_a_mount_never_met)
{
	live_policy(POLICY);
	volume(volume_a);
	live_run(namespace_of_copy, volume_a);
}

/* Of two names, or one too long to be kept, a copy has neither: it is denied all. */
static void no_name(void *arg)
{
	int tree = copy_of(arg);

	CHECK_EQ(live_openat(tree, "secret", O_RDONLY), EACCES);
	CHECK_ERRNO(mount(arg, "/tmp/k/ok", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/ok/secret", O_RDONLY), EACCES);
}
LIVE_TEST(copy_of_a_mount_with_two_names)
{
	live_policy(POLICY);
	volume(volume_a);
	live_dir("/tmp/k/b");
	ASSERT(mount("/tmp/k/a", "/tmp/k/b", NULL, MS_BIND, NULL) == 0);
	live_run(no_name, volume_a);
}

/* A directory in /tmp/k/a whose name has @len bytes. */
static char *long_name(char *dir, size_t len)
{
	memset(dir, 'x', len);
	memcpy(dir, "/tmp/k/a/", 9);
	dir[len / 2] = '/';
	dir[len] = '\0';
	return dir;
}

#define LONG_POLICY                                                                                \
	"files: {default: allow, rules: [{deny: [read], path: '/tmp/k/a/**/secret'}, "             \
	"{deny: [read], path: /tmp/k/ok/public}]}"

LIVE_TEST(copy_of_a_mount_with_a_long_name)
{
	char dir[300];

	live_policy(LONG_POLICY);
	volume(long_name(dir, VK_ANCHOR_PATH + 1));
	live_run(no_name, dir);
}

/* Names of different lengths are kept in different places. */
LIVE_TEST(copies_of_mounts_with_names_of_any_length)
{
	static const size_t lengths[] = {VK_ANCHOR_SHORT - 1, VK_ANCHOR_SHORT, VK_ANCHOR_SHORT + 1,
					 VK_ANCHOR_PATH};
	char dir[300];

	live_policy(LONG_POLICY);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		volume(long_name(dir, lengths[i]));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		live_run(detached_copy, long_name(dir, lengths[i]));
}

static void short_name(void *arg)
{
	int tree = copy_of(arg);

	CHECK_EQ(live_open("/tmp/k/ok/secret", O_RDONLY), 0);
	CHECK_EQ(live_open("/tmp/k/ok/public", O_RDONLY), EACCES);
	CHECK_EQ(live_openat(tree, "secret", O_RDONLY), 0);
	CHECK_EQ(live_openat(tree, "public", O_RDONLY), EACCES);
}

LIVE_TEST(names_follow_mounts_that_the_host_moves)
{
	char ok[] = "/tmp/k/ok", dir[300];

	live_policy(LONG_POLICY);
	volume(long_name(dir, VK_ANCHOR_SHORT + 1));
	for (int i = 0; i < 2; i++) {
		live_run(detached_copy, dir);
		ASSERT(mount(dir, ok, NULL, MS_MOVE, NULL) == 0);
		live_run(short_name, ok);
		ASSERT(mount(ok, dir, NULL, MS_MOVE, NULL) == 0);
	}
}

/*
 * These return a super block that is the kernel's own already: it is no less a way to files
 * without a name.
 */
static void shared_super_block(void *arg)
{
	static const char *const types[] = {"devtmpfs", "debugfs", "tracefs", "securityfs",
					    "mqueue"};

	(void)arg;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int fs = (int)syscall(SYS_fsopen, types[i], 0);

		ASSERT(fs >= 0);
		CHECK_ERRNO(syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0),
			    EPERM);
		close(fs);
	}
	/* The kernel's own, made for the member: of message queues. */
	CHECK_EQ(unshare(CLONE_NEWIPC | CLONE_NEWPID), 0);
}
LIVE_TEST(shared_file_system_is_not_made)
{
	live_policy("mounts: {default: deny}");
	live_run(shared_super_block, NULL);
}
