/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vk_rights.h - the rights that a path can grant, shared by compiler, simulator and kernel side.
 *
 * Every rule that names a path ends as one bit in one automaton: file rules, exec rules, unix
 * socket names and mount points. An operation on a path needs a set of these bits.
 */
#ifndef VK_RIGHTS_H
#define VK_RIGHTS_H

/* X(id, bit, "word in a policy", section that governs its default, "one-line meaning") */
#define VK_RIGHTS(X)                                                                               \
	X(READ, 0, "read", FILES, "open for reading")                                              \
	X(WRITE, 1, "write", FILES, "open for writing anywhere in the file")                       \
	X(APPEND, 2, "append", FILES, "open for appending only")                                   \
	X(EXEC, 3, "exec", EXEC, "execute as a program or as an interpreter")                      \
	X(CREATE, 4, "create", FILES, "create a regular file of this name")                        \
	X(UNLINK, 5, "unlink", FILES, "remove this name of a file")                                \
	X(RENAME, 6, "rename", FILES, "rename from or to this name")                               \
	X(LINK, 7, "link", FILES, "hard-link from or to this name")                                \
	X(SYMLINK, 8, "symlink", FILES, "create a symbolic link of this name")                     \
	X(MKDIR, 9, "mkdir", FILES, "create a directory of this name")                             \
	X(RMDIR, 10, "rmdir", FILES, "remove this directory")                                      \
	X(MKNOD, 11, "mknod", FILES, "create a device, fifo or socket of this name")               \
	X(TRUNCATE, 12, "truncate", FILES, "change the file's length")                             \
	X(CHMOD, 13, "chmod", FILES, "change the mode")                                            \
	X(CHOWN, 14, "chown", FILES, "change owner or group")                                      \
	X(IOCTL, 15, "ioctl", FILES, "issue ioctl(2) on it")                                       \
	X(MMAP_EXEC, 16, "mmap-exec", FILES, "map executable (shared libraries)")                  \
	X(UNIX_CONNECT, 17, "unix-connect", NETWORK, "connect or send to a unix socket")           \
	X(UNIX_BIND, 18, "unix-bind", NETWORK, "bind a unix socket to this name")                  \
	X(MOUNT, 19, "mount", MOUNTS, "mount a new file system here")                              \
	X(BIND_MOUNT, 20, "bind", MOUNTS, "bind-mount something here")                             \
	X(REMOUNT, 21, "remount", MOUNTS, "change the options of the mount here")                  \
	X(MOVE_MOUNT, 22, "move", MOUNTS, "move or attach a mount to here")                        \
	X(UMOUNT, 23, "umount", MOUNTS, "unmount what is mounted here")                            \
	X(PIVOT, 24, "pivot", MOUNTS, "make this the root (pivot_root)")

enum vk_right {
#define X(id, bit, word, section, help) VK_R_##id = 1u << (bit),
	VK_RIGHTS(X)
#undef X
};

#define VK_R_COUNT 25
#define VK_R_ALL ((1u << VK_R_COUNT) - 1)

/* Path rights governed by each section's default. EXEC falls to "files" when there is no "exec". */
#define VK_R_FILES_ALL                                                                             \
	(VK_R_READ | VK_R_WRITE | VK_R_APPEND | VK_R_CREATE | VK_R_UNLINK | VK_R_RENAME |          \
	 VK_R_LINK | VK_R_SYMLINK | VK_R_MKDIR | VK_R_RMDIR | VK_R_MKNOD | VK_R_TRUNCATE |         \
	 VK_R_CHMOD | VK_R_CHOWN | VK_R_IOCTL | VK_R_MMAP_EXEC)
#define VK_R_NETWORK_ALL (VK_R_UNIX_CONNECT | VK_R_UNIX_BIND)
#define VK_R_MOUNTS_ALL                                                                            \
	(VK_R_MOUNT | VK_R_BIND_MOUNT | VK_R_REMOUNT | VK_R_MOVE_MOUNT | VK_R_UMOUNT | VK_R_PIVOT)

#endif
