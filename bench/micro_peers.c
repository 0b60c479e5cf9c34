// SPDX-License-Identifier: LGPL-2.1-or-later
/* micro_peers.c - other mechanisms, put in force on this process. */
#include "micro.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[BPF_MAXINSNS];
static size_t filter_len;

/* @path: a program as seccomp_export_bpf(3) writes it. Read before the root changes. */
void load_seccomp(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	filter_len = fread(filter, sizeof(filter[0]), BPF_MAXINSNS, f);
	fclose(f);
	if (filter_len == 0)
		die(path);
}

void use_seccomp(void)
{
	struct sock_fprog program = {.filter = filter, .len = (unsigned short)filter_len};

	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

static void landlock_rule(int ruleset, const char *path, __u64 allow)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = allow};

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	check(rule.parent_fd, path);
	check((int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0),
	      "landlock_add_rule");
	close(rule.parent_fd);
}

/* What bench/policies/files20.yaml grants to what is here: Landlock has allow rules only. */
void use_landlock(void)
{
	const __u64 all = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;
	const __u64 read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	struct landlock_ruleset_attr attr = {.handled_access_fs = all};
	int ruleset;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	check(ruleset, "landlock_create_ruleset");
	landlock_rule(ruleset, "/tmp", all);
	landlock_rule(ruleset, "/mnt", all);
	landlock_rule(ruleset, "/cold", all);
	landlock_rule(ruleset, "/bin", read | LANDLOCK_ACCESS_FS_EXECUTE);
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	check((int)syscall(SYS_landlock_restrict_self, ruleset, 0), "landlock_restrict_self");
	close(ruleset);
}

int open_apparmor(void)
{
	int attr = open("/proc/self/attr/apparmor/current", O_WRONLY | O_CLOEXEC);

	check(attr, "/proc/self/attr/apparmor/current");
	return attr;
}

void use_apparmor(int attr, const char *profile)
{
	char line[256];

	snprintf(line, sizeof(line), "changeprofile %s", profile);
	check((int)write(attr, line, strlen(line)), line);
}
