/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VK_TESTS_PROGRAM_OPS_H
#define VK_TESTS_PROGRAM_OPS_H

#include <stddef.h>

#include "vk_program.h"

#define VK_UNSEEN (-2) /* the result does not reach user space */

/**
 * struct program_op - an operation that reaches one hook
 * @run: 0, an errno, or VK_UNSEEN; -1: it could not be tried
 */
struct program_op {
	unsigned int hook;
	int (*run)(void);
};
extern const struct program_op program_ops[];
extern const size_t n_program_ops;

#endif
