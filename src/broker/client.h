/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h - calls to vkerneld. */
#ifndef VK_BROKER_CLIENT_H
#define VK_BROKER_CLIENT_H

#include "proto.h"

/**
 * struct vk_ask - a call
 * @op, @flags, @name, @text, @text_len: see proto.h
 * @pidfd:  to be passed, or -1
 * @patience_s: how long to try again when there are too many calls at once
 * @data:   where what follows the answer goes; its length is in the answer
 * @room:   and how much may
 */
struct vk_ask {
	uint16_t op;
	uint32_t flags;
	const char *name;
	const char *text;
	size_t text_len;
	int pidfd;
	unsigned int patience_s;
	void *data;
	size_t room;
};

/* Return: the status of the answer, with @e filled when it is no success; -ENOENT, -ECONNREFUSED:
 * there is no vkerneld here. */
int vk_broker_ask(const struct vk_ask *q, struct vk_answer *ret, struct vk_error *e);

#endif
