// SPDX-License-Identifier: LGPL-2.1-or-later
/* program_push.c - vkernel program push, pop: policy programs into and out of an instance. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "programs.h"

#define MAX_OBJECT (4u << 20)

static int read_object(const char *path, void **ret, size_t *ret_size, struct vk_error *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t have = 0;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_at(e, errno, path, 0, 0, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_OBJECT)
		return vk_error_at(e, EINVAL, path, 0, 0, "this is no object file");
	*ret = cli_alloc(1, (size_t)st.st_size + 1);
	while (have < (size_t)st.st_size && n > 0) {
		n = read(fd, (char *)*ret + have, (size_t)st.st_size - have);
		have += n > 0 ? (size_t)n : 0;
	}
	*ret_size = have;
	return 0;
}

int cli_program_image(const char *path, const char *name, struct vk_program_image **ret,
		      struct vk_error *e)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	_cleanup_free_ char *made = cli_format("%.*s", (int)strcspn(base, "."), base);
	_cleanup_free_ void *object = NULL;
	size_t size = 0;
	int r = read_object(path, &object, &size, e);

	return r < 0 ? r : vk_program_flatten(path, name ? name : made, object, size, ret, e);
}

static const struct cli_option push_options[] = {
	{'a', "audit", NULL, "report what it denies, and let it pass"},
	{'n', "name", "NAME", "name of the program; default: that of the file"},
	{'r', "replace", NULL, "take the place of the program of that name"},
	{0},
};

static int run_push(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	const char *name = NULL, *arg;
	struct vk_error e = {0};
	unsigned int flags = 0;
	uint32_t id;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'n')
			name = arg;
		flags |= key == 'a' ? VK_PUSH_AUDIT : 0;
		flags |= key == 'r' ? VK_PUSH_REPLACE : 0;
	}

	char **operands = cli_operands(cmd, argc, argv, 2, 2, NULL);
	_cleanup_progress_ struct cli_progress progress = cli_progress_begin("loading the program");

	if (cli_program_image(operands[1], name, &img, &e) < 0 || vk_engine_open(&eng, 0, &e) < 0 ||
	    vk_program_push(eng, operands[0], img, img->size, flags, &id, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_program_push = {
	.name = "program push",
	.synopsis = "[--audit] [--name NAME] [--replace] INSTANCE FILE.o",
	.summary = "add a policy program to a running instance",
	.details = "FILE.o holds functions of your own, each for one hook, which may deny what\n"
		   "the rules of the instance allow: see vkernel policy build. They are verified,\n"
		   "and bind all members, and all instances below, at once. With --replace no\n"
		   "operation passes between the old program and the new one; its maps are new.",
	.examples = "sudo vkernel program push web rate-limit-connect.bpf.o\n"
		    "sudo vkernel program push --audit web no-exec-of-written.bpf.o",
	.options = push_options,
	.run = run_push,
};

static int run_pop(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	size_t n;

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 1, 2, &n);

	if (vk_engine_open(&eng, 0, &e) < 0 ||
	    vk_program_pop(eng, operands[0], n > 1 ? operands[1] : NULL, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_program_pop = {
	.name = "program pop",
	.synopsis = "INSTANCE [PROGRAM]",
	.summary = "take a policy program out of an instance",
	.details = "Takes the PROGRAM out, or the one that was pushed last.",
	.examples = "sudo vkernel program pop web\n"
		    "sudo vkernel program pop web rate-limit-connect",
	.run = run_pop,
};
