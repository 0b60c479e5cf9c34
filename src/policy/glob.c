// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * glob.c - from the text of a pattern to sequences of atoms, one for each expansion of its braces.
 *
 * Two steps: tokens (all mistakes of syntax show here), then a walk over every way through the
 * braces, which normalizes each alternative and rejects those that no canonical name can match.
 */
#include "glob.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

enum { TOK_OPEN = VK_ATOM_DIRS + 1, TOK_COMMA, TOK_CLOSE, TOK_END };

/**
 * struct token - one element of a pattern
 * @kind: enum vk_atom_kind but DIRS, or TOK_*
 * @byte: for BYTE
 * @set:  for SET: index
 * @off:  offset in the text
 * @link: for OPEN and COMMA: the token of the next COMMA or CLOSE of this group
 * @end:  for OPEN and COMMA: the CLOSE of this group
 */
struct token {
	uint8_t kind;
	uint8_t byte;
	uint16_t set;
	uint32_t off;
	uint32_t link;
	uint32_t end;
};

struct parser {
	const char *glob;
	bool abstract;
	struct token *toks;
	size_t n;
	struct vk_charset *sets;
	size_t n_sets;
	struct vk_atom *raw; /* the alternative being walked */
	struct vk_atom *atoms; /* the same, normalized */
	size_t n_alternatives;
	vk_glob_fn fn;
	void *data;
	size_t err_off;
	const char *why;
};

static void parser_done(struct parser *p)
{
	free(p->toks);
	free(p->sets);
	free(p->raw);
	free(p->atoms);
}

static int bad(struct parser *p, size_t off, const char *why)
{
	p->err_off = off;
	p->why = why;
	return -EINVAL;
}

static void charset_any(const struct parser *p, struct vk_charset *s)
{
	memset(s->bits, 0xff, sizeof(s->bits));
	s->wide = true;
	if (!p->abstract)
		s->bits['/' >> 6] &= ~(UINT64_C(1) << ('/' & 63));
}

static struct token *push(struct parser *p, uint8_t kind, size_t off)
{
	struct token *t = &p->toks[p->n++];

	*t = (struct token){.kind = kind, .off = (uint32_t)off};
	return t;
}

/* One member of a set, escapes resolved; moves *at behind it. */
static int set_member(struct parser *p, size_t *at, unsigned char *ret)
{
	size_t i = *at;

	if (p->glob[i] == '\\')
		i++;
	unsigned char c = (unsigned char)p->glob[i];

	if (!c)
		return bad(p, *at,
			   "a set is not closed: ']' is missing; write \\[ for the character");
	if (c >= 0x80)
		return bad(p, i, "a set can hold ASCII characters only; use {a,b}");
	if (c == '[' && i == *at && strchr(":.=", p->glob[i + 1]) && p->glob[i + 1])
		return bad(p, i, "named character classes are not supported");
	if (c == '/' && !p->abstract)
		return bad(p, i, "a set cannot hold '/'");
	*ret = c;
	*at = i + 1;
	return 0;
}

static int lex_set(struct parser *p, size_t *at)
{
	struct vk_charset *s = &p->sets[p->n_sets];
	size_t start = *at, i = start + 1;
	bool negated = p->glob[i] == '!' || p->glob[i] == '^';
	bool listed[128] = {false};

	if (negated)
		i++;
	for (size_t first = i; i == first || p->glob[i] != ']';) {
		unsigned char lo, hi;
		size_t member = i;
		int r = set_member(p, &i, &lo);

		if (r < 0)
			return p->glob[member] ? r : bad(p, start, p->why);
		hi = lo;
		if (p->glob[i] == '-' && p->glob[i + 1] != ']') {
			i++;
			r = set_member(p, &i, &hi);
			if (r < 0)
				return r;
		}
		if (hi < lo)
			return bad(p, member, "the range of a set is backwards");
		for (unsigned int c = lo; c <= hi; c++)
			listed[c] = true;
	}
	memset(s, 0, sizeof(*s));
	if (negated)
		charset_any(p, s);
	for (unsigned int c = 0; c < 128; c++) {
		if (!listed[c])
			continue;
		if (negated)
			s->bits[c >> 6] &= ~(UINT64_C(1) << (c & 63));
		else if (c != '/' || p->abstract)
			vk_charset_add(s, c);
	}
	if (!s->wide && !s->bits[0] && !s->bits[1])
		return bad(p, start, "the set can match nothing");
	push(p, VK_ATOM_SET, start)->set = (uint16_t)p->n_sets++;
	*at = i + 1;
	return 0;
}

static int lex_plain(struct parser *p, size_t *at)
{
	size_t i = *at;
	char c = p->glob[i];

	if (c == '\\') {
		c = p->glob[i + 1];
		if (!c)
			return bad(p, i, "nothing follows the backslash");
		i++;
	} else if (c == '?') {
		charset_any(p, &p->sets[p->n_sets]);
		push(p, VK_ATOM_SET, i)->set = (uint16_t)p->n_sets++;
		*at = i + 1;
		return 0;
	} else if (c == '*') {
		size_t len = strspn(p->glob + i, "*");

		push(p, len > 1 || p->abstract ? VK_ATOM_ANY : VK_ATOM_STAR, i);
		*at = i + len;
		return 0;
	}
	push(p, VK_ATOM_BYTE, *at)->byte = (uint8_t)c;
	*at = i + 1;
	return 0;
}

/* Braces: links the parts of a group, so that the walk can jump. @stack holds the open groups. */
static int lex_brace(struct parser *p, char c, size_t off, uint32_t *stack, size_t *depth)
{
	uint32_t self = (uint32_t)p->n;

	if (c == '{') {
		push(p, TOK_OPEN, off);
		stack[(*depth)++] = self;
		return 0;
	}
	if (*depth == 0)
		return bad(p, off, "'}' without '{'; write \\} for the character");
	uint32_t at = stack[*depth - 1];

	while (p->toks[at].link)
		at = p->toks[at].link;
	p->toks[at].link = self;
	if (c == ',') {
		push(p, TOK_COMMA, off);
		return 0;
	}
	push(p, TOK_CLOSE, off);
	for (at = stack[--*depth]; at != self; at = p->toks[at].link)
		p->toks[at].end = self;
	return 0;
}

static int lex(struct parser *p)
{
	_cleanup_free_ uint32_t *stack = NULL;
	size_t len = strnlen(p->glob, VK_GLOB_MAX + 1), depth = 0;
	int r = 0;

	if (len > VK_GLOB_MAX)
		return bad(p, VK_GLOB_MAX, "the pattern is longer than 4096 bytes");
	if (p->glob[0] != '/' && p->glob[0] != '@')
		return bad(p, 0, "a pattern starts with '/' or, for an abstract socket, '@'");
	p->abstract = p->glob[0] == '@';
	p->toks = calloc(len + 1, sizeof(*p->toks));
	p->sets = calloc(len + 2, sizeof(*p->sets));
	p->raw = calloc(len + 1, sizeof(*p->raw));
	p->atoms = calloc(2 * len + 2, sizeof(*p->atoms));
	stack = calloc(len + 1, sizeof(*stack));
	if (!p->toks || !p->sets || !p->raw || !p->atoms || !stack)
		return -ENOMEM;
	for (size_t i = 0; i < len && r == 0;) {
		char c = p->glob[i];

		if (c == '{' || c == '}' || (c == ',' && depth))
			r = lex_brace(p, c, i++, stack, &depth);
		else if (c == '[')
			r = lex_set(p, &i);
		else
			r = lex_plain(p, &i);
	}
	if (r == 0 && depth)
		return bad(p, p->toks[stack[depth - 1]].off,
			   "'{' is not closed; write \\{ for the character");
	push(p, TOK_END, len);
	/* The last set is what a whole-component "*" starts with: any byte but "/". */
	charset_any(p, &p->sets[p->n_sets]);
	p->sets[p->n_sets].wide = false;
	return r;
}

static bool is_slash(const struct vk_atom *a)
{
	return a->kind == VK_ATOM_BYTE && a->byte == '/';
}

static bool is_run(const struct vk_atom *a)
{
	return a->kind == VK_ATOM_STAR || a->kind == VK_ATOM_ANY;
}

/* Canonical names have no empty, "." or ".." component: a pattern that needs one is a mistake. */
static int check_components(struct parser *p, size_t n)
{
	size_t start = 1;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && !is_slash(&p->raw[i]))
			continue;
		size_t len = i - start, dots = 0;

		if (len == 0 && i < n)
			return bad(p, p->raw[i].off, "an empty component ('//') matches no name");
		if (len == 0 && n > 1)
			return bad(p, p->raw[n - 1].off,
				   "a trailing '/' matches no name; leave it out");
		while (dots < len && p->raw[start + dots].kind == VK_ATOM_BYTE &&
		       p->raw[start + dots].byte == '.')
			dots++;
		if (len && len <= 2 && dots == len)
			return bad(p, p->raw[start].off, "a '.' or '..' component matches no name");
		start = i + 1;
	}
	return 0;
}

/* Merges runs, and gives whole components "*" and "**" their meaning. */
static size_t normalize(struct parser *p, size_t n)
{
	struct vk_atom *out = p->atoms;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		struct vk_atom a = p->raw[i];

		for (; is_run(&a) && i + 1 < n && is_run(&p->raw[i + 1]); i++)
			a.kind = VK_ATOM_ANY;
		bool whole = !p->abstract && is_run(&a) &&
			     (is_slash(&out[m - 1]) || out[m - 1].kind == VK_ATOM_DIRS) &&
			     (i + 1 == n || is_slash(&p->raw[i + 1]));

		if (whole && a.kind == VK_ATOM_ANY && i + 1 < n) {
			a.kind = VK_ATOM_DIRS;
			i++;
			if (out[m - 1].kind == VK_ATOM_DIRS)
				continue;
		} else if (whole && a.kind == VK_ATOM_STAR) {
			out[m++] = (struct vk_atom){VK_ATOM_SET, 0, (uint16_t)p->n_sets, a.off};
		}
		out[m++] = a;
	}
	return m;
}

static int emit(struct parser *p, size_t n)
{
	if (++p->n_alternatives > VK_GLOB_ALTERNATIVES)
		return bad(p, 0, "the braces expand into more than 1024 patterns");
	if (!p->abstract) {
		int r = check_components(p, n);

		if (r < 0)
			return r;
	}
	n = normalize(p, n);
	return p->fn ? p->fn(p->atoms, n, p->sets, p->data) : 0;
}

/* Depth is bounded by the number of groups, at most VK_GLOB_MAX / 2. */
static int walk(struct parser *p, size_t at, size_t n)
{
	for (;; at++) {
		const struct token *t = &p->toks[at];

		switch (t->kind) {
		case TOK_END:
			return emit(p, n);
		case TOK_COMMA:
			at = t->end;
			break;
		case TOK_CLOSE:
			break;
		case TOK_OPEN:
			for (; t->kind != TOK_CLOSE; t = &p->toks[t->link]) {
				int r = walk(p, (size_t)(t - p->toks) + 1, n);

				if (r < 0)
					return r;
			}
			return 0;
		default:
			p->raw[n++] = (struct vk_atom){t->kind, t->byte, t->set, t->off};
		}
	}
}

int vk_glob_expand(const char *glob, vk_glob_fn fn, void *data, size_t *err_off, const char **why)
{
	struct parser p = {.glob = glob, .fn = fn, .data = data};
	int r = lex(&p);

	if (r == 0)
		r = walk(&p, 0, 0);
	if (r == -EINVAL && p.why) {
		if (err_off)
			*err_off = p.err_off;
		if (why)
			*why = p.why;
	}
	parser_done(&p);
	return r;
}

int vk_glob_check(const char *glob, size_t *err_off, const char **why)
{
	return vk_glob_expand(glob, NULL, NULL, err_off, why);
}
