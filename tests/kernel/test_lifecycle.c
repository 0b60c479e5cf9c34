// SPDX-License-Identifier: LGPL-2.1-or-later
/* Instances from their creation to their end, and the ways to become a member. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define SECRET "/tmp/k/denied"
#define DENIED "files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}"

static int create(const char *name)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(DENIED);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};
	uint32_t id;

	return vk_instance_create(live.eng, name, layers, 1, &id, &e);
}

static int get(const char *name, struct vk_info *ret)
{
	struct vk_error e = {0};

	return vk_instance_get(live.eng, name, ret, &e);
}

static int end(const char *name, bool kill_members)
{
	struct vk_error e = {0};

	return vk_instance_remove(live.eng, name, kill_members, &e);
}

static void try_secret(void *arg)
{
	CHECK_EQ(live_open(SECRET, O_RDONLY), arg ? *(int *)arg : EACCES);
}

/* ---- names ---- */

LIVE_TEST(names_that_are_none)
{
	char longest[66];

	memset(longest, 'x', 64);
	longest[64] = '\0';
	CHECK_NEG(create(""), EINVAL);
	CHECK_NEG(create("a/b"), EINVAL);
	CHECK_NEG(create("a b"), EINVAL);
	CHECK_NEG(create("a\n"), EINVAL);
	CHECK_NEG(create("\xc3\xa9"), EINVAL);
	CHECK_EQ(create(longest), 0);
	CHECK_EQ(end(longest, false), 0);
	longest[64] = 'x';
	longest[65] = '\0';
	CHECK_NEG(create(longest), EINVAL);
}

LIVE_TEST(duplicate_prefix_and_absent_names)
{
	struct vk_info info;

	CHECK_EQ(create("t-one"), 0);
	CHECK_NEG(create("t-one"), EEXIST);
	CHECK_EQ(create("t-only"), 0);
	CHECK_NEG(get("t-on", &info), ENOTUNIQ);
	CHECK_NEG(get("t-x", &info), ENOENT);
	if (CHECK_EQ(get("t-onl", &info), 0)) {
		CHECK_STREQ(info.name, "t-only");
		CHECK_EQ(info.n_layers, 1);
		CHECK_EQ(info.members, 0);
		vk_info_free(&info);
	}
	/* A whole name is no prefix of another one. */
	CHECK_EQ(create("t-one2"), 0);
	if (CHECK_EQ(get("t-one", &info), 0)) {
		CHECK_STREQ(info.name, "t-one");
		vk_info_free(&info);
	}
	CHECK_EQ(end("t-one", false), 0);
	CHECK_EQ(end("t-one2", false), 0);
	CHECK_EQ(end("t-only", false), 0);
	CHECK_NEG(end("t-only", false), ENOENT);
}

/* ---- ending ---- */

static void wait_for_ever(void *arg)
{
	(void)arg;
	if (fork() == 0)
		setsid();
	for (;;)
		pause();
}

LIVE_TEST(remove_with_members)
{
	struct live_member m;

	signal(SIGCHLD, SIG_IGN); /* nobody waits, and no zombie stays */
	live_policy(DENIED);
	m = live_fork(wait_for_ever, NULL);
	live_attach(&m);
	live_go(&m);
	CHECK_NEG(end(live.name, false), EBUSY);
	CHECK_EQ(end(live.name, true), 0);
	CHECK_ERRNO(kill(m.pid, 0), ESRCH);
	*live.name = '\0';
}

static void *write_and_wait(void *arg)
{
	while (write(*(int *)arg, "x", 1) == 1)
		pause();
	return NULL;
}
static void end_first_thread(void *arg)
{
	pthread_t thread;

	ASSERT(pthread_create(&thread, NULL, write_and_wait, arg) == 0);
	pthread_exit(NULL);
}

/* The first thread, which is all that its process is counted by. */
LIVE_TEST(a_process_whose_first_thread_has_ended_is_a_member)
{
	struct live_member m;
	struct vk_info info;
	char state = 0, byte, path[64];
	int p[2];

	signal(SIGCHLD, SIG_IGN);
	live_policy(DENIED);
	ASSERT(pipe(p) == 0);
	m = live_fork(end_first_thread, &p[1]);
	live_attach(&m);
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	snprintf(path, sizeof(path), "/proc/%d/stat", m.pid);
	while (state != 'Z') {
		FILE *f = fopen(path, "re");

		ASSERT(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
		fclose(f);
		usleep(1000);
	}
	if (CHECK_EQ(get(live.name, &info), 0)) {
		CHECK_EQ(info.members, 1);
		vk_info_free(&info);
	}
	CHECK_NEG(end(live.name, false), EBUSY);
	CHECK_EQ(end(live.name, true), 0);
	CHECK_ERRNO(kill(m.pid, 0), ESRCH);
	*live.name = '\0';
}

static void attach_again(uint32_t other)
{
	struct live_member m = live_fork(try_secret, NULL);
	struct vk_error e = {0};
	uint32_t count;

	live_attach(&m);
	CHECK_NEG(vk_instance_attach(live.eng, live.id, m.pid, &count, &e), EALREADY);
	e.code = 0;
	CHECK_NEG(vk_instance_attach(live.eng, other, m.pid, &count, &e), EALREADY);
	e.code = 0;
	CHECK_NEG(vk_instance_attach(live.eng, other, 4194303, &count, &e), ESRCH);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}
LIVE_TEST(a_member_is_never_moved)
{
	uint32_t other;

	live_policy(DENIED);
	live_file(SECRET, "x");
	other = live_create("t-other",
			    "files: {default: allow, rules: [{deny: [read], path: /x}]}");
	attach_again(other);
	CHECK_EQ(end("t-other", false), 0);
}

/* ---- modes ---- */

LIVE_TEST(mode_audit_and_back)
{
	struct vk_error e = {0};
	struct vk_instance before, after;
	int allowed = 0;

	live_policy(DENIED);
	live_file(SECRET, "x");
	live_run(try_secret, NULL);
	live_ok(vk_instance_set_mode(live.eng, live.name, VK_MODE_AUDIT, &e), &e);
	before = live_counters();
	live_run(try_secret, &allowed);
	after = live_counters();
	CHECK_EQ(after.audited, before.audited + 1);
	CHECK_EQ(after.denied, before.denied);
	live_ok(vk_instance_set_mode(live.eng, live.name, VK_MODE_ENFORCE, &e), &e);
	live_run(try_secret, NULL);
}

/* ---- many ---- */

static int count_info(const struct vk_info *info, void *data)
{
	*(unsigned int *)data += strncmp(info->name, "many-", 5) == 0;
	return 0;
}

LIVE_TEST(a_thousand_instances_share_an_image)
{
	unsigned int n = 0;
	struct vk_info info;
	struct vk_error e = {0};
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "many-%04d", i);
		ASSERT(create(name) == 0);
	}
	if (CHECK_EQ(get("many-0500", &info), 0)) {
		CHECK_EQ(info.slot_shared, 1000);
		vk_info_free(&info);
	}
	live_ok(vk_instance_list(live.eng, false, count_info, &n, &e), &e);
	CHECK_EQ(n, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "many-%04d", i);
		CHECK_EQ(end(name, false), 0);
	}
	n = 0;
	live_ok(vk_instance_list(live.eng, false, count_info, &n, &e), &e);
	CHECK_EQ(n, 0);
}

/* ---- becoming a member ---- */

static void exec_probe(void)
{
	execl(live_probe(), "probe", "open", SECRET, (char *)NULL);
	_exit(200);
}

static void before_and_after_exec(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open(SECRET, O_RDONLY), 0);
	CHECK_NE(execl("/tmp/k/none", "none", (char *)NULL), 0);
	exec_probe();
}
LIVE_TEST(confined_at_the_next_exec)
{
	struct live_member m;
	struct vk_error e = {0};
	struct vk_info info;
	int pidfd;

	live_policy(DENIED);
	live_file(SECRET, "x");
	m = live_fork(before_and_after_exec, NULL);
	pidfd = (int)syscall(SYS_pidfd_open, m.pid, 0);
	live_ok(vk_instance_confine_next_exec(live.eng, live.id, pidfd, &e), &e);
	if (CHECK_EQ(get(live.name, &info), 0)) {
		CHECK_EQ(info.pending, 1);
		CHECK_EQ(info.members, 0);
		vk_info_free(&info);
	}
	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), EACCES);
	close(pidfd);
}

#define CGROUP "/sys/fs/cgroup/vkernel-test"

static void enter_cgroup(void *arg)
{
	int fd = open(arg, O_WRONLY | O_CLOEXEC);

	ASSERT(fd >= 0 && write(fd, "0", 1) == 1);
	CHECK_EQ(live_open(SECRET, O_RDONLY), 0); /* not before an exec */
	exec_probe();
}
static void join_cgroup(const char *procs, int want)
{
	struct live_member m = live_fork(enter_cgroup, (char *)(uintptr_t)procs);

	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), want);
}
LIVE_TEST(join_by_cgroup)
{
	struct vk_error e = {0};

	live_policy(DENIED);
	live_file(SECRET, "x");
	mkdir(CGROUP, 0755);
	mkdir(CGROUP "/child", 0755);
	live_ok(vk_instance_join_cgroup(live.eng, live.id, CGROUP, &e), &e);
	join_cgroup(CGROUP "/cgroup.procs", EACCES);
	join_cgroup(CGROUP "/child/cgroup.procs", EACCES);
	CHECK_NE(vk_instance_join_cgroup(live.eng, live.id, "/tmp/k", &e), 0);
	CHECK_EQ(rmdir(CGROUP "/child"), 0);
	CHECK_EQ(rmdir(CGROUP), 0);
}
/* The instance keeps its place, as after a crash of an engine; it is nobody's any more. */
LIVE_TEST(a_cgroup_made_again_at_its_path_is_no_place)
{
	struct vk_error e = {0};

	live_policy(DENIED);
	live_file(SECRET, "x");
	mkdir(CGROUP, 0755);
	live_ok(vk_instance_join_cgroup(live.eng, live.id, CGROUP, &e), &e);
	join_cgroup(CGROUP "/cgroup.procs", EACCES);
	for (int i = 0; i < 3; i++) {
		ASSERT(rmdir(CGROUP) == 0 && mkdir(CGROUP, 0755) == 0);
		join_cgroup(CGROUP "/cgroup.procs", 0);
	}
	CHECK_EQ(rmdir(CGROUP), 0);
}

/* As deep as a place can be, a cgroup below it is recognized; what is deeper is refused. */
LIVE_TEST(join_by_a_deep_cgroup)
{
	char path[128] = CGROUP, procs[160];
	struct vk_error e = {0};
	size_t len;

	live_policy(DENIED);
	live_file(SECRET, "x");
	mkdir(CGROUP, 0755);
	for (int level = 2; level <= VK_PLACE_LEVELS + 2; level++) {
		strcat(path, "/d");
		ASSERT(mkdir(path, 0755) == 0);
	}
	CHECK_NEG(vk_instance_join_cgroup(live.eng, live.id, path, &e), E2BIG);
	e.code = 0;
	len = strlen(path) - 2;
	path[len] = '\0';
	CHECK_NEG(vk_instance_join_cgroup(live.eng, live.id, path, &e), E2BIG);
	e.code = 0;
	path[len - 2] = '\0';
	live_ok(vk_instance_join_cgroup(live.eng, live.id, path, &e), &e);
	snprintf(procs, sizeof(procs), "%s/d/d/cgroup.procs", path);
	join_cgroup(procs, EACCES);
	strcpy(path + len - 2, "/d/d");
	for (int level = 2; level <= VK_PLACE_LEVELS + 2; level++) {
		CHECK_EQ(rmdir(path), 0);
		*strrchr(path, '/') = '\0';
	}
	CHECK_EQ(rmdir(CGROUP), 0);
}

static void hold_namespace(void *arg)
{
	int *p = arg;

	ASSERT(unshare(CLONE_NEWNS) == 0 && write(p[1], "x", 1) == 1);
	pause();
}
static void enter_namespace(void *arg)
{
	ASSERT(setns(*(int *)arg, CLONE_NEWNS) == 0);
	CHECK_EQ(live_open(SECRET, O_RDONLY), 0);
	exec_probe();
}
static void join_namespace(int fd)
{
	struct live_member m = live_fork(enter_namespace, &fd);

	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), EACCES);
}
/* A process in a mount namespace that is a place of the test's instance; opens it as *@ret_fd. */
static struct live_member hold_place(int *ret_fd)
{
	struct live_member holder;
	struct vk_error e = {0};
	char byte, path[64];
	int p[2];

	live_policy(DENIED);
	live_file(SECRET, "x");
	ASSERT(pipe(p) == 0);
	holder = live_fork(hold_namespace, p);
	live_go(&holder);
	ASSERT(read(p[0], &byte, 1) == 1);
	live_ok(vk_instance_join_mntns(live.eng, live.id, holder.pid, &e), &e);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", holder.pid);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT(*ret_fd >= 0);
	return holder;
}
static void end_holder(const struct live_member *holder, int fd)
{
	kill(holder->pid, SIGKILL);
	waitpid(holder->pid, NULL, 0);
	close(fd);
}
LIVE_TEST(join_by_mount_namespace)
{
	int fd;
	struct live_member holder = hold_place(&fd);

	join_namespace(fd);
	/* Elsewhere nobody joins. */
	CHECK_EQ(live_open(SECRET, O_RDONLY), 0);
	end_holder(&holder, fd);
}

#define NO_SUCH_NAMESPACE 201

/* Executes a program in the first of many new mount namespaces that has the wanted number. */
static void enter_stranger(void *arg)
{
	const struct stat *wanted = arg;
	struct stat st;
	int kept;

	for (int i = 0; i < 500; i++) {
		ASSERT(unshare(CLONE_NEWNS) == 0);
		/* Each is kept, so that the next one gets another number. */
		kept = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		ASSERT(kept >= 0 && fstat(kept, &st) == 0);
		if (st.st_ino == wanted->st_ino)
			exec_probe();
	}
	_exit(NO_SUCH_NAMESPACE);
}
/*
 * The number that user space knows a namespace by is given to another one when it is gone. The
 * instance has its place still, as after a crash of an engine, and a stranger does not join.
 */
LIVE_TEST(a_mount_namespace_with_the_number_of_one_gone_is_no_place)
{
	int fd;
	struct live_member holder = hold_place(&fd), stranger;
	struct stat st;

	join_namespace(fd);
	ASSERT(fstat(fd, &st) == 0);
	end_holder(&holder, fd);
	stranger = live_fork(enter_stranger, &st);
	live_go(&stranger);
	CHECK_EQ(WEXITSTATUS(live_wait(&stranger)), 0);
}

/* ---- reports ---- */

static void deny_often(void *arg)
{
	unsigned int wrong = 0;

	(void)arg;
	for (int i = 0; i < 10000; i++)
		wrong += live_open(SECRET, O_RDONLY) != EACCES;
	CHECK_EQ(wrong, 0);
}
static int count_event(const struct vk_event *ev, void *data)
{
	unsigned int *n = data;

	if (ev->vki == live.id) {
		++*n;
		CHECK_STREQ(ev->path, SECRET);
		CHECK_EQ(ev->op, VK_OP_OPEN);
		CHECK_EQ(ev->err, EACCES);
		CHECK_EQ(ev->missing, VK_R_READ);
	}
	return 0;
}
LIVE_TEST(rate_limit_counts_exactly)
{
	struct vk_event_reader *reader = NULL;
	struct vk_error e = {0};
	struct vk_instance c;
	unsigned int events = 0;

	if (!live_ok(vk_events_open(live.eng, &reader, &e), &e))
		tap_abort();
	/* Room for all: what earlier tests left is of other instances. */
	while (vk_events_poll(reader, 0, count_event, &events) > 0)
		;
	events = 0;
	live_policy(DENIED);
	live_file(SECRET, "x");
	live_run(deny_often, NULL);
	while (vk_events_poll(reader, 0, count_event, &events) > 0)
		;
	vk_events_close(reader);
	c = live_counters();
	CHECK_EQ(c.denied, 10000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.suppressed + events, 10000);
	CHECK_LT(events, 2000); /* 20 a second */
	CHECK_GE(events, 20);
	tap_diag("%u events", events);
}

/* ---- no engine ---- */

static void slow_probe(void *arg)
{
	int *p = arg;
	char byte;

	ASSERT(read(p[0], &byte, 1) == 1);
	CHECK_EQ(live_open(SECRET, O_RDONLY), EACCES);
}
LIVE_TEST(rules_hold_while_nothing_of_ours_runs)
{
	struct live_member m;
	struct vk_error e = {0};
	int p[2];

	live_policy(DENIED);
	live_file(SECRET, "x");
	ASSERT(pipe(p) == 0);
	m = live_fork(slow_probe, p);
	live_attach(&m);
	live_go(&m);
	vk_engine_close(live.eng);
	live.eng = NULL;
	ASSERT(write(p[1], "x", 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
	live_ok(vk_engine_open(&live.eng, 0, &e), &e);
	CHECK_EQ(live_counters().denied, 1);
}
