// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The reference knows every key and word that the parser knows, and its examples are good
 * policies. Run from the top of the source tree.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "names.h"
#include "parse.h"
#include "schema.h"
#include "tap.h"

static const char man_page[] = "man/vkernel-policy.5";
static const char guide[] = "docs/policy.md";

static char *slurp(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	ASSERT(text);
	if (!f) {
		FAIL("%s: %s (the test runs from the top of the source tree)", path,
		     strerror(errno));
		tap_abort();
	}
	CHECK(fread(text, 1, (1 << 20) - 1, f) > 0);
	return text;
}

/* Takes the backslashes out: "mmap\-exec" is a hyphen in troff. */
static char *plain(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (*from != '\\' || from[1] != '-')
			*to++ = *from;
	*to = '\0';
	return text;
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *s = strstr(text, word); s; s = strstr(s + 1, word))
		if ((s == text || !word_char(s[-1])) && !word_char(s[len]))
			return true;
	return false;
}

TEST(man_page_has_every_word)
{
	_cleanup_free_ char *text = plain(slurp(man_page));

	for (size_t i = 0; i < vk_n_schema; i++) {
		const struct vk_schema_key *row = &vk_schema[i];

		if (!has_word(text, row->key))
			FAIL("%s lacks the key %s", man_page, row->key);
		/* The names of capabilities are left to capabilities(7). */
		for (size_t k = 0; row->words && row->words != vk_cap_words && row->words[k]; k++)
			if (*row->words[k] && !has_word(text, row->words[k]))
				FAIL("%s lacks \"%s\" of %s", man_page, row->words[k], row->key);
	}
	for (size_t k = 0; vk_socktype_words[k]; k++)
		CHECK(has_word(text, vk_socktype_words[k]));
	for (size_t k = 0; vk_netlink_words[k]; k++)
		CHECK(!*vk_netlink_words[k] || has_word(text, vk_netlink_words[k]));
	for (size_t i = 0; i < vk_n_builtins; i++)
		if (!has_word(text, vk_builtins[i].name))
			FAIL("%s lacks the rule set %s", man_page, vk_builtins[i].name);
}

/* Every right is a word of some section. */
TEST(rights_can_be_written)
{
	_cleanup_free_ char *text = plain(slurp(man_page));

	for (unsigned int bit = 0; bit < VK_R_COUNT; bit++) {
		uint32_t right = 1u << bit;
		const char *name = vk_right_name(right);
		const char *const *words =
			right & VK_R_MOUNTS_ALL ? vk_words_mounts : vk_words_rights;
		bool found = false;

		if (right & VK_R_NETWORK_ALL)
			continue;
		for (; *words; words++)
			found |= strcmp(*words, name) == 0;
		if (!found || !has_word(text, name))
			FAIL("no word for the right %s", name);
	}
}

static const char *kind_text(const struct vk_schema_key *row)
{
	switch (row->kind) {
	case VK_KIND_VERSION:
		return "1";
	case VK_KIND_NAME:
		return "name";
	case VK_KIND_TEXT:
		return "text";
	case VK_KIND_WORD:
		return NULL;
	case VK_KIND_WORDS:
		return row->words == vk_abi_words    ? "list of ABIs" :
		       row->words == vk_words_mounts ? "list of operations" :
						       "list of rights";
	case VK_KIND_SETS:
		return "list of names";
	case VK_KIND_TOPICS:
		return "list of names";
	case VK_KIND_MAP:
		return "map";
	case VK_KIND_MAPS:
		return "list of maps";
	case VK_KIND_GLOBS:
		return "list of patterns";
	case VK_KIND_ENDPOINTS:
		return "list of endpoints";
	case VK_KIND_ADDRESSES:
		return "list of addresses";
	case VK_KIND_SOCKETS:
		return "list of families";
	case VK_KIND_CAPABILITIES:
		return "`all`, `none`, or list of names";
	case VK_KIND_SYSCALLS:
		return "list of system calls";
	case VK_KIND_CONDITIONS:
		return "map of conditions";
	case VK_KIND_ERRNO:
		return "error";
	case VK_KIND_NUMBER:
		return "number";
	case VK_KIND_LATER:
		return "not in this version";
	}
	return "?";
}

/* The row of the guide's table for a key. */
static void guide_row(const struct vk_schema_key *row, char *line, size_t size)
{
	bool item = strchr(row->parent, '.');
	char value[200] = "";

	for (size_t k = 0; row->kind == VK_KIND_WORD && row->words[k]; k++)
		snprintf(value + strlen(value), sizeof(value) - strlen(value), "%s`%s`",
			 k ? ", " : "", row->words[k]);
	snprintf(line, size, "| `%s%s%s%s` | %s | %s |", row->parent, item ? "[]" : "",
		 *row->parent ? "." : "", row->key,
		 row->kind == VK_KIND_WORD ? value : kind_text(row), row->help);
}

TEST(guide_has_every_key)
{
	_cleanup_free_ char *text = slurp(guide);
	unsigned int missing = 0;

	for (size_t i = 0; i < vk_n_schema; i++) {
		char line[400];

		guide_row(&vk_schema[i], line, sizeof(line));
		if (!strstr(text, line)) {
			tap_diag("%s", line);
			missing++;
		}
	}
	if (missing)
		FAIL("%s lacks these rows", guide);
}

static void check_examples(char *text, const char *begin, const char *end)
{
	unsigned int n = 0;

	for (char *s = strstr(text, begin); s; s = strstr(s, begin)) {
		_cleanup_policy_ struct vk_policy *p = NULL;
		struct vk_error e = {0};
		char *stop;

		s += strlen(begin);
		stop = strstr(s, end);
		ASSERT(stop);
		/* Others show the shape of a section. */
		if (strncmp(s, "vkernel: 1", 10) != 0)
			continue;
		n++;
		if (!CHECK_EQ(vk_policy_parse("example", s, stop - s, NULL, NULL, &p, &e), 0))
			tap_diag("%u:%u: %s in\n%.*s", e.line, e.column, e.message, (int)(stop - s),
				 s);
	}
	CHECK(n > 0);
}

TEST(examples_are_good)
{
	_cleanup_free_ char *page = plain(slurp(man_page)), *text = slurp(guide);

	check_examples(page, "\n.EX\n", "\n.EE");
	check_examples(text, "\n```yaml\n", "\n```");
}
