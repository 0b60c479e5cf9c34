// SPDX-License-Identifier: LGPL-2.1-or-later
/* parse_path.c - the sections whose rules name paths: files, exec and mounts. */
#include <string.h>

#include "compile.h"
#include "glob.h"
#include "names.h"
#include "parse_internal.h"

enum vk_action vk_action_of(const char *word)
{
	int i = 0;

	while (vk_words_action[i] && strcmp(vk_words_action[i], word) != 0)
		i++;
	return i;
}

static int bad_glob(struct vk_parser *p, const struct vk_node *n, size_t skip, size_t off,
		    const char *why)
{
	const char *glob = n->text + skip;

	vk_mistake(p, vk_pos_in(n, skip + off), "in the pattern \"%s\": %s", vk_show(glob), why);
	if (off == 0 && glob[0] == '*')
		vk_error_advise(p->e, "for a file of this name anywhere, write \"/**/name\"");
	else if (off == 0 && glob[0] != '/')
		vk_error_advise(p->e, "write the whole path, from \"/\" on");
	return -EINVAL;
}

int vk_add_path(struct vk_parser *p, enum vk_section section, enum vk_action action,
		uint32_t rights, const struct vk_node *n, size_t skip)
{
	struct vk_policy *policy = p->policy;
	const char *why = "malformed";
	struct vk_path_rule *rule;
	size_t off = 0;
	int r;

	r = vk_expect_scalar(p, n, "a path");
	if (r < 0)
		return r;
	if (section != VK_SECTION_NETWORK && n->text[skip] == '@')
		return bad_glob(p, n, skip, 0, "only a unix socket's name can begin with @");
	r = vk_glob_check(n->text + skip, &off, &why);
	if (r == -ENOMEM)
		return vk_oom(p);
	if (r < 0)
		return bad_glob(p, n, skip, off, why);
	r = vk_grow(p, &policy->paths, policy->n_paths, sizeof(*rule), n->pos);
	if (r < 0)
		return r;
	rule = &policy->paths[policy->n_paths];
	*rule = (struct vk_path_rule){section, action, rights, strdup(n->text + skip), n->pos};
	if (!rule->glob)
		return vk_oom(p);
	policy->n_paths++;
	return 0;
}

int vk_add_globs(struct vk_parser *p, enum vk_section section, enum vk_action action,
		 uint32_t rights, const struct vk_node *list)
{
	vk_for_each_item(item, list)
	{
		int r = vk_add_path(p, section, action, rights, item, 0);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_section(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val,
		     struct vk_section_state *state)
{
	struct vk_section_head *head = &p->policy->sections[state->section];
	int r;

	head->set = true;
	head->def = VK_ACTION_DENY;
	head->pos = key->pos;
	r = vk_parse_map(p, val, row->child, row->key, state);
	if (r < 0)
		return r;
	/* "deny: [x]" alone would refuse everything else, too; hardly what its author meant. */
	if (!state->has_default && state->n[VK_ACTION_ALLOW] == 0) {
		vk_mistake(p, key->pos, "\"%s\" has no default and allows nothing", row->key);
		vk_error_advise(p->e, "add \"default: allow\", or \"default: deny\" if nothing "
				      "shall be allowed");
		return -EINVAL;
	}
	return 0;
}

int vk_parse_default(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_section_state *state = out;
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	if (r < 0)
		return r;
	state->has_default = true;
	p->policy->sections[state->section].def = r;
	p->policy->sections[state->section].pos = val->pos;
	return 0;
}

int vk_parse_foreign(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->foreign_deny = r == VK_ACTION_DENY;
	p->policy->foreign_pos = val->pos;
	return 0;
}

static uint32_t file_rights(const char *word)
{
	uint32_t right = 0;

	if (strcmp(word, "all") == 0)
		return VK_RIGHTS_ALL;
	if (strcmp(word, "modify") == 0)
		return VK_RIGHTS_MODIFY;
	if (strcmp(word, "write") == 0)
		return VK_RIGHTS_WRITE;
	vk_right_parse(word, &right);
	return right;
}

static int parse_rights(struct vk_parser *p, const struct vk_node *list, uint32_t *ret)
{
	*ret = 0;
	vk_for_each_item(item, list)
	{
		uint32_t other;
		int r = vk_expect_scalar(p, item, "a right");

		if (r < 0)
			return r;
		if (vk_right_parse(item->text, &other) == 0 && !(other & VK_RIGHTS_ALL)) {
			vk_mistake(p, item->pos, "\"%s\" is not a right of file rules", item->text);
			vk_error_advise(p->e, "it belongs in \"%s\"",
					other & VK_R_MOUNTS_ALL ? "mounts" : "network");
			return -EINVAL;
		}
		r = vk_expect_word(p, item, vk_words_rights, "a right");
		if (r < 0)
			return r;
		*ret |= file_rights(item->text);
	}
	return *ret ? 0 : vk_mistake(p, list->pos, "the rule names no right");
}

static int parse_rule(struct vk_parser *p, const struct vk_node *n, struct vk_section_state *state)
{
	const struct vk_node *action = NULL, *rights = NULL, *path;
	struct vk_kept kept = {0};
	uint32_t mask;
	int r;

	r = vk_parse_map(p, n, "files.rules", "a file rule", &kept);
	if (r < 0)
		return r;
	for (size_t i = 0; i < kept.n; i++) {
		if (strcmp(kept.item[i].key->text, "path") == 0)
			continue;
		if (action) {
			vk_mistake(p, kept.item[i].key->pos,
				   "a rule has one of allow, deny and audit; this one has "
				   "\"%s\" and \"%s\"",
				   action->text, kept.item[i].key->text);
			vk_error_advise(p->e, "write a rule for each, with the same path");
			return -EINVAL;
		}
		action = kept.item[i].key;
		rights = kept.item[i].val;
	}
	path = vk_kept_val(&kept, "path");
	if (!action || !path) {
		vk_mistake(p, n->pos, "the rule has no \"%s\"",
			   action ? "path" : "allow, deny or audit");
		vk_error_advise(p->e, "a rule looks like {deny: [write], path: /etc/**}");
		return -EINVAL;
	}
	r = parse_rights(p, rights, &mask);
	if (r < 0)
		return r;
	if (path->type == VK_LIST && !path->child)
		return vk_mistake(p, path->pos, "the rule names no path");
	state->n[vk_action_of(action->text)]++;
	return vk_add_globs(p, VK_SECTION_FILES, vk_action_of(action->text), mask, path);
}

int vk_parse_rules(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		   const struct vk_node *val, void *out)
{
	(void)row;
	(void)key;
	vk_for_each_item(item, val)
	{
		int r = parse_rule(p, item, out);

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_files(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		   const struct vk_node *val, void *out)
{
	struct vk_section_state state = {.section = VK_SECTION_FILES};

	(void)out;
	return vk_parse_section(p, row, key, val, &state);
}

int vk_parse_programs(struct vk_parser *p, const struct vk_schema_key *row,
		      const struct vk_node *key, const struct vk_node *val, void *out)
{
	enum vk_action action = vk_action_of(row->key);
	struct vk_section_state *state = out;
	uint32_t rights = VK_R_EXEC;

	(void)key;
	/* A program that may be executed must be mapped for it, even under "files: deny". */
	if (action == VK_ACTION_ALLOW)
		rights |= VK_R_MMAP_EXEC;
	state->n[action]++;
	return vk_add_globs(p, VK_SECTION_EXEC, action, rights, val);
}

int vk_parse_exec(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	struct vk_section_state state = {.section = VK_SECTION_EXEC};

	(void)out;
	return vk_parse_section(p, row, key, val, &state);
}

static int parse_mount_item(struct vk_parser *p, const struct vk_node *n, enum vk_action action)
{
	const struct vk_node *op, *on;
	struct vk_kept kept = {0};
	uint32_t mask = 0;
	int r;

	r = vk_parse_map(p, n, "mounts.items", "a mount rule", &kept);
	if (r < 0)
		return r;
	op = vk_kept_val(&kept, "op");
	on = vk_kept_val(&kept, "on");
	if (!op || !on) {
		vk_mistake(p, n->pos, "the mount rule has no \"%s\"", op ? "on" : "op");
		vk_error_advise(p->e, "a mount rule looks like {op: [mount, umount], on: /mnt/**}");
		return -EINVAL;
	}
	vk_for_each_item(item, op)
	{
		uint32_t right = VK_R_MOUNTS_ALL;

		r = vk_expect_word(p, item, vk_words_mounts, "a mount operation");
		if (r < 0)
			return r;
		if (strcmp(item->text, "all") != 0)
			vk_right_parse(item->text, &right);
		mask |= right;
	}
	if (!mask || (on->type == VK_LIST && !on->child))
		return vk_mistake(p, mask ? on->pos : op->pos, "the mount rule names no %s",
				  mask ? "path" : "operation");
	return vk_add_globs(p, VK_SECTION_MOUNTS, action, mask, on);
}

int vk_parse_mount(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		   const struct vk_node *val, void *out)
{
	struct vk_section_state *state = out;

	(void)key;
	state->n[vk_action_of(row->key)]++;
	vk_for_each_item(item, val)
	{
		int r = parse_mount_item(p, item, vk_action_of(row->key));

		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_mounts(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		    const struct vk_node *val, void *out)
{
	struct vk_section_state state = {.section = VK_SECTION_MOUNTS};

	(void)out;
	return vk_parse_section(p, row, key, val, &state);
}
