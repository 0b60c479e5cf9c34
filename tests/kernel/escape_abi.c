// SPDX-License-Identifier: LGPL-2.1-or-later
/* Other ways into the kernel: io_uring, 32-bit and x32 system calls, newer variants of open. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"
#include "ring.h"

#define SECRET "/tmp/k/denied"

static void prepare(void)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}");
	live_file(SECRET, "secret");
	live_file("/tmp/k/ok", "public");
}

/* ---- io_uring ---- */

/* The result of IORING_OP_OPENAT. */
static int ring_open(struct ring *r, const char *path, unsigned int sqe_flags, bool polled)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_OPENAT,
				   .flags = (uint8_t)sqe_flags,
				   .fd = AT_FDCWD,
				   .addr = (uintptr_t)path,
				   .open_flags = O_RDONLY | O_CLOEXEC};
	int res = ring_submit(r, &sqe, polled);

	if (res >= 0)
		close(res);
	return res;
}

static void by_ring(void *arg)
{
	bool polled = *(bool *)arg;
	struct ring r;

	ASSERT(ring_make(&r, polled ? IORING_SETUP_SQPOLL : 0));
	CHECK_EQ(ring_open(&r, SECRET, 0, polled), -EACCES);
	CHECK_EQ(ring_open(&r, SECRET, IOSQE_ASYNC, polled), -EACCES); /* by a worker thread */
	CHECK_GE(ring_open(&r, "/tmp/k/ok", 0, polled), 0);
	CHECK_GE(ring_open(&r, "/tmp/k/ok", IOSQE_ASYNC, polled), 0);
}
LIVE_TEST(io_uring_opens_and_its_workers)
{
	bool polled = false;

	prepare();
	live_run(by_ring, &polled);
}
LIVE_TEST(io_uring_kernel_thread)
{
	bool polled = true;

	prepare();
	live_run(by_ring, &polled);
}

/* A ring from before membership: its workers are threads of the process, or made by it later. */
static struct ring old_ring;
static bool old_polled;
static void by_old_ring(void *arg)
{
	int *p = arg;
	char byte = 'x';

	ASSERT(ring_make(&old_ring, old_polled ? IORING_SETUP_SQPOLL : 0));
	CHECK_GE(ring_open(&old_ring, SECRET, IOSQE_ASYNC, old_polled), 0);
	ASSERT(write(p[1], &byte, 1) == 1 && read(p[2], &byte, 1) == 1);
	CHECK_EQ(ring_open(&old_ring, SECRET, 0, old_polled), -EACCES);
	CHECK_EQ(ring_open(&old_ring, SECRET, IOSQE_ASYNC, old_polled), -EACCES);
}
static void old_ring_test(void)
{
	int p[4];
	struct live_member m;
	char byte;

	prepare();
	ASSERT(pipe(p) == 0 && pipe(p + 2) == 0);
	m = live_fork(by_old_ring, p);
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	live_attach(&m);
	ASSERT(write(p[3], &byte, 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
}
LIVE_TEST(io_uring_workers_from_before_attach)
{
	old_ring_test();
}
LIVE_TEST(io_uring_kernel_thread_from_before_attach)
{
	old_polled = true;
	old_ring_test();
}

/* ---- other ABIs ---- */

#ifdef __x86_64__
static int compat_open(void *arg)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r;

	if (low == MAP_FAILED)
		return 200;
	strcpy(low, arg);
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(5 /* open */), "b"(low), "c"(O_RDONLY), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? (int)-(int)r : 0;
}
static void by_int80(void *arg)
{
	int ok = live_child(compat_open, (char *)(uintptr_t) "/tmp/k/ok");
	int no = live_child(compat_open, (char *)(uintptr_t)SECRET);

	(void)arg;
	CHECK_EQ(ok, 0);
	CHECK_EQ(no, EACCES);
}
static int compat_getpid(void *arg)
{
	long r;

	(void)arg;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	return r == getpid() ? 0 : 1;
}
LIVE_TEST(open_by_int_0x80)
{
	if (live_child(compat_getpid, NULL) != 0)
		SKIP("this kernel has no 32-bit system calls");
	prepare();
	live_run(by_int80, NULL);
}

#define X32(nr) (0x40000000 | (nr))
static void need_x32(void)
{
	if (syscall(X32(SYS_getpid)) != getpid())
		SKIP("this kernel has no x32 calls, or was booted without syscall.x32=y");
}

static void by_x32(void *arg)
{
	struct open_how how = {.flags = O_RDONLY};
	int fd;

	(void)arg;
	CHECK_ERRNO(syscall(X32(SYS_open), SECRET, O_RDONLY), EACCES);
	CHECK_ERRNO(syscall(X32(SYS_openat), AT_FDCWD, SECRET, O_RDONLY), EACCES);
	CHECK_ERRNO(syscall(X32(SYS_openat2), AT_FDCWD, SECRET, &how, sizeof(how)), EACCES);
	fd = (int)syscall(X32(SYS_openat), AT_FDCWD, "/tmp/k/ok", O_RDONLY);
	CHECK_GE(fd, 0);
	close(fd);
}
LIVE_TEST(open_by_x32)
{
	need_x32();
	prepare();
	live_run(by_x32, NULL);
}

/* What x32 has numbers of its own for, or is told from other calls by its number. */
struct x32_objects {
	pid_t other;
	int terminal, file;
	struct {
		struct {
			uint32_t base, len;
		} iov;
		int flags;
		char text[4];
	} * low; /* below 4 GiB: such calls drop the upper half of some addresses */
};
static void others_by_x32(void *arg)
{
	const struct x32_objects *o = arg;
	const struct {
		uint64_t set, clear, propagation, userns;
	} attr = {.clear = 1 /* MOUNT_ATTR_RDONLY */};
	static const uint32_t none[1];

	o->low->flags = 0x40; /* FS_NODUMP_FL */
	CHECK_ERRNO(syscall(X32(520 /* execve */), "/tmp/k/program", none, none), EACCES);
	CHECK_ERRNO(syscall(X32(545 /* execveat */), AT_FDCWD, "/tmp/k/program", none, none, 0),
		    EACCES);
	CHECK_ERRNO(syscall(X32(514 /* ioctl */), o->terminal, TIOCSTI, o->low->text), EPERM);
	CHECK_ERRNO(syscall(X32(514), o->file, FS_IOC32_SETFLAGS, &o->low->flags), EPERM);
	CHECK_ERRNO(syscall(X32(539 /* process_vm_readv */), o->other, &o->low->iov, 1,
			    &o->low->iov, 1, 0),
		    EPERM);
	CHECK_ERRNO(syscall(X32(SYS_kill), o->other, SIGTERM), EPERM);
	CHECK_ERRNO(syscall(X32(SYS_socket), AF_ALG, SOCK_SEQPACKET, 0), EACCES);
	CHECK_ERRNO(
		syscall(X32(SYS_mount_setattr), AT_FDCWD, "/tmp/k/fixed", 0, &attr, sizeof(attr)),
		EPERM);
	CHECK_EQ(live_open("/tmp/k/fixed/f", O_WRONLY | O_CREAT), EROFS);
}
static void make_x32_objects(struct x32_objects *o)
{
	o->low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		      -1, 0);
	ASSERT(o->low != MAP_FAILED);
	strcpy(o->low->text, "x");
	o->low->iov.base = (uint32_t)(uintptr_t)o->low->text;
	o->low->iov.len = 1;
	o->other = live_sleeper();
	live_file("/tmp/k/program", "#!/bin/true\n");
	ASSERT(chmod("/tmp/k/program", 0755) == 0);
	live_dir("/tmp/k/fixed");
	ASSERT(mount("none", "/tmp/k/fixed", "tmpfs", MS_RDONLY, NULL) == 0);
	o->terminal = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY);
	o->file = open("/tmp/k/ok", O_RDWR | O_CLOEXEC);
	ASSERT(o->terminal >= 0 && o->file >= 0);
	/* Each of these succeeds for who is no member: it is not the kernel that denies it. */
	CHECK_ERRNO(syscall(X32(514), o->terminal, TIOCSTI, o->low->text), 0);
	CHECK_ERRNO(syscall(X32(514), o->file, FS_IOC32_SETFLAGS, &o->low->flags), 0);
	CHECK_EQ(syscall(X32(539), o->other, &o->low->iov, 1, &o->low->iov, 1, 0), 1);
}
LIVE_TEST(other_calls_by_x32)
{
	struct x32_objects o;

	need_x32();
	live_policy("files: {default: allow, rules: [{deny: [ioctl], path: /none}]}\n"
		    "xattrs: deny\n"
		    "exec: {default: allow, deny: [/tmp/k/program]}\n"
		    "processes: {ptrace: none, signal: own}\n"
		    "mounts: {default: deny}\n"
		    "network: {default: allow, deny: [{socket: alg}]}\n");
	live_file("/tmp/k/ok", "public");
	make_x32_objects(&o);
	live_run(others_by_x32, &o);
	CHECK(live_alive(o.other));
	kill(o.other, SIGKILL);
}

static void append_by_x32(void *arg)
{
	const struct x32_objects *o = arg;
	int fd = open("/tmp/k/log", O_WRONLY | O_APPEND | O_CLOEXEC);

	CHECK_EQ(syscall(X32(516 /* writev */), fd, &o->low->iov, 1), 1);
	CHECK_EQ(syscall(X32(535 /* pwritev */), fd, &o->low->iov, 1, 0), 1);
	CHECK_EQ(syscall(X32(547 /* pwritev2 */), fd, &o->low->iov, 1, 0, 0), 1);
	CHECK_ERRNO(syscall(X32(547), fd, &o->low->iov, 1, 0, 0x20 /* RWF_NOAPPEND */), EACCES);
	CHECK_ERRNO(syscall(X32(547), fd, &o->low->iov, 1, 0, 0x8000), EACCES);
	CHECK_ERRNO(syscall(X32(SYS_fallocate), fd, 3 /* punch a hole */, 0, 10), EACCES);
	/* Numbers that are not of x32, and x32's as numbers of x86-64, are no calls. */
	CHECK_ERRNO(syscall(X32(SYS_pwritev2), fd, &o->low->iov, 1, 0, 0, 0x20), ENOSYS);
	CHECK_ERRNO(syscall(547, fd, &o->low->iov, 1, 0, 0x20), ENOSYS);
}
LIVE_TEST(append_only_by_x32)
{
	struct x32_objects o;
	char text[16] = {0};

	need_x32();
	live_policy("files: {default: deny, rules: [{allow: [read, append], path: /tmp/k/log}]}");
	live_file("/tmp/k/ok", "public");
	live_file("/tmp/k/log", "0123456789");
	make_x32_objects(&o);
	live_run(append_by_x32, &o);
	kill(o.other, SIGKILL);
	CHECK_EQ(read(open("/tmp/k/log", O_RDONLY | O_CLOEXEC), text, sizeof(text)), 13);
	CHECK_STREQ(text, "0123456789xxx");
}
#endif

static void by_openat2(void *arg)
{
	struct open_how how = {.flags = O_RDONLY};
	int root = open("/tmp", O_PATH | O_CLOEXEC);

	(void)arg;
	CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, SECRET, &how, sizeof(how)), EACCES);
	how.resolve = RESOLVE_IN_ROOT;
	CHECK_ERRNO(syscall(SYS_openat2, root, "/k/denied", &how, sizeof(how)), EACCES);
	CHECK_ERRNO(syscall(SYS_openat2, root, "/k/ok", &how, sizeof(how)), 0);
	CHECK_ERRNO(creat(SECRET, 0644), 0); /* write is not denied */
	CHECK_EQ(live_open(SECRET, O_RDWR), EACCES);
	CHECK_EQ(live_open(SECRET, O_RDONLY | O_DIRECT), EACCES);
}
LIVE_TEST(openat2_and_flags)
{
	prepare();
	live_run(by_openat2, NULL);
}

/*
 * Since 6.5 fanotify(7) tells of the file underneath an overlay's, too, and opens it for whoever
 * reads the event: through io_uring under credentials chosen by the reader, as overlayfs does.
 */
static int marked(const char *dir)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDWR);

	ASSERT(fd >= 0);
	ASSERT(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, dir) == 0);
	return fd;
}

/* How many events of @fd can be read under @personality and bring a file to write. */
static int writable_events(struct ring *ring, int fd, uint16_t personality)
{
	struct fanotify_event_metadata event[64];
	struct io_uring_sqe sqe = {.opcode = IORING_OP_READ,
				   .fd = fd,
				   .addr = (uintptr_t)event,
				   .len = sizeof(event),
				   .personality = personality};
	struct pollfd told = {.fd = fd, .events = POLLIN};
	int n = poll(&told, 1, 0) == 1 ? ring_submit(ring, &sqe, false) : 0, found = 0;

	for (int i = 0; n > 0 && i < n / (int)sizeof(event[0]); i++) {
		if (event[i].fd < 0)
			continue;
		if (pwrite(event[i].fd, "X", 1, 0) == 1)
			found++;
		close(event[i].fd);
	}
	return found;
}

static void events(void *arg)
{
	struct ring ring;
	int fd = marked("/tmp/k/base"), personality;

	(void)arg;
	ASSERT(ring_make(&ring, 0));
	personality =
		(int)syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	ASSERT(personality > 0);
	/* Others than the registered ones, of the same value. */
	ASSERT(setresgid(0, 1, 0) == 0 && setresgid(0, 0, 0) == 0);
	CHECK_EQ(live_open("/tmp/k/merged/f", O_RDWR), EACCES);
	CHECK_EQ(live_open("/tmp/k/merged/f", O_RDONLY), 0);
	CHECK_EQ(writable_events(&ring, fd, (uint16_t)personality), 0);
}
static void read_f(char text[7])
{
	int fd = open("/tmp/k/merged/f", O_RDONLY | O_CLOEXEC);

	memset(text, 0, 7);
	CHECK_EQ(read(fd, text, 6), 6);
	close(fd);
}
LIVE_TEST(file_of_an_overlay_by_fanotify_and_io_uring)
{
	char text[7];

	live_policy(
		"files: {default: deny, rules: [{allow: [read], path: ['/tmp/k/merged/**', /tmp/k/base]}]}");
	live_dir("/tmp/k/base");
	live_dir("/tmp/k/merged");
	ASSERT(mount("none", "/tmp/k/base", "tmpfs", 0, NULL) == 0);
	live_dir("/tmp/k/base/upper");
	live_dir("/tmp/k/base/work");
	live_dir("/tmp/k/base/lower");
	ASSERT(mount("overlay", "/tmp/k/merged", "overlay", 0,
		     "lowerdir=/tmp/k/base/lower,upperdir=/tmp/k/base/upper,workdir=/tmp/k/base/work") ==
	       0);
	live_file("/tmp/k/merged/f", "secret");
	live_run(events, NULL);
	read_f(text);
	CHECK_STREQ(text, "secret");
}
