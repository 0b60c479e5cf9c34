// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mounts, old and new calls, and what is reached past them. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define NO_MOUNTS .policy = "mounts: {default: deny}", .err = EPERM
#define BY_DEFAULT .rule = "test: default of mounts: deny"
#define AT "/tmp/k/mnt"

static void make_place(void)
{
	live_dir(AT);
}
static void nothing_mounted(void)
{
	CHECK_ERRNO(umount2(AT, UMOUNT_NOFOLLOW), EINVAL);
}

ATTACK(mount_proc, .against = "fresh proc", .primitive = "mount(2) of a proc without masks",
       NO_MOUNTS, BY_DEFAULT, .hook = "sb_mount", .op = VK_OP_MOUNT, .plain = PRIVILEGED,
       .prepare = make_place, .check = nothing_mounted)
{
	return attack_errno(mount("proc", AT, "proc", 0, NULL));
}

ATTACK(bind_mount, .against = "bind mounts", .primitive = "mount(2) of a directory elsewhere",
       NO_MOUNTS, BY_DEFAULT, .hook = "sb_mount", .op = VK_OP_MOUNT, .plain = PRIVILEGED,
       .prepare = make_place, .check = nothing_mounted)
{
	return attack_errno(mount("/etc", AT, NULL, MS_BIND, NULL));
}

static int new_mount(const char *type)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */), mnt = -1;

	if (fs < 0)
		return errno;
	if (syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
		return errno;
	mnt = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	return attack_errno(mnt);
}
ATTACK(fsopen_and_fsmount, .against = "new mount calls",
       .primitive = "fsopen(2), fsconfig(2), fsmount(2)", NO_MOUNTS,
       .rule = "mounting is allowed nowhere, so no file system is made or changed",
       .hook = "sb_set_mnt_opts", .op = VK_OP_MOUNT, .plain = PRIVILEGED)
{
	return new_mount("tmpfs");
}

ATTACK(open_tree_and_move_mount, .against = "new mount calls",
       .primitive = "open_tree(2) of a copy, move_mount(2)", NO_MOUNTS, BY_DEFAULT,
       .hook = "move_mount", .op = VK_OP_MOUNT, .plain = PRIVILEGED, .prepare = make_place,
       .check = nothing_mounted)
{
	_cleanup_close_ int tree =
		(int)syscall(SYS_open_tree, AT_FDCWD, "/etc", 1 | O_CLOEXEC /* CLONE */);

	if (tree < 0)
		return errno;
	return attack_errno(syscall(SYS_move_mount, tree, "", AT_FDCWD, AT, 4 /* F_EMPTY_PATH */));
}

#define LAYERS "/tmp/k/layers"
static void make_layers(void)
{
	make_place();
	live_dir(LAYERS);
	if (access(LAYERS "/upper", F_OK) == 0)
		return;
	ASSERT(mount("none", LAYERS, "tmpfs", 0, NULL) == 0);
	live_dir(LAYERS "/lower");
	live_dir(LAYERS "/upper");
	live_dir(LAYERS "/work");
}
#define OVERLAY "lowerdir=" LAYERS "/lower,upperdir=" LAYERS "/upper,workdir=" LAYERS "/work"
ATTACK(overlay_mount, .against = "CVE-2023-2640, CVE-2021-3493",
       .primitive = "mount an overlay over files of one's choice", NO_MOUNTS, BY_DEFAULT,
       .hook = "sb_mount", .op = VK_OP_MOUNT, .plain = PRIVILEGED, .prepare = make_layers,
       .check = nothing_mounted)
{
	return attack_errno(mount("overlay", AT, "overlay", 0, OVERLAY));
}

/* As root of the namespace: without a mapping nothing could be made. */
static int own_userns(void)
{
	static const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map",
					    "/proc/self/gid_map"};
	static const char *const texts[] = {"deny", "0 0 1", "0 0 1"};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return errno;
	for (size_t i = 0; i < 3; i++) {
		_cleanup_close_ int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, texts[i], strlen(texts[i])) < 0)
			return errno;
	}
	return 0;
}

#define INNER AT "/lower,upperdir=" AT "/upper,workdir=" AT "/work,userxattr"
static int overlay_in_userns(void)
{
	int err = own_userns();

	if (err)
		return err;
	if (mount("none", AT, "tmpfs", 0, NULL) < 0 || mkdir(AT "/lower", 0755) < 0 ||
	    mkdir(AT "/upper", 0755) < 0 || mkdir(AT "/work", 0755) < 0)
		return errno;
	return attack_errno(mount("overlay", AT "/lower", "overlay", 0, "lowerdir=" INNER));
}
ATTACK(overlay_in_a_user_namespace, .against = "CVE-2023-0386",
       .primitive = "unshare(2) of a user namespace, mount an overlay", .policy = "use: no-userns",
       .rule = "no-userns: userns: deny", .hook = "userns_create", .op = VK_OP_USERNS, .err = EPERM,
       .plain = EVERYWHERE, .prepare = make_layers, .check = nothing_mounted)
{
	return attack_child(overlay_in_userns);
}

/* A mask, as an engine puts it over files that a container must not see. */
#define MASKED "/tmp/k/masked"
static void mask(void)
{
	char line[8] = {0};
	int fd;

	live_file(MASKED, "secret");
	fd = open(MASKED, O_RDONLY | O_CLOEXEC);
	if (read(fd, line, 6) == 6)
		ASSERT(mount("/dev/null", MASKED, NULL, MS_BIND, NULL) == 0);
	close(fd);
}
static void still_masked(void)
{
	struct stat st;

	CHECK_EQ(stat(MASKED, &st), 0);
	CHECK(S_ISCHR(st.st_mode));
}
ATTACK(unmount_a_mask, .against = "masked paths", .primitive = "umount(2) of what hides a file",
       NO_MOUNTS, BY_DEFAULT, .hook = "sb_umount", .op = VK_OP_UMOUNT, .plain = PRIVILEGED,
       .prepare = mask, .check = still_masked)
{
	return attack_errno(umount2(MASKED, MNT_DETACH));
}

#define FIXED "/tmp/k/fixed"
static void make_fixed(void)
{
	live_dir(FIXED);
	if (live_open(FIXED "/x", O_WRONLY | O_CREAT) == 0)
		ASSERT(mount("none", FIXED, "tmpfs", MS_RDONLY, NULL) == 0);
}
static void still_fixed(void)
{
	CHECK_EQ(live_open(FIXED "/x", O_WRONLY | O_CREAT), EROFS);
}
ATTACK(remount_writable, .against = "read-only paths", .primitive = "mount(2) with MS_REMOUNT",
       NO_MOUNTS, BY_DEFAULT, .hook = "sb_mount", .op = VK_OP_MOUNT, .plain = PRIVILEGED,
       .prepare = make_fixed, .check = still_fixed)
{
	return attack_errno(mount(NULL, FIXED, NULL, MS_REMOUNT | MS_BIND, NULL));
}

ATTACK(reconfigure_by_fsconfig, .against = "read-only paths",
       .primitive = "fspick(2), fsconfig(2) with CMD_RECONFIGURE", NO_MOUNTS,
       .rule = "mounting is allowed nowhere, so no file system is made or changed",
       .hook = "sb_remount", .op = VK_OP_MOUNT, .plain = PRIVILEGED, .prepare = make_fixed,
       .check = still_fixed)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fspick, AT_FDCWD, FIXED, 1 /* CLOEXEC */);

	if (fs < 0)
		return errno;
	/* With the options that it has: nothing changes. */
	return attack_errno(syscall(SYS_fsconfig, fs, 7 /* CMD_RECONFIGURE */, NULL, NULL, 0));
}

/* It passes no hook but that of its capability. */
ATTACK(remount_by_mount_setattr, .against = "read-only paths", .primitive = "mount_setattr(2)",
       NO_MOUNTS, .rule = "mounting is allowed nowhere, so no file system is made or changed",
       .hook = "capable", .op = VK_OP_MOUNT, .plain = PRIVILEGED, .prepare = make_fixed,
       .check = still_fixed)
{
	struct {
		uint64_t set, clear, propagation, userns;
	} attr = {.clear = 1 /* MOUNT_ATTR_RDONLY */};

	return attack_errno(syscall(SYS_mount_setattr, AT_FDCWD, FIXED, 0, &attr, sizeof(attr)));
}

#define ROOT "/tmp/k/root"
static void make_root(void)
{
	live_dir(ROOT);
	if (access(ROOT "/old", F_OK) == 0)
		return;
	ASSERT(mount("none", ROOT, "tmpfs", 0, NULL) == 0);
	live_dir(ROOT "/old");
}
ATTACK(pivot_root, .against = "another root", .primitive = "pivot_root(2)", NO_MOUNTS, BY_DEFAULT,
       .hook = "sb_pivotroot", .op = VK_OP_MOUNT, .plain = PRIVILEGED, .prepare = make_root)
{
	return attack_errno(syscall(SYS_pivot_root, ROOT, ROOT "/old"));
}

static int fs_context_in_userns(void)
{
	_cleanup_close_ int fs = -1;
	int err;

	err = own_userns();
	if (err)
		return err;
	fs = (int)syscall(SYS_fsopen, "tmpfs", 1 /* CLOEXEC */);
	if (fs < 0)
		return errno;
	return attack_errno(syscall(SYS_fsconfig, fs, 1 /* SET_STRING */, "size", "4096", 0));
}
ATTACK(fs_context_in_a_user_namespace, .against = "CVE-2022-0185",
       .primitive = "unshare(2) of a user namespace, fsopen(2), fsconfig(2)",
       .policy = "use: no-fs-context", .rule = "no-fs-context: userns: deny",
       .hook = "userns_create", .op = VK_OP_USERNS, .err = EPERM, .plain = EVERYWHERE)
{
	return attack_child(fs_context_in_userns);
}

/* Where the container has a user namespace from before, the capability is missing there too. */
ATTACK(fs_context, .against = "CVE-2022-0185", .primitive = "fsopen(2), fsconfig(2)",
       .policy = "use: no-fs-context",
       .rule = "no-fs-context: capabilities: SYS_ADMIN is not in the list", .hook = "capable",
       .op = VK_OP_CAPABLE, .err = EPERM, .plain = PRIVILEGED)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "tmpfs", 1 /* CLOEXEC */);

	if (fs < 0)
		return errno;
	return attack_errno(syscall(SYS_fsconfig, fs, 1 /* SET_STRING */, "size", "4096", 0));
}

/* ---- files of the host that no path of the container leads to ---- */

/* A file system that is mounted nowhere in the container, and a descriptor of it. */
static int host_dir = -1;
static void leak(void)
{
	int fs, fd;

	if (host_dir >= 0)
		return;
	fs = (int)syscall(SYS_fsopen, "tmpfs", 0);
	ASSERT(fs >= 0 && syscall(SYS_fsconfig, fs, 6 /* CMD_CREATE */, NULL, NULL, 0) == 0);
	host_dir = (int)syscall(SYS_fsmount, fs, 0, 0);
	ASSERT(host_dir >= 0);
	close(fs);
	fd = openat(host_dir, "host", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ASSERT(fd >= 0 && write(fd, "host", 4) == 4);
	close(fd);
}
static void host_file_unchanged(void)
{
	_cleanup_close_ int fd = openat(host_dir, "host", O_RDONLY | O_CLOEXEC);
	char text[8] = {0};

	CHECK_EQ(read(fd, text, 7), 4);
	CHECK_STREQ(text, "host");
}

#define FOREIGN                                                                                    \
	.policy = "use: foreign-mounts", .rule = "foreign-mounts: files: {foreign: deny}",         \
	.hook = "file_open", .op = VK_OP_OPEN, .err = EACCES, .prepare = leak,                     \
	.check = host_file_unchanged, .plain = EVERYWHERE

ATTACK(leaked_directory, .against = "CVE-2024-21626",
       .primitive = "open through a leaked descriptor of a host directory", FOREIGN)
{
	return live_openat(host_dir, "host", O_RDONLY);
}

static int in_leaked_cwd(void)
{
	if (fchdir(host_dir) < 0)
		return errno;
	return attack_open("host", O_RDONLY);
}
ATTACK(leaked_working_directory, .against = "CVE-2024-21626",
       .primitive = "working directory outside of the container", FOREIGN)
{
	return attack_child(in_leaked_cwd);
}

ATTACK(runtime_overwrite, .against = "CVE-2019-5736",
       .primitive = "open the runtime's program for writing by /proc/self/fd", FOREIGN)
{
	_cleanup_close_ int fd = openat(host_dir, "host", O_PATH | O_CLOEXEC);

	return fd < 0 ? errno : attack_open(live_fd_path(fd), O_WRONLY);
}

/* Any file of a file system, by its number: here one that a member may not name. */
static struct {
	struct file_handle head;
	unsigned char bytes[128];
} handle = {.head = {.handle_bytes = 128}};
static void take_handle(void)
{
	int id;

	secret_prepare();
	handle.head.handle_bytes = 128;
	ASSERT(name_to_handle_at(AT_FDCWD, SECRET, &handle.head, &id, 0) == 0);
}
static int by_handle(void)
{
	_cleanup_close_ int dir = open("/tmp/k", O_RDONLY | O_CLOEXEC), fd = -1;

	fd = open_by_handle_at(dir, &handle.head, O_RDONLY);
	return attack_errno(fd);
}
ATTACK(shocker, .against = "shocker", .primitive = "open_by_handle_at(2)", .policy = "use: shocker",
       .rule = "shocker: capabilities: DAC_READ_SEARCH is not in the list", .hook = "capable",
       .op = VK_OP_CAPABLE, .err = EPERM, .plain = PRIVILEGED, .prepare = take_handle)
{
	return by_handle();
}
ATTACK(denied_file_by_handle, .against = "shocker",
       .primitive = "open_by_handle_at(2) of a file that a rule denies", .policy = SECRET_POLICY,
       .rule = SECRET_RULE, .hook = "file_open", .op = VK_OP_OPEN, .err = EACCES,
       .plain = PRIVILEGED, .prepare = take_handle)
{
	return by_handle();
}
