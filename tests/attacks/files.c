// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files by which the kernel is configured, read, or made to run something. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

#define KERNEL_FILES .policy = "use: protect-kernel-files", .op = VK_OP_OPEN, .hook = "file_open"

/* What must be the same afterwards: the text of a file of the host. */
static char text_before[4096], *text_of;

static void read_text(char *buf, size_t size)
{
	_cleanup_close_ int fd = open(text_of, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[len > 0 ? len : 0] = '\0';
}
static void keep(const char *path)
{
	text_of = (char *)(uintptr_t)path;
	read_text(text_before, sizeof(text_before));
}
static void is_kept(void)
{
	char now[4096];

	read_text(now, sizeof(now));
	CHECK_STREQ(now, text_before);
}

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
static void keep_core_pattern(void)
{
	keep(CORE_PATTERN);
}
ATTACK(core_pattern, .against = "CVE-2022-0811", .primitive = "write to core_pattern", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [modify] "
	       "/**/sys/kernel/{core_pattern,core_pipe_limit,modprobe,hotplug,poweroff_cmd}",
       .err = EACCES, .plain = PRIVILEGED, .prepare = keep_core_pattern, .check = is_kept)
{
	return attack_rewrite(CORE_PATTERN);
}

#define MODPROBE "/proc/sys/kernel/modprobe"
static void keep_modprobe(void)
{
	keep(MODPROBE);
}
ATTACK(modprobe_path, .against = "kernel.modprobe", .primitive = "replace the host's modprobe",
       KERNEL_FILES,
       .rule = "protect-kernel-files: deny [modify] "
	       "/**/sys/kernel/{core_pattern,core_pipe_limit,modprobe,hotplug,poweroff_cmd}",
       .err = EACCES, .plain = PRIVILEGED, .prepare = keep_modprobe, .check = is_kept)
{
	return attack_rewrite(MODPROBE);
}

/* Debian's kernels have no uevent_helper: a file of that name, as a host's sysfs would show it. */
#define UEVENT_HELPER "/tmp/k/host/sys/kernel/uevent_helper"
static void make_uevent_helper(void)
{
	live_file(UEVENT_HELPER, "\n");
	keep(UEVENT_HELPER);
}
ATTACK(uevent_helper, .against = "uevent_helper", .primitive = "write to uevent_helper",
       KERNEL_FILES,
       .rule = "protect-kernel-files: deny [modify] /**/{uevent_helper,release_agent}",
       .err = EACCES, .plain = EVERYWHERE, .prepare = make_uevent_helper, .check = is_kept)
{
	return attack_open(UEVENT_HELPER, O_WRONLY);
}

#define BINFMT "/tmp/k/binfmt_misc"
static void mount_binfmt(void)
{
	live_dir(BINFMT);
	if (access(BINFMT "/register", F_OK) < 0)
		ASSERT(mount("none", BINFMT, "binfmt_misc", 0, NULL) == 0);
	keep(BINFMT "/status");
}
ATTACK(binfmt_misc, .against = "binfmt_misc", .primitive = "register an interpreter of the host",
       KERNEL_FILES, .rule = "protect-kernel-files: deny [modify] /**/binfmt_misc/*", .err = EACCES,
       .plain = EVERYWHERE, .prepare = mount_binfmt, .check = is_kept)
{
	return attack_open(BINFMT "/register", O_WRONLY);
}

ATTACK(sysrq_trigger, .against = "sysrq", .primitive = "open sysrq-trigger for writing",
       KERNEL_FILES, .rule = "protect-kernel-files: deny [modify] /**/sysrq-trigger", .err = EACCES,
       .plain = PRIVILEGED)
{
	return attack_open("/proc/sysrq-trigger", O_WRONLY);
}

/* A cgroup v1 hierarchy of the host that the container sees. */
#define CGROUP "/tmp/k/cg"
#define OWN_CGROUP "/tmp/k/own"
static void mount_cgroup(void)
{
	live_dir(CGROUP);
	live_dir(OWN_CGROUP);
	if (access(CGROUP "/release_agent", F_OK) < 0)
		ASSERT(mount("none", CGROUP, "cgroup", 0, "none,name=attacks") == 0);
	keep(CGROUP "/release_agent");
}
ATTACK(release_agent, .against = "CVE-2022-0492", .primitive = "write to release_agent",
       .policy = "use: release-agent", .rule = "release-agent: deny [modify] /**/release_agent",
       .hook = "file_open", .op = VK_OP_OPEN, .err = EACCES, .plain = PRIVILEGED,
       .prepare = mount_cgroup, .check = is_kept)
{
	return attack_rewrite(CGROUP "/release_agent");
}

ATTACK(release_agent_own_hierarchy, .against = "CVE-2022-0492",
       .primitive = "mount a cgroup hierarchy for its release_agent",
       .policy = "use: release-agent", .rule = "release-agent: default of mounts: deny",
       .hook = "sb_mount", .op = VK_OP_MOUNT, .err = EPERM, .plain = PRIVILEGED,
       .prepare = mount_cgroup)
{
	return attack_errno(mount("none", OWN_CGROUP, "cgroup", 0, "none,name=attacks"));
}

#define DEVICES "/tmp/k/devices"
static void mount_devices(void)
{
	live_dir(DEVICES);
	if (access(DEVICES "/devices.allow", F_OK) == 0)
		return;
	if (mount("none", DEVICES, "cgroup", 0, "devices") == 0)
		ASSERT(mkdir(DEVICES "/box", 0755) == 0 || errno == EEXIST);
	else
		live_file(DEVICES "/box/devices.allow", ""); /* 7.3 has no such controller */
}
ATTACK(cgroup_devices, .against = "device cgroups", .primitive = "allow oneself all devices",
       KERNEL_FILES, .rule = "protect-kernel-files: deny [modify] /**/{devices.allow,devices.deny}",
       .err = EACCES, .plain = EVERYWHERE, .prepare = mount_devices)
{
	return attack_open(DEVICES "/box/devices.allow", O_WRONLY);
}

/* ---- reading the kernel ---- */

ATTACK(kcore, .against = "kernel memory", .primitive = "read /proc/kcore", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [read, modify, ioctl] /**/proc/{kcore,kallsyms}",
       .err = EACCES, .plain = PRIVILEGED)
{
	_cleanup_close_ int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	char elf[4];

	if (fd < 0)
		return errno;
	/* Docker's mask is an empty file. */
	return read(fd, elf, 4) == 4 ? 0 : ENODATA;
}

ATTACK(kallsyms, .against = "kernel addresses", .primitive = "read /proc/kallsyms", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [read, modify, ioctl] /**/proc/{kcore,kallsyms}",
       .err = EACCES, .plain = EVERYWHERE)
{
	return attack_open("/proc/kallsyms", O_RDONLY);
}

ATTACK(debugfs, .against = "debugfs", .primitive = "look into debugfs", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [read, modify, ioctl] "
	       "/**/sys/kernel/{debug,tracing,security}/**",
       .err = EACCES, .plain = PRIVILEGED)
{
	return attack_open("/sys/kernel/debug/bdi", O_RDONLY);
}

ATTACK(tracefs, .against = "kprobes", .primitive = "set a kernel probe", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [read, modify, ioctl] "
	       "/**/sys/kernel/{debug,tracing,security}/**",
       .err = EACCES, .plain = PRIVILEGED)
{
	return attack_open("/sys/kernel/tracing/kprobe_events", O_WRONLY);
}

#define DEFAULT_CAPS                                                                               \
	"capabilities: [AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, "           \
	"NET_BIND_SERVICE, NET_RAW, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT]"

ATTACK(dmesg, .against = "kernel log", .primitive = "read the kernel log by syslog(2)",
       .policy = DEFAULT_CAPS, .rule = "test: capabilities: SYSLOG is not in the list",
       .hook = "capable", .op = VK_OP_CAPABLE, .err = EPERM, .plain = PRIVILEGED)
{
	char text[256];

	return attack_errno(klogctl(3 /* SYSLOG_ACTION_READ_ALL */, text, sizeof(text)));
}

ATTACK(kmsg_device, .against = "kernel log", .primitive = "read the kernel log by /dev/kmsg",
       .policy = DEFAULT_CAPS, .rule = "test: capabilities: SYSLOG is not in the list",
       .hook = "capable", .op = VK_OP_CAPABLE, .err = EPERM, .plain = PRIVILEGED)
{
	return attack_open("/dev/kmsg", O_RDONLY);
}

/* ---- devices ---- */

ATTACK(dev_mem, .against = "physical memory", .primitive = "open /dev/mem", KERNEL_FILES,
       .rule = "protect-kernel-files: deny [read, modify, ioctl] /dev/{mem,kmem,port}",
       .err = EACCES, .plain = PRIVILEGED)
{
	return attack_open("/dev/mem", O_RDONLY);
}

/* The node is made with a right that Docker gives; a device cgroup keeps it from being opened. */
#define DISK "/tmp/k/disk"
static void remove_disk(void)
{
	unlink(DISK);
}
static void no_disk(void)
{
	CHECK_ERRNO(access(DISK, F_OK), ENOENT);
}
ATTACK(raw_disk, .against = "raw devices", .primitive = "mknod of a block device, and open",
       .policy = "files: {default: allow, rules: [{deny: [mknod], path: '/**'}]}",
       .rule = "test: deny [mknod] /**", .hook = "path_mknod", .op = VK_OP_MKNOD, .err = EACCES,
       .plain = PRIVILEGED, .prepare = remove_disk, .check = no_disk)
{
	int err;

	if (mknod(DISK, S_IFBLK | 0600, makedev(7, 0)) < 0)
		return errno;
	err = attack_open(DISK, O_RDONLY);
	/* Without a device behind it, the kernel has let the opener through. */
	return err == ENXIO || err == ENODEV ? 0 : err;
}

ATTACK(raw_memory, .against = "raw devices", .primitive = "mknod of /dev/mem elsewhere, and open",
       .policy = "files: {default: allow, rules: [{deny: [mknod], path: '/**'}]}",
       .rule = "test: deny [mknod] /**", .hook = "path_mknod", .op = VK_OP_MKNOD, .err = EACCES,
       .plain = PRIVILEGED, .prepare = remove_disk, .check = no_disk)
{
	if (mknod(DISK, S_IFCHR | 0600, makedev(1, 1)) < 0)
		return errno;
	return attack_open(DISK, O_RDONLY);
}

/* A terminal of the host that the container was given: what is pushed back is typed there. */
static int terminal = -1;
static void open_terminal(void)
{
	if (terminal < 0)
		terminal = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY);
	ASSERT(terminal >= 0);
}
ATTACK(tiocsti, .against = "CVE-2019-10063", .primitive = "type into a terminal of the host",
       .policy = "files: {default: allow, rules: [{deny: [ioctl], path: /none}]}",
       .rule = "a member does not type into a terminal", .hook = "file_ioctl", .op = VK_OP_IOCTL,
       .err = EPERM, .plain = PRIVILEGED, .prepare = open_terminal)
{
	char key = '#';

	return attack_errno(ioctl(terminal, TIOCSTI, &key));
}

#ifdef __x86_64__
static int compat_tiocsti(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r;

	if (low == MAP_FAILED)
		return errno;
	*low = '#';
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(54 /* ioctl */), "b"(terminal), "c"(TIOCSTI), "d"(low)
			 : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? (int)-r : 0;
}
/* A hook of its own since 6.8. */
ATTACK(tiocsti_by_32_bit, .against = "CVE-2019-10063",
       .primitive = "type into a terminal of the host by a 32-bit system call",
       .policy = "files: {default: allow, rules: [{deny: [ioctl], path: /none}]}",
       .rule = "a member does not type into a terminal", .hook = "file_ioctl_compat",
       .op = VK_OP_IOCTL, .err = EPERM, .plain = PRIVILEGED, .prepare = open_terminal)
{
	return attack_child(compat_tiocsti);
}
#endif
