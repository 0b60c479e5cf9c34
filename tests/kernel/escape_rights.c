// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rights that one system call grants and another might stretch: append, exec, mmap. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

#define LOG "/tmp/k/log"
#define APPEND_ONLY "files: {default: deny, rules: [{allow: [read, append], path: /tmp/k/log}]}"

static void prepare(void)
{
	live_policy(APPEND_ONLY);
	live_file(LOG, "0123456789");
}

/* Whatever a test did, the first bytes are still there. */
static void check_log(void)
{
	char text[11] = {0};
	int fd = open(LOG, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(read(fd, text, 10), 10);
	CHECK_STREQ(text, "0123456789");
	close(fd);
}

static void by_flags(void *arg)
{
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(live_open(LOG, O_WRONLY), EACCES);
	CHECK_EQ(live_open(LOG, O_WRONLY | O_APPEND | O_TRUNC), EACCES);
	CHECK_EQ(live_open(live_fd_path(fd), O_WRONLY), EACCES);
	CHECK_ERRNO(fcntl(fd, F_SETFL, 0), EACCES);
	CHECK_ERRNO(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	CHECK_ERRNO(ftruncate(fd, 0), EACCES);
	CHECK_ERRNO(truncate(LOG, 0), EACCES);
	CHECK_EQ(pwrite(fd, "X", 1, 0), 1); /* appends, by the kernel's own rule */
}
LIVE_TEST(append_only_by_flags)
{
	prepare();
	live_run(by_flags, NULL);
	check_log();
}

/* Everything that adds to the end still works; what refuses O_APPEND by itself says so. */
static void still_appends(void *arg)
{
	_cleanup_close_ int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC), in = -1;
	struct iovec iov = {(char *)(uintptr_t) "x", 1};
	int p[2];

	(void)arg;
	in = open(LOG, O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0 && in >= 0 && pipe(p) == 0 && write(p[1], "x", 1) == 1);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(writev(fd, &iov, 1), 1);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EQ(pwritev(fd, &iov, 1, 0), 1);
	CHECK_EQ(pwritev2(fd, &iov, 1, 0, 0), 1);
	CHECK_EQ(pwritev2(fd, &iov, 1, -1, RWF_APPEND | RWF_DSYNC), 1);
	CHECK_ERRNO(sendfile(fd, in, NULL, 1), EINVAL);
	CHECK_ERRNO(splice(p[0], NULL, fd, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(copy_file_range(in, NULL, fd, NULL, 1, 0), EBADF);
	/* Nobody is to append here, but this was open before: not what the policy is about. */
	CHECK_EQ(write(*(int *)arg, "x", 1), 1);
}
LIVE_TEST(append_only_still_appends)
{
	int other;

	prepare();
	live_file("/tmp/k/other", "");
	other = open("/tmp/k/other", O_WRONLY | O_APPEND | O_CLOEXEC);
	live_run(still_appends, &other);
	CHECK_EQ(live_counters().denied, 0);
	check_log();
}

static void by_other_writers(void *arg)
{
	_cleanup_close_ int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct iovec iov = {(char *)(uintptr_t) "X", 1};
	int err = 0;

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10), EACCES);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10), EACCES);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EACCES);
	if (pwritev2(fd, &iov, 1, 0, RWF_NOAPPEND) < 0)
		err = errno;
	CHECK(err == EACCES);
	/* Bits that no kernel knows yet may mean anything. */
	CHECK_ERRNO(pwritev2(fd, &iov, 1, 0, 0x8000), EACCES);
#ifdef __x86_64__
	long r;

	/* By the other entry: fallocate, whose last argument is ebp, and write. */
	__asm__ volatile("push %%rbp\n\txor %%ebp, %%ebp\n\tint $0x80\n\tpop %%rbp"
			 : "=a"(r)
			 : "a"(324), "b"(fd), "c"(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
			   "d"(0), "S"(0), "D"(10)
			 : "memory", "r8", "r9", "r10", "r11");
	CHECK_EQ(r, -EACCES);
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(4), "b"(fd), "c"(0), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	CHECK_EQ(r, 0);
#endif
}
LIVE_TEST(append_only_by_other_writers)
{
	prepare();
	live_run(by_other_writers, NULL);
	check_log();
}

/* Where another instance has such a log, whoever has none is asked nothing. */
static void free_to_punch(void *arg)
{
	_cleanup_close_ int fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)arg;
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10), 0);
}
LIVE_TEST(append_only_is_for_those_who_say_so)
{
	live_policy("files: {default: allow, rules: [{deny: [read], path: /tmp/k/none}]}");
	live_file(LOG, "0123456789");
	live_run(free_to_punch, NULL);
	CHECK_EQ(live_counters().denied, 0);
}

static void on_an_overlay(void *arg)
{
	_cleanup_close_ int fd = open("/tmp/k/ov/merged/log", O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10), EACCES);
}
LIVE_TEST(append_only_on_an_overlay)
{
	live_dir("/tmp/k/ov");
	ASSERT(mount("none", "/tmp/k/ov", "tmpfs", 0, NULL) == 0);
	live_dir("/tmp/k/ov/upper");
	live_dir("/tmp/k/ov/work");
	live_dir("/tmp/k/ov/merged");
	live_file("/tmp/k/ov/lower/log", "0123456789");
	ASSERT(mount("none", "/tmp/k/ov/merged", "overlay", 0,
		     "lowerdir=/tmp/k/ov/lower,upperdir=/tmp/k/ov/upper,workdir=/tmp/k/ov/work") ==
	       0);
	live_policy("files: {default: deny, rules: [{allow: [read, append], "
		    "path: /tmp/k/ov/merged/log}]}");
	live_run(on_an_overlay, NULL);
	CHECK_EQ(live_counters().denied, 1);
}

static void by_mapping(void *arg)
{
	int fd = open(LOG, O_RDWR | O_APPEND | O_CLOEXEC);
	char *p;

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_EQ((intptr_t)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), -1);
	CHECK_EQ(errno, EACCES);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	if (CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES) == false)
		*p = 'X';
}
LIVE_TEST(append_only_by_mapping)
{
	prepare();
	live_run(by_mapping, NULL);
	check_log();
}

/* ---- executing ---- */

static char *const no_args[] = {NULL};

static int exec_fd(int fd)
{
	return syscall(SYS_execveat, fd, "", no_args, no_args, AT_EMPTY_PATH) < 0 ? errno : 0;
}

static void memory_file(void *arg)
{
	int fd = memfd_create("program", MFD_CLOEXEC), unnamed, again;

	(void)arg;
	CHECK_EQ(write(fd, "text\n", 5), 5);
	CHECK_EQ(exec_fd(fd), EACCES);
	unnamed = open("/tmp/k", O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
	CHECK_EQ(write(unnamed, "text\n", 5), 5);
	again = open(live_fd_path(unnamed), O_RDONLY | O_CLOEXEC);
	close(unnamed); /* else it is ETXTBSY */
	CHECK_EQ(exec_fd(again), EACCES);
}
LIVE_TEST(memory_files_are_not_executed)
{
	live_policy("exec: {default: deny, allow: [/tmp/k/bin/good]}");
	live_run(memory_file, NULL);
}

static void map_memory_file(void *arg)
{
	int fd = memfd_create("library", MFD_CLOEXEC);
	char *p;

	(void)arg;
	CHECK_EQ(write(fd, "text\n", 5), 5);
	CHECK_EQ((intptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), -1);
	CHECK_EQ(errno, EACCES);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_EXEC), EACCES);
	/* Code made at run time has no file: not what this right is about. */
	CHECK_NE((intptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0),
		 -1);
}
LIVE_TEST(memory_files_are_not_mapped_as_code)
{
	live_policy("files: {default: deny, rules: [{allow: [read], path: /none}]}");
	live_run(map_memory_file, NULL);
}

static const char *loader(void)
{
	return access("/lib64/ld-linux-x86-64.so.2", X_OK) == 0 ? "/lib64/ld-linux-x86-64.so.2" :
								  "/lib/ld-linux-aarch64.so.1";
}

static int exec_loader(void *arg)
{
	(void)arg;
	execl(loader(), "ld.so", "/tmp/k/evil", "none", (char *)NULL);
	return errno;
}
static int exec_path(void *arg)
{
	const char *path = arg;

	execl(path, path, "none", (char *)NULL);
	return errno;
}
static void by_loader(void *arg)
{
	(void)arg;
	CHECK_EQ(live_child(exec_loader, NULL), EACCES);
	CHECK_EQ(live_child(exec_path, (char *)(uintptr_t) "/tmp/k/evil"), EACCES);
	CHECK_EQ(live_child(exec_path, (char *)(uintptr_t) "/tmp/k/good"), 0);
}
static void copy_probe(const char *to)
{
	char command[8192];

	snprintf(command, sizeof(command), "cp %s %s", live_probe(), to);
	ASSERT(system(command) == 0);
}
LIVE_TEST(loader_is_no_way_to_execute)
{
	live_policy("exec: {default: deny, allow: [/tmp/k/good]}");
	copy_probe("/tmp/k/good");
	copy_probe("/tmp/k/evil");
	live_run(by_loader, NULL);
}

static void scripts(void *arg)
{
	(void)arg;
	CHECK_EQ(live_child(exec_path, (char *)(uintptr_t) "/tmp/k/bin/good.sh"), 0);
	CHECK_EQ(live_child(exec_path, (char *)(uintptr_t) "/tmp/k/bin/bad.sh"), EACCES);
	CHECK_EQ(live_child(exec_path, (char *)(uintptr_t) "/tmp/k/evil.sh"), EACCES);
}
LIVE_TEST(script_and_interpreter_need_both)
{
	live_policy("exec: {default: deny, allow: ['/tmp/k/bin/*']}");
	live_dir("/tmp/k/bin");
	copy_probe("/tmp/k/bin/good");
	copy_probe("/tmp/k/evil");
	live_file("/tmp/k/bin/good.sh", "#!/tmp/k/bin/good script\n");
	live_file("/tmp/k/bin/bad.sh", "#!/tmp/k/evil script\n");
	live_file("/tmp/k/evil.sh", "#!/tmp/k/bin/good script\n");
	live_run(scripts, NULL);
}
