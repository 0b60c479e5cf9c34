// SPDX-License-Identifier: LGPL-2.1-or-later
/* syscall_names.c - look-ups in the tables of system calls, and the groups. */
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const vk_abi_words[] = {"x86-64", "ia32", "x32", NULL};

/*
 * Groups are for denying: each holds what belongs to one effect, in all its variants, so that
 * naming the group leaves none of them open.
 */
const struct vk_syscall_group vk_syscall_groups[] = {
	{"aio", "asynchronous I/O, the older interface",
	 "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit"},
	{"bpf", "BPF programs and maps", "bpf"},
	{"clock", "setting the clock",
	 "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime"},
	{"debug", "tracing and inspecting processes, measuring the machine",
	 "kcmp lookup_dcookie perf_event_open pidfd_getfd process_vm_readv process_vm_writev "
	 "ptrace uprobe uretprobe"},
	{"handles", "files by handle, past all directories", "name_to_handle_at open_by_handle_at"},
	{"io_uring", "io_uring", "io_uring_enter io_uring_register io_uring_setup"},
	{"ipc", "System V IPC",
	 "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat "
	 "shmctl shmdt shmget"},
	{"keyring", "kernel keyrings", "add_key keyctl request_key"},
	{"landlock", "Landlock rule sets",
	 "landlock_add_rule landlock_create_ruleset landlock_restrict_self"},
	{"memory-policy", "NUMA memory policy",
	 "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
	{"module", "kernel modules",
	 "create_module delete_module finit_module get_kernel_syms init_module query_module"},
	{"mount", "mounting, by the old calls and the new",
	 "fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr "
	 "pivot_root umount umount2"},
	{"mqueue", "POSIX message queues",
	 "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
	 "mq_timedsend_time64 mq_unlink"},
	{"namespace", "entering and leaving namespaces", "setns unshare"},
	{"network", "sockets",
	 "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
	 "recvmmsg_time64 recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketcall "
	 "socketpair"},
	{"obsolete", "calls that are gone, or that no program of this century needs",
	 "_sysctl afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime "
	 "get_kernel_syms getpmsg gtty idle lock mpx nfsservctl prof profil putpmsg query_module "
	 "remap_file_pages security sgetmask ssetmask stime stty sysfs tuxcall ulimit uselib ustat "
	 "vserver"},
	{"ownership", "changing owners of files",
	 "chown chown32 fchown fchown32 fchownat lchown lchown32"},
	{"privilege", "changing users, groups and capabilities",
	 "capset setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 "
	 "setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
	 "setuid setuid32"},
	{"raw-io", "ports, descriptor tables and other ways to the hardware",
	 "ioperm iopl modify_ldt vm86 vm86old"},
	{"reboot", "another kernel, or none", "kexec_file_load kexec_load reboot"},
	{"schedule", "scheduling of processes",
	 "ioprio_set sched_setaffinity sched_setattr sched_setparam sched_setscheduler setpriority"},
	{"splice", "moving pages between descriptors", "splice tee vmsplice"},
	{"swap", "swapping, accounting and quotas", "acct quotactl quotactl_fd swapoff swapon"},
	{"userfaultfd", "handling page faults in user space", "userfaultfd"},
};
const size_t vk_n_syscall_groups = sizeof(vk_syscall_groups) / sizeof(vk_syscall_groups[0]);

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct vk_syscall *)row)->name);
}

int vk_syscall_find(const char *name)
{
	const struct vk_syscall *row =
		bsearch(name, vk_syscalls, vk_n_syscalls, sizeof(*vk_syscalls), by_name);

	return row ? (int)(row - vk_syscalls) : -1;
}

int vk_syscall_at(enum vk_abi abi, uint32_t nr)
{
	for (size_t i = 0; nr <= INT16_MAX && i < vk_n_syscalls; i++)
		if (vk_syscalls[i].nr[abi] == (int)nr)
			return (int)i;
	return -1;
}

const struct vk_syscall_group *vk_syscall_group_find(const char *name)
{
	for (size_t i = 0; i < vk_n_syscall_groups; i++)
		if (strcmp(vk_syscall_groups[i].name, name) == 0)
			return &vk_syscall_groups[i];
	return NULL;
}

int vk_syscall_group_next(const char **at)
{
	char name[40];
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, " ");
	if (len == 0 || len >= sizeof(name))
		return -1;
	memcpy(name, *at, len);
	name[len] = '\0';
	*at += len;
	return vk_syscall_find(name);
}

/* By name; the number is what says which it is. */
static const struct muxed {
	const char *name;
	const char *mux;
	int nr;
} muxed[] = {
	{"accept", "socketcall", 5},
	{"accept4", "socketcall", 18},
	{"bind", "socketcall", 2},
	{"connect", "socketcall", 3},
	{"getpeername", "socketcall", 7},
	{"getsockname", "socketcall", 6},
	{"getsockopt", "socketcall", 15},
	{"listen", "socketcall", 4},
	{"msgctl", "ipc", 14},
	{"msgget", "ipc", 13},
	{"msgrcv", "ipc", 12},
	{"msgsnd", "ipc", 11},
	{"recvfrom", "socketcall", 12},
	{"recvmmsg", "socketcall", 19},
	{"recvmsg", "socketcall", 17},
	{"semctl", "ipc", 3},
	{"semget", "ipc", 2},
	{"semop", "ipc", 1},
	{"semtimedop", "ipc", 4},
	{"sendmmsg", "socketcall", 20},
	{"sendmsg", "socketcall", 16},
	{"sendto", "socketcall", 11},
	{"setsockopt", "socketcall", 14},
	{"shmat", "ipc", 21},
	{"shmctl", "ipc", 24},
	{"shmdt", "ipc", 22},
	{"shmget", "ipc", 23},
	{"shutdown", "socketcall", 13},
	{"socket", "socketcall", 1},
	{"socketpair", "socketcall", 8},
};

static int by_muxed_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct muxed *)row)->name);
}

int vk_syscall_mux(int call, int *ret_mux)
{
	const struct muxed *m =
		bsearch(vk_syscalls[call].name, muxed, sizeof(muxed) / sizeof(muxed[0]),
			sizeof(muxed[0]), by_muxed_name);

	if (!m)
		return -1;
	*ret_mux = vk_syscall_find(m->mux);
	return m->nr;
}
