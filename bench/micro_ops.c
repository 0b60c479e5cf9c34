// SPDX-License-Identifier: LGPL-2.1-or-later
/* micro_ops.c - the operations that are measured, and the table of them. */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

char once_paths[FILES][32];
static int file_fd, listen_fd, tcp_fd;

static int op_getppid(unsigned int i)
{
	(void)i;
	return (int)syscall(SYS_getppid);
}

static int open_close(const char *path)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	return fd < 0 ? fd : (int)syscall(SYS_close, fd);
}

/* For each batch another of the files that are alike: see micro.h. */
static const char *warm_path(unsigned int i, unsigned int batch)
{
	static char path[] = WARM_LIKE;

	path[sizeof(WARM_TOP) - 1] = (char)('0' + i / batch % WARM_COUNT);
	return path;
}

#define OPEN_BATCH 40
#define STAT_BATCH 100

static int op_open(unsigned int i)
{
	return open_close(warm_path(i, OPEN_BATCH));
}

static int op_open_mnt(unsigned int i)
{
	(void)i;
	return open_close("/mnt/a/b/c/file");
}

static int op_first(unsigned int i)
{
	return open_close(once_paths[i]);
}

static int op_stat(unsigned int i)
{
	struct stat st;

	return (int)syscall(SYS_newfstatat, AT_FDCWD, warm_path(i, STAT_BATCH), &st, 0);
}

static int op_fstat(unsigned int i)
{
	struct stat st;

	(void)i;
	return (int)syscall(SYS_fstat, file_fd, &st);
}

/* What a copy takes depends on the alignment, and a stack's on the environment. */
static _Alignas(64) char buffer[64];

static int op_read(unsigned int i)
{
	(void)i;
	return (int)syscall(SYS_pread64, file_fd, buffer, sizeof(buffer), 0);
}

static int op_write(unsigned int i)
{
	(void)i;
	return (int)syscall(SYS_pwrite64, file_fd, buffer, sizeof(buffer), 0);
}

static int op_open_deep(unsigned int i)
{
	(void)i;
	return open_close(DEEP);
}

static int op_open_long(unsigned int i)
{
	(void)i;
	return open_close(LONG);
}

static int op_open_overlay(unsigned int i)
{
	(void)i;
	return open_close("/cold/a/b/c/file");
}

static int op_create(unsigned int i)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/tmp/a/b/c/new", O_WRONLY | O_CREAT | O_EXCL,
			      0644);

	(void)i;
	if (fd < 0)
		return fd;
	syscall(SYS_close, fd);
	return unlink("/tmp/a/b/c/new");
}

static int op_mkdir(unsigned int i)
{
	(void)i;
	return mkdir("/tmp/a/b/c/dir", 0755) < 0 ? -1 : rmdir("/tmp/a/b/c/dir");
}

static int op_rename(unsigned int i)
{
	return i & 1 ? rename("/tmp/a/b/c/two", "/tmp/a/b/c/one") :
		       rename("/tmp/a/b/c/one", "/tmp/a/b/c/two");
}

static int op_chown(unsigned int i)
{
	return chown(WARM, i & 1, 0);
}

static int op_socketpair(unsigned int i)
{
	int fd[2];

	(void)i;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return -1;
	close(fd[0]);
	return close(fd[1]);
}

static struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/a/b/c/sock"};

static int op_connect(unsigned int i)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

	(void)i;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	peer = accept(listen_fd, NULL, NULL);
	if (peer < 0)
		return -1;
	close(fd);
	return close(peer);
}

static int op_tcp(unsigned int i)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)i;
	return fd < 0 ? fd : close(fd);
}

static struct sockaddr_in tcp_address = {.sin_family = AF_INET};

static int op_tcp_connect(unsigned int i)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	(void)i;
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&tcp_address, sizeof(tcp_address)) < 0) {
		int code = errno;

		close(fd);
		errno = code;
		return -1;
	}
	peer = accept(tcp_fd, NULL, NULL);
	if (peer < 0)
		return -1;
	close(peer); /* the side that waits in TIME_WAIT: its port stays free */
	return close(fd);
}

static int op_pipe(unsigned int i)
{
	int fd[2];
	char byte = 0;

	(void)i;
	if (pipe2(fd, O_CLOEXEC) < 0 || write(fd[1], &byte, 1) < 0 || read(fd[0], &byte, 1) < 0)
		return -1;
	close(fd[0]);
	return close(fd[1]);
}

static pid_t self;

static void on_signal(int sig)
{
	(void)sig;
}

static void begin_signal(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	self = getpid();
	check(sigaction(SIGUSR1, &action, NULL), "sigaction");
}

static int op_signal(unsigned int i)
{
	(void)i;
	return kill(self, SIGUSR1);
}

static pid_t helpers[4];
static unsigned int n_helpers;

/* A process that ends with this one at the latest. */
static pid_t helper(void (*run)(void))
{
	pid_t parent = getpid(), pid = fork();

	check(pid, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			run();
		_exit(0);
	}
	helpers[n_helpers++] = pid;
	return pid;
}

void end_helpers(void)
{
	while (n_helpers > 0) {
		kill(helpers[--n_helpers], SIGKILL);
		waitpid(helpers[n_helpers], NULL, 0);
	}
}

static unsigned int n_threads;
static int started[2];

static void *wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void run_threads(void)
{
	pthread_attr_t attr;
	char byte = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (unsigned int i = 0; i < n_threads; i++) {
		pthread_t thread;

		errno = pthread_create(&thread, &attr, wait_forever, NULL);
		if (errno)
			die("pthread_create");
	}
	check((int)write(started[1], &byte, 1), "write");
	wait_forever(NULL);
}

void start_members(unsigned int n)
{
	char byte;

	n_threads = n;
	check(pipe2(started, O_CLOEXEC), "pipe");
	helper(run_threads);
	close(started[1]);
	if (read(started[0], &byte, 1) != 1)
		die("the threads do not start");
}

static int ping[2], pong[2];

static void echo(void)
{
	char byte;

	/* Without these ends the pipe closes when the other process ends. */
	close(ping[1]);
	close(pong[0]);
	while (read(ping[0], &byte, 1) == 1 && write(pong[1], &byte, 1) == 1)
		;
}

static void begin_switch(void)
{
	check(pipe2(ping, O_CLOEXEC), "pipe");
	check(pipe2(pong, O_CLOEXEC), "pipe");
	helper(echo);
}

/* There and back: two switches. */
static int op_switch(unsigned int i)
{
	char byte = 0;

	(void)i;
	return write(ping[1], &byte, 1) == 1 && read(pong[0], &byte, 1) == 1 ? 0 : -1;
}

static pid_t tracee;

static void sleep_forever(void)
{
	for (;;)
		pause();
}

static void begin_ptrace(void)
{
	tracee = helper(sleep_forever);
}

static int op_ptrace(unsigned int i)
{
	int status;

	(void)i;
	if (ptrace(PTRACE_ATTACH, tracee, NULL, NULL) < 0 || waitpid(tracee, &status, 0) < 0)
		return -1;
	return (int)ptrace(PTRACE_DETACH, tracee, NULL, NULL);
}

/* A child's exit status is the error that it met. */
static int end_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno ? -1 : 0;
}

static int op_fork(unsigned int i)
{
	pid_t pid = fork();

	(void)i;
	if (pid == 0)
		_exit(0);
	return end_of(pid);
}

static int op_exec(unsigned int i)
{
	pid_t pid = fork();

	(void)i;
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(errno);
	}
	return end_of(pid);
}

/* Nothing but a check of CAP_SETPCAP: there is no capability 200. */
static int op_capable(unsigned int i)
{
	(void)i;
	return prctl(PR_CAPBSET_DROP, 200) < 0 && errno == EINVAL ? 0 : -1;
}

static int op_mmap(unsigned int i)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file_fd, 0);

	(void)i;
	return p == MAP_FAILED ? -1 : munmap(p, 4096);
}

static int op_mmap_anon(unsigned int i)
{
	void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)i;
	return p == MAP_FAILED ? -1 : munmap(p, 65536);
}

static char *page;

static void begin_fault(void)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		die("mmap");
}

static int op_fault(unsigned int i)
{
	*(volatile char *)page = (char)i;
	return madvise(page, 4096, MADV_DONTNEED);
}

const struct row rows[] = {
	{.name = "getppid", .op = op_getppid, .batch = 200},
	{.name = "first-file", .op = op_first, .batch = 40, .once = file_path, .mount = "tmp"},
	{.name = "first-path", .op = op_first, .batch = 40, .once = dir_path, .mount = "tmp"},
	{.name = "first-file-mnt", .op = op_first, .batch = 40, .once = file_path, .mount = "mnt"},
	{.name = "first-path-mnt", .op = op_first, .batch = 40, .once = dir_path, .mount = "mnt"},
	{.name = "open-close", .op = op_open, .batch = OPEN_BATCH},
	{.name = "open-close-mnt", .op = op_open_mnt, .batch = 40},
	{.name = "open-close-deep", .op = op_open_deep, .batch = 40},
	{.name = "open-close-long", .op = op_open_long, .batch = 40},
	{.name = "open-close-overlay", .op = op_open_overlay, .batch = 40},
	{.name = "cold-overlay",
	 .op = op_first,
	 .batch = 20,
	 .once = dir_path,
	 .mount = "cold",
	 .cold = true},
	{.name = "stat", .op = op_stat, .batch = STAT_BATCH},
	{.name = "fstat", .op = op_fstat, .batch = 100},
	{.name = "read", .op = op_read, .batch = 100},
	{.name = "write", .op = op_write, .batch = 100},
	{.name = "create-unlink", .op = op_create, .batch = 20},
	{.name = "mkdir-rmdir", .op = op_mkdir, .batch = 20},
	{.name = "rename", .op = op_rename, .batch = 40},
	{.name = "chown", .op = op_chown, .batch = 40},
	{.name = "socketpair", .op = op_socketpair, .batch = 20},
	{.name = "unix-connect", .op = op_connect, .batch = 20},
	{.name = "tcp-socket", .op = op_tcp, .batch = 20},
	{.name = "tcp-connect", .op = op_tcp_connect, .batch = 10},
	{.name = "pipe", .op = op_pipe, .batch = 20},
	{.name = "signal", .op = op_signal, .batch = 50, .begin = begin_signal},
	{.name = "context-switch", .op = op_switch, .batch = 50, .begin = begin_switch},
	{.name = "ptrace-attach", .op = op_ptrace, .batch = 1, .times = 10, .begin = begin_ptrace},
	{.name = "mmap", .op = op_mmap_anon, .batch = 5, .times = 10},
	{.name = "mmap-exec", .op = op_mmap, .batch = 5, .times = 10},
	{.name = "page-fault", .op = op_fault, .batch = 100, .begin = begin_fault},
	{.name = "capable", .op = op_capable, .batch = 100},
	{.name = "fork-exit", .op = op_fork, .batch = 1, .alone = true},
	{.name = "fork-exec", .op = op_exec, .batch = 1, .alone = true},
};
const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

void open_files(void)
{
	socklen_t len = sizeof(tcp_address);

	file_fd = open(WARM, O_RDWR | O_CLOEXEC);
	check(file_fd, WARM);
	check(ftruncate(file_fd, 4096), WARM);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(listen_fd, 8), "listen");
	tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(tcp_fd, (struct sockaddr *)&tcp_address, len), "bind");
	check(getsockname(tcp_fd, (struct sockaddr *)&tcp_address, &len), "getsockname");
	check(listen(tcp_fd, 8), "listen");
}
