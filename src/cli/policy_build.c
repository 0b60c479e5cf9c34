// SPDX-License-Identifier: LGPL-2.1-or-later
/* policy_build.c - vkernel policy build: compile a policy program, and check it. */
#include <string.h>
#include <sys/wait.h>

#include "cli.h"
#include "programs.h"

static const struct cli_option options[] = {
	{'o', "output", "FILE", "where the object goes; default: FILE.o beside the source"},
	{0},
};

static int compile(const char *source, const char *object)
{
	_cleanup_free_ char *include = cli_format("-I%s", VK_INCLUDE_DIR);
	const char *near = getenv("VKERNEL_INCLUDE");
	_cleanup_free_ char *first = cli_format("-I%s", near ? near : VK_INCLUDE_DIR);
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return cli_fail("cannot fork: %s", strerror(errno));
	if (pid == 0) {
		execlp("clang", "clang", "-O2", "-target", "bpf", "-Wall", "-Wextra", first,
		       include, "-c", source, "-o", object, NULL);
		cli_fail("cannot run clang: %s; it is in the package clang", strerror(errno));
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		return CLI_FAIL;
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	_cleanup_free_ char *made = NULL;
	const char *object = NULL, *arg;
	struct vk_error e = {0};

	while (cli_next(cmd, argc, argv, &arg) != CLI_END)
		object = arg;

	char **operands = cli_operands(cmd, argc, argv, 1, 1, NULL);
	size_t len = strlen(operands[0]);

	if (!object) {
		if (len > 2 && !strcmp(operands[0] + len - 2, ".c"))
			len -= 2;
		made = cli_format("%.*s.o", (int)len, operands[0]);
		object = made;
	}
	if (compile(operands[0], object) != CLI_OK)
		return CLI_FAIL;
	if (cli_program_image(object, "check", &img, &e) < 0 ||
	    vk_program_check(img, img->size, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_policy_build = {
	.name = "policy build",
	.synopsis = "[-o FILE.o] FILE.c",
	.summary = "compile a policy program",
	.details =
		"Runs clang -O2 -target bpf with the headers of vkernel, and checks the object\n"
		"as vkernel program push does, but for what only the kernel's verifier can say. The\n"
		"variable VKERNEL_INCLUDE names another directory for the headers.",
	.examples = "vkernel policy build rate-limit.bpf.c -o rate-limit.bpf.o",
	.options = options,
	.run = run,
};
