/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harden.c - what vkerneld, and the process that parses for it, cannot do.
 *
 * vkerneld keeps the capabilities to load BPF objects and to become somebody else in a child. It
 * cannot execute programs, mount, trace, load modules or get other capabilities back, and all file
 * systems are read-only for it but the two that hold our state. The sandbox can compute, and end.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif /* another machine: say which it is, or this does not compile */

#define NOBODY 65534
#define MEMORY_MAX (512ul << 20)
#define MAX_CALLS 64

/* ---- system calls ---- */

/* All of the sandbox: memory, and the end. */
static const unsigned int computing[] = {
	__NR_exit,   __NR_exit_group,	__NR_brk,	    __NR_mmap,
	__NR_munmap, __NR_mremap,	__NR_mprotect,	    __NR_madvise,
	__NR_futex,  __NR_rt_sigreturn, __NR_clock_gettime, __NR_getrandom,
};

/* What vkerneld never does: its own code has no use for it. */
static const unsigned int refused[] = {
	__NR_execve,
	__NR_execveat,
	__NR_ptrace,
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_mount,
	__NR_umount2,
	__NR_pivot_root,
	__NR_move_mount,
	__NR_open_tree,
	__NR_fsopen,
	__NR_fsmount,
	__NR_mount_setattr,
	__NR_chroot,
	__NR_setns,
	__NR_unshare,
	__NR_init_module,
	__NR_finit_module,
	__NR_delete_module,
	__NR_kexec_load,
	__NR_reboot,
	__NR_swapon,
	__NR_swapoff,
	__NR_settimeofday,
	__NR_clock_settime,
	__NR_acct,
	__NR_add_key,
	__NR_request_key,
	__NR_keyctl,
	__NR_io_uring_setup,
	__NR_userfaultfd,
	__NR_perf_event_open,
	__NR_mknodat,
	__NR_open_by_handle_at,
	__NR_sethostname,
	__NR_personality,
};

/* @hit for the calls of the list, @miss for others; another ABI is the end. */
static int filter(const unsigned int *calls, size_t n, uint32_t hit, uint32_t miss)
{
	struct sock_filter code[MAX_CALLS * 2 + 8];
	struct sock_fprog prog = {.filter = code};
	size_t k = 0;

	code[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	/* x32 has the same architecture. */
	code[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
	code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < n && i < MAX_CALLS; i++) {
		code[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, hit);
	}
	code[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, miss);
	prog.len = (unsigned short)k;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 ? -errno : 0;
}

/* ---- capabilities ---- */

static int keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
		{.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
	};

	for (unsigned long cap = 0; cap < 64; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/* ---- files ---- */

static int writable(const char *dir)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, dir, AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}

/* In a mount namespace of its own, where all is read-only but our state and the pins. */
static int close_files(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	r = writable("/sys/fs/bpf");
	return r < 0 ? r : writable("/run/vkernel");
}

#define CAP(name) (1ull << CAP_##name)

int harden(struct vk_error *e)
{
	/*
	 * SYS_ADMIN: getting maps by id, membarrier. BPF, PERFMON: loading. SETUID, SETGID, KILL,
	 * SETPCAP: the sandbox. DAC_OVERRIDE is not among them: all of ours is root's.
	 */
	const uint64_t keep = CAP(SYS_ADMIN) | 1ull << 39 | 1ull << 38 | CAP(SETUID) | CAP(SETGID) |
			      CAP(KILL) | CAP(SETPCAP) | CAP(SYS_RESOURCE);
	int r = close_files();

	if (r < 0)
		return vk_error_set(e, -r, "cannot make the file systems read-only: %s",
				    strerror(-r));
	r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : keep_capabilities(keep);
	if (r == 0)
		r = filter(refused, sizeof(refused) / sizeof(refused[0]), SECCOMP_RET_ERRNO | EPERM,
			   SECCOMP_RET_ALLOW);
	if (r < 0)
		return vk_error_set(e, -r, "cannot drop privileges: %s", strerror(-r));
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

int harden_sandbox(void)
{
	const struct {
		int which;
		struct rlimit most;
	} limits[] = {
		{RLIMIT_CPU, {SANDBOX_SECONDS / 2, SANDBOX_SECONDS / 2}},
		{RLIMIT_AS, {MEMORY_MAX, MEMORY_MAX}},
		{RLIMIT_FSIZE, {0, 0}},
		{RLIMIT_CORE, {0, 0}},
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (syscall(SYS_close_range, 0, ~0u, 0) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit((__rlimit_resource_t)limits[i].which, &limits[i].most) < 0)
			return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	if (keep_capabilities(CAP(SETUID)) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return filter(computing, sizeof(computing) / sizeof(computing[0]), SECCOMP_RET_ALLOW,
		      SECCOMP_RET_KILL_PROCESS);
}
