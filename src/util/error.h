/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h - the one way a failure travels: a negative errno, and, where a person must act on it,
 * a struct vk_error filled once, at the place that failed.
 */
#ifndef VK_ERROR_H
#define VK_ERROR_H

#include <stdarg.h>
#include <stdint.h>

/**
 * struct vk_error - what failed, where, and what to do
 * @code:    positive errno; 0 while unset
 * @file:    policy file or path at fault, or ""
 * @line:    1-based line in @file, 0 when there is none
 * @column:  1-based column in @file, 0 when there is none
 * @message: one sentence without a final dot: the step and the word at fault
 * @advice:  one sentence that says what to do, or ""
 *
 * Lives on the caller's stack; owns nothing. A function that is given one and returns a negative
 * errno has filled it. The first filling wins: it is the nearest to the cause.
 */
struct vk_error {
	int code;
	uint32_t line;
	uint32_t column;
	char file[256];
	char message[512];
	char advice[512];
};

/* Each returns -code, so that "return vk_error_set(...)" reads well. @e may be NULL. */
int vk_error_set(struct vk_error *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int vk_error_at(struct vk_error *e, int code, const char *file, uint32_t line, uint32_t column,
		const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Adds advice to an error already set, if it has none. */
void vk_error_advise(struct vk_error *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
