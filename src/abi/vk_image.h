/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vk_image.h - a ruleset image: what the compiler emits and the kernel side reads, unchanged.
 *
 * One image is the conjunction of all layers of an instance (and of the rule sets they use). It
 * is immutable: an update builds a new image and switches one 64-bit word of the instance. All
 * integers are in host byte order. Layout:
 *
 *	struct vk_image        VK_IMAGE_HEADER bytes, fixed
 *	rows                   the automaton over paths
 *
 * The automaton. A state is an "entry", a u16; its row starts at rows + entry * VK_ROW_UNIT and
 * is image.stride bytes long (a multiple of VK_ROW_UNIT). Column 0 of a row is the index of the
 * state's verdict in image.verdicts, and VK_ROW_FINAL; column c (1..image.classes) is the entry that
 * follows on a byte of class c. image.class_of[byte] is the class times two, that is, the byte
 * offset of the column, so that one step is
 *
 *	entry = *(u16 *)(rows + entry * VK_ROW_UNIT + class_of[byte])
 *
 * States that no byte but '/' leaves are numbered last, from image.settled on: once in one, the rest
 * of a component need not be looked at. VK_ROW_FINAL says that no byte at all leaves the state.
 *
 * The canonical name of a file is "" for the root directory and "/a/b" for all else: no trailing
 * slash, no empty, "." or ".." component. The name of an abstract unix socket is "@" and its
 * bytes. image.start is the state before the first byte, and its verdict is that of "/".
 *
 * The automaton is minimal. Two directories are interchangeable (the same rights for them and for
 * all names below them) exactly if their states have the same verdict and are followed by the same
 * state on "/". The states themselves may differ all the same: "/srv/ten" is not "/srv/foo" where
 * a rule speaks of "/srv/tenant", but what is below them can be.
 */
#ifndef VK_IMAGE_H
#define VK_IMAGE_H

#ifndef VK_BPF
#include <linux/types.h>
#include <stddef.h>
#endif
#include "vk_rights.h"

#define VK_IMAGE_MAGIC 0x31494b56u /* "VKI1" */
#define VK_IMAGE_ABI 4
#define VK_IMAGE_HEADER 16384
#define VK_ROW_UNIT 32
#define VK_VERDICTS 480 /* distinct verdicts of one image; more is a compile error */
#define VK_NET_RULES 128 /* bind/connect rules of one image, all layers together */
#define VK_FAMILIES 64 /* address families; the last one stands for all from it on */
#define VK_NETLINK 32 /* protocols of AF_NETLINK: all that the kernel can have */
#define VK_MAX_LAYERS 8
#define VK_MAX_COMPONENTS 32 /* policies in one image: layers plus the sets they use */

/* Column 0 of a row. */
#define VK_ROW_VERDICT 0x1ffu /* index of the verdict */
#define VK_ROW_FINAL 0x4000u /* no byte at all leaves this state */

/* Size classes of the map value that holds an image: the largest entry of each. */
#define VK_SMALL_ENTRY 0x7ffu
#define VK_MEDIUM_ENTRY 0x3fffu
#define VK_LARGE_ENTRY 0xffffu
#define VK_IMAGE_BYTES(max_entry) (VK_IMAGE_HEADER + ((max_entry) + 1) * VK_ROW_UNIT + 512)

/**
 * struct vk_verdict - what a name grants
 * @allow:   rights (VK_R_*) granted to a file that has this name
 * @foreign: rights granted to a file that only appears under this name through a mount that the
 *           instance did not start with; allow rules do not count for it
 * @audit:   rights whose use is reported although granted: audit rules, and rights that only
 *           layers in audit mode deny
 * @foreign_audit: the same for @foreign, which is never more than @allow
 */
struct vk_verdict {
	__u32 allow;
	__u32 foreign;
	__u32 audit;
	__u32 foreign_audit;
};

enum vk_net_op { VK_NET_BIND = 1, VK_NET_CONNECT = 2 };
enum vk_net_action { VK_NET_ALLOW = 1, VK_NET_DENY = 2, VK_NET_AUDIT = 3 };

/**
 * struct vk_net_rule - one bind or connect rule on IPv4 or IPv6
 * @ops:       VK_NET_BIND, VK_NET_CONNECT or both
 * @action:    enum vk_net_action
 * @component: index of the policy it belongs to (see vk_image.net_*)
 * @proto:     IPPROTO_* or 0 for any
 * @family:    AF_INET, AF_INET6 or 0 for any
 * @prefix:    bits of @addr that count; 0 matches every address
 * @port_lo:   first port, host byte order
 * @port_hi:   last port, host byte order
 * @addr:      network byte order; an IPv4 address is in the first four bytes
 *
 * An IPv4-mapped IPv6 destination (::ffff:a.b.c.d) is matched as the IPv4 address it is.
 * bind to port 0 (the kernel picks one) matches only a rule whose range holds 0.
 */
struct vk_net_rule {
	__u8 ops;
	__u8 action;
	__u8 component;
	__u8 proto;
	__u8 family;
	__u8 prefix;
	__u16 port_lo;
	__u16 port_hi;
	__u8 pad[6];
	__u8 addr[16];
};

/* Scope of a process rule; a larger number permits more. */
enum vk_scope { VK_SCOPE_NONE = 0, VK_SCOPE_OWN = 1, VK_SCOPE_ALL = 2 };

/* One bit per kernel facility that a policy can switch off as a whole. */
enum vk_switch {
	VK_SW_BPF = 1u << 0, /* bpf(2) */
	VK_SW_PERF = 1u << 1, /* perf_event_open(2) */
	VK_SW_MODULES = 1u << 2, /* loading, and causing the kernel to load, modules */
	VK_SW_KEYS = 1u << 3, /* keyrings: add_key, request_key, keyctl */
	VK_SW_IO_URING = 1u << 4, /* io_uring instances */
	VK_SW_USERNS = 1u << 5, /* creating user namespaces (processes: userns) */
	VK_SW_XATTRS = 1u << 6, /* changing extended attributes, ACLs and flags of files */
};
#define VK_SW_ALL 0x7fu

/*
 * Which kinds of kernel hooks the image needs; the engine attaches hooks for these and no others.
 * A bit is set exactly if some component can deny or report something there.
 */
enum vk_need {
	VK_NEED_OPEN = 1u << 0, /* READ, WRITE, APPEND */
	VK_NEED_EXEC = 1u << 1, /* EXEC */
	VK_NEED_MODIFY = 1u << 2, /* CREATE .. MKNOD: names in directories */
	VK_NEED_TRUNCATE = 1u << 3, /* TRUNCATE */
	VK_NEED_CHMOD = 1u << 4, /* CHMOD, CHOWN */
	VK_NEED_IOCTL = 1u << 5, /* IOCTL */
	VK_NEED_MMAP = 1u << 6, /* MMAP_EXEC, or APPEND granted somewhere without WRITE */
	VK_NEED_CAPABLE = 1u << 7, /* capability ceiling */
	VK_NEED_SOCKET = 1u << 8, /* socket families and types */
	VK_NEED_INET = 1u << 9, /* bind and connect rules */
	VK_NEED_UNIX = 1u << 10, /* UNIX_CONNECT, UNIX_BIND */
	VK_NEED_PTRACE = 1u << 11,
	VK_NEED_SIGNAL = 1u << 12,
	VK_NEED_MOUNT = 1u << 13,
	VK_NEED_BPF = 1u << 14,
	VK_NEED_PERF = 1u << 15,
	VK_NEED_MODULES = 1u << 16,
	VK_NEED_KEYS = 1u << 17,
	VK_NEED_IO_URING = 1u << 18,
	VK_NEED_USERNS = 1u << 19,
	VK_NEED_NETLINK = 1u << 20, /* netlink protocols that differ: also on sockets made before */
	VK_NEED_XATTRS = 1u << 21,
	VK_NEED_ACCEPT = 1u << 22, /* bind rules, UNIX_BIND: accepting there, too */
	VK_NEED_APPEND = 1u << 23, /* APPEND granted or reported somewhere without WRITE */
	/* Of no image: the set-up policy, wherever tasks join by exec at a place. */
	VK_NEED_SETUP = 1u << 30,
};
/* Those that ask for names, and so for all that keeps names true: moves, links, mounts. */
#define VK_NEED_PATHS                                                                              \
	(VK_NEED_OPEN | VK_NEED_EXEC | VK_NEED_MODIFY | VK_NEED_TRUNCATE | VK_NEED_CHMOD |         \
	 VK_NEED_IOCTL | VK_NEED_MMAP | VK_NEED_UNIX | VK_NEED_MOUNT)

/**
 * struct vk_image - header of a ruleset image
 * @magic:         VK_IMAGE_MAGIC
 * @abi:           VK_IMAGE_ABI
 * @settled:       entries from this one on are of states that only '/' leaves, if any byte does
 * @size:          bytes used, header included
 * @max_entry:     largest entry in use; decides the size class
 * @stride:        bytes of a row
 * @start:         entry of the initial state
 * @classes:       byte classes in use, at most 254
 * @n_verdicts:    verdicts in use
 * @n_net:         network rules in use
 * @needs:         VK_NEED_* bits
 * @anon_allow:    rights on files that have no name in any file system tree (pipes, sockets,
 *                 memfds): all but EXEC and MMAP_EXEC, which follow their section's default
 * @anon_audit:    of those, the reported ones
 * @caps_allow:    capability ceiling, bit n = capability n
 * @caps_audit:    capabilities whose use is reported although allowed
 * @sw_allow:      VK_SW_* bits allowed
 * @sw_audit:      VK_SW_* bits reported although allowed
 * @ptrace_scope:  enum vk_scope: whom members may trace or inspect
 * @ptrace_audit:  scope beyond which use is reported
 * @signal_scope:  enum vk_scope: whom members may signal
 * @signal_audit:  scope beyond which use is reported
 * @granted_any:   rights that some name grants
 * @net_default_deny: bit per component: its network section denies by default
 * @net_enforce:   bit per component: its denials are enforced, not only reported
 * @socket_allow:  per family, bit per socket type (SOCK_STREAM = 1, ...)
 * @socket_audit:  of those, the reported ones
 * @netlink_allow: for AF_NETLINK instead of @socket_allow: the same per protocol (NETLINK_XFRM, ...)
 * @netlink_audit: of those, the reported ones
 * @socket_errno:  per family: what a denial returns; 0: EACCES
 */
struct vk_image {
	__u32 magic;
	__u16 abi;
	__u16 settled;
	__u32 size;
	__u32 max_entry;
	__u16 stride;
	__u16 start;
	__u16 classes;
	__u16 n_verdicts;
	__u32 n_net;
	__u32 needs;
	__u32 anon_allow;
	__u32 anon_audit;
	__u64 caps_allow;
	__u64 caps_audit;
	__u32 sw_allow;
	__u32 sw_audit;
	__u8 ptrace_scope;
	__u8 ptrace_audit;
	__u8 signal_scope;
	__u8 signal_audit;
	__u32 granted_any;
	__u32 net_default_deny;
	__u32 net_enforce;
	__u16 socket_allow[VK_FAMILIES];
	__u16 socket_audit[VK_FAMILIES];
	__u16 netlink_allow[VK_NETLINK];
	__u16 netlink_audit[VK_NETLINK];
	__u8 class_of[256];
	struct vk_verdict verdicts[VK_VERDICTS];
	struct vk_net_rule net[VK_NET_RULES];
	__u8 socket_errno[VK_FAMILIES];
	__u8 reserved[VK_IMAGE_HEADER - 80 - 5 * VK_FAMILIES - 4 * VK_NETLINK - 256 -
		      16 * VK_VERDICTS - 32 * VK_NET_RULES];
};

_Static_assert(sizeof(struct vk_verdict) == 16, "vk_verdict is ABI");
_Static_assert(sizeof(struct vk_net_rule) == 32, "vk_net_rule is ABI");
_Static_assert(sizeof(struct vk_image) == VK_IMAGE_HEADER, "vk_image is ABI");

#endif
