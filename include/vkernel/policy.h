/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0-only */
/*
 * vkernel/policy.h - write policy programs: functions that may refuse what an instance does.
 *
 *	#include <vkernel/policy.h>
 *
 *	VK_NEED(path);
 *	VK_HASH(opened, __u32, __u64, 1024);	// process -> opens
 *
 *	VK_POLICY(file_open)
 *	{
 *		__u32 pid = event->pid;
 *		__u64 *n = vk_lookup(&opened, &pid), one = 1;
 *
 *		if (n)
 *			__sync_fetch_and_add(n, 1);
 *		else
 *			vk_update(&opened, &pid, &one);
 *		if (vk_path_under(event, "/run/secrets"))
 *			return VK_DENY(EACCES);
 *		return VK_ALLOW;
 *	}
 *
 * Compile with "vkernel policy build x.c -o x.o", or clang -O2 -target bpf -c x.c -o x.o, and put
 * it in force with "vkernel program push NAME x.o". One object may have one function for each hook of
 * vkernel/event.h; they share its maps and global variables.
 *
 * A program can only add denials: whatever it returns, the rules of the instance, the programs of
 * the instances above it and the other programs of its own hold. Global variables and VK_ARRAY,
 * VK_HASH and VK_LRU maps live as long as the program; "vkernel program map" reads and writes them.
 *
 * Limits: 4096 instructions, 64 functions, 16 maps with 4 MiB together, 320 bytes of stack for a
 * policy and all that it calls. No loops: the compiler unrolls those with a fixed number of turns.
 */
#ifndef VKERNEL_POLICY_H
#define VKERNEL_POLICY_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef _Bool bool;
#ifndef true
#define true 1
#define false 0
#endif
#ifndef NULL
#define NULL ((void *)0)
#endif

#include "event.h"

#define VK_ALLOW 0
#define VK_DENY(error) (-(error))

#ifndef EPERM
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EBUSY 16
#define EEXIST 17
#define EXDEV 18
#define EINVAL 22
#define EROFS 30
#define ENOSYS 38
#define EDQUOT 122
#define EAFNOSUPPORT 97
#define ECONNREFUSED 111
#endif

#define VK_SECTION(name) __attribute__((section(name), used))
#define VK_INLINE static inline __attribute__((always_inline, unused))

/**
 * VK_POLICY - a policy for one hook; its body sees "event", a const struct vk_event *
 *
 * Returns VK_ALLOW or VK_DENY(error). Errors other than 1 to 133 count as EPERM. It is not asked
 * about what the rules of the instance deny already.
 */
#define VK_POLICY(hook)                                                                            \
	VK_INLINE int vk_policy_##hook(const struct vk_event *event);                              \
	_Static_assert(VK_HOOK_##hook, "no such hook");                                            \
	VK_SECTION("vk/" #hook)                                                                    \
	long vk_entry_##hook(const struct vk_event *event)                                         \
	{                                                                                          \
		return vk_policy_##hook(event);                                                    \
	}                                                                                          \
	VK_INLINE int vk_policy_##hook(__attribute__((unused)) const struct vk_event *event)

/**
 * VK_NEED - asks for what is not computed otherwise: path, inode, cred, time, exe, comm,
 * parent, instance; at file scope
 */
#define VK_NEED(what) static const __u32 vk_need_##what VK_SECTION("vk_need") = VK_WANT_##what

/* ---- private maps ---- */

/**
 * struct vk_map - what VK_MAP leaves for the loader, which puts a map in its place
 * @type:        1: array, 2: hash table, 3: hash table that forgets
 * @key_size, @value_size: bytes
 * @max_entries: elements
 */
struct vk_map {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
};
#define VK_MAP(name, type_, key, value, entries)                                                   \
	struct vk_map name VK_SECTION("vk_maps") = {type_, sizeof(key), sizeof(value), entries}
/* An array of @entries elements, index __u32; all zero at first. */
#define VK_ARRAY(name, value, entries) VK_MAP(name, 1, __u32, value, entries)
/* A hash table. vk_update() fails when it is full. */
#define VK_HASH(name, key, value, entries) VK_MAP(name, 2, key, value, entries)
/* A hash table that forgets what was not used for long when it is full. */
#define VK_LRU(name, key, value, entries) VK_MAP(name, 3, key, value, entries)

/*
 * The value of @key, to be read and changed in place; NULL when there is none. The pointer is good
 * until the program returns; if the element is deleted meanwhile, its value may become another's.
 */
static void *(*const vk_lookup)(const void *map, const void *key) = (void *)1;
static long (*const vk_update_elem)(const void *map, const void *key, const void *value,
				    __u64 flags) = (void *)2;
/* 0; -ENOENT: there is none; -EINVAL: the map is an array. */
static long (*const vk_delete)(const void *map, const void *key) = (void *)3;
/*
 * 0; -E2BIG: the table is full, or @key is beyond the array; -ENOMEM: no memory; -EBUSY: a table that
 * is being changed by what this program interrupted.
 */
#define vk_update(map, key, value) vk_update_elem(map, key, value, 0)
/* The same, only if @key has no value yet; else -EEXIST, as always in arrays. */
#define vk_insert(map, key, value) vk_update_elem(map, key, value, 1)

/* ---- helpers of the kernel ---- */

/* CLOCK_MONOTONIC in nanoseconds; cheaper than VK_NEED(time) if it is seldom reached. */
static __u64 (*const vk_now)(void) = (void *)5;
/* The same, going on while the machine sleeps. */
static __u64 (*const vk_boot_time)(void) = (void *)125;
/* 32 bits, none of them predictable. */
static __u32 (*const vk_random)(void) = (void *)7;
/* strncmp() of a buffer of @size bytes with a string literal: 0 if they are equal. */
static long (*const vk_strncmp)(const char *s, __u32 size, const char *literal) = (void *)182;

/* ---- processes ---- */

/**
 * vk_ancestor - looks up the process @level above the one that asks: 1 is its parent, 0 itself
 *
 * @what is of enum vk_ancestor_what. 0: there is none, or it is in no instance, as who runs a
 * container is not; or @level is above VK_ANCESTOR_LEVELS. A process whose parent has ended has
 * another one.
 */
extern __u64 vk_ancestor(__u32 level, __u32 what);

/* ---- paths; with VK_NEED(path) ---- */

/* Whether @path, event->path or event->new_path, is @literal. */
#define vk_name_is(path, literal) (!vk_strncmp(path, sizeof(literal), literal))
/* Whether it begins with @literal, which may end within a component. */
#define vk_name_starts(path, literal) (!vk_strncmp(path, sizeof(literal) - 1, literal))
/* Whether it is the directory @literal or below it. */
#define vk_name_under(path, literal)                                                               \
	(vk_name_starts(path, literal) &&                                                          \
	 ((path)[sizeof(literal) - 1] == '/' || (path)[sizeof(literal) - 1] == '\0'))
#define vk_path_is(event, literal) vk_name_is((event)->path, literal)
#define vk_path_starts(event, literal) vk_name_starts((event)->path, literal)
#define vk_path_under(event, literal) vk_name_under((event)->path, literal)

/* ---- rates ---- */

/**
 * struct vk_bucket - a token bucket; a value of a map, or a global variable; zero at first, which
 * is full
 * @at:     when it was last taken from, in nanoseconds of whatever clock the caller uses
 * @tokens: thousandths
 *
 * Two tasks that take at the same moment may both get the last token.
 */
struct vk_bucket {
	__u64 at;
	__u64 tokens;
};

/* Takes a token at time @now, nanoseconds. False: there is none; @burst at once, then @per_second. */
VK_INLINE bool vk_bucket_take(struct vk_bucket *b, __u64 now, __u32 per_second, __u32 burst)
{
	__u64 most = (__u64)burst * 1000, gained, tokens = b->tokens;

	if (!b->at) {
		tokens = most;
	} else {
		gained = (now - b->at) / 1000 * per_second / 1000;
		tokens = gained > most - tokens ? most : tokens + gained;
	}
	b->at = now;
	if (tokens < 1000) {
		b->tokens = tokens;
		return false;
	}
	b->tokens = tokens - 1000;
	return true;
}

/* ---- dynamic helpers: functions that the administrator installed, see vkernel helper ---- */

/**
 * struct vk_import - what VK_IMPORT and VK_EXPORT leave for the loader; strings
 * @name:   of the function
 * @type:   its result and parameters, as they were written
 * @sha256: that the helper's image must have; "": any
 */
struct vk_import {
	char name[32];
	char type[96];
	char sha256[65];
};

/**
 * VK_IMPORT - declares a dynamic helper, at file scope
 *
 *	VK_IMPORT(long, rate_limit, (__u64 key, __u64 per_second));
 *
 * Its type must be the one that the helper was made with. VK_IMPORT_PINNED takes the SHA-256 of
 * the helper's image as well, in 64 hexadecimal digits, and no other one is used.
 */
#define VK_IMPORT(result, name, parameters) VK_IMPORT_PINNED(result, name, parameters, "")
#define VK_IMPORT_PINNED(result, name, parameters, sha256)                                         \
	static const struct vk_import vk_import_##name VK_SECTION("vk_import") = {                 \
		#name, #result #parameters, sha256};                                               \
	extern result name parameters

/**
 * VK_EXPORT - makes a function a dynamic helper; at most five parameters
 *
 *	VK_EXPORT(long, rate_limit, (__u64 key, __u64 per_second))
 *	{
 *		...
 *	}
 */
#define VK_EXPORT(result, name, parameters)                                                        \
	static const struct vk_import vk_export_##name VK_SECTION("vk_export") = {                 \
		#name, #result #parameters, ""};                                                   \
	result name parameters;                                                                    \
	__attribute__((section("vk_helpers"), noinline, used)) result name parameters

#endif
