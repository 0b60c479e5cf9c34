/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks.h"

#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#define DECIDES VK_HOOK_DECIDES
#define WATCHES VK_HOOK_WATCHES
#define ITERATES VK_HOOK_ITERATES
#define TRACES VK_HOOK_TRACES
#define HEARS VK_HOOK_HEARS

/* clang-format off */
const struct vk_hook vk_hooks[] = {
	/* Membership and self-protection: with every instance. */
	{"vk_task_alloc", "task_alloc", NULL, DECIDES, true, false, 0, "children are members"},
	{"vk_task_free", "task_free", NULL, HEARS, true, false, 0, "reuse of tasks"},
	{"vk_exec_join", "bprm_creds_for_exec", NULL, DECIDES, true, false, 0, "joining at exec"},
	{"vk_exec_creds", "bprm_committing_creds", NULL, HEARS, true, false, 0, "credentials of programs"},
	{"vk_capset", "capset", NULL, DECIDES, true, false, 0, "changes of capabilities"},
	{"vk_commit_creds", "commit_creds", NULL, WATCHES, true, false, 0, "changes of credentials"},
	{"vk_guard_map", "bpf_map", NULL, DECIDES, true, false, 0, "our maps are out of reach"},
	{"vk_guard_receive", "file_receive", NULL, DECIDES, true, false, 0, "descriptors of our maps"},
	{"vk_born", "sched_process_fork", NULL, TRACES, true, false, 0, "children born during an attach"},
	{"vk_bpf", "bpf", NULL, DECIDES, true, false, VK_NEED_BPF, "bpf(2)"},
	{"vk_unlink", "path_unlink", NULL, DECIDES, true, false, VK_NEED_MODIFY, "removing names; our pins"},
	{"vk_rmdir", "path_rmdir", NULL, DECIDES, true, false, VK_NEED_MODIFY, "removing directories; our pins"},
	{"vk_rename", "path_rename", NULL, DECIDES, true, false, VK_NEED_PATHS, "moving names; our pins"},
	{"vk_umount", "sb_umount", NULL, DECIDES, true, false, VK_NEED_PATHS, "unmounting; our pins"},
	{"vk_attach", "task", NULL, ITERATES, true, false, 0, "attaching a running tree"},
	{"vk_list", "task", NULL, ITERATES, true, false, 0, "listing members"},

	/* What keeps names and cached rights true. */
	{"vk_move_enter", "__d_move", NULL, WATCHES, false, false, VK_NEED_PATHS, "moves of names"},
	{"vk_move_leave", "__d_move", NULL, WATCHES, false, false, VK_NEED_PATHS, "moves of names"},
	{"vk_instantiate", "d_instantiate", NULL, HEARS, false, false, VK_NEED_PATHS, "reuse of dentries"},
	{"vk_mount_attached", "__attach_mnt", NULL, WATCHES, false, true, VK_NEED_PATHS, "mounts attached and moved"},
	{"vk_mount_visible", "make_visible", NULL, WATCHES, false, true, VK_NEED_PATHS, "the same since 6.17"},
	{"vk_mount_detached", "umount_tree", NULL, WATCHES, false, true, VK_NEED_PATHS, "mounts detached"},
	{"vk_mount_made", "alloc_vfsmnt", NULL, WATCHES, false, true, VK_NEED_PATHS, "reuse of mounts"},
	{"vk_mount", "sb_mount", NULL, DECIDES, true, false, VK_NEED_PATHS, "mounting"},
	{"vk_move_mount", "move_mount", NULL, DECIDES, true, false, VK_NEED_PATHS, "attaching and moving mounts"},
	{"vk_new_sb", "sb_set_mnt_opts", NULL, DECIDES, false, false, VK_NEED_PATHS, "new file systems, mounted or not"},
	{"vk_remount_sb", "sb_remount", NULL, DECIDES, false, false, VK_NEED_PATHS, "changing file systems by fsconfig(2)"},
	{"vk_pivotroot", "sb_pivotroot", NULL, DECIDES, false, false, VK_NEED_PATHS, "pivot_root(2)"},
	{"vk_link", "path_link", NULL, DECIDES, false, false, VK_NEED_PATHS, "hard links"},

	{"vk_file_open", "file_open", NULL, DECIDES, false, false, VK_NEED_OPEN | VK_NEED_SETUP, "opening files"},
	{"vk_fcntl", "file_fcntl", NULL, DECIDES, false, false, VK_NEED_MMAP | VK_NEED_SIGNAL, "append turned into write; whom SIGIO goes to"},
	{"vk_exec", "bprm_check_security", "security_bprm_check", DECIDES, false, false, VK_NEED_EXEC, "executing programs"},
	{"vk_append", "file_permission", NULL, DECIDES, false, false, VK_NEED_APPEND, "changing what may only be appended to"},
	{"vk_mmap", "mmap_file", NULL, DECIDES, false, false, VK_NEED_MMAP, "executable mappings"},
	{"vk_mprotect", "file_mprotect", NULL, DECIDES, false, false, VK_NEED_MMAP, "mappings made executable"},
	{"vk_mknod", "path_mknod", NULL, DECIDES, false, false, VK_NEED_MODIFY | VK_NEED_UNIX, "creating files and nodes"},
	{"vk_mkdir", "path_mkdir", NULL, DECIDES, false, false, VK_NEED_MODIFY, "creating directories"},
	{"vk_symlink", "path_symlink", NULL, DECIDES, false, false, VK_NEED_MODIFY, "creating symbolic links"},
	{"vk_truncate", "path_truncate", NULL, DECIDES, false, false, VK_NEED_TRUNCATE, "truncating files"},
	{"vk_ftruncate", "file_truncate", NULL, DECIDES, false, true, VK_NEED_TRUNCATE, "ftruncate(2); before 6.2 path_truncate sees it"},
	{"vk_chmod", "path_chmod", NULL, DECIDES, false, false, VK_NEED_CHMOD, "changing modes"},
	{"vk_chown", "path_chown", NULL, DECIDES, false, false, VK_NEED_CHMOD, "changing owners"},
	{"vk_ioctl", "file_ioctl", NULL, DECIDES, false, false, VK_NEED_IOCTL | VK_NEED_SIGNAL | VK_NEED_XATTRS, "ioctl(2); whom SIGIO goes to; flags of files"},
	{"vk_ioctl_compat", "file_ioctl_compat", NULL, DECIDES, false, true, VK_NEED_IOCTL | VK_NEED_SIGNAL | VK_NEED_XATTRS, "32-bit ioctl(2); before 6.8 file_ioctl sees it"},
	{"vk_setxattr", "inode_setxattr", NULL, DECIDES, false, false, VK_NEED_XATTRS, "setting extended attributes"},
	{"vk_removexattr", "inode_removexattr", NULL, DECIDES, false, false, VK_NEED_XATTRS, "removing extended attributes"},
	{"vk_set_acl", "inode_set_acl", NULL, DECIDES, false, true, VK_NEED_XATTRS, "setting ACLs; before 6.2 inode_setxattr sees it"},
	{"vk_remove_acl", "inode_remove_acl", NULL, DECIDES, false, true, VK_NEED_XATTRS, "removing ACLs; before 6.2 inode_removexattr sees it"},
	{"vk_file_setattr", "inode_file_setattr", NULL, DECIDES, false, true, VK_NEED_XATTRS, "flags of files by name, since 6.17"},

	{"vk_capable", "capable", NULL, DECIDES, false, false, VK_NEED_CAPABLE | VK_NEED_MOUNT, "the capability ceiling; mount_setattr(2)"},
	{"vk_socket", "socket_create", NULL, DECIDES, false, false, VK_NEED_SOCKET, "socket families and types"},
	{"vk_netlink", "netlink_send", NULL, DECIDES, false, false, VK_NEED_NETLINK, "netlink protocols, on sockets made before"},
	{"vk_bind", "socket_bind", NULL, DECIDES, false, false, VK_NEED_INET | VK_NEED_UNIX, "binding"},
	{"vk_listen", "socket_listen", NULL, DECIDES, false, false, VK_NEED_INET, "listening without binding"},
	{"vk_connect", "socket_connect", NULL, DECIDES, false, false, VK_NEED_INET, "connecting"},
	{"vk_sendmsg", "socket_sendmsg", NULL, DECIDES, false, false, VK_NEED_INET, "sending to an address"},
	{"vk_unix_stream", "unix_stream_connect", NULL, DECIDES, false, false, VK_NEED_UNIX, "unix stream sockets"},
	{"vk_unix_send", "unix_may_send", NULL, DECIDES, false, false, VK_NEED_UNIX, "unix datagram sockets"},
	{"vk_ptrace", "ptrace_access_check", NULL, DECIDES, false, false, VK_NEED_PTRACE, "tracing and inspecting processes"},
	{"vk_traceme", "ptrace_traceme", NULL, DECIDES, false, false, VK_NEED_PTRACE, "asking to be traced"},
	{"vk_kill", "task_kill", NULL, DECIDES, false, false, VK_NEED_SIGNAL, "signals"},
	{"vk_perf", "perf_event_open", NULL, DECIDES, false, false, VK_NEED_PERF, "perf_event_open(2)"},
	{"vk_module_request", "kernel_module_request", NULL, DECIDES, false, false, VK_NEED_MODULES, "automatic module loading"},
	{"vk_module_read", "kernel_read_file", NULL, DECIDES, false, false, VK_NEED_MODULES, "finit_module(2)"},
	{"vk_module_load", "kernel_load_data", NULL, DECIDES, false, false, VK_NEED_MODULES, "init_module(2)"},
	{"vk_key_permission", "key_permission", NULL, DECIDES, false, false, VK_NEED_KEYS, "using keys"},
	{"vk_key_alloc", "key_alloc", NULL, DECIDES, false, false, VK_NEED_KEYS, "making keys"},
	{"vk_anon_inode", "inode_init_security_anon", NULL, DECIDES, false, false, VK_NEED_IO_URING, "io_uring instances"},
	{"vk_accept", "socket_accept", NULL, DECIDES, false, false, VK_NEED_ACCEPT, "accepting connections"},
	{"vk_setuid", "task_fix_setuid", NULL, DECIDES, true, false, 0, "changes of user"},
	{"vk_prctl", "task_prctl", NULL, DECIDES, false, false, 0, "prctl(2): programs only"},
	{"vk_userns", "userns_create", "security_create_user_ns", DECIDES, false, false, VK_NEED_USERNS, "user namespaces"},
};
/* clang-format on */
const size_t vk_n_hooks = sizeof(vk_hooks) / sizeof(vk_hooks[0]);

static const char *const asked_hooks[] = {
#define X(hook, number, flags) [number] = #hook,
	VK_PROGRAM_HOOKS(X) VK_PROGRAM_ALIASES(X)
#undef X
};

const struct vk_hook *vk_hook_of_programs(unsigned int id)
{
	for (size_t i = 0; i < vk_n_hooks && id < VK_HOOK_COUNT && asked_hooks[id]; i++)
		if (vk_hooks[i].kind == VK_HOOK_DECIDES &&
		    strcmp(vk_hooks[i].lsm, asked_hooks[id]) == 0)
			return &vk_hooks[i];
	return NULL;
}

bool vk_hook_asks(const struct vk_hook *h, uint64_t programs)
{
	for (unsigned int id = 1; id < VK_HOOK_COUNT && programs; id++)
		if (programs >> id & 1 && vk_hook_of_programs(id) == h)
			return true;
	return false;
}

bool vk_hook_wanted(const struct vk_hook *h, uint32_t needs, uint64_t programs)
{
	return h->core || (h->needs & needs) || vk_hook_asks(h, programs);
}

const char *vk_hook_program(const struct vk_hook *h, bool asks, char *buf, size_t len)
{
	size_t n = strlen(h->program);

	/* Not by snprintf: an instance that is made asks for each name. */
	if (n + sizeof("_asks") > len)
		n = len - sizeof("_asks");
	memcpy(buf, h->program, n);
	memcpy(buf + n, asks ? "_asks" : "", asks ? sizeof("_asks") : 1);
	return buf;
}

const char *vk_hook_function(const struct vk_hook *h, char *buf, size_t len)
{
	if (h->kind != VK_HOOK_DECIDES && h->kind != VK_HOOK_HEARS)
		snprintf(buf, len, "%s", h->lsm);
	else if (h->function)
		snprintf(buf, len, "%s", h->function);
	else
		snprintf(buf, len, "security_%s", h->lsm);
	return buf;
}

bool vk_hook_available(const struct vk_hook *h, enum vk_mechanism m, const struct btf *btf)
{
	char name[80];

	if (h->kind == VK_HOOK_ITERATES || h->kind == VK_HOOK_TRACES)
		return true; /* on every kernel from 6.1 on */
	if ((h->kind == VK_HOOK_DECIDES || h->kind == VK_HOOK_HEARS) && m == VK_MECH_LSM)
		snprintf(name, sizeof(name), "bpf_lsm_%s", h->lsm);
	else
		vk_hook_function(h, name, sizeof(name));
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}
