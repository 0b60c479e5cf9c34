// SPDX-License-Identifier: LGPL-2.1-or-later
/* report.c - one error, one line, the place in the policy, one piece of advice. */
#include <stdarg.h>
#include <string.h>

#include "cli.h"

/* The text that @file names in messages: a built-in set or a file that is still there. */
static char *source_text(const char *file, size_t *ret_len)
{
	static const char built_in[] = "built-in ";
	struct vk_error ignored = {0};
	char *text = NULL, *name = NULL;

	if (!strncmp(file, built_in, sizeof(built_in) - 1)) {
		const struct vk_builtin *b = vk_builtin_find(file + sizeof(built_in) - 1);

		if (!b)
			return NULL;
		*ret_len = b->len;
		return cli_format("%.*s", (int)b->len, b->text);
	}
	/* A path without '/' would be looked up as a name. */
	_cleanup_free_ char *path = cli_format("%s%s", strchr(file, '/') ? "" : "./", file);

	if (cli_policy_text(path, &text, ret_len, &name, &ignored) < 0)
		return NULL;
	vk_freep(&name);
	return text;
}

static const char *find_line(const char *text, size_t len, uint32_t line, size_t *ret_len)
{
	const char *end = text + len;

	for (; line > 1; line--) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			return NULL;
		text = newline + 1;
	}
	const char *newline = memchr(text, '\n', (size_t)(end - text));

	*ret_len = (size_t)((newline ? newline : end) - text);
	return text;
}

/* Bytes of the first @chars characters. */
static size_t prefix(const char *s, size_t len, size_t chars)
{
	size_t i = 0;

	while (i < len && chars) {
		i++;
		while (i < len && ((unsigned char)s[i] & 0xc0) == 0x80)
			i++;
		chars--;
	}
	return i;
}

void cli_show_source(FILE *f, const char *text, size_t len, struct vk_pos pos)
{
	size_t line_len;

	if (!text || !pos.line || !pos.column)
		return;

	const char *line = find_line(text, len, pos.line, &line_len);

	if (!line || line_len == 0 || line_len > 400)
		return;

	size_t start = prefix(line, line_len, pos.column - 1);
	size_t word = 0;

	if (start < line_len && strchr("'\"", line[start])) {
		const char *quote = memchr(line + start + 1, line[start], line_len - start - 1);

		word = quote ? (size_t)(quote + 1 - line) - start : 1;
	}
	while (start + word < line_len && !(word && strchr(" \t,:]}'\"", line[start + word])))
		word++;

	_cleanup_free_ char *shown = cli_safe(line, line_len, true);
	_cleanup_free_ char *before = cli_safe(line, start, true);
	_cleanup_free_ char *under = cli_safe(line + start, word, true);

	fprintf(f, "  %s\n  ", shown);
	/* Tabs stay, so that the caret is under the word whatever their width. */
	for (const char *s = before; *s; s++)
		if (((unsigned char)*s & 0xc0) != 0x80)
			fputc(*s == '\t' ? '\t' : ' ', f);
	fprintf(f, "%s^", cli_style(f, CLI_GREEN));
	for (size_t n = cli_width(under); n > 1; n--)
		fputc('~', f);
	fprintf(f, "%s\n", cli_style(f, CLI_PLAIN));
}

void cli_report(const struct vk_error *e)
{
	fputs("vkernel: ", stderr);
	if (e->file[0]) {
		cli_put_safe(stderr, e->file, strlen(e->file));
		if (e->line)
			fprintf(stderr, e->column ? ":%u:%u" : ":%u", e->line, e->column);
		fputs(": ", stderr);
	}
	fputs(cli_style(stderr, CLI_BOLD), stderr);
	if (e->message[0])
		cli_put_safe(stderr, e->message, strlen(e->message));
	else
		fputs(strerror(e->code), stderr);
	fprintf(stderr, "%s\n", cli_style(stderr, CLI_PLAIN));
	if (e->line) {
		size_t len = 0;
		_cleanup_free_ char *text = source_text(e->file, &len);

		cli_show_source(stderr, text, len, (struct vk_pos){e->line, e->column});
	}
	if (e->advice[0]) {
		fputs("  ", stderr);
		cli_put_safe(stderr, e->advice, strlen(e->advice));
		fputc('\n', stderr);
	}
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("vkernel: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CLI_FAIL;
}
