// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * glob_match.c - the reference matcher: what a pattern means, said as plainly as possible.
 *
 * It works on the text of a pattern, one element at a time, and keeps the set of offsets of the
 * name that the elements so far can reach. It knows nothing of atoms, tries or automata: the tests
 * hold the compiler against it, and explain answers from it. It trusts the syntax, which
 * vk_glob_check() has checked.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "glob.h"

/* One pattern without braces against one name. at[i]: the first i bytes can be matched so far. */
struct matcher {
	const unsigned char *name;
	size_t len;
	bool abstract;
	bool *at;
	bool *to;
};

/* Length of the element at @p: a set, an escaped character, or one byte. */
static size_t element_len(const char *p)
{
	size_t i = 1;

	if (*p == '\\')
		return p[1] ? 2 : 1;
	if (*p != '[')
		return 1;
	if (p[i] == '!' || p[i] == '^')
		i++;
	do {
		if (!p[i])
			return i;
		i += p[i] == '\\' && p[i + 1] ? 2 : 1;
	} while (p[i] != ']');
	return i + 1;
}

/* Length of a well-formed multi-byte sequence at @s, or 0. */
static size_t sequence_len(const unsigned char *s, size_t left)
{
	size_t len = (*s & 0xe0) == 0xc0 ? 2 :
		     (*s & 0xf0) == 0xe0 ? 3 :
		     (*s & 0xf8) == 0xf0 ? 4 :
					   0;

	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static bool set_lists(const char *p, const char *end, unsigned char c)
{
	while (p < end) {
		if (*p == '\\')
			p++;
		unsigned char lo = (unsigned char)*p++, hi = lo;

		if (*p == '-' && p + 1 < end) {
			p++;
			if (*p == '\\')
				p++;
			hi = (unsigned char)*p++;
		}
		if (lo <= c && c <= hi)
			return true;
	}
	return false;
}

/* Whether the element at @p, "?" or a set, takes the single byte @c; *wide: sequences as well. */
static bool takes_byte(const struct matcher *m, const char *p, size_t len, unsigned char c,
		       bool *wide)
{
	*wide = true;
	if (c == '/' && !m->abstract)
		return false;
	if (*p == '?')
		return true;
	bool negated = p[1] == '!' || p[1] == '^';

	*wide = negated;
	return set_lists(p + 1 + negated, p + len - 1, c) != negated;
}

static void step_one(struct matcher *m, const char *p, size_t len)
{
	for (size_t i = 0; i < m->len; i++) {
		bool wide;

		if (!m->at[i])
			continue;
		if (*p != '?' && *p != '[') {
			m->to[i + 1] |= m->name[i] == (unsigned char)p[len - 1];
			continue;
		}
		m->to[i + 1] |= takes_byte(m, p, len, m->name[i], &wide);
		size_t more = wide ? sequence_len(m->name + i, m->len - i) : 0;

		if (more)
			m->to[i + more] = true;
	}
}

static void step_run(struct matcher *m, bool any, bool one_at_least)
{
	bool on = false;

	for (size_t i = 0; i <= m->len; i++) {
		if (i && m->name[i - 1] == '/' && !any)
			on = false;
		if (on || (m->at[i] && !one_at_least))
			m->to[i] = true;
		on |= m->at[i];
	}
}

/* "**" and the slash after it, as a whole component: nothing, or anything that ends in a slash. */
static void step_dirs(struct matcher *m)
{
	bool on = false;

	for (size_t i = 0; i <= m->len; i++) {
		m->to[i] = m->at[i] || (on && m->name[i - 1] == '/');
		on |= m->at[i];
	}
}

static bool match_plain(struct matcher *m, const char *glob)
{
	bool starts = false; /* a component of the pattern starts here */

	memset(m->at, 0, m->len + 1);
	m->at[0] = true;
	for (const char *p = glob; *p;) {
		size_t len = element_len(p);

		memset(m->to, 0, m->len + 1);
		if (*p == '*') {
			len = strspn(p, "*");
			bool any = len > 1 || m->abstract;
			bool ends = p[len] == '/' || (p[len] == '\\' && p[len + 1] == '/');

			if (starts && any && ends) {
				step_dirs(m);
				len += p[len] == '/' ? 1 : 2;
			} else {
				step_run(m, any, starts && !any && (ends || !p[len]));
				starts = false;
			}
		} else {
			step_one(m, p, len);
			starts = !m->abstract && *p != '[' && *p != '?' && p[len - 1] == '/';
		}
		p += len;
		bool *swap = m->at;

		m->at = m->to;
		m->to = swap;
	}
	return m->at[m->len];
}

/* Finds the first group: @open, its parts' ends via next_part(). Return: NULL when there is none. */
static const char *find_open(const char *p)
{
	while (*p && *p != '{')
		p += element_len(p);
	return *p ? p : NULL;
}

/* The "," or "}" that ends the part starting at @p. */
static const char *part_end(const char *p)
{
	for (int depth = 0; *p; p += element_len(p)) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			break;
		depth += (*p == '{') - (*p == '}');
	}
	return p;
}

static bool match_braces(struct matcher *m, const char *glob)
{
	const char *open = find_open(glob);

	if (!open)
		return match_plain(m, glob);
	const char *close = open;

	do
		close = part_end(close + 1);
	while (*close == ',');
	_cleanup_free_ char *one = malloc(strlen(glob) + 1);

	if (!one)
		return false;
	for (const char *p = open; p != close;) {
		const char *end = part_end(p + 1);
		size_t head = (size_t)(open - glob), len = (size_t)(end - p - 1);

		memcpy(one, glob, head);
		memcpy(one + head, p + 1, len);
		strcpy(one + head + len, close + 1);
		if (match_braces(m, one))
			return true;
		p = end;
	}
	return false;
}

bool vk_glob_match(const char *glob, const char *name)
{
	if (!*name)
		name = "/";
	size_t len = strlen(name);
	_cleanup_free_ bool *bits = malloc(2 * (len + 1));

	if (!bits)
		return false;
	struct matcher m = {
		.name = (const unsigned char *)name,
		.len = len,
		.abstract = *glob == '@',
		.at = bits,
		.to = bits + len + 1,
	};

	return match_braces(&m, glob);
}
