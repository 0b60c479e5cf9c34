// SPDX-License-Identifier: LGPL-2.1-or-later
/* A log that may only be appended to, and ways to change what is in it. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "append.h"
#include "cleanup.h"

void log_prepare(void)
{
	live_file(LOG, "0123456789");
}

void log_check(void)
{
	_cleanup_close_ int fd = open(LOG, O_RDONLY | O_CLOEXEC);
	char text[11] = {0};

	CHECK_EQ(read(fd, text, sizeof(text)), 10);
	CHECK_EQ(memcmp(text, "0123456789", 10), 0);
}

int log_open(void)
{
	return open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
}

const char *lacks_noappend(void)
{
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	struct iovec iov = {(char *)(uintptr_t) "X", 1};

	ASSERT(fd >= 0);
	return pwritev2(fd, &iov, 1, 0, RWF_NOAPPEND) < 0 && errno == EOPNOTSUPP ?
		       "this kernel has no RWF_NOAPPEND, which is from 6.9" :
		       NULL;
}

ATTACK(log_by_fallocate, .primitive = "fallocate(2) with FALLOC_FL_PUNCH_HOLE", ON_LOG)
{
	_cleanup_close_ int fd = log_open();

	if (fd < 0)
		return errno;
	return attack_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10));
}

ATTACK(log_by_ioctl, .primitive = "ioctl(2) of FS_IOC_UNRESVSP, which punches holes", ON_LOG)
{
	_cleanup_close_ int fd = log_open();
	struct {
		int16_t type, whence;
		int64_t start, len;
		int32_t sysid;
		uint32_t pid, pad[4];
	} space = {.len = 10};

	if (fd < 0)
		return errno;
	return attack_errno(ioctl(fd, _IOC(_IOC_WRITE, 'X', 43, sizeof(space)), &space));
}

ATTACK(log_by_noappend, .primitive = "pwritev2(2) with RWF_NOAPPEND", ON_LOG,
       .lacks = lacks_noappend)
{
	_cleanup_close_ int fd = log_open();
	struct iovec iov = {(char *)(uintptr_t) "X", 1};

	if (fd < 0)
		return errno;
	return attack_errno(pwritev2(fd, &iov, 1, 0, RWF_NOAPPEND));
}

ATTACK(log_by_aio, .primitive = "io_submit(2) with RWF_NOAPPEND", ON_LOG, .lacks = lacks_noappend)
{
	_cleanup_close_ int fd = log_open();
	struct iocb cb = {.aio_lio_opcode = IOCB_CMD_PWRITE,
			  .aio_fildes = (uint32_t)fd,
			  .aio_buf = (uintptr_t) "X",
			  .aio_nbytes = 1,
			  .aio_rw_flags = RWF_NOAPPEND},
		    *list = &cb;
	struct io_event done = {0};
	aio_context_t context = 0;

	if (fd < 0 || syscall(SYS_io_setup, 1, &context) < 0 ||
	    syscall(SYS_io_submit, context, 1, &list) < 0 ||
	    syscall(SYS_io_getevents, context, 1, 1, &done, NULL) < 0)
		return errno;
	return done.res < 0 ? (int)-done.res : 0;
}
