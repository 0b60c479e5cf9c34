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

/* Which operations take a text, and how long a name may be. */
static int check_op(const struct vk_call *c, struct vk_error *e)
{
	bool text = false;
	size_t most = 64;

	switch (c->op) {
	case VK_BROKER_LIST:
	case VK_BROKER_POP:
	case VK_BROKER_REMOVE:
		break;
	case VK_BROKER_CHILD:
		text = true;
		most = 16;
		break;
	case VK_BROKER_PUSH:
		text = true;
		break;
	case VK_BROKER_PROGRAM_PUSH:
	case VK_BROKER_PROGRAM_POP:
		return vk_error_set(e, ENOSYS, "this vkerneld cannot load programs yet");
	default:
		return vk_error_set(e, EBADMSG, "there is no operation %u", c->op);
	}
	if (text != (c->text_len != 0))
		return vk_error_set(e, EBADMSG,
				    text ? "the layer is missing" :
					   "this operation takes no layer");
	if (c->flags & ~(c->op == VK_BROKER_CHILD ? VK_BROKER_AT_EXEC : 0u))
		return vk_error_set(e, EBADMSG, "unknown flags");
	if (!name_ok(c->name, sizeof(c->name), most))
		return vk_error_set(e, EBADMSG, "malformed name");
	if (c->op == VK_BROKER_REMOVE && !c->name[0])
		return vk_error_set(e, EBADMSG, "the name is missing");
	return 0;
}

int vk_call_parse(const void *buf, size_t len, uint64_t number, const struct vk_call **ret,
		  const char **ret_text, struct vk_error *e)
{
	const struct vk_call *c = buf;
	int r;

	if (len < sizeof(*c) || (uintptr_t)buf % _Alignof(struct vk_call))
		return vk_error_set(e, EBADMSG, "the message is too short");
	if (c->magic != VK_BROKER_MAGIC)
		return vk_error_set(e, EBADMSG, "this is no message for vkerneld");
	if (c->version != VK_BROKER_VERSION)
		return vk_error_set(e, EPROTO, "vkerneld speaks version %d, not %u",
				    VK_BROKER_VERSION, c->version);
	if (c->text_len > VK_BROKER_TEXT_MAX)
		return vk_error_set(e, EMSGSIZE, "a layer has at most %u KiB",
				    VK_BROKER_TEXT_MAX >> 10);
	if (c->size != len || c->text_len != len - sizeof(*c) || c->zero)
		return vk_error_set(e, EBADMSG, "the lengths in the message are wrong");
	if (c->number != number)
		return vk_error_set(e, EBADMSG, "the message belongs to another connection");
	r = check_op(c, e);
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

	if (len != sizeof(*a) || a->magic != VK_BROKER_MAGIC || a->size != sizeof(*a) ||
	    a->version != VK_BROKER_VERSION || (a->op && a->op != op) || a->status > 0 ||
	    a->n_pushed > VK_BROKER_LAYERS || a->name[sizeof(a->name) - 1] ||
	    a->message[sizeof(a->message) - 1] || a->advice[sizeof(a->advice) - 1])
		return vk_error_set(e, EBADMSG, "the answer of vkerneld is malformed");
	return 0;
}

int vk_call_fill(struct vk_call *ret, uint64_t number, uint16_t op, uint32_t flags,
		 const char *name, size_t text_len, struct vk_error *e)
{
	size_t len = strlen(name);

	if (text_len > VK_BROKER_TEXT_MAX)
		return vk_error_set(e, EMSGSIZE, "a layer has at most %u KiB",
				    VK_BROKER_TEXT_MAX >> 10);
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
