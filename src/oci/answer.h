/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* answer.h - what a container's policies mean for its configuration: kept, or the hook's word. */
#ifndef VK_OCI_ANSWER_H
#define VK_OCI_ANSWER_H

#include "runtime.h"

/**
 * struct answer - what is known of a container's policies
 * @text:     owned
 * @hash:     of the filter for system calls, 16 digits
 * @asked:    by what it is kept, where the engine's profiles count: 64 digits; or ""
 * @profile:  the seccomp profile that the policies need, together with the engine's; "": none
 * @takeover: the engine's profiles are layers
 * @broker:   members may push
 */
struct answer {
	char *text;
	char hash[17];
	char asked[65];
	const char *profile;
	bool takeover;
	bool broker;
};
void answer_free(struct answer *a);

/* @text: of config.json. */
int answer_get(const struct request *q, const char *text, size_t len, struct answer *ret,
	       struct vk_error *e);

/* All that somebody prints, NUL behind it. */
int read_answer(int fd, char **ret, size_t *ret_len, struct vk_error *e);

#endif
