// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * names.c - numbers of the kernel and their words in a policy.
 *
 * The tables are spelled out rather than taken from the C library: a policy must mean the same
 * whatever headers it was compiled against.
 */
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "compile.h"

const char *const vk_cap_words[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
	NULL,
};
_Static_assert(sizeof(vk_cap_words) / sizeof(*vk_cap_words) == VK_N_CAPS + 1, "capabilities");

/* AF_UNSPEC has no word: no socket of that family can be made. */
const char *const vk_family_words[] = {
	"",	    "unix",	  "inet",    "ax25",	  "ipx",     "appletalk", "netrom",
	"bridge",   "atmpvc",	  "x25",     "inet6",	  "rose",    "decnet",	  "netbeui",
	"security", "key",	  "netlink", "packet",	  "ash",     "econet",	  "atmsvc",
	"rds",	    "sna",	  "irda",    "pppox",	  "wanpipe", "llc",	  "ib",
	"mpls",	    "can",	  "tipc",    "bluetooth", "iucv",    "rxrpc",	  "isdn",
	"phonet",   "ieee802154", "caif",    "alg",	  "nfc",     "vsock",	  "kcm",
	"qipcrtr",  "smc",	  "xdp",     "mctp",	  NULL,
};
_Static_assert(sizeof(vk_family_words) / sizeof(*vk_family_words) == VK_N_FAMILIES + 1, "families");

/* By number of the protocol; "": the kernel has no such protocol any more. */
const char *const vk_netlink_words[] = {
	"route",
	"",
	"usersock",
	"",
	"sock-diag",
	"nflog",
	"xfrm",
	"selinux",
	"iscsi",
	"audit",
	"fib-lookup",
	"connector",
	"netfilter",
	"",
	"",
	"kobject-uevent",
	"generic",
	"",
	"scsi-transport",
	"ecryptfs",
	"rdma",
	"crypto",
	"smc",
	NULL,
};
_Static_assert(sizeof(vk_netlink_words) / sizeof(*vk_netlink_words) <= VK_NETLINK + 1, "protocols");

const char *const vk_socktype_words[] = {"stream",    "dgram", "raw",	 "rdm",
					 "seqpacket", "dccp",  "packet", NULL};
static const int socktypes[] = {1, 2, 3, 4, 5, 6, 10};

static const struct {
	uint32_t right;
	const char *word;
} rights[] = {
#define X(id, bit, word, section, help) {1u << (bit), word},
	VK_RIGHTS(X)
#undef X
};

static const struct {
	uint32_t sw;
	const char *word;
} switches[] = {
	{VK_SW_BPF, "bpf"},	  {VK_SW_PERF, "perf"},		{VK_SW_MODULES, "modules"},
	{VK_SW_KEYS, "keys"},	  {VK_SW_IO_URING, "io_uring"}, {VK_SW_USERNS, "userns"},
	{VK_SW_XATTRS, "xattrs"},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const char *vk_right_name(uint32_t right)
{
	for (size_t i = 0; i < COUNT(rights); i++)
		if (rights[i].right == right)
			return rights[i].word;
	return "?";
}

void vk_rights_text(uint32_t set, char *buf, size_t size)
{
	static const struct {
		uint32_t rights;
		const char *word;
	} groups[] = {
		{VK_RIGHTS_ALL, "all"},
		{VK_RIGHTS_MODIFY, "modify"},
		{VK_RIGHTS_WRITE, "write"},
	};
	size_t len = 0;

	buf[0] = '\0';
	while (set && len < size) {
		uint32_t word = set & -set;
		const char *text = vk_right_name(word);

		/* A group stands where its first right does. */
		for (size_t i = 0; i < COUNT(groups); i++) {
			if ((set & groups[i].rights) == groups[i].rights &&
			    word & groups[i].rights) {
				word = groups[i].rights;
				text = groups[i].word;
				break;
			}
		}
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", text);
		set &= ~word;
	}
}

int vk_right_parse(const char *word, uint32_t *ret)
{
	for (size_t i = 0; i < COUNT(rights); i++) {
		if (strcmp(rights[i].word, word) == 0) {
			*ret = rights[i].right;
			return 0;
		}
	}
	return -EINVAL;
}

const char *vk_cap_name(int cap)
{
	return cap >= 0 && cap < VK_N_CAPS ? vk_cap_words[cap] : "?";
}

int vk_cap_parse(const char *word, int *ret)
{
	if (strncasecmp(word, "CAP_", 4) == 0)
		word += 4;
	for (int i = 0; i < VK_N_CAPS; i++) {
		if (strcasecmp(vk_cap_words[i], word) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *vk_family_name(int family)
{
	return family > 0 && family < VK_N_FAMILIES ? vk_family_words[family] : "?";
}

int vk_family_parse(const char *word, int *ret)
{
	for (int i = 1; i < VK_N_FAMILIES; i++) {
		if (strcmp(vk_family_words[i], word) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

int vk_socktype_parse(const char *word, int *ret)
{
	for (size_t i = 0; i < COUNT(socktypes); i++) {
		if (strcmp(vk_socktype_words[i], word) == 0) {
			*ret = socktypes[i];
			return 0;
		}
	}
	return -EINVAL;
}

const char *vk_netlink_name(int protocol)
{
	const int n = sizeof(vk_netlink_words) / sizeof(*vk_netlink_words) - 1;

	return protocol >= 0 && protocol < n && *vk_netlink_words[protocol] ?
		       vk_netlink_words[protocol] :
		       "?";
}

int vk_netlink_parse(const char *word, int *ret)
{
	for (int i = 0; *word && vk_netlink_words[i]; i++) {
		if (strcmp(vk_netlink_words[i], word) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *vk_switch_name(uint32_t sw)
{
	for (size_t i = 0; i < COUNT(switches); i++)
		if (switches[i].sw == sw)
			return switches[i].word;
	return "?";
}
