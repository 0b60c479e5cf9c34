// SPDX-License-Identifier: LGPL-2.1-or-later
/* push.c - vkernel push and pop: a member tightens its own instance, through vkerneld. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "programs.h"

#define PATIENCE_S 60

static const struct cli_option push_options[] = {
	{'a', "audit", NULL, "FILE.o: report what it denies, and let it pass"},
	{'n', "name", "NAME", "FILE.o: name of the program; default: that of the file"},
	{'o', "onto", "NAME", "onto an instance below this one, instead of this one"},
	{'r', "replace", NULL, "FILE.o: take the place of one's own program of that name"},
	{'l', "list", NULL, "say what was pushed, and what may still be"},
	{'j', "json", NULL, "with --list: print one JSON object"},
	{0},
};
static const struct cli_option pop_options[] = {
	{'f', "from", "NAME", "from an instance below this one, instead of this one"},
	{'p', "program", "NAME", "take back the policy program NAME, and no layer"},
	{0},
};

/* A mistake in the layer is shown as in any policy. */
static int failed(const struct vk_ask *q, const char *file, struct vk_error *e)
{
	if (e->line && file)
		snprintf(e->file, sizeof(e->file), "%s", file);
	cli_report(e);
	if (e->line && file && q->text)
		cli_show_source(stderr, q->text, q->text_len, (struct vk_pos){e->line, e->column});
	return CLI_FAIL;
}

static void print_list(const struct vk_answer *a)
{
	printf("%s: %u layer%s given", a->name, a->given, a->given == 1 ? "" : "s");
	for (uint32_t i = 0; i < a->n_pushed; i++)
		printf("\n  pushed by uid %u, %u bytes", a->pushed[i], a->bytes[i]);
	for (uint32_t i = 0; i < a->n_programs; i++)
		printf("\n  program %s", a->programs[i]);
	printf("\n  %u more may be pushed, and %s be popped; %u instance%s may be made below\n",
	       a->may_push, a->poppable ? "can" : "cannot", a->may_make,
	       a->may_make == 1 ? "" : "s");
	if (a->n_programs || a->may_push_programs)
		printf("  %u more program%s may be pushed\n", a->may_push_programs,
		       a->may_push_programs == 1 ? "" : "s");
}

static void print_json(const struct vk_answer *a)
{
	json_t *o = json_object(), *pushed = json_array(), *programs = json_array();

	for (uint32_t i = 0; i < a->n_pushed; i++)
		cli_json_add(pushed, json_pack("{s:I, s:I}", "uid", (json_int_t)a->pushed[i],
					       "bytes", (json_int_t)a->bytes[i]));
	for (uint32_t i = 0; i < a->n_programs; i++)
		cli_json_add(programs, cli_json_string(a->programs[i]));
	cli_json_set(o, "instance", cli_json_string(a->name));
	cli_json_set(o, "depth", json_integer(a->depth));
	cli_json_set(o, "given", json_integer(a->given));
	cli_json_set(o, "pushed", pushed);
	cli_json_set(o, "may_push", json_integer(a->may_push));
	cli_json_set(o, "may_make", json_integer(a->may_make));
	cli_json_set(o, "programs", programs);
	cli_json_set(o, "may_push_programs", json_integer(a->may_push_programs));
	cli_json_set(o, "poppable", json_boolean(a->poppable));
	cli_json_print(o, false);
}

static int list(bool json)
{
	const struct vk_ask q = {
		.op = VK_BROKER_LIST, .name = "", .pidfd = -1, .patience_s = PATIENCE_S};
	struct vk_error e = {0};
	struct vk_answer a;

	if (vk_broker_ask(&q, &a, &e) < 0)
		return failed(&q, NULL, &e);
	(json ? print_json : print_list)(&a);
	return CLI_OK;
}

static int push_one(const char *word, const char *onto)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	_cleanup_free_ char *text = NULL, *file = NULL;
	struct vk_ask q = {
		.op = VK_BROKER_PUSH, .name = onto, .pidfd = -1, .patience_s = PATIENCE_S};
	struct vk_error e = {0};
	struct vk_answer a;

	/* Its mistakes are found here, with the names of files. */
	if (cli_policies_load(&policies, &word, 1, &e) < 0 ||
	    cli_policy_text(word, &text, &q.text_len, &file, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	q.text = text;
	if (vk_broker_ask(&q, &a, &e) < 0)
		return failed(&q, file, &e);
	return CLI_OK;
}

static int push_program(const char *file, const char *name, const char *onto, uint32_t flags)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	struct vk_ask q = {.op = VK_BROKER_PROGRAM_PUSH,
			   .flags = flags,
			   .name = onto,
			   .pidfd = -1,
			   .patience_s = PATIENCE_S};
	struct vk_error e = {0};
	struct vk_answer a;

	if (cli_program_image(file, name, &img, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	q.text = (const char *)img;
	q.text_len = img->size;
	return vk_broker_ask(&q, &a, &e) < 0 ? failed(&q, NULL, &e) : CLI_OK;
}

static bool is_object(const char *word)
{
	size_t len = strlen(word);

	return len > 2 && strcmp(word + len - 2, ".o") == 0;
}

static int run_push(const struct cli_command *cmd, int argc, char **argv)
{
	const char *onto = "", *name = NULL, *arg;
	bool listing = false, json = false;
	uint32_t flags = 0;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'o')
			onto = arg;
		if (key == 'n')
			name = arg;
		listing |= key == 'l';
		json |= key == 'j';
		flags |= key == 'a' ? VK_BROKER_AUDIT : 0;
		flags |= key == 'r' ? VK_BROKER_REPLACE : 0;
	}

	char **operands = cli_operands(cmd, argc, argv, 0, 1, &n);

	if (listing == (n == 1))
		return cli_usage(cmd, listing ? "--list takes no policy" : "a policy is missing");
	if (listing)
		return list(json);
	if (is_object(operands[0]))
		return push_program(operands[0], name, onto, flags);
	if (flags || name)
		return cli_usage(cmd, "--audit, --name and --replace are for programs (FILE.o)");
	return push_one(operands[0], onto);
}

static int run_pop(const struct cli_command *cmd, int argc, char **argv)
{
	struct vk_ask q = {.op = VK_BROKER_POP, .name = "", .pidfd = -1, .patience_s = PATIENCE_S};
	struct vk_error e = {0};
	struct vk_answer a;
	const char *arg;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'f') {
			q.name = arg;
			continue;
		}
		q.op = VK_BROKER_PROGRAM_POP;
		q.text = arg;
		q.text_len = strlen(arg);
	}
	cli_operands(cmd, argc, argv, 0, 0, NULL);
	return vk_broker_ask(&q, &a, &e) < 0 ? failed(&q, NULL, &e) : CLI_OK;
}

const struct cli_command cli_push = {
	.name = "push",
	.synopsis = "[--onto NAME] POLICY\n"
		    "       vkernel push [--audit] [--name NAME] [--onto NAME] [--replace] FILE.o\n"
		    "       vkernel push --list [--json]",
	.summary = "inside an instance: tighten it by one more layer, or a program",
	.details =
		"Any user inside an instance may push, if its policy says so (push: {layers: N}\n"
		"for layers, push: {programs: N} for policy programs, FILE.o). What was pushed\n"
		"binds all members at once, and can only take away. A layer's used sets are the\n"
		"built-in ones. vkerneld must run on the host; a container must have its\n"
		"socket, /run/vkernel/broker.sock, mounted.",
	.examples = "vkernel push no-network.yaml\n"
		    "vkernel push rate-limit-connect.bpf.o\n"
		    "vkernel push --list",
	.options = push_options,
	.run = run_push,
};

const struct cli_command cli_pop = {
	.name = "pop",
	.synopsis = "[--from NAME] [--program NAME]",
	.summary = "inside an instance: take back the last layer that one pushed, or a program",
	.details = "Only what the same user pushed, and only if all policies that speak of it say\n"
		   "so (push: {poppable: true}).",
	.examples = "vkernel pop\n"
		    "vkernel pop --program rate-limit-connect",
	.options = pop_options,
	.run = run_pop,
};
