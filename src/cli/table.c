// SPDX-License-Identifier: LGPL-2.1-or-later
/* table.c - columns aligned by what they hold; nothing is cut and nothing is wrapped. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void add(struct cli_table *t, char *cell)
{
	/* Grown by doubling: when the count is a power of two, the array is full. */
	if ((t->n & (t->n - 1)) == 0) {
		char **bigger = reallocarray(t->cells, t->n ? 2 * t->n : 1, sizeof(*bigger));

		if (!bigger)
			cli_out_of_memory();
		t->cells = bigger;
	}
	t->cells[t->n++] = cell;
}

void cli_table_init(struct cli_table *t, const char *header)
{
	*t = (struct cli_table){0};
	while (true) {
		size_t len = strcspn(header, "|");

		if (*header == '>') {
			t->right |= 1u << t->columns;
			header++;
			len--;
		}
		add(t, cli_format("%.*s", (int)len, header));
		t->columns++;
		header += len;
		if (!*header++)
			break;
	}
}

void cli_cell(struct cli_table *t, const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL;
	va_list ap;

	va_start(ap, fmt);
	int r = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (r < 0)
		cli_out_of_memory();
	add(t, cli_safe(raw, strlen(raw), false));
}

static void print_cell(const struct cli_table *t, size_t i, size_t width, FILE *f)
{
	size_t column = i % t->columns;
	size_t pad = width - cli_width(t->cells[i]);
	bool right = t->right & 1u << column;

	if (column)
		fputs("  ", f);
	if (right)
		fprintf(f, "%*s", (int)pad, "");
	fputs(t->cells[i], f);
	if (!right && column + 1 < t->columns)
		fprintf(f, "%*s", (int)pad, "");
}

void cli_table_print(const struct cli_table *t, FILE *f)
{
	size_t *widths = cli_alloc(t->columns, sizeof(*widths));

	for (size_t i = 0; i < t->n; i++) {
		size_t w = cli_width(t->cells[i]);

		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->n; i++) {
		bool first = i % t->columns == 0, last = i % t->columns == t->columns - 1;

		if (i == 0)
			fputs(cli_style(f, CLI_BOLD), f);
		else if (first && i == t->columns)
			fputs(cli_style(f, CLI_PLAIN), f);
		print_cell(t, i, widths[i % t->columns], f);
		if (last)
			fputc('\n', f);
	}
	if (t->n == t->columns)
		fputs(cli_style(f, CLI_PLAIN), f);
	free(widths);
}

void cli_table_free(struct cli_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct cli_table){0};
}
