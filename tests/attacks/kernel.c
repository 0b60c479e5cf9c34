// SPDX-License-Identifier: LGPL-2.1-or-later
/* Facilities of the kernel that have no namespaces, or are an attack surface by themselves. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

#define NO_MODULES                                                                                 \
	.policy = "modules: deny", .rule = "test: modules: deny", .op = VK_OP_MODULE,              \
	.plain = PRIVILEGED

/* What is no module at all: ENOEXEC says that the loader has looked at it. */
ATTACK(finit_module, .against = "kernel modules", .primitive = "finit_module(2)", NO_MODULES,
       .hook = "kernel_read_file", .err = EPERM)
{
	_cleanup_close_ int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int err = attack_errno(syscall(SYS_finit_module, fd, "", 0));

	return err == ENOEXEC ? 0 : err;
}
ATTACK(init_module, .against = "kernel modules", .primitive = "init_module(2)", NO_MODULES,
       .hook = "kernel_load_data", .err = EPERM)
{
	static char junk[4096];
	int err = attack_errno(syscall(SYS_init_module, junk, sizeof(junk), ""));

	return err == ENOEXEC ? 0 : err;
}

/* Whether the host runs modprobe: a helper in its place leaves a mark. */
#define MARK "/tmp/k/loaded"
#define HELPER "/tmp/k/modprobe"
static char old_modprobe[256];
static void write_modprobe(const char *path)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/modprobe", O_WRONLY | O_CLOEXEC);

	ASSERT(fd >= 0 && write(fd, path, strlen(path)) == (ssize_t)strlen(path));
}
static void restore_modprobe(void)
{
	if (*old_modprobe)
		write_modprobe(old_modprobe);
}
static void watch_modprobe(void)
{
	if (!*old_modprobe) {
		_cleanup_close_ int fd = open("/proc/sys/kernel/modprobe", O_RDONLY | O_CLOEXEC);

		ASSERT(fd >= 0 && read(fd, old_modprobe, sizeof(old_modprobe) - 1) > 0);
		old_modprobe[strcspn(old_modprobe, "\n")] = '\0';
	}
	live_file(HELPER, "#!/bin/sh\n: >" MARK "\n");
	write_modprobe(HELPER);
	unlink(MARK);
}
static void nothing_loaded(void)
{
	CHECK_ERRNO(access(MARK, F_OK), ENOENT);
	restore_modprobe();
}
ATTACK(autoload_by_socket, .against = "CVE-2017-6074",
       .primitive = "socket(2) of an unusual family", .policy = "modules: deny",
       .rule = "test: modules: deny", .op = VK_OP_MODULE, .hook = "kernel_module_request",
       .err = EAFNOSUPPORT, .plain = EVERYWHERE, .prepare = watch_modprobe, .check = nothing_loaded)
{
	int err = attack_errno(socket(11 /* AF_ROSE */, SOCK_SEQPACKET, 0));

	/* It fails in any case: what counts is whether the kernel has called its helper. */
	return access(MARK, F_OK) == 0 ? 0 : err;
}

ATTACK(bpf, .against = "CVE-2021-3490", .primitive = "bpf(2)", .policy = "bpf: deny",
       .rule = "test: bpf: deny", .hook = "bpf", .op = VK_OP_BPF, .err = EPERM, .plain = PRIVILEGED)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	_cleanup_close_ int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	return attack_errno(fd);
}

/* Debian's value, which other suites change. */
static void without_perf(void)
{
	live_file("/proc/sys/kernel/perf_event_paranoid", "3");
}
ATTACK(perf_event, .against = "CVE-2013-2094", .primitive = "perf_event_open(2)",
       .policy = "perf: deny", .rule = "test: perf: deny", .hook = "perf_event_open",
       .op = VK_OP_PERF, .err = EPERM, .plain = PRIVILEGED, .prepare = without_perf)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK};
	_cleanup_close_ int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);

	return attack_errno(fd);
}

/* Keyrings are per user, not per container: root's are those of the host. */
static long host_key;
static void add_host_key(void)
{
	if (!host_key)
		host_key = syscall(SYS_add_key, "user", "vkernel-attack", "secret", 6,
				   -4 /* KEY_SPEC_USER_KEYRING */);
	ASSERT(host_key > 0);
}
ATTACK(host_keyring, .against = "keyrings", .primitive = "keyctl(2): read a key of the host's root",
       .policy = "keys: deny", .rule = "test: keys: deny", .hook = "key_permission",
       .op = VK_OP_KEY, .err = ENOKEY, .plain = EVERYWHERE, .prepare = add_host_key)
{
	char text[8];

	return attack_errno(
		syscall(SYS_keyctl, 11 /* KEYCTL_READ */, host_key, text, sizeof(text)));
}
ATTACK(new_key, .against = "CVE-2016-0728", .primitive = "add_key(2)", .policy = "keys: deny",
       .rule = "test: keys: deny", .hook = "key_alloc", .op = VK_OP_KEY, .err = EPERM,
       .plain = EVERYWHERE)
{
	return attack_errno(syscall(SYS_add_key, "keyring", "vkernel-attack", NULL, 0,
				    -2 /* KEY_SPEC_PROCESS_KEYRING */));
}

ATTACK(io_uring_setup, .against = "CVE-2023-2598", .primitive = "io_uring_setup(2)",
       .policy = "use: no-io-uring", .rule = "no-io-uring: io_uring: deny",
       .hook = "inode_init_security_anon", .op = VK_OP_IO_URING, .err = EPERM, .plain = EVERYWHERE)
{
	struct io_uring_params p = {0};
	_cleanup_close_ int fd = (int)syscall(SYS_io_uring_setup, 4, &p);

	return attack_errno(fd);
}

static int new_userns(void)
{
	return attack_errno(unshare(CLONE_NEWUSER));
}
ATTACK(user_namespace, .against = "user namespaces", .primitive = "unshare(2) with CLONE_NEWUSER",
       .policy = "use: no-userns", .rule = "no-userns: userns: deny", .hook = "userns_create",
       .op = VK_OP_USERNS, .err = EPERM, .plain = EVERYWHERE)
{
	return attack_child(new_userns);
}

/* ---- by capability ---- */

#define CAPS                                                                                       \
	.policy = "capabilities: [CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID]",             \
	.hook = "capable", .op = VK_OP_CAPABLE, .err = EPERM, .plain = PRIVILEGED

ATTACK(userfaultfd, .against = "userfaultfd",
       .primitive = "userfaultfd(2) that stops the kernel at will", CAPS,
       .rule = "test: capabilities: SYS_PTRACE is not in the list")
{
	_cleanup_close_ int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	return attack_errno(fd);
}
/* No segments: what is loaded, which is nothing, goes away. */
ATTACK(kexec, .against = "another kernel", .primitive = "kexec_load(2)", CAPS,
       .rule = "test: capabilities: SYS_BOOT is not in the list")
{
	return attack_errno(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}
/* EINVAL says that only the command was wrong. */
ATTACK(reboot, .against = "the machine", .primitive = "reboot(2)", CAPS,
       .rule = "test: capabilities: SYS_BOOT is not in the list")
{
	int err = attack_errno(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234, NULL));

	return err == EINVAL ? 0 : err;
}
ATTACK(set_clock, .against = "time", .primitive = "clock_settime(2)", CAPS,
       .rule = "test: capabilities: SYS_TIME is not in the list")
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return attack_errno(clock_settime(CLOCK_REALTIME, &now));
}
ATTACK(raw_ports, .against = "I/O ports", .primitive = "ioperm(2)", CAPS,
       .rule = "test: capabilities: SYS_RAWIO is not in the list")
{
	return attack_errno(ioperm(0x80, 1, 1));
}
static int rename_host(void)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	return attack_errno(sethostname(name, strlen(name)));
}
ATTACK(host_name, .against = "SYS_ADMIN", .primitive = "sethostname(2)", CAPS,
       .rule = "test: capabilities: SYS_ADMIN is not in the list")
{
	return rename_host();
}

/* ---- programs from nowhere ---- */

ATTACK(fileless_program, .against = "fileless malware", .primitive = "execute a memfd",
       .policy = "exec: {default: deny, allow: [/usr/**]}",
       .rule = "test: default of exec: deny, and no rule can name this file",
       .hook = "bprm_check_security", .op = VK_OP_EXEC, .err = EACCES, .plain = EVERYWHERE)
{
	_cleanup_close_ int fd = memfd_create("x", MFD_CLOEXEC),
			    in = open("/usr/bin/true", O_RDONLY | O_CLOEXEC);
	char *argv[] = {(char *)(uintptr_t) "true", NULL};
	char buf[65536];
	pid_t pid;

	for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;)
		if (write(fd, buf, (size_t)n) != n)
			return errno;
	/* The child shares its memory until it executes, so its errno is ours. */
	errno = 0;
	pid = vfork();
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH);
		_exit(1);
	}
	return errno;
}
