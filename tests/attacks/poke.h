/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * poke.h - what an exploit of the kernel gives: reading and writing its memory.
 *
 * Reading is /proc/kcore. Writing is done from outside of the machine, by the debugger of QEMU, to
 * which a guest of ours has a port (tests/guest/run). Processes of the test's host only.
 */
#ifndef VK_TESTS_POKE_H
#define VK_TESTS_POKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* False: this machine has no such port. */
bool poke_possible(void);
/* Each ends the test when it fails. */
uint64_t poke_symbol(const char *name);
/* Offset of a member in a structure of this kernel. */
size_t poke_offset(const char *type, const char *member);
/* The task_struct of a process, by its pid in the test's pid namespace. */
uint64_t poke_task(pid_t pid);
uint64_t poke_read(uint64_t addr);
void poke_write(uint64_t addr, const void *data, size_t len);

#endif
