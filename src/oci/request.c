/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c - the command line of an OCI runtime, as runc and crun take it.
 *
 * Only the subcommand and the place of config.json matter. When in doubt about which it is, the
 * answer is an error: a container must not start unbound because an option is new.
 */
#include "runtime.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

#define CONFIG "/etc/vkernel/runtime.conf"

static const char *const global_with_value[] = {"log",	    "log-format",     "root", "criu",
						"rootless", "cgroup-manager", NULL};
static const char *const global_flags[] = {
	"debug", "systemd-cgroup", "help", "version", "h", "v", "V", NULL};
static const char *const commands[] = {
	"checkpoint", "create", "delete", "events", "exec",   "features", "help",
	"init",	      "kill",	"list",	  "pause",  "ps",     "restore",  "resume",
	"run",	      "spec",	"start",  "state",  "update", "mounts",	  NULL};

static bool in_list(const char *const *list, const char *name, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && !memcmp(*list, name, len))
			return true;
	return false;
}

static int own_option(struct request *q, const char *name, size_t len, const char *value,
		      struct vk_error *e)
{
	bool policy = len == 6 && !memcmp(name, "policy", 6);

	if (!value || !*value)
		return vk_error_set(e, EINVAL, "option --%.*s needs an argument", (int)len, name);
	if (policy && q->n_policies == MAX_POLICIES)
		return vk_error_set(e, E2BIG, "--policy can be given at most %d times",
				    MAX_POLICIES);
	if (policy)
		q->policies[q->n_policies++] = value;
	else
		q->runtime = value;
	return 0;
}

/* One option before the subcommand. Return: how many words it takes. */
static int global_option(struct request *q, char **argv, bool *ret_own, struct vk_error *e)
{
	const char *name = argv[0] + 1 + (argv[0][1] == '-');
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : argv[1];
	int words = name[len] || !argv[1] ? 1 : 2;

	*ret_own = in_list((const char *const[]){"policy", "vkernel-runtime", NULL}, name, len);
	if (*ret_own) {
		int r = own_option(q, name, len, value, e);

		return r < 0 ? r : words;
	}
	if (!in_list(global_with_value, name, len)) {
		if (!in_list(global_flags, name, len) && !name[len])
			q->unknown = argv[0];
		return 1;
	}
	if (len == 3 && !memcmp(name, "log", 3))
		q->log = value;
	if (len == 10 && !memcmp(name, "log-format", 10))
		q->log_json = value && !strcmp(value, "json");
	return words;
}

/* "-bDIR", "-b DIR", "-db DIR" as getopt has it; "-b=DIR" as Go has it. */
static void short_options(struct request *q, const char *word, const char *next)
{
	for (const char *s = word + 1; *s; s++) {
		const char *value = s[1] ? s + 1 + (s[1] == '=') : next;

		if (*s == 'b')
			q->bundle = value;
		else if (*s == 'f')
			q->config = value;
		if (*s == 'b' || *s == 'f')
			return;
	}
}

/* The options of create, run and restore that say where config.json is. The last one counts. */
static void command_options(struct request *q, char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++) {
		const char *name = *argv + 1 + (argv[0][1] == '-');
		size_t len = strcspn(name, "=");
		const char *value = name[len] ? name + len + 1 : argv[1];

		if (argv[0][0] != '-' || !len)
			continue;
		/* getopt takes any beginning of a long name. */
		if ((argv[0][1] == '-' && !strncmp(name, "bundle", len)) ||
		    (len == 6 && !strncmp(name, "bundle", len)))
			q->bundle = value;
		else if (argv[0][1] == '-' && len >= 4 && !strncmp(name, "config", len))
			q->config = value;
		else if (argv[0][1] != '-' && strcmp(name, "no-pivot") && strcmp(name, "keep"))
			short_options(q, *argv, argv[1]);
	}
}

/* As engines call exec: "exec --process FILE ... ID". */
static void exec_options(struct request *q, char **argv)
{
	for (; argv[0] && argv[1]; argv++) {
		if (!strcmp(*argv, "--process") || !strcmp(*argv, "-p"))
			q->process = argv[1];
		else if (!strncmp(*argv, "--process=", 10))
			q->process = *argv + 10;
		q->id = argv[1];
	}
}

/* Of create and run: the id, where there is nothing but it and options that are known. */
static void start_options(struct request *q, char **argv)
{
	static const char *const with_value[] = {
		"bundle", "b", "config", "f", "pid-file", "console-socket", "preserve-fds", NULL};
	static const char *const flags[] = {"no-pivot", "no-new-keyring", "no-subreaper", NULL};
	bool detach = !strcmp(q->command, "create");

	for (; *argv && argv[0][0] == '-'; argv++) {
		const char *name = *argv + 1 + (argv[0][1] == '-');
		size_t len = strcspn(name, "=");

		if (!strcmp(name, "detach") || !strcmp(*argv, "-d"))
			detach = true;
		else if (in_list(with_value, name, len) && (name[len] || argv[1]))
			argv += !name[len];
		else if (!in_list(flags, name, strlen(name)))
			return;
	}
	if (*argv && !argv[1]) {
		q->id = *argv;
		q->returns = detach;
	}
}

/*
 * Of delete: the id, where there is nothing else but that processes are to be ended. With other
 * options it may do something else (--help), and to other containers (--regex).
 */
static void delete_options(struct request *q, char **argv)
{
	static const char *const force[] = {"--force", "-f", "-force", NULL};

	while (*argv && in_list(force, *argv, strlen(*argv)))
		argv++;
	if (*argv && argv[0][0] != '-' && !argv[1])
		q->id = *argv;
}

int request_parse(struct request *q, int argc, char **argv, struct vk_error *e)
{
	int out = 1, i = 1;

	q->argv = calloc((size_t)argc + 1, sizeof(*q->argv));
	if (!q->argv)
		return vk_error_set(e, ENOMEM, "no memory");
	q->argv[0] = argv[0];
	while (i < argc && argv[i][0] == '-' && argv[i][1] && strcmp(argv[i], "--")) {
		bool own;
		int words = global_option(q, argv + i, &own, e);

		if (words < 0)
			return words;
		for (; words > 0; words--, i++)
			if (!own)
				q->argv[out++] = argv[i];
	}
	q->command = i < argc ? argv[i] : NULL;
	for (int k = i; k < argc; k++)
		q->argv[out++] = argv[k];
	if (!q->command)
		return 0;
	if (q->unknown && !in_list(commands, q->command, strlen(q->command)))
		return vk_error_set(e, EINVAL, "cannot tell the subcommand: option %s is unknown",
				    q->unknown);
	if (!strcmp(q->command, "exec"))
		exec_options(q, argv + i + 1);
	else
		command_options(q, argv + i + 1);
	if (!strcmp(q->command, "create") || !strcmp(q->command, "run"))
		start_options(q, argv + i + 1);
	else if (!strcmp(q->command, "delete"))
		delete_options(q, argv + i + 1);
	return 0;
}

static int configure_line(struct request *q, char *line, bool own_policies, struct vk_error *e)
{
	char *value = strchr(line, '='), *end;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	if (!value)
		return vk_error_set(e, EINVAL, "\"%.80s\" is not KEY = VALUE", line);
	for (end = value; end > line && isspace((unsigned char)end[-1]); end--)
		;
	*end = '\0';
	value += 1 + strspn(value + 1, " \t");
	end = value + strlen(value);
	while (end > value && isspace((unsigned char)end[-1]))
		*--end = '\0';
	if (!strcmp(line, "runtime") && *value == '/') {
		if (!q->runtime)
			q->runtime = strdup(value);
		return 0;
	}
	if (!strcmp(line, "policy") && *value) {
		value = strdup(value);
		return own_policies || !value ? 0 : own_option(q, line, 6, value, e);
	}
	if (!strcmp(line, "takeover") && (!strcmp(value, "true") || !strcmp(value, "false"))) {
		q->takeover = !strcmp(value, "true");
		return 0;
	}
	return vk_error_set(e, EINVAL, "\"%.80s = %.80s\" is not understood", line, value);
}

int request_configure(struct request *q, struct vk_error *e)
{
	_cleanup_close_ int fd = open(CONFIG, O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	bool own_policies = q->n_policies > 0;
	size_t cap = 0;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0; /* most often, so the stream comes after it */
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_at(e, errno, CONFIG, 0, 0, "cannot read it: %s", strerror(errno));
	if (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return vk_error_at(e, EPERM, CONFIG, 0, 0, "others than root can change it");
	f = fdopen(vk_take_fd(&fd), "r");
	if (!f)
		return vk_error_set(e, ENOMEM, "no memory");
	for (uint32_t number = 1; getline(&line, &cap, f) > 0; number++) {
		line[strcspn(line, "\n")] = '\0';
		if (configure_line(q, line, own_policies, e) < 0) {
			snprintf(e->file, sizeof(e->file), "%s", CONFIG);
			e->line = number;
			return -EINVAL;
		}
	}
	return 0;
}
