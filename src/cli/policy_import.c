// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * policy_import.c - vkernel policy import: a profile of another tool to a policy.
 *
 * The policy goes to a file, what it does not say to standard output: a line each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "cli.h"
#include "import.h"
#include "profile.h"
#include "schema.h"

/* What Docker and podman give a container that asks for nothing. */
#define ENGINE_CAPS                                                                                \
	"CHOWN,DAC_OVERRIDE,FSETID,FOWNER,MKNOD,NET_RAW,SETGID,SETUID,SETFCAP,SETPCAP,"            \
	"NET_BIND_SERVICE,SYS_CHROOT,KILL,AUDIT_WRITE"

enum { KEY_PROFILE = 256, KEY_CAPABILITIES, KEY_KERNEL, KEY_INCLUDE };

static const struct cli_option options[] = {
	{'o', "output", "FILE", "where the policy goes; required"},
	{'k', "kind", "KIND", "seccomp, oci or apparmor; else found out from the content"},
	{'n', "name", "NAME", "name of the policy (default: that of the profile or file)"},
	{KEY_PROFILE, "profile", "NAME", "which profile of a file with several"},
	{KEY_CAPABILITIES, "capabilities", "LIST",
	 "those of the container, for profiles that ask (default: Docker's)"},
	{KEY_KERNEL, "kernel", "VERSION",
	 "that of the host, for profiles that ask (default: this one)"},
	{KEY_INCLUDE, "include", "DIR", "where AppArmor's includes are (default: /etc/apparmor.d)"},
	{0},
};

struct settings {
	const char *output, *kind, *name, *profile, *capabilities, *kernel, *include;
};

static uint64_t parse_caps(const struct cli_command *cmd, const char *list)
{
	_cleanup_free_ char *copy = cli_dup(list);
	uint64_t caps = 0;
	char *save;

	if (!strcmp(list, "all"))
		return ~UINT64_C(0);
	for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		int cap;

		if (!strcmp(word, "none"))
			continue;
		if (vk_cap_parse(word, &cap) < 0)
			exit(cli_usage(cmd, "'%s' is no capability", word));
		caps |= UINT64_C(1) << cap;
	}
	return caps;
}

static uint32_t parse_kernel(const struct cli_command *cmd, const char *word)
{
	unsigned int major, minor;
	struct utsname host;

	if (!word && uname(&host) == 0)
		word = host.release;
	if (!word || sscanf(word, "%4u.%4u", &major, &minor) != 2)
		exit(cli_usage(cmd, "'%s' is no version; write 6.1", word ? word : ""));
	return major << 16 | minor;
}

static enum vk_import_kind parse_kind(const struct cli_command *cmd, const char *word)
{
	const char *near;

	for (int i = 0; i < VK_IMPORT_KINDS; i++)
		if (!strcmp(word, vk_import_kinds[i]))
			return (enum vk_import_kind)i;
	near = vk_nearest(word, vk_import_kinds);
	exit(cli_usage(cmd, "unknown kind '%s': %s", word,
		       near ? cli_format("did you mean %s?", near) : "seccomp, oci, apparmor"));
}

/* The whole policy or nothing: a file that was there before stays as it is on failure. */
static int write_policy(const char *path, const char *yaml)
{
	_cleanup_free_ char *temporary = cli_format("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
	size_t len = strlen(yaml);

	if (fd < 0)
		return cli_fail("cannot write %s: %s", path, strerror(errno));
	if (fchmod(fd, 0644) < 0 || write(fd, yaml, len) != (ssize_t)len ||
	    rename(temporary, path) < 0) {
		int code = errno;

		unlink(temporary);
		return cli_fail("cannot write %s: %s", path, strerror(code));
	}
	return CLI_OK;
}

/* What was made must be what our own parser takes. */
static int check_made(const char *file, const char *yaml, struct vk_error *e)
{
	vk_cleanup(vk_policy_freep) struct vk_policy *policy = NULL;

	return vk_policy_parse(file, yaml, strlen(yaml), NULL, NULL, &policy, e);
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_imported_free) struct vk_imported made = {0};
	struct settings set = {.capabilities = ENGINE_CAPS, .include = VK_APPARMOR_DIR};
	struct vk_import_from from = {.include = vk_profile_include};
	_cleanup_free_ char *text = NULL;
	enum vk_import_kind kind = 0;
	struct vk_error e = {0};
	const char *arg;
	int r;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;)
		*(key == 'o'		  ? &set.output :
		  key == 'k'		  ? &set.kind :
		  key == 'n'		  ? &set.name :
		  key == KEY_PROFILE	  ? &set.profile :
		  key == KEY_CAPABILITIES ? &set.capabilities :
		  key == KEY_KERNEL	  ? &set.kernel :
					    &set.include) = arg;
	from.file = *cli_operands(cmd, argc, argv, 1, 1, NULL);
	if (!set.output)
		return cli_usage(cmd, "say where the policy goes: -o FILE");
	from.name = set.name;
	from.profile = set.profile;
	from.caps = parse_caps(cmd, set.capabilities);
	from.kernel = parse_kernel(cmd, set.kernel);
	_cleanup_free_ char *dir = cli_dup(set.include);

	from.data = dir;
	r = vk_profile_read(from.file, &text, &from.len);
	if (r < 0)
		return cli_fail("cannot read %s: %s", from.file, strerror(-r));
	from.text = text;
	if (set.kind)
		kind = parse_kind(cmd, set.kind);
	else
		r = vk_import_detect(&from, &kind, &e);
	if (r == 0)
		r = vk_import(kind, &from, &made, &e);
	if (r == 0)
		r = check_made(set.output, made.yaml, &e);
	if (r < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	r = write_policy(set.output, made.yaml);
	for (size_t i = 0; r == CLI_OK && i < made.n_lost; i++) {
		cli_put_safe(stdout, made.lost[i], strlen(made.lost[i]));
		putchar('\n');
	}
	return r;
}

const struct cli_command cli_policy_import = {
	.name = "policy import",
	.synopsis = "-o FILE [--kind KIND] [--name NAME] PROFILE",
	.summary = "make a policy of a profile of another tool",
	.details =
		"PROFILE is a seccomp profile (Docker's format, or linux.seccomp of a container),\n"
		"the config.json of a container, or an AppArmor profile. Each thing that the policy\n"
		"does not say is a line on standard output, with the reason; no line means that all\n"
		"was carried over. The status is 0 in both cases.",
	.examples = "vkernel policy import /etc/docker/seccomp.json -o syscalls.yaml\n"
		    "vkernel policy import -o web.yaml /etc/apparmor.d/usr.sbin.nginx",
	.options = options,
	.run = run,
};
