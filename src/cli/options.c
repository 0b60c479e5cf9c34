// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * options.c - options of all subcommands, parsed and explained from one table each, so that what
 * --help says is what is accepted.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "schema.h"

#define MAX_OPTIONS 16
#define KEY_HELP 'h'

static size_t count_options(const struct cli_command *cmd)
{
	size_t n = 0;

	while (cmd->options && cmd->options[n].name)
		n++;
	return n;
}

/* Fills what getopt_long wants. @shorts starts with ':' so that a missing argument is told from
 * an unknown option. */
static void translate(const struct cli_command *cmd, struct option *longs, char *shorts)
{
	size_t n = count_options(cmd);
	char *s = shorts;

	if (n >= MAX_OPTIONS)
		abort();
	if (cmd->stop_early)
		*s++ = '+';
	*s++ = ':';
	for (size_t i = 0; i < n; i++) {
		const struct cli_option *o = &cmd->options[i];

		longs[i] = (struct option){
			.name = o->name,
			.has_arg = o->arg ? required_argument : no_argument,
			.val = o->key,
		};
		if (o->key < 256) {
			*s++ = (char)o->key;
			if (o->arg)
				*s++ = ':';
		}
	}
	longs[n] = (struct option){.name = "help", .val = KEY_HELP};
	longs[n + 1] = (struct option){0};
	*s++ = KEY_HELP;
	*s = '\0';
}

static void suggest_option(const struct cli_command *cmd, const char *word)
{
	const char *names[MAX_OPTIONS + 2];
	size_t n = count_options(cmd);

	for (size_t i = 0; i < n; i++)
		names[i] = cmd->options[i].name;
	names[n] = "help";
	names[n + 1] = NULL;

	const char *near = vk_nearest(word, names);

	if (near)
		fprintf(stderr, "  did you mean --%s?\n", near);
}

static _Noreturn void bad_option(const struct cli_command *cmd, char **argv, int key, int wrong)
{
	const char *word = argv[optind - 1];

	if (wrong && wrong < 256 && strncmp(word, "--", 2))
		fprintf(stderr, "vkernel %s: option -%c %s\n", cmd->name, wrong,
			key == ':' ? "needs an argument" : "is unknown");
	else
		fprintf(stderr, "vkernel %s: option %s %s\n", cmd->name, word,
			key == ':'	  ? "needs an argument" :
			strchr(word, '=') ? "is unknown or takes no argument" :
					    "is unknown");
	if (key != ':' && !strncmp(word, "--", 2))
		suggest_option(cmd, word + 2);
	fprintf(stderr, "  see vkernel %s --help\n", cmd->name);
	exit(CLI_USAGE);
}

int cli_next(const struct cli_command *cmd, int argc, char **argv, const char **arg)
{
	struct option longs[MAX_OPTIONS + 2];
	char shorts[3 * MAX_OPTIONS + 4];

	translate(cmd, longs, shorts);
	opterr = 0;

	int key = getopt_long(argc, argv, shorts, longs, NULL);

	if (key == KEY_HELP) {
		cli_print_help(cmd, stdout);
		exit(CLI_OK);
	}
	if (key == '?' || key == ':')
		bad_option(cmd, argv, key, optopt);
	if (arg)
		*arg = optarg;
	return key;
}

char **cli_operands(const struct cli_command *cmd, int argc, char **argv, size_t least, size_t most,
		    size_t *ret_n)
{
	size_t n = (size_t)(argc - optind);

	if (n < least)
		exit(cli_usage(cmd, "something is missing; usage: vkernel %s %s", cmd->name,
			       cmd->synopsis));
	if (n > most)
		exit(cli_usage(cmd, "unexpected '%s'", argv[optind + (int)most]));
	if (ret_n)
		*ret_n = n;
	return argv + optind;
}

int cli_usage(const struct cli_command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vkernel %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  see vkernel %s --help\n", cmd->name);
	return CLI_USAGE;
}

static void print_indented(FILE *f, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(f, "%s%.*s\n", len ? "  " : "", (int)len, text);
		text += len;
		if (*text)
			text++;
	}
}

static void print_option(FILE *f, const struct cli_option *o)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->key < 256 ? '-' : ' ',
		 o->key < 256 ? o->key : ' ', o->key < 256 ? "," : " ", o->name, o->arg ? " " : "",
		 o->arg ? o->arg : "");
	fprintf(f, "  %-24s %s\n", left, o->help);
}

void cli_print_help(const struct cli_command *cmd, FILE *f)
{
	static const struct cli_option help = {KEY_HELP, "help", NULL, "this text"};

	fprintf(f, "usage: vkernel %s%s%s\n\n", cmd->name, *cmd->synopsis ? " " : "",
		cmd->synopsis);
	print_indented(f, cmd->details);
	fprintf(f, "\nOptions:\n");
	for (const struct cli_option *o = cmd->options; o && o->name; o++)
		print_option(f, o);
	print_option(f, &help);
	fprintf(f, "\nExample%s:\n", strchr(cmd->examples, '\n') ? "s" : "");
	print_indented(f, cmd->examples);
}
