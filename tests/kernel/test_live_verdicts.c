// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The verdict tables of tests/verdicts, made live: for each set of layers ("use") an instance, and
 * a member that performs every row's operation on objects that somebody else prepared.
 *
 * One test per "use" line. A row that must be allowed may fail for another reason than a denial
 * (a connection is refused, a text is no program), but must not be counted as a denial; one that
 * must be reported must be counted as that; one that must be denied must show the exact errno.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"
#include "parse.h"
#include "verdict_ops.h"

static const char *const tables[] = {"tests/verdicts/exec.txt", "tests/verdicts/files.txt",
				     "tests/verdicts/kernel.txt", "tests/verdicts/layers.txt",
				     "tests/verdicts/network.txt"};

#define BLOCKS 64

/* A "use" line: which rows are its own. */
struct block {
	const char *file;
	unsigned int scope;
	unsigned int rows;
	unsigned int nolive;
	char name[160];
};
static struct block blocks[BLOCKS];
static size_t n_blocks;

/**
 * struct replay - the replay of one block
 * @block:  which
 * @table:  for the resolver of `use:`
 * @layers: its policies
 * @n:      how many
 * @call:   shared with the member
 * @member: its process id, 0 while there is none
 * @sock:   to the member: a byte and perhaps a descriptor; back: a byte
 * @other:  a process of no instance
 * @frozen: a member was allowed a mount operation
 */
struct replay {
	const struct block *block;
	const struct vt_table *table;
	struct vk_policy *layers[VT_MAX_LAYERS];
	size_t n;
	struct vo_call *call;
	pid_t member;
	int sock;
	pid_t other;
	bool frozen;
};

static bool send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'g';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, 0) == 1;
}

static bool receive_fd(int sock, int *ret)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	*ret = -1;
	if (recvmsg(sock, &msg, 0) != 1)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret, CMSG_DATA(c), sizeof(*ret));
	return true;
}

/* Returns when the process has nothing left to do: what it uses up to there is not the test's. */
static pid_t sleeper(uid_t uid)
{
	int ready[2] = {-1, -1};
	char byte;
	pid_t pid = pipe(ready) == 0 ? fork() : -1;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uid && setresuid(uid, uid, uid) < 0)
			_exit(1);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 0)
		pid = -1;
	close(ready[0]);
	return pid;
}

static _Noreturn void member_main(struct vo_call *call, int sock)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	call->own = sleeper(0);
	call->own_uid = sleeper(1000);
	if (write(sock, "r", 1) != 1)
		_exit(1);
	while (receive_fd(sock, &fd)) {
		vo_perform(call, fd);
		vk_closep(&fd);
		if (write(sock, "r", 1) != 1)
			break;
	}
	_exit(0);
}

static int find_set(const char *name, char **ret_text, size_t *ret_len, char **ret_file, void *data)
{
	const struct replay *r = data;
	const struct vt_policy *p = vt_find(r->table, name);
	const struct vk_builtin *b = p ? NULL : vk_builtin_find(name);

	if (!p && !b)
		return -ENOENT;
	*ret_len = p ? strlen(p->text) : b->len;
	*ret_text = strndup(p ? p->text : b->text, *ret_len);
	*ret_file = strdup(name);
	return *ret_text && *ret_file ? 0 : -ENOMEM;
}

static void start_instance(struct replay *r, const struct vt_row *row)
{
	struct vk_error e = {0};
	char name[65];

	r->table = row->table;
	for (r->n = 0; r->n < row->n_layers; r->n++) {
		const struct vt_policy *p = row->layers[r->n];

		if (!live_ok(vk_policy_parse(p->name, p->text, strlen(p->text), find_set, r,
					     &r->layers[r->n], &e),
			     &e))
			tap_abort();
	}
	snprintf(name, sizeof(name), "test-%d", getpid());
	if (!live_ok(vk_instance_create(live.eng, name, (const struct vk_policy *const *)r->layers,
					r->n, &live.id, &e),
		     &e))
		tap_abort();
	memcpy(live.name, name, sizeof(name));
}

static void start_member(struct replay *r, const struct vt_row *row)
{
	struct vk_error e = {0};
	uint32_t count = 0;
	int pair[2];
	char byte;

	/* Else perf_event_open asks for a capability, whose use is reported as well. */
	live_file("/proc/sys/kernel/perf_event_paranoid", "-1");
	start_instance(r, row);
	r->call = mmap(NULL, sizeof(*r->call), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	ASSERT(r->call != MAP_FAILED);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	r->sock = pair[0];
	r->other = sleeper(0);
	r->member = fork();
	if (r->member == 0) {
		close(pair[0]);
		member_main(r->call, pair[1]);
	}
	close(pair[1]);
	r->call->other = r->other;
	ASSERT(read(r->sock, &byte, 1) == 1);
	if (!live_ok(vk_instance_attach(live.eng, live.id, r->member, &count, &e), &e))
		tap_abort();
	CHECK_EQ(count, 3);
}

static void judge(const struct vt_row *row, int err, const struct vk_instance *before,
		  const struct vk_instance *after)
{
	uint64_t denied = after->denied - before->denied,
		 audited = after->audited - before->audited;
	int want = vo_errno(row);
	const char *said = err ? strerror(err) : "success";
	/* On a path there is one decision; others (capabilities) may come with an operation. */
	bool ok = want ? err == want && denied >= 1 : !denied && err != EXDEV;

	if (row->want == VT_ALLOW && (row->op <= VT_MMAP_EXEC && row->op != VT_EXEC))
		ok = ok && err == 0;
	if (row->want == VT_ALLOW || row->want == VT_AUDIT)
		ok = ok && (row->want == VT_AUDIT) == (audited > 0);
	if (!ok)
		FAIL("%s:%u: %s: %s, %llu denied, %llu audited", row->file, row->line, row->text,
		     said, (unsigned long long)denied, (unsigned long long)audited);
}

/* Mounts made after a member was allowed one are not the instance's own. */
static void freeze_names(struct replay *r)
{
	char byte;

	r->call->op = VT_MOUNT;
	snprintf(r->call->args[0], VO_PATH, "%s", LIVE_DIR);
	ASSERT(send_fd(r->sock, -1));
	ASSERT(read(r->sock, &byte, 1) == 1);
	CHECK_EQ(r->call->err, 0);
	CHECK_ERRNO(umount2(LIVE_DIR, 0), 0);
	r->frozen = true;
}

static void stop_member(struct replay *r)
{
	struct vk_error e = {0};

	if (!r->member)
		return;
	close(r->sock);
	kill(r->other, SIGKILL);
	kill(r->member, SIGKILL);
	waitpid(r->other, NULL, 0);
	waitpid(r->member, NULL, 0);
	r->member = 0;
	while (r->n)
		vk_policy_free(r->layers[--r->n]);
	live_ok(vk_instance_remove(live.eng, live.name, true, &e), &e);
	*live.name = '\0';
}

/* What is mounted there before must be there at the start of the instance. */
static void start_anew(struct replay *r)
{
	stop_member(r);
	r->frozen = false;
	ASSERT(unshare(CLONE_NEWNS) == 0);
	ASSERT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static void perform(struct replay *r, const struct vt_row *row, int fd)
{
	struct vk_instance before, after;
	char byte;

	r->call->op = row->op;
	for (size_t i = 0; i < VT_MAX_ARGS; i++)
		snprintf(r->call->args[i], VO_PATH, "%s", row->args[i] ? row->args[i] : "");
	before = live_counters();
	ASSERT(send_fd(r->sock, fd));
	ASSERT(read(r->sock, &byte, 1) == 1);
	after = live_counters();
	judge(row, r->call->err, &before, &after);
}

static int replay_row(const struct vt_row *row, void *data)
{
	struct replay *r = data;
	bool prepared = false;
	int fd = -1;

	if (row->scope != r->block->scope || row->nolive)
		return 0;
	if (vt_op_object(row->op) == VT_AT_MOUNT) {
		start_anew(r);
		prepared = vo_prepare(row, &fd);
	}
	if (!r->member)
		start_member(r, row);
	if (row->foreign && !r->frozen)
		freeze_names(r);
	if (prepared || vo_prepare(row, &fd))
		perform(r, row, fd);
	vk_closep(&fd);
	vo_clean(row);
	return 0;
}

static void run_block(size_t i)
{
	struct replay r = {.block = &blocks[i], .sock = -1};

	CHECK_EQ(vt_read(r.block->file, replay_row, &r), 0);
	stop_member(&r);
}

/* A test's body takes no argument, so there is one for each block. */
#define BODY(a, b)                                                                                 \
	static void run_##a##b(void)                                                               \
	{                                                                                          \
		run_block(8 * a + b);                                                              \
	}
#define NAME(a, b) run_##a##b,
#define EIGHT(X, a) X(a, 0) X(a, 1) X(a, 2) X(a, 3) X(a, 4) X(a, 5) X(a, 6) X(a, 7)
#define ALL(X)                                                                                     \
	EIGHT(X, 0)                                                                                \
	EIGHT(X, 1) EIGHT(X, 2) EIGHT(X, 3) EIGHT(X, 4) EIGHT(X, 5) EIGHT(X, 6) EIGHT(X, 7)
ALL(BODY)
static void (*const bodies[BLOCKS])(void) = {ALL(NAME)};

static int count_row(const struct vt_row *row, void *data)
{
	struct block *b = n_blocks ? &blocks[n_blocks - 1] : NULL;
	int len;

	(void)data;
	if (!b || b->file != row->file || b->scope != row->scope) {
		if (n_blocks == BLOCKS)
			return -E2BIG;
		b = &blocks[n_blocks++];
		b->file = row->file;
		b->scope = row->scope;
		len = snprintf(b->name, sizeof(b->name), "%s:%u", strrchr(row->file, '/') + 1,
			       row->line - 1);
		for (size_t i = 0; i < row->n_layers && len < 100; i++)
			len += snprintf(b->name + len, sizeof(b->name) - (size_t)len, " %s",
					row->layers[i]->name);
	}
	b->rows++;
	b->nolive += row->nolive != NULL;
	return 0;
}

__attribute__((constructor)) static void register_blocks(void)
{
	static struct tap_test tests[BLOCKS];

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (vt_read(tables[i], count_row, NULL) < 0)
			abort();
	}
	for (size_t i = 0; i < n_blocks; i++) {
		size_t len = strlen(blocks[i].name);

		snprintf(blocks[i].name + len, sizeof(blocks[i].name) - len,
			 " (%u rows, %u nolive)", blocks[i].rows, blocks[i].nolive);
		tests[i] = (struct tap_test){.name = blocks[i].name,
					     .run = bodies[i],
					     .timeout = 60,
					     .setup = live_setup,
					     .teardown = live_teardown};
		tap_register(&tests[i]);
	}
}
