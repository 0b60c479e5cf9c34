// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attributes of files: every way to set one, and what the kernel must go on doing by itself. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"
#include "ring.h"

#define FILE_NAME "/tmp/k/attributes/file"
#define CAPS "security.capability"
#define ACL "system.posix_acl_access"
#define SYS_FILE_SETATTR 469 /* since 6.17 */

/* CAP_NET_RAW, permitted and effective. */
static const uint32_t caps[5] = {VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, 1u << CAP_NET_RAW, 0,
				 0, 0};
/* u::rw- u:1000:rw- g::r-- m::rw- o::--- */
static const uint32_t acl[11] = {2,   6u << 16 | 1,    ~0u, 6u << 16 | 2, 1000, 4u << 16 | 4,
				 ~0u, 6u << 16 | 0x10, ~0u, 0x20,	  ~0u};

struct file_attributes {
	uint64_t flags;
	uint32_t rest[4];
};

static int set_flags(const char *path)
{
	struct file_attributes fa = {.flags = FS_XFLAG_NODUMP};

	return (int)syscall(SYS_FILE_SETATTR, AT_FDCWD, path, &fa, sizeof(fa), 0);
}
static bool has_set_flags(void)
{
	return syscall(SYS_FILE_SETATTR, AT_FDCWD, "", NULL, 0, 0) == 0 || errno != ENOSYS;
}

static void every_call(void *arg)
{
	_cleanup_close_ int fd = open(FILE_NAME, O_RDWR | O_CLOEXEC);
	char value[32];
	int flags = 0;

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_ERRNO(setxattr(FILE_NAME, CAPS, caps, sizeof(caps), 0), EPERM);
	CHECK_ERRNO(lsetxattr(FILE_NAME, CAPS, caps, sizeof(caps), 0), EPERM);
	CHECK_ERRNO(fsetxattr(fd, CAPS, caps, sizeof(caps), 0), EPERM);
	CHECK_ERRNO(setxattr(FILE_NAME, "trusted.new", "x", 1, 0), EPERM);
	CHECK_ERRNO(removexattr(FILE_NAME, "trusted.old"), EPERM);
	CHECK_ERRNO(lremovexattr(FILE_NAME, "trusted.old"), EPERM);
	CHECK_ERRNO(fremovexattr(fd, "trusted.old"), EPERM);
	CHECK_ERRNO(setxattr(FILE_NAME, ACL, acl, sizeof(acl), 0), EPERM);
	CHECK_ERRNO(removexattr(FILE_NAME, ACL), EPERM);
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, &flags), EPERM);
	CHECK_ERRNO(syscall(SYS_ioctl, fd, 0x401c5820 /* FS_IOC_FSSETXATTR */, value), EPERM);
	if (has_set_flags())
		CHECK_ERRNO(set_flags(FILE_NAME), EPERM);
	/* To read is no change. */
	CHECK_EQ(getxattr(FILE_NAME, "trusted.old", value, sizeof(value)), 1);
	CHECK_GT(listxattr(FILE_NAME, value, 0), 0);
	/* Nor are mode, owner and text. */
	CHECK_ERRNO(chmod(FILE_NAME, 0600), 0);
	CHECK_ERRNO(chown(FILE_NAME, 0, 0), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
}

static void make_file(void)
{
	live_dir("/tmp/k/attributes");
	if (access(FILE_NAME, F_OK) < 0)
		ASSERT(mount("none", "/tmp/k/attributes", "tmpfs", 0, NULL) == 0);
	live_file(FILE_NAME, "text");
	ASSERT(setxattr(FILE_NAME, "trusted.old", "x", 1, 0) == 0);
}

LIVE_TEST(attributes_by_every_call)
{
	make_file();
	live_policy("xattrs: deny");
	live_run(every_call, NULL);
	CHECK_ERRNO(getxattr(FILE_NAME, CAPS, NULL, 0), ENODATA);
	CHECK_ERRNO(getxattr(FILE_NAME, ACL, NULL, 0), ENODATA);
	CHECK_EQ(getxattr(FILE_NAME, "trusted.old", NULL, 0), 1);
}

/* The kernel works under other credentials there, too: but they are of the member's choice. */
static void by_ring(void *arg)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_SETXATTR,
				   .addr = (uintptr_t) "trusted.new",
				   .addr2 = (uintptr_t) "x",
				   .addr3 = (uintptr_t)FILE_NAME,
				   .len = 1};
	struct ring r;
	int id;

	(void)arg;
	ASSERT(ring_make(&r, 0));
	id = (int)syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	ASSERT(id > 0 && setresuid(0, 1000, 0) == 0);
	sqe.personality = (uint16_t)id;
	CHECK_EQ(ring_submit(&r, &sqe, false), -EPERM);
	sqe.flags = IOSQE_ASYNC;
	CHECK_EQ(ring_submit(&r, &sqe, false), -EPERM);
}
LIVE_TEST(attributes_by_a_ring_under_other_credentials)
{
	make_file();
	live_policy("xattrs: deny");
	live_run(by_ring, NULL);
	CHECK_EQ(live_counters().denied, 2);
	CHECK_ERRNO(getxattr(FILE_NAME, "trusted.new", NULL, 0), ENODATA);
}

/* The kernel's own rules stay in force where ours allow. */
static void reported(void *arg)
{
	struct stat st;

	(void)arg;
	CHECK_ERRNO(setxattr(FILE_NAME, ACL, acl, sizeof(acl), 0), 0);
	CHECK_ERRNO(stat(FILE_NAME, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0660); /* an ACL changes the mode */
	ASSERT(chown(FILE_NAME, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	CHECK_ERRNO(setxattr(FILE_NAME, CAPS, caps, sizeof(caps), 0), EPERM);
	CHECK_ERRNO(setxattr(FILE_NAME, "trusted.new", "x", 1, 0), EPERM);
	CHECK_ERRNO(removexattr(FILE_NAME, "trusted.old"), EPERM);
}
LIVE_TEST(attributes_are_reported)
{
	make_file();
	live_policy("xattrs: audit");
	live_run(reported, NULL);
	CHECK_EQ(live_counters().denied, 0);
	CHECK_GE(live_counters().audited, 1);
	CHECK_ERRNO(getxattr(FILE_NAME, CAPS, NULL, 0), ENODATA);
}

/* ---- what the kernel does by itself ---- */

#define OVERLAY "/tmp/k/overlay"
#define MERGED OVERLAY "/merged"

static void make_overlay(void)
{
	live_dir(OVERLAY);
	ASSERT(mount("none", OVERLAY, "tmpfs", 0, NULL) == 0);
	live_dir(OVERLAY "/upper");
	live_dir(OVERLAY "/work");
	live_dir(MERGED);
	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), OVERLAY "/lower/dir/file%d", i);
		live_file(path, "text");
		ASSERT(setxattr(path, CAPS, caps, sizeof(caps), 0) == 0 &&
		       setxattr(path, "trusted.old", "x", 1, 0) == 0 &&
		       setxattr(path, ACL, acl, sizeof(acl), 0) == 0);
	}
	ASSERT(setxattr(OVERLAY "/lower/dir", "system.posix_acl_default", acl, sizeof(acl), 0) ==
	       0);
	ASSERT(mount("none", MERGED, "overlay", 0,
		     "lowerdir=" OVERLAY "/lower,upperdir=" OVERLAY "/upper,workdir=" OVERLAY
		     "/work") == 0);
}

static void changes_an_overlay(void *arg)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	(void)arg;
	CHECK_ERRNO(setxattr(MERGED "/dir/file2", "trusted.new", "x", 1, 0), EPERM);
	CHECK_ERRNO(removexattr(MERGED "/dir/file2", ACL), EPERM);
	/* Copied up with all its attributes; its capabilities go, as it is written to. */
	fd = open(MERGED "/dir/file0", O_WRONLY | O_CLOEXEC);
	CHECK_EQ(write(fd, "more", 4), 4);
	CHECK_ERRNO(getxattr(MERGED "/dir/file0", CAPS, NULL, 0), ENODATA);
	CHECK_EQ(getxattr(MERGED "/dir/file0", "trusted.old", NULL, 0), 1);
	CHECK_EQ(getxattr(MERGED "/dir/file0", ACL, NULL, 0), sizeof(acl));
	CHECK_ERRNO(chown(MERGED "/dir/file1", 1000, 1000), 0);
	CHECK_ERRNO(chmod(MERGED "/dir/file1", 0640), 0);
	CHECK_ERRNO(getxattr(MERGED "/dir/file1", CAPS, NULL, 0), ENODATA);
	/* overlayfs notes in attributes what is opaque, and new files take ACLs over. */
	CHECK_ERRNO(unlink(MERGED "/dir/file2"), 0);
	CHECK_ERRNO(mkdir(MERGED "/dir/file2", 0700), 0);
	CHECK_ERRNO(mknod(MERGED "/dir/new", S_IFREG | 0644, 0), 0);
	CHECK_GT(getxattr(MERGED "/dir/new", ACL, NULL, 0), 0);
	CHECK_ERRNO(rename(MERGED "/dir/new", MERGED "/new"), 0);
	CHECK_ERRNO(stat(MERGED "/new", &st), 0);
}
LIVE_TEST(overlays_keep_their_attributes)
{
	make_overlay();
	live_policy("xattrs: deny");
	live_run(changes_an_overlay, NULL);
	CHECK_EQ(live_counters().denied, 2);
}

static void writes_to_a_program(void *arg)
{
	_cleanup_close_ int fd = open(FILE_NAME, O_WRONLY | O_CLOEXEC);

	(void)arg;
	CHECK_EQ(write(fd, "more", 4), 4);
	CHECK_ERRNO(getxattr(FILE_NAME, CAPS, NULL, 0), ENODATA);
}
LIVE_TEST(written_programs_lose_their_capabilities)
{
	make_file();
	ASSERT(setxattr(FILE_NAME, CAPS, caps, sizeof(caps), 0) == 0);
	live_policy("xattrs: deny");
	live_run(writes_to_a_program, NULL);
	CHECK_EQ(live_counters().denied, 0);
}
