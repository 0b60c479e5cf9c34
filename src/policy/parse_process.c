// SPDX-License-Identifier: LGPL-2.1-or-later
/* parse_process.c - processes, capabilities, and the switches for whole kernel facilities. */
#include <string.h>
#include <strings.h>

#include "compile.h"
#include "names.h"
#include "parse_internal.h"

int vk_parse_processes(struct vk_parser *p, const struct vk_schema_key *row,
		       const struct vk_node *key, const struct vk_node *val, void *out)
{
	(void)key;
	(void)out;
	return vk_parse_map(p, val, row->child, row->key, NULL);
}

int vk_parse_scope(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		   const struct vk_node *val, void *out)
{
	struct vk_scope_setting *s =
		strcmp(row->key, "ptrace") == 0 ? &p->policy->ptrace : &p->policy->signal;
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	*s = (struct vk_scope_setting){true, r, val->pos};
	return 0;
}

int vk_parse_switch(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		    const struct vk_node *val, void *out)
{
	struct vk_policy *policy = p->policy;
	int r = vk_expect_word(p, val, row->words, row->key);
	unsigned int bit = 0;

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	while (strcmp(vk_switch_name(1u << bit), row->key) != 0)
		bit++;
	policy->switches_set |= 1u << bit;
	if (r == VK_ACTION_DENY)
		policy->switches_deny |= 1u << bit;
	if (r == VK_ACTION_AUDIT)
		policy->switches_audit |= 1u << bit;
	policy->switch_pos[bit] = val->pos;
	return 0;
}

static int parse_capability(struct vk_parser *p, const struct vk_schema_key *row,
			    const struct vk_node *n)
{
	const char *bare;
	int cap, r = vk_expect_scalar(p, n, "a capability");

	if (r < 0)
		return r;
	if (vk_cap_parse(n->text, &cap) == 0) {
		p->policy->caps |= UINT64_C(1) << cap;
		return 0;
	}
	if (strcmp(n->text, "all") == 0 || strcmp(n->text, "none") == 0) {
		vk_mistake(p, n->pos, "\"%s\" cannot be in a list of capabilities", n->text);
		vk_error_advise(p->e, "write \"capabilities: %s\"", n->text);
		return -EINVAL;
	}
	bare = strncasecmp(n->text, "CAP_", 4) == 0 ? n->text + 4 : n->text;
	vk_mistake(p, n->pos, "unknown capability \"%s\"", vk_show(n->text));
	vk_advise_words(p, bare, row->words, "capabilities(7) lists them");
	return -EINVAL;
}

int vk_parse_capabilities(struct vk_parser *p, const struct vk_schema_key *row,
			  const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_policy *policy = p->policy;

	(void)out;
	policy->caps_set = true;
	policy->caps_pos = key->pos;
	/* All of them, those of later kernels included. */
	if (val->type == VK_SCALAR && strcmp(val->text, "all") == 0) {
		policy->caps = ~UINT64_C(0);
		return 0;
	}
	if (val->type == VK_SCALAR && strcmp(val->text, "none") == 0)
		return 0;
	vk_for_each_item(item, val)
	{
		int r = parse_capability(p, row, item);

		if (r < 0)
			return r;
	}
	return 0;
}
