// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Patterns: what they mean (a table, run on the reference matcher and on the compiled automaton),
 * which are mistakes, and that both matchers agree on random patterns and names.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "glob.h"
#include "tap.h"

/* An image in which exactly the names that @glob matches cannot be read. */
static struct vk_image *compile_glob(const char *glob)
{
	struct vk_path_rule rule = {
		.section = VK_SECTION_FILES,
		.action = VK_ACTION_DENY,
		.rights = VK_R_READ,
	};
	struct vk_policy p = {.paths = &rule, .n_paths = 1};
	const struct vk_policy *layers[] = {&p};
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	rule.glob = strdup(glob);
	if (!rule.glob || vk_compile(layers, 1, &img, &e) < 0)
		tap_diag("'%s': %s", glob, e.message);
	free(rule.glob);
	return img;
}

static bool image_matches(const struct vk_image *img, const char *name)
{
	return !(vk_image_match(img, name).allow & VK_R_READ);
}

static const struct {
	const char *glob;
	const char *name;
	bool match;
} table[] = {
	{"/", "/", true},
	{"/", "", true},
	{"/", "/a", false},
	{"/etc/passwd", "/etc/passwd", true},
	{"/etc/passwd", "/etc/passwd2", false},
	{"/etc/passwd", "/etc/passw", false},
	{"/etc/passwd", "/", false},
	/* One component. */
	{"/a/*", "/a/b", true},
	{"/a/*", "/a/.b", true},
	{"/a/*", "/a", false},
	{"/a/*", "/a/b/c", false},
	{"/*", "/a", true},
	{"/*", "/", false},
	{"/a*", "/a", true},
	{"/a*", "/abc", true},
	{"/a*", "/a/b", false},
	{"/*.db", "/x.db", true},
	{"/*.db", "/.db", true},
	{"/*.db", "/x.dba", false},
	{"/*a*b*", "/xaybz", true},
	{"/*a*b*", "/ab", true},
	{"/*a*b*", "/ba", false},
	{"/a/*/c", "/a/b/c", true},
	{"/a/*/c", "/a/c", false},
	{"/a/*/c", "/a/b/b/c", false},
	/* Any number of components. */
	{"/a/**", "/a/b", true},
	{"/a/**", "/a/b/c", true},
	{"/a/**", "/a", false},
	{"/a/**", "/ab", false},
	{"/**", "/a", true},
	{"/**", "/a/b/c", true},
	{"/**", "/", true},
	{"/**", "@a", false},
	{"/a/**/b", "/a/b", true},
	{"/a/**/b", "/a/x/b", true},
	{"/a/**/b", "/a/x/y/b", true},
	{"/a/**/b", "/a/xb", false},
	{"/a/**/b", "/ab", false},
	{"/**/b", "/b", true},
	{"/**/b", "/x/b", true},
	{"/**/b", "/xb", false},
	{"/a/**/**/b", "/a/b", true},
	{"/a/**/**/b", "/a/x/b", true},
	{"/a/**b", "/a/b", true},
	{"/a/**b", "/a/x/yb", true},
	{"/a/**b", "/ab", false},
	{"/a**", "/a", true},
	{"/a**", "/abc/d", true},
	{"/a**b", "/a/x/b", true},
	{"/a**/b", "/a/b", true},
	{"/a**/b", "/ax/y/b", true},
	{"/**/*.so", "/x.so", true},
	{"/**/*.so", "/usr/lib/x.so", true},
	{"/**/x/**/y", "/x/y", true},
	{"/**/x/**/y", "/a/x/b/y", true},
	{"/**/x/**/y", "/a/y/b/x", false},
	{"/***", "/a/b", true},
	{"/a/***/b", "/a/b", true},
	/* One character. */
	{"/?", "/a", true},
	{"/?", "/ab", false},
	{"/?", "/", false},
	{"/a?b", "/a/b", false},
	{"/?", "/\xc3\xa9", true},
	{"/?", "/\xe2\x82\xac", true},
	{"/?", "/\xf0\x9f\x98\x80", true},
	{"/?", "/\xff", true},
	{"/?", "/\xc3", true},
	{"/?", "/\xc3x", false},
	{"/x?y", "/x\xe2\x82\xacy", true},
	{"/?\xac", "/\xe2\x82\xac", false},
	/* Sets. */
	{"/[abc]", "/b", true},
	{"/[abc]", "/d", false},
	{"/[a-c]x", "/bx", true},
	{"/[a-c-]", "/-", true},
	{"/[]a]", "/]", true},
	{"/[]a]", "/a", true},
	{"/[!]a]", "/]", false},
	{"/[!]a]", "/b", true},
	{"/[!a]", "/b", true},
	{"/[^a]", "/a", false},
	{"/[!a]", "/\xc3\xa9", true},
	{"/a[!x]b", "/a/b", false},
	{"/a[--0]b", "/a.b", true},
	{"/a[--0]b", "/a/b", false},
	{"/[\\]]", "/]", true},
	{"/[a\\-c]", "/b", false},
	{"/[a\\-c]", "/-", true},
	{"/[*]", "/*", true},
	{"/[*]", "/a", false},
	/* Alternatives. */
	{"/{a,b}", "/a", true},
	{"/{a,b}", "/b", true},
	{"/{a,b}", "/c", false},
	{"/{a,b}", "/ab", false},
	{"/x{,y}", "/x", true},
	{"/x{,y}", "/xy", true},
	{"/{usr/,}lib", "/usr/lib", true},
	{"/{usr/,}lib", "/lib", true},
	{"/a{/**,}", "/a", true},
	{"/a{/**,}", "/a/b", true},
	{"/{a,b{c,d}}e", "/bde", true},
	{"/{a,b{c,d}}e", "/be", false},
	{"/{a{1,2},b}{x,y}", "/a2y", true},
	{"/{a}", "/a", true},
	{"/{**,x}/b", "/b", true},
	{"/{**,x}/b", "/q/r/b", true},
	{"/{a,*}*", "/q/r", true},
	{"/{[,],x}", "/,", true},
	{"/a,b", "/a,b", true},
	/* Escapes. */
	{"/\\*", "/*", true},
	{"/\\*", "/a", false},
	{"/\\{a\\}", "/{a}", true},
	{"/{\\,,x}", "/,", true},
	{"/a\\\\b", "/a\\b", true},
	/* Abstract sockets have no components. */
	{"@a", "@a", true},
	{"@a", "/a", false},
	{"@*", "@a/b", true},
	{"@*", "@", true},
	{"@a?b", "@a/b", true},
	{"@a[!x]b", "@a/b", true},
	{"@a/", "@a/", true},
	{"@{x,y}*", "@y//", true},
};

TEST(table_on_both_matchers)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_cleanup_free_ struct vk_image *img = compile_glob(table[i].glob);

		ASSERT(img);
		if (vk_glob_match(table[i].glob, table[i].name) != table[i].match)
			FAIL("reference: '%s' on '%s'", table[i].glob, table[i].name);
		if (image_matches(img, table[i].name) != table[i].match)
			FAIL("automaton: '%s' on '%s'", table[i].glob, table[i].name);
	}
}

static const struct {
	const char *glob;
	size_t off;
	const char *why;
} mistakes[] = {
	{"", 0, "starts with"},	      {"etc", 0, "starts with"},
	{"*", 0, "starts with"},      {"/etc/", 4, "trailing"},
	{"/{a,b/}", 5, "trailing"},   {"/a//b", 3, "empty component"},
	{"//", 1, "empty component"}, {"/a{/,}/b", 6, "empty component"},
	{"/**/", 3, "trailing"},      {"/a/./b", 3, "'.' or '..'"},
	{"/..", 1, "'.' or '..'"},    {"/a/{..,b}", 4, "'.' or '..'"},
	{"/[a", 1, "not closed"},     {"/[", 1, "not closed"},
	{"/[]", 1, "not closed"},     {"/[!", 1, "not closed"},
	{"/[b-a]", 2, "backwards"},   {"/[a/]", 3, "cannot hold '/'"},
	{"/[\xc3\xa9]", 2, "ASCII"},  {"/[[:alpha:]]", 2, "classes"},
	{"/{a", 1, "not closed"},     {"/{a,{b}", 1, "not closed"},
	{"/a}", 2, "without '{'"},    {"/a\\", 2, "backslash"},
};

TEST(mistakes_name_their_place)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const char *why = "";
		size_t off = 999;

		if (!CHECK_NEG(vk_glob_check(mistakes[i].glob, &off, &why), EINVAL) ||
		    !CHECK_EQ(off, mistakes[i].off) || !CHECK(strstr(why, mistakes[i].why)))
			tap_diag("'%s': at %zu: %s", mistakes[i].glob, off, why);
	}
}

TEST(outputs_may_be_left_out)
{
	CHECK_NEG(vk_glob_check("x", NULL, NULL), EINVAL);
	CHECK_EQ(vk_glob_check("/x", NULL, NULL), 0);
}

TEST(limits_of_length_and_braces)
{
	char glob[VK_GLOB_MAX + 2] = "/";
	const char *why = "";
	size_t off = 0;

	memset(glob + 1, 'a', VK_GLOB_MAX - 1);
	glob[VK_GLOB_MAX] = '\0';
	CHECK_EQ(vk_glob_check(glob, &off, &why), 0);
	glob[VK_GLOB_MAX] = 'a';
	glob[VK_GLOB_MAX + 1] = '\0';
	CHECK_NEG(vk_glob_check(glob, &off, &why), EINVAL);
	CHECK(strstr(why, "longer than 4096"));

	strcpy(glob, "/");
	for (int i = 0; i < 10; i++)
		strcat(glob, "{a,b}");
	CHECK_EQ(vk_glob_check(glob, &off, &why), 0);
	strcat(glob, "{a,b}");
	CHECK_NEG(vk_glob_check(glob, &off, &why), EINVAL);
	CHECK(strstr(why, "1024"));
	/* Deep nesting is bounded by the length alone. */
	memset(glob + 1, '{', 2000);
	memset(glob + 2001, '}', 2000);
	glob[4001] = '\0';
	CHECK_EQ(vk_glob_check(glob, &off, &why), 0);
	CHECK(vk_glob_match(glob, "/"));
}

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

/* Few letters, so that matches are frequent. */
static void random_glob(char *out, size_t max)
{
	static const char *const parts[] = {
		"a",	     "b",	"c",	"/",	 "/",	      "/",	"*",	   "**",
		"/**/",	     "?",	"[ab]", "[!a]",	 "{a,b}",     "{,/a}",	"{a/b,*}", "\\*",
		"/*",	     "/*/",	"/**",	"[a-c]", "\xc3\xa9",  "{b,**}", "*a",	   "[^/b]",
		"{a,{b,c}}", "{?,\\,}", "..",	"\xe2",	 "{/b,/c/a}", "*/",	"x",	   ",",
	};
	size_t n = 1 + pick(9);

	strcpy(out, pick(12) ? "/" : "@");
	while (n--) {
		const char *part = parts[pick(sizeof(parts) / sizeof(parts[0]))];

		if (strlen(out) + strlen(part) < max)
			strcat(out, part);
	}
}

static void random_name(char *out, bool abstract)
{
	static const char *const parts[] = {
		"a", "b", "c", "ab", "a", "\xc3\xa9", "\xc3", "\xe2\x82\xac", "*", ".", "x", ",",
	};
	size_t components = pick(5);

	strcpy(out, abstract ? "@" : "");
	for (size_t i = 0; i < components; i++) {
		if (!abstract || pick(2))
			strcat(out, "/");
		for (size_t n = 1 + pick(3); n; n--)
			strcat(out, parts[pick(sizeof(parts) / sizeof(parts[0]))]);
	}
}

TEST(automaton_agrees_with_reference, .timeout = 120)
{
	size_t pairs = 0, matches = 0;
	char glob[256], name[256];

	seed = 20240501;
	while (pairs < 250000) {
		random_glob(glob, sizeof(glob));
		if (vk_glob_check(glob, NULL, NULL) < 0)
			continue;
		_cleanup_free_ struct vk_image *img = compile_glob(glob);

		ASSERT(img);
		ASSERT(vk_image_validate(img, img->size) == 0);
		for (size_t i = 0; i < 60; i++, pairs++) {
			random_name(name, *glob == '@');
			bool want = vk_glob_match(glob, name);

			matches += want;
			if (image_matches(img, name) != want) {
				FAIL("'%s' on '%s': reference says %d", glob, name, want);
				return;
			}
		}
	}
	tap_diag("%zu pairs, %zu matches", pairs, matches);
	CHECK_GT(matches, pairs / 50);
}
