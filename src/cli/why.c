// SPDX-License-Identifier: LGPL-2.1-or-later
/* why.c - vkernel why: would this be allowed, and which rule says so. Nothing is executed. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "cli.h"
#include "names.h"
#include "schema.h"

static const struct cli_option options[] = {
	{'p', "policy", "POLICY", "ask policies instead of an instance; up to 8 times"},
	{'F', "foreign", NULL, "the file is on a mount the instance did not start with"},
	{'A', "abi", "ABI", "with syscall: x86-64 (the default), ia32 or x32"},
	{'j', "json", NULL, "print one JSON object"},
	{0},
};

/* A question: the operation and its operands as typed, and what asks it. */
struct question {
	const struct cli_command *cmd;
	const struct vk_policy *const *layers;
	size_t n;
	bool foreign;
	enum vk_abi abi;
	char **words; /* operation, then operands */
	size_t n_words;
};

static _Noreturn void wrong(const struct question *q, const char *message, const char *form)
{
	exit(cli_usage(q->cmd, "%s '%s'; the form is: %s", message, q->words[0], form));
}

static void want(const struct question *q, size_t least, size_t most, const char *form)
{
	if (q->n_words < least)
		wrong(q, "an operand is missing after", form);
	if (q->n_words > most)
		wrong(q, "too many operands after", form);
}

/* The canonical name: no empty and no "." component, no slash at the end, "" for the root. */
static char *canonical(const struct question *q, const char *path)
{
	char *out = cli_alloc(strlen(path) + 1, 1), *o = out;

	if (*path == '@')
		return strcpy(out, path);
	if (*path != '/')
		exit(cli_usage(q->cmd, "'%s' is no absolute path", path));
	while (*path) {
		path += strspn(path, "/");

		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2))
			exit(cli_usage(q->cmd, "'..' depends on symbolic links: give the path "
					       "without it"));
		if (len && !(len == 1 && *path == '.')) {
			*o++ = '/';
			memcpy(o, path, len);
			o += len;
		}
		path += len;
	}
	*o = '\0';
	return out;
}

static void ask_path(const struct question *q, uint32_t right, struct vk_reason *ret)
{
	want(q, 2, 2, "RIGHT PATH, as in: read /etc/shadow");

	_cleanup_free_ char *name = canonical(q, q->words[1]);

	vk_explain_path(q->layers, q->n, name, right, q->foreign, ret);
}

static void ask_capability(const struct question *q, struct vk_reason *ret)
{
	int cap;

	want(q, 2, 2, "capability NAME, as in: capability NET_ADMIN");
	if (vk_cap_parse(q->words[1], &cap) < 0)
		exit(cli_usage(q->cmd, "'%s' is no capability", q->words[1]));
	vk_explain_capability(q->layers, q->n, cap, ret);
}

static uint8_t parse_proto(const struct question *q, const char *word)
{
	static const int known[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_UDPLITE};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, cli_proto_name(known[i])))
			return (uint8_t)known[i];
	exit(cli_usage(q->cmd, "'%s' is no protocol: tcp, udp, sctp, udplite", word));
}

/* bind PROTO [ADDRESS] PORT; connect PROTO ADDRESS PORT */
static void ask_inet(const struct question *q, uint8_t op, struct vk_reason *ret)
{
	bool bind = op == VK_NET_BIND;
	uint8_t addr[16] = {0};
	int family = AF_INET;

	want(q, bind ? 3 : 4, 4,
	     bind ? "bind PROTOCOL [ADDRESS] PORT, as in: bind tcp 80" :
		    "connect PROTOCOL ADDRESS PORT, as in: connect tcp 10.0.0.1 443");

	const char *address = q->n_words == 4 ? q->words[2] : "0.0.0.0";
	const char *word = q->words[q->n_words - 1];
	char *end;
	unsigned long port = strtoul(word, &end, 10);

	if (*end || end == word || *word == '-' || port > 65535)
		exit(cli_usage(q->cmd, "'%s' is no port", word));
	if (inet_pton(AF_INET, address, addr) != 1) {
		family = AF_INET6;
		if (inet_pton(AF_INET6, address, addr) != 1)
			exit(cli_usage(q->cmd, "'%s' is no address", address));
	}
	vk_explain_inet(q->layers, q->n, op, parse_proto(q, q->words[1]), (uint16_t)family, addr,
			(uint16_t)port, ret);
}

static void ask_socket(const struct question *q, struct vk_reason *ret)
{
	const char *word;
	int family, type = SOCK_STREAM, protocol = -1;

	want(q, 2, 3, "socket FAMILY [TYPE], as in: socket alg, or: socket netlink xfrm");
	word = strncasecmp(q->words[1], "AF_", 3) ? q->words[1] : q->words[1] + 3;

	_cleanup_free_ char *lower = cli_dup(word);

	for (char *c = lower; *c; c++)
		*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
	if (vk_family_parse(lower, &family) < 0)
		exit(cli_usage(q->cmd, "'%s' is no address family", q->words[1]));
	/* Where no stream sockets exist, the type that does is meant. */
	if (family == AF_PACKET || family == AF_NETLINK || family == AF_KEY)
		type = SOCK_RAW;
	else if (family == AF_ALG)
		type = SOCK_SEQPACKET;
	if (q->n_words == 3 && family == AF_NETLINK &&
	    vk_netlink_parse(q->words[2], &protocol) == 0)
		; /* of any type */
	else if (q->n_words == 3 && vk_socktype_parse(q->words[2], &type) < 0)
		exit(cli_usage(q->cmd, "'%s' is no type of socket", q->words[2]));
	vk_explain_socket(q->layers, q->n, family, type, protocol, ret);
}

static void ask_scope(const struct question *q, bool ptrace, struct vk_reason *ret)
{
	enum vk_scope scope = VK_SCOPE_ALL;

	want(q, 2, 2, ptrace ? "ptrace own|other" : "signal own|other");
	if (!strcmp(q->words[1], "own"))
		scope = VK_SCOPE_OWN;
	else if (strcmp(q->words[1], "other") && strcmp(q->words[1], "all"))
		exit(cli_usage(q->cmd,
			       "'%s' is neither own (a member of the same instance) nor "
			       "other",
			       q->words[1]));
	vk_explain_scope(q->layers, q->n, ptrace, scope, ret);
}

static enum vk_abi parse_abi(const struct cli_command *cmd, const char *word)
{
	for (int i = 0; i < VK_ABIS; i++)
		if (!strcmp(word, vk_abi_words[i]))
			return (enum vk_abi)i;
	exit(cli_usage(cmd, "'%s' is no ABI: x86-64, ia32, x32", word));
}

/* The number of a system call that is given by name or, newer ones, by number. */
static uint32_t parse_call(const struct question *q, const char *word)
{
	int call = vk_syscall_find(word);
	const char *words[600];
	unsigned long nr;
	char *end;

	if (call >= 0 && vk_syscalls[call].nr[q->abi] >= 0)
		return (uint32_t)vk_syscalls[call].nr[q->abi];
	if (call >= 0)
		exit(cli_usage(q->cmd, "there is no %s on %s", word, vk_abi_words[q->abi]));
	nr = strtoul(word, &end, 10);
	if (*word >= '0' && *word <= '9' && !*end && nr < VK_X32_BIT)
		return (uint32_t)nr;
	for (size_t i = 0; i < vk_n_syscalls && i < 599; i++)
		words[i] = vk_syscalls[i].name;
	words[vk_n_syscalls < 599 ? vk_n_syscalls : 599] = NULL;

	const char *near = vk_nearest(word, words);

	if (near)
		exit(cli_usage(q->cmd, "'%s' is no system call: did you mean %s?", word, near));
	exit(cli_usage(q->cmd, "'%s' is no system call", word));
}

static void ask_syscall(const struct question *q, struct vk_reason *ret)
{
	struct vk_sys_verdict verdict;
	uint64_t args[6] = {0};

	want(q, 2, 8, "syscall NAME [ARGUMENT...], as in: syscall socket AF_ALG");
	for (size_t i = 2; i < q->n_words; i++)
		if (vk_constant_parse(q->words[i], strlen(q->words[i]), &args[i - 2]) < 0)
			exit(cli_usage(q->cmd, "'%s' is no number or known constant", q->words[i]));
	vk_explain_syscall(q->layers, q->n, q->abi, parse_call(q, q->words[1]), args, ret,
			   &verdict);
}

static bool ask_switch(const struct question *q, struct vk_reason *ret)
{
	for (uint32_t sw = 1; sw & VK_SW_ALL; sw <<= 1) {
		if (strcmp(q->words[0], vk_switch_name(sw)))
			continue;
		want(q, 1, 1, "bpf, perf, modules, keys, io_uring, xattrs or userns alone");
		vk_explain_switch(q->layers, q->n, sw, ret);
		return true;
	}
	return false;
}

static _Noreturn void unknown_operation(const struct question *q)
{
	static const char *const words[] = {
#define X(id, bit, word, section, help) word,
		VK_RIGHTS(X)
#undef X
			"capability",
		"syscall",
		"connect",
		"socket",
		"ptrace",
		"signal",
		"bpf",
		"perf",
		"modules",
		"keys",
		"io_uring",
		"xattrs",
		"userns",
		NULL,
	};
	const char *near = vk_nearest(q->words[0], words);

	if (near)
		exit(cli_usage(q->cmd, "unknown operation '%s': did you mean %s?", q->words[0],
			       near));
	exit(cli_usage(q->cmd, "unknown operation '%s'", q->words[0]));
}

static void ask(const struct question *q, struct vk_reason *ret)
{
	const char *op = q->words[0];
	uint32_t right;
	/* "bind" is a right on mount points, and what sockets do. */
	bool path = q->n_words > 1 && *q->words[1] == '/';

	if (!strcmp(op, "bind") && !path)
		ask_inet(q, VK_NET_BIND, ret);
	else if (!strcmp(op, "connect"))
		ask_inet(q, VK_NET_CONNECT, ret);
	else if (!strcmp(op, "capability"))
		ask_capability(q, ret);
	else if (!strcmp(op, "socket"))
		ask_socket(q, ret);
	else if (!strcmp(op, "syscall"))
		ask_syscall(q, ret);
	else if (!strcmp(op, "ptrace") || !strcmp(op, "signal"))
		ask_scope(q, *op == 'p', ret);
	else if (vk_right_parse(op, &right) == 0)
		ask_path(q, right, ret);
	else if (!ask_switch(q, ret))
		unknown_operation(q);
}

static const char *outcome_name(enum vk_outcome o)
{
	return o == VK_DENIED ? "denied" : o == VK_AUDITED ? "audited" : "allowed";
}

static char *operands_text(const struct question *q)
{
	char *text = cli_dup("");

	for (size_t i = 1; i < q->n_words; i++) {
		char *longer = cli_format("%s%s%s", text, i > 1 ? " " : "", q->words[i]);

		free(text);
		text = longer;
	}
	return text;
}

static void answer_json(const struct question *q, const struct vk_reason *why)
{
	_cleanup_free_ char *operands = operands_text(q);
	json_t *o = json_object();

	cli_json_set(o, "verdict", cli_json_string(outcome_name(why->outcome)));
	cli_json_set(o, "op", cli_json_string(q->words[0]));
	cli_json_set(o, "resource", cli_json_string(operands));
	if (why->policy) {
		cli_json_set(o, "policy", cli_json_string(why->policy->name));
		cli_json_set(o, "layer", json_integer((json_int_t)why->layer + 1));
		cli_json_set(o, "rule", cli_json_string(why->text));
		cli_json_set(o, "file", cli_json_string(why->policy->file));
		cli_json_set(o, "line", json_integer(why->pos.line));
		cli_json_set(o, "column", json_integer(why->pos.column));
	}
	cli_json_print(o, false);
}

static void answer_text(const struct question *q, const struct vk_reason *why)
{
	_cleanup_free_ char *operands = operands_text(q);
	enum cli_style style = why->outcome == VK_DENIED  ? CLI_RED :
			       why->outcome == VK_AUDITED ? CLI_YELLOW :
							    CLI_GREEN;

	printf("%s%s%s: %s%s", cli_style(stdout, style), outcome_name(why->outcome),
	       cli_style(stdout, CLI_PLAIN), q->words[0], *operands ? " " : "");
	cli_put_safe(stdout, operands, strlen(operands));
	putchar('\n');
	if (!why->policy) {
		puts("  no rule speaks of it");
		return;
	}
	printf("  policy %s: ", why->policy->name);
	cli_put_safe(stdout, why->text, strlen(why->text));
	if (why->pos.line)
		printf("\n  at %s:%u:%u\n", why->policy->file, why->pos.line, why->pos.column);
	else
		printf("\n  in %s\n", why->policy->file);
	/* The text as it was loaded: the file may have changed since. */
	cli_show_source(stdout, why->policy->text, why->policy->text_len, why->pos);
}

/* The policies that are asked: those named, or those of a running instance. */
struct asked {
	struct cli_policies policies;
	struct vk_info info;
};

static void free_asked(struct asked *a)
{
	cli_policies_free(&a->policies);
	vk_info_free(&a->info);
}

static int find(struct asked *a, const struct cli_names *names, const char *instance,
		struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;

	if (names->n)
		return cli_policies_load(&a->policies, names->names, names->n, e);

	int r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, e);

	if (r == 0)
		r = vk_instance_get(eng, instance, &a->info, e);
	if (r < 0)
		vk_error_advise(e, "to ask a policy instead of an instance: vkernel why -p %s ...",
				instance);
	return r;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(free_asked) struct asked asked = {0};
	struct question q = {.cmd = cmd};
	struct cli_names names = {0};
	struct vk_reason why = {0};
	struct vk_error e = {0};
	bool json = false;
	const char *arg;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'p')
			cli_add_policy_name(cmd, &names, arg);
		if (key == 'A')
			q.abi = parse_abi(cmd, arg);
		q.foreign |= key == 'F';
		json |= key == 'j';
	}
	q.words = cli_operands(cmd, argc, argv, names.n ? 1 : 2, CLI_MANY, &q.n_words);

	const char *instance = names.n ? NULL : *q.words;

	if (instance) {
		q.words++;
		q.n_words--;
	}
	if (find(&asked, &names, instance, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	q.layers = instance ? (const struct vk_policy *const *)asked.info.layers :
			      cli_layers(&asked.policies);
	q.n = instance ? asked.info.n_layers : asked.policies.n;
	ask(&q, &why);
	(json ? answer_json : answer_text)(&q, &why);
	return why.outcome == VK_DENIED ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_why = {
	.name = "why",
	.synopsis = "[--json] NAME|-p POLICY... OPERATION [OPERAND...]",
	.summary = "say whether something is allowed, and which rule decides",
	.details =
		"Answers for the instance NAME, or, before anything runs, for policies. The\n"
		"status is 0 if it is allowed, 1 if it is denied. Operations:\n"
		"  read, write, append, exec, create, unlink, rename, link, symlink, mkdir, rmdir,\n"
		"  mknod, truncate, chmod, chown, ioctl, mmap-exec, unix-connect, unix-bind,\n"
		"  mount, bind, remount, move, umount, pivot   each with a PATH\n"
		"  connect PROTOCOL ADDRESS PORT               tcp, udp, sctp, udplite\n"
		"  bind PROTOCOL [ADDRESS] PORT\n"
		"  socket FAMILY [TYPE]                        inet, unix, alg, ...; stream, raw, ...\n"
		"  capability NAME                             NET_ADMIN, ...\n"
		"  syscall NAME [ARGUMENT...]                  numbers, or constants such as AF_ALG\n"
		"  ptrace own|other, signal own|other          a member of the instance, or not\n"
		"  bpf, perf, modules, keys, io_uring, xattrs, userns",
	.examples = "sudo vkernel why web read /etc/shadow\n"
		    "vkernel why -p web.yaml connect tcp 10.0.0.1 443",
	.options = options,
	.run = run,
};
