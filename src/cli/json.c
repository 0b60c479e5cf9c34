// SPDX-License-Identifier: LGPL-2.1-or-later
/* json.c - JSON that is always valid: bytes that are no UTF-8 become U+FFFD. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static json_t *checked(json_t *value)
{
	if (!value)
		cli_out_of_memory();
	return value;
}

json_t *cli_json_string(const char *s)
{
	size_t len = strlen(s);

	if (cli_valid_utf8(s, len))
		return checked(json_string(s));

	_cleanup_free_ char *out = cli_alloc(3 * len + 1, 1);
	char *o = out;

	for (; *s; s++) {
		bool ascii = (unsigned char)*s < 0x80;
		size_t n = ascii ? 1 : 3;

		/* A name is all text or it is not: what is left of UTF-8 in it is not kept. */
		memcpy(o, ascii ? s : "\xef\xbf\xbd", n);
		o += n;
	}
	*o = '\0';
	return checked(json_string(out));
}

void cli_json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, checked(value)))
		cli_out_of_memory();
}

void cli_json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, checked(value)))
		cli_out_of_memory();
}

void cli_json_print(json_t *value, bool lines)
{
	size_t flags = JSON_ENCODE_ANY | (lines ? JSON_COMPACT : JSON_INDENT(2));

	if (json_dumpf(value, stdout, flags) == 0) {
		fputc('\n', stdout);
		if (lines)
			fflush(stdout);
	}
	json_decref(value);
}

json_t *cli_json_error(const struct vk_error *e)
{
	json_t *o = checked(json_object());

	cli_json_set(o, "errno", cli_json_string(strerrorname_np(e->code) ?: "EIO"));
	if (e->file[0])
		cli_json_set(o, "file", cli_json_string(e->file));
	if (e->line) {
		cli_json_set(o, "line", json_integer(e->line));
		cli_json_set(o, "column", json_integer(e->column));
	}
	cli_json_set(o, "message", cli_json_string(e->message));
	if (e->advice[0])
		cli_json_set(o, "advice", cli_json_string(e->advice));
	return o;
}
