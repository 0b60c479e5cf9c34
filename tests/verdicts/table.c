// SPDX-License-Identifier: LGPL-2.1-or-later
#include "table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vt_table {
	const char *path;
	FILE *f;
	unsigned int line;
	char *buf;
	size_t cap;
	struct vt_policy **policies;
	size_t n_policies;
	struct vt_row row;
};

static const struct {
	const char *word;
	size_t args;
	enum vt_object object;
} ops[] = {
#define X(id, word, args, object, how) {word, args, object},
	VT_OPS(X)
#undef X
};

static const char *const verdicts[] = {"allow", "audit", "deny", "xdev"};

const char *vt_op_word(enum vt_op op)
{
	return ops[op].word;
}

enum vt_object vt_op_object(enum vt_op op)
{
	return ops[op].object;
}

const char *vt_verdict_word(enum vt_verdict v)
{
	return verdicts[v];
}

const struct vt_policy *vt_find(const struct vt_table *t, const char *name)
{
	for (size_t i = 0; i < t->n_policies; i++) {
		if (strcmp(t->policies[i]->name, name) == 0)
			return t->policies[i];
	}
	return NULL;
}

static int bad(const struct vt_table *t, const char *what, const char *word)
{
	fprintf(stderr, "%s:%u: %s '%s'\n", t->path, t->line, what, word);
	return -EINVAL;
}

/* The next line without its end, or NULL at the end of the file. */
static char *next_line(struct vt_table *t)
{
	ssize_t len = getline(&t->buf, &t->cap, t->f);

	if (len < 0)
		return NULL;
	if (len && t->buf[len - 1] == '\n')
		t->buf[len - 1] = '\0';
	t->line++;
	return t->buf;
}

static int read_policy(struct vt_table *t, char *rest)
{
	char *save, *name = strtok_r(rest, " \t", &save), *mark = strtok_r(NULL, " \t", &save);
	struct vt_policy **more, *p;
	char *line, *text = NULL;
	size_t len = 0;

	if (!mark || strcmp(mark, "<<EOF") != 0)
		return bad(t, "a policy is 'policy NAME <<EOF', not", rest);
	if (vt_find(t, name))
		return bad(t, "a second policy of the name", name);
	p = calloc(1, sizeof(*p));
	more = reallocarray(t->policies, t->n_policies + 1, sizeof(*more));
	if (more)
		t->policies = more;
	if (!p || !more || !(p->name = strdup(name))) {
		free(p);
		return -ENOMEM;
	}
	t->policies[t->n_policies++] = p;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	while ((line = next_line(t)) && strcmp(line, "EOF") != 0)
		fprintf(out, "%s\n", line);
	if (fclose(out) != 0)
		return -ENOMEM;
	p->text = text;
	return line ? 0 : bad(t, "no EOF after policy", p->name);
}

static int read_use(struct vt_table *t, char *rest)
{
	char *save, *name = strtok_r(rest, " \t", &save);

	t->row.n_layers = 0;
	t->row.scope++;
	for (; name; name = strtok_r(NULL, " \t", &save)) {
		const struct vt_policy *p = vt_find(t, name);

		if (!p || t->row.n_layers == VT_MAX_LAYERS)
			return bad(t, p ? "too many layers at" : "no such policy:", name);
		t->row.layers[t->row.n_layers++] = p;
	}
	return t->row.n_layers ? 0 : bad(t, "'use' names no policy", "");
}

/* Resolves "\xHH" in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && isxdigit((unsigned char)s[2]) &&
		    isxdigit((unsigned char)s[3])) {
			char hex[3] = {s[2], s[3], '\0'};

			*out++ = (char)strtoul(hex, NULL, 16);
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static int read_verdict(struct vt_table *t, char *text)
{
	char *comment = strstr(text, " # ");

	t->row.nolive = NULL;
	if (comment) {
		*comment = '\0';
		comment += 3;
		if (strncmp(comment, "nolive: ", 8) != 0 || !comment[8])
			return bad(t, "after a verdict comes '# nolive: REASON', not", comment);
		t->row.nolive = comment + 8;
	}
	text += strspn(text, " \t");
	text[strcspn(text, " \t")] = '\0';
	for (size_t v = 0; v < sizeof(verdicts) / sizeof(verdicts[0]); v++) {
		if (strcmp(verdicts[v], text) == 0) {
			t->row.want = (enum vt_verdict)v;
			return 0;
		}
	}
	return bad(t, "no such verdict:", text);
}

static int read_op(struct vt_table *t, char *text)
{
	char *save, *word = strtok_r(text, " \t", &save);
	size_t op = 0, n = 0;

	t->row.foreign = word && strcmp(word, "foreign") == 0;
	if (t->row.foreign)
		word = strtok_r(NULL, " \t", &save);
	if (!word)
		return bad(t, "an operation is missing", "");
	while (op < VT_OP_COUNT && strcmp(ops[op].word, word) != 0)
		op++;
	if (op == VT_OP_COUNT)
		return bad(t, "no such operation:", word);
	t->row.op = (enum vt_op)op;
	memset(t->row.args, 0, sizeof(t->row.args));
	for (char *arg; (arg = strtok_r(NULL, " \t", &save)); n++) {
		if (n == ops[op].args)
			return bad(t, "an argument too many:", arg);
		unescape(arg);
		t->row.args[n] = arg;
	}
	return n == ops[op].args ? 0 : bad(t, "arguments are missing after", word);
}

static int read_row(struct vt_table *t, char *line, vt_fn fn, void *data)
{
	char *text = strdup(line), *arrow = strstr(line, " -> ");
	int r = -EINVAL;

	if (!text)
		return -ENOMEM;
	if (!t->row.n_layers)
		r = bad(t, "no 'use' before", line);
	else if (!arrow)
		r = bad(t, "'->' is missing in", line);
	else {
		*arrow = '\0';
		r = read_verdict(t, arrow + 4);
	}
	if (r == 0)
		r = read_op(t, line);
	if (r == 0) {
		t->row.line = t->line;
		t->row.text = text;
		r = fn(&t->row, data);
	}
	free(text);
	return r;
}

int vt_read(const char *path, vt_fn fn, void *data)
{
	struct vt_table t = {.path = path, .f = fopen(path, "re")};
	int r = 0;
	char *line;

	if (!t.f)
		return -errno;
	t.row.file = path;
	t.row.table = &t;
	while (r == 0 && (line = next_line(&t))) {
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		if (strncmp(line, "policy ", 7) == 0)
			r = read_policy(&t, line + 7);
		else if (strncmp(line, "use ", 4) == 0)
			r = read_use(&t, line + 4);
		else
			r = read_row(&t, line, fn, data);
	}
	for (size_t i = 0; i < t.n_policies; i++) {
		free(t.policies[i]->name);
		free(t.policies[i]->text);
		free(t.policies[i]);
	}
	free(t.policies);
	free(t.buf);
	fclose(t.f);
	return r;
}
