// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * docker_seccomp.c - a container engine's seccomp profile, as a filter and as runc takes it.
 *
 *	docker-seccomp PROFILE.json FILTER OCI.json
 *
 * Engines keep a profile from which they pick by architecture and capabilities. This picks for
 * x86-64 and a container's default capabilities, and writes the program that libseccomp makes of it
 * (as runc does), and the section "linux.seccomp" of a config.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <seccomp.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "docker-seccomp: %s\n", what);
	exit(1);
}

static bool has(json_t *list, const char *const *any)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i,
			   v) for (size_t k = 0; any[k];
				   k++) if (strcmp(json_string_value(v), any[k]) == 0) return true;
	return false;
}

/* Whether an entry counts in a container with default capabilities. */
static bool applies(json_t *entry)
{
	static const char *const arch[] = {"amd64", "x86", "x32", NULL};
	static const char *const caps[] = {
		"CAP_CHOWN",	   "CAP_DAC_OVERRIDE",	   "CAP_FSETID", "CAP_FOWNER",
		"CAP_MKNOD",	   "CAP_NET_RAW",	   "CAP_SETGID", "CAP_SETUID",
		"CAP_SETFCAP",	   "CAP_SETPCAP",	   "CAP_KILL",	 "CAP_SYS_CHROOT",
		"CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE", NULL,
	};
	json_t *in = json_object_get(entry, "includes"), *out = json_object_get(entry, "excludes");
	json_t *arches = json_object_get(in, "arches"), *needs = json_object_get(in, "caps");

	if (json_array_size(arches) && !has(arches, arch))
		return false;
	if (json_array_size(needs) && !has(needs, caps))
		return false;
	return !has(json_object_get(out, "arches"), arch) &&
	       !has(json_object_get(out, "caps"), caps);
}

static enum scmp_compare operator(const char *name) {
	static const struct {const char * name; enum scmp_compare op;}
table[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	if (strcmp(table[i].name, name) == 0)
		return table[i].op;
die("unknown comparison");
}

static void add(scmp_filter_ctx ctx, json_t *entry, uint32_t action)
{
	struct scmp_arg_cmp args[6];
	unsigned int n = 0;
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(entry, "args"), i, v) if (n < 6) args[n++] =
		(struct scmp_arg_cmp){
			.arg = (unsigned int)json_integer_value(json_object_get(v, "index")),
			.op = operator(json_string_value(json_object_get(v, "op"))),
			.datum_a = (scmp_datum_t)json_integer_value(json_object_get(v, "value")),
			.datum_b = (scmp_datum_t)json_integer_value(json_object_get(v, "valueTwo")),
		};
	json_array_foreach(json_object_get(entry, "names"), i, v)
	{
		int nr = seccomp_syscall_resolve_name(json_string_value(v));

		if (nr != __NR_SCMP_ERROR && seccomp_rule_add_array(ctx, action, nr, n, args) < 0 &&
		    action == SCMP_ACT_ALLOW)
			die(json_string_value(v));
	}
}

int main(int argc, char **argv)
{
	json_t *profile, *entry, *picked = json_array(), *oci;
	scmp_filter_ctx ctx;
	uint32_t refuse;
	json_error_t je;
	size_t i;
	int fd;

	if (argc != 4)
		die("usage: docker-seccomp PROFILE.json FILTER OCI.json");
	profile = json_load_file(argv[1], 0, &je);
	if (!profile)
		die(je.text);
	refuse = SCMP_ACT_ERRNO(
		(uint32_t)json_integer_value(json_object_get(profile, "defaultErrnoRet")));
	ctx = seccomp_init(refuse);
	if (!ctx || seccomp_arch_add(ctx, SCMP_ARCH_X86) < 0 ||
	    seccomp_arch_add(ctx, SCMP_ARCH_X32) < 0)
		die("seccomp_init");
	json_array_foreach(json_object_get(profile, "syscalls"), i, entry)
	{
		const char *action = json_string_value(json_object_get(entry, "action"));
		json_t *copy;

		if (!applies(entry))
			continue;
		copy = json_pack("{s:O, s:O, s:O*}", "names", json_object_get(entry, "names"),
				 "action", json_object_get(entry, "action"), "args",
				 json_object_get(entry, "args"));
		if (json_object_get(entry, "errnoRet"))
			json_object_set(copy, "errnoRet", json_object_get(entry, "errnoRet"));
		json_array_append_new(picked, copy);
		if (strcmp(action, "SCMP_ACT_ALLOW") == 0)
			add(ctx, entry, SCMP_ACT_ALLOW);
		else
			add(ctx, entry,
			    SCMP_ACT_ERRNO((uint32_t)json_integer_value(
				    json_object_get(entry, "errnoRet"))));
	}
	fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || seccomp_export_bpf(ctx, fd) < 0)
		die(argv[2]);
	oci = json_pack("{s:O, s:O*, s:[s,s,s], s:o}", "defaultAction",
			json_object_get(profile, "defaultAction"), "defaultErrnoRet",
			json_object_get(profile, "defaultErrnoRet"), "architectures",
			"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "syscalls", picked);
	if (!oci || json_dump_file(oci, argv[3], JSON_COMPACT) < 0)
		die(argv[3]);
	return 0;
}
