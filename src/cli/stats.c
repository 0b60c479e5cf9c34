// SPDX-License-Identifier: LGPL-2.1-or-later
/* stats.c - vkernel stats: counters of the whole host. */
#include <inttypes.h>
#include <jansson.h>

#include "cli.h"

static const struct cli_option options[] = {
	{'j', "json", NULL, "print one JSON object"},
	{0},
};

/* One counter: its key in JSON, and what it is, for people. */
struct line {
	const char *key, *title;
	uint64_t value;
	bool bytes;
};

static void print_text(const struct line *lines, size_t n)
{
	char buf[16];

	for (size_t i = 0; i < n; i++)
		if (lines[i].bytes)
			printf("%-30s %12s\n", lines[i].title, cli_size(lines[i].value, buf));
		else
			printf("%-30s %12" PRIu64 "\n", lines[i].title, lines[i].value);
}

static void print_json(const struct line *lines, size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		cli_json_set(o, lines[i].key, json_integer((json_int_t)lines[i].value));
	cli_json_print(o, false);
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	struct vk_stats s = {0};
	bool json = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';
	cli_operands(cmd, argc, argv, 0, 0, NULL);

	/* -ENOENT: nothing was ever set up here, so every counter is zero. */
	int r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, &e);

	if ((r < 0 && r != -ENOENT) || (r == 0 && vk_stats_get(eng, &s, &e) < 0)) {
		cli_report(&e);
		return CLI_FAIL;
	}

	const struct line lines[] = {
		{"instances", "instances", s.instances, false},
		{"members", "members (threads)", s.members, false},
		{"images", "compiled policies", s.images, false},
		{"image_bytes", "their size", s.image_bytes, true},
		{"cache_bytes", "caches", s.cache_bytes, true},
		{"hooks_attached", "kernel hooks attached", s.hooks_attached, false},
		{"denied", "operations denied", s.denied, false},
		{"audited", "operations audited", s.audited, false},
		{"suppressed", "reports left out (rate limit)", s.suppressed, false},
		{"lost", "reports lost (buffer full)", s.lost, false},
		{"errors", "denied for internal errors", s.errors, false},
	};

	(json ? print_json : print_text)(lines, sizeof(lines) / sizeof(lines[0]));
	return CLI_OK;
}

const struct cli_command cli_stats = {
	.name = "stats",
	.synopsis = "[--json]",
	.summary = "show counters of the whole host",
	.details = "Counts since the first instance was made. Counters of one instance are in\n"
		   "vkernel show NAME.",
	.examples = "sudo vkernel stats",
	.options = options,
	.run = run,
};
