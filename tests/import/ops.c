// SPDX-License-Identifier: LGPL-2.1-or-later
/* ops.c - operations, really made; see compare.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "compare.h"

#define SOURCE "/.source" /* what is bound or moved elsewhere */
#define INTERPRETER "/.interpreter" /* of scripts: a text, so that nothing is ever executed */

static const struct {
	const char *word;
	enum cmp_object object;
	bool two;
} ops[] = {
#define X(id, word, object, two) {word, object, two},
	CMP_OPS(X)
#undef X
};

const char *cmp_word(enum cmp_op op)
{
	return ops[op].word;
}

enum cmp_object cmp_object(enum cmp_op op)
{
	return ops[op].object;
}

bool cmp_has_two(enum cmp_op op)
{
	return ops[op].two;
}

/* ---- preparing ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool kernel_made(const char *path)
{
	return strncmp(path, "/proc", 5) == 0 || strncmp(path, "/sys", 4) == 0;
}

static void remove_all(const char *path)
{
	struct stat st;

	if (kernel_made(path) || lstat(path, &st) < 0)
		return;
	while (umount2(path, MNT_DETACH) == 0)
		;
	if (S_ISDIR(st.st_mode))
		nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	else
		unlink(path);
}

/* Directories up to the last slash; files in the way go. */
static bool make_parents(const char *path)
{
	char dir[CMP_PATH];
	struct stat st;

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
			remove_all(dir);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static bool put_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static socklen_t unix_address(const char *name, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	for (size_t i = 0; name[i] && i < sizeof(ret->sun_path) - 1; i++)
		ret->sun_path[i] = name[i];
	if (*name != '@')
		return sizeof(*ret);
	ret->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

/* Nobody listens: the connection is refused, after it was permitted. */
static bool put_socket(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len = unix_address(path, &addr);

	return strlen(path) < sizeof(addr.sun_path) && bind(fd, (void *)&addr, len) == 0;
}

bool cmp_prepare(const struct cmp_call *c)
{
	struct stat st;

	if (cmp_object(c->op) == CMP_AT_NONE)
		return true;
	if (kernel_made(c->path))
		return !kernel_made(c->to) && lstat(c->path, &st) == 0 &&
		       S_ISDIR(st.st_mode) == (cmp_object(c->op) == CMP_AT_DIR);
	if (kernel_made(c->to))
		return false;
	remove_all(c->path);
	if (!make_parents(c->path))
		return false;
	if (cmp_has_two(c->op)) {
		/* Neither within the other. */
		size_t len = strlen(c->path), to = strlen(c->to);

		if (strncmp(c->path, c->to, len < to ? len : to) == 0)
			return false;
		remove_all(c->to);
		if (!make_parents(c->to))
			return false;
	}
	mkdir(SOURCE, 0755);
	if (c->op == CMP_MOVE_MOUNT && mount("moved", SOURCE, "tmpfs", 0, NULL) < 0)
		return false;
	switch (cmp_object(c->op)) {
	case CMP_AT_FILE:
		if (c->op == CMP_SCRIPT)
			return put_file(INTERPRETER, "text\n") &&
			       put_file(c->path, "#!" INTERPRETER "\n");
		return put_file(c->path, "text\n");
	case CMP_AT_DIR:
		return mkdir(c->path, 0755) == 0;
	case CMP_AT_SOCKET:
		return put_socket(c->path);
	case CMP_AT_MOUNT:
		return mkdir(c->path, 0755) == 0 && mount("t", c->path, "tmpfs", 0, NULL) == 0;
	default:
		return true;
	}
}

void cmp_clean(const struct cmp_call *c)
{
	if (cmp_object(c->op) == CMP_AT_NONE)
		return;
	while (c->op >= CMP_MOUNT && umount2(SOURCE, MNT_DETACH) == 0)
		;
	remove_all(c->path);
	if (cmp_has_two(c->op))
		remove_all(c->to);
}

/* ---- performing ---- */

static int close_it(int fd)
{
	vk_closep(&fd);
	return fd;
}

static int map_call(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return -1;
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	munmap(p, 4096);
	return 0;
}

static int memory_call(void)
{
	_cleanup_close_ int fd = memfd_create("compare", MFD_CLOEXEC);
	void *p = fd < 0 || ftruncate(fd, 4096) < 0 ?
			  MAP_FAILED :
			  mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, 4096);
	return 0;
}

static int lock_call(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : flock(fd, LOCK_SH);
}

static int unix_call(const char *name, bool connects)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len = unix_address(name, &addr);

	if (fd < 0)
		return -1;
	return connects ? connect(fd, (void *)&addr, len) : bind(fd, (void *)&addr, len);
}

/* Binds to a port of the kernel's choice, and connects to one where nobody is. */
static int inet_call(const struct cmp_call *c)
{
	_cleanup_close_ int fd = socket(c->a, c->b | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool six = c->a == AF_INET6;
	int r;

	if (fd < 0)
		return -1;
	r = six ? bind(fd, (void *)&v6, sizeof(v6)) : bind(fd, (void *)&v4, sizeof(v4));
	if (r < 0 && (errno == EACCES || errno == EPERM))
		return r;
	v6.sin6_port = v4.sin_port = htons(9);
	return six ? connect(fd, (void *)&v6, sizeof(v6)) : connect(fd, (void *)&v4, sizeof(v4));
}

const int cmp_caps[] = {
	CAP_SETUID,	CAP_SETGID,   CAP_SETPCAP,    CAP_SYS_ADMIN,	CAP_SYS_TIME,
	CAP_SYS_NICE,	CAP_SYS_BOOT, CAP_SYS_PACCT,  CAP_SYS_RAWIO,	CAP_SYS_CHROOT,
	CAP_SYS_MODULE, CAP_SYSLOG,   CAP_WAKE_ALARM, CAP_SYS_RESOURCE, -1};

/* What the capability guards, and nothing that stays. In a process that ends. */
static int capable_call(int cap)
{
	struct timezone zone = {0};
	struct rlimit limit;
	timer_t timer;

	switch (cap) {
	case CAP_SETUID:
		return setresuid(1, 1, 1);
	case CAP_SETGID:
		return setresgid(1, 1, 1);
	case CAP_SETPCAP:
		return prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0);
	case CAP_SYS_ADMIN:
		return sethostname("guest", 5);
	case CAP_SYS_TIME:
		return settimeofday(NULL, &zone);
	case CAP_SYS_NICE:
		return setpriority(PRIO_PROCESS, 0, -5);
	case CAP_SYS_BOOT:
		return (int)syscall(SYS_reboot, 0, 0, 0, NULL); /* EINVAL */
	case CAP_SYS_PACCT:
		return acct(NULL);
	case CAP_SYS_RAWIO:
		return iopl(3);
	case CAP_SYS_CHROOT:
		return chroot("/");
	case CAP_SYS_MODULE:
		return (int)syscall(SYS_delete_module, "no-such-module", O_NONBLOCK);
	case CAP_SYSLOG:
		return (int)syscall(SYS_syslog, 8, NULL, 7); /* the level of the console */
	case CAP_WAKE_ALARM:
		return timer_create(CLOCK_REALTIME_ALARM, NULL, &timer);
	case CAP_SYS_RESOURCE:
		if (getrlimit(RLIMIT_CORE, &limit) < 0)
			return -1;
		limit.rlim_cur = limit.rlim_max = 1;
		setrlimit(RLIMIT_CORE, &limit);
		limit.rlim_max = 2;
		return setrlimit(RLIMIT_CORE, &limit);
	default:
		errno = ENOSYS;
		return -1;
	}
}

static int process_call(const struct cmp_call *c)
{
	pid_t pid = c->other ? c->outside : c->own;
	char link[64], text[64];

	switch (c->op) {
	case CMP_PTRACE:
		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
			return -1;
		/* Only a stopped tracee can be left. */
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		waitpid(pid, NULL, __WALL);
		return (int)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	case CMP_INSPECT:
		snprintf(link, sizeof(link), "/proc/%d/ns/mnt", pid);
		return (int)readlink(link, text, sizeof(text));
	default:
		return kill(pid, c->b);
	}
}

static int call(const struct cmp_call *c)
{
	static char *const argv[] = {NULL};
	const char *p = c->path;
	struct stat st;

	switch (c->op) {
	case CMP_READ:
		return close_it(open(p, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	case CMP_WRITE:
		return close_it(open(p, O_WRONLY | O_CLOEXEC | O_NONBLOCK));
	case CMP_APPEND:
		return close_it(open(p, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
	case CMP_TRUNCATE:
		return truncate(p, 0);
	case CMP_CREATE:
		return mknod(p, S_IFREG | 0644, 0);
	case CMP_OPEN_CREATE:
		return close_it(open(p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	case CMP_EXEC:
	case CMP_SCRIPT:
		return execve(p, argv, argv); /* a text: ENOEXEC */
	case CMP_LOCK:
		return lock_call(p);
	case CMP_MEMORY:
		return memory_call();
	case CMP_MMAP:
		return map_call(p);
	case CMP_UNLINK:
		return unlink(p);
	case CMP_SYMLINK:
		return symlink("target", p);
	case CMP_MKNOD:
		return mknod(p, S_IFIFO | 0644, 0);
	case CMP_CHMOD:
	case CMP_CHMOD_DIR:
		/* To what it is: files of sysfs are the same in later suites of this boot. */
		return chmod(p, stat(p, &st) == 0 ? st.st_mode & 07777 : 0700);
	case CMP_CHOWN:
		return chown(p, 0, 0);
	case CMP_RENAME:
	case CMP_RENAME_DIR:
		return rename(p, c->to);
	case CMP_LINK:
		return link(p, c->to);
	case CMP_LIST:
		return close_it(open(p, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	case CMP_MKDIR:
		return mkdir(p, 0755);
	case CMP_RMDIR:
		return rmdir(p);
	case CMP_UNIX_BIND:
		return unix_call(p, false);
	case CMP_UNIX_CONNECT:
		return unix_call(p, true);
	case CMP_ABSTRACT:
		return unix_call(c->a ? "@cmp-nobody" : "@cmp-name", c->a);
	case CMP_SOCKET:
		return close_it(socket(c->a, c->b | SOCK_CLOEXEC, 0));
	case CMP_INET:
		return inet_call(c);
	case CMP_CAPABLE:
		return capable_call(c->a);
	case CMP_USERNS:
		return unshare(CLONE_NEWUSER);
	case CMP_MOUNT:
		return mount("tmpfs", p, "tmpfs", 0, NULL);
	case CMP_BIND_MOUNT:
		return mount(SOURCE, p, NULL, MS_BIND, NULL);
	case CMP_REMOUNT:
		return mount(NULL, p, NULL, MS_REMOUNT | MS_NOSUID, NULL);
	case CMP_MOVE_MOUNT:
		return mount(SOURCE, p, NULL, MS_MOVE, NULL);
	case CMP_UMOUNT:
		return umount2(p, 0);
	default:
		return process_call(c);
	}
}

void cmp_perform(struct cmp_call *c)
{
	/* What changes the process is done by one of its own. */
	if (c->op == CMP_CAPABLE || c->op == CMP_USERNS) {
		pid_t pid = fork();

		if (pid == 0) {
			errno = 0;
			c->err = call(c) < 0 ? errno : 0;
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return;
	}
	errno = 0;
	c->err = call(c) < 0 ? errno : 0;
}
