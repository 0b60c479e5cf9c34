/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h - verdict tables: "policies, operation -> verdict", one row a line.
 *
 * The same rows run natively (on the compiled image and on the reference matcher) and live in a
 * guest, where each operation is really made. A table is text:
 *
 *	# a comment
 *	policy NAME <<EOF		a policy document, up to the line that is EOF
 *	...
 *	EOF
 *	use NAME [NAME...]		the layers in force for the rows that follow
 *	[foreign] OP ARG... -> VERDICT [# nolive: REASON]
 *
 * VERDICT is allow, audit (allowed and reported), deny, or xdev (a move that would change rights:
 * EXDEV). Arguments are separated by blanks; "\xHH" is a byte. A row with "nolive" makes no sense
 * live, for the reason given. "foreign" says that the file appears under this name through a mount
 * that the instance did not start with. A document may use another one of the table by name
 * (`use: [NAME]`), or a built-in set.
 *
 * Live: paths are below /tmp/v, which the replayer makes and empties; VT_OPS says which objects an
 * operation needs. An operation counts as allowed when it fails for another reason than a denial
 * (a connection that is refused, a unix socket that nobody listens on).
 */
#ifndef VK_TESTS_VERDICT_TABLE_H
#define VK_TESTS_VERDICT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct vt_table;

/* What must be at the first (and, in the same way, second) path before the operation is made. */
enum vt_object {
	VT_AT_NONE, /* the operation has no path */
	VT_AT_FILE, /* a regular file, executable, mode 0755 */
	VT_AT_ABSENT, /* nothing; its directory */
	VT_AT_DIR, /* an empty directory */
	VT_AT_MOVE, /* a regular file at the first path, nothing at the second */
	VT_AT_MOVE_DIR,
	VT_AT_SOCKET, /* nothing needs to listen; the directory must exist, no "@name" */
	VT_AT_MOUNT, /* a directory that is a mount point, for remount and umount */
};

/*
 * X(id, word, arguments, object, "how it is made live")
 */
#define VT_OPS(X)                                                                                  \
	X(READ, "read", 1, VT_AT_FILE, "open(O_RDONLY)")                                           \
	X(WRITE, "write", 1, VT_AT_FILE, "open(O_WRONLY)")                                         \
	X(APPEND, "append", 1, VT_AT_FILE, "open(O_WRONLY | O_APPEND)")                            \
	X(EXEC, "exec", 1, VT_AT_FILE, "execve")                                                   \
	X(CREATE, "create", 1, VT_AT_ABSENT, "mknod(S_IFREG): creates, and opens nothing")         \
	X(UNLINK, "unlink", 1, VT_AT_FILE, "unlink")                                               \
	X(RENAME, "rename", 2, VT_AT_MOVE, "rename")                                               \
	X(RENAME_DIR, "rename-dir", 2, VT_AT_MOVE_DIR, "rename")                                   \
	X(LINK, "link", 2, VT_AT_MOVE, "link")                                                     \
	X(SYMLINK, "symlink", 1, VT_AT_ABSENT, "symlink(\"target\")")                              \
	X(MKDIR, "mkdir", 1, VT_AT_ABSENT, "mkdir")                                                \
	X(RMDIR, "rmdir", 1, VT_AT_DIR, "rmdir")                                                   \
	X(MKNOD, "mknod", 1, VT_AT_ABSENT, "mknod(S_IFIFO)")                                       \
	X(TRUNCATE, "truncate", 1, VT_AT_FILE, "truncate(path, 0)")                                \
	X(CHMOD, "chmod", 1, VT_AT_FILE, "chmod(0700)")                                            \
	X(CHOWN, "chown", 1, VT_AT_FILE, "chown(0, 0)")                                            \
	X(IOCTL, "ioctl", 1, VT_AT_FILE, "ioctl(FIOQSIZE) on a descriptor from before")            \
	X(MMAP_EXEC, "mmap-exec", 1, VT_AT_FILE, "mmap(PROT_EXEC) on a descriptor from before")    \
	X(UNIX_CONNECT, "unix-connect", 1, VT_AT_SOCKET, "connect, SOCK_STREAM")                   \
	X(UNIX_BIND, "unix-bind", 1, VT_AT_SOCKET, "bind, SOCK_STREAM")                            \
	X(BIND, "bind", 3, VT_AT_NONE, "PROTO ADDR PORT: bind")                                    \
	X(ACCEPT, "accept", 3, VT_AT_NONE,                                                         \
	  "tcp ADDR PORT: accept, on a socket that a non-member listens on")                       \
	X(CONNECT, "connect", 3, VT_AT_NONE, "PROTO ADDR PORT: connect, non-blocking")             \
	X(SOCKET, "socket", 2, VT_AT_NONE, "FAMILY TYPE or netlink PROTOCOL: socket")              \
	X(CAPABLE, "capable", 1, VT_AT_NONE, "any operation that needs the capability")            \
	X(PTRACE, "ptrace", 1, VT_AT_NONE,                                                         \
	  "own|other: PTRACE_SEIZE of a child or of a non-member")                                 \
	X(SIGNAL, "signal", 1, VT_AT_NONE, "own|other: kill(0) likewise")                          \
	X(USERNS, "userns", 0, VT_AT_NONE, "unshare(CLONE_NEWUSER)")                               \
	X(BPF, "bpf", 0, VT_AT_NONE, "bpf(BPF_MAP_CREATE)")                                        \
	X(PERF, "perf", 0, VT_AT_NONE, "perf_event_open")                                          \
	X(MODULES, "modules", 0, VT_AT_NONE, "finit_module")                                       \
	X(KEYS, "keys", 0, VT_AT_NONE, "add_key")                                                  \
	X(IO_URING, "io_uring", 0, VT_AT_NONE, "io_uring_setup")                                   \
	X(XATTRS, "xattrs", 0, VT_AT_NONE, "setxattr of /tmp: user.vkernel")                       \
	X(MOUNT, "mount", 1, VT_AT_DIR, "mount(tmpfs)")                                            \
	X(BIND_MOUNT, "bind-mount", 1, VT_AT_DIR, "mount(MS_BIND)")                                \
	X(REMOUNT, "remount", 1, VT_AT_MOUNT, "mount(MS_REMOUNT)")                                 \
	X(MOVE_MOUNT, "move-mount", 1, VT_AT_DIR, "mount(MS_MOVE) of another mount to here")       \
	X(UMOUNT, "umount", 1, VT_AT_MOUNT, "umount")                                              \
	X(PIVOT, "pivot", 1, VT_AT_MOUNT, "pivot_root")

enum vt_op {
#define X(id, word, args, object, how) VT_##id,
	VT_OPS(X)
#undef X
		VT_OP_COUNT,
};

enum vt_verdict { VT_ALLOW, VT_AUDIT, VT_DENY, VT_XDEV };

#define VT_MAX_LAYERS 8
#define VT_MAX_ARGS 3

/* A document of the table; @text is NUL-terminated. */
struct vt_policy {
	char *name;
	char *text;
};

/**
 * struct vt_row - one row
 * @file:    of the table
 * @line:    in the table
 * @text:    the line as written, for messages
 * @layers:  the documents in force
 * @n_layers: how many
 * @scope:   changes whenever @layers does, so that a caller need not compile anew for each row
 * @table:   for vt_find(), which resolves `use:` in a document
 * @foreign: see above
 * @op:      operation
 * @args:    its arguments, as many as VT_OPS says
 * @want:    the verdict
 * @nolive:  reason not to replay it, or NULL
 *
 * Valid during the callback; the documents live until vt_read() returns.
 */
struct vt_row {
	const char *file;
	unsigned int line;
	const char *text;
	const struct vt_policy *layers[VT_MAX_LAYERS];
	size_t n_layers;
	unsigned int scope;
	const struct vt_table *table;
	bool foreign;
	enum vt_op op;
	char *args[VT_MAX_ARGS];
	enum vt_verdict want;
	const char *nolive;
};

/* A negative result ends the reading. */
typedef int (*vt_fn)(const struct vt_row *row, void *data);

/* Return: 0; -EINVAL a malformed table (a message on stderr says where); a negative errno of
 * opening the file; or what @fn returned. */
int vt_read(const char *path, vt_fn fn, void *data);

const char *vt_op_word(enum vt_op op);
enum vt_object vt_op_object(enum vt_op op);
const char *vt_verdict_word(enum vt_verdict v);

/* A document of the table by name, or NULL. */
const struct vt_policy *vt_find(const struct vt_table *t, const char *name);

#endif
