// SPDX-License-Identifier: LGPL-2.1-or-later
/* schema.c - see schema.h. */
#include "schema.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "names.h"
#include "parse_internal.h"
#include "syscalls.h"

const char *const vk_words_action[] = {"allow", "deny", "audit", NULL};
const char *const vk_words_default[] = {"allow", "deny", NULL};
const char *const vk_words_mode[] = {"enforce", "audit", NULL};
const char *const vk_words_scope[] = {"none", "own", "all", NULL};
const char *const vk_words_proto[] = {"tcp", "udp", "sctp", "udplite", "any", NULL};
const char *const vk_words_mounts[] = {"mount",	 "bind",  "remount", "move",
				       "umount", "pivot", "all",     NULL};

const char *const vk_words_sys_default[] = {"allow", "deny", "kill", NULL};
const char *const vk_words_sys_unknown[] = {"allow", "deny", "kill", "enosys", NULL};
const char *const vk_words_sys_other[] = {"deny", "kill", NULL};
const char *const vk_words_bool[] = {"false", "true", NULL};

/* The rights of the sections FILES and EXEC, and the two groups. */
const char *const vk_words_rights[] = {
	"read",	 "write",   "append",	 "exec",   "create", "unlink",	 "rename",
	"link",	 "symlink", "mkdir",	 "rmdir",  "mknod",  "truncate", "chmod",
	"chown", "ioctl",   "mmap-exec", "modify", "all",    NULL,
};

#define ACTION vk_words_action
#define DEFAULT vk_words_default

const struct vk_schema_key vk_schema[] = {
	{"", "vkernel", VK_KIND_VERSION, NULL, "version of the format; required", NULL,
	 vk_parse_version},
	{"", "name", VK_KIND_NAME, NULL, "name of the policy; else that of the file", NULL,
	 vk_parse_name},
	{"", "description", VK_KIND_TEXT, NULL, "free text", NULL, vk_parse_text},
	{"", "mode", VK_KIND_WORD, vk_words_mode, "deny, or only report what would be denied", NULL,
	 vk_parse_mode},
	{"", "use", VK_KIND_SETS, NULL, "rule sets that must permit an operation too", NULL,
	 vk_parse_use},
	{"", "mitigates", VK_KIND_TOPICS, NULL,
	 "bugs and attacks that it is against: see vkernel-mitigate(1)", NULL, vk_parse_mitigates},
	{"", "takeover", VK_KIND_WORD, vk_words_bool,
	 "whether it takes the place of a container's seccomp and AppArmor profiles", NULL,
	 vk_parse_takeover},
	{"", "in-place-of", VK_KIND_TEXT, NULL,
	 "the profile that was taken over; updates and modes leave such a layer alone", NULL,
	 vk_parse_in_place_of},
	{"", "files", VK_KIND_MAP, NULL, "what may be done with which files", "files",
	 vk_parse_files},
	{"", "exec", VK_KIND_MAP, NULL, "which programs may be executed", "exec", vk_parse_exec},
	{"", "network", VK_KIND_MAP, NULL, "sockets, addresses and unix socket names", "network",
	 vk_parse_network},
	{"", "mounts", VK_KIND_MAP, NULL, "mount operations", "mounts", vk_parse_mounts},
	{"", "processes", VK_KIND_MAP, NULL, "tracing, signals and user namespaces", "processes",
	 vk_parse_processes},
	{"", "capabilities", VK_KIND_CAPABILITIES, vk_cap_words,
	 "ceiling: capabilities that can be in force", NULL, vk_parse_capabilities},
	{"", "bpf", VK_KIND_WORD, ACTION, "bpf(2)", NULL, vk_parse_switch},
	{"", "perf", VK_KIND_WORD, ACTION, "perf_event_open(2)", NULL, vk_parse_switch},
	{"", "modules", VK_KIND_WORD, ACTION,
	 "loading kernel modules, or making the kernel load them", NULL, vk_parse_switch},
	{"", "keys", VK_KIND_WORD, ACTION, "kernel keyrings: add_key, request_key, keyctl", NULL,
	 vk_parse_switch},
	{"", "io_uring", VK_KIND_WORD, ACTION, "io_uring_setup(2)", NULL, vk_parse_switch},
	{"", "xattrs", VK_KIND_WORD, ACTION,
	 "setting and removing extended attributes, ACLs and flags of files", NULL,
	 vk_parse_switch},
	{"", "push", VK_KIND_MAP, NULL, "what members may add by themselves", "push",
	 vk_parse_push},
	{"", "syscalls", VK_KIND_MAP, NULL, "system calls, by name and arguments", "syscalls",
	 vk_parse_syscalls},
	{"", "kernel", VK_KIND_LATER, NULL, "kernel log and parameters", NULL, vk_parse_later},
	{"", "limits", VK_KIND_LATER, NULL, "quotas", NULL, vk_parse_later},
	{"", "schedule", VK_KIND_LATER, NULL, "CPU scheduling", NULL, vk_parse_later},
	{"", "programs", VK_KIND_LATER, NULL, "eBPF policy programs", NULL, vk_parse_later},

	{"files", "default", VK_KIND_WORD, DEFAULT, "for rights that no rule speaks of", NULL,
	 vk_parse_default},
	{"files", "foreign", VK_KIND_WORD, DEFAULT,
	 "files on mounts that were not there at the start", NULL, vk_parse_foreign},
	{"files", "rules", VK_KIND_MAPS, NULL, "the rules", "files.rules", vk_parse_rules},
	{"files.rules", "allow", VK_KIND_WORDS, vk_words_rights, "rights to grant", NULL,
	 vk_parse_keep},
	{"files.rules", "deny", VK_KIND_WORDS, vk_words_rights,
	 "rights to refuse, whatever else allows them", NULL, vk_parse_keep},
	{"files.rules", "audit", VK_KIND_WORDS, vk_words_rights,
	 "rights whose use is reported; grants nothing", NULL, vk_parse_keep},
	{"files.rules", "path", VK_KIND_GLOBS, NULL, "the files", NULL, vk_parse_keep},

	{"exec", "default", VK_KIND_WORD, DEFAULT, "for programs that no rule names", NULL,
	 vk_parse_default},
	{"exec", "allow", VK_KIND_GLOBS, NULL, "programs that may be executed and mapped", NULL,
	 vk_parse_programs},
	{"exec", "deny", VK_KIND_GLOBS, NULL, "programs that may not be executed", NULL,
	 vk_parse_programs},
	{"exec", "audit", VK_KIND_GLOBS, NULL, "programs whose execution is reported", NULL,
	 vk_parse_programs},

	{"network", "default", VK_KIND_WORD, DEFAULT, "for what no rule speaks of", NULL,
	 vk_parse_default},
	{"network", "allow", VK_KIND_MAPS, NULL, "what to grant", "network.items", vk_parse_net},
	{"network", "deny", VK_KIND_MAPS, NULL, "what to refuse", "network.items", vk_parse_net},
	{"network", "audit", VK_KIND_MAPS, NULL, "what to report", "network.items", vk_parse_net},
	{"network.items", "bind", VK_KIND_ENDPOINTS, vk_words_proto, "local ports or socket names",
	 NULL, vk_parse_keep},
	{"network.items", "on", VK_KIND_ADDRESSES, NULL, "with bind: local addresses", NULL,
	 vk_parse_keep},
	{"network.items", "connect", VK_KIND_ENDPOINTS, vk_words_proto,
	 "remote ports or socket names", NULL, vk_parse_keep},
	{"network.items", "to", VK_KIND_ADDRESSES, NULL, "with connect: remote addresses", NULL,
	 vk_parse_keep},
	{"network.items", "socket", VK_KIND_SOCKETS, vk_family_words, "creating sockets", NULL,
	 vk_parse_keep},

	{"mounts", "default", VK_KIND_WORD, DEFAULT, "for what no rule speaks of", NULL,
	 vk_parse_default},
	{"mounts", "allow", VK_KIND_MAPS, NULL, "what to grant", "mounts.items", vk_parse_mount},
	{"mounts", "deny", VK_KIND_MAPS, NULL, "what to refuse", "mounts.items", vk_parse_mount},
	{"mounts", "audit", VK_KIND_MAPS, NULL, "what to report", "mounts.items", vk_parse_mount},
	{"mounts.items", "op", VK_KIND_WORDS, vk_words_mounts, "operations", NULL, vk_parse_keep},
	{"mounts.items", "on", VK_KIND_GLOBS, NULL, "mount points", NULL, vk_parse_keep},

	{"processes", "ptrace", VK_KIND_WORD, vk_words_scope, "whom members may trace or inspect",
	 NULL, vk_parse_scope},
	{"processes", "signal", VK_KIND_WORD, vk_words_scope, "whom members may signal", NULL,
	 vk_parse_scope},
	{"processes", "userns", VK_KIND_WORD, ACTION, "creating user namespaces", NULL,
	 vk_parse_switch},

	{"push", "layers", VK_KIND_NUMBER, NULL, "how many layers members may push", NULL,
	 vk_parse_push_count},
	{"push", "children", VK_KIND_NUMBER, NULL, "how many instances members may make below",
	 NULL, vk_parse_push_count},
	{"push", "programs", VK_KIND_NUMBER, NULL, "how many policy programs members may push",
	 NULL, vk_parse_push_count},
	{"push", "poppable", VK_KIND_WORD, vk_words_bool, "whether they may pop what they pushed",
	 NULL, vk_parse_poppable},

	{"syscalls", "default", VK_KIND_WORD, vk_words_sys_default,
	 "for calls that no rule names; deny if something is allowed, else allow", NULL,
	 vk_parse_sys_verdict},
	{"syscalls", "unknown", VK_KIND_WORD, vk_words_sys_unknown,
	 "for calls that have no name here; allow or enosys, as the default is", NULL,
	 vk_parse_sys_verdict},
	{"syscalls", "errno", VK_KIND_ERRNO, NULL, "what a denied call returns; EPERM", NULL,
	 vk_parse_sys_errno},
	{"syscalls", "abis", VK_KIND_WORDS, vk_abi_words, "ways in that may be used; all", NULL,
	 vk_parse_sys_abis},
	{"syscalls", "other-abis", VK_KIND_WORD, vk_words_sys_other,
	 "for calls by other ways; kill", NULL, vk_parse_sys_verdict},
	{"syscalls", "strict", VK_KIND_WORD, vk_words_bool,
	 "block at the entry of the kernel, too, what a hook denies", NULL, vk_parse_sys_strict},
	{"syscalls", "allow", VK_KIND_SYSCALLS, NULL, "calls to grant", NULL, vk_parse_sys_calls},
	{"syscalls", "deny", VK_KIND_SYSCALLS, NULL, "calls to refuse", NULL, vk_parse_sys_calls},
	{"syscalls", "kill", VK_KIND_SYSCALLS, NULL, "calls that end the process", NULL,
	 vk_parse_sys_calls},
	{"syscalls", "audit", VK_KIND_SYSCALLS, NULL, "calls to report; grants nothing", NULL,
	 vk_parse_sys_calls},
	{"syscalls", "rules", VK_KIND_MAPS, NULL, "rules with conditions", "syscalls.rules",
	 vk_parse_sys_rules},
	{"syscalls.rules", "allow", VK_KIND_SYSCALLS, NULL, "calls to grant", NULL, vk_parse_keep},
	{"syscalls.rules", "deny", VK_KIND_SYSCALLS, NULL, "calls to refuse", NULL, vk_parse_keep},
	{"syscalls.rules", "kill", VK_KIND_SYSCALLS, NULL, "calls that end the process", NULL,
	 vk_parse_keep},
	{"syscalls.rules", "audit", VK_KIND_SYSCALLS, NULL, "calls to report", NULL, vk_parse_keep},
	{"syscalls.rules", "when", VK_KIND_CONDITIONS, NULL, "comparisons that must all hold", NULL,
	 vk_parse_keep},
	{"syscalls.rules", "errno", VK_KIND_ERRNO, NULL, "with deny: what the call returns", NULL,
	 vk_parse_keep},
	{"syscalls.rules", "abi", VK_KIND_WORDS, vk_abi_words, "only by these ways in", NULL,
	 vk_parse_keep},
};
const size_t vk_n_schema = sizeof(vk_schema) / sizeof(*vk_schema);
_Static_assert(sizeof(vk_schema) / sizeof(*vk_schema) <= VK_SCHEMA_MAX, "raise VK_SCHEMA_MAX");

const struct vk_schema_key *vk_schema_find(const char *parent, const char *key)
{
	for (size_t i = 0; i < vk_n_schema; i++)
		if (strcmp(vk_schema[i].parent, parent) == 0 && strcmp(vk_schema[i].key, key) == 0)
			return &vk_schema[i];
	return NULL;
}

#define NEAR_MAX 24 /* longer words are never typing errors of one of ours */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
static unsigned int distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned int d[3][NEAR_MAX + 1];

	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return d[la % 3][lb];
}

const char *vk_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word);
	unsigned int best = len <= 3 ? 2 : len <= 6 ? 3 : 4; /* one more than is accepted */
	const char *ret = NULL, *longer = NULL;

	if (len == 0 || len > NEAR_MAX)
		return NULL;
	for (; *words; words++) {
		size_t lw = strlen(*words);
		unsigned int n;

		if (lw == 0 || lw > NEAR_MAX)
			continue;
		n = distance(word, len, *words, lw);
		if (n < best && n < lw) {
			best = n;
			ret = *words;
		}
		if (!longer && len > 3 && strncasecmp(word, *words, len) == 0)
			longer = *words;
	}
	return ret ? ret : longer;
}
