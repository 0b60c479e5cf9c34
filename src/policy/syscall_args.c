// SPDX-License-Identifier: LGPL-2.1-or-later
/* syscall_args.c - the words of conditions: arguments, constants, errors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "schema.h"
#include "syscalls.h"

/*
 * The width is that of the parameter in the kernel. A condition on a narrow one looks at those
 * bits only: the rest of the register is the caller's to choose, and the kernel drops it, so a
 * comparison of all 64 bits could be passed by. Flags share the register with the type of a socket.
 */
static const struct {
	const char *call;
	const char *word;
	uint8_t arg;
	uint8_t width;
} args[] = {
	{"arch_prctl", "option", 0, 32},
	{"bpf", "cmd", 0, 32},
	{"chmod", "mode", 1, 16},
	{"clock_adjtime", "clock", 0, 32},
	{"clock_settime", "clock", 0, 32},
	{"clone", "flags", 0, 32},
	{"fchmod", "mode", 1, 16},
	{"fchmodat", "mode", 2, 16},
	{"fchmodat2", "mode", 2, 16},
	{"fcntl", "cmd", 1, 32},
	{"fcntl64", "cmd", 1, 32},
	{"finit_module", "flags", 2, 32},
	{"futex", "op", 1, 32},
	{"ioctl", "cmd", 1, 32},
	{"ipc", "call", 0, 32},
	{"kcmp", "type", 2, 32},
	{"keyctl", "operation", 0, 32},
	{"kill", "pid", 0, 32},
	{"kill", "signal", 1, 32},
	{"madvise", "advice", 2, 32},
	{"memfd_create", "flags", 1, 32},
	{"mknod", "mode", 1, 16},
	{"mknodat", "mode", 2, 16},
	{"mmap", "prot", 2, 64},
	{"mmap", "flags", 3, 64},
	{"mmap2", "prot", 2, 64},
	{"mmap2", "flags", 3, 64},
	{"modify_ldt", "func", 0, 32},
	{"mount", "flags", 3, 64},
	{"mprotect", "prot", 2, 64},
	{"open", "flags", 1, 32},
	{"openat", "flags", 2, 32},
	{"personality", "persona", 0, 32},
	{"prctl", "option", 0, 32},
	{"ptrace", "request", 0, 64},
	{"quotactl", "cmd", 0, 32},
	{"reboot", "cmd", 2, 32},
	{"sched_setscheduler", "policy", 1, 32},
	{"seccomp", "operation", 0, 32},
	{"setns", "nstype", 1, 32},
	{"setpriority", "which", 0, 32},
	{"setsockopt", "level", 1, 32},
	{"setsockopt", "option", 2, 32},
	{"getsockopt", "level", 1, 32},
	{"getsockopt", "option", 2, 32},
	{"socket", "domain", 0, 32},
	{"socket", "type", 1, 4},
	{"socket", "protocol", 2, 32},
	{"socketcall", "call", 0, 32},
	{"socketpair", "domain", 0, 32},
	{"socketpair", "type", 1, 4},
	{"socketpair", "protocol", 2, 32},
	{"syslog", "type", 0, 32},
	{"tgkill", "signal", 2, 32},
	{"tkill", "signal", 1, 32},
	{"umount2", "flags", 1, 32},
	{"unshare", "flags", 0, 64},
	{"userfaultfd", "flags", 0, 32},
};
#define N_ARGS (sizeof(args) / sizeof(args[0]))

static const char *const raw_args[] = {"arg0", "arg1", "arg2", "arg3", "arg4", "arg5"};

int vk_syscall_arg(int call, const char *word, uint8_t *ret_arg, uint8_t *ret_width)
{
	for (uint8_t i = 0; i < 6; i++) {
		if (strcmp(raw_args[i], word) == 0) {
			*ret_arg = i;
			*ret_width = 64;
			return 0;
		}
	}
	for (size_t i = 0; call >= 0 && i < N_ARGS; i++) {
		if (strcmp(args[i].call, vk_syscalls[call].name) == 0 &&
		    strcmp(args[i].word, word) == 0) {
			*ret_arg = args[i].arg;
			*ret_width = args[i].width;
			return 0;
		}
	}
	return -EINVAL;
}

void vk_syscall_arg_words(int call, const char *ret[16])
{
	size_t n = 0;

	for (size_t i = 0; call >= 0 && i < N_ARGS && n < 9; i++)
		if (strcmp(args[i].call, vk_syscalls[call].name) == 0)
			ret[n++] = args[i].word;
	for (size_t i = 0; i < 6; i++)
		ret[n++] = raw_args[i];
	ret[n] = NULL;
}

/* Beside the families of sockets, which names.c knows. */
static const struct {
	const char *word;
	uint64_t value;
} constants[] = {
	{"SOCK_STREAM", 1},
	{"SOCK_DGRAM", 2},
	{"SOCK_RAW", 3},
	{"SOCK_RDM", 4},
	{"SOCK_SEQPACKET", 5},
	{"SOCK_PACKET", 10},
	{"CLONE_NEWTIME", 0x80},
	{"CLONE_VM", 0x100},
	{"CLONE_PTRACE", 0x2000},
	{"CLONE_VFORK", 0x4000},
	{"CLONE_THREAD", 0x10000},
	{"CLONE_NEWNS", 0x20000},
	{"CLONE_NEWCGROUP", 0x2000000},
	{"CLONE_NEWUTS", 0x4000000},
	{"CLONE_NEWIPC", 0x8000000},
	{"CLONE_NEWUSER", 0x10000000},
	{"CLONE_NEWPID", 0x20000000},
	{"CLONE_NEWNET", 0x40000000},
	{"CLONE_IO", 0x80000000},
	{"PROT_READ", 1},
	{"PROT_WRITE", 2},
	{"PROT_EXEC", 4},
	{"MAP_SHARED", 1},
	{"MAP_PRIVATE", 2},
	{"MAP_FIXED", 0x10},
	{"MAP_ANONYMOUS", 0x20},
	{"MAP_LOCKED", 0x2000},
	{"MAP_HUGETLB", 0x40000},
	{"O_WRONLY", 1},
	{"O_RDWR", 2},
	{"O_CREAT", 0x40},
	{"O_DIRECT", 0x4000},
	{"O_PATH", 0x200000},
	{"O_TMPFILE", 0x410000},
	{"MS_RDONLY", 1},
	{"MS_REMOUNT", 0x20},
	{"MS_BIND", 0x1000},
	{"MS_MOVE", 0x2000},
	{"S_ISUID", 04000},
	{"S_ISGID", 02000},
	{"S_ISVTX", 01000},
	{"S_IFMT", 0170000},
	{"S_IFSOCK", 0140000},
	{"S_IFREG", 0100000},
	{"S_IFBLK", 0060000},
	{"S_IFCHR", 0020000},
	{"S_IFIFO", 0010000},
	{"TIOCSTI", 0x5412},
	{"TIOCLINUX", 0x541c},
	{"TIOCSETD", 0x5423},
	{"PR_SET_DUMPABLE", 4},
	{"PR_SET_SECCOMP", 22},
	{"PR_CAPBSET_DROP", 24},
	{"PR_SET_SECUREBITS", 28},
	{"PR_SET_MM", 35},
	{"PR_SET_NO_NEW_PRIVS", 38},
	{"PR_CAP_AMBIENT", 47},
	{"PR_SET_PTRACER", 0x59616d61},
	{"PTRACE_TRACEME", 0},
	{"PTRACE_ATTACH", 16},
	{"PTRACE_SEIZE", 0x4206},
	{"SECCOMP_SET_MODE_STRICT", 0},
	{"SECCOMP_SET_MODE_FILTER", 1},
	{"KEYCTL_GET_KEYRING_ID", 0},
	{"KEYCTL_JOIN_SESSION_KEYRING", 1},
	{"KEYCTL_READ", 11},
	{"KEYCTL_INSTANTIATE", 12},
	{"MADV_MERGEABLE", 12},
	{"MADV_POPULATE_READ", 22},
	{"MADV_POPULATE_WRITE", 23},
	{"MFD_HUGETLB", 4},
	{"MFD_EXEC", 16},
	{"MNT_FORCE", 1},
	{"MNT_DETACH", 2},
	{"UFFD_USER_MODE_ONLY", 1},
	{"CLOCK_REALTIME", 0},
	{"SOL_SOCKET", 1},
	{"SOL_IP", 0},
	{"SOL_IPV6", 41},
	{"SOL_ALG", 279},
	{"PER_LINUX", 0},
	{"PER_LINUX32", 8},
	{"UNAME26", 0x20000},
	{"ADDR_NO_RANDOMIZE", 0x40000},
	{"READ_IMPLIES_EXEC", 0x400000},
};
#define N_CONSTANTS (sizeof(constants) / sizeof(constants[0]))

static int constant(const char *word, uint64_t *ret)
{
	char family[24] = "";
	int number;

	if (strncmp(word, "AF_", 3) == 0 && strlen(word) < sizeof(family) + 3) {
		for (size_t i = 0; word[3 + i]; i++)
			family[i] = word[3 + i] >= 'A' && word[3 + i] <= 'Z' ?
					    (char)(word[3 + i] | 0x20) :
					    word[3 + i];
		if (vk_family_parse(family, &number) == 0) {
			*ret = (uint64_t)number;
			return 0;
		}
	}
	for (size_t i = 0; i < N_CONSTANTS; i++) {
		if (strcmp(constants[i].word, word) == 0) {
			*ret = constants[i].value;
			return 0;
		}
	}
	if (*word >= '0' && *word <= '9') {
		char *end;

		errno = 0;
		*ret = strtoull(word, &end, 0);
		return *end || errno ? -EINVAL : 0;
	}
	return -EINVAL;
}

int vk_constant_parse(const char *text, size_t len, uint64_t *ret)
{
	uint64_t all = 0, one;
	char word[64];

	for (;;) {
		size_t n = 0;

		while (len && *text == ' ')
			text++, len--;
		while (n < len && text[n] != '|')
			n++;
		if (n >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, n);
		for (word[n] = '\0'; n && word[n - 1] == ' '; n--)
			word[n - 1] = '\0';
		if (constant(word, &one) < 0)
			return -EINVAL;
		all |= one;
		while (len && *text != '|')
			text++, len--;
		if (!len)
			break;
		text++, len--;
	}
	*ret = all;
	return 0;
}

const char *vk_constant_nearest(const char *word)
{
	static const char *words[N_CONSTANTS + VK_N_FAMILIES + 1];
	static char families[VK_N_FAMILIES][20];
	size_t n = 0;

	for (; n < N_CONSTANTS; n++)
		words[n] = constants[n].word;
	for (size_t i = 1; i < VK_N_FAMILIES; i++) {
		snprintf(families[i], sizeof(families[i]), "AF_%s", vk_family_words[i]);
		for (char *c = families[i]; *c; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c & ~0x20) : *c;
		words[n++] = families[i];
	}
	words[n] = NULL;
	return vk_nearest(word, words);
}

/* Indexed by number; these are the kernel's, whatever the C library has. */
static const char *const errors[] = {
	[1] = "EPERM",
	[2] = "ENOENT",
	[3] = "ESRCH",
	[4] = "EINTR",
	[5] = "EIO",
	[6] = "ENXIO",
	[7] = "E2BIG",
	[8] = "ENOEXEC",
	[9] = "EBADF",
	[10] = "ECHILD",
	[11] = "EAGAIN",
	[12] = "ENOMEM",
	[13] = "EACCES",
	[14] = "EFAULT",
	[15] = "ENOTBLK",
	[16] = "EBUSY",
	[17] = "EEXIST",
	[18] = "EXDEV",
	[19] = "ENODEV",
	[20] = "ENOTDIR",
	[21] = "EISDIR",
	[22] = "EINVAL",
	[23] = "ENFILE",
	[24] = "EMFILE",
	[25] = "ENOTTY",
	[26] = "ETXTBSY",
	[27] = "EFBIG",
	[28] = "ENOSPC",
	[29] = "ESPIPE",
	[30] = "EROFS",
	[31] = "EMLINK",
	[32] = "EPIPE",
	[33] = "EDOM",
	[34] = "ERANGE",
	[35] = "EDEADLK",
	[36] = "ENAMETOOLONG",
	[37] = "ENOLCK",
	[38] = "ENOSYS",
	[39] = "ENOTEMPTY",
	[40] = "ELOOP",
	[42] = "ENOMSG",
	[43] = "EIDRM",
	[44] = "ECHRNG",
	[45] = "EL2NSYNC",
	[46] = "EL3HLT",
	[47] = "EL3RST",
	[48] = "ELNRNG",
	[49] = "EUNATCH",
	[50] = "ENOCSI",
	[51] = "EL2HLT",
	[52] = "EBADE",
	[53] = "EBADR",
	[54] = "EXFULL",
	[55] = "ENOANO",
	[56] = "EBADRQC",
	[57] = "EBADSLT",
	[59] = "EBFONT",
	[60] = "ENOSTR",
	[61] = "ENODATA",
	[62] = "ETIME",
	[63] = "ENOSR",
	[64] = "ENONET",
	[65] = "ENOPKG",
	[66] = "EREMOTE",
	[67] = "ENOLINK",
	[68] = "EADV",
	[69] = "ESRMNT",
	[70] = "ECOMM",
	[71] = "EPROTO",
	[72] = "EMULTIHOP",
	[73] = "EDOTDOT",
	[74] = "EBADMSG",
	[75] = "EOVERFLOW",
	[76] = "ENOTUNIQ",
	[77] = "EBADFD",
	[78] = "EREMCHG",
	[79] = "ELIBACC",
	[80] = "ELIBBAD",
	[81] = "ELIBSCN",
	[82] = "ELIBMAX",
	[83] = "ELIBEXEC",
	[84] = "EILSEQ",
	[85] = "ERESTART",
	[86] = "ESTRPIPE",
	[87] = "EUSERS",
	[88] = "ENOTSOCK",
	[89] = "EDESTADDRREQ",
	[90] = "EMSGSIZE",
	[91] = "EPROTOTYPE",
	[92] = "ENOPROTOOPT",
	[93] = "EPROTONOSUPPORT",
	[94] = "ESOCKTNOSUPPORT",
	[95] = "EOPNOTSUPP",
	[96] = "EPFNOSUPPORT",
	[97] = "EAFNOSUPPORT",
	[98] = "EADDRINUSE",
	[99] = "EADDRNOTAVAIL",
	[100] = "ENETDOWN",
	[101] = "ENETUNREACH",
	[102] = "ENETRESET",
	[103] = "ECONNABORTED",
	[104] = "ECONNRESET",
	[105] = "ENOBUFS",
	[106] = "EISCONN",
	[107] = "ENOTCONN",
	[108] = "ESHUTDOWN",
	[109] = "ETOOMANYREFS",
	[110] = "ETIMEDOUT",
	[111] = "ECONNREFUSED",
	[112] = "EHOSTDOWN",
	[113] = "EHOSTUNREACH",
	[114] = "EALREADY",
	[115] = "EINPROGRESS",
	[116] = "ESTALE",
	[117] = "EUCLEAN",
	[118] = "ENOTNAM",
	[119] = "ENAVAIL",
	[120] = "EISNAM",
	[121] = "EREMOTEIO",
	[122] = "EDQUOT",
	[123] = "ENOMEDIUM",
	[124] = "EMEDIUMTYPE",
	[125] = "ECANCELED",
	[126] = "ENOKEY",
	[127] = "EKEYEXPIRED",
	[128] = "EKEYREVOKED",
	[129] = "EKEYREJECTED",
	[130] = "EOWNERDEAD",
	[131] = "ENOTRECOVERABLE",
	[132] = "ERFKILL",
	[133] = "EHWPOISON",
};
#define N_ERRORS (sizeof(errors) / sizeof(errors[0]))

const char *vk_errno_name(int err)
{
	return err > 0 && err < (int)N_ERRORS ? errors[err] : NULL;
}

int vk_errno_parse(const char *word, uint16_t *ret)
{
	unsigned long number;
	char *end;

	for (size_t i = 1; i < N_ERRORS; i++) {
		if (errors[i] && strcmp(errors[i], word) == 0) {
			*ret = (uint16_t)i;
			return 0;
		}
	}
	if (strcmp(word, "ENOTSUP") == 0)
		return vk_errno_parse("EOPNOTSUPP", ret);
	if (*word < '1' || *word > '9')
		return -EINVAL;
	number = strtoul(word, &end, 10);
	/* The kernel cuts what a filter returns at 4095. */
	if (*end || number > 4095)
		return -EINVAL;
	*ret = (uint16_t)number;
	return 0;
}

const char *vk_errno_nearest(const char *word)
{
	static const char *words[N_ERRORS + 1];
	size_t n = 0;

	for (size_t i = 1; i < N_ERRORS; i++)
		if (errors[i])
			words[n++] = errors[i];
	words[n] = NULL;
	return vk_nearest(word, words);
}
