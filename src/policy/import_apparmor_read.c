// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_read.c - the text of profiles: statements, includes, variables.
 *
 * A statement ends with a comma that is followed by a blank, or opens a block. Variables are
 * replaced when a rule is taken, textually, as AppArmor does: a rule with a variable of two values
 * is two rules.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "import_apparmor.h"

#define DEPTH_MAX 32 /* includes and blocks */
#define BYTES_MAX (16u << 20) /* of all files together */
#define TEXTS_MAX 1024 /* that a rule's variables may make of it */

/* A place in a text: @at is that of @s. @scratch has room for a statement as long as the text. */
struct reader {
	struct aa *a;
	const char *s;
	struct aa_at at;
	char *scratch;
};

/* Qualifiers of the blocks around, and whether the rules within are those to be taken. */
struct block {
	struct aa_rule quals;
	bool take;
	bool profile;
	const char *name; /* of the profile, with its parents' */
};

static int read_block(struct reader *r, const struct block *b, bool nested);

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool keyword(const char *s, const char *word)
{
	size_t len = strlen(word);

	return strncmp(s, word, len) == 0 &&
	       (!s[len] || blank(s[len]) || strchr("(,{=<\"", s[len]));
}

static const char *skip_blanks(const char *s)
{
	while (blank(*s))
		s++;
	return s;
}

static void step(struct reader *r)
{
	if (*r->s++ == '\n')
		r->at.line++;
}

static bool is_include(const char *s)
{
	s += *s == '#';
	return keyword(s, "include");
}

/*
 * Files of an included directory come one after the other; each begins with a comment that names
 * it.
 */
static bool take_marker(struct reader *r)
{
	static const char marker[] = "#@file ";
	size_t len = sizeof(marker) - 1, n;
	char *name;

	if (strncmp(r->s, marker, len) != 0)
		return false;
	n = strcspn(r->s + len, "\n");
	name = aa_strndup(r->a, r->s + len, n);
	r->s += len + n - 1;
	if (name)
		r->at.file = name;
	r->at.line = 0;
	return true;
}

/* To the next statement, past blanks and comments. */
static void skip(struct reader *r)
{
	for (; *r->s; step(r)) {
		if (*r->s == '#' && !is_include(r->s)) {
			if (take_marker(r))
				continue;
			while (r->s[1] && r->s[1] != '\n')
				r->s++;
		} else if (!blank(*r->s)) {
			return;
		}
	}
}

int aa_word(struct aa *a, struct aa_at at, const char **text, char **ret)
{
	const char *s = skip_blanks(*text);
	unsigned int braces = 0;
	size_t len = 0;
	char *word;

	if (!*s) {
		*text = s;
		*ret = NULL;
		return 0;
	}
	word = aa_alloc(a, strlen(s) + 1);
	if (!word)
		return aa_oom(a);
	if (*s == '"') {
		for (s++; *s && *s != '"'; s++) {
			if (*s == '\\' && s[1] == '"')
				s++;
			word[len++] = *s;
		}
		if (*s++ != '"')
			return aa_mistake(a, at, "a '\"' is not closed");
	} else {
		for (; *s && (!blank(*s) || braces); s++) {
			braces += *s == '{';
			braces -= *s == '}' && braces;
			if (*s == '\\' && s[1] && !blank(s[1]))
				word[len++] = *s++;
			word[len++] = *s;
		}
	}
	*text = s;
	*ret = word;
	return 0;
}

/* ---- variables ---- */

static struct aa_var *find_variable(struct aa *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->n_vars; i++)
		if (strlen(a->vars[i].name) == len && memcmp(a->vars[i].name, name, len) == 0)
			return &a->vars[i];
	return NULL;
}

int aa_set_variable(struct aa *a, const char *name, size_t len, struct aa_strings values, bool add,
		    struct aa_at at)
{
	struct aa_var *var = find_variable(a, name, len);
	int r;

	if (add && !var)
		return aa_mistake(a, at, "the variable @{%.*s} is added to, but was not set",
				  (int)len, name);
	if (!var) {
		r = aa_grow(a, &a->vars, a->n_vars, sizeof(*var));
		if (r < 0)
			return r;
		var = &a->vars[a->n_vars];
		*var = (struct aa_var){.name = aa_strndup(a, name, len)};
		if (!var->name)
			return aa_oom(a);
		a->n_vars++;
	} else if (!add) {
		return aa_mistake(a, at, "the variable @{%.*s} is set twice", (int)len, name);
	}
	for (size_t i = 0; i < values.n; i++) {
		r = aa_add_string(a, &var->values, values.v[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int expand(struct aa *a, struct aa_at at, const char *text, unsigned int depth,
		  struct aa_strings *ret)
{
	const char *open = text, *end;
	struct aa_var *var;

	while ((open = strstr(open, "@{")) && open > text && open[-1] == '\\')
		open += 2;
	if (!open) {
		if (ret->n >= TEXTS_MAX)
			return aa_mistake(a, at, "variables make more than %u rules of this one",
					  TEXTS_MAX);
		return aa_add_string(a, ret, text);
	}
	end = strchr(open, '}');
	if (!end)
		return aa_mistake(a, at, "'@{' is not closed");
	var = find_variable(a, open + 2, (size_t)(end - open) - 2);
	if (!var) {
		aa_mistake(a, at, "the variable %.*s is not set", (int)(end - open) + 1, open);
		vk_error_advise(a->e, "the profile must include <tunables/global>, or what sets "
				      "it; --include says where includes are");
		return -EINVAL;
	}
	if (depth >= DEPTH_MAX)
		return aa_mistake(a, at, "the variable %.*s is set to itself",
				  (int)(end - open) + 1, open);
	for (size_t i = 0; i < var->values.n; i++) {
		const char *one = aa_format(a, "%.*s%s%s", (int)(open - text), text,
					    var->values.v[i], end + 1);
		int r;

		if (!one)
			return aa_oom(a);
		if (strlen(one) > 65536)
			return aa_mistake(a, at, "variables make this rule too long");
		r = expand(a, at, one, depth + 1, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

int aa_expand(struct aa *a, struct aa_at at, const char *text, struct aa_strings *ret)
{
	return expand(a, at, text, 0, ret);
}

/* @{NAME} = value..., to the end of the line. */
static int read_variable(struct reader *r, const char *assign)
{
	const char *name = r->s + 2, *end = strchr(r->s, '}'), *stop = assign, *text;
	struct aa_strings values = {0};
	bool add = *assign == '+', quoted = false;
	char *line, *word;
	int ret;

	for (; *stop && *stop != '\n'; stop++) {
		if (*stop == '"')
			quoted = !quoted;
		if (*stop == '#' && !quoted && blank(stop[-1]))
			break;
	}
	line = aa_strndup(r->a, assign + add + 1, (size_t)(stop - assign) - add - 1);
	if (!line)
		return aa_oom(r->a);
	for (text = line;;) {
		ret = aa_word(r->a, r->at, &text, &word);
		if (ret < 0)
			return ret;
		if (!word)
			break;
		ret = aa_add_string(r->a, &values, word);
		if (ret < 0)
			return ret;
	}
	if (!values.n)
		return aa_mistake(r->a, r->at, "the variable @{%.*s} is set to nothing",
				  (int)(end - name), name);
	ret = aa_set_variable(r->a, name, (size_t)(end - name), values, add, r->at);
	r->s = stop;
	return ret;
}

/* The '=' or '+=' of an assignment at the reader; NULL: a path that begins with a variable. */
static const char *assignment(const char *s)
{
	const char *end = s[0] == '@' && s[1] == '{' ? strchr(s, '}') : NULL;

	if (!end)
		return NULL;
	end++;
	while (*end == ' ' || *end == '\t')
		end++;
	if (*end == '=')
		return end;
	return end[0] == '+' && end[1] == '=' ? end : NULL;
}

/* ---- includes ---- */

static int read_text(struct aa *a, const char *file, const char *text, size_t len,
		     const struct block *b)
{
	struct reader r = {a, NULL, {file, 1}, NULL};
	int ret;

	if (memchr(text, '\0', len))
		return aa_mistake(a, r.at, "the file is not text");
	a->bytes += len;
	if (a->bytes > BYTES_MAX)
		return aa_mistake(a, r.at, "the profile and what it includes is over 16 MiB");
	if (++a->depth > DEPTH_MAX)
		return aa_mistake(a, r.at, "includes are nested more than %d deep", DEPTH_MAX);
	r.s = aa_strndup(a, text, len);
	r.scratch = aa_alloc(a, len + 1);
	if (!r.s || !r.scratch)
		return aa_oom(a);
	ret = read_block(&r, b, false);
	a->depth--;
	return ret;
}

static int read_include(struct reader *r, const struct block *b)
{
	const char *s = skip_blanks(strchr(r->s, 'e') + 1), *end;
	_cleanup_free_ char *text = NULL;
	bool optional = false;
	struct aa *a = r->a;
	size_t len = 0;
	char *name;
	int ret;

	if (keyword(s, "if")) {
		optional = true;
		s = skip_blanks(s + 2);
		if (!keyword(s, "exists"))
			return aa_mistake(a, r->at, "\"include if\" goes with \"exists\"");
		s = skip_blanks(s + 6);
	}
	end = *s == '<' ? strchr(s, '>') : *s == '"' ? strchr(s + 1, '"') : NULL;
	if (end) {
		name = aa_strndup(a, s + 1, (size_t)(end - s) - 1);
		end++;
	} else {
		end = s + strcspn(s, " \t\r\n");
		name = aa_strndup(a, s, (size_t)(end - s));
	}
	if (!name)
		return aa_oom(a);
	if (!*name || strchr(name, '\n'))
		return aa_mistake(a, r->at, "include says not what");
	r->s = end + (*end == ',');
	if (!b->take && b->profile)
		return 0; /* of a profile that is not taken */
	ret = a->from->include ? a->from->include(name, &text, &len, a->from->data) : -ENOENT;
	if (ret == -ENOENT && optional)
		return 0;
	if (ret < 0) {
		aa_mistake(a, r->at, "cannot read the included file %s: %s", name, strerror(-ret));
		if (ret == -ENOENT)
			vk_error_advise(a->e, "--include DIR says where included files are");
		return -EINVAL;
	}
	return read_text(a, name, text, len, b);
}

/* ---- statements ---- */

/*
 * The statement at the reader, blanks folded and comments left out. Its end is in *ret_end: ',' or
 * '{'.
 */
static int read_statement(struct reader *r, char **ret, char *ret_end)
{
	struct aa_at start = r->at;
	unsigned int parens = 0, braces = 0;
	char *to, *text = r->scratch;
	bool quoted = false;

	for (to = text; *r->s; step(r)) {
		char c = *r->s, before = to > text ? to[-1] : ' ';

		if (quoted || c == '"') {
			quoted ^= c == '"' && (before != '\\' || !quoted);
			*to++ = c;
			continue;
		}
		if (c == '\\' && r->s[1] && !blank(r->s[1])) {
			*to++ = c;
			step(r);
			*to++ = *r->s;
			continue;
		}
		if (c == '#' && before == ' ') {
			while (r->s[1] && r->s[1] != '\n')
				r->s++;
			continue;
		}
		if (blank(c)) {
			if (before != ' ')
				*to++ = ' ';
			continue;
		}
		if (c == '{' && !parens && !braces && (before == ' ' || before == ')')) {
			*ret_end = c;
			goto end;
		}
		if (c == '}' && !braces && !parens)
			return aa_mistake(r->a, r->at, "a rule is not ended by a comma");
		braces += c == '{';
		braces -= c == '}' && braces;
		parens += c == '(' && (parens || before == ' ' || before == '=');
		parens -= c == ')' && parens;
		if (c == ',' && !parens && (!r->s[1] || blank(r->s[1]) || r->s[1] == '#')) {
			*ret_end = c;
			goto end;
		}
		*to++ = c;
	}
	return aa_mistake(r->a, start, "the statement does not end");
end:
	step(r);
	while (to > text && to[-1] == ' ')
		to--;
	*ret = aa_strndup(r->a, text, (size_t)(to - text));
	return *ret ? 0 : aa_oom(r->a);
}

/* Takes the qualifiers off the front of @text. */
static int read_qualifiers(struct aa *a, struct aa_rule *rule)
{
	for (;;) {
		const char *s = skip_blanks(rule->body);

		if (keyword(s, "audit")) {
			rule->audit = true;
			s += 5;
		} else if (keyword(s, "deny")) {
			rule->deny = true;
			s += 4;
		} else if (keyword(s, "allow")) {
			s += 5;
		} else if (keyword(s, "owner")) {
			rule->owner = true;
			s += 5;
		} else if (keyword(s, "priority") || keyword(s, "other")) {
			return aa_mistake(a, rule->at,
					  "rules with \"%.*s\" are not understood by this version",
					  (int)strcspn(s, " ="), s);
		} else {
			rule->body = s;
			return 0;
		}
		rule->body = s;
	}
}

static bool has_flag(const char *head, const char *flag)
{
	const char *open = strrchr(head, '('), *s = open;
	size_t len = strlen(flag);

	while (s && (s = strstr(s + 1, flag)))
		if (!isalnum((unsigned char)s[-1]) && s[-1] != '_' &&
		    !isalnum((unsigned char)s[len]) && s[len] != '_')
			return true;
	return false;
}

/* Begins the profile to take: what its head says. */
static int take_head(struct aa *a, struct aa_at at, const char *name, const char *head,
		     const char *rest)
{
	struct aa_strings self = {0};
	struct aa_rule rule = {.at = at, .text = head, .body = head};
	int r = 0;

	a->seen = true;
	a->name = name;
	a->at = at;
	a->complain = has_flag(head, "complain");
	a->unconfined = has_flag(head, "unconfined");
	r = aa_add_string(a, &self, name);
	if (r == 0 && !find_variable(a, "profile_name", 12))
		r = aa_set_variable(a, "profile_name", 12, self, false, at);
	rest = skip_blanks(rest);
	if (r == 0 && (*rest == '/' || *rest == '"' || *rest == '@' || *name == '/'))
		r = aa_report(a, &rule, AA_LOST,
			      "a policy is attached to no program; vkernel run -p, or the "
			      "container's configuration, says who gets it");
	if (r == 0 && strstr(rest, "xattrs"))
		r = aa_report(a, &rule, AA_LOST, "as above for attributes of the program");
	for (size_t i = 0; r == 0 && i < 2; i++) {
		static const char *const kills[] = {"kill", "prompt"};

		if (has_flag(head, kills[i]))
			r = aa_report(a, &rule, AA_DIFFERS, "flag %s: what is denied fails",
				      kills[i]);
	}
	if (r == 0 && has_flag(head, "default_allow"))
		r = aa_report(a, &rule, AA_NARROWER,
			      "flag default_allow: what no rule speaks of is denied");
	if (r == 0 && has_flag(head, "chroot_relative"))
		r = aa_report(a, &rule, AA_DIFFERS,
			      "flag chroot_relative: names begin at the root of the instance");
	return r;
}

/* profile NAME ..., ^HAT, hat HAT, or only a name: the block that follows. */
static int read_profile(struct reader *r, struct aa_at at, const char *text, const struct block *b)
{
	const char *s = text;
	struct block inner = {.profile = true};
	struct aa *a = r->a;
	char *name;
	bool wanted;
	int ret;

	if (keyword(s, "profile"))
		s += 7;
	else if (keyword(s, "hat"))
		s += 3;
	else if (*s == '^')
		s++;
	else if (*s != '/' && *s != '"' && *s != '@')
		return aa_mistake(a, at, "\"%.40s\" does not begin a block", text);
	ret = aa_word(a, at, &s, &name);
	if (ret < 0)
		return ret;
	if (!name || !*name)
		return aa_mistake(a, at, "the profile has no name");
	/* "name(flags)" in one word */
	if (strchr(name, '(') && *text != '"')
		*strchr(name, '(') = '\0';
	inner.name = b->name ? aa_format(a, "%s//%s", b->name, name) : name;
	if (!inner.name)
		return aa_oom(a);
	wanted = a->from->profile ? strcmp(inner.name, a->from->profile) == 0 : !a->seen;
	if (wanted && !a->name) {
		inner.take = true;
		ret = take_head(a, at, inner.name, text, s);
	} else if (b->take || !b->profile) {
		struct aa_rule rule = {.at = at, .text = text, .body = text};

		a->seen = true;
		ret = aa_report(a, &rule, AA_LOST,
				b->take ? "members change to no other profile; --profile %s "
					  "imports it" :
					  "another profile; --profile %s imports it",
				inner.name);
	}
	if (++a->depth > DEPTH_MAX)
		return aa_mistake(a, at, "blocks are nested more than %d deep", DEPTH_MAX);
	if (ret == 0)
		ret = read_block(r, &inner, true);
	a->depth--;
	return ret;
}

static int read_alias(struct aa *a, struct aa_at at, const char *text)
{
	struct aa_alias alias = {0};
	char *arrow = NULL;
	int r = aa_word(a, at, &text, &alias.from);

	if (r == 0)
		r = aa_word(a, at, &text, &arrow);
	if (r == 0)
		r = aa_word(a, at, &text, &alias.to);
	if (r < 0)
		return r;
	if (!alias.to || strcmp(arrow, "->") != 0)
		return aa_mistake(a, at, "an alias is written: alias /from/ -> /to/,");
	r = aa_grow(a, &a->aliases, a->n_aliases, sizeof(alias));
	if (r == 0)
		a->aliases[a->n_aliases++] = alias;
	return r;
}

/* Which classes a policy of this ABI knows: AppArmor leaves the others unrestricted. */
static int read_abi(struct aa *a, struct aa_at at, const char *text)
{
	static const struct {
		const char *word;
		unsigned int classes;
	} known[] = {
		{"network", AA_CLASS_NETWORK}, {"mount", AA_CLASS_MOUNT},
		{"ptrace", AA_CLASS_PTRACE},   {"signal", AA_CLASS_SIGNAL},
		{"userns", AA_CLASS_USERNS},
	};
	_cleanup_free_ char *features = NULL, *z = NULL;
	struct aa_rule rule = {.at = at, .text = text, .body = text};
	const char *s = skip_blanks(text + 3);
	size_t len = 0;
	char *name = aa_strndup(a, s + 1, *s ? strcspn(s + 1, ">\"") : 0);
	int r = -ENOENT;

	if (!name)
		return aa_oom(a);
	if (a->from->include && (*s == '<' || *s == '"'))
		r = a->from->include(name, &features, &len, a->from->data);
	if (r < 0)
		return aa_report(a, &rule, AA_DIFFERS,
				 "the file is not there; taken to restrict networking, mounts, "
				 "tracing and signals");
	z = strndup(features, len);
	if (!z)
		return aa_oom(a);
	a->mediated = 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(z, known[i].word))
			a->mediated |= known[i].classes;
	return 0;
}

static int take_statement(struct reader *r, struct aa_at at, char *text, char end,
			  const struct block *b)
{
	struct aa_rule rule = b->quals;
	struct aa *a = r->a;
	int ret;

	rule.at = at;
	rule.text = text;
	rule.body = text;
	ret = read_qualifiers(a, &rule);
	if (ret < 0)
		return ret;
	if (end == '{') {
		struct block inner = *b;

		if (*rule.body)
			return read_profile(r, at, text, b);
		inner.quals = rule;
		if (++a->depth > DEPTH_MAX)
			return aa_mistake(a, at, "blocks are nested more than %d deep", DEPTH_MAX);
		ret = read_block(r, &inner, true);
		a->depth--;
		return ret;
	}
	if (keyword(text, "abi"))
		return read_abi(a, at, text);
	if (keyword(text, "alias"))
		return read_alias(a, at, text + 5);
	if (!b->profile)
		return aa_mistake(a, at, "\"%.40s\" is no part of a profile", text);
	return b->take ? aa_take_rule(a, &rule) : 0;
}

static int read_block(struct reader *r, const struct block *b, bool nested)
{
	for (;;) {
		struct aa_at at;
		char *text, end = 0;
		int ret;

		skip(r);
		at = r->at;
		if (!*r->s)
			return nested ? aa_mistake(r->a, at, "a '}' is missing") : 0;
		if (*r->s == '}') {
			if (!nested)
				return aa_mistake(r->a, at, "'}' without '{'");
			r->s++;
			return 0;
		}
		if (is_include(r->s)) {
			ret = read_include(r, b);
		} else if (assignment(r->s)) {
			ret = read_variable(r, assignment(r->s));
		} else if (*r->s == '$' || keyword(r->s, "if") || keyword(r->s, "else")) {
			ret = aa_mistake(r->a, at,
					 "conditions (if, $variables) are not understood by this "
					 "version");
		} else {
			ret = read_statement(r, &text, &end);
			if (ret == 0)
				ret = take_statement(r, at, text, end, b);
		}
		if (ret < 0)
			return ret;
	}
}

int aa_read(struct aa *a)
{
	struct block top = {0};

	return read_text(a, a->from->file, a->from->text, a->from->len, &top);
}
