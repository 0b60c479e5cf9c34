/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* syscalls.h - names of system calls, of their arguments, groups, constants and errors. */
#ifndef VK_SYSCALLS_H
#define VK_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ways into the kernel of this architecture. */
enum vk_abi { VK_ABI_X86_64, VK_ABI_IA32, VK_ABI_X32, VK_ABIS };
#define VK_ABIS_ALL ((1u << VK_ABIS) - 1)
#define VK_X32_BIT 0x40000000u /* in numbers of x32 as the kernel sees them */
/* From here on a call has the same number on every ABI and architecture. */
#define VK_SYSCALL_COMMON 424

/**
 * struct vk_syscall - one system call
 * @name: as in the kernel, "newfstatat"
 * @nr:   by ABI, without VK_X32_BIT; -1 where it does not exist
 */
struct vk_syscall {
	const char *name;
	int16_t nr[VK_ABIS];
};
extern const struct vk_syscall vk_syscalls[]; /* sorted by name */
extern const size_t vk_n_syscalls;

/* Index in vk_syscalls, or -1. */
int vk_syscall_find(const char *name);
/* Index of the call of that number, without VK_X32_BIT; or -1. */
int vk_syscall_at(enum vk_abi abi, uint32_t nr);

/* NULL-terminated: "x86-64", "ia32", "x32". */
extern const char *const vk_abi_words[];

/**
 * struct vk_syscall_group - what "@name" stands for
 * @name:  without the @
 * @help:  one line
 * @calls: names, with blanks between them
 */
struct vk_syscall_group {
	const char *name;
	const char *help;
	const char *calls;
};
extern const struct vk_syscall_group vk_syscall_groups[];
extern const size_t vk_n_syscall_groups;
const struct vk_syscall_group *vk_syscall_group_find(const char *name);
/* The next call of a group: *at is &group->calls' beginning at first. -1 at the end. */
int vk_syscall_group_next(const char **at);

/*
 * Old 32-bit programs reach some calls through one call that multiplexes them: its first argument
 * says which, and the rest is in memory, where no filter looks. The number by which @call (an
 * index) is reached so, with the multiplexer's index in *ret_mux; or -1.
 */
int vk_syscall_mux(int call, int *ret_mux);

/* ---- arguments ---- */

/* Which argument @word is ("domain", or "arg0" to "arg5"), and how many of its low bits the kernel
 * looks at. Return: 0; -EINVAL. */
int vk_syscall_arg(int call, const char *word, uint8_t *ret_arg, uint8_t *ret_width);
/* Fills @ret with the words for the arguments of @call, NULL-terminated. */
void vk_syscall_arg_words(int call, const char *ret[16]);

/* "AF_ALG", "CLONE_NEWUSER|CLONE_NEWNS", "0x10". Return: 0; -EINVAL, with the word at fault. */
int vk_constant_parse(const char *text, size_t len, uint64_t *ret);
/* The constant that is nearest to a mistyped word, or NULL. */
const char *vk_constant_nearest(const char *word);

/* "EPERM", "38". Return: 0; -EINVAL. */
int vk_errno_parse(const char *word, uint16_t *ret);
const char *vk_errno_name(int err); /* NULL: it has none */
const char *vk_errno_nearest(const char *word); /* or NULL */

#endif
