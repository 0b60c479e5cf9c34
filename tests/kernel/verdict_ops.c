// SPDX-License-Identifier: LGPL-2.1-or-later
#include "verdict_ops.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"
#include "names.h"

#ifndef FIOQSIZE
#define FIOQSIZE 0x5460
#endif

#define V_DIR "/tmp/v"
#define V_SOURCE "/tmp/v-source" /* what is bound or moved elsewhere */
#define V_OWNED "/tmp/v-owned" /* whose owner is changed */

int vo_errno(const struct vt_row *row)
{
	if (row->want == VT_XDEV)
		return EXDEV;
	if (row->want != VT_DENY)
		return 0;
	switch (row->op) {
	case VT_CAPABLE:
		/* inet_bind says EACCES whatever the reason. */
		return strcmp(row->args[0], "NET_BIND_SERVICE") == 0 ? EACCES : EPERM;
	case VT_PTRACE:
	case VT_SIGNAL:
	case VT_USERNS:
	case VT_BPF:
	case VT_PERF:
	case VT_MODULES:
	case VT_KEYS:
	case VT_IO_URING:
	case VT_XATTRS:
	case VT_MOUNT:
	case VT_BIND_MOUNT:
	case VT_REMOUNT:
	case VT_MOVE_MOUNT:
	case VT_UMOUNT:
	case VT_PIVOT:
		return EPERM;
	default:
		return EACCES;
	}
}

/* ---- preparing ---- */

static socklen_t unix_address(const char *name, struct sockaddr_un *ret)
{
	size_t len = strlen(name);

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, name, len);
	if (*name != '@')
		return sizeof(*ret);
	ret->sun_path[0] = '\0';
	return offsetof(struct sockaddr_un, sun_path) + len;
}

static int listen_unix(const char *name)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(name, &addr);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (void *)&addr, len) < 0 || listen(fd, 5) < 0 ? -1 : fd;
}

/* A new file system where the file will be: a mount that the instance did not start with. */
static bool prepare_foreign(const char *path)
{
	char dir[VO_PATH];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	live_dir(dir);
	return mount("foreign", dir, "tmpfs", 0, "mode=755") == 0;
}

static void prepare_parent(const char *path)
{
	char dir[VO_PATH];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	if (*dir)
		live_dir(dir);
}

static void prepare_object(const struct vt_row *row)
{
	const char *path = row->args[0];

	switch (vt_op_object(row->op)) {
	case VT_AT_FILE:
	case VT_AT_MOVE:
		live_file(path, "text\n");
		break;
	case VT_AT_DIR:
	case VT_AT_MOVE_DIR:
		live_dir(path);
		break;
	case VT_AT_ABSENT:
		prepare_parent(path);
		break;
	case VT_AT_SOCKET:
		if (*path != '@')
			prepare_parent(path);
		break;
	case VT_AT_MOUNT:
		live_dir(path);
		CHECK_ERRNO(mount("scratch", path, "tmpfs", 0, NULL), 0);
		break;
	case VT_AT_NONE:
		break;
	}
	if (row->args[1] && vt_op_object(row->op) != VT_AT_NONE)
		prepare_parent(row->args[1]);
}

static int inet_socket(const char *proto, const char *addr)
{
	int type = strcmp(proto, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;

	return socket(strchr(addr, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      0);
}

static socklen_t inet_address(const char *text, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	uint16_t number = htons((uint16_t)atoi(port));

	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		inet_pton(AF_INET6, text, &v6->sin6_addr);
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = number;
	inet_pton(AF_INET, text, &v4->sin_addr);
	return sizeof(*v4);
}

/* Nobody connects to it. */
static bool listen_inet(int fd, const struct vt_row *row)
{
	struct sockaddr_storage addr;
	socklen_t len = inet_address(row->args[1], row->args[2], &addr);

	return CHECK_ERRNO(bind(fd, (void *)&addr, len), 0) && CHECK_ERRNO(listen(fd, 1), 0);
}

bool vo_prepare(const struct vt_row *row, int *ret_fd)
{
	*ret_fd = -1;
	live_dir(V_DIR);
	if (row->foreign && !CHECK(prepare_foreign(row->args[0])))
		return false;
	prepare_object(row);
	switch (row->op) {
	case VT_UNIX_CONNECT:
		*ret_fd = listen_unix(row->args[0]);
		break;
	case VT_IOCTL:
	case VT_MMAP_EXEC:
		*ret_fd = open(row->args[0], O_RDONLY | O_CLOEXEC);
		break;
	case VT_BIND:
	case VT_CONNECT:
		*ret_fd = inet_socket(row->args[0], row->args[1]);
		break;
	case VT_ACCEPT:
		*ret_fd = inet_socket(row->args[0], row->args[1]);
		return CHECK(*ret_fd >= 0) && listen_inet(*ret_fd, row);
	case VT_MODULES:
	case VT_CAPABLE:
		live_file(V_OWNED, "text\n");
		*ret_fd = open(V_OWNED, O_RDONLY | O_CLOEXEC);
		break;
	case VT_BIND_MOUNT:
		live_dir(V_SOURCE);
		return true;
	case VT_MOVE_MOUNT:
		live_dir(V_SOURCE);
		return CHECK_ERRNO(mount("moved", V_SOURCE, "tmpfs", 0, NULL), 0);
	default:
		return true;
	}
	return CHECK(*ret_fd >= 0);
}

void vo_clean(const struct vt_row *row)
{
	live_clean(V_DIR);
	live_clean(V_SOURCE);
	unlink(V_OWNED);
	for (size_t i = 0; i < VT_MAX_ARGS && row->args[i]; i++) {
		if (strncmp(row->args[i], "/tmp/", 5) == 0)
			unlink(row->args[i]);
	}
}

/* ---- performing: a member's; nothing here may open a file of its own ---- */

static int inet_call(const struct vo_call *c, int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = inet_address(c->args[1], c->args[2], &addr);
	int made;

	if (c->op == VT_ACCEPT) {
		made = accept(fd, NULL, NULL);
		vk_closep(&made);
		return made;
	}
	return c->op == VT_BIND ? bind(fd, (void *)&addr, len) : connect(fd, (void *)&addr, len);
}

static int unix_call(const struct vo_call *c)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(c->args[0], &addr);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;

	if (fd < 0)
		return -1;
	r = c->op == VT_UNIX_BIND ? bind(fd, (void *)&addr, len) : connect(fd, (void *)&addr, len);
	vk_closep(&fd);
	return r;
}

static int socket_call(const struct vo_call *c)
{
	int family = -1, type = SOCK_RAW, protocol = 0, fd;

	vk_family_parse(c->args[0], &family);
	if (family != AF_NETLINK || vk_netlink_parse(c->args[1], &protocol) < 0)
		vk_socktype_parse(c->args[1], &type);
	fd = socket(family, type, protocol);
	vk_closep(&fd);
	return fd;
}

/* Each does what the capability guards and nothing that another one does. */
static int capable_call(const struct vo_call *c, int fd)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(77)};
	const char *cap = c->args[0];
	int r = -1;

	if (strcmp(cap, "CHOWN") == 0)
		return fchown(fd, 1, 1);
	if (strcmp(cap, "KILL") == 0)
		return kill(c->own_uid, 0);
	if (strcmp(cap, "SYS_ADMIN") == 0)
		return sethostname("guest", 5);
	if (strcmp(cap, "NET_BIND_SERVICE") == 0) {
		int s = socket(AF_INET, SOCK_STREAM, 0);

		r = bind(s, (void *)&addr, sizeof(addr));
		vk_closep(&s);
		return r;
	}
	if (strcmp(cap, "CHECKPOINT_RESTORE") == 0) {
		int s = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

		r = s < 0 ? -1 : (int)write(s, "3000", 4);
		vk_closep(&s);
		return r;
	}
	errno = ENOSYS;
	return -1;
}

static int new_userns(void *arg)
{
	(void)arg;
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int bpf_call(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int perf_call(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_TASK_CLOCK};

	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

static int ptrace_call(const struct vo_call *c)
{
	pid_t pid = strcmp(c->args[0], "own") == 0 ? c->own : c->other;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return -1;
	/* Only a stopped tracee can be left. */
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	waitpid(pid, NULL, __WALL);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int facility_call(const struct vo_call *c, int fd)
{
	char params[120] = {0};
	int r;

	switch (c->op) {
	case VT_CAPABLE:
		return capable_call(c, fd);
	case VT_PTRACE:
		return ptrace_call(c);
	case VT_SIGNAL:
		return kill(strcmp(c->args[0], "own") == 0 ? c->own : c->other, 0);
	case VT_USERNS:
		errno = live_child(new_userns, NULL);
		return errno ? -1 : 0;
	case VT_BPF:
		r = bpf_call();
		break;
	case VT_PERF:
		r = perf_call();
		break;
	case VT_IO_URING:
		r = (int)syscall(SYS_io_uring_setup, 1, params);
		break;
	case VT_XATTRS:
		return setxattr("/tmp", "user.vkernel", "x", 1, 0);
	case VT_MODULES:
		return (int)syscall(SYS_finit_module, fd, "", 0);
	case VT_KEYS:
		return (int)syscall(SYS_add_key, "user", "vkernel-test", "x", 1, -2);
	case VT_MOUNT:
		return mount("tmpfs", c->args[0], "tmpfs", 0, NULL);
	case VT_BIND_MOUNT:
		return mount(V_SOURCE, c->args[0], NULL, MS_BIND, NULL);
	case VT_REMOUNT:
		return mount(NULL, c->args[0], NULL, MS_REMOUNT | MS_NOSUID, NULL);
	case VT_MOVE_MOUNT:
		return mount(V_SOURCE, c->args[0], NULL, MS_MOVE, NULL);
	case VT_UMOUNT:
		return umount2(c->args[0], 0);
	case VT_PIVOT:
		return (int)syscall(SYS_pivot_root, c->args[0], c->args[0]);
	default:
		errno = ENOSYS;
		return -1;
	}
	vk_closep(&r);
	return r;
}

static int open_call(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	vk_closep(&fd);
	return fd;
}

static int call(const struct vo_call *c, int fd)
{
	const char *path = c->args[0], *to = c->args[1];
	static char *const argv[] = {NULL};
	long size;

	switch (c->op) {
	case VT_READ:
		return open_call(path, O_RDONLY);
	case VT_WRITE:
		return open_call(path, O_WRONLY);
	case VT_APPEND:
		return open_call(path, O_WRONLY | O_APPEND);
	case VT_EXEC:
		return execve(path, argv, argv); /* a text: ENOEXEC */
	case VT_CREATE:
		return mknod(path, S_IFREG | 0644, 0);
	case VT_UNLINK:
		return unlink(path);
	case VT_RENAME:
	case VT_RENAME_DIR:
		return rename(path, to);
	case VT_LINK:
		return link(path, to);
	case VT_SYMLINK:
		return symlink("target", path);
	case VT_MKDIR:
		return mkdir(path, 0755);
	case VT_RMDIR:
		return rmdir(path);
	case VT_MKNOD:
		return mknod(path, S_IFIFO | 0644, 0);
	case VT_TRUNCATE:
		return truncate(path, 0);
	case VT_CHMOD:
		return chmod(path, 0700);
	case VT_CHOWN:
		return chown(path, 0, 0);
	case VT_IOCTL:
		return ioctl(fd, FIOQSIZE, &size);
	case VT_MMAP_EXEC:
		return mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 :
												0;
	case VT_UNIX_CONNECT:
	case VT_UNIX_BIND:
		return unix_call(c);
	case VT_BIND:
	case VT_ACCEPT:
	case VT_CONNECT:
		return inet_call(c, fd);
	case VT_SOCKET:
		return socket_call(c);
	default:
		return facility_call(c, fd);
	}
}

void vo_perform(struct vo_call *c, int fd)
{
	errno = 0;
	c->err = call(c, fd) < 0 ? errno : 0;
}
