/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config_edit.c - finds the places of hooks in a config.json, and splices them in. */
#include "config_edit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/**
 * struct scan - a position in the text
 * @s:   next byte
 * @end: after the last
 */
struct scan {
	const char *s;
	const char *end;
};

/**
 * struct member - a key and its value in an object, or a value in an array
 */
struct member {
	const char *key; /* between the quotes; NULL in an array */
	size_t key_len;
	const char *value;
	size_t len;
};

/**
 * struct buffer - text that grows
 * @failed: memory ran out
 */
struct buffer {
	char *data;
	size_t len, cap;
	bool failed;
};

static void buffer_free(struct buffer *b)
{
	free(b->data);
}

static void put(struct buffer *b, const char *s, size_t len)
{
	if (b->len + len + 1 > b->cap) {
		size_t cap = 2 * b->cap + len + 256;
		char *more = realloc(b->data, cap);

		if (!more) {
			b->failed = true;
			return;
		}
		b->data = more;
		b->cap = cap;
	}
	memcpy(b->data + b->len, s, len);
	b->len += len;
	b->data[b->len] = '\0';
}

static void put_text(struct buffer *b, const char *s)
{
	put(b, s, strlen(s));
}

static void skip_space(struct scan *sc)
{
	while (sc->s < sc->end &&
	       (*sc->s == ' ' || *sc->s == '\t' || *sc->s == '\r' || *sc->s == '\n'))
		sc->s++;
}

static bool skip_string(struct scan *sc)
{
	if (sc->s >= sc->end || *sc->s != '"')
		return false;
	for (sc->s++; sc->s < sc->end;) {
		const char *quote = memchr(sc->s, '"', (size_t)(sc->end - sc->s)), *escape = quote;

		if (!quote)
			break;
		while (escape > sc->s && escape[-1] == '\\')
			escape--;
		sc->s = quote + 1;
		if ((quote - escape) % 2 == 0)
			return true;
	}
	return false;
}

/* Only as far as strings and brackets go: the runtime checks the rest. */
static bool skip_value(struct scan *sc)
{
	static const bool ends[256] = {
		['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true, [','] = true};
	const char *start = sc->s;
	size_t depth = 0;

	while (sc->s < sc->end) {
		while (sc->s < sc->end && !ends[(unsigned char)*sc->s])
			sc->s++;
		if (sc->s == sc->end)
			break;
		switch (*sc->s) {
		case '"':
			if (!skip_string(sc))
				return false;
			break;
		case '{':
		case '[':
			depth++;
			sc->s++;
			continue;
		case '}':
		case ']':
			if (depth == 0)
				return sc->s > start;
			depth--;
			sc->s++;
			break;
		default:
			if (depth == 0)
				return sc->s > start;
			sc->s++;
			continue;
		}
		if (depth == 0)
			return true;
	}
	return depth == 0 && sc->s > start;
}

/* 1: the next member of the object or array in m; 0: it has ended; -1: malformed. */
static int next_member(struct scan *sc, bool object, bool first, struct member *m)
{
	skip_space(sc);
	if (sc->s >= sc->end)
		return -1;
	if (*sc->s == (object ? '}' : ']')) {
		sc->s++;
		return 0;
	}
	if (!first && *sc->s++ != ',')
		return -1;
	skip_space(sc);
	*m = (struct member){0};
	if (object) {
		m->key = sc->s + 1;
		if (!skip_string(sc))
			return -1;
		m->key_len = (size_t)(sc->s - 1 - m->key);
		skip_space(sc);
		if (sc->s >= sc->end || *sc->s++ != ':')
			return -1;
		skip_space(sc);
	}
	m->value = sc->s;
	if (!skip_value(sc))
		return -1;
	m->len = (size_t)(sc->s - m->value);
	while (m->len && strchr(" \t\r\n", m->value[m->len - 1]))
		m->len--;
	return m->len ? 1 : -1;
}

/* As Go folds keys: ASCII case, and the two other letters that fold to ASCII. */
static bool folds_to(const char *key, size_t len, const char *name)
{
	const char *end = key + len;

	for (; key < end && *name; name++) {
		if ((*key | 0x20) == (*name | 0x20))
			key++;
		else if (end - key >= 2 && !memcmp(key, "\xc5\xbf", 2) && (*name | 0x20) == 's')
			key += 2;
		else if (end - key >= 3 && !memcmp(key, "\xe2\x84\xaa", 3) && (*name | 0x20) == 'k')
			key += 3;
		else
			return false;
	}
	return key == end && !*name;
}

static bool is_null(const struct member *m)
{
	return m->len == 4 && memcmp(m->value, "null", 4) == 0;
}

/*
 * Finds @name in the object that starts at the scan. Two such keys, or one in another case or with
 * an escape in it, may be read differently by different runtimes: not understood.
 */
static int find_key(struct scan sc, const char *name, struct member *ret, struct vk_error *e)
{
	struct member m;
	bool first = true;
	int r;

	*ret = (struct member){0};
	if (sc.s >= sc.end || *sc.s++ != '{')
		return vk_error_set(e, EINVAL, "it is no JSON object");
	for (; (r = next_member(&sc, true, first, &m)) > 0; first = false) {
		bool same = m.key_len == strlen(name) && !memcmp(m.key, name, m.key_len);

		if (memchr(m.key, '\\', m.key_len))
			return vk_error_set(e, EINVAL, "key \"%.*s\" has an escape in it",
					    m.key_len > 80 ? 80 : (int)m.key_len, m.key);
		if (!same && !folds_to(m.key, m.key_len, name))
			continue;
		if (!same || ret->key)
			return vk_error_set(e, EINVAL, "key \"%s\" is there twice or misspelt",
					    name);
		*ret = m;
	}
	return r < 0 ? vk_error_set(e, EINVAL, "it is not well-formed JSON") : 0;
}

static bool contains(const struct member *m, const char *text)
{
	return memmem(m->value, m->len, text, strlen(text)) != NULL;
}

/* The array of one stage, with our entry at its head and without the one of an earlier edit. */
static int put_stage(struct buffer *b, const struct member *old, const char *json, const char *mine,
		     struct vk_error *e)
{
	struct scan sc = {old->value, old->value + old->len};
	struct member m;
	bool first = true;
	int r = 0;

	put_text(b, "[");
	put_text(b, json);
	if (old->key && !is_null(old)) {
		if (*sc.s++ != '[')
			return vk_error_set(e, EINVAL, "a stage of its hooks is no array");
		for (; (r = next_member(&sc, false, first, &m)) > 0; first = false) {
			if (contains(&m, mine))
				continue;
			put_text(b, ",");
			put(b, m.value, m.len);
		}
	}
	put_text(b, "]");
	return r < 0 ? vk_error_set(e, EINVAL, "its hooks are not well-formed JSON") : 0;
}

/* The value of "hooks". */
static int put_hooks(struct buffer *b, const struct member *old, const struct oci_hook *hooks,
		     size_t n, const char *mine, struct vk_error *e)
{
	struct scan sc = {old->value, old->value + old->len};
	struct member stages[8] = {{0}}, m;
	bool have = old->key && !is_null(old), first = true;
	int r = 0;

	for (size_t i = 0; have && i < n; i++) {
		r = find_key(sc, hooks[i].stage, &stages[i], e);
		if (r < 0)
			return r;
	}
	put_text(b, "{");
	for (size_t i = 0; i < n; i++) {
		put_text(b, i ? ",\"" : "\"");
		put_text(b, hooks[i].stage);
		put_text(b, "\":");
		r = put_stage(b, &stages[i], hooks[i].json, mine, e);
		if (r < 0)
			return r;
	}
	for (sc.s++; have && (r = next_member(&sc, true, first, &m)) > 0; first = false) {
		size_t i = 0;

		while (i < n && stages[i].key != m.key)
			i++;
		if (i < n)
			continue;
		put_text(b, ",");
		put(b, m.key - 1, (size_t)(m.value + m.len - (m.key - 1)));
	}
	put_text(b, "}");
	return r < 0 ? vk_error_set(e, EINVAL, "its hooks are not well-formed JSON") : 0;
}

int oci_config_edit(const char *text, size_t len, const struct oci_hook *hooks, size_t n,
		    const char *mine, char **ret, size_t *ret_len, struct vk_error *e)
{
	vk_cleanup(buffer_free) struct buffer b = {0};
	struct scan sc = {text, text + len};
	struct member old;
	const char *cut;
	int r;

	skip_space(&sc);
	r = find_key(sc, "hooks", &old, e);
	if (r < 0)
		return r;
	/* Without hooks, they become the first key. */
	cut = old.key ? old.value : sc.s + 1;
	put(&b, text, (size_t)(cut - text));
	if (!old.key)
		put_text(&b, "\"hooks\":");
	r = put_hooks(&b, &old, hooks, n, mine, e);
	if (r < 0)
		return r;
	cut += old.len;
	if (!old.key) {
		struct scan rest = {cut, text + len};

		skip_space(&rest);
		if (rest.s < rest.end && *rest.s != '}')
			put_text(&b, ",");
	}
	put(&b, cut, (size_t)(text + len - cut));
	if (b.failed)
		return vk_error_set(e, ENOMEM, "no memory");
	*ret = vk_take_ptr(b.data);
	*ret_len = b.len;
	return 0;
}

/* Both keys; a key of what is not there is not there. */
static int find_both(const char *text, size_t len, const char *outer, const char *inner,
		     struct member *out, struct member *in, struct vk_error *e)
{
	struct scan sc = {text, text + len};
	int r;

	*in = (struct member){0};
	skip_space(&sc);
	r = find_key(sc, outer, out, e);
	if (r == 0 && out->key && !is_null(out))
		r = find_key((struct scan){out->value, out->value + out->len}, inner, in, e);
	return r;
}

int oci_config_find(const char *text, size_t len, const char *outer, const char *inner,
		    const char **ret, size_t *ret_len, struct vk_error *e)
{
	struct member out, in;
	int r = find_both(text, len, outer, inner, &out, &in, e);

	if (r < 0)
		return r;
	*ret = in.key && !is_null(&in) ? in.value : NULL;
	*ret_len = *ret ? in.len : 0;
	return 0;
}

/* Exactly one namespace for mounts, and it is made for the container. */
static bool own_mounts(const struct member *namespaces)
{
	struct scan sc = {namespaces->value, namespaces->value + namespaces->len};
	struct vk_error ignored = {0};
	struct member m, type, path;
	bool first = true;
	int r, own = 0;

	if (!namespaces->key || *sc.s++ != '[')
		return false;
	for (; (r = next_member(&sc, false, first, &m)) > 0; first = false) {
		struct scan in = {m.value, m.value + m.len};

		if (find_key(in, "type", &type, &ignored) < 0 ||
		    find_key(in, "path", &path, &ignored) < 0 || !type.key ||
		    memchr(type.value, '\\', type.len))
			return false;
		if (type.len != 7 || memcmp(type.value, "\"mount\"", 7) != 0)
			continue;
		if (path.key)
			return false;
		own++;
	}
	return r == 0 && own == 1;
}

/* None in any stage. */
static bool no_hooks(const struct member *hooks)
{
	struct scan sc = {hooks->value, hooks->value + hooks->len};
	struct member m;
	bool first = true;
	int r;

	if (!hooks->key || is_null(hooks))
		return true;
	if (*sc.s++ != '{')
		return false;
	for (; (r = next_member(&sc, true, first, &m)) > 0; first = false) {
		struct scan in = {m.value + 1, m.value + m.len};

		skip_space(&in);
		if (!is_null(&m) && (*m.value != '[' || in.s == in.end || *in.s != ']'))
			return false;
	}
	return r == 0;
}

bool oci_config_is_plain(const char *text, size_t len, const char **annotations,
			 size_t *annotations_len)
{
	static const char *const keys[] = {"hooks", "annotations", "linux"};
	struct scan sc = {text, text + len};
	struct member found[3] = {{0}}, m, namespaces;
	struct vk_error ignored = {0};
	bool first = true;
	int r;

	skip_space(&sc);
	if (sc.s >= sc.end || *sc.s++ != '{')
		return false;
	for (; (r = next_member(&sc, true, first, &m)) > 0; first = false)
		for (size_t i = 0; i < 3; i++) {
			if (memchr(m.key, '\\', m.key_len))
				return false;
			if (!folds_to(m.key, m.key_len, keys[i]))
				continue;
			if (m.key_len != strlen(keys[i]) ||
			    memcmp(m.key, keys[i], m.key_len) != 0 || found[i].key)
				return false;
			found[i] = m;
		}
	skip_space(&sc);
	if (r < 0 || sc.s != sc.end || !no_hooks(&found[0]) || !found[2].key ||
	    find_key((struct scan){found[2].value, found[2].value + found[2].len}, "namespaces",
		     &namespaces, &ignored) < 0)
		return false;
	*annotations = found[1].key && !is_null(&found[1]) ? found[1].value : NULL;
	*annotations_len = *annotations ? found[1].len : 0;
	return own_mounts(&namespaces);
}

int oci_config_put(const char *text, size_t len, const char *outer, const char *inner,
		   const char *json, char **ret, size_t *ret_len, struct vk_error *e)
{
	vk_cleanup(buffer_free) struct buffer b = {0};
	const char *cut = text + strspn(text, " \t\r\n") + 1; /* after the brace */
	struct member out, in;
	size_t skip = 0;
	int r = find_both(text, len, outer, inner, &out, &in, e);

	if (r < 0)
		return r;
	if (in.key) {
		cut = in.value;
		skip = in.len;
	} else if (out.key) {
		cut = is_null(&out) ? out.value : out.value + 1;
		skip = is_null(&out) ? out.len : 0;
	}
	put(&b, text, (size_t)(cut - text));
	if (!in.key) {
		bool whole = !out.key || is_null(&out); /* the object is made, too */
		const char *rest = cut + skip + strspn(cut + skip, " \t\r\n");

		if (!out.key) {
			put_text(&b, "\"");
			put_text(&b, outer);
			put_text(&b, "\":");
		}
		put_text(&b, whole ? "{\"" : "\"");
		put_text(&b, inner);
		put_text(&b, "\":");
		put_text(&b, json);
		put_text(&b, whole ? "}" : "");
		put_text(&b, (out.key && whole) || *rest == '}' ? "" : ",");
	} else {
		put_text(&b, json);
	}
	cut += skip;
	put(&b, cut, (size_t)(text + len - cut));
	if (b.failed)
		return vk_error_set(e, ENOMEM, "no memory");
	*ret = vk_take_ptr(b.data);
	*ret_len = b.len;
	return 0;
}

int oci_config_set(char **text, size_t *len, const char *outer, const char *inner, const char *json,
		   struct vk_error *e)
{
	char *edited;
	size_t n;
	int r = oci_config_put(*text, *len, outer, inner, json, &edited, &n, e);

	if (r < 0)
		return r;
	free(*text);
	*text = edited;
	*len = n;
	return 0;
}

int oci_config_move(char **text, size_t *len, const char *outer, const char *from, const char *to,
		    struct vk_error *e)
{
	_cleanup_free_ char *copy = NULL;
	const char *value;
	size_t n;
	int r = oci_config_find(*text, *len, outer, from, &value, &n, e);

	if (r < 0 || !value)
		return r;
	copy = strndup(value, n);
	if (!copy)
		return vk_error_set(e, ENOMEM, "no memory");
	r = oci_config_set(text, len, outer, to, copy, e);
	return r < 0 ? r : oci_config_set(text, len, outer, from, "null", e);
}

int oci_config_append(const char *text, size_t len, const char *key, const char *json, char **ret,
		      size_t *ret_len, struct vk_error *e)
{
	vk_cleanup(buffer_free) struct buffer b = {0};
	struct scan sc = {text, text + len}, rest;
	struct member old;
	const char *cut;
	bool have;
	int r;

	skip_space(&sc);
	r = find_key(sc, key, &old, e);
	if (r < 0)
		return r;
	have = old.key && !is_null(&old);
	if (have && *old.value != '[')
		return vk_error_set(e, EINVAL, "key \"%s\" is no array", key);
	/* After a bracket, or in place of null, or as the first key. */
	cut = have ? old.value + 1 : old.key ? old.value : sc.s + 1;
	rest = (struct scan){cut + (old.key && !have ? old.len : 0), text + len};
	put(&b, text, (size_t)(cut - text));
	if (!old.key) {
		put_text(&b, "\"");
		put_text(&b, key);
		put_text(&b, "\":");
	}
	put_text(&b, have ? "" : "[");
	put_text(&b, json);
	put_text(&b, have ? "" : "]");
	cut = rest.s;
	skip_space(&rest);
	if (have ? *rest.s != ']' : !old.key && *rest.s != '}')
		put_text(&b, ",");
	put(&b, cut, (size_t)(text + len - cut));
	if (b.failed)
		return vk_error_set(e, ENOMEM, "no memory");
	*ret = vk_take_ptr(b.data);
	*ret_len = b.len;
	return 0;
}

char *oci_json_quote(const char *s)
{
	struct buffer b = {0};
	char escape[8];

	put_text(&b, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\' || (unsigned char)*s < ' ') {
			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*s);
			put_text(&b, escape);
		} else {
			put(&b, s, 1);
		}
	}
	put_text(&b, "\"");
	if (!b.failed)
		return b.data;
	free(b.data);
	return NULL;
}
