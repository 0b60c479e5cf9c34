/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vkernel/event.h - what a policy program sees of an operation; see vkernel/policy.h.
 *
 * The same bytes on every kernel: offsets and meanings below are a promise. New fields take the
 * place of reserved ones, and raise VK_EVENT_ABI; fields that a hook does not mention are zero.
 * No field is a kernel address.
 */
#ifndef VKERNEL_EVENT_H
#define VKERNEL_EVENT_H

#define VK_EVENT_ABI 2

/*
 * X(hook, number, flags) - hooks, named as the kernel names its LSM hooks. VK_HAS_PATH: there is a
 * path for programs that ask for it; VK_HAS_PATHS: an old name and a new one.
 */
/* clang-format off */
#define VK_PROGRAM_HOOKS(X)                                                                        \
	X(file_open, 1, VK_HAS_PATH)                                                               \
	X(bprm_check_security, 2, VK_HAS_PATH)                                                     \
	X(mmap_file, 3, VK_HAS_PATH)                                                               \
	X(file_mprotect, 4, VK_HAS_PATH)                                                           \
	X(file_ioctl, 5, VK_HAS_PATH)                                                              \
	X(file_fcntl, 6, VK_HAS_PATH)                                                              \
	X(path_mknod, 7, VK_HAS_PATH)                                                              \
	X(path_unlink, 8, VK_HAS_PATH)                                                             \
	X(path_mkdir, 9, VK_HAS_PATH)                                                              \
	X(path_rmdir, 10, VK_HAS_PATH)                                                             \
	X(path_symlink, 11, VK_HAS_PATH)                                                           \
	X(path_link, 12, VK_HAS_PATHS)                                                             \
	X(path_rename, 13, VK_HAS_PATHS)                                                           \
	X(path_truncate, 14, VK_HAS_PATH)                                                          \
	X(path_chmod, 15, VK_HAS_PATH)                                                             \
	X(path_chown, 16, VK_HAS_PATH)                                                             \
	X(sb_mount, 17, VK_HAS_PATH)                                                               \
	X(move_mount, 18, VK_HAS_PATH)                                                             \
	X(sb_umount, 19, VK_HAS_PATH)                                                              \
	X(socket_create, 20, 0)                                                                    \
	X(socket_bind, 21, 0)                                                                      \
	X(socket_connect, 22, 0)                                                                   \
	X(socket_listen, 23, 0)                                                                    \
	X(socket_accept, 24, 0)                                                                    \
	X(socket_sendmsg, 25, 0)                                                                   \
	X(unix_stream_connect, 26, VK_HAS_PATH)                                                    \
	X(unix_may_send, 27, VK_HAS_PATH)                                                          \
	X(ptrace_access_check, 28, 0)                                                              \
	X(ptrace_traceme, 29, 0)                                                                   \
	X(task_kill, 30, 0)                                                                        \
	X(task_fix_setuid, 31, 0)                                                                  \
	X(task_prctl, 32, 0)                                                                       \
	X(capable, 33, 0)                                                                          \
	X(userns_create, 34, 0)                                                                    \
	X(bpf, 35, 0)                                                                              \
	X(perf_event_open, 36, 0)                                                                  \
	X(kernel_module_request, 37, 0)                                                            \
	X(kernel_read_file, 38, VK_HAS_PATH)                                                       \
	X(kernel_load_data, 39, 0)                                                                 \
	X(key_permission, 40, 0)                                                                   \
	X(key_alloc, 41, 0)

/* Where some kernels check file_ioctl of 32-bit code, and path_truncate by descriptor. */
#define VK_PROGRAM_ALIASES(X)                                                                      \
	X(file_ioctl_compat, 42, VK_HAS_PATH)                                                      \
	X(file_truncate, 43, VK_HAS_PATH)
/* clang-format on */

#define VK_HAS_PATH 1
#define VK_HAS_PATHS 3
enum vk_hook_id {
#define X(hook, number, flags) VK_HOOK_##hook = (number),
	VK_PROGRAM_HOOKS(X) VK_PROGRAM_ALIASES(X)
#undef X
		VK_HOOK_COUNT
};

enum vk_path_kind {
	VK_PATH_NONE = 0, /* the operation has no path, or the program did not ask for it */
	VK_PATH_KNOWN = 1, /* named from a mount that the instance started with */
	VK_PATH_FOREIGN =
		2, /* only reachable through a mount made later, or through a descriptor */
	VK_PATH_ANON = 3, /* in no file system tree: pipes, sockets, memfds */
};

#define VK_EVENT_FIXED 128 /* bytes before @path */
#define VK_EVENT_PATH_BYTES 4096
#define VK_EVENT_NEW_PATH_BYTES 3584 /* all of it fits in what the kernel allocates at most */
#define VK_EVENT_ONE_PATH (VK_EVENT_FIXED + VK_EVENT_PATH_BYTES) /* bytes before @new_path */

/**
 * struct vk_event - one operation of one member
 * @abi:       VK_EVENT_ABI of the running vkernel
 * @hook:      enum vk_hook_id
 * @instance:  id of the instance of the task; with VK_NEED(instance), else 0
 * @depth:     number of instances above it; with VK_NEED(instance), else 0
 * @uid:       real user, in the initial user namespace
 * @gid, @euid: real group and effective user; with VK_NEED(cred), else 0
 * @pid, @tid: process and thread, in the initial pid namespace
 * @ppid:      parent process; with VK_NEED(parent), else 0
 * @exe_dev, @exe_ino: the program that the task runs; with VK_NEED(exe), else 0
 * @path_kind: enum vk_path_kind
 * @path_len:  bytes of @path before its NUL
 * @comm:      name of the task, NUL-terminated; with VK_NEED(comm), else "". Chosen by the task, so
 *             prove nothing with it
 * @time_ns:   CLOCK_MONOTONIC; with VK_NEED(time), else 0
 * @file:      file, path and mount hooks, unix_stream_connect, unix_may_send: device and number of
 *             the inode (0: none yet) and @file.mode, its type and permissions, with
 *             VK_NEED(inode), else 0; path_mknod, path_mkdir: @file.mode that it will have;
 *             @file.flags: file_open: O_* of open(2), sb_mount: MS_*, sb_umount: MNT_*,
 *             path_rename: RENAME_*, mmap_file: MAP_*, file_ioctl, file_fcntl: the command;
 *             @file.prot: mmap_file and file_mprotect: PROT_*; @file.value: argument of file_ioctl and file_fcntl
 * @net:       socket hooks; bind, connect, sendmsg: @net.port in host byte order and @addr
 *             (IPv4 in the first four bytes); port and address are 0 for other families.
 *             socket_listen: @net.value: the backlog; socket_sendmsg: the number of bytes
 * @task:      ptrace_access_check, ptrace_traceme, task_kill: the other process, its instance
 *             (0: none), mode or signal; task_fix_setuid: @task.value: the new effective uid
 * @capability: capable: its number; @noaudit: the kernel only probes
 * @number:    bpf: command; perf_event_open: type; kernel_read_file, kernel_load_data: what is
 *             loaded (2: a module, since before 6.1); key_permission: permission wanted;
 *             task_prctl: number[0] is the option, [1] to [3] its arguments
 * @addr:      see @net
 * @new_path_kind, @new_path_len: path_link and path_rename: those of @new_path
 * @path:      canonical name in the instance's mount namespace, "" for none, "/" for the root;
 *             exists only for programs that say VK_NEED(path). For path_link and path_rename: the
 *             old name. Longer names than fit are denied before programs are asked.
 * @new_path:  path_link and path_rename: the new name; exists there only, if @path does. With
 *             RENAME_EXCHANGE both change places.
 */
struct vk_event {
	__u16 abi;
	__u16 hook;
	__u32 instance;
	__u32 depth;
	__u32 uid;
	__u32 gid;
	__u32 euid;
	__u32 pid;
	__u32 tid;
	__u32 ppid;
	__u32 exe_dev;
	__u32 path_kind;
	__u32 path_len;
	char comm[16];
	__u64 time_ns;
	__u64 exe_ino;
	union {
		struct {
			__u64 ino;
			__u32 dev;
			__u32 mode;
			__u32 flags;
			__u32 prot;
			__u64 value;
		} file;
		struct {
			__u32 family;
			__u32 type;
			__u32 protocol;
			__u32 port;
			__u64 value;
			__u64 reserved;
		} net;
		struct {
			__u32 pid;
			__u32 instance;
			__u64 value;
			__u64 reserved[2];
		} task;
		struct {
			__u32 number;
			__u32 noaudit;
			__u64 reserved[3];
		} capability;
		__u64 number[4];
	};
	union {
		__u8 addr[16];
		__u32 addr32[4];
		__u64 addr64[2];
		struct {
			__u32 new_path_kind;
			__u32 new_path_len;
		};
	};
	char path[VK_EVENT_PATH_BYTES];
	char new_path[VK_EVENT_NEW_PATH_BYTES];
};
_Static_assert(__builtin_offsetof(struct vk_event, comm) == 48, "vk_event is ABI");
_Static_assert(__builtin_offsetof(struct vk_event, file) == 80, "vk_event is ABI");
_Static_assert(__builtin_offsetof(struct vk_event, addr) == 112, "vk_event is ABI");
_Static_assert(__builtin_offsetof(struct vk_event, path) == VK_EVENT_FIXED, "vk_event is ABI");
_Static_assert(__builtin_offsetof(struct vk_event, new_path) == VK_EVENT_ONE_PATH,
	       "vk_event is ABI");

/* What vk_ancestor() says of a process. */
enum vk_ancestor_what {
	VK_ANCESTOR_PID = 0, /* in the initial pid namespace */
	VK_ANCESTOR_UID = 1, /* real user, in the initial user namespace */
	VK_ANCESTOR_INSTANCE = 2, /* id of its instance, never 0 */
	VK_ANCESTOR_STARTED = 3, /* CLOCK_BOOTTIME in ns: with the pid, never another's */
};
#define VK_ANCESTOR_LEVELS 16

/* What is computed only for programs that ask for it: VK_NEED(path), ... */
enum vk_want {
	VK_WANT_path = 1,
	VK_WANT_time = 2,
	VK_WANT_exe = 4,
	VK_WANT_comm = 8,
	VK_WANT_parent = 16,
	VK_WANT_instance = 32,
	VK_WANT_cred = 64,
	VK_WANT_inode = 128,
};
#define VK_WANT_ALL 255

#endif
