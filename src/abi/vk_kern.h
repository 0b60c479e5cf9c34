/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vk_kern.h - what the engine and the kernel side share: instances, membership, anchors, events.
 *
 * Example of the life of one word, vk_instance.rule: the engine loads an image into slot 7, then
 * stores (view 12 << 32 | 7). A program that runs meanwhile has read either the old word or the
 * new one, once, and uses nothing else to find its rules; so no operation sees a mix.
 */
#ifndef VK_KERN_H
#define VK_KERN_H

#ifndef VK_BPF
#include <linux/types.h>
#include <stddef.h>
#endif
#include "vk_image.h"

#define VK_KERN_ABI 12

#define VK_INSTANCES 16384 /* ids 1 to 16383; a power of two, ids are masked with it */
#define VK_MAX_DEPTH 8 /* levels of a tree of instances */
#define VK_ROW_BYTES 448 /* the engine's record of an instance; opaque to the programs */
#define VK_SLOTS 16384 /* images of each size class */
#define VK_SLOT_INDEX(slot) ((slot)&0x3fffu)
#define VK_SLOT_CLASS(slot) (((slot) >> 14) & 3u)
#define VK_SLOT(class_, index) ((__u32)(class_) << 14 | (index))
enum vk_class { VK_CLASS_SMALL = 0, VK_CLASS_MEDIUM = 1, VK_CLASS_LARGE = 2, VK_CLASS_COUNT = 3 };

enum vk_instance_flag {
	VK_I_LIVE = 1u << 0, /* the id is in use */
	VK_I_MOUNTED = 1u << 1, /* a member was allowed a mount operation; set by the kernel side */
	VK_I_STARTING = 1u << 2, /* made for a container that is started without a hook, */
	VK_I_STARTED = 1u << 3, /* whose program was executed; set by the kernel side */
	VK_I_MOVED = 1u << 4, /* and that has more mount namespaces as places than @mntns */
};

/**
 * struct vk_instance - one vKI; an element of vk_instances[], index = id
 * @rule:       image slot (low 32 bits) and view (high 32): one store switches both. A view is a
 *              number never used before, so caches keyed by it need no flush. 0: no rules
 *              loaded: every checked operation of its members is denied
 * @mntns:      unique id of the mount namespace whose mounts name its files; 0 until its first
 *              program runs. Written once, or by a start until then. That of its parent, if it has
 *              one: the parent's rules bind its members too, and must mean the same files
 * @flags:      VK_I_*
 * @parent:     id of the instance it was made in, whose rules its image includes; 0: none
 * @denied:     operations denied
 * @audited:    operations allowed and reported
 * @suppressed: reports left out by the rate limit
 * @lost:       reports lost because the ring buffer was full
 * @errors:     checks that failed for an internal reason and therefore denied
 * @created_ns: CLOCK_BOOTTIME at creation
 * @programs:   bit per hook (1 << VK_HOOK_*) at which policy programs are asked, and from bit 48 on
 *              where they are in the arrays of programs: one store switches all of it
 * @paths:      of those hooks, the ones at which some program wants the path
 * @began:      of a container that is started without a hook: unique id of the mount namespace where
 *              its start began; 0: not yet, or started otherwise
 * @cgroup:     and the cgroup that the kernel side made its place, 0: none
 *
 * Counters are added to atomically by the kernel side and only read by user space.
 */
struct vk_instance {
	__u64 rule;
	__u64 mntns;
	__u32 flags;
	__u32 parent;
	__u64 denied;
	__u64 audited;
	__u64 suppressed;
	__u64 lost;
	__u64 errors;
	__u64 created_ns;
	__u64 programs;
	__u64 paths;
	__u64 began;
	__u64 cgroup;
	__u64 reserved[3];
};
_Static_assert(sizeof(struct vk_instance) == 128, "vk_instance is ABI");

#define VK_PROGRAMS_AT 48 /* see vk_instance.programs */
#define VK_PROGRAM_SLOTS 4096 /* instances with programs of their own, plus one */
#define VK_PROGRAM_ROWS 2048 /* programs and dynamic helpers of the whole host, plus one */

enum vk_program_flag {
	VK_P_USED = 1u << 0,
	VK_P_AUDIT = 1u << 1, /* its denials are only reported */
	VK_P_HELPER = 1u << 2, /* a dynamic helper */
	VK_P_MEMBER = 1u << 3, /* a member pushed it, through the broker */
};

/**
 * struct vk_program_row - one policy program or dynamic helper; index = id, in the map vk_programs
 * @flags:    VK_P_*
 * @vki:      instance that it belongs to
 * @order:    programs of an instance are asked by rising order
 * @insns:    instructions
 * @hooks:    bit per hook that it has a policy for
 * @memory:   bytes of its maps, roughly
 * @denied:   operations that it denied; added to by the kernel side
 * @audited:  operations that it would have denied
 * @dry_usec: time that its verification took
 * @wants:    VK_WANT_*
 * @name:     unique within the instance, or among the helpers
 * @sha256:   of its image, which is in a file
 * @helpers:  ids of the dynamic helpers that it calls, ends with 0
 * @maps:     number of its maps
 * @uid:      VK_P_MEMBER: of the member
 * @steps:    instructions that the verifier went through
 */
struct vk_program_row {
	__u32 flags;
	__u32 vki;
	__u64 order;
	__u64 hooks;
	__u64 memory;
	__u64 denied;
	__u64 audited;
	__u32 insns;
	__u32 dry_usec;
	__u32 wants;
	__u32 maps;
	char name[32];
	__u8 sha256[32];
	__u16 helpers[16];
	__u32 uid;
	__u32 steps;
	__u64 reserved[11];
};
_Static_assert(sizeof(struct vk_program_row) == 256, "vk_program_row is ABI");

#define VK_MEANINGS 64 /* meanings of words that are kept */
#define VK_MEANING_FILES 16
#define VK_MEANING_PATH 120
#define VK_MEANING_WORDS 416

/**
 * struct vk_meaning_file - a file as it was when a policy was looked for there
 * @ino:  0: there was none; then the other numbers are 0 as well
 * @size: of a directory: a hash of what is in it, so described
 */
struct vk_meaning_file {
	__u64 dev;
	__u64 ino;
	__u64 size;
	__u64 modified_ns;
	__u64 changed_ns;
	char path[VK_MEANING_PATH];
};

/**
 * struct vk_meaning - what some words for policies mean to a container's runtime, as long as the
 * files are what they were; in the map vk_meanings, by a hash of the words
 * @document: hash of the layers, see struct vk_row_state of the engine
 * @filter:   hash of the filter for system calls that the layers need; 0: none
 * @broker:   members may push
 * @takeover: the engine's profiles are layers
 * @n_files:  files that were looked for
 * @asked:    SHA-256 of what the container's engine asks for; 0 where it does not count, as the
 *            policies need no filter and take over no profile
 * @profile:  SHA-256 of the seccomp profile that comes of it, which is in a file; 0: none
 * @words:    the words of the administrator and of the container
 */
struct vk_meaning {
	__u64 document;
	__u64 filter;
	__u32 broker;
	__u32 takeover;
	__u32 n_files;
	__u32 reserved;
	__u8 asked[32];
	__u8 profile[32];
	char words[VK_MEANING_WORDS];
	struct vk_meaning_file files[VK_MEANING_FILES];
};
_Static_assert(sizeof(struct vk_meaning) == 512 + VK_MEANING_FILES * 160, "vk_meaning is ABI");

enum vk_member_state {
	VK_MEMBER_ACTIVE = 0,
	VK_MEMBER_PENDING = 1, /* becomes active at its next exec; until then under setup.h */
	VK_MEMBER_BORN = 2, /* no member, and vki 0: was put into its cgroup by clone3(2) */
	VK_MEMBER_STARTING = 3, /* of a container's runtime: pending inside it, see start.h */
};

enum vk_cred_flag {
	VK_CRED_EXEC = 1u << 0, /* its next credentials are those of a program, */
	VK_CRED_CHANGE = 1u << 1, /* or of set*id or capset(2) */
	VK_CRED_TOLD = 1u << 2, /* it was reported */
};

/**
 * struct vk_cred - the credentials that the kernel last gave a member; see creds.h
 * @user_ns:   key of its user namespace; 0: not known yet
 * @permitted: capabilities,
 * @effective: and those in use
 * @uid:       user ids, in the initial user namespace
 * @flags:     VK_CRED_*
 */
struct vk_cred {
	__u64 user_ns;
	__u64 permitted;
	__u64 effective;
	__u32 uid;
	__u32 euid;
	__u32 suid;
	__u32 fsuid;
	__u32 flags;
	__u32 pad;
};

/**
 * struct vk_member - a thread's record, in task local storage. Inherited at fork; never removed
 * @vki:   its instance. Once active it is changed only by the kernel side, by one compare and
 *         exchange of the first word, and only to an instance below the present one
 * @state: enum vk_member_state
 * @next:  of an active member: the instance, below its own, that it goes into at its next exec; 0:
 *         none
 * @cred:  written by the thread itself only
 * @born:  of VK_MEMBER_BORN: unique id of the mount namespace that it was born in
 */
struct vk_member {
	__u32 vki;
	__u16 state;
	__u16 next;
	union {
		struct vk_cred cred;
		__u64 born;
	};
};
_Static_assert(offsetof(struct vk_member, cred) == 8, "the first word is changed as one");

/* "By place": a task that executes a program in this cgroup v2 or mount namespace joins. */
#define VK_PLACE_LEVELS 16 /* a cgroup that is deeper is no place */
enum vk_place_kind { VK_PLACE_CGROUP = 1, VK_PLACE_MNTNS = 2 };
struct vk_place {
	__u64 id; /* cgroup id, or unique mount namespace id */
	__u32 kind;
	__u32 pad;
};

/**
 * struct vk_start - where the start of a container began; in the map vk_starts, by its instance
 * @cgroup: ids of the cgroup and of all above it
 * @deep:   there are more
 */
#define VK_START_LEVELS (VK_PLACE_LEVELS + 1)
struct vk_start {
	__u64 cgroup[VK_START_LEVELS];
	__u64 deep;
};

#define VK_ANCHOR_PATH 232
#define VK_ANCHOR_SHORT 88 /* of those kept in vk_anchors: a record is allocated as 192 bytes */
enum vk_anchor_flag {
	VK_ANCHOR_AMBIGUOUS = 1u << 0, /* two names for one root dentry: not usable upward */
	VK_ANCHOR_LONG = 1u << 1, /* the mount point's name exceeds VK_ANCHOR_PATH */
};

/* Key: a mount (by its address) or, for walks that go up past unknown mounts, a root dentry. */
struct vk_anchor_key {
	__u64 mntns;
	__u64 object;
};

/**
 * struct vk_anchor - the name of a mount's root in one mount namespace
 * @root:  key of the mount's root dentry when the anchor was taken
 * @inode: key of that dentry's inode, so that a reused address does not match
 * @event: the namespace's mount event count then
 * @flags: VK_ANCHOR_*
 * @len:   bytes of @path
 * @path:  canonical name of the mount point; "" for the root; no final NUL counted
 */
struct vk_anchor {
	__u64 root;
	__u64 inode;
	__u64 event;
	__u32 flags;
	__u32 len;
	char path[VK_ANCHOR_PATH];
};

/* X(id, number, "name in events") - operations that can be denied */
#define VK_OPS(X)                                                                                  \
	X(OPEN, 1, "open")                                                                         \
	X(EXEC, 2, "exec")                                                                         \
	X(CREATE, 3, "create")                                                                     \
	X(UNLINK, 4, "unlink")                                                                     \
	X(RENAME, 5, "rename")                                                                     \
	X(LINK, 6, "link")                                                                         \
	X(SYMLINK, 7, "symlink")                                                                   \
	X(MKDIR, 8, "mkdir")                                                                       \
	X(RMDIR, 9, "rmdir")                                                                       \
	X(MKNOD, 10, "mknod")                                                                      \
	X(TRUNCATE, 11, "truncate")                                                                \
	X(CHMOD, 12, "chmod")                                                                      \
	X(CHOWN, 13, "chown")                                                                      \
	X(IOCTL, 14, "ioctl")                                                                      \
	X(MMAP, 15, "mmap-exec")                                                                   \
	X(CAPABLE, 16, "capability")                                                               \
	X(SOCKET, 17, "socket")                                                                    \
	X(BIND, 18, "bind")                                                                        \
	X(CONNECT, 19, "connect")                                                                  \
	X(UNIX_CONNECT, 20, "unix-connect")                                                        \
	X(UNIX_BIND, 21, "unix-bind")                                                              \
	X(PTRACE, 22, "ptrace")                                                                    \
	X(SIGNAL, 23, "signal")                                                                    \
	X(MOUNT, 24, "mount")                                                                      \
	X(UMOUNT, 25, "umount")                                                                    \
	X(BPF, 26, "bpf")                                                                          \
	X(PERF, 27, "perf")                                                                        \
	X(MODULE, 28, "module")                                                                    \
	X(KEY, 29, "key")                                                                          \
	X(IO_URING, 30, "io_uring")                                                                \
	X(USERNS, 31, "userns")                                                                    \
	X(FORK, 32, "fork")                                                                        \
	X(SELF, 33, "vkernel")                                                                     \
	X(SETUP, 34, "setup")                                                                      \
	X(PROGRAM, 35, "program")                                                                  \
	X(CREDENTIALS, 36, "credentials")                                                          \
	X(XATTR, 37, "xattr")                                                                      \
	X(ACCEPT, 38, "accept")                                                                    \
	X(WRITE, 39, "write")

enum vk_op {
#define X(id, number, name) VK_OP_##id = (number),
	VK_OPS(X)
#undef X
};

enum vk_event_verdict { VK_EVENT_DENIED = 1, VK_EVENT_AUDITED = 2 };
enum vk_name_class {
	VK_NAME_NONE = 0, /* the operation has no path */
	VK_NAME_KNOWN = 1, /* named by an anchor */
	VK_NAME_FOREIGN = 2, /* named by a mount point the instance did not start with */
	VK_NAME_ANON = 3, /* in no file system tree */
	VK_NAME_LOST = 4, /* no name could be computed: denied */
};

#define VK_EVENT_PATH 1024

/**
 * struct vk_event - one report in the ring buffer
 * @time_ns:    CLOCK_MONOTONIC
 * @cgroup:     cgroup v2 id of the task
 * @rule:       vk_instance.rule at the decision
 * @vki:        instance
 * @tgid, @tid: ids in the initial pid namespace
 * @ppid:       parent's tgid
 * @uid, @gid:  real ids in the initial user namespace
 * @op:         enum vk_op
 * @verdict:    enum vk_event_verdict
 * @name_class: enum vk_name_class
 * @err:        positive errno returned; 0 when only reported
 * @rights:     VK_R_* bits wanted
 * @missing:    of those, the ones not granted (denied) or reported (audited)
 * @suppressed: reports of the same cause left out since the last one
 * @arg:        by @op: CAPABLE: capability; SOCKET: family, type, protocol; BIND, CONNECT, ACCEPT:
 *              family, protocol, port; PTRACE, SIGNAL: target tgid, mode or signal; BPF: command;
 *              PROGRAM: hook, id of the program, id of its instance; MODULE: kind;
 *              KEY: permission; MOUNT: flags;
 *              CREDENTIALS: effective uid, the one on record, effective capabilities;
 *              XATTR: up to 24 bytes of the attribute's name, all zero: flags
 * @addr:       BIND, CONNECT, ACCEPT: the address, network byte order; KEY, MODULE, IO_URING: zero
 * @comm:       the task's name, NUL-terminated
 * @path_len:   bytes of @path before its NUL
 * @path:       canonical name, cut at VK_EVENT_PATH - 1 bytes
 */
struct vk_event {
	__u64 time_ns;
	__u64 cgroup;
	__u64 rule;
	__u32 vki;
	__u32 tgid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	__u16 op;
	__u8 verdict;
	__u8 name_class;
	__s32 err;
	__u32 rights;
	__u32 missing;
	__u32 suppressed;
	__u32 path_len;
	__u64 arg[3];
	__u8 addr[16];
	char comm[16];
	char path[VK_EVENT_PATH];
};
_Static_assert(offsetof(struct vk_event, path) == 128, "vk_event is ABI");

/*
 * Caches. Lock-free and written from any CPU, so an entry may be a mixture of two writers. Each
 * holds its data in clear and its keys XORed with a mix of data and stamp: keys of one writer under
 * data or stamp of another never match.
 */
struct vk_member_slot {
	__u64 key; /* task address ^ mix of data and the membership generation */
	__u64 data; /* byte offset in vk_instances << 32 */
	__u64 cred; /* task address ^ mix of credentials */
	__u64 fsuid; /* task address + fsuid */
};
struct vk_name_slot {
	__u64 dentry;
	__u64 mnt;
	__u64 data;
	__u64 pad; /* two slots a cache line */
};

/* One line of the member list (iterator vk_list). */
struct vk_member_line {
	__u32 vki;
	__u32 state;
	__u32 tgid;
	__u32 tid;
	char comm[16];
};

#endif
