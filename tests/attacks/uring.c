// SPDX-License-Identifier: LGPL-2.1-or-later
/* The same operations by io_uring, of which no system call filter sees anything. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "append.h"
#include "cleanup.h"
#include "ring.h"

/* In headers later than those of Debian 12. */
#define OP_SOCKET 45
#define OP_FTRUNCATE 55
#define OP_BIND 56
#define OP_LISTEN 57

static int submit(const struct io_uring_sqe *sqe, unsigned int setup)
{
	struct ring r;
	int res;

	if (!ring_make(&r, setup))
		return errno;
	res = ring_submit(&r, sqe, setup & IORING_SETUP_SQPOLL);
	close(r.fd);
	if (res > 0)
		close(res); /* a descriptor; what was sent is as small as a standard one */
	return res < 0 ? -res : 0;
}

#define ON_SECRET                                                                                  \
	.against = "io_uring", .policy = SECRET_POLICY, .rule = SECRET_RULE, .err = EACCES,        \
	.prepare = secret_prepare, .check = secret_check, .plain = EVERYWHERE

static int ring_openat(unsigned int flags, unsigned int setup)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
					     .flags = (uint8_t)flags,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)SECRET,
					     .open_flags = O_RDONLY | O_CLOEXEC},
		      setup);
}
ATTACK(uring_openat, .primitive = "IORING_OP_OPENAT", ON_SECRET, .hook = "file_open",
       .op = VK_OP_OPEN)
{
	return ring_openat(0, 0);
}
ATTACK(uring_openat_by_a_worker, .primitive = "IORING_OP_OPENAT by a worker thread", ON_SECRET,
       .hook = "file_open", .op = VK_OP_OPEN)
{
	return ring_openat(IOSQE_ASYNC, 0);
}
ATTACK(uring_openat_by_the_kernel, .primitive = "IORING_OP_OPENAT by a polling thread", ON_SECRET,
       .hook = "file_open", .op = VK_OP_OPEN)
{
	return ring_openat(0, IORING_SETUP_SQPOLL);
}
ATTACK(uring_openat2, .primitive = "IORING_OP_OPENAT2", ON_SECRET, .hook = "file_open",
       .op = VK_OP_OPEN)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};

	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT2,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)SECRET,
					     .len = sizeof(how),
					     .off = (uintptr_t)&how},
		      0);
}

/* What is made or removed is put back before each attempt. */
#define NEW "/tmp/k/secret/new"
#define OUT "/tmp/k/out"
static void prepare_names(void)
{
	unlink(NEW);
	rmdir(NEW);
	secret_prepare();
	live_file(OUT, "out");
}
static void no_new_name(void)
{
	CHECK_ERRNO(faccessat(AT_FDCWD, NEW, F_OK, AT_SYMLINK_NOFOLLOW), ENOENT);
	secret_check();
}
#define ON_NAMES                                                                                   \
	.against = "io_uring", .policy = SECRET_POLICY, .rule = SECRET_RULE, .err = EACCES,        \
	.prepare = prepare_names, .check = no_new_name, .plain = EVERYWHERE

ATTACK(uring_create, .primitive = "IORING_OP_OPENAT with O_CREAT", ON_NAMES, .hook = "path_mknod",
       .op = VK_OP_CREATE)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)NEW,
					     .len = 0600,
					     .open_flags = O_WRONLY | O_CREAT | O_CLOEXEC},
		      0);
}
ATTACK(uring_unlinkat, .primitive = "IORING_OP_UNLINKAT", ON_NAMES, .hook = "path_unlink",
       .op = VK_OP_UNLINK)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)SECRET},
		      0);
}
/* addr is the old name, addr2 the new one, len the directory of the new one. */
static int ring_two_names(uint8_t op, const char *old, const char *new)
{
	return submit(&(struct io_uring_sqe){.opcode = op,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)old,
					     .len = (unsigned int)AT_FDCWD,
					     .addr2 = (uintptr_t) new},
		      0);
}
ATTACK(uring_renameat, .primitive = "IORING_OP_RENAMEAT", ON_NAMES, .hook = "path_rename",
       .op = VK_OP_RENAME)
{
	return ring_two_names(IORING_OP_RENAMEAT, SECRET, NEW);
}
ATTACK(uring_linkat, .primitive = "IORING_OP_LINKAT", ON_NAMES, .hook = "path_link",
       .op = VK_OP_LINK)
{
	return ring_two_names(IORING_OP_LINKAT, OUT, NEW);
}
ATTACK(uring_symlinkat, .primitive = "IORING_OP_SYMLINKAT", ON_NAMES, .hook = "path_symlink",
       .op = VK_OP_SYMLINK)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_SYMLINKAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)OUT,
					     .addr2 = (uintptr_t)NEW},
		      0);
}
ATTACK(uring_mkdirat, .primitive = "IORING_OP_MKDIRAT", ON_NAMES, .hook = "path_mkdir",
       .op = VK_OP_MKDIR)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_MKDIRAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)NEW,
					     .len = 0700},
		      0);
}

#define EMPTY "/tmp/k/secret/empty"
static void prepare_empty(void)
{
	live_dir(EMPTY);
}
static void still_there(void)
{
	CHECK_EQ(access(EMPTY, F_OK), 0);
}
ATTACK(uring_rmdir, .against = "io_uring", .primitive = "IORING_OP_UNLINKAT with AT_REMOVEDIR",
       .policy = SECRET_POLICY, .rule = SECRET_RULE, .hook = "path_rmdir", .op = VK_OP_RMDIR,
       .err = EACCES, .plain = EVERYWHERE, .prepare = prepare_empty, .check = still_there)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)EMPTY,
					     .unlink_flags = AT_REMOVEDIR},
		      0);
}
ATTACK(uring_truncating_open, .primitive = "IORING_OP_OPENAT with O_TRUNC", ON_NAMES,
       .hook = "file_open", .op = VK_OP_OPEN)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
					     .fd = AT_FDCWD,
					     .addr = (uintptr_t)SECRET,
					     .open_flags = O_WRONLY | O_TRUNC | O_CLOEXEC},
		      0);
}

/*
 * A file of the ring alone, which has no descriptor: what is opened is a place in its table, to
 * read from.
 */
static int read_direct(void)
{
	int none = -1, res;
	char text[8];
	struct ring r;

	if (!ring_make(&r, 0))
		return errno;
	if (syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_FILES, &none, 1) < 0)
		return errno;
	res = ring_submit(&r,
			  &(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
						 .fd = AT_FDCWD,
						 .addr = (uintptr_t)SECRET,
						 .open_flags = O_RDONLY,
						 .file_index = 1},
			  false);
	if (res == 0)
		res = ring_submit(&r,
				  &(struct io_uring_sqe){.opcode = IORING_OP_READ,
							 .flags = IOSQE_FIXED_FILE,
							 .fd = 0,
							 .addr = (uintptr_t)text,
							 .len = sizeof(text)},
				  false);
	close(r.fd);
	return res < 0 ? -res : 0;
}
ATTACK(uring_openat_direct, .primitive = "IORING_OP_OPENAT without a descriptor, IORING_OP_READ",
       ON_SECRET, .hook = "file_open", .op = VK_OP_OPEN)
{
	return read_direct();
}

/* A descriptor from before is written as ever; its length is a right of its own. */
static int writable = -1;
static void open_writable(void)
{
	secret_prepare();
	if (writable < 0)
		writable = open(SECRET, O_WRONLY | O_CLOEXEC);
	ASSERT(writable >= 0);
}
static const char *lacks_ftruncate(void)
{
	return ring_can(OP_FTRUNCATE) ? NULL :
					"this kernel has no IORING_OP_FTRUNCATE, which is from 6.9";
}
ATTACK(uring_ftruncate, .primitive = "IORING_OP_FTRUNCATE", .against = "io_uring",
       .policy = SECRET_POLICY, .rule = SECRET_RULE, .hook = "file_truncate", .op = VK_OP_TRUNCATE,
       .err = EACCES, .plain = EVERYWHERE, .lacks = lacks_ftruncate, .prepare = open_writable,
       .check = secret_check)
{
	return submit(&(struct io_uring_sqe){.opcode = OP_FTRUNCATE, .fd = writable, .off = 0}, 0);
}

/* ---- attributes of files ---- */

#define TEXT_FILE "/tmp/k/text"
#define ATTRIBUTE "trusted.vkernel"
static void make_text(void)
{
	live_file(TEXT_FILE, "text");
	removexattr(TEXT_FILE, ATTRIBUTE);
}
static void has_no_attribute(void)
{
	CHECK_ERRNO(getxattr(TEXT_FILE, ATTRIBUTE, NULL, 0), ENODATA);
}
#define NO_XATTRS                                                                                  \
	.against = "io_uring", .policy = "xattrs: deny", .rule = "test: xattrs: deny",             \
	.hook = "inode_setxattr", .op = VK_OP_XATTR, .err = EPERM, .plain = PRIVILEGED,            \
	.prepare = make_text, .check = has_no_attribute
ATTACK(uring_setxattr, .primitive = "IORING_OP_SETXATTR", NO_XATTRS)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_SETXATTR,
					     .addr = (uintptr_t)ATTRIBUTE,
					     .addr2 = (uintptr_t) "x",
					     .addr3 = (uintptr_t)TEXT_FILE,
					     .len = 1},
		      0);
}
ATTACK(uring_fsetxattr, .primitive = "IORING_OP_FSETXATTR", NO_XATTRS)
{
	_cleanup_close_ int fd = open(TEXT_FILE, O_RDWR | O_CLOEXEC);

	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_FSETXATTR,
					     .fd = fd,
					     .addr = (uintptr_t)ATTRIBUTE,
					     .addr2 = (uintptr_t) "x",
					     .len = 1},
		      0);
}

/* ---- what may only be appended to ---- */

ATTACK(uring_fallocate, .primitive = "IORING_OP_FALLOCATE with FALLOC_FL_PUNCH_HOLE", ON_LOG)
{
	_cleanup_close_ int fd = log_open();

	/* addr is the length, len the mode. */
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_FALLOCATE,
					     .fd = fd,
					     .off = 0,
					     .addr = 10,
					     .len = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
		      0);
}
static int ring_noappend(unsigned int flags, unsigned int setup)
{
	_cleanup_close_ int fd = log_open();

	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_WRITE,
					     .flags = (uint8_t)flags,
					     .fd = fd,
					     .addr = (uintptr_t) "X",
					     .len = 1,
					     .rw_flags = RWF_NOAPPEND},
		      setup);
}
ATTACK(uring_noappend, .primitive = "IORING_OP_WRITE with RWF_NOAPPEND", ON_LOG,
       .lacks = lacks_noappend)
{
	return ring_noappend(0, 0);
}
ATTACK(uring_noappend_by_the_kernel,
       .primitive = "IORING_OP_WRITE with RWF_NOAPPEND by a polling thread", ON_LOG,
       .lacks = lacks_noappend)
{
	return ring_noappend(0, IORING_SETUP_SQPOLL);
}

/* ---- sockets ---- */

ATTACK(uring_socket, .against = "io_uring", .primitive = "IORING_OP_SOCKET",
       .policy = "use: no-af-alg", .rule = "no-af-alg: deny {socket: alg}", .hook = "socket_create",
       .op = VK_OP_SOCKET, .err = EACCES, .plain = EVERYWHERE)
{
	return submit(
		&(struct io_uring_sqe){.opcode = OP_SOCKET, .fd = AF_ALG, .off = SOCK_SEQPACKET},
		0);
}

/* A service of the host on the loopback interface, by TCP and UDP. */
#define PORT 7007
static struct sockaddr_in service = {.sin_family = AF_INET};
static void serve(void)
{
	static bool running;
	int fd;

	if (running)
		return;
	service.sin_port = htons(PORT);
	service.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(fd, (void *)&service, sizeof(service)) == 0 && listen(fd, 8) == 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(fd, (void *)&service, sizeof(service)) == 0);
	running = true;
}
#define NO_SERVICE                                                                                 \
	.against = "io_uring",                                                                     \
	.policy = "network: {default: allow, deny: [{connect: any, to: 127.0.0.0/8}]}",            \
	.rule = "test: deny {connect: any/*} 127.0.0.0/8", .op = VK_OP_CONNECT, .err = EACCES,     \
	.plain = PRIVILEGED, .prepare = serve
ATTACK(uring_connect, .primitive = "IORING_OP_CONNECT", NO_SERVICE, .hook = "socket_connect")
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_CONNECT,
					     .fd = fd,
					     .addr = (uintptr_t)&service,
					     .off = sizeof(service)},
		      0);
}
ATTACK(uring_sendmsg, .primitive = "IORING_OP_SENDMSG to an address", NO_SERVICE,
       .hook = "socket_sendmsg")
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct msghdr msg = {.msg_name = &service, .msg_namelen = sizeof(service)};

	return submit(
		&(struct io_uring_sqe){
			.opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (uintptr_t)&msg, .len = 1},
		0);
}

static int send_to(uint8_t op)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return submit(&(struct io_uring_sqe){.opcode = op,
					     .fd = fd,
					     .addr = (uintptr_t) "x",
					     .len = 1,
					     .addr2 = (uintptr_t)&service,
					     .addr_len = sizeof(service)},
		      0);
}
ATTACK(uring_send, .primitive = "IORING_OP_SEND to an address", NO_SERVICE,
       .hook = "socket_sendmsg")
{
	return send_to(IORING_OP_SEND);
}
ATTACK(uring_send_zc, .primitive = "IORING_OP_SEND_ZC to an address", NO_SERVICE,
       .hook = "socket_sendmsg")
{
	return send_to(IORING_OP_SEND_ZC);
}

#define SOCKET_NAME "/tmp/k/docker.sock"
static const struct sockaddr_un engine = {.sun_family = AF_UNIX, .sun_path = SOCKET_NAME};
static void serve_engine(void)
{
	static int fd = -1;

	if (fd >= 0)
		return;
	live_dir("/tmp/k");
	unlink(SOCKET_NAME);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(fd, (const void *)&engine, sizeof(engine)) == 0 && listen(fd, 8) == 0);
}
ATTACK(uring_unix_connect, .against = "io_uring", .primitive = "IORING_OP_CONNECT to the engine",
       .policy = "use: runtime-sockets",
       .rule = "runtime-sockets: deny [unix-connect] "
	       "/**/{docker,dockershim,containerd,cri-dockerd,crio,podman,buildkitd}.sock",
       .hook = "unix_stream_connect", .op = VK_OP_UNIX_CONNECT, .err = EACCES, .plain = EVERYWHERE,
       .prepare = serve_engine)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_CONNECT,
					     .fd = fd,
					     .addr = (uintptr_t)&engine,
					     .off = sizeof(engine)},
		      0);
}

static const char *lacks_bind(void)
{
	return ring_can(OP_BIND) && ring_can(OP_LISTEN) ?
		       NULL :
		       "this kernel has no IORING_OP_BIND and _LISTEN, which are from 6.11";
}
#define NO_BIND                                                                                    \
	.against = "io_uring", .policy = "network: {default: allow, deny: [{bind: any}]}",         \
	.rule = "test: deny {bind: any/*}", .op = VK_OP_BIND, .err = EACCES, .plain = EVERYWHERE,  \
	.lacks = lacks_bind
ATTACK(uring_bind, .primitive = "IORING_OP_BIND", NO_BIND, .hook = "socket_bind")
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in any = {.sin_family = AF_INET};

	return submit(
		&(struct io_uring_sqe){
			.opcode = OP_BIND, .fd = fd, .addr = (uintptr_t)&any, .off = sizeof(any)},
		0);
}
ATTACK(uring_listen, .primitive = "IORING_OP_LISTEN without a bind", NO_BIND,
       .hook = "socket_listen")
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return submit(&(struct io_uring_sqe){.opcode = OP_LISTEN, .fd = fd, .len = 8}, 0);
}

ATTACK(uring_accept, .against = "io_uring", .primitive = "IORING_OP_ACCEPT on a leaked socket",
       .policy = "network: {default: allow, deny: [{bind: any}]}",
       .rule = "test: deny {bind: any/*}", .hook = "socket_accept", .op = VK_OP_ACCEPT,
       .err = EACCES, .plain = EVERYWHERE, .prepare = leak_service)
{
	return submit(&(struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = leaked_service()},
		      0);
}
