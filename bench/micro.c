// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * micro.c - what one system call costs, in guest instructions.
 *
 * For guests under `tests/guest/run --icount`, where a nanosecond is an instruction. It makes a
 * root file system of its own on a tmpfs, so that no overlay or network file system is measured,
 * prints "ready PID", waits for a line, in which time it may be made a member, and measures:
 *
 *	micro [--apparmor PROFILE] [--seccomp] [--only ROW] [REPEAT]
 *
 * One line a row: name and instructions. Operations run in batches shorter than a timer tick. Of
 * rows that repeat one operation the fastest batch counts, after a warm-up; of rows whose every
 * operation is the first on its file, the median, as no two batches have the same files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 2000
#define MAX_BATCHES 64
#define ROOT "/run/vkernel-bench"
#define WARM "/tmp/a/b/c/file"

static const char *failed;
static int file_fd, listen_fd;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(int r, const char *what)
{
	if (r < 0)
		die(what);
}

/* ---- the operations: negative on failure ---- */

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

static int op_open(unsigned int i)
{
	(void)i;
	return open_close(WARM);
}

static int op_open_mnt(unsigned int i)
{
	(void)i;
	return open_close("/mnt/a/b/c/file");
}

/* The 15 bytes of /tmp/a/b/c/0042: another file of one directory for each @i. */
static void file_path(char *path, const char *mount, unsigned int i)
{
	snprintf(path, 32, "/%s/a/b/c/%04u", mount, i);
}

/* /tmp/a/X/Y/file: another directory for each @i. */
static void dir_path(char *path, const char *mount, unsigned int i)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "defghijklmnopqrstuvwxyz";

	snprintf(path, 32, "/%s/a/%c/%c/file", mount, letters[i / 58 % 58], letters[i % 58]);
}

/* Paths are made before the clock starts. */
static char paths[FILES][32];

static int op_first(unsigned int i)
{
	return open_close(paths[i]);
}

static int op_stat(unsigned int i)
{
	struct stat st;

	(void)i;
	return (int)syscall(SYS_newfstatat, AT_FDCWD, WARM, &st, 0);
}

static int op_fstat(unsigned int i)
{
	struct stat st;

	(void)i;
	return (int)syscall(SYS_fstat, file_fd, &st);
}

static int op_read(unsigned int i)
{
	char buf[64];

	(void)i;
	return (int)syscall(SYS_pread64, file_fd, buf, sizeof(buf), 0);
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

static int op_fork(unsigned int i)
{
	pid_t pid = fork();
	int status;

	(void)i;
	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, &status, 0) < 0 ? -1 : -status;
}

static int op_exec(unsigned int i)
{
	pid_t pid = fork();
	int status;

	(void)i;
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	return pid < 0 || waitpid(pid, &status, 0) < 0 ? -1 : -status;
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

/**
 * struct row - one line of the table
 * @name:  in the output
 * @op:    the operation
 * @batch: operations in a batch
 * @once:  path of the operation's file, which is new to each: at most FILES in all
 * @mount: where those files are
 */
static const struct row {
	const char *name;
	int (*op)(unsigned int i);
	unsigned int batch;
	void (*once)(char *path, const char *mount, unsigned int i);
	const char *mount;
} rows[] = {
	{"getppid", op_getppid, 200, NULL, NULL},
	{"first-file", op_first, 40, file_path, "tmp"},
	{"first-path", op_first, 40, dir_path, "tmp"},
	{"first-file-mnt", op_first, 40, file_path, "mnt"},
	{"first-path-mnt", op_first, 40, dir_path, "mnt"},
	{"open-close", op_open, 100, NULL, NULL},
	{"open-close-mnt", op_open_mnt, 100, NULL, NULL},
	{"stat", op_stat, 100, NULL, NULL},
	{"fstat", op_fstat, 100, NULL, NULL},
	{"read", op_read, 100, NULL, NULL},
	{"create-unlink", op_create, 20, NULL, NULL},
	{"mkdir-rmdir", op_mkdir, 20, NULL, NULL},
	{"rename", op_rename, 40, NULL, NULL},
	{"chown", op_chown, 40, NULL, NULL},
	{"socketpair", op_socketpair, 20, NULL, NULL},
	{"unix-connect", op_connect, 20, NULL, NULL},
	{"tcp-socket", op_tcp, 20, NULL, NULL},
	{"fork-exit", op_fork, 4, NULL, NULL},
	{"fork-exec", op_exec, 2, NULL, NULL},
	{"capable", op_capable, 100, NULL, NULL},
	{"mmap-exec", op_mmap, 50, NULL, NULL},
};

/* ---- the place ---- */

static void make_tree(const char *mount)
{
	char path[32];

	check(chdir("/"), "/");
	snprintf(path, sizeof(path), "/%s/a", mount);
	check(mkdir(path, 0755), path);
	snprintf(path, sizeof(path), "/%s/a/b", mount);
	check(mkdir(path, 0755), path);
	snprintf(path, sizeof(path), "/%s/a/b/c", mount);
	check(mkdir(path, 0755), path);
	for (unsigned int i = 0; i < FILES; i++) {
		file_path(path, mount, i);
		check(close(open(path, O_WRONLY | O_CREAT, 0644)), path);
		dir_path(path, mount, i);
		path[8] = '\0';
		mkdir(path, 0755);
		path[8] = '/';
		path[10] = '\0';
		check(mkdir(path, 0755), path);
		path[10] = '/';
		check(close(open(path, O_WRONLY | O_CREAT, 0644)), path);
	}
	snprintf(path, sizeof(path), "/%s/a/b/c/file", mount);
	check(close(open(path, O_WRONLY | O_CREAT, 0644)), path);
}

/* A tmpfs as the root of a mount namespace of our own, and another one on /mnt. */
static void make_root(void)
{
	struct stat st;
	int from, to;

	check(unshare(CLONE_NEWNS), "unshare");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make private");
	mkdir(ROOT, 0755);
	check(mount("bench", ROOT, "tmpfs", 0, "size=64m"), "mount " ROOT);
	check(chdir(ROOT), ROOT);
	check(mkdir("tmp", 0755), "tmp");
	check(mkdir("mnt", 0755), "mnt");
	check(mkdir("bin", 0755), "bin");
	from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	to = open("bin/true", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	check(from, "/proc/self/exe");
	check(to, "bin/true");
	check(fstat(from, &st), "/proc/self/exe");
	check((int)sendfile(to, from, NULL, (size_t)st.st_size), "copy");
	close(from);
	close(to);
	check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "/");
	check(mount("bench", "/mnt", "tmpfs", 0, "size=64m"), "mount /mnt");
	make_tree("tmp");
	make_tree("mnt");
	check(close(open("/tmp/a/b/c/one", O_WRONLY | O_CREAT, 0644)), "one");
	file_fd = open(WARM, O_RDWR | O_CLOEXEC);
	check(file_fd, WARM);
	check(ftruncate(file_fd, 4096), WARM);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(listen_fd, 8), "listen");
}

/* An allow list as container engines have them: of all that the kernel knows but a few. */
static void use_seccomp(void)
{
	static struct sock_filter filter[1024];
	struct sock_fprog program = {.filter = filter};
	unsigned short n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, arch));
	filter[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (unsigned int nr = 0; nr < 335; nr++) {
		if (nr % 10 == 9 && nr != SYS_getppid && nr != SYS_mmap && nr != SYS_exit_group &&
		    nr != SYS_execve)
			continue;
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	program.len = n;
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

/* ---- measuring ---- */

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000u + (unsigned long long)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

static void run_row(const struct row *row, unsigned int repeat)
{
	unsigned long long times[MAX_BATCHES], begin, empty;
	unsigned int batches = row->once ? FILES / row->batch : 16 * repeat, done = 0;

	if (batches > MAX_BATCHES)
		batches = MAX_BATCHES;
	for (unsigned int i = 0; row->once && i < FILES; i++)
		row->once(paths[i], row->mount, i);
	begin = now();
	empty = now() - begin;
	for (unsigned int b = 0; b < batches; b++) {
		begin = now();
		for (unsigned int i = 0; i < row->batch; i++)
			if (row->op(done++) < 0)
				failed = row->name;
		times[b] = (now() - begin - empty) / row->batch;
		if (failed) {
			fprintf(stderr, "micro: %s: %s\n", failed, strerror(errno));
			exit(1);
		}
	}
	/* The first batch warms up. */
	qsort(times + 1, batches - 1, sizeof(times[0]), compare);
	printf("%s %llu\n", row->name, row->once ? times[batches / 2] : times[1]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *profile = NULL, *only = NULL;
	unsigned int repeat = 1;
	bool seccomp = false;
	int attr = -1;
	char line[256];

	if (strcmp(argv[0], "true") == 0)
		return 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--apparmor") == 0 && i + 1 < argc)
			profile = argv[++i];
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			only = argv[++i];
		else if (strcmp(argv[i], "--seccomp") == 0)
			seccomp = true;
		else
			repeat = (unsigned int)strtoul(argv[i], NULL, 10);
	}
	if (profile) {
		attr = open("/proc/self/attr/apparmor/current", O_WRONLY | O_CLOEXEC);
		check(attr, "/proc/self/attr/apparmor/current");
	}
	make_root();
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (profile) {
		snprintf(line, sizeof(line), "changeprofile %s", profile);
		check((int)write(attr, line, strlen(line)), line);
	}
	if (seccomp)
		use_seccomp();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!only || strcmp(only, rows[i].name) == 0)
			run_row(&rows[i], repeat);
	return 0;
}
