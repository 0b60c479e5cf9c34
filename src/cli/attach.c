// SPDX-License-Identifier: LGPL-2.1-or-later
/* attach.c - vkernel attach: confine what is already running. */
#include <stdlib.h>

#include "cli.h"
#include "oci.h"

#define MAX_PIDS 64

enum { KEY_CGROUP = 256, KEY_MNTNS, KEY_AUDIT, KEY_DEGRADED };

static const struct cli_option options[] = {
	{'p', "policy", "POLICY", "make the instance under this policy; up to 8 times"},
	{'c', "container", "ID", "a container that runs: id, its beginning, or name"},
	{KEY_AUDIT, "audit", NULL, "make it in audit mode, whatever its policies say"},
	{KEY_DEGRADED, "allow-degraded", NULL, "leave rules unenforced that need a restart"},
	{KEY_CGROUP, "cgroup", "PATH", "who executes a program in this cgroup v2 joins"},
	{KEY_MNTNS, "mntns", "PID", "the same for the mount namespace of a process"},
	{0},
};

struct settings {
	struct cli_names policies;
	const char *name;
	const char *container;
	const char *cgroup;
	pid_t mntns;
	bool audit, degraded;
	pid_t pids[MAX_PIDS];
	size_t n_pids;
};

static pid_t parse_pid(const struct cli_command *cmd, const char *word)
{
	char *end;
	long pid = strtol(word, &end, 10);

	if (*end || end == word || pid <= 0 || pid > 4194304)
		exit(cli_usage(cmd, "'%s' is no process id", word));
	return (pid_t)pid;
}

static int join(struct vk_engine *eng, uint32_t id, const struct settings *set,
		struct oci_state *container, struct vk_error *e)
{
	uint32_t threads = 0;
	int r = 0;

	if (set->container)
		r = oci_container_join(eng, id, set->name, container, &threads, e);
	/* Places first: what the processes start meanwhile must not slip through. */
	if (r == 0 && set->cgroup)
		r = vk_instance_join_cgroup(eng, id, set->cgroup, e);
	if (r == 0 && set->mntns)
		r = vk_instance_join_mntns(eng, id, set->mntns, e);
	for (size_t i = 0; r == 0 && i < set->n_pids; i++) {
		uint32_t count = 0;

		r = vk_instance_attach(eng, id, set->pids[i], &count, e);
		threads += count;
	}
	if (threads)
		printf("%u thread%s joined %s\n", threads, threads == 1 ? "" : "s", set->name);
	return r;
}

static int make(struct vk_engine *eng, const struct settings *set, uint32_t *ret_id,
		struct vk_error *e)
{
	_cleanup_policies_ struct cli_policies policies = {0};
	int r = cli_policies_load(&policies, set->policies.names, set->policies.n, e);

	for (size_t i = 0; set->audit && i < policies.n; i++)
		policies.layers[i]->mode = VK_MODE_AUDIT;
	vk_engine_entry(eng, 0, set->degraded);
	if (r == 0)
		r = vk_instance_create(eng, set->name, cli_layers(&policies), policies.n, ret_id,
				       e);
	return r;
}

static int find(struct vk_engine *eng, const struct settings *set, uint32_t *ret_id,
		struct vk_error *e)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	int r = vk_instance_get(eng, set->name, &info, e);

	if (r == -ENOENT)
		vk_error_advise(e, "to make it, give its policy with -p");
	if (r == 0)
		*ret_id = info.id;
	return r;
}

static void parse(const struct cli_command *cmd, int argc, char **argv, struct settings *set)
{
	const char *arg;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'c')
			set->container = arg;
		else if (key == 'p')
			cli_add_policy_name(cmd, &set->policies, arg);
		else if (key == KEY_CGROUP)
			set->cgroup = arg;
		else if (key == KEY_MNTNS)
			set->mntns = parse_pid(cmd, arg);
		else if (key == KEY_DEGRADED)
			set->degraded = true;
		else
			set->audit = true;
	}

	char **operands = cli_operands(cmd, argc, argv, set->container ? 0 : 1,
				       set->container ? 1 : MAX_PIDS + 1, &n);

	set->name = n ? operands[0] : NULL;
	for (size_t i = 1; i < n; i++)
		set->pids[set->n_pids++] = parse_pid(cmd, operands[i]);
	if (!set->n_pids && !set->cgroup && !set->mntns && !set->container)
		exit(cli_usage(cmd,
			       "nothing to attach: give a PID, --container, --cgroup or --mntns"));
	if (!set->name && !set->policies.n)
		exit(cli_usage(cmd, "a policy is missing: give -p POLICY"));
	if (set->audit && !set->policies.n)
		exit(cli_usage(cmd, "--audit is for a new instance: see vkernel mode"));
}

/* The container that is meant; one that has an instance already is left as it is. */
static int find_container(struct settings *set, struct oci_state *ret, struct vk_error *e)
{
	struct oci_record record;
	struct vk_error none = {0};
	int r = oci_record_find(set->container, &record, &none);

	if (r == 0) {
		vk_error_set(e, EALREADY, "container \"%s\" is under vkernel already",
			     set->container);
		vk_error_advise(e, "\"vkernel update --container\" changes its policy");
		return -EALREADY;
	}
	if (r == -ENOTUNIQ) {
		*e = none;
		return r;
	}
	r = oci_find_running(set->container, ret, e);
	if (r == 0 && !set->name)
		set->name = ret->name;
	return r;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_state_ struct oci_state container = {0};
	struct settings set = {0};
	struct vk_error e = {0};
	uint32_t id = 0;

	parse(cmd, argc, argv, &set);

	_cleanup_progress_ struct cli_progress progress = cli_progress_begin("loading the policy");
	bool create = set.policies.n;
	int r = set.container ? find_container(&set, &container, &e) : 0;

	if (r == 0)
		r = vk_engine_open(&eng, create ? VK_OPEN_CREATE : 0, &e);
	if (r == 0)
		vk_engine_entry(eng, 0, set.degraded);
	if (r == 0)
		r = (create ? make : find)(eng, &set, &id, &e);
	if (r < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	r = join(eng, id, &set, &container, &e);
	if (r < 0) {
		cli_report(&e);
		/* Stays when something has joined: members cannot be let out. */
		if (create && vk_instance_remove(eng, set.name, false, NULL) < 0)
			fprintf(stderr, "  instance %s stays, with the members it has\n", set.name);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_attach = {
	.name = "attach",
	.synopsis = "NAME [-p POLICY]... [--audit] [--cgroup PATH] [--mntns PID] [PID...]\n"
		    "       vkernel attach --container ID [-p POLICY]... [--audit] [NAME]",
	.summary = "confine processes that are already running",
	.details =
		"Each PID joins at once, with its threads and descendants. With -p the instance\n"
		"NAME is made; without, it must exist. Files that are open stay open; what is\n"
		"done from now on is checked. A member cannot leave. Rules for system calls that\n"
		"only a start can put in force are an error; --allow-degraded leaves them\n"
		"unenforced.\n"
		"\n"
		"With --container, all processes of a container that runc or crun runs join, and\n"
		"whatever is executed in it later. The instance is named NAME, else after its id.",
	.examples = "sudo vkernel attach db -p postgres.yaml 812\n"
		    "sudo vkernel attach web $(pidof nginx)\n"
		    "sudo vkernel attach --container shop-db -p postgres",
	.options = options,
	.run = run,
};
