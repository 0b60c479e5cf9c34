/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proto.c - see proto.h. Pure: it looks at bytes, and calls nothing. */
#include "proto.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._-", c));
}

/* Of allowed characters, ended by a NUL, and nothing hidden behind it. */
static bool name_ok(const char *name, size_t size, size_t most)
{
	size_t len = strnlen(name, size);

	if (len > most || len == size || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name_char(name[i]))
			return false;
	for (size_t i = len; i < size; i++)
		if (name[i])
			return false;
	return true;
}

/**
 * struct op - what a call of an operation may have
 * @text:      bytes that follow
 * @needed:    there must be some
 * @name:      length of the name
 * @flags:     enum vk_broker_flag
 * @name_text: what follows is a name
 * @map:       what follows is a struct vk_map_call,
 * @key:       and its key; may be left out only by DUMP,
 * @value:     and its value
 */
struct op {
	uint16_t op;
	uint32_t text;
	bool needed;
	size_t name;
	uint32_t flags;
	bool name_text;
	bool map;
	bool key;
	bool value;
};

#define MAP_OP(op_, ...)                                                                           \
	{                                                                                          \
		.op = (op_),                                                                       \
		.text = sizeof(struct vk_map_call) + VK_BROKER_KEY_MAX + VK_BROKER_VALUE_MAX,      \
		.needed = true, .name = 64, .map = true, ##__VA_ARGS__                             \
	}

static const struct op ops[] = {
	{.op = VK_BROKER_LIST, .name = 64},
	{.op = VK_BROKER_PUSH, .text = VK_BROKER_TEXT_MAX, .needed = true, .name = 64},
	{.op = VK_BROKER_POP, .name = 64},
	{.op = VK_BROKER_CHILD,
	 .text = VK_BROKER_TEXT_MAX,
	 .needed = true,
	 .name = 16,
	 .flags = VK_BROKER_AT_EXEC},
	{.op = VK_BROKER_REMOVE, .name = 64},
	{.op = VK_BROKER_PROGRAM_PUSH,
	 .text = VK_BROKER_IMAGE_MAX,
	 .needed = true,
	 .name = 64,
	 .flags = VK_BROKER_AUDIT | VK_BROKER_REPLACE},
	{.op = VK_BROKER_PROGRAM_POP, .text = 31, .name = 64, .name_text = true},
	MAP_OP(VK_BROKER_MAPS),
	MAP_OP(VK_BROKER_MAP_GET, .key = true),
	MAP_OP(VK_BROKER_MAP_DUMP, .key = true),
	MAP_OP(VK_BROKER_MAP_SET, .key = true, .value = true),
	MAP_OP(VK_BROKER_MAP_DELETE, .key = true),
};

static const struct op *find_op(uint16_t op)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].op == op)
			return &ops[i];
	return NULL;
}

bool vk_op_is_map(uint16_t op)
{
	const struct op *known = find_op(op);

	return known && known->map;
}

static int too_long(const struct op *op, struct vk_error *e)
{
	if (op->map)
		return vk_error_set(e, EBADMSG, "the lengths in the message are wrong");
	return vk_error_set(e, EMSGSIZE,
			    op->op == VK_BROKER_PROGRAM_PUSH ? "a program has at most %u KiB" :
							       "a layer has at most %u KiB",
			    op->text >> 10);
}

/* The lengths must be those of what follows, and there where the operation has them. */
static int check_map(const struct vk_call *c, const struct op *op, struct vk_error *e)
{
	const struct vk_map_call *m = (const void *)(c + 1);

	if (c->text_len < sizeof(*m) || m->key_len > VK_BROKER_KEY_MAX ||
	    m->value_len > VK_BROKER_VALUE_MAX ||
	    c->text_len != sizeof(*m) + m->key_len + m->value_len)
		return vk_error_set(e, EBADMSG, "the lengths in the message are wrong");
	if (!name_ok(m->program, sizeof(m->program), 31) || !m->program[0] ||
	    !name_ok(m->map, sizeof(m->map), 15) || !m->map[0] != (op->op == VK_BROKER_MAPS))
		return vk_error_set(e, EBADMSG, "malformed name of a program or map");
	if ((m->key_len && !op->key) || (m->value_len && !op->value) ||
	    (op->key && !m->key_len && op->op != VK_BROKER_MAP_DUMP) ||
	    (op->value && !m->value_len))
		return vk_error_set(e, EBADMSG, "a key or value too much, or too little");
	return 0;
}

static int check_op(const struct vk_call *c, const struct op *op, struct vk_error *e)
{
	const char *text = (const char *)(c + 1);

	if (op->needed && !c->text_len)
		return vk_error_set(e, EBADMSG, "what is to be pushed is missing");
	if (c->flags & ~op->flags)
		return vk_error_set(e, EBADMSG, "unknown flags");
	if (!name_ok(c->name, sizeof(c->name), op->name))
		return vk_error_set(e, EBADMSG, "malformed name");
	if (c->op == VK_BROKER_REMOVE && !c->name[0])
		return vk_error_set(e, EBADMSG, "the name is missing");
	for (uint32_t i = 0; op->name_text && i < c->text_len; i++)
		if (!name_char(text[i]))
			return vk_error_set(e, EBADMSG, "malformed name of a program");
	return op->map ? check_map(c, op, e) : 0;
}

int vk_call_parse(const void *buf, size_t len, uint64_t number, const struct vk_call **ret,
		  const char **ret_text, struct vk_error *e)
{
	const struct vk_call *c = buf;
	const struct op *op;
	int r;

	if (len < sizeof(*c) || (uintptr_t)buf % _Alignof(struct vk_call))
		return vk_error_set(e, EBADMSG, "the message is too short");
	if (c->magic != VK_BROKER_MAGIC)
		return vk_error_set(e, EBADMSG, "this is no message for vkerneld");
	if (c->version != VK_BROKER_VERSION)
		return vk_error_set(e, EPROTO, "vkerneld speaks version %d, not %u",
				    VK_BROKER_VERSION, c->version);
	op = find_op(c->op);
	if (!op)
		return vk_error_set(e, EBADMSG, "there is no operation %u", c->op);
	if (c->text_len > op->text && op->needed)
		return too_long(op, e);
	if (c->text_len > op->text)
		return vk_error_set(e, EBADMSG, "this operation takes no layer");
	if (c->size != len || c->text_len != len - sizeof(*c) || c->zero)
		return vk_error_set(e, EBADMSG, "the lengths in the message are wrong");
	if (c->number != number)
		return vk_error_set(e, EBADMSG, "the message belongs to another connection");
	r = check_op(c, op, e);
	if (r < 0)
		return r;
	*ret = c;
	*ret_text = (const char *)(c + 1);
	return 0;
}

int vk_hello_check(const void *buf, size_t len, uint64_t *ret_number, struct vk_error *e)
{
	const struct vk_hello *h = buf;

	if (len != sizeof(*h) || h->magic != VK_BROKER_MAGIC || h->size != sizeof(*h))
		return vk_error_set(e, EBADMSG, "who answers is not vkerneld");
	if (h->version != VK_BROKER_VERSION)
		return vk_error_set(e, EPROTO, "vkerneld speaks version %u, this command %d",
				    h->version, VK_BROKER_VERSION);
	*ret_number = h->number;
	return 0;
}

int vk_answer_check(const void *buf, size_t len, uint16_t op, struct vk_error *e)
{
	const struct vk_answer *a = buf;

	if (len < sizeof(*a) || a->data_len != len - sizeof(*a) || a->zero ||
	    a->magic != VK_BROKER_MAGIC || a->size != len || a->version != VK_BROKER_VERSION ||
	    (a->op && a->op != op) || a->status > 0 || a->n_pushed > VK_BROKER_LAYERS ||
	    a->n_programs > VK_BROKER_PROGRAMS || a->name[sizeof(a->name) - 1] ||
	    a->message[sizeof(a->message) - 1] || a->advice[sizeof(a->advice) - 1] ||
	    (a->data_len && !vk_op_is_map(op)))
		return vk_error_set(e, EBADMSG, "the answer of vkerneld is malformed");
	for (uint32_t i = 0; i < a->n_programs; i++)
		if (a->programs[i][sizeof(a->programs[i]) - 1])
			return vk_error_set(e, EBADMSG, "the answer of vkerneld is malformed");
	return 0;
}

int vk_call_fill(struct vk_call *ret, uint64_t number, uint16_t op, uint32_t flags,
		 const char *name, size_t text_len, struct vk_error *e)
{
	const struct op *known = find_op(op);
	size_t len = strlen(name);

	if (known && known->needed && text_len > known->text)
		return too_long(known, e);
	*ret = (struct vk_call){
		.magic = VK_BROKER_MAGIC,
		.version = VK_BROKER_VERSION,
		.op = op,
		.size = (uint32_t)(sizeof(*ret) + text_len),
		.flags = flags,
		.number = number,
		.text_len = (uint32_t)text_len,
	};
	if (len >= sizeof(ret->name))
		return vk_error_set(e, EINVAL, "\"%s\" is no name for an instance", name);
	memcpy(ret->name, name, len);
	return 0;
}

void vk_answer_fill(struct vk_answer *ret, uint16_t op, int status, const struct vk_error *e)
{
	memset(ret, 0, sizeof(*ret));
	ret->magic = VK_BROKER_MAGIC;
	ret->version = VK_BROKER_VERSION;
	ret->op = op;
	ret->size = sizeof(*ret);
	ret->status = status;
	if (status == 0)
		return;
	ret->line = e->line;
	ret->column = e->column;
	_Static_assert(sizeof(ret->message) == sizeof(e->message), "copied whole");
	memcpy(ret->message, e->message, sizeof(ret->message));
	memcpy(ret->advice, e->advice, sizeof(ret->advice));
}
