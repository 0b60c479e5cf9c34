// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_glob.c - AppArmor's patterns in ours.
 *
 * Both have *, **, ?, sets and braces, but not with the same meaning:
 *
 *	AppArmor                                      ours
 *	a directory's name ends in '/'                no name does
 *	** as a whole component is at least a name    none or more directories
 *	* and ** in braces may be nothing             braces are expanded before they are looked at
 *	a set may match '/', [^a] does                no set does
 *
 * A pattern on which these have no bearing keeps its braces. Any other is written out, one
 * alternative after the other, and alternatives that no name can match are left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "glob.h"
#include "import_apparmor.h"
#include "parse.h"

enum aa_tok { AA_BYTE, AA_ONE, AA_SET, AA_STAR, AA_DSTAR, AA_OPEN, AA_COMMA, AA_CLOSE };

/**
 * struct atom - an element of a pattern
 * @tok:   enum aa_tok
 * @byte:  of AA_BYTE
 * @some:  AA_STAR, AA_DSTAR: at least one character
 * @set:   AA_SET: what it lists, without '/'
 * @not:   AA_SET: matches what is not listed
 * @slash: AA_SET: '/' as well
 */
struct atom {
	uint8_t tok;
	char byte;
	bool some;
	bool not ;
	bool slash;
	bool set[128];
};

struct glob {
	struct aa *a;
	const char *text;
	struct atom *v;
	size_t n;
	const struct atom **seq; /* the alternative being built */
	unsigned int tries;
	const char *why;
	struct aa_paths *ret;
};

/* Ways through a pattern that are tried; most of those beyond 1024 match nothing. */
#define TRIES_MAX 65536

static const char unseen[] = "a policy holds visible characters in UTF-8 only";
static const struct atom slash_atom = {.tok = AA_BYTE, .byte = '/'};

static bool is_slash(const struct atom *t)
{
	return t->tok == AA_BYTE && t->byte == '/';
}

static bool is_run(const struct atom *t)
{
	return t->tok == AA_STAR || t->tok == AA_DSTAR;
}

static bool is_brace(const struct atom *t)
{
	return t->tok >= AA_OPEN;
}

static int cannot(struct glob *g, const char *why)
{
	g->why = why;
	return -ENOTSUP;
}

static int digits(const char *s, unsigned int base, unsigned int most, unsigned int *ret)
{
	unsigned int n = 0, v = 0;

	for (; n < most; n++) {
		const char *hex = "0123456789abcdef";
		char c = s[n] >= 'A' && s[n] <= 'F' ? (char)(s[n] + 32) : s[n];
		const char *at = c ? strchr(hex, c) : NULL;

		if (!at || (unsigned int)(at - hex) >= base)
			break;
		v = v * base + (unsigned int)(at - hex);
	}
	*ret = v;
	return (int)n;
}

/* The character after a backslash at *@at, which moves behind it. */
static int unescape(struct glob *g, const char **at, char *ret)
{
	const char *s = *at;
	unsigned int v = 0;
	int n;

	if (!*s)
		return cannot(g, "nothing follows its backslash");
	if (*s == 'x' && (n = digits(s + 1, 16, 2, &v)) > 0) {
		*at = s + 1 + n;
	} else if (*s == 'd' && (n = digits(s + 1, 10, 3, &v)) > 0) {
		*at = s + 1 + n;
	} else if (*s >= '0' && *s <= '7') {
		*at = s + digits(s, 8, 3, &v);
	} else if (strchr("abefnrtv", *s)) {
		return cannot(g, "a policy cannot hold its control character");
	} else {
		v = (unsigned char)*s;
		*at = s + 1;
	}
	if (v < 0x20 || v == 0x7f)
		return cannot(g, "a policy cannot hold its control character");
	if (v > 0xff)
		return cannot(g, "its escape sequence is no byte");
	*ret = (char)v;
	return 0;
}

static int set_member(struct glob *g, const char **at, unsigned char *ret)
{
	char c = *(*at)++;
	int r = c == '\\' ? unescape(g, at, &c) : 0;

	*ret = (unsigned char)c;
	if (r == 0 && *ret >= 0x80)
		return cannot(g, "its set holds bytes that are not ASCII");
	if (r == 0 && (*ret < 0x20 || *ret == 0x7f))
		return cannot(g, "a policy cannot hold its control character");
	return r;
}

static int lex_set(struct glob *g, const char **at, struct atom *t)
{
	const char *s = *at;

	t->tok = AA_SET;
	t->not = *s == '^';
	s += t->not ;
	if (*s == ']')
		return cannot(g, "its set is empty");
	while (*s && *s != ']') {
		unsigned char lo, hi;
		int r = set_member(g, &s, &lo);

		if (r < 0)
			return r;
		hi = lo;
		if (*s == '-' && s[1] && s[1] != ']') {
			s++;
			r = set_member(g, &s, &hi);
			if (r < 0)
				return r;
		}
		if (hi < lo)
			return cannot(g, "the range of its set is backwards");
		for (unsigned int c = lo; c <= hi; c++)
			t->set[c] = true;
	}
	if (!*s)
		return cannot(g, "its set is not closed");
	t->slash = t->set['/'] != t->not ;
	t->set['/'] = false;
	*at = s + 1;
	return 0;
}

/* Text to atoms. What a star stands for depends on its neighbours as they are written. */
static int lex(struct glob *g)
{
	const char *s = g->text;
	unsigned int depth = 0;
	char before = 0;

	while (*s) {
		struct atom *t = &g->v[g->n++];
		char c = *s++;
		int r = 0;

		memset(t, 0, sizeof(*t));
		if (c == '\\') {
			r = unescape(g, &s, &t->byte);
			before = '\\';
		} else if (c == '*') {
			size_t more = strspn(s, "*");

			s += more;
			t->tok = more ? AA_DSTAR : AA_STAR;
			t->some = before == '/' && (*s == '/' || !*s);
		} else if (c == '?') {
			t->tok = AA_ONE;
		} else if (c == '[') {
			r = lex_set(g, &s, t);
		} else if (c == '{') {
			t->tok = AA_OPEN;
			depth++;
		} else if (c == '}') {
			if (!depth--)
				return cannot(g, "it has '}' without '{'");
			t->tok = AA_CLOSE;
		} else if (c == ',' && depth) {
			t->tok = AA_COMMA;
		} else if ((unsigned char)c < 0x20 || c == 0x7f) {
			return cannot(g, "a policy cannot hold its control character");
		} else {
			t->byte = c;
		}
		if (r < 0)
			return r;
		if (c != '\\')
			before = c;
	}
	return depth ? cannot(g, "its '{' is not closed") : 0;
}

static void put_set(FILE *f, const struct atom *t)
{
	unsigned int listed = 0;

	for (unsigned int c = 0; c < 128; c++)
		listed += t->set[c];
	if (!listed && t->not ) {
		fputc('?', f);
		return;
	}
	fputs(t->not ? "[!" : "[", f);
	for (unsigned int c = 1, end; c < 128; c = end + 1) {
		for (end = c; end < 127 && t->set[end] && t->set[end + 1];)
			end++;
		if (!t->set[c])
			continue;
		if (end < c + 2)
			end = c;
		for (unsigned int i = c; i <= end; i += end > c ? end - c : 1) {
			if (i == end && end > c)
				fputc('-', f);
			if (strchr("!^-[]\\:.=", (int)i))
				fputc('\\', f);
			fputc((int)i, f);
		}
	}
	fputc(']', f);
}

static void put_atom(FILE *f, const struct atom *t)
{
	switch (t->tok) {
	case AA_BYTE:
		if (strchr("\\*?[]{},", t->byte))
			fputc('\\', f);
		fputc(t->byte, f);
		break;
	case AA_ONE:
		fputc('?', f);
		break;
	case AA_SET:
		put_set(f, t);
		break;
	case AA_STAR:
		fputc('*', f);
		break;
	case AA_DSTAR:
		fputs("**", f);
		break;
	case AA_OPEN:
		fputc('{', f);
		break;
	case AA_COMMA:
		fputc(',', f);
		break;
	case AA_CLOSE:
		fputc('}', f);
		break;
	}
}

/*
 * Whether a policy can hold the pattern: our parser refuses what is not UTF-8, and characters that
 * cannot be seen. ASCII was looked at before.
 */
static bool can_be_written(const char *glob)
{
	_cleanup_policy_ struct vk_policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f;

	for (const char *s = glob;; s++) {
		if (!*s)
			return true;
		if ((unsigned char)*s >= 0x80)
			break;
	}
	f = open_memstream(&text, &size);
	if (!f)
		return false;
	fputs("vkernel: 1\nname: x\ndescription: '", f);
	for (const char *s = glob; *s; s++)
		fputc(*s == '\'' ? '"' : *s, f);
	fputs("'\n", f);
	if (fclose(f))
		return false;
	return vk_policy_parse("", text, size, NULL, NULL, &policy, NULL) == 0;
}

static int add_path(struct glob *g, const char *text, unsigned int kinds)
{
	struct aa_path *p;
	int r;

	for (size_t i = 0; i < g->ret->n; i++) {
		if (strcmp(g->ret->v[i].glob, text) == 0) {
			g->ret->v[i].kinds |= kinds;
			return 0;
		}
	}
	if (g->ret->n == VK_GLOB_ALTERNATIVES)
		return cannot(g, "it stands for more than 1024 patterns");
	r = aa_grow(g->a, &g->ret->v, g->ret->n, sizeof(*p));
	if (r < 0)
		return r;
	p = &g->ret->v[g->ret->n];
	p->glob = aa_strndup(g->a, text, strlen(text));
	p->kinds = kinds;
	if (!p->glob)
		return aa_oom(g->a);
	g->ret->n++;
	return 0;
}

/* Writes a sequence of atoms that has no directory's '/' at its end. */
static int put_sequence(struct glob *g, const struct atom *const *seq, size_t n, unsigned int kinds)
{
	_cleanup_free_ char *text = NULL;
	const char *why = NULL;
	size_t size = 0, at;
	FILE *f;
	int r;

	/* The root has no name: ours of all files includes it. */
	if (n == 2 && is_slash(seq[0]) && seq[1]->tok == AA_DSTAR) {
		r = add_path(g, "/*", kinds);
		return r < 0 ? r : add_path(g, "/*/**", kinds);
	}
	f = open_memstream(&text, &size);
	if (!f)
		return aa_oom(g->a);
	if (n == 0)
		fputc('/', f);
	for (size_t i = 0; i < n; i++) {
		if (seq[i]->tok == AA_DSTAR && i && is_slash(seq[i - 1]) && i + 1 < n &&
		    is_slash(seq[i + 1]))
			fputs("*/", f);
		put_atom(f, seq[i]);
		if (seq[i]->tok == AA_ONE || seq[i]->tok == AA_SET)
			g->a->general[AA_G_BYTES]++;
	}
	if (fclose(f))
		return aa_oom(g->a);
	r = vk_glob_check(text, &at, &why);
	if (r == -ENOMEM)
		return aa_oom(g->a);
	if (r < 0)
		return cannot(g, why);
	return can_be_written(text) ? add_path(g, text, kinds) : cannot(g, unseen);
}

/* An empty component, "." and ".." are in no name: such an alternative matches nothing. */
static bool matches_nothing(const struct atom *const *seq, size_t n)
{
	if (!n || !is_slash(seq[0]))
		return true;
	for (size_t i = 0; i + 1 < n; i++) {
		size_t dots = 0;

		if (!is_slash(seq[i]))
			continue;
		if (is_slash(seq[i + 1]))
			return true;
		while (i + 1 + dots < n && seq[i + 1 + dots]->tok == AA_BYTE &&
		       seq[i + 1 + dots]->byte == '.')
			dots++;
		if (dots && dots <= 2 && (i + 1 + dots == n || is_slash(seq[i + 1 + dots])))
			return true;
	}
	return false;
}

/* One alternative, without braces and without sets that match '/'. */
static int end_sequence(struct glob *g, size_t n)
{
	const struct atom **seq = g->seq;
	size_t m = 0;

	if (++g->tries > TRIES_MAX)
		return cannot(g, "it stands for too many patterns");
	for (size_t i = 0; i < n; i++) {
		/* Two stars in a row are one, and two of different kinds the larger. */
		if (m && is_run(seq[m - 1]) && is_run(seq[i])) {
			if (seq[i]->tok == AA_DSTAR)
				seq[m - 1] = seq[i];
			continue;
		}
		seq[m++] = seq[i];
	}
	if (matches_nothing(seq, m))
		return 0;
	const struct atom *last = seq[m - 1];

	if (is_slash(last))
		return put_sequence(g, seq, m - 1, AA_DIR);
	/* A star that may be nothing after '/': the directory itself. */
	if (is_run(last) && !last->some && is_slash(seq[m - 2])) {
		int r = put_sequence(g, seq, m - 2, AA_DIR);

		if (r < 0)
			return r;
	}
	return put_sequence(g, seq, m, last->tok == AA_DSTAR ? AA_FILE | AA_DIR : AA_FILE);
}

/* Every way through braces and sets from atom @at on; @n atoms are chosen. */
static int walk(struct glob *g, size_t at, size_t n)
{
	for (; at < g->n; at++) {
		const struct atom *t = &g->v[at];
		unsigned int depth = 1;
		int r;

		if (t->tok == AA_COMMA) {
			/* The end of an alternative: go on behind its group. */
			while (depth && ++at < g->n)
				depth += (g->v[at].tok == AA_OPEN) - (g->v[at].tok == AA_CLOSE);
		} else if (t->tok == AA_OPEN) {
			for (size_t i = at + 1, from = i; i < g->n && depth; i++) {
				depth += (g->v[i].tok == AA_OPEN) - (g->v[i].tok == AA_CLOSE);
				if (depth > 1 || (depth == 1 && g->v[i].tok != AA_COMMA))
					continue;
				r = walk(g, from, n);
				if (r < 0)
					return r;
				from = i + 1;
			}
			return 0;
		} else if (t->tok == AA_SET && t->slash) {
			g->seq[n] = &slash_atom;
			r = walk(g, at + 1, n + 1);
			if (r < 0)
				return r;
			g->seq[n++] = t;
		} else if (t->tok != AA_CLOSE) {
			g->seq[n++] = t;
		}
	}
	return end_sequence(g, n);
}

/* A set that matches nothing but '/' must not be written. */
static bool only_slash(const struct atom *t)
{
	if (t->tok != AA_SET || t->not )
		return false;
	for (size_t i = 0; i < 128; i++)
		if (t->set[i])
			return false;
	return true;
}

/* Whether every alternative of a group at the end ends in a character that is no '/'. */
static bool ends_plain(const struct glob *g)
{
	unsigned int depth = 0;

	if (g->v[g->n - 1].tok != AA_CLOSE)
		return true;
	for (size_t i = g->n; i-- > 1;) {
		const struct atom *t = &g->v[i];

		depth += (t->tok == AA_CLOSE) - (t->tok == AA_OPEN);
		if (!depth)
			return true;
		if (depth == 1 && is_brace(t) &&
		    (is_brace(&g->v[i - 1]) || is_run(&g->v[i - 1]) || is_slash(&g->v[i - 1])))
			return false;
	}
	return false;
}

/* Whether the braces can stay: see the top. */
static bool keeps_braces(const struct glob *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct atom *t = &g->v[i];

		if (t->tok == AA_SET && t->slash)
			return false;
		if (is_run(t) &&
		    ((i && is_brace(&g->v[i - 1])) || (i + 1 < g->n && is_brace(&g->v[i + 1]))))
			return false;
	}
	return g->n > 1 && is_slash(&g->v[0]) && ends_plain(g) &&
	       !(is_slash(&g->v[g->n - 1]) && is_brace(&g->v[g->n - 2]));
}

static int convert(struct glob *g)
{
	size_t n = g->ret->n;
	int r;

	g->n = 0;
	g->tries = 0;
	g->v = aa_alloc(g->a, (strlen(g->text) + 1) * sizeof(*g->v));
	g->seq = aa_alloc(g->a, (strlen(g->text) + 2) * sizeof(*g->seq));
	if (!g->v || !g->seq)
		return aa_oom(g->a);
	r = lex(g);
	if (r < 0)
		return r;
	for (size_t i = 0; i < g->n; i++)
		if (only_slash(&g->v[i]))
			g->v[i] = slash_atom;
	if (keeps_braces(g)) {
		for (size_t i = 0; i < g->n; i++)
			g->seq[i] = &g->v[i];
		r = end_sequence(g, g->n);
		if (r != -ENOTSUP && g->ret->n > n)
			return r;
	}
	return walk(g, 0, 0);
}

/* AppArmor folds slashes, but for exactly two at the start, which no name has. */
static void fold_slashes(char *s)
{
	char *to;

	if (s[0] == '/' && s[1] == '/' && s[2] != '/')
		s += 2;
	for (to = s; *s; s++)
		if (*s != '/' || s[1] != '/')
			*to++ = *s;
	*to = '\0';
}

int aa_paths(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_paths *ret,
	     const char **why)
{
	struct aa_strings texts = {0};
	struct glob g = {.a = a, .ret = ret};
	int r = aa_expand(a, rule->at, text, &texts);

	*ret = (struct aa_paths){0};
	*why = "";
	for (size_t i = 0; r == 0 && i < texts.n; i++) {
		g.text = texts.v[i];
		fold_slashes(texts.v[i]);
		r = convert(&g);
		for (size_t k = 0; r == 0 && k < a->n_aliases; k++) {
			size_t len = strlen(a->aliases[k].from);

			if (strncmp(texts.v[i], a->aliases[k].from, len) != 0)
				continue;
			g.text = aa_format(a, "%s%s", a->aliases[k].to, texts.v[i] + len);
			r = g.text ? convert(&g) : aa_oom(a);
		}
	}
	if (r == -ENOTSUP)
		*why = g.why;
	return r;
}

int aa_names(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_strings *ret,
	     const char **why)
{
	struct aa_strings texts = {0};
	struct glob g = {.a = a};
	int r = aa_expand(a, rule->at, text, &texts);

	*why = "";
	for (size_t i = 0; r == 0 && i < texts.n; i++) {
		_cleanup_free_ char *out = NULL;
		size_t size = 0, at;
		FILE *f;

		g.text = texts.v[i];
		g.n = 0;
		g.v = aa_alloc(a, (strlen(g.text) + 1) * sizeof(*g.v));
		if (!g.v)
			return aa_oom(a);
		r = lex(&g);
		if (r < 0)
			break;
		f = open_memstream(&out, &size);
		if (!f)
			return aa_oom(a);
		for (size_t k = 0; k < g.n; k++) {
			/* In a name without components, * is any run there and here. */
			g.v[k].set['/'] = g.v[k].tok == AA_SET && g.v[k].slash != g.v[k].not ;
			put_atom(f, &g.v[k]);
		}
		if (fclose(f))
			return aa_oom(a);
		r = vk_glob_check(out, &at, why);
		if (r < 0)
			return r == -ENOMEM ? aa_oom(a) : -ENOTSUP;
		if (!can_be_written(out)) {
			*why = unseen;
			return -ENOTSUP;
		}
		r = aa_add_string(a, ret, out);
	}
	if (r == -ENOTSUP)
		*why = g.why;
	return r;
}
