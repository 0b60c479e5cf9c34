/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h - the fields of the kernel's structures that the programs use, and no others.
 *
 * CO-RE relocates every access to the running kernel. Compat branches, each with its reason and
 * the date it may go, are all here:
 *
 *   dentry names    d_iname up to 6.13, d_shortname since 6.14 (commit 58cf9c383c5c): the engine
 *                   sets vk_inline_off. Two guarded relocations will not do: clang hoists the one
 *                   that does not exist out of its branch.
 *   namespace id    mnt_namespace.seq up to 6.17, ns_common.ns_id since (commit of 6.18).
 *   detached mounts inum 0 of their namespace up to 6.17, MNT_NS_ANON_INO since (6.18).
 *   FMODE_NONOTIFY  0x4000000, which means something else since 6.14, or 0x2000000 as on 6.12;
 *                   up to 6.13 in f_flags, too, where no other flag has either value.
 *   i_nlink, sk_*   unchanged since before 6.1.
 */
#ifndef VK_BPF_KERNEL_H
#define VK_BPF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)

enum bpf_map_type_vk {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_NO_PREALLOC (1u << 0)
#define BPF_F_MMAPABLE (1u << 10)
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};
struct ns_common___id {
	u64 ns_id;
};
struct mount;
struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
	u64 event;
};
struct mnt_namespace___seq {
	u64 seq;
};
struct nsproxy {
	struct mnt_namespace *mnt_ns;
};
struct super_block {
	u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
	struct {
		int counter;
	} s_active;
	void *s_fs_info;
};
struct inode {
	u16 i_mode;
	unsigned int i_nlink;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
	};
	const unsigned char *name;
};
struct seqcount {
	unsigned int sequence;
};
typedef struct seqcount seqcount_t;
struct seqcount_spinlock {
	seqcount_t seqcount;
};
typedef struct seqcount_spinlock seqcount_spinlock_t;
struct dentry {
	seqcount_spinlock_t d_seq;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};
struct dentry___short {
	union {
		u64 words[1];
	} d_shortname; /* since 6.14 */
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
struct list_head {
	struct list_head *next;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts;
	struct list_head mnt_child;
	struct mnt_namespace *mnt_ns;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	unsigned int f_flags;
	unsigned int f_mode;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};
struct backing_file {
	struct path user_path;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};
typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;
struct user_namespace {
	struct user_namespace *parent;
};
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kuid_t euid;
	kuid_t fsuid;
	struct {
		u64 word; /* whose name and type changed */
	} cap_permitted;
	struct {
		u64 word;
	} cap_effective;
	struct user_namespace *user_ns;
};
struct upid {
	int nr;
	void *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct bpf_local_storage;
struct pt_regs {
	unsigned long r8;
	unsigned long r9;
	unsigned long bp;
	unsigned long orig_ax; /* number of the system call */
};
struct thread_info {
	u32 status;
};

struct signal_struct {
	struct {
		int counter;
	} live;
};
struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	unsigned int flags;
	unsigned int personality;
	void *io_uring;
	u64 start_time;
	char comm[16];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	u64 start_boottime;
	struct pid *thread_pid;
	int exit_state;
	const struct cred *real_cred;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct bpf_local_storage *bpf_storage;
};
struct mm_struct {
	struct file *exe_file;
};
struct linux_binprm {
	struct file *file;
	struct cred *cred;
};
struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};
struct in6_addr {
	union {
		u32 u6_addr32[4];
	} in6_u;
};
struct sock_common {
	unsigned short skc_family;
	u16 skc_num;
	u32 skc_rcv_saddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	u8 sk_userlocks : 4;
};
struct socket {
	struct sock *sk;
	short type;
};
struct msghdr {
	void *msg_name;
	int msg_namelen;
};
struct sockaddr {
	u16 sa_family;
};
struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[];
};
struct unix_sock {
	struct unix_address *addr;
	struct path path;
};
struct bpf_map {
	char name[16];
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Kernel constants that are not in BTF. */
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_EXEC 0x20
#define FMODE_NONOTIFY 0x2000000
#define FMODE_CREATED 0x100000
#define O_TRUNC 01000
#define O_APPEND 02000
#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFDIR 0040000
#define S_IFREG 0100000
#define S_IFSOCK 0140000
#define S_ISDIR(m) (((m)&S_IFMT) == S_IFDIR)
#define MAY_WRITE 2
#define TS_COMPAT 2 /* of thread_info.status: in a call by the ia32 entry */
#define MNT_INTERNAL 0x4000
#define MNT_NS_ANON_INO 0xeffffff7u
#define PF_IO_WORKER 0x10
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define BINFMTFS_MAGIC 0x42494e4d
#define CLONE_INTO_CGROUP 0x200000000ull
#define PROT_READ 1
#define PROT_WRITE 2
#define VM_SHARED 8
#define READ_IMPLIES_EXEC 0x0400000
#define PROT_EXEC 4
#define MAP_SHARED 1
#define F_SETFL 4
#define F_SETOWN 8
#define F_SETOWN_EX 15
#define FIOSETOWN 0x8901
#define SIOCSPGRP 0x8902
#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820
#define FAT_IOCTL_SET_ATTRIBUTES 0x40047211
#define TIOCSTI 0x5412
#define TIOCLINUX 0x541c
#define SB_KERNMOUNT (1u << 22)
#define SOCK_RAW 3
#define SOCK_BINDPORT_LOCK 8
#define IPPROTO_SMC 256
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_SMC 43
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define RENAME_EXCHANGE 2
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_MOVE 8192
#define MS_PROPAGATION (1u << 17 | 1u << 18 | 1u << 19 | 1u << 20)
#define PTRACE_MODE_ATTACH 2
#define CAP_OPT_NOAUDIT 2
#define EPERM 1
#define ENOENT 2
#define EAGAIN 11
#define ENOSYS 38
#define ENOMEM 12
#define EACCES 13
#define EXDEV 18
#define EINVAL 22
#define ENOSYS 38
#define EAFNOSUPPORT 97

#endif
