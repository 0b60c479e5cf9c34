// SPDX-License-Identifier: LGPL-2.1-or-later
/* One operation for each hook at which programs are asked. Each returns 0 or an errno. */
#include "program_ops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define FILE_ LIVE_DIR "/ops/file"
#define RESULT(expr) ((expr) < 0 ? errno : 0)

static int with_file(int (*fn)(int fd))
{
	int fd = open(FILE_, O_RDWR | O_CLOEXEC), r = fd < 0 ? errno : fn(fd);

	close(fd);
	return r;
}

static int do_open(void)
{
	return live_open(FILE_, O_RDONLY);
}

static int do_exec(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int map_it(int fd)
{
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

static int do_mmap(void)
{
	return with_file(map_it);
}

static int protect_it(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	return p == MAP_FAILED ? -1 : RESULT(mprotect(p, 4096, PROT_READ | PROT_WRITE));
}

static int do_mprotect(void)
{
	return with_file(protect_it);
}

static int ioctl_it(int fd)
{
	int n;

	return RESULT(ioctl(fd, FIONREAD, &n));
}

static int do_ioctl(void)
{
	return with_file(ioctl_it);
}

static int fcntl_it(int fd)
{
	return RESULT(fcntl(fd, F_GETFL));
}

static int do_fcntl(void)
{
	return with_file(fcntl_it);
}

static int do_create(void)
{
	int r = live_open(LIVE_DIR "/ops/new", O_WRONLY | O_CREAT | O_EXCL);

	unlink(LIVE_DIR "/ops/new");
	return r;
}

static int do_unlink(void)
{
	mknod(LIVE_DIR "/ops/gone", S_IFREG | 0644, 0);
	return RESULT(unlink(LIVE_DIR "/ops/gone"));
}

static int do_mkdir(void)
{
	int r = RESULT(mkdir(LIVE_DIR "/ops/dir", 0755));

	rmdir(LIVE_DIR "/ops/dir");
	return r;
}

static int do_rmdir(void)
{
	mkdir(LIVE_DIR "/ops/dir", 0755);
	return RESULT(rmdir(LIVE_DIR "/ops/dir"));
}

static int do_symlink(void)
{
	int r = RESULT(symlink("x", LIVE_DIR "/ops/symlink"));

	unlink(LIVE_DIR "/ops/symlink");
	return r;
}

static int do_link(void)
{
	int r = RESULT(link(FILE_, LIVE_DIR "/ops/link"));

	unlink(LIVE_DIR "/ops/link");
	return r;
}

static int do_rename(void)
{
	int r = RESULT(rename(LIVE_DIR "/ops/file", LIVE_DIR "/ops/file2"));

	rename(LIVE_DIR "/ops/file2", LIVE_DIR "/ops/file");
	return r;
}

static int truncate_it(int fd)
{
	return RESULT(ftruncate(fd, 1));
}

/* By name, and by descriptor, which is another hook on some kernels. */
static int do_truncate(void)
{
	int r = RESULT(truncate(FILE_, 1)), by_fd = with_file(truncate_it);

	return r == by_fd ? r : -1;
}

static int do_chmod(void)
{
	return RESULT(chmod(FILE_, 0644));
}

static int do_chown(void)
{
	return RESULT(chown(FILE_, 0, 0));
}

static int do_mount(void)
{
	int r = RESULT(mount("none", LIVE_DIR "/mnt", "tmpfs", 0, NULL));

	umount2(LIVE_DIR "/mnt", MNT_DETACH);
	return r;
}

static int do_move_mount(void)
{
	int tree, r;

	mount("none", LIVE_DIR "/mnt", "tmpfs", 0, NULL);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, LIVE_DIR "/mnt", 1 /* OPEN_TREE_CLONE */);
	r = RESULT(syscall(SYS_move_mount, tree, "", AT_FDCWD, LIVE_DIR "/mnt",
			   4 /* MOVE_MOUNT_F_EMPTY_PATH */));
	close(tree);
	umount2(LIVE_DIR "/mnt", MNT_DETACH);
	umount2(LIVE_DIR "/mnt", MNT_DETACH);
	return r;
}

static int do_umount(void)
{
	mount("none", LIVE_DIR "/mnt", "tmpfs", 0, NULL);
	return RESULT(umount2(LIVE_DIR "/mnt", MNT_DETACH));
}

static int do_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r = RESULT(fd);

	close(fd);
	return r;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int with_socket(int type, int (*fn)(int fd))
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), r = fd < 0 ? -1 : fn(fd);

	close(fd);
	return r;
}

static int bind_it(int fd)
{
	struct sockaddr_in a = loopback(0);

	return RESULT(bind(fd, (struct sockaddr *)&a, sizeof(a)));
}

static int do_bind(void)
{
	return with_socket(SOCK_STREAM, bind_it);
}

static int connect_it(int fd)
{
	struct sockaddr_in a = loopback(9);

	return RESULT(connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static int do_connect(void)
{
	return with_socket(SOCK_DGRAM, connect_it);
}

static int listen_it(int fd)
{
	return RESULT(listen(fd, 1));
}

static int do_listen(void)
{
	return with_socket(SOCK_STREAM, listen_it);
}

static int accept_it(int fd)
{
	listen(fd, 1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return accept(fd, NULL, NULL) < 0 && errno != EAGAIN ? errno : 0;
}

static int do_accept(void)
{
	return with_socket(SOCK_STREAM, accept_it);
}

static int send_it(int fd)
{
	struct sockaddr_in a = loopback(9);

	return RESULT(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)));
}

static int do_sendmsg(void)
{
	return with_socket(SOCK_DGRAM, send_it);
}

static int unix_pair(int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = LIVE_DIR "/ops/socket"};
	int server = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), r;

	unlink(a.sun_path);
	if (bind(server, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	listen(server, 1);
	r = RESULT(connect(client, (struct sockaddr *)&a, sizeof(a)));
	close(server);
	close(client);
	unlink(a.sun_path);
	return r;
}

static int do_unix_stream(void)
{
	return unix_pair(SOCK_STREAM);
}

static int do_unix_dgram(void)
{
	return unix_pair(SOCK_DGRAM);
}

static int with_child(int (*fn)(pid_t pid))
{
	int status, r;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	r = fn(pid);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	kill(pid, SIGKILL);
	/* Signals may be what is denied: the harness ends what is left. */
	waitpid(pid, &status, r == EDQUOT ? WNOHANG : 0);
	return r;
}

static int seize_it(pid_t pid)
{
	return RESULT(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
}

static int do_ptrace(void)
{
	return with_child(seize_it);
}

static int do_traceme(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int signal_it(pid_t pid)
{
	return RESULT(kill(pid, SIGCONT));
}

static int do_kill(void)
{
	return with_child(signal_it);
}

static int do_setuid(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(RESULT(setresuid(1, 1, 1)));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int do_prctl(void)
{
	return RESULT(prctl(PR_GET_DUMPABLE));
}

/* The kernel has EPERM for whatever the hook says. */
static int do_capable(void)
{
	return sethostname("vk", 2) < 0 && errno == EPERM ? EDQUOT : 0;
}

static int do_userns(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(RESULT(unshare(CLONE_NEWUSER)));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int do_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return RESULT(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)));
}

static int do_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), r = RESULT(fd);

	close(fd);
	return r;
}

/* Nobody learns what became of the request. */
static int do_module_request(void)
{
	close(socket(AF_X25, SOCK_SEQPACKET, 0));
	return VK_UNSEEN;
}

static int do_read_module(void)
{
	int fd = open(FILE_, O_RDONLY | O_CLOEXEC);
	int r = RESULT(syscall(SYS_finit_module, fd, "", 0));

	close(fd);
	return r;
}

static int do_load_module(void)
{
	char nothing[128] = "";

	return RESULT(syscall(SYS_init_module, nothing, sizeof(nothing), ""));
}

static long add_key_named(const char *name)
{
	return syscall(SYS_add_key, "user", name, "x", 1, -2 /* the process's keyring */);
}

static int do_key_permission(void)
{
	char buf[8];
	long key = add_key_named("vkernel-read");

	return key < 0 ? errno : RESULT(syscall(SYS_keyctl, 11 /* READ */, key, buf, sizeof(buf)));
}

static int do_key_alloc(void)
{
	return RESULT(add_key_named("vkernel-add"));
}

const struct program_op program_ops[] = {
	{VK_HOOK_file_open, do_open},
	{VK_HOOK_bprm_check_security, do_exec},
	{VK_HOOK_mmap_file, do_mmap},
	{VK_HOOK_file_mprotect, do_mprotect},
	{VK_HOOK_file_ioctl, do_ioctl},
	{VK_HOOK_file_fcntl, do_fcntl},
	{VK_HOOK_path_mknod, do_create},
	{VK_HOOK_path_unlink, do_unlink},
	{VK_HOOK_path_mkdir, do_mkdir},
	{VK_HOOK_path_rmdir, do_rmdir},
	{VK_HOOK_path_symlink, do_symlink},
	{VK_HOOK_path_link, do_link},
	{VK_HOOK_path_rename, do_rename},
	{VK_HOOK_path_truncate, do_truncate},
	{VK_HOOK_path_chmod, do_chmod},
	{VK_HOOK_path_chown, do_chown},
	{VK_HOOK_sb_mount, do_mount},
	{VK_HOOK_move_mount, do_move_mount},
	{VK_HOOK_sb_umount, do_umount},
	{VK_HOOK_socket_create, do_socket},
	{VK_HOOK_socket_bind, do_bind},
	{VK_HOOK_socket_connect, do_connect},
	{VK_HOOK_socket_listen, do_listen},
	{VK_HOOK_socket_accept, do_accept},
	{VK_HOOK_socket_sendmsg, do_sendmsg},
	{VK_HOOK_unix_stream_connect, do_unix_stream},
	{VK_HOOK_unix_may_send, do_unix_dgram},
	{VK_HOOK_ptrace_access_check, do_ptrace},
	{VK_HOOK_ptrace_traceme, do_traceme},
	{VK_HOOK_task_kill, do_kill},
	{VK_HOOK_task_fix_setuid, do_setuid},
	{VK_HOOK_task_prctl, do_prctl},
	{VK_HOOK_capable, do_capable},
	{VK_HOOK_userns_create, do_userns},
	{VK_HOOK_bpf, do_bpf},
	{VK_HOOK_perf_event_open, do_perf},
	{VK_HOOK_kernel_module_request, do_module_request},
	{VK_HOOK_kernel_read_file, do_read_module},
	{VK_HOOK_kernel_load_data, do_load_module},
	{VK_HOOK_key_permission, do_key_permission},
	{VK_HOOK_key_alloc, do_key_alloc},
};
const size_t n_program_ops = sizeof(program_ops) / sizeof(program_ops[0]);
