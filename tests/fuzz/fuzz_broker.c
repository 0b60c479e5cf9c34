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

static bool is_name(const char *name, size_t most)
{
	size_t len = strnlen(name, most + 1);

	return len <= most && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789._-") == len;
}

/* What is behind the head of a call about maps is used by these lengths. */
static void check_map(const struct vk_call *c, const struct vk_map_call *m)
{
	require(c->text_len == sizeof(*m) + m->key_len + m->value_len);
	require(m->key_len <= VK_BROKER_KEY_MAX && m->value_len <= VK_BROKER_VALUE_MAX);
	require(is_name(m->program, 31) && m->program[0] && is_name(m->map, 15));
	require(!m->map[0] == (c->op == VK_BROKER_MAPS));
	require(m->key_len || c->op == VK_BROKER_MAPS || c->op == VK_BROKER_MAP_DUMP);
	require(!m->value_len == (c->op != VK_BROKER_MAP_SET));
}

static void check_call(const uint8_t *data, size_t size, const struct vk_call *c, const char *text)
{
	bool program = c->op == VK_BROKER_PROGRAM_PUSH, pop = c->op == VK_BROKER_PROGRAM_POP,
	     map = c->op >= VK_BROKER_MAPS && c->op <= VK_BROKER_MAP_DELETE;

	require((const uint8_t *)c == data && (const uint8_t *)text == data + sizeof(*c));
	require(sizeof(*c) + c->text_len == size);
	require(c->text_len <= (program ? VK_BROKER_IMAGE_MAX : VK_BROKER_TEXT_MAX));
	require((c->op >= VK_BROKER_LIST && c->op <= VK_BROKER_REMOVE) || program || pop || map);
	require(vk_op_is_map(c->op) == map);
	require(is_name(c->name, 64));
	require((c->text_len != 0) ==
			(c->op == VK_BROKER_PUSH || c->op == VK_BROKER_CHILD || program || map) ||
		pop);
	require(!pop || c->text_len < 32);
	require(!(c->flags &
		  ~(uint32_t)(program ? VK_BROKER_AUDIT | VK_BROKER_REPLACE : VK_BROKER_AT_EXEC)));
	if (map)
		check_map(c, (const void *)text);
}

static void check_answer(const void *data, size_t size, uint16_t op)
{
	const struct vk_answer *a = data;
	struct vk_error e = {0};

	if (vk_answer_check(data, size, op, &e) < 0)
		return;
	require(strnlen(a->message, 512) < 512 && strnlen(a->advice, 512) < 512);
	require(sizeof(*a) + a->data_len == size && (!a->data_len || vk_op_is_map(op)));
	require(a->n_pushed <= VK_BROKER_LAYERS && a->n_programs <= VK_BROKER_PROGRAMS);
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
	check_answer(copy, size, VK_BROKER_PUSH);
	check_answer(copy, size, VK_BROKER_MAP_GET);
	free(copy);
	return 0;
}
