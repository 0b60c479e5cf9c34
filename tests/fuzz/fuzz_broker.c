// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fuzz_broker.c - what vkerneld makes of a message: a call that is what it must be, or an error.
 * The number of the connection is that of the message, so that inputs get past it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_call(const uint8_t *data, size_t size, const struct vk_call *c, const char *text)
{
	size_t len = strnlen(c->name, sizeof(c->name));

	require((const uint8_t *)c == data && (const uint8_t *)text == data + sizeof(*c));
	bool program = c->op == VK_BROKER_PROGRAM_PUSH, pop = c->op == VK_BROKER_PROGRAM_POP;

	require(sizeof(*c) + c->text_len == size);
	require(c->text_len <= (program ? VK_BROKER_IMAGE_MAX : VK_BROKER_TEXT_MAX));
	require((c->op >= VK_BROKER_LIST && c->op <= VK_BROKER_REMOVE) || program || pop);
	require(len <= 64 && strspn(c->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789._-") == len);
	require((c->text_len != 0) ==
			(c->op == VK_BROKER_PUSH || c->op == VK_BROKER_CHILD || program) ||
		pop);
	require(!pop || c->text_len < 32);
	require(!(c->flags &
		  ~(uint32_t)(program ? VK_BROKER_AUDIT | VK_BROKER_REPLACE : VK_BROKER_AT_EXEC)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = aligned_alloc(8, (size + 15) / 8 * 8);
	const struct vk_call *c = NULL;
	const char *text = NULL;
	struct vk_error e = {0};
	uint64_t number = 0;
	int r;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size >= sizeof(struct vk_call))
		number = ((const struct vk_call *)copy)->number;
	r = vk_call_parse(copy, size, number, &c, &text, &e);
	if (r == 0)
		check_call(copy, size, c, text);
	else
		require(!c && e.code == -r && *e.message);
	/* The caller's side. */
	e = (struct vk_error){0};
	if (vk_answer_check(copy, size, VK_BROKER_PUSH, &e) == 0)
		require(strlen(((struct vk_answer *)copy)->message) < 512);
	free(copy);
	return 0;
}
