// SPDX-License-Identifier: LGPL-2.1-or-later
/* parse_push.c - what members may add by themselves. */
#include <stdlib.h>
#include <string.h>

#include "parse_internal.h"

int vk_parse_push(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	(void)out;
	p->policy->push.set = true;
	p->policy->push.pos = key->pos;
	return vk_parse_map(p, val, row->child, row->key, NULL);
}

int vk_parse_push_count(struct vk_parser *p, const struct vk_schema_key *row,
			const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_push_setting *push = &p->policy->push;
	const struct {
		const char *key;
		uint8_t *value;
		unsigned long most;
	} counts[] = {
		{"layers", &push->layers, VK_MAX_LAYERS - 1},
		{"children", &push->children, VK_PUSH_CHILDREN_MAX},
		{"programs", &push->programs, VK_PUSH_PROGRAMS_MAX},
	};
	unsigned long n;
	size_t i = 0;
	int r = vk_expect_scalar(p, val, row->key);
	char *end;

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	while (strcmp(counts[i].key, row->key) != 0)
		i++; /* it is one of the schema's */
	n = strtoul(val->text, &end, 10);
	if (*end || strspn(val->text, "0123456789") != strlen(val->text) || n > counts[i].most)
		return vk_mistake(p, val->pos, "\"%s\" is no number from 0 to %lu",
				  vk_show(val->text), counts[i].most);
	*counts[i].value = (uint8_t)n;
	return 0;
}

int vk_parse_poppable(struct vk_parser *p, const struct vk_schema_key *row,
		      const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->push.poppable = r;
	return 0;
}
