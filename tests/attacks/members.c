// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ways around rules that earlier systems left open: out of membership, past names, other ABIs. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

#define DENIED                                                                                     \
	.policy = SECRET_POLICY, .rule = SECRET_RULE, .hook = "file_open", .op = VK_OP_OPEN,       \
	.err = EACCES, .prepare = secret_prepare, .check = secret_check

static int read_secret(void)
{
	return attack_open(SECRET, O_RDONLY);
}

/* ---- staying a member ---- */

static int deeper(void)
{
	return unshare(CLONE_NEWPID) < 0 ? errno : attack_child(read_secret);
}
static int deep(void)
{
	return unshare(CLONE_NEWPID) < 0 ? errno : attack_child(deeper);
}
ATTACK(nested_pid_namespaces, .against = "earlier systems",
       .primitive = "read a denied file in a pid namespace two levels down", DENIED,
       .plain = PRIVILEGED)
{
	return attack_child(deep);
}

static int outside(void)
{
	static const char *const names[] = {"pid", "ipc", "uts", "net", "cgroup", "mnt"};

	for (size_t i = 0; i < 6; i++) {
		char path[32];
		_cleanup_close_ int fd = -1;

		snprintf(path, sizeof(path), "/proc/1/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, 0) < 0)
			return errno;
	}
	return attack_child(read_secret);
}
ATTACK(child_steps_out_by_setns, .against = "earlier systems",
       .primitive = "setns(2) to all namespaces of init, read a denied file", DENIED,
       .plain = PRIVILEGED)
{
	return attack_child(outside);
}

ATTACK(out_of_the_cgroup, .against = "cgroup escapes",
       .primitive = "move to the root cgroup, read a denied file", DENIED, .plain = PRIVILEGED)
{
	_cleanup_close_ int fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return errno;
	return attack_child(read_secret);
}

static int orphan(void)
{
	int p[2], err = 255;

	if (pipe(p) < 0)
		return errno;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			err = read_secret();
			_exit(write(p[1], &err, sizeof(err)) < 0);
		}
		_exit(0);
	}
	return read(p[0], &err, sizeof(err)) == sizeof(err) ? err : EIO;
}
ATTACK(daemon, .against = "earlier systems", .primitive = "read a denied file as a daemon of init",
       DENIED, .plain = EVERYWHERE)
{
	return orphan();
}

/* ---- other ways to ask ---- */

#ifdef __x86_64__
static int compat_open(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r;

	if (low == MAP_FAILED)
		return errno;
	strcpy(low, SECRET);
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(5 /* open */), "b"(low), "c"(O_RDONLY), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? (int)-r : 0;
}
ATTACK(entry_32_bit, .against = "earlier systems",
       .primitive = "read a denied file by 32-bit system calls", DENIED, .plain = EVERYWHERE)
{
	return attack_child(compat_open);
}
#endif

#ifdef __x86_64__
#define X32(nr) (0x40000000 | (nr))
static const char *lacks_x32(void)
{
	return syscall(X32(SYS_getpid)) == getpid() ?
		       NULL :
		       "this kernel has no x32 calls, or was booted without syscall.x32=y";
}
ATTACK(entry_x32, .against = "earlier systems",
       .primitive = "read a denied file by x32 system calls", DENIED, .plain = EVERYWHERE,
       .lacks = lacks_x32)
{
	return attack_errno(syscall(X32(SYS_openat), AT_FDCWD, SECRET, O_RDONLY));
}
#endif

static int at_its_own_root(void)
{
	if (chroot("/tmp/k/secret") < 0 || chdir("/") < 0)
		return errno;
	return attack_open("/file", O_RDONLY);
}
ATTACK(own_root, .against = "chroot", .primitive = "read a denied file by another name in a chroot",
       DENIED, .plain = EVERYWHERE)
{
	return attack_child(at_its_own_root);
}

/* ---- names ---- */

#define MOVED "/tmp/k/moved"
static void prepare_move(void)
{
	unlink(MOVED);
	secret_prepare();
}
static int move_and_read(void)
{
	return rename(SECRET, MOVED) < 0 ? errno : attack_open(MOVED, O_RDONLY);
}
ATTACK(renamed_file, .against = "earlier systems", .primitive = "rename a denied file, and read it",
       .policy = "files: {default: allow, rules: [{deny: [read], path: '/tmp/k/secret/**'}]}",
       .rule = "other rules apply at the new name; copying is checked, moving is not",
       .hook = "path_rename", .op = VK_OP_RENAME, .err = EXDEV, .plain = EVERYWHERE,
       .prepare = prepare_move, .check = secret_check)
{
	return move_and_read();
}

static int link_and_read(void)
{
	return link(SECRET, MOVED) < 0 ? errno : attack_open(MOVED, O_RDONLY);
}
ATTACK(linked_file, .against = "earlier systems", .primitive = "link a denied file, and read it",
       .policy = "files: {default: allow, rules: [{deny: [read], path: '/tmp/k/secret/**'}]}",
       .rule = "other rules apply at the new name; copying is checked, moving is not",
       .hook = "path_link", .op = VK_OP_LINK, .err = EXDEV, .plain = EVERYWHERE,
       .prepare = prepare_move, .check = secret_check)
{
	return link_and_read();
}

static void prepare_again(void)
{
	live_file(SECRET, "old");
	unlink(SECRET);
	secret_prepare();
}
ATTACK(recreated_file, .against = "earlier systems",
       .primitive = "write to a file that was made anew under a denied name",
       .policy = SECRET_POLICY, .rule = SECRET_RULE, .hook = "file_open", .op = VK_OP_OPEN,
       .err = EACCES, .plain = EVERYWHERE, .prepare = prepare_again, .check = secret_check)
{
	return attack_open(SECRET, O_WRONLY);
}

ATTACK(symlinked_name, .against = "CVE-2021-30465", .primitive = "a symbolic link to a denied file",
       DENIED, .plain = EVERYWHERE)
{
	unlink(MOVED);
	if (symlink(SECRET, MOVED) < 0)
		return errno;
	return attack_open(MOVED, O_RDONLY);
}

/* ---- the machinery ---- */

#define MACHINERY                                                                                  \
	.policy = "capabilities: all", .rule = "vkernel protects its own state from members",      \
	.op = VK_OP_SELF, .err = EPERM

/* Who could write this map would put any process under any rules. */
ATTACK(attach_by_anyone, .against = "earlier systems",
       .primitive = "open the map of instances by its pin", MACHINERY, .hook = "bpf_map",
       .plain = PRIVILEGED)
{
	union bpf_attr attr = {.pathname = (uintptr_t) "/sys/fs/bpf/vkernel/maps/vk_rows"};
	_cleanup_close_ int fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));

	return attack_errno(fd);
}

#define OWN_PIN "/sys/fs/bpf/vkernel/attack"
static void make_pin(void)
{
	ASSERT(mkdir(OWN_PIN, 0700) == 0 || errno == EEXIST);
}
static void pin_stays(void)
{
	CHECK_ERRNO(rmdir(OWN_PIN), 0);
}
ATTACK(remove_pins, .against = "earlier systems", .primitive = "rmdir(2) among the pins", MACHINERY,
       .hook = "path_rmdir", .plain = PRIVILEGED, .prepare = make_pin, .check = pin_stays)
{
	return attack_errno(rmdir(OWN_PIN));
}

static void texts_unchanged(void)
{
	CHECK_ERRNO(access("/run/vkernel/texts/attack", F_OK), ENOENT);
}
static void no_text(void)
{
	unlink("/run/vkernel/texts/attack");
}
ATTACK(policy_files, .against = "earlier systems",
       .primitive = "write to the stored policies of instances", .policy = "use: container-default",
       .rule = "container-default: deny [all] /run/vkernel{,/**}", .hook = "path_mknod",
       .op = VK_OP_CREATE, .err = EACCES, .plain = EVERYWHERE, .prepare = no_text,
       .check = texts_unchanged)
{
	return attack_open("/run/vkernel/texts/attack", O_WRONLY | O_CREAT);
}
