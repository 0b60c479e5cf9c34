// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a member that may mount can make of names: nothing. And files of other namespaces. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define OPEN_TREE_CLONE_ 1

static char *const no_args[] = {NULL};

/* An execve() of a text: ENOEXEC is as far as an allowed one gets. */
static int exec_text(const char *path)
{
	return execve(path, no_args, no_args) < 0 ? errno : 0;
}

static void prepare(void)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: '/tmp/k/denied/**'}]}");
	live_file("/tmp/k/denied/f", "secret");
	live_file("/tmp/k/ok/f", "public");
	live_dir("/tmp/k/root");
}

static void bind_elsewhere(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), 0);
	CHECK_ERRNO(mount("/tmp/k/denied", "/tmp/k/ok", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), EACCES);
	CHECK_ERRNO(mount("/tmp", "/tmp/k/root", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/root/k/denied/f", O_RDONLY), EACCES);
	CHECK_ERRNO(umount2("/tmp/k/ok", MNT_DETACH), 0);
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), 0);
	CHECK_ERRNO(mount("/tmp/k/denied/f", "/tmp/k/ok/f", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), EACCES);
}
LIVE_TEST(bind_mount_elsewhere)
{
	prepare();
	live_run(bind_elsewhere, NULL);
}

static void bind_over_program(void *arg)
{
	(void)arg;
	CHECK_EQ(exec_text("/tmp/k/bin/good"), ENOEXEC);
	CHECK_EQ(exec_text("/tmp/k/evil"), EACCES);
	CHECK_ERRNO(mount("/tmp/k/evil", "/tmp/k/bin/good", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(exec_text("/tmp/k/bin/good"), EACCES);
	CHECK_ERRNO(mount("none", "/tmp/k/bin", "tmpfs", 0, NULL), 0);
	CHECK_ERRNO(mknod("/tmp/k/bin/good", S_IFREG | 0755, 0), 0);
	CHECK_EQ(exec_text("/tmp/k/bin/good"), EACCES);
}
LIVE_TEST(mount_over_an_allowed_program)
{
	live_policy("exec: {default: deny, allow: [/tmp/k/bin/good]}");
	live_file("/tmp/k/bin/good", "text\n");
	live_file("/tmp/k/evil", "text\n");
	live_run(bind_over_program, NULL);
}

static void mount_own(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/ok/f", O_RDONLY), 0);
	CHECK_ERRNO(mount("none", "/tmp/k/ok", "tmpfs", 0, NULL), 0);
	CHECK_EQ(live_open("/tmp/k/ok", O_RDONLY | O_DIRECTORY), EACCES);
}
LIVE_TEST(allow_rules_do_not_count_for_own_mounts)
{
	live_policy("files: {default: deny, rules: [{allow: [read], path: '/tmp/k/ok{,/**}'}]}");
	live_file("/tmp/k/ok/f", "x");
	live_run(mount_own, NULL);
}

static void pivot(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/denied/f", O_RDONLY), EACCES);
	ASSERT(unshare(CLONE_NEWNS) == 0);
	CHECK_ERRNO(mount("/tmp/k/denied", "/tmp/k/root", NULL, MS_BIND, NULL), 0);
	ASSERT(chdir("/tmp/k/root") == 0);
	CHECK_ERRNO(syscall(SYS_pivot_root, ".", "."), 0);
	CHECK_EQ(live_open("/f", O_RDONLY), EACCES);
	CHECK_ERRNO(umount2(".", MNT_DETACH), 0);
	ASSERT(chdir("/") == 0);
	CHECK_EQ(live_open("/f", O_RDONLY), EACCES);
}
LIVE_TEST(pivot_root_into_a_denied_directory)
{
	prepare();
	live_run(pivot, NULL);
}

static void open_tree_clone(void *arg)
{
	int tree;

	(void)arg;
	CHECK_EQ(live_open("/tmp/k/denied/f", O_RDONLY), EACCES);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/tmp/k/denied", OPEN_TREE_CLONE_ | O_CLOEXEC);
	ASSERT(tree >= 0);
	CHECK_EQ(live_openat(tree, "f", O_RDONLY), EACCES);
}
LIVE_TEST(detached_copy_of_a_mount)
{
	prepare();
	live_run(open_tree_clone, NULL);
}

/* A file system that is mounted nowhere reaches no mount hook; it is not made at all then. */
static int detached(const char *type, const char *key, const char *value)
{
	int fs = (int)syscall(SYS_fsopen, type, 0);

	ASSERT(fs >= 0);
	if (key)
		ASSERT(syscall(SYS_fsconfig, fs, 1 /* FSCONFIG_SET_STRING */, key, value, 0) == 0);
	if (syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
		return -errno;
	return (int)syscall(SYS_fsmount, fs, 0, 0);
}

static void detached_fs(void *arg)
{
	(void)arg;
	CHECK_EQ(detached("tmpfs", NULL, NULL), -EPERM);
	CHECK_EQ(detached("overlay", "lowerdir", "/tmp/k:/run"), -EPERM);
}
LIVE_TEST(detached_file_system_is_not_made)
{
	live_policy("exec: {default: deny, allow: [/good]}\nmounts: {default: deny}");
	live_run(detached_fs, NULL);
}

/* Where mounting is permitted it is made, and what it holds has no name that a rule allows. */
static void detached_exec(void *arg)
{
	int mnt = detached("tmpfs", NULL, NULL), fd;

	(void)arg;
	ASSERT(mnt >= 0);
	CHECK_ERRNO(mknodat(mnt, "good", S_IFREG | 0755, 0), 0);
	fd = openat(mnt, "good", O_PATH | O_CLOEXEC);
	CHECK_ERRNO(syscall(SYS_execveat, fd, "", no_args, no_args, AT_EMPTY_PATH), EACCES);
	CHECK_ERRNO(syscall(SYS_execveat, mnt, "good", no_args, no_args, 0), EACCES);
}
LIVE_TEST(detached_file_system_does_not_grant_exec)
{
	live_policy("exec: {default: deny, allow: [/good]}");
	live_run(detached_exec, NULL);
}

/* ---- files of another mount namespace ---- */

struct elsewhere {
	int same; /* O_PATH of /tmp on another mount */
	int other; /* of a directory on a file system that only the other namespace has */
};

static void from_elsewhere(void *arg)
{
	const struct elsewhere *e = arg;

	CHECK_EQ(live_openat(e->same, "k/denied/f", O_RDONLY), EACCES);
	CHECK_EQ(live_openat(e->other, "f", O_RDONLY), EACCES);
	CHECK_EQ(live_open(live_fd_path(e->other), O_RDONLY), EACCES);
	ASSERT(fchdir(e->other) == 0); /* a leaked working directory: CVE-2024-21626 */
	CHECK_EQ(live_open("f", O_RDONLY), EACCES);
	CHECK_EQ(live_open("./f", O_WRONLY), EACCES);
	CHECK_EQ(live_open("/proc/self/cwd/f", O_RDONLY), EACCES);
}
LIVE_TEST(descriptors_of_another_mount_namespace)
{
	struct elsewhere e;

	live_policy("files: {default: allow, foreign: deny, rules: [{deny: [read], path: "
		    "'/tmp/k/denied/**'}]}");
	live_file("/tmp/k/denied/f", "secret");
	live_dir("/tmp/k/root");
	e.same = open("/tmp", O_PATH | O_CLOEXEC);
	ASSERT(mount("none", "/tmp/k/root", "tmpfs", 0, NULL) == 0);
	live_file("/tmp/k/root/f", "elsewhere");
	e.other = open("/tmp/k/root", O_PATH | O_CLOEXEC);
	ASSERT(unshare(CLONE_NEWNS) == 0 && umount2("/tmp/k/root", MNT_DETACH) == 0);
	live_run(from_elsewhere, &e);
}

/* ---- overlayfs: the name is that of the merged tree ---- */

static void overlay(const char *options)
{
	live_file("/tmp/k/lower/ok", "lower");
	live_file("/tmp/k/lower/write", "lower");
	live_file("/tmp/k/lower/denied", "lower");
	live_dir("/tmp/k/upper");
	live_dir("/tmp/k/work");
	live_dir("/tmp/k/merged");
	ASSERT(mount("overlay", "/tmp/k/merged", "overlay", 0, options) == 0);
	live_file("/tmp/k/merged/upper", "upper");
}

static void by_merged_name(void *arg)
{
	char text[8] = {0};
	int fd = open("/tmp/k/merged/ok", O_RDONLY | O_CLOEXEC);

	(void)arg;
	CHECK_LE(0, fd);
	CHECK_EQ(read(fd, text, 5), 5);
	CHECK_STREQ(text, "lower");
	CHECK_EQ(live_open("/tmp/k/merged/upper", O_RDONLY), 0);
	CHECK_EQ(live_open("/tmp/k/merged/denied", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/lower/ok", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/upper/upper", O_RDONLY), EACCES);
}
LIVE_TEST(overlay_is_named_by_the_merged_tree)
{
	live_policy("files: {default: deny, rules: [{allow: [read], path: '/tmp/k/merged/**'}, "
		    "{deny: [read], path: /tmp/k/merged/denied}]}");
	overlay("lowerdir=/tmp/k/lower,upperdir=/tmp/k/upper,workdir=/tmp/k/work");
	live_run(by_merged_name, NULL);
}

static void copy_up(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/merged/write", O_WRONLY), 0);
	CHECK_EQ(live_open("/tmp/k/merged/new", O_WRONLY | O_CREAT), 0);
	CHECK_ERRNO(rename("/tmp/k/merged/new", "/tmp/k/merged/new2"), 0);
	CHECK_ERRNO(unlink("/tmp/k/merged/new2"), 0);
	CHECK_ERRNO(unlink("/tmp/k/merged/ok"), 0);
	CHECK_EQ(live_open("/tmp/k/merged/denied", O_WRONLY), EACCES);
}
LIVE_TEST(overlay_copies_up_what_may_be_written)
{
	live_policy("files: {default: deny, rules: [{allow: [read, modify], path: "
		    "'/tmp/k/merged/**'}, {deny: [write], path: /tmp/k/merged/denied}]}");
	overlay("lowerdir=/tmp/k/lower,upperdir=/tmp/k/upper,workdir=/tmp/k/work");
	live_run(copy_up, NULL);
}

/* ---- one mount operation in the clothes of another ---- */

static void confuse(void *arg)
{
	static const unsigned long flags[] = {MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
					      MS_MOVE};

	(void)arg;
	CHECK_ERRNO(mount("/tmp/k/root", "/tmp/k/ok", NULL, MS_BIND, NULL), EPERM);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		CHECK_ERRNO(mount("/tmp/k/root", "/tmp/k/ok", NULL, MS_BIND | flags[i], NULL),
			    EPERM);
	CHECK_ERRNO(mount(NULL, "/tmp/k/ok", NULL, MS_PRIVATE, NULL), 0);
	CHECK_ERRNO(mount(NULL, "/tmp/k/ok", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), 0);
}
LIVE_TEST(mount_flags_are_read_as_the_kernel_does)
{
	live_policy("mounts: {default: deny, allow: [{op: remount, on: /tmp/k/ok}]}");
	live_dir("/tmp/k/root");
	live_dir("/tmp/k/ok");
	ASSERT(mount("none", "/tmp/k/ok", "tmpfs", 0, NULL) == 0);
	live_run(confuse, NULL);
}

/* What was mounted at the start keeps its name after a member's first mount, met before or not. */
static void start_names(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mount("none", "/tmp/k/ok", "tmpfs", 0, NULL), 0);
	CHECK_EQ(live_open("/proc/self/status", O_RDONLY), 0);
	CHECK_EQ(live_open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY), 0);
}
LIVE_TEST(mounts_of_the_start_keep_their_names)
{
	live_policy("files: {default: deny, rules: [{allow: [read], path: ['/proc/**', '/sys/**']}"
		    "]}");
	live_file("/tmp/k/ok/f", "x");
	live_run(start_names, NULL);
}

/* mount_setattr(2) passes no hook but that of its capability, fsconfig(2) sb_remount. */
static void newer_remount(void *arg)
{
	struct {
		uint64_t set, clear, propagation, userns;
	} attr = {.clear = 1 /* MOUNT_ATTR_RDONLY */};
	int fs;

	(void)arg;
	CHECK_ERRNO(mount(NULL, "/tmp/k/ok", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERRNO(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp/k/ok", 0, &attr, sizeof(attr)),
		    EPERM);
	fs = (int)syscall(433 /* fspick */, AT_FDCWD, "/tmp/k/ok", 0);
	CHECK_ERRNO(syscall(SYS_fsconfig, fs, 7 /* FSCONFIG_CMD_RECONFIGURE */, NULL, NULL, 0),
		    EPERM);
	/* Since 6.15; never made without a copy of the tree, so the flag is left out. */
	CHECK(syscall(467 /* open_tree_attr */, AT_FDCWD, "/tmp/k/ok", 0, &attr, sizeof(attr)) ==
		      -1 &&
	      (errno == EPERM || errno == ENOSYS));
	CHECK_EQ(live_open("/tmp/k/ok/f", O_WRONLY | O_CREAT), EROFS);
}
LIVE_TEST(remount_by_newer_system_calls)
{
	live_policy("mounts: {default: deny}");
	live_dir("/tmp/k/ok");
	ASSERT(mount("none", "/tmp/k/ok", "tmpfs", MS_RDONLY, NULL) == 0);
	live_run(newer_remount, NULL);
}

/* Where something may be remounted the name is not known, so all of it may be. */
static void permitted_remount(void *arg)
{
	struct {
		uint64_t set, clear, propagation, userns;
	} attr = {.clear = 1 /* MOUNT_ATTR_RDONLY */};

	(void)arg;
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp/k/ok", 0, &attr, sizeof(attr)), 0);
}
LIVE_TEST(remount_by_mount_setattr_where_it_is_allowed)
{
	live_policy("mounts: {default: deny, allow: [{op: [remount], on: /tmp/k/ok}]}");
	live_dir("/tmp/k/ok");
	ASSERT(mount("none", "/tmp/k/ok", "tmpfs", MS_RDONLY, NULL) == 0);
	live_run(permitted_remount, NULL);
}
