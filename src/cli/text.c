// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * text.c - text for terminals. Names of files and programs are chosen by what runs inside an
 * instance, so none is printed before it has been made harmless.
 */
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"

const char *cli_style(FILE *f, enum cli_style style)
{
	static const char *const codes[] = {
		[CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
		[CLI_RED] = "\033[31m",	 [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m",
		[CLI_CYAN] = "\033[36m",
	};
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if ((no_color && *no_color) || !term || !strcmp(term, "dumb") || !isatty(fileno(f)))
		return "";
	return codes[style];
}

bool cli_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Bytes of the well-formed UTF-8 character at @s, 0 if it is none. Rejects surrogates, overlong
 * forms and what is beyond U+10FFFF. */
static size_t utf8_char(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 :
		   s[0] < 0xc2 ? 0 :
		   s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 :
				 0;

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool cli_valid_utf8(const char *s, size_t len)
{
	while (len) {
		size_t n = utf8_char((const unsigned char *)s, len);

		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

/* C0 and C1 controls and DEL; and the format characters that reorder text (U+200E, U+202A to
 * U+202E, U+2066 to U+2069), with which a name could pass for another. */
static bool is_control(const unsigned char *s, size_t n)
{
	if (n == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	if (n == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (n == 3 && s[0] == 0xe2 && s[1] == 0x80)
		return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae);
	return n == 3 && s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

char *cli_safe(const char *text, size_t len, bool tabs)
{
	const unsigned char *s = (const unsigned char *)text;
	bool utf8 = cli_utf8();
	char *out = cli_alloc(4 * len + 1, 1), *o = out;

	while (len) {
		size_t n = utf8_char(s, len);
		bool keep = n && (!is_control(s, n) || (tabs && *s == '\t')) && (utf8 || n == 1);

		if (keep) {
			memcpy(o, s, n);
			o += n;
		} else {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				o += sprintf(o, "\\x%02x", s[i]);
		}
		s += n;
		len -= n;
	}
	*o = '\0';
	return out;
}

void cli_put_safe(FILE *f, const char *s, size_t len)
{
	_cleanup_free_ char *safe = cli_safe(s, len, false);

	fputs(safe, f);
}

size_t cli_width(const char *s)
{
	size_t width = 0, len = strlen(s);
	mbstate_t state = {0};

	while (len) {
		wchar_t c;
		size_t n = mbrtowc(&c, s, len, &state);

		if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
			return width + len;
		int w = wcwidth(c);

		width += w > 0 ? (size_t)w : 0;
		s += n;
		len -= n;
	}
	return width;
}

const char *cli_size(uint64_t bytes, char buf[16])
{
	if (bytes < 1024)
		snprintf(buf, 16, "%u B", (unsigned int)bytes);
	else if (bytes < 1024 * 1024)
		snprintf(buf, 16, "%.1f KiB", (double)bytes / 1024);
	else
		snprintf(buf, 16, "%.1f MiB", (double)bytes / (1024 * 1024));
	return buf;
}

_Noreturn void cli_out_of_memory(void)
{
	fputs("vkernel: out of memory\n", stderr);
	exit(CLI_FAIL);
}

void *cli_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		cli_out_of_memory();
	return p;
}

char *cli_dup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		cli_out_of_memory();
	return p;
}

char *cli_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	int r = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (r < 0)
		cli_out_of_memory();
	return s;
}
