// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * parse.c - a policy document as a whole: its keys, and the rule sets it uses.
 *
 * vk_parse_map() walks a map of the document along the schema; the handlers of the sections are
 * in parse_path.c, parse_net.c and parse_process.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "parse_internal.h"

#define LIST_MAX 24 /* a longer list of words is no advice */

void vk_advise_words(struct vk_parser *p, const char *word, const char *const *words,
		     const char *otherwise)
{
	const char *near = vk_nearest(word, words);
	char list[400];
	size_t len = 0, n = 0;

	if (near) {
		vk_error_advise(p->e, "did you mean \"%s\"?", near);
		return;
	}
	for (; words[n]; n++) {
		int r = snprintf(list + len, sizeof(list) - len, "%s%s", n ? ", " : "", words[n]);

		len += r;
		if (n >= LIST_MAX || len >= sizeof(list)) {
			vk_error_advise(p->e, "%s", otherwise);
			return;
		}
	}
	vk_error_advise(p->e, "known here: %s", list);
}

int vk_expect_scalar(struct vk_parser *p, const struct vk_node *n, const char *what)
{
	if (n->type == VK_SCALAR && *n->text)
		return 0;
	if (n->type == VK_SCALAR)
		return vk_mistake(p, n->pos, "%s is empty", what);
	return vk_mistake(p, n->pos, "%s must be a word, not a %s", what,
			  n->type == VK_LIST ? "list" : "map");
}

int vk_expect_word(struct vk_parser *p, const struct vk_node *n, const char *const *words,
		   const char *what)
{
	int r = vk_expect_scalar(p, n, what);

	if (r < 0)
		return r;
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], n->text) == 0)
			return i;
	vk_mistake(p, n->pos, "unknown word \"%s\" for %s", vk_show(n->text), what);
	vk_advise_words(p, n->text, words, "");
	return -EINVAL;
}

int vk_grow(struct vk_parser *p, void *array, size_t n, size_t size, struct vk_pos pos)
{
	void *now, *bigger;

	if (p->policy->n_paths + p->policy->n_inet + p->policy->n_sockets +
		    p->policy->sys.n_rules >=
	    VK_RULES_MAX)
		return vk_error_at(p->e, E2BIG, p->file, pos.line, pos.column,
				   "the policy has more than %u rules", VK_RULES_MAX);
	/* Grows at powers of two, so that the capacity need not be stored. */
	if (n & (n - 1))
		return 0;
	memcpy(&now, array, sizeof(now));
	bigger = reallocarray(now, n ? 2 * n : 1, size);
	if (!bigger)
		return vk_oom(p);
	memcpy(array, &bigger, sizeof(bigger));
	return 0;
}

static int unknown_key(struct vk_parser *p, const struct vk_node *key, const char *parent,
		       const char *what)
{
	const char *words[VK_SCHEMA_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < vk_n_schema; i++)
		if (strcmp(vk_schema[i].parent, parent) == 0 && vk_schema[i].kind != VK_KIND_LATER)
			words[n++] = vk_schema[i].key;
	words[n] = NULL;
	vk_mistake(p, key->pos, "unknown key \"%s\" in %s", vk_show(key->text), what);
	vk_advise_words(p, key->text, words, "");
	return -EINVAL;
}

/* "key:" and nothing behind it, or one of YAML's words for nothing. */
static bool is_null(const struct vk_node *n)
{
	return n->type == VK_SCALAR && n->plain &&
	       (!*n->text || strcmp(n->text, "~") == 0 || strcasecmp(n->text, "null") == 0);
}

int vk_parse_map(struct vk_parser *p, const struct vk_node *map, const char *parent,
		 const char *what, void *out)
{
	const struct vk_node *seen[VK_SCHEMA_MAX] = {NULL};

	if (map->type != VK_MAP) {
		vk_mistake(p, map->pos, "%s must be a map", what);
		vk_error_advise(p->e, "write \"key: value\" lines, or {key: value}");
		return -EINVAL;
	}
	for (const struct vk_node *key = map->child; key; key = key->next) {
		const struct vk_schema_key *row = vk_schema_find(parent, key->text);
		int r;

		if (!row)
			return unknown_key(p, key, parent, what);
		if (seen[row - vk_schema]) {
			vk_mistake(p, key->pos, "duplicate key \"%s\"", row->key);
			vk_error_advise(p->e, "it is first given on line %u",
					seen[row - vk_schema]->pos.line);
			return -EINVAL;
		}
		seen[row - vk_schema] = key;
		if (row->kind != VK_KIND_LATER && is_null(key->val))
			return vk_mistake(p, key->pos, "\"%s\" has no value", row->key);
		r = row->parse(p, row, key, key->val, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int vk_parse_version(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_scalar(p, val, row->key);

	(void)key;
	if (r < 0)
		return r;
	if (strcmp(val->text, "1") == 0) {
		*(bool *)out = true;
		return 0;
	}
	vk_mistake(p, val->pos, "unknown version \"%s\" of the policy format", vk_show(val->text));
	vk_error_advise(p->e, "this vkernel knows version 1");
	return -EINVAL;
}

int vk_parse_name(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	int r = vk_expect_scalar(p, val, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	for (size_t i = 0; val->text[i]; i++) {
		unsigned char c = val->text[i];

		if (!(isalnum(c) && c < 0x80) && !(i && strchr("-_.", c))) {
			vk_mistake(p, vk_pos_in(val, i), "\"%s\" cannot be a name",
				   vk_show(val->text));
			vk_error_advise(p->e, "use letters, digits, \"-\", \"_\" and \".\", and "
					      "begin with a letter or digit");
			return -EINVAL;
		}
		if (i >= VK_NAME_MAX_LEN)
			return vk_mistake(p, val->pos, "the name is longer than %d characters",
					  VK_NAME_MAX_LEN);
	}
	p->policy->name = strdup(val->text);
	return p->policy->name ? 0 : vk_oom(p);
}

int vk_parse_mitigates(struct vk_parser *p, const struct vk_schema_key *row,
		       const struct vk_node *key, const struct vk_node *val, void *out)
{
	struct vk_policy *policy = p->policy;

	(void)key;
	(void)out;
	vk_for_each_item(n, val)
	{
		int r = vk_expect_scalar(p, n, row->key);

		if (r < 0)
			return r;
		for (size_t i = 0; n->text[i]; i++)
			if (!isalnum((unsigned char)n->text[i]) &&
			    !(i && strchr("-_.", n->text[i])))
				return vk_mistake(p, vk_pos_in(n, i),
						  "\"%s\" cannot be the name of an attack",
						  vk_show(n->text));
		if (strlen(n->text) > VK_NAME_MAX_LEN)
			return vk_mistake(p, n->pos, "the name is longer than %d characters",
					  VK_NAME_MAX_LEN);
		r = vk_grow(p, &policy->mitigates, policy->n_mitigates, sizeof(char *), n->pos);
		if (r < 0)
			return r;
		policy->mitigates[policy->n_mitigates] = strdup(n->text);
		if (!policy->mitigates[policy->n_mitigates])
			return vk_oom(p);
		policy->n_mitigates++;
	}
	return 0;
}

int vk_parse_text(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	(void)key;
	(void)out;
	return vk_expect_scalar(p, val, row->key);
}

int vk_parse_mode(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->mode = r;
	return 0;
}

int vk_parse_takeover(struct vk_parser *p, const struct vk_schema_key *row,
		      const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_word(p, val, row->words, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->takeover = r;
	return 0;
}

int vk_parse_in_place_of(struct vk_parser *p, const struct vk_schema_key *row,
			 const struct vk_node *key, const struct vk_node *val, void *out)
{
	int r = vk_expect_scalar(p, val, row->key);

	(void)key;
	(void)out;
	if (r < 0)
		return r;
	p->policy->in_place_of = strdup(val->text);
	return p->policy->in_place_of ? 0 : vk_oom(p);
}

int vk_parse_later(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		   const struct vk_node *val, void *out)
{
	(void)val;
	(void)out;
	vk_mistake(p, key->pos, "\"%s\" is not supported by this version of vkernel", row->key);
	vk_error_advise(p->e, "remove it: a rule that cannot be enforced is never ignored");
	return -EINVAL;
}

int vk_parse_keep(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		  const struct vk_node *val, void *out)
{
	struct vk_kept *k = out;

	(void)p;
	(void)row;
	/* There is room: keys are known and not repeated. */
	k->item[k->n].key = key;
	k->item[k->n++].val = val;
	return 0;
}

const struct vk_node *vk_kept_key(const struct vk_kept *k, const char *key)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->item[i].key->text, key) == 0)
			return k->item[i].key;
	return NULL;
}

const struct vk_node *vk_kept_val(const struct vk_kept *k, const char *key)
{
	const struct vk_node *n = vk_kept_key(k, key);

	return n ? n->val : NULL;
}

static int parse_document(const char *file, const char *text, size_t len, struct vk_uses *uses,
			  const struct vk_use_link *chain, struct vk_error *e,
			  struct vk_policy **ret);

static int check_cycle(struct vk_parser *p, const struct vk_node *n)
{
	char chain[300] = "";
	const struct vk_use_link *l;

	for (l = p->chain; l; l = l->up)
		if (strcmp(l->name, n->text) == 0)
			break;
	if (!l)
		return 0;
	for (l = p->chain; l; l = l->up) {
		char longer[300];

		if (snprintf(longer, sizeof(longer), "%s -> %s", l->name, chain) >=
		    (int)sizeof(longer))
			break;
		memcpy(chain, longer, sizeof(chain));
		if (strcmp(l->name, n->text) == 0)
			break;
	}
	return vk_error_at(p->e, ELOOP, p->file, n->pos.line, n->pos.column,
			   "rule sets use each other: %s%s", chain, n->text);
}

static int unknown_set(struct vk_parser *p, const struct vk_node *n)
{
	const char *names[LIST_MAX + 1];
	size_t k = 0;

	for (; k < vk_n_builtins && k < LIST_MAX; k++)
		names[k] = vk_builtins[k].name;
	names[k] = NULL;
	vk_error_at(p->e, ENOENT, p->file, n->pos.line, n->pos.column, "unknown rule set \"%s\"",
		    n->text);
	vk_advise_words(p, n->text, names, "");
	return -ENOENT;
}

/* Finds the text of a set: the caller's resolver, or the built-in sets when there is none. */
static int resolve(struct vk_parser *p, const struct vk_node *n, char **ret_text, size_t *ret_len,
		   char **ret_file)
{
	const struct vk_builtin *b;
	int r;

	if (p->uses->use) {
		r = p->uses->use(n->text, ret_text, ret_len, ret_file, p->uses->data);
		if (r == -ENOENT)
			return unknown_set(p, n);
		if (r < 0)
			return vk_error_at(p->e, -r, p->file, n->pos.line, n->pos.column,
					   "cannot read rule set \"%s\": %s", n->text,
					   strerror(-r));
		return 0;
	}
	b = vk_builtin_find(n->text);
	if (!b)
		return unknown_set(p, n);
	*ret_text = malloc(b->len + 1);
	if (!*ret_text || asprintf(ret_file, "built-in %s", b->name) < 0) {
		*ret_file = NULL;
		return vk_oom(p);
	}
	memcpy(*ret_text, b->text, b->len);
	*ret_len = b->len;
	return 0;
}

static int check_set_name(struct vk_parser *p, const struct vk_node *n, const struct vk_node *list)
{
	int r = vk_expect_scalar(p, n, "a rule set's name");

	if (r < 0)
		return r;
	for (size_t i = 0; n->text[i]; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", n->text[i])) {
			vk_mistake(p, vk_pos_in(n, i), "\"%s\" cannot be a rule set's name",
				   vk_show(n->text));
			vk_error_advise(p->e, "use small letters, digits and \"-\"");
			return -EINVAL;
		}
		if (i >= VK_NAME_MAX_LEN)
			return vk_mistake(p, n->pos, "the name is longer than %d characters",
					  VK_NAME_MAX_LEN);
	}
	vk_for_each_item(other, list)
	{
		if (other == n)
			break;
		if (strcmp(other->text, n->text) == 0)
			return vk_mistake(p, n->pos, "rule set \"%s\" is named twice", n->text);
	}
	return 0;
}

static int use_one(struct vk_parser *p, const struct vk_node *n)
{
	_cleanup_free_ char *text = NULL, *file = NULL;
	struct vk_use_link link = {n->text, p->chain};
	struct vk_policy *policy = p->policy;
	size_t len = 0;
	int r;

	r = check_cycle(p, n);
	if (r < 0)
		return r;
	if (++p->uses->n_sets > VK_SETS_MAX)
		return vk_error_at(p->e, E2BIG, p->file, n->pos.line, n->pos.column,
				   "the policy uses more than %d rule sets", VK_SETS_MAX);
	r = resolve(p, n, &text, &len, &file);
	if (r < 0)
		return r;
	r = parse_document(file, text, len, p->uses, &link, p->e, &policy->uses[policy->n_uses]);
	if (r == 0)
		policy->n_uses++;
	return r;
}

int vk_parse_use(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,
		 const struct vk_node *val, void *out)
{
	size_t n = 0;
	int r;

	(void)row;
	(void)key;
	(void)out;
	if (val->type == VK_MAP)
		return vk_mistake(p, val->pos, "use must be a list of names");
	vk_for_each_item(item, val)
	{
		if (++n > VK_SETS_MAX)
			return vk_error_at(p->e, E2BIG, p->file, item->pos.line, item->pos.column,
					   "the policy uses more than %d rule sets", VK_SETS_MAX);
		r = check_set_name(p, item, val);
		if (r < 0)
			return r;
	}
	p->policy->uses = calloc(n + 1, sizeof(*p->policy->uses));
	if (!p->policy->uses)
		return vk_oom(p);
	vk_for_each_item(item, val)
	{
		r = use_one(p, item);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The file's base name without its extension, made fit to be a name. */
static char *name_from_file(const char *file)
{
	const char *base = strrchr(file, '/');
	size_t len;
	char *name;

	base = base ? base + 1 : file;
	if (strncmp(base, "built-in ", 9) == 0)
		base += 9;
	len = strcspn(base, ".");
	if (len == 0)
		return strdup("policy");
	name = strndup(base, len < VK_NAME_MAX_LEN ? len : VK_NAME_MAX_LEN);
	for (char *c = name; c && *c; c++)
		if (!(isalnum((unsigned char)*c) && (unsigned char)*c < 0x80) &&
		    (c == name || !strchr("-_", *c)))
			*c = c == name ? 'x' : '-';
	return name;
}

static int new_policy(struct vk_parser *p, const char *text, size_t len)
{
	p->policy = calloc(1, sizeof(*p->policy));
	if (!p->policy)
		return vk_oom(p);
	p->policy->file = strdup(p->file);
	p->policy->text = malloc(len + 1);
	if (!p->policy->file || !p->policy->text)
		return vk_oom(p);
	memcpy(p->policy->text, text, len);
	p->policy->text[len] = '\0';
	p->policy->text_len = len;
	return 0;
}

static int fill_policy(struct vk_parser *p, const char *text, size_t len)
{
	struct vk_node *root = NULL;
	bool version = false;
	int r;

	r = vk_yaml_load(p, text, len, &root);
	if (r == 0)
		r = new_policy(p, text, len);
	if (r == 0)
		r = vk_parse_map(p, root, "", "the policy", &version);
	if (r == 0)
		r = vk_syscalls_lower(p); /* touches what other sections fill */
	if (r < 0)
		return r;
	if (!version) {
		vk_mistake(p, root->pos, "the key \"vkernel\" is missing");
		vk_error_advise(p->e, "begin the policy with \"vkernel: 1\"");
		return -EINVAL;
	}
	if (!p->policy->name)
		p->policy->name = name_from_file(p->file);
	return p->policy->name ? 0 : vk_oom(p);
}

static int parse_document(const char *file, const char *text, size_t len, struct vk_uses *uses,
			  const struct vk_use_link *chain, struct vk_error *e,
			  struct vk_policy **ret)
{
	struct vk_parser p = {.file = file, .uses = uses, .chain = chain, .e = e};
	int r = fill_policy(&p, text, len);

	vk_yaml_free(&p);
	if (r < 0) {
		vk_policy_free(p.policy);
		return r;
	}
	*ret = p.policy;
	return 0;
}

int vk_policy_parse(const char *file, const char *text, size_t len, vk_use_fn use, void *data,
		    struct vk_policy **ret, struct vk_error *e)
{
	struct vk_uses uses = {.use = use, .data = data};

	return parse_document(file, text, len, &uses, NULL, e, ret);
}
