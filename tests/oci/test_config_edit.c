// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hooks in the text of config.json, and the command line of a runtime. */
#include <stdlib.h>

#include "config_edit.h"
#include "runtime.h"
#include "tap.h"

#define C "{\"args\":[\"mine\"]}"
#define P "{\"args\":[\"mine\"],\"p\":1}"
#define HOOKS "{\"createRuntime\":[" C "],\"poststop\":[" P "]}"

static int edit(const char *text, char **ret)
{
	const struct oci_hook hooks[] = {{"createRuntime", C}, {"poststop", P}};
	struct vk_error e = {0};
	size_t len;

	return oci_config_edit(text, strlen(text), hooks, 2, "\"mine\"", ret, &len, &e);
}

static const struct {
	const char *before, *after; /* after NULL: refused */
} table[] = {
	{"{}", "{\"hooks\":" HOOKS "}"},
	{" { } ", " {\"hooks\":" HOOKS " } "},
	{"{\"a\":1}", "{\"hooks\":" HOOKS ",\"a\":1}"},
	{"{\"a\":1,\"hooks\":null ,\"b\":2}", "{\"a\":1,\"hooks\":" HOOKS " ,\"b\":2}"},
	{"{\"hooks\":{}}", "{\"hooks\":" HOOKS "}"},
	{"{\"n\":[18446744073709551615,1.50,\"}]\\\"\"]}",
	 "{\"hooks\":" HOOKS ",\"n\":[18446744073709551615,1.50,\"}]\\\"\"]}"},
	{"{\"hooks\":{\"createRuntime\":[{\"path\":\"/x\"} , {\"args\":[\"mine\",\"old\"]}],"
	 "\"prestart\":[{\"path\":\"/y\"}],\"poststop\":null}}",
	 "{\"hooks\":{\"createRuntime\":[" C ",{\"path\":\"/x\"}],\"poststop\":[" P "],"
	 "\"prestart\":[{\"path\":\"/y\"}]}}"},
	{"{\"Hooks\":{}}", NULL},
	{"{\"hook\xc5\xbf\":{}}", NULL},
	{"{\"h\\u006foks\":{}}", NULL},
	{"{\"hooks\":{},\"hooks\":{}}", NULL},
	{"{\"hooks\":{\"CreateRuntime\":[]}}", NULL},
	{"{\"hooks\":5}", NULL},
	{"{\"hooks\":{\"createRuntime\":{}}}", NULL},
	{"[1]", NULL},
	{"", NULL},
	{"{\"a\"", NULL},
	{"{\"a\":1,}", NULL},
	{"{\"a\" 1}", NULL},
	{"{\"a\":]}", NULL},
	{"{\"a\":\"\\\"}", NULL},
};

static const struct {
	const char *before, *after; /* after NULL: refused */
} lists[] = {
	{"{}", "{\"l\":[\"x\"]}"},
	{" { } ", " {\"l\":[\"x\"] } "},
	{"{\"a\":1}", "{\"l\":[\"x\"],\"a\":1}"},
	{"{\"a\":1,\"l\":null ,\"b\":2}", "{\"a\":1,\"l\":[\"x\"] ,\"b\":2}"},
	{"{\"l\":null}", "{\"l\":[\"x\"]}"},
	{"{\"l\":[ ],\"b\":2}", "{\"l\":[\"x\" ],\"b\":2}"},
	{"{\"l\":[ \"y\", \"z\"]}", "{\"l\":[\"x\", \"y\", \"z\"]}"},
	{"{\"l\":{}}", NULL},
	{"{\"L\":[]}", NULL},
	{"{\"l\":[],\"l\":[]}", NULL},
	{"[features]", NULL},
	{"", NULL},
};

TEST(an_element_is_appended_and_nothing_else_changes)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct vk_error e = {0};
		char *after = NULL;
		size_t len = 0;
		int r = oci_config_append(lists[i].before, strlen(lists[i].before), "l", "\"x\"",
					  &after, &len, &e);

		CHECK(lists[i].after ? r == 0 : r == -EINVAL);
		if (r == 0 && lists[i].after) {
			CHECK_STREQ(after, lists[i].after);
			CHECK_EQ(len, strlen(lists[i].after));
		}
		free(after);
	}
}

TEST(hooks_are_inserted_and_nothing_else_changes)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *after = NULL, *again = NULL;
		int r = edit(table[i].before, &after);

		CHECK(table[i].after ? r == 0 : r == -EINVAL);
		if (r < 0 || !table[i].after) {
			if (r == 0 || table[i].after)
				tap_diag("%s", table[i].before);
			continue;
		}
		CHECK(strcmp(after, table[i].after) == 0);
		CHECK(edit(after, &again) == 0 && strcmp(again, after) == 0);
		free(after);
		free(again);
	}
}

TEST(a_config_of_ten_megabytes)
{
	size_t len = 10 << 20;
	char *text = malloc(len + 64), *after = NULL;

	ASSERT(text);
	strcpy(text, "{\"a\":[");
	memset(text + 6, '0', len);
	for (size_t i = 7; i < len; i += 2)
		text[i] = ',';
	strcpy(text + 6 + len - 1, "0],\"hooks\":{}}");
	CHECK(edit(text, &after) == 0);
	CHECK(after && strstr(after, "],\"hooks\":" HOOKS "}"));
	free(text);
	free(after);
}

static const struct {
	const char *line; /* words, one blank between */
	const char *command, *bundle, *config; /* command "!": refused */
} lines[] = {
	{"--root /r --log=/l --log-format json create --bundle /b id", "create", "/b", NULL},
	{"--systemd-cgroup --debug run -b /b -d id", "run", "/b", NULL},
	{"--rootless true run --bundle=/b id", "run", "/b", NULL},
	{"run -db/b id", "run", "/b", NULL},
	{"run --bun /b --config /c id", "run", "/b", "/c"},
	{"run -b=/b --no-pivot id", "run", "/b", NULL},
	{"run --new value --bundle /b id", "run", "/b", NULL},
	{"-log /l -root /r create id", "create", NULL, NULL},
	{"--policy web --vkernel-runtime=/x state id", "state", NULL, NULL},
	{"--new value create --bundle /b id", "!", NULL, NULL},
	{"--new create --bundle /b id", "create", "/b", NULL},
	{"--version", NULL, NULL, NULL},
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

TEST(the_subcommand_and_the_bundle_are_found)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *copy = strdup(lines[i].line), *rest = copy, *argv[16] = {copy};
		struct request q = {0};
		struct vk_error e = {0};
		int argc = 1, r;

		while (rest)
			argv[argc++] = strsep(&rest, " ");
		r = request_parse(&q, argc, argv, &e);
		if (same(lines[i].command, "!"))
			CHECK(r < 0);
		else
			CHECK(r == 0 && same(q.command, lines[i].command) &&
			      same(q.bundle, lines[i].bundle) && same(q.config, lines[i].config));
		free(q.argv);
		free(copy);
	}
}

#define NS "\"linux\":{\"namespaces\":["
#define MOUNT "{\"type\":\"mount\"}"

static const struct {
	const char *config;
	const char *annotations; /* "!": not plain */
} plain[] = {
	{"{" NS MOUNT "]}}", NULL},
	{" {\"hooks\":{\"poststop\":[ ],\"prestart\":null}," NS
	 "{\"type\":\"pid\",\"path\":\"/p\"}, " MOUNT " ] } } ",
	 NULL},
	{"{\"hooks\":null,\"annotations\":{\"a\":\"b\"}," NS MOUNT "]}}", "{\"a\":\"b\"}"},
	{"{\"annotations\":null," NS MOUNT "]}}", NULL},
	{"{\"hooks\":{\"poststop\":[{}]}," NS MOUNT "]}}", "!"},
	{"{\"hooks\":[]," NS MOUNT "]}}", "!"},
	{"{\"Hooks\":{}," NS MOUNT "]}}", "!"},
	{"{\"hook\\u0073\":{}," NS MOUNT "]}}", "!"},
	{"{" NS MOUNT "]}," NS MOUNT "]}}", "!"},
	{"{" NS MOUNT "," MOUNT "]}}", "!"},
	{"{" NS "]}}", "!"},
	{"{" NS "{\"type\":\"mount\",\"path\":\"\"}]}}", "!"},
	{"{" NS "{\"type\":\"mount\",\"Path\":\"/p\"}]}}", "!"},
	{"{" NS "{\"type\":\"moun\\u0074\"}]}}", "!"},
	{"{" NS MOUNT "]}} {", "!"},
	{"{\"linux\":{}}", "!"},
	{"{\"linux\":null}", "!"},
	{"{}", "!"},
	{"[]", "!"},
	{"", "!"},
};

TEST(what_needs_no_hook_is_known)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		const char *want = plain[i].annotations, *got = NULL;
		size_t len = 0;
		bool is = oci_config_is_plain(plain[i].config, strlen(plain[i].config), &got, &len);

		if (is != !same(want, "!"))
			FAIL("%s: plain %d", plain[i].config, is);
		if (is && want)
			CHECK(got && len == strlen(want) && !memcmp(got, want, len));
		else if (is)
			CHECK(!got);
	}
}

static const struct {
	const char *line;
	const char *id; /* of what is known to return, or NULL */
} starts[] = {
	{"create --bundle /b --pid-file /p id", "id"},
	{"--root /r create --console-socket=/s --no-pivot --preserve-fds 3 id", "id"},
	{"run -d -b /b id", "id"},
	{"run --detach id", "id"},
	{"run id", NULL},
	{"run --detach=false id", NULL},
	{"run -db /b id", NULL},
	{"create --bun /b id", NULL},
	{"create --new id", NULL},
	{"create id -b /b", NULL},
	{"create --bundle", NULL},
	{"create -- id", NULL},
	{"create", NULL},
};

TEST(a_start_whose_options_are_known_has_an_id)
{
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		char *copy = strdup(starts[i].line), *rest = copy, *argv[16] = {copy};
		struct request q = {0};
		struct vk_error e = {0};
		int argc = 1;

		while (rest)
			argv[argc++] = strsep(&rest, " ");
		CHECK_EQ(request_parse(&q, argc, argv, &e), 0);
		if (!same(q.returns ? q.id : NULL, starts[i].id))
			FAIL("%s: %s", starts[i].line, q.returns ? q.id : "none");
		free(q.argv);
		free(copy);
	}
}

TEST(a_profile_is_put_aside_and_comes_back)
{
	static const char before[] =
		"{\"linux\":{\"seccomp\":{\"n\":18446744073709551615},\"a\":1}}";
	char *text = strdup(before);
	size_t len = strlen(before), n;
	struct vk_error e = {0};
	const char *value;

	ASSERT(text);
	CHECK_EQ(oci_config_move(&text, &len, "process", "apparmorProfile", "x", &e), 0);
	CHECK_STREQ(text, before);
	CHECK_EQ(oci_config_move(&text, &len, "linux", "seccomp", OCI_TAKEN_SECCOMP, &e), 0);
	CHECK_EQ(len, strlen(text));
	CHECK_EQ(oci_config_find(text, len, "linux", "seccomp", &value, &n, &e), 0);
	CHECK(!value);
	CHECK_EQ(oci_config_find(text, len, "linux", OCI_TAKEN_SECCOMP, &value, &n, &e), 0);
	CHECK(value && n == 26 && memcmp(value, "{\"n\":18446744073709551615}", n) == 0);
	/* What was put there meanwhile goes. */
	CHECK_EQ(oci_config_set(&text, &len, "linux", "seccomp", "{\"ours\":1}", &e), 0);
	CHECK_EQ(oci_config_move(&text, &len, "linux", OCI_TAKEN_SECCOMP, "seccomp", &e), 0);
	CHECK_EQ(oci_config_find(text, len, "linux", "seccomp", &value, &n, &e), 0);
	CHECK(value && n == 26 && !strstr(text, "ours"));
	free(text);
}
