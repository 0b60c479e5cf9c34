// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * run.c - vkernel run: a command and all that it starts, in a new instance.
 *
 * The child is forked before the engine is opened, so it inherits nothing of it; it waits until
 * its next exec is marked. What it runs is confined from its first instruction.
 */
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cli.h"
#include "client.h"

enum { KEY_AUDIT = 256, KEY_PARENT };

static const struct cli_option options[] = {
	{'p', "policy", "POLICY", "file or name of a policy; up to 8 times"},
	{'n', "name", "NAME", "name of the instance (default: COMMAND and a suffix)"},
	{KEY_PARENT, "parent", "NAME", "make it below this instance, whose rules bind it too"},
	{KEY_AUDIT, "audit", NULL, "allow and report what the policy denies"},
	{'k', "keep", NULL, "keep the instance when its last member has gone"},
	{0},
};

struct settings {
	struct cli_names policies;
	const char *name;
	const char *parent;
	bool audit, keep;
	char **command;
};

/**
 * struct child - the command before and after its exec
 * @pid:    its process id
 * @pidfd:  to mark it
 * @go:     write end: a byte releases it, the end of file makes it exit
 * @failed: read end: the errno of a failed exec, or the end of file when it succeeded
 * @mask:   the signal mask to give back to it
 */
struct child {
	pid_t pid;
	int pidfd;
	int go;
	int failed;
	sigset_t mask;
};

static _Noreturn void child_main(int go, int failed, const sigset_t *mask,
				 const struct vk_entry *entry, char **command)
{
	char byte;
	int code;

	/* The parent is gone or has failed: it has said why. */
	if (read(go, &byte, 1) != 1)
		_exit(CLI_RUN_FAILED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* Last, so that nothing of ours but the exec itself is under it. */
	code = -vk_entry_apply(entry);
	if (code == 0) {
		execvp(command[0], command);
		code = errno;
	}
	if (write(failed, &code, sizeof(code)) < 0)
		_exit(CLI_RUN_FAILED);
	_exit(code == ENOENT ? CLI_RUN_NOT_FOUND : CLI_RUN_NOT_EXECUTABLE);
}

/* Signals that end or steer a command. They are taken with sigwaitinfo, and passed on. */
static void block_signals(sigset_t *old)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,	  SIGQUIT, SIGUSR1,
				      SIGUSR2, SIGALRM, SIGWINCH, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, old);
}

static int start_child(struct child *c, const struct vk_entry *entry, char **command,
		       struct vk_error *e)
{
	int go[2], failed[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return vk_error_set(e, errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(failed, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return vk_error_set(e, errno, "cannot make a pipe: %s", strerror(errno));
	}
	block_signals(&c->mask);
	c->pid = fork();
	if (c->pid == 0) {
		close(go[1]);
		child_main(go[0], failed[1], &c->mask, entry, command);
	}
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	if (c->pid < 0)
		return vk_error_set(e, errno, "cannot fork: %s", strerror(errno));
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0)
		return vk_error_set(e, errno, "cannot open a pidfd: %s", strerror(errno));
	return 0;
}

static void end_child(struct child *c)
{
	vk_closep(&c->go);
	c->go = -1;
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	vk_closep(&c->failed);
	vk_closep(&c->pidfd);
	c->pid = c->pidfd = c->failed = -1;
}

/* "COMMAND-k3x9m": letters that cannot be mistaken for one another. */
static void make_name(const char *command, char *buf, size_t size)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	const char *base = strrchr(command, '/');
	unsigned char random[5];
	size_t len = 0;

	for (base = base ? base + 1 : command; *base && len < 40 && len + 7 < size; base++)
		buf[len++] = isalnum((unsigned char)*base) || strchr("._-", *base) ? *base : '_';
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		memset(random, getpid() & 31, sizeof(random));
	buf[len++] = '-';
	for (size_t i = 0; i < sizeof(random); i++)
		buf[len++] = letters[random[i] & 31];
	buf[len] = '\0';
}

static int create(struct vk_engine *eng, const struct settings *set,
		  const struct cli_policies *policies, char name[65], uint32_t *ret_id,
		  struct vk_error *e)
{
	int r;

	if (set->name) {
		snprintf(name, 65, "%s", set->name);
		r = vk_instance_create_below(eng, name, set->parent, cli_layers(policies),
					     policies->n, ret_id, e);
	} else {
		do {
			*e = (struct vk_error){0};
			make_name(set->command[0], name, 65);
			r = vk_instance_create_below(eng, name, set->parent, cli_layers(policies),
						     policies->n, ret_id, e);
		} while (r == -EEXIST);
	}
	return r;
}

/* A failed exec in the words of a shell; with the rule, when it was the policy's. */
static int exec_failed(const struct settings *set, const struct cli_policies *policies, int code)
{
	const char *command = set->command[0];
	struct vk_reason why = {0};

	fprintf(stderr, "vkernel: cannot run %s: %s\n", command, strerror(code));
	if (*command == '/' && (code == EACCES || code == EPERM))
		vk_explain_path(cli_layers(policies), policies->n, command, VK_R_EXEC, false, &why);
	if (why.policy && why.outcome == VK_DENIED) {
		fprintf(stderr, "  policy %s: %s at %s:%u:%u\n", why.policy->name, why.text,
			why.policy->file, why.pos.line, why.pos.column);
		cli_show_source(stderr, why.policy->text, why.policy->text_len, why.pos);
	}
	return code == ENOENT ? CLI_RUN_NOT_FOUND : CLI_RUN_NOT_EXECUTABLE;
}

/* Passes signals on until the command ends; returns its status as a shell would. */
static int wait_for(const struct child *c)
{
	sigset_t set;
	siginfo_t info;
	int status;

	sigprocmask(SIG_BLOCK, NULL, &set);
	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		int sig = sigwaitinfo(&set, &info);

		/* What the terminal sends (SI_KERNEL), it sends to the command as well. */
		if (sig > 0 && sig != SIGCHLD && info.si_code != SI_KERNEL)
			kill(c->pid, sig);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Nothing is said when all went as expected. */
static void leave(const char *name)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	int r = vk_engine_open(&eng, 0, &e);

	if (r == 0)
		r = vk_instance_remove_tree(eng, name, false, &e);
	if (r == -EBUSY)
		fprintf(stderr,
			"vkernel: instance %s stays: it has members "
			"(vkernel rm --kill %s ends them)\n",
			name, name);
	else if (r < 0 && r != -ENOENT)
		cli_report(&e);
}

static int run_in(struct child *c, const struct settings *set, const struct cli_policies *policies,
		  const char *name, void (*leave_it)(const char *name))
{
	int code = 0, status;

	if (write(c->go, "g", 1) != 1) {
		cli_fail("cannot start the command: %s", strerror(errno));
		return CLI_RUN_FAILED;
	}
	if (read(c->failed, &code, sizeof(code)) == sizeof(code)) {
		status = exec_failed(set, policies, code);
		end_child(c);
		leave_it(name);
		return status;
	}
	status = wait_for(c);
	c->pid = -1;
	if (!set->keep)
		leave_it(name);
	return status;
}

/* The engine is open, and others are locked out, only here: the command may run for months. */
static int prepare(const struct child *c, const struct settings *set,
		   const struct cli_policies *policies, const struct vk_entry *entry, char name[65],
		   struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_progress_ struct cli_progress progress = cli_progress_begin("loading the policy");
	uint32_t id;
	int r = vk_engine_open(&eng, VK_OPEN_CREATE, e);

	if (r == 0) {
		vk_engine_entry(eng, entry->hash, false);
		r = create(eng, set, policies, name, &id, e);
	}
	if (r < 0)
		return r;
	r = vk_instance_confine_next_exec(eng, id, c->pidfd, e);
	if (r < 0)
		vk_instance_remove(eng, name, false, NULL);
	return r;
}

static void parse(const struct cli_command *cmd, int argc, char **argv, struct settings *set)
{
	const char *arg;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'p')
			cli_add_policy_name(cmd, &set->policies, arg);
		else if (key == 'n')
			set->name = arg;
		else if (key == KEY_PARENT)
			set->parent = arg;
		else if (key == 'k')
			set->keep = true;
		else
			set->audit = true;
	}
	set->command = cli_operands(cmd, argc, argv, 1, CLI_MANY, NULL);
	if (!set->policies.n)
		exit(cli_usage(cmd, "a policy is missing: give -p POLICY"));
}

/* The filter that the policies and those of the instances above ask for. */
static int make_entry_below(const char *parent, const struct cli_policies *policies,
			    struct vk_entry *entry, struct vk_error *e)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	const struct vk_policy *all[VK_MAX_LAYERS];
	int r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, e);

	if (r == 0)
		r = vk_instance_get(eng, parent, &info, e);
	if (r < 0)
		return r;
	if (info.n_layers + policies->n > VK_MAX_LAYERS)
		return vk_error_set(e, E2BIG,
				    "with the %zu of \"%s\" and of those above it, there would be "
				    "more than %d layers",
				    info.n_layers, info.name, VK_MAX_LAYERS);
	memcpy(all, info.layers, info.n_layers * sizeof(*all));
	memcpy(all + info.n_layers, policies->layers, policies->n * sizeof(*all));
	return vk_entry_make(all, info.n_layers + policies->n, entry, e);
}

/* The policies, and the filter that they ask for: the command must be able to start under it. */
static int load(const struct settings *set, struct cli_policies *policies, struct vk_entry *entry,
		struct vk_error *e)
{
	const uint64_t args[6] = {0};
	struct vk_sys_verdict verdict;
	struct vk_reason why;
	int r = cli_policies_load(policies, set->policies.names, set->policies.n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; set->audit && i < policies->n; i++)
		policies->layers[i]->mode = VK_MODE_AUDIT;
	vk_explain_syscall(cli_layers(policies), policies->n, VK_ABI_X86_64,
			   (uint32_t)vk_syscalls[vk_syscall_find("execve")].nr[VK_ABI_X86_64], args,
			   &why, &verdict);
	if (verdict.act >= VK_SYS_DENY) {
		vk_error_at(e, EPERM, why.policy->file, why.pos.line, why.pos.column,
			    "execve is denied, so no command can be started: %s", why.text);
		vk_error_advise(e, "allow execve; which programs may be executed is a matter of "
				   "the section \"exec\"");
		return -EPERM;
	}
	return set->parent ? make_entry_below(set->parent, policies, entry, e) :
			     vk_entry_make(cli_layers(policies), policies->n, entry, e);
}

/* ---- from inside an instance: vkerneld makes one below, for who may not touch the engine ---- */

/* Whether this process is a member, as vkerneld says. Without vkerneld it is not known. */
static bool is_inside(void)
{
	const struct vk_ask q = {.op = VK_BROKER_LIST, .name = "", .pidfd = -1, .patience_s = 10};
	struct vk_error ignored = {0};
	struct vk_answer a;

	return access(VK_BROKER_SOCKET, W_OK) == 0 && vk_broker_ask(&q, &a, &ignored) == 0;
}

static int make_below(const struct child *c, const struct settings *set, char name[72],
		      struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *file = NULL;
	struct vk_ask q = {
		.op = VK_BROKER_CHILD,
		.flags = VK_BROKER_AT_EXEC,
		.name = set->name ? set->name : "",
		.pidfd = c->pidfd,
		.patience_s = 60,
	};
	struct vk_answer a;
	int r = cli_policy_text(set->policies.names[0], &text, &q.text_len, &file, e);

	q.text = text;
	if (r == 0)
		r = vk_broker_ask(&q, &a, e);
	if (r == 0)
		memcpy(name, a.name, 72);
	else if (e->line && file)
		snprintf(e->file, sizeof(e->file), "%s", file);
	return r;
}

static void leave_below(const char *name)
{
	const struct vk_ask q = {
		.op = VK_BROKER_REMOVE, .name = name, .pidfd = -1, .patience_s = 10};
	struct vk_error ignored = {0};
	struct vk_answer a;

	/* If it has members still, vkerneld removes it later. */
	vk_broker_ask(&q, &a, &ignored);
}

/* What makes the policy bind programs that would gain privileges is to be refused these. */
static int start_inside(struct child *c, const struct cli_command *cmd, const struct settings *set,
			struct vk_error *e)
{
	/* vkerneld takes no layer that needs a filter. */
	const struct vk_entry none = {0};

	if (set->policies.n != 1 || set->parent || set->audit)
		exit(cli_usage(cmd, "inside an instance it takes one policy, and neither --parent "
				    "nor --audit"));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return vk_error_set(e, errno, "cannot give up privileges: %s", strerror(errno));
	return start_child(c, &none, set->command, e);
}

static int run_inside(const struct cli_command *cmd, const struct settings *set,
		      const struct cli_policies *policies)
{
	vk_cleanup(end_child) struct child child = {-1, -1, -1, -1, {{0}}};
	struct vk_error e = {0};
	char name[72] = "";

	if (start_inside(&child, cmd, set, &e) < 0 || make_below(&child, set, name, &e) < 0) {
		cli_report(&e);
		return CLI_RUN_FAILED;
	}
	return run_in(&child, set, policies, name, leave_below);
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	vk_cleanup(end_child) struct child child = {-1, -1, -1, -1, {{0}}};
	struct settings set = {0};
	vk_cleanup(vk_entry_free) struct vk_entry entry = {0};
	struct vk_error e = {0};
	char name[65];

	parse(cmd, argc, argv, &set);
	if (load(&set, &policies, &entry, &e) < 0) {
		cli_report(&e);
		return CLI_RUN_FAILED;
	}
	if (is_inside())
		return run_inside(cmd, &set, &policies);
	if (start_child(&child, &entry, set.command, &e) < 0 ||
	    prepare(&child, &set, &policies, &entry, name, &e) < 0) {
		cli_report(&e);
		return CLI_RUN_FAILED;
	}
	return run_in(&child, &set, &policies, name, leave);
}

const struct cli_command cli_run = {
	.name = "run",
	.synopsis = "-p POLICY [-p POLICY]... [--name NAME] [--parent NAME] [--audit] [--keep]\n"
		    "                   [--] COMMAND [ARG...]",
	.summary = "run a command in a new instance",
	.details =
		"COMMAND and all that it starts are members; they cannot leave. With several\n"
		"policies an operation passes only if each of them allows it. When COMMAND has\n"
		"ended, the instance is removed, unless --keep is given or members remain (a\n"
		"daemon): then one line on standard error says so.\n"
		"\n"
		"Inside an instance whose policy says push: {children: N}, any user may run this:\n"
		"the new instance is below the present one, and COMMAND cannot gain privileges.\n"
		"\n"
		"The status is that of COMMAND, 128+N if signal N ended it; 125 if vkernel itself\n"
		"failed, 126 if COMMAND cannot be executed, 127 if it is not found.",
	.examples = "sudo vkernel run -p web.yaml -- nginx -g 'daemon off;'\n"
		    "sudo vkernel run -p container-default --name try -- bash",
	.options = options,
	.stop_early = true,
	.run = run,
};
