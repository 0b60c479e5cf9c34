// SPDX-License-Identifier: LGPL-2.1-or-later
/* push.c - vkernel push and pop: a member tightens its own instance, through vkerneld. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "client.h"

#define PATIENCE_S 60

static const struct cli_option push_options[] = {
	{'o', "onto", "NAME", "onto an instance below this one, instead of this one"},
	{'l', "list", NULL, "say what was pushed, and what may still be"},
	{'j', "json", NULL, "with --list: print one JSON object"},
	{0},
};
static const struct cli_option pop_options[] = {
	{'f', "from", "NAME", "from an instance below this one, instead of this one"},
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
	printf("\n  %u more may be pushed, and %s be popped; %u instance%s may be made below\n",
	       a->may_push, a->poppable ? "can" : "cannot", a->may_make,
	       a->may_make == 1 ? "" : "s");
}

static void print_json(const struct vk_answer *a)
{
	json_t *o = json_object(), *pushed = json_array();

	for (uint32_t i = 0; i < a->n_pushed; i++)
		cli_json_add(pushed, json_pack("{s:I, s:I}", "uid", (json_int_t)a->pushed[i],
					       "bytes", (json_int_t)a->bytes[i]));
	cli_json_set(o, "instance", cli_json_string(a->name));
	cli_json_set(o, "depth", json_integer(a->depth));
	cli_json_set(o, "given", json_integer(a->given));
	cli_json_set(o, "pushed", pushed);
	cli_json_set(o, "may_push", json_integer(a->may_push));
	cli_json_set(o, "may_make", json_integer(a->may_make));
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

static int run_push(const struct cli_command *cmd, int argc, char **argv)
{
	bool listing = false, json = false;
	const char *onto = "", *arg;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'o')
			onto = arg;
		listing |= key == 'l';
		json |= key == 'j';
	}

	char **operands = cli_operands(cmd, argc, argv, 0, 1, &n);

	if (listing == (n == 1))
		return cli_usage(cmd, listing ? "--list takes no policy" : "a policy is missing");
	return listing ? list(json) : push_one(operands[0], onto);
}

static int run_pop(const struct cli_command *cmd, int argc, char **argv)
{
	struct vk_ask q = {.op = VK_BROKER_POP, .name = "", .pidfd = -1, .patience_s = PATIENCE_S};
	struct vk_error e = {0};
	struct vk_answer a;
	const char *arg;

	while (cli_next(cmd, argc, argv, &arg) != CLI_END)
		q.name = arg;
	cli_operands(cmd, argc, argv, 0, 0, NULL);
	return vk_broker_ask(&q, &a, &e) < 0 ? failed(&q, NULL, &e) : CLI_OK;
}

const struct cli_command cli_push = {
	.name = "push",
	.synopsis = "[--onto NAME] POLICY | --list [--json]",
	.summary = "inside an instance: tighten it by one more layer",
	.details =
		"Any user inside an instance may push, if its policy says so (push: {layers: N}).\n"
		"The layer binds all members at once, and can only take away. Its used sets are\n"
		"the built-in ones. vkerneld must run on the host; a container must have its\n"
		"socket, /run/vkernel/broker.sock, mounted.",
	.examples = "vkernel push no-network.yaml\n"
		    "vkernel push --list",
	.options = push_options,
	.run = run_push,
};

const struct cli_command cli_pop = {
	.name = "pop",
	.synopsis = "[--from NAME]",
	.summary = "inside an instance: take back the last layer that one pushed",
	.details = "Only what the same user pushed, and only if all policies that speak of it say\n"
		   "so (push: {poppable: true}).",
	.examples = "vkernel pop",
	.options = pop_options,
	.run = run_pop,
};
