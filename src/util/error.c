/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"

#include <stdio.h>
#include <string.h>

static int fill(struct vk_error *e, int code, const char *file, uint32_t line, uint32_t column,
		const char *fmt, va_list ap)
{
	if (e && e->code == 0) {
		e->code = code;
		e->line = line;
		e->column = column;
		snprintf(e->file, sizeof(e->file), "%s", file ? file : "");
		vsnprintf(e->message, sizeof(e->message), fmt, ap);
		e->advice[0] = '\0';
	}
	return -code;
}

int vk_error_set(struct vk_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = fill(e, code, NULL, 0, 0, fmt, ap);
	va_end(ap);
	return r;
}

int vk_error_at(struct vk_error *e, int code, const char *file, uint32_t line, uint32_t column,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = fill(e, code, file, line, column, fmt, ap);
	va_end(ap);
	return r;
}

void vk_error_advise(struct vk_error *e, const char *fmt, ...)
{
	va_list ap;

	if (!e || e->code == 0 || e->advice[0])
		return;
	va_start(ap, fmt);
	vsnprintf(e->advice, sizeof(e->advice), fmt, ap);
	va_end(ap);
}
