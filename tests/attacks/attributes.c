// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attributes of files: capabilities of programs, ACLs, flags. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

#define XATTRS                                                                                     \
	.policy = "xattrs: deny", .rule = "test: xattrs: deny", .op = VK_OP_XATTR, .err = EPERM,   \
	.plain = EVERYWHERE

#define PROGRAM "/tmp/k/program"
static void make_program(void)
{
	unlink(PROGRAM);
	live_file(PROGRAM, "#!/bin/sh\n");
	ASSERT(chmod(PROGRAM, 0644) == 0);
}
static void has_no_capability(void)
{
	CHECK_ERRNO(getxattr(PROGRAM, "security.capability", NULL, 0), ENODATA);
}
ATTACK(file_capability, .against = "file capabilities",
       .primitive = "setxattr(2): capabilities for a program", XATTRS, .hook = "inode_setxattr",
       .prepare = make_program, .check = has_no_capability)
{
	static const uint32_t caps[5] = {VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
					 1u << CAP_NET_RAW};

	return attack_errno(setxattr(PROGRAM, "security.capability", caps, sizeof(caps), 0));
}

static void mode_is_kept(void)
{
	struct stat st;

	CHECK_EQ(stat(PROGRAM, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0644);
}
ATTACK(acl_grants_writing, .against = "ACLs",
       .primitive = "setxattr(2): an ACL that lets a user write to a file of root", XATTRS,
       .hook = "inode_set_acl", .prepare = make_program, .check = mode_is_kept)
{
	/* u::rw- u:1000:rw- g::r-- m::rw- o::r-- */
	static const uint32_t acl[11] = {2,    6u << 16 | 1,	~0u, 6u << 16 | 2,
					 1000, 4u << 16 | 4,	~0u, 6u << 16 | 0x10,
					 ~0u,  4u << 16 | 0x20, ~0u};

	return attack_errno(setxattr(PROGRAM, "system.posix_acl_access", acl, sizeof(acl), 0));
}

static int flags_before;
static int read_flags(void)
{
	_cleanup_close_ int fd = open(PROGRAM, O_RDONLY | O_CLOEXEC);
	int flags = 0;

	ASSERT(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0);
	return flags;
}
static void keep_flags(void)
{
	make_program();
	flags_before = read_flags();
}
static void flags_are_kept(void)
{
	CHECK_EQ(read_flags(), flags_before);
}
ATTACK(flags_by_ioctl, .against = "file flags", .primitive = "ioctl(2) of FS_IOC_SETFLAGS", XATTRS,
       .hook = "file_ioctl", .prepare = keep_flags, .check = flags_are_kept)
{
	_cleanup_close_ int fd = open(PROGRAM, O_RDONLY | O_CLOEXEC);
	int flags = FS_NODUMP_FL;

	return attack_errno(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}
#define NR_FILE_SETATTR 469
static const char *lacks_file_setattr(void)
{
	return syscall(NR_FILE_SETATTR, -1, NULL, NULL, 0, 0) < 0 && errno == ENOSYS ?
		       "this kernel has no file_setattr(2), which is from 6.17" :
		       NULL;
}
ATTACK(flags_by_name, .against = "file flags", .primitive = "file_setattr(2)", XATTRS,
       .hook = "inode_file_setattr", .lacks = lacks_file_setattr, .prepare = keep_flags,
       .check = flags_are_kept)
{
	struct {
		uint64_t flags;
		uint32_t rest[4];
	} fa = {.flags = FS_XFLAG_NODUMP};

	return attack_errno(syscall(NR_FILE_SETATTR, AT_FDCWD, PROGRAM, &fa, sizeof(fa), 0));
}
