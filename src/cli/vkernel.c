// SPDX-License-Identifier: LGPL-2.1-or-later
/* vkernel.c - the command: finds the subcommand, and teaches what there is. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "schema.h"

/* In the order of --help; a group begins where the title is set. */
/* clang-format off */
static const struct {
	const char *title;
	const struct cli_command *cmd;
} commands[] = {
	{"Start here", &cli_check},
	{"Confine", &cli_run},
	{NULL, &cli_attach},
	{"Look", &cli_ps},
	{NULL, &cli_show},
	{NULL, &cli_events},
	{NULL, &cli_why},
	{NULL, &cli_stats},
	{"Change", &cli_update},
	{NULL, &cli_mode},
	{NULL, &cli_mitigate},
	{NULL, &cli_rm},
	{"Inside an instance", &cli_push},
	{NULL, &cli_pop},
	{"Containers", &cli_setup},
	{NULL, &cli_gc},
	{"Policies", &cli_policy_check},
	{NULL, &cli_policy_plan},
	{NULL, &cli_policy_list},
	{NULL, &cli_policy_show},
	{NULL, &cli_policy_import},
	{NULL, &cli_policy_export},
	{NULL, &cli_policy_groups},
	{"Programs", &cli_policy_build},
	{NULL, &cli_program_push},
	{NULL, &cli_program_pop},
	{NULL, &cli_program_ls},
	{NULL, &cli_program_show},
	{NULL, &cli_program_stats},
	{NULL, &cli_program_map},
	{NULL, &cli_program_mode},
	{NULL, &cli_helper_add},
	{NULL, &cli_helper_ls},
	{NULL, &cli_helper_rm},
};
/* clang-format on */
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_overview(FILE *f)
{
	fputs("usage: vkernel COMMAND [OPTION...] [OPERAND...]\n"
	      "\n"
	      "vkernel gives a process tree its own rules in the kernel it runs on: which files,\n"
	      "programs, sockets, capabilities and kernel facilities it may use. It needs no\n"
	      "container engine, no patch and no reboot, and nothing has to keep running.\n",
	      f);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].title)
			fprintf(f, "\n%s:\n", commands[i].title);
		fprintf(f, "  %-14s %s\n", commands[i].cmd->name, commands[i].cmd->summary);
	}
	fputs("\nOther:\n"
	      "  help COMMAND   explain a command\n"
	      "  version        print the version\n"
	      "\n"
	      "Try it:\n"
	      "  sudo vkernel check                               can this host enforce?\n"
	      "  vkernel policy list                              policies to begin with\n"
	      "  sudo vkernel run -p container-default -- bash    a shell in an instance\n"
	      "  sudo vkernel events --follow                     what it is denied, and why\n"
	      "\n"
	      "Status: 0 yes or done; 1 no or failed; 2 wrong usage; run: that of the command.\n"
	      "See vkernel(1), vkernel(7) and, for the language of policies, vkernel-policy(5).\n",
	      f);
}

/* The command whose name is argv[0], or argv[0] and argv[1]; *used says how many words. */
static const struct cli_command *find_command(int argc, char **argv, int *used)
{
	for (size_t i = 0; argc > 0 && i < COMMANDS; i++) {
		const struct cli_command *cmd = commands[i].cmd;
		const char *space = strchr(cmd->name, ' ');
		size_t len = space ? (size_t)(space - cmd->name) : strlen(cmd->name);

		if (strncmp(argv[0], cmd->name, len) || argv[0][len])
			continue;
		if (space && (argc < 2 || strcmp(argv[1], space + 1)))
			continue;
		*used = space ? 2 : 1;
		return cmd;
	}
	return NULL;
}

static void suggest(const char *word, const char *after)
{
	const char *names[COMMANDS + 6];
	size_t len = strlen(after), n = 0;

	for (size_t i = 0; i < COMMANDS; i++)
		if (!strncmp(commands[i].cmd->name, after, len))
			names[n++] = commands[i].cmd->name + len;
	if (!len) {
		names[n++] = "help";
		names[n++] = "version";
		names[n++] = "policy";
		names[n++] = "program";
		names[n++] = "helper";
	}
	names[n] = NULL;

	const char *near = vk_nearest(word, names);

	if (near)
		fprintf(stderr, "  did you mean vkernel %s%s?\n", after, near);
}

/* Words that only group commands, with an example for their help. */
static const struct {
	const char *name, *example;
} groups[] = {
	{"policy ", "vkernel policy check web.yaml"},
	{"program ", "sudo vkernel program ls"},
	{"helper ", "sudo vkernel helper ls"},
};

static int print_group(const char *name, const char *example, FILE *f)
{
	fprintf(f, "usage: vkernel %sCOMMAND [OPTION...] [OPERAND...]\n\n", name);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strncmp(commands[i].cmd->name, name, strlen(name)))
			fprintf(f, "  %-14s %s\n", commands[i].cmd->name, commands[i].cmd->summary);
	fprintf(f, "\nExample:\n  %s\n", example);
	return f == stderr ? CLI_USAGE : CLI_OK;
}

static int unknown_command(int argc, char **argv)
{
	const char *group = "", *word = argv[0];

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		size_t len = strlen(groups[i].name) - 1;

		if (strncmp(argv[0], groups[i].name, len) || argv[0][len])
			continue;
		if (argc < 2)
			return print_group(groups[i].name, groups[i].example, stderr);
		if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
			return print_group(groups[i].name, groups[i].example, stdout);
		group = groups[i].name;
		word = argv[1];
	}
	fprintf(stderr, "vkernel: unknown %s '%s%s'\n", *word == '-' ? "option" : "command", group,
		word);
	if (*word != '-')
		suggest(word, group);
	fprintf(stderr, "  vkernel --help lists the commands\n");
	return CLI_USAGE;
}

static int help(int argc, char **argv)
{
	const struct cli_command *cmd;
	int used;

	if (argc == 0) {
		print_overview(stdout);
		return CLI_OK;
	}
	cmd = find_command(argc, argv, &used);
	if (!cmd)
		return unknown_command(argc, argv);
	cli_print_help(cmd, stdout);
	return CLI_OK;
}

static int dispatch(int argc, char **argv)
{
	const struct cli_command *cmd;
	int used;

	if (argc == 0) {
		print_overview(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h") || !strcmp(argv[0], "help"))
		return help(argc - 1, argv + 1);
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "version")) {
		puts("vkernel " VK_VERSION);
		return CLI_OK;
	}
	cmd = find_command(argc, argv, &used);
	if (!cmd)
		return unknown_command(argc, argv);
	return cmd->run(cmd, argc - used + 1, argv + used - 1);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");

	int status = dispatch(argc - 1, argv + 1);

	/* A full disk must not pass for success. */
	if (fflush(stdout) || ferror(stdout)) {
		perror("vkernel: cannot write to standard output");
		if (status == CLI_OK)
			status = CLI_FAIL;
	}
	return status;
}
