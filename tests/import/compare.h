/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * compare.h - the same operation bare, under AppArmor, and under the policy that was imported.
 *
 * The names of operations come from the text of the profile (names.c), so that what the importer
 * overlooks is asked for all the same; each is really made (ops.c), in a root file system of the
 * test's own, on objects that are put there anew for each of the three.
 */
#ifndef VK_TESTS_COMPARE_H
#define VK_TESTS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CMP_PATH 512
#define APPARMOR_DIR "/etc/apparmor.d"

/* X(id, word, object): what is at the first path before; two: a second name, with nothing at it. */
#define CMP_OPS(X)                                                                                 \
	X(READ, "read", CMP_AT_FILE, false)                                                        \
	X(WRITE, "write", CMP_AT_FILE, false)                                                      \
	X(APPEND, "append", CMP_AT_FILE, false)                                                    \
	X(TRUNCATE, "truncate", CMP_AT_FILE, false)                                                \
	X(CREATE, "create", CMP_AT_NOTHING, false)                                                 \
	X(OPEN_CREATE, "open-create", CMP_AT_NOTHING, false)                                       \
	X(EXEC, "exec", CMP_AT_FILE, false)                                                        \
	X(SCRIPT, "exec of a script", CMP_AT_FILE, false)                                          \
	X(MMAP, "mmap-exec", CMP_AT_FILE, false)                                                   \
	X(UNLINK, "unlink", CMP_AT_FILE, false)                                                    \
	X(SYMLINK, "symlink", CMP_AT_NOTHING, false)                                               \
	X(MKNOD, "mknod", CMP_AT_NOTHING, false)                                                   \
	X(CHMOD, "chmod", CMP_AT_FILE, false)                                                      \
	X(CHOWN, "chown", CMP_AT_FILE, false)                                                      \
	X(RENAME, "rename", CMP_AT_FILE, true)                                                     \
	X(LINK, "link", CMP_AT_FILE, true)                                                         \
	X(LIST, "list", CMP_AT_DIR, false)                                                         \
	X(MKDIR, "mkdir", CMP_AT_NOTHING, false)                                                   \
	X(RMDIR, "rmdir", CMP_AT_DIR, false)                                                       \
	X(CHMOD_DIR, "chmod-dir", CMP_AT_DIR, false)                                               \
	X(RENAME_DIR, "rename-dir", CMP_AT_DIR, true)                                              \
	X(UNIX_BIND, "unix-bind", CMP_AT_NOTHING, false)                                           \
	X(UNIX_CONNECT, "unix-connect", CMP_AT_SOCKET, false)                                      \
	X(SOCKET, "socket", CMP_AT_NONE, false)                                                    \
	X(LOCK, "lock", CMP_AT_FILE, false)                                                        \
	X(INET, "bind and connect", CMP_AT_NONE, false)                                            \
	X(ABSTRACT, "abstract name", CMP_AT_NONE, false)                                           \
	X(CAPABLE, "capability", CMP_AT_NONE, false)                                               \
	X(PTRACE, "ptrace", CMP_AT_NONE, false)                                                    \
	X(INSPECT, "inspect", CMP_AT_NONE, false)                                                  \
	X(MEMORY, "mmap-exec of a memfd", CMP_AT_NONE, false)                                      \
	X(SIGNAL, "signal", CMP_AT_NONE, false)                                                    \
	X(USERNS, "userns", CMP_AT_NONE, false)                                                    \
	X(MOUNT, "mount", CMP_AT_DIR, false)                                                       \
	X(BIND_MOUNT, "bind-mount", CMP_AT_DIR, false)                                             \
	X(REMOUNT, "remount", CMP_AT_MOUNT, false)                                                 \
	X(MOVE_MOUNT, "move-mount", CMP_AT_DIR, false)                                             \
	X(UMOUNT, "umount", CMP_AT_MOUNT, false)

enum cmp_object {
	CMP_AT_NONE,
	CMP_AT_NOTHING,
	CMP_AT_FILE,
	CMP_AT_DIR,
	CMP_AT_SOCKET,
	CMP_AT_MOUNT,
};

enum cmp_op {
#define X(id, word, object, two) CMP_##id,
	CMP_OPS(X)
#undef X
		CMP_OP_COUNT,
};

/**
 * struct cmp_call - one operation, in memory shared with the three that make it
 * @op:    which
 * @path:  first path
 * @to:    second path
 * @a:     family, or number of the capability
 * @b:     type of socket, or number of the signal
 * @other: whom it is done to: false, a process of one's own; true, one outside
 * @outside: that process
 * @own:   set by the confined process: the one of its own
 * @err:   set by the confined process: errno, or 0
 */
struct cmp_call {
	enum cmp_op op;
	char path[CMP_PATH];
	char to[CMP_PATH];
	int a, b;
	bool other;
	pid_t outside;
	pid_t own;
	int err;
};

/* ---- ops.c ---- */

const char *cmp_word(enum cmp_op op);
enum cmp_object cmp_object(enum cmp_op op);
bool cmp_has_two(enum cmp_op op);
/* Puts what the operation needs where it needs it. False: it cannot be put there. */
bool cmp_prepare(const struct cmp_call *c);
void cmp_clean(const struct cmp_call *c);
/* Opens nothing that is not named in @c. */
void cmp_perform(struct cmp_call *c);
/* Capabilities that cmp_perform() can use alone; -1 at the end. */
extern const int cmp_caps[];

/* ---- profiles.c ---- */

/* The text, allocated; NULL: it cannot be read. */
char *cmp_read_file(const char *path);
/* A vk_include_fn that hands all texts to cmp_names_text(). */
int cmp_include(const char *name, char **ret_text, size_t *ret_len, void *data);
/* What dockerd loads; NULL: there is no dockerd. */
char *cmp_docker_template(void);
/* Takes the flag "complain" out. */
void cmp_enforce(char *text);

/* ---- names.c ---- */

struct cmp_names {
	char **v;
	size_t n;
};

/* Adds the text of a profile, or of what it includes. */
void cmp_names_text(const char *text);
/* Names that its patterns match, and near misses: at most @most, the same in every run. */
struct cmp_names cmp_names_make(size_t most);
void cmp_names_add(struct cmp_names *names, const char *name);
/* A number below @n; the same sequence in every run. */
unsigned int cmp_random(unsigned int n);

#endif
