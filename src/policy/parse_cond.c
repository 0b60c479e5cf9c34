// SPDX-License-Identifier: LGPL-2.1-or-later
/* parse_cond.c - comparisons of a system call's argument: "AF_ALG", "< 5", "& 0x7 == 3". */
#include <string.h>

#include "parse_internal.h"
#include "syscalls.h"

static int bad(struct vk_parser *p, const struct vk_node *n, const char *at, const char *why)
{
	vk_mistake(p, vk_pos_in(n, (size_t)(at - n->text)), "in the condition \"%s\": %s",
		   vk_show(n->text), why);
	vk_error_advise(p->e, "write a value, or a comparison in quotes: \"== 5\", \"!= 5\", "
			      "\"< 5\", \"<= 5\", \"> 5\", \">= 5\", \"& 0xff == 5\"");
	return -EINVAL;
}

/* The number of a constant, with the nearest word if there is none. */
static int value(struct vk_parser *p, const struct vk_node *n, const char *at, size_t len,
		 uint8_t width, uint64_t *ret)
{
	char word[64] = "";
	const char *near;

	while (len && *at == ' ')
		at++, len--;
	while (len && at[len - 1] == ' ')
		len--;
	if (len == 0)
		return bad(p, n, at, "a value is missing");
	if (vk_constant_parse(at, len, ret) < 0) {
		if (len < sizeof(word))
			memcpy(word, at, len);
		vk_mistake(p, vk_pos_in(n, (size_t)(at - n->text)), "unknown value in \"%s\"",
			   vk_show(n->text));
		near = vk_constant_nearest(word);
		if (near)
			vk_error_advise(p->e, "did you mean \"%s\"?", near);
		vk_error_advise(p->e, "write a number, as 38 or 0x26; a few hundred constants "
				      "such as AF_ALG are known by name");
		return -EINVAL;
	}
	if (width < 64 && *ret >> width) {
		vk_mistake(p, vk_pos_in(n, (size_t)(at - n->text)),
			   "the kernel looks at %u bits of this argument, and the value has more",
			   width);
		return -EINVAL;
	}
	return 0;
}

static const struct {
	const char *sign;
	uint8_t op;
} signs[] = {
	/* the longer first */
	{"==", VK_SYS_EQ}, {"!=", VK_SYS_NE}, {"<=", VK_SYS_LE},
	{">=", VK_SYS_GE}, {"<", VK_SYS_LT},  {">", VK_SYS_GT},
};

/* One comparison, @len bytes from @at on. */
static int parse_one(struct vk_parser *p, const struct vk_node *n, const char *at, size_t len,
		     struct vk_sys_cond *c)
{
	const char *test = NULL;
	int r;

	while (len && *at == ' ')
		at++, len--;
	if (len && *at == '&') {
		for (size_t i = 1; i + 1 < len && !test; i++)
			if ((at[i] == '=' || at[i] == '!') && at[i + 1] == '=')
				test = at + i;
		c->op = test && *test == '=' ? VK_SYS_MASK_EQ : VK_SYS_MASK_NE;
		r = value(p, n, at + 1, test ? (size_t)(test - at - 1) : len - 1, c->width,
			  &c->mask);
		if (r == 0 && test)
			r = value(p, n, test + 2, len - (size_t)(test + 2 - at), c->width,
				  &c->value);
		if (r == 0 && c->value & ~c->mask)
			return bad(p, n, test, "the value has bits that the mask has not");
		return r;
	}
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t sign = strlen(signs[i].sign);

		if (len >= sign && strncmp(at, signs[i].sign, sign) == 0) {
			c->op = signs[i].op;
			return value(p, n, at + sign, len - sign, c->width, &c->value);
		}
	}
	c->op = VK_SYS_EQ;
	return value(p, n, at, len, c->width, &c->value);
}

int vk_parse_condition(struct vk_parser *p, const struct vk_node *n, uint8_t arg, uint8_t width,
		       struct vk_sys_cond *conds, uint8_t *n_conds)
{
	const char *at = n->text;

	for (;;) {
		const char *and = strstr(at, " and ");
		struct vk_sys_cond c = {.arg = arg, .width = width};
		int r = parse_one(p, n, at, and? (size_t)(and-at) : strlen(at), &c);

		if (r < 0)
			return r;
		if (*n_conds == VK_SYS_CONDS)
			return vk_mistake(p, n->pos, "a rule has at most %d conditions",
					  VK_SYS_CONDS);
		conds[(*n_conds)++] = c;
		if (!and)
			return 0;
		at = and+5;
	}
}
