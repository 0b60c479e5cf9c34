/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state.h - all maps and global data of the kernel side.
 *
 * Everything here is created once, pinned, and outlives every process of ours. Names begin with
 * "vk_": members may not open maps of that name (see guard.bpf.c).
 */
#ifndef VK_BPF_STATE_H
#define VK_BPF_STATE_H

/* Membership. key: task; value: its record. Written at fork, at exec, and by the engine. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vk_member);
} vk_members SEC(".maps");

#define VK_PATH 4096
enum vk_walk_kind {
	VK_WALK_MOUNT = 0, /* to the mount's root */
	VK_WALK_UPWARD = 1, /* past it, to the nearest anchored dentry of the file system */
	VK_WALK_ACROSS = 2, /* across mounts, to the top of the mount tree */
};

enum vk_found_anchor {
	VK_FOUND_NONE = 0,
	VK_FOUND = 1,
	VK_FOUND_NAMELESS = 2, /* only one that gives no name: VK_ANCHOR_AMBIGUOUS or _LONG */
};

/**
 * struct vk_scratch - working memory of the slow path; who has it: scratch.h
 * @owner:  of a processor's own: tid of the task that has it, 0: free
 * @dentry: address whose name is wanted
 * @mount:  address of the struct mount it is seen on
 * @ns:     the instance's mount namespace
 * @frozen: a member of the tree was allowed a mount operation: no anchor is taken any more
 * @d:      current dentry of the walk
 * @m:      current mount of the walk
 * @root:   root dentry of @m
 * @seq:    digest of the chain: addresses and d_seq
 * @kind:   enum vk_walk_kind
 * @fail:   enum vk_fail_site, 0: none
 * @done:   the walk reached its end
 * @found:  what an upward walk reached: enum vk_found_anchor
 * @tour:   mount that a tour of all mounts is at, @tour_top: its first,
 * @tour_up: whether what is below it is done
 * @class:  enum vk_name_class of the finished name
 * @off:    the name is buf[off .. VK_PATH)
 * @anchor: one being taken
 * @buf:    the name; nothing is written past VK_PATH, so it ends in zeros
 */
struct vk_scratch {
	u64 dentry;
	u64 mount;
	u64 ns;
	u64 d;
	u64 m;
	u64 root;
	u64 seq;
	u64 tour;
	u64 tour_top;
	u32 kind;
	u32 fail;
	u32 done;
	u32 found;
	u32 class;
	u32 off;
	u32 frozen;
	u32 tour_up;
	u32 owner;
	u32 pad;
	struct vk_anchor anchor;
	char buf[VK_PATH + 264];
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vk_scratch);
} vk_scratch SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct vk_scratch);
} vk_cpu_scratch SEC(".maps");

/*
 * Images, by size class. key: slot index; value: an array of one element, the image. Without BTF
 * for key and value in the template: 6.1 refuses an inner map made without it otherwise.
 */
#define VK_IMAGES(name, entries)                                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, VK_SLOTS);                                                     \
		__uint(key_size, 4);                                                               \
		__uint(value_size, 4);                                                             \
		__array(                                                                           \
			values, struct {                                                           \
				__uint(type, BPF_MAP_TYPE_ARRAY);                                  \
				__uint(max_entries, 1);                                            \
				__uint(key_size, 4);                                               \
				__uint(value_size, VK_IMAGE_BYTES(entries));                       \
			});                                                                        \
	} name SEC(".maps")

VK_IMAGES(vk_img_small, VK_SMALL_ENTRY);
VK_IMAGES(vk_img_medium, VK_MEDIUM_ENTRY);
VK_IMAGES(vk_img_large, VK_LARGE_ENTRY);

/* Who executes a program at a place joins. key: place; value: instance id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * VK_INSTANCES);
	__type(key, struct vk_place);
	__type(value, u32);
} vk_places SEC(".maps");

/* Starts of containers without a hook (start.h). key: instance id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VK_INSTANCES);
	__type(key, u32);
	__type(value, struct vk_start);
} vk_starts SEC(".maps");

/*
 * Names of mounts, taken at the first walk that meets one; see name.h. Most are short, and records
 * for long ones take three times the memory: each is in one of two maps, by the length of its name.
 */
struct vk_short_anchor {
	u8 bytes[offsetof(struct vk_anchor, path) + VK_ANCHOR_SHORT];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct vk_anchor_key);
	__type(value, struct vk_short_anchor);
} vk_anchors SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct vk_anchor_key);
	__type(value, struct vk_anchor);
} vk_long_anchors SEC(".maps");

/*
 * Mount namespaces in which a member of another instance was allowed a mount operation (that of
 * its own is in its flags, and never forgotten). key: id; value: 1.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} vk_mounted SEC(".maps");

/* Credentials under which overlay file systems do their own work. key: cred; value: super block. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u64);
} vk_creators SEC(".maps");

/* The engine's knowledge of the instances (names, ...): here, because members cannot reach it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VK_INSTANCES);
	__uint(key_size, 4);
	__uint(value_size, VK_ROW_BYTES);
} vk_rows SEC(".maps");

/* User space's alone, as vk_rows. key: hash of the words. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VK_MEANINGS);
	__type(key, u64);
	__type(value, struct vk_meaning);
} vk_meanings SEC(".maps");

/* Policy programs and dynamic helpers. index: id. Rows are the engine's, the counters ours. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VK_PROGRAM_ROWS);
	__type(key, u32);
	__type(value, struct vk_program_row);
} vk_programs SEC(".maps");

/* The event of a task, with a path; made when a program that wants one is first asked. */
struct vk_event_one_path {
	u64 words[VK_EVENT_ONE_PATH / 8];
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vk_event_one_path);
} vk_paths SEC(".maps");

/* The same with two, for links and renames. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vk_policy_event);
} vk_path_pairs SEC(".maps");

/* For each hook, the policy programs of an instance, spliced into one. index: their slot. */
#define VK_PROGRAM_ARRAY(hook, number, flags)                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, VK_PROGRAM_SLOTS);                                             \
		__uint(key_size, 4);                                                               \
		__uint(value_size, 4);                                                             \
	} vk_p_##hook SEC(".maps");
VK_PROGRAM_HOOKS(VK_PROGRAM_ARRAY);
VK_PROGRAM_ALIASES(VK_PROGRAM_ARRAY);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} vk_events SEC(".maps");

/* Rate limit of reports. key: cause; value: its window. */
struct vk_cause { /* op 0: all reports of the instance */
	u32 vki;
	u16 op;
	u16 verdict;
	u64 what;
};
struct vk_window {
	u64 start_ns;
	u32 count;
	u32 suppressed;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct vk_cause);
	__type(value, struct vk_window);
} vk_causes SEC(".maps");

#define VK_MEMBER_SLOTS 4096
#define VK_FILE_SLOTS 16384
#define VK_DIR_SLOTS 4096
#define VK_DENTRY_BUCKETS 8192

struct vk_instance vk_instances[VK_INSTANCES];
struct vk_member_slot vk_member_slots[VK_MEMBER_SLOTS];
struct vk_name_slot vk_file_slots[VK_FILE_SLOTS]; /* data: allow | audit << 32 */
struct vk_name_slot vk_dir_slots[VK_DIR_SLOTS]; /* data: VK_DIR_*, name with its slash */
__u64 vk_dentry_gen[VK_DENTRY_BUCKETS];
__u64 vk_key_base; /* address of vk_instances as a number; written by vk_member_miss */

/* Written by the engine. */
__u32 vk_abi; /* VK_KERN_ABI of the engine that made the pins */
__u32 vk_mechanism; /* enum vk_mechanism, decided when the pins were made */
__u32 vk_next_view; /* last view handed out */
__u64 vk_absent[2]; /* bit per row of the table of hooks: this kernel has no such hook */
__u32 vk_n_places; /* entries of vk_places */
__u32 vk_ovl_cred; /* offset of creator_cred in struct ovl_fs; 0: overlay is not loaded */
__u32 vk_last_id; /* last instance id handed out, so that ids are reused late */
__u32 vk_top_id; /* the highest id ever handed out */
__u64 vk_asked; /* bit per hook: programs of some instance are asked there */
__u32 vk_member_gen; /* raised after every change of a membership from outside */
__u32 vk_bpffs_dev; /* s_dev of the bpf file system that holds our pins */

/* Moves of dentries: begun and ended; dir_gen counts those of directories, and of mounts. */
__u32 vk_move_begin;
__u32 vk_move_end;
__u64 vk_dir_gen;

/* Checks that failed for internal reasons (each denied), by place; for stats and bug reports. */
__u64 vk_fail[16];
enum vk_fail_site {
	VK_FAIL_IMAGE = 1, /* no image in the instance's slot */
	VK_FAIL_SCRATCH = 2, /* no memory for working space */
	VK_FAIL_LONG = 3, /* name longer than VK_PATH or a mount chain too deep */
	VK_FAIL_RACE = 4, /* the name kept changing while it was read */
	VK_FAIL_LOST = 5, /* a dentry tied to no tree */
	VK_FAIL_FORK = 6, /* no memory for a child's record */
	VK_FAIL_ANCHOR = 7, /* no memory for an anchor */
};

#endif
