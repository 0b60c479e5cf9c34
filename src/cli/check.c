// SPDX-License-Identifier: LGPL-2.1-or-later
/* check.c - vkernel check: what this host can enforce, by what, and what to do if it cannot. */
#include <jansson.h>

#include "cli.h"

static const struct cli_option options[] = {
	{'j', "json", NULL, "print one JSON object"},
	{0},
};

static const char *support_name(enum vk_support s)
{
	return s == VK_YES ? "yes" : s == VK_NO ? "no" : "unknown";
}

static void print_json(const struct vk_host *host)
{
	json_t *o = json_object(), *features = json_array();

	for (size_t i = 0; i < host->n_features; i++) {
		const struct vk_feature *f = &host->features[i];
		json_t *line = json_object();

		cli_json_set(line, "id", cli_json_string(f->id));
		cli_json_set(line, "title", cli_json_string(f->title));
		cli_json_set(line, "available", cli_json_string(support_name(f->ok)));
		cli_json_set(line, "detail", cli_json_string(f->detail));
		cli_json_add(features, line);
	}
	cli_json_set(o, "can_enforce", json_boolean(host->mechanism != VK_MECH_NONE));
	cli_json_set(o, "mechanism", cli_json_string(vk_mechanism_name(host->mechanism)));
	cli_json_set(o, "kernel", cli_json_string(host->kernel));
	cli_json_set(o, "preempt", cli_json_string(host->preempt));
	cli_json_set(o, "lsm", cli_json_string(host->lsm_list));
	cli_json_set(o, "reason", cli_json_string(host->reason));
	cli_json_set(o, "advice", cli_json_string(host->advice));
	cli_json_set(o, "features", features);
	cli_json_print(o, false);
}

static void print_feature(const struct vk_feature *f, int width)
{
	static const struct {
		enum cli_style style;
		const char *utf8, *ascii;
	} marks[] = {
		[VK_NO] = {CLI_RED, "\u2718", "no "},
		[VK_YES] = {CLI_GREEN, "\u2714", "yes"},
		[VK_UNKNOWN] = {CLI_YELLOW, "?", "?  "},
	};

	printf("  %s%s%s  %-*s  %s\n", cli_style(stdout, marks[f->ok].style),
	       cli_utf8() ? marks[f->ok].utf8 : marks[f->ok].ascii, cli_style(stdout, CLI_PLAIN),
	       width, f->title, f->detail);
}

static void print_text(const struct vk_host *host)
{
	size_t width = 0;

	printf("Linux %s\n\n", host->kernel);
	for (size_t i = 0; i < host->n_features; i++)
		if (cli_width(host->features[i].title) > width)
			width = cli_width(host->features[i].title);
	for (size_t i = 0; i < host->n_features; i++)
		print_feature(&host->features[i], (int)width);
	if (host->mechanism != VK_MECH_NONE) {
		printf("\n%sThis host can enforce policies%s, by %s.\n",
		       cli_style(stdout, CLI_BOLD), cli_style(stdout, CLI_PLAIN),
		       vk_mechanism_name(host->mechanism));
		return;
	}
	printf("\n%sThis host cannot enforce policies%s: %s.\n", cli_style(stdout, CLI_BOLD),
	       cli_style(stdout, CLI_PLAIN), host->reason);
	if (host->advice[0])
		printf("What to do: %s.\n", host->advice);
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	struct vk_host host = {0};
	bool json = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';
	cli_operands(cmd, argc, argv, 0, 0, NULL);

	struct cli_progress progress = cli_progress_begin("trying what this kernel allows");

	vk_host_check(&host);
	cli_progress_end(&progress);
	if (json)
		print_json(&host);
	else
		print_text(&host);
	return host.mechanism == VK_MECH_NONE ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_check = {
	.name = "check",
	.synopsis = "[--json]",
	.summary = "say what this host can enforce, and by what",
	.details = "Tries, by loading small programs, what this kernel lets vkernel do. Nothing\n"
		   "stays behind. The status is 0 when policies can be enforced here, else 1, and\n"
		   "then the last line says what to do. Start here.",
	.examples = "sudo vkernel check",
	.options = options,
	.run = run,
};
