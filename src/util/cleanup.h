/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cleanup.h - ownership by attribute: what a scope owns is released when it is left. */
#ifndef VK_CLEANUP_H
#define VK_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define vk_cleanup(fn) __attribute__((cleanup(fn)))

static inline void vk_freep(void *p)
{
	free(*(void **)p);
}

/* Keeps errno, so that a failing path reports its own cause. */
static inline void vk_closep(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void vk_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ vk_cleanup(vk_freep)
#define _cleanup_close_ vk_cleanup(vk_closep)
#define _cleanup_fclose_ vk_cleanup(vk_fclosep)

static inline int vk_take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define vk_take_ptr(p)                                                                             \
	({                                                                                         \
		__typeof__(p) *_pp = &(p);                                                         \
		__typeof__(p) _v = *_pp;                                                           \
		*_pp = NULL;                                                                       \
		_v;                                                                                \
	})

#endif
