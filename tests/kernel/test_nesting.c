// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Instances below instances: whoever is above binds, and nothing a member does takes it up again.
 *
 * "test-PID" is the parent, live.id; "t-child" is below it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define PARENT_FILE "/tmp/k/parents"
#define CHILD_FILE "/tmp/k/childs"
#define OTHER_FILE "/tmp/k/others"
#define DENY(path) "files: {default: allow, rules: [{deny: [read], path: " path "}]}"

static int below(const char *name, const char *parent, const char *text, uint32_t *ret_id)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(text);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};
	uint32_t id = 0;
	int r = vk_instance_create_below(live.eng, name, parent, layers, 1, &id, &e);

	if (r < 0)
		tap_diag("%s: %s", name, e.message);
	else if (ret_id)
		*ret_id = id;
	return r;
}

static void update(const char *name, const char *text)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(text);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};

	live_ok(vk_instance_update(live.eng, name, layers, 1, &e), &e);
}

static uint32_t child;

static void set_up(void)
{
	live_setup();
	live_file(PARENT_FILE, "x");
	live_file(CHILD_FILE, "x");
	live_file(OTHER_FILE, "x");
	live_policy(DENY(PARENT_FILE));
	ASSERT(below("t-child", live.name, DENY(CHILD_FILE), &child) == 0);
}

static void tear_down(void)
{
	struct vk_error e = {0};

	live_ok(vk_instance_remove_tree(live.eng, live.name, true, &e), &e);
	*live.name = '\0';
	live_teardown();
}

#define NEST_TEST(ident) TEST(ident, .setup = set_up, .teardown = tear_down, .timeout = 60)

static void attach_to(uint32_t id, pid_t pid, int want)
{
	struct vk_error e = {0};
	uint32_t count;

	CHECK_NEG(vk_instance_attach(live.eng, id, pid, &count, &e), want);
}

/* What a member sees: bit 1: the parent's file, bit 2: the child's. */
static int denied(void)
{
	return (live_open(PARENT_FILE, O_RDONLY) == EACCES) |
	       (live_open(CHILD_FILE, O_RDONLY) == EACCES) << 1;
}
enum { NONE = 0, BY_PARENT = 1, BY_CHILD = 2, BY_BOTH = 3 };

/* ---- going down ---- */

static void expect(void *arg)
{
	CHECK_EQ(denied(), *(int *)arg);
	CHECK_EQ(live_open(OTHER_FILE, O_RDONLY), 0);
}

NEST_TEST(a_child_is_bound_by_both_and_the_parent_by_its_own)
{
	int both = BY_BOTH, one = BY_PARENT;
	struct live_member m;

	live_run(expect, &one);
	m = live_fork(expect, &both);
	attach_to(child, m.pid, 0); /* at once, without being a member of the parent */
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
	m = live_fork(expect, &both);
	live_attach(&m);
	attach_to(child, m.pid, 0);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

/* Threads and a child, all running while they are moved. */
static volatile int *stage;

static void *thread_main(void *arg)
{
	(void)arg;
	CHECK_EQ(denied(), BY_PARENT);
	__atomic_fetch_add(stage, 1, __ATOMIC_SEQ_CST);
	while (*stage < 100)
		usleep(1000);
	CHECK_EQ(denied(), BY_BOTH);
	return NULL;
}

static void family(void *arg)
{
	pthread_t t[3];
	int status;
	pid_t pid;

	(void)arg;
	pid = fork();
	for (int i = 0; i < 3; i++)
		ASSERT(pthread_create(&t[i], NULL, thread_main, NULL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

NEST_TEST(a_running_tree_goes_down_with_all_threads)
{
	struct live_member m;

	stage = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m = live_fork(family, NULL);
	live_attach(&m);
	live_go(&m);
	while (*stage < 6)
		usleep(1000);
	attach_to(child, m.pid, 0);
	*stage = 100;
	CHECK_EQ(live_wait(&m), 0);
}

static void exec_probe(const char *path)
{
	execl(live_probe(), "probe", "open", path, (char *)NULL);
	_exit(200);
}

static void before_exec(void *arg)
{
	CHECK_EQ(denied(), BY_PARENT);
	exec_probe(arg);
}

static void at_next_exec(const char *path, int want)
{
	struct live_member m = live_fork(before_exec, (char *)(uintptr_t)path);
	struct vk_error e = {0};
	struct vk_info info;
	int pidfd = (int)syscall(SYS_pidfd_open, m.pid, 0);

	live_attach(&m);
	live_ok(vk_instance_confine_next_exec(live.eng, child, pidfd, &e), &e);
	if (live_ok(vk_instance_get(live.eng, "t-child", &info, &e), &e)) {
		CHECK_EQ(info.pending, 1);
		vk_info_free(&info);
	}
	/* Who is about to come in counts. */
	CHECK_NEG(vk_instance_remove(live.eng, "t-child", false, NULL), EBUSY);
	live_go(&m);
	CHECK_EQ(WEXITSTATUS(live_wait(&m)), want);
	close(pidfd);
}

NEST_TEST(a_member_goes_down_at_its_next_exec)
{
	at_next_exec(CHILD_FILE, EACCES);
	at_next_exec(PARENT_FILE, EACCES);
	at_next_exec(OTHER_FILE, 0);
}

/* ---- never up, never sideways ---- */

NEST_TEST(nobody_goes_up_or_sideways)
{
	int both = BY_BOTH;
	struct vk_error e = {0};
	struct live_member m;
	uint32_t sibling;
	int pidfd;

	ASSERT(below("t-sibling", live.name, DENY(OTHER_FILE), &sibling) == 0);
	m = live_fork(expect, &both);
	live_attach(&m);
	attach_to(child, m.pid, 0);
	attach_to(live.id, m.pid, EALREADY);
	attach_to(sibling, m.pid, EALREADY);
	attach_to(child, m.pid, EALREADY);
	pidfd = (int)syscall(SYS_pidfd_open, m.pid, 0);
	CHECK_NEG(vk_instance_confine_next_exec(live.eng, live.id, pidfd, &e), EALREADY);
	e = (struct vk_error){0};
	CHECK_NEG(vk_instance_confine_next_exec(live.eng, sibling, pidfd, &e), EALREADY);
	e = (struct vk_error){0};
	live_ok(vk_instance_confine_next_exec(live.eng, child, pidfd, &e), &e);
	close(pidfd);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

static int check_denied(void *arg)
{
	return denied() == *(int *)arg ? 0 : 1;
}

static int fork_again(void *arg)
{
	return live_child(check_denied, arg);
}

static int exec_child(void *arg)
{
	execl(live_probe(), "probe", "open", arg, (char *)NULL);
	return 200;
}

static int orphan(void *arg)
{
	int p[2];
	char byte = 'n';

	ASSERT(pipe(p) == 0);
	if (fork() == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				usleep(1000);
			byte = check_denied(arg) == 0 ? 'y' : 'n';
			_exit(write(p[1], &byte, 1) != 1);
		}
		_exit(0);
	}
	close(p[1]);
	return read(p[0], &byte, 1) == 1 && byte == 'y' ? 0 : 1;
}

/* Namespaces of who is in no instance, and of the parent: opened before. */
static int spaces[4];

static int enter_others(void *arg)
{
	if (live_open("/proc/1/ns/mnt", O_RDONLY) != EACCES)
		return 20;
	for (size_t i = 0; i < 4; i++)
		if (setns(spaces[i], 0) < 0)
			return 10 + (int)i;
	if (check_denied(arg))
		return 1;
	return live_child(exec_child, (void *)(uintptr_t)CHILD_FILE) == EACCES ? 0 : 2;
}

static int new_namespaces(void *arg)
{
	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
		return 10;
	if (check_denied(arg))
		return 1;
	return live_child(exec_child, (void *)(uintptr_t)CHILD_FILE) == EACCES ? 0 : 2;
}

#define CGROUP "/sys/fs/cgroup/vkernel-nest"

static int exec_in_cgroup(void *arg)
{
	int fd = open(arg, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return 201;
	return exec_child((void *)(uintptr_t)CHILD_FILE);
}

static void try_to_leave(void *arg)
{
	CHECK_EQ(check_denied(arg), 0);
	CHECK_EQ(live_child(check_denied, arg), 0);
	CHECK_EQ(live_child(fork_again, arg), 0);
	CHECK_EQ(live_child(orphan, arg), 0);
	CHECK_EQ(live_child(new_namespaces, arg), 0);
	CHECK_EQ(live_child(enter_others, arg), 0);
	CHECK_EQ(live_child(exec_child, (void *)(uintptr_t)CHILD_FILE), EACCES);
	CHECK_EQ(live_child(exec_child, (void *)(uintptr_t)PARENT_FILE), EACCES);
	/* The cgroup is the parent's place. */
	CHECK_EQ(live_child(exec_in_cgroup, (void *)(uintptr_t)CGROUP "/cgroup.procs"), EACCES);
}

NEST_TEST(fork_exec_orphans_and_namespaces_do_not_lead_up)
{
	int both = BY_BOTH;
	struct vk_error e = {0};
	struct live_member m;

	for (size_t i = 0; i < 4; i++) {
		static const char *const ns[] = {"mnt", "uts", "ipc", "net"};
		char path[64];

		snprintf(path, sizeof(path), "/proc/1/ns/%s", ns[i]);
		spaces[i] = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT(spaces[i] >= 0);
	}
	mkdir(CGROUP, 0755);
	live_ok(vk_instance_join_cgroup(live.eng, live.id, CGROUP, &e), &e);
	m = live_fork(try_to_leave, &both);
	attach_to(child, m.pid, 0);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
	rmdir(CGROUP);
}

static void from_parent(void *arg)
{
	CHECK_EQ(denied(), BY_PARENT);
	CHECK_EQ(live_child(exec_in_cgroup, arg), EACCES);
	CHECK_EQ(denied(), BY_PARENT);
}

NEST_TEST(a_place_of_the_child_leads_down)
{
	struct vk_error e = {0};

	mkdir(CGROUP, 0755);
	mkdir(CGROUP "/inner", 0755);
	live_ok(vk_instance_join_cgroup(live.eng, live.id, CGROUP, &e), &e);
	live_ok(vk_instance_join_cgroup(live.eng, child, CGROUP "/inner", &e), &e);
	live_run(from_parent, (void *)(uintptr_t)CGROUP "/inner/cgroup.procs");
	CHECK_EQ(live_child(exec_in_cgroup, (void *)(uintptr_t)CGROUP "/inner/cgroup.procs"),
		 EACCES);
	CHECK_EQ(live_child(exec_in_cgroup, (void *)(uintptr_t)CGROUP "/cgroup.procs"), 0);
	rmdir(CGROUP "/inner");
	rmdir(CGROUP);
}

/* A name that the parent's rules deny must not get another one by a mount made before. */
static void behind_a_mount(void *arg)
{
	int *p = arg;
	char byte;

	live_dir("/tmp/k/dir");
	ASSERT(unshare(CLONE_NEWNS) == 0);
	ASSERT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ASSERT(mount("/tmp/k/real", "/tmp/k/alias", NULL, MS_BIND, NULL) == 0);
	ASSERT(write(p[1], "x", 1) == 1);
	while (read(p[2], &byte, 1) != 1)
		;
	CHECK_EQ(live_open("/tmp/k/real/secret", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/alias/secret", O_RDONLY), EACCES);
	CHECK_EQ(denied(), BY_CHILD);
}

NEST_TEST(names_are_the_parents)
{
	struct live_member m;
	char byte;
	int p[4];

	live_file("/tmp/k/real/secret", "x");
	live_dir("/tmp/k/alias");
	update(live.name, DENY("/tmp/k/real/**"));
	ASSERT(pipe(p) == 0 && pipe(p + 2) == 0);
	m = live_fork(behind_a_mount, p);
	live_attach(&m);
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	attach_to(child, m.pid, 0);
	ASSERT(write(p[3], "x", 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
}

/* ---- others ---- */

static void wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void reach(void *arg)
{
	const pid_t *pids = arg; /* of the parent, the sibling, the child itself */

	CHECK_ERRNO(ptrace(PTRACE_SEIZE, pids[0], 0, 0), EPERM);
	CHECK_ERRNO(ptrace(PTRACE_SEIZE, pids[1], 0, 0), EPERM);
	CHECK_ERRNO(ptrace(PTRACE_SEIZE, pids[2], 0, 0), 0);
	CHECK_ERRNO(kill(pids[0], SIGKILL), EPERM);
	CHECK_ERRNO(kill(pids[1], SIGKILL), EPERM);
	CHECK_ERRNO(kill(pids[2], SIGKILL), 0);
}

static void reach_down(void *arg)
{
	CHECK_ERRNO(ptrace(PTRACE_SEIZE, *(pid_t *)arg, 0, 0), 0);
	CHECK_ERRNO(kill(*(pid_t *)arg, SIGKILL), 0);
}

NEST_TEST(a_child_reaches_neither_its_parent_nor_its_sibling)
{
	struct live_member m[3], who;
	uint32_t sibling, ids[3];
	pid_t pids[3];

	ASSERT(below("t-sibling", live.name, DENY(OTHER_FILE), &sibling) == 0);
	/* ptrace is no matter of the policy: it is what makes the child a child. */
	update(live.name, "processes: {signal: own}");
	ids[0] = live.id;
	ids[1] = sibling;
	ids[2] = child;
	for (int i = 0; i < 3; i++) {
		m[i] = live_fork(wait_for_ever, NULL);
		pids[i] = m[i].pid;
		attach_to(ids[i], m[i].pid, 0);
		live_go(&m[i]);
	}
	who = live_fork(reach, pids);
	attach_to(child, who.pid, 0);
	live_go(&who);
	CHECK_EQ(live_wait(&who), 0);
	live_run(reach_down, &pids[1]);
	kill(pids[0], SIGKILL);
	for (int i = 0; i < 3; i++)
		waitpid(pids[i], NULL, 0);
}

/* ---- limits ---- */

NEST_TEST(eight_deep_and_no_deeper)
{
	char name[32], up[65] = "t-child";

	for (int depth = 3; depth <= VK_MAX_DEPTH; depth++) {
		snprintf(name, sizeof(name), "t-depth%d", depth);
		ASSERT(below(name, up, DENY(OTHER_FILE), NULL) == 0);
		snprintf(up, sizeof(up), "%s", name);
	}
	CHECK_NEG(below("t-depth9", up, DENY(OTHER_FILE), NULL), ELOOP);
	CHECK_NEG(below("t-none", "no-such-instance", DENY(OTHER_FILE), NULL), ENOENT);
}

NEST_TEST(an_update_that_does_not_fit_below_changes_nothing)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(DENY(OTHER_FILE));
	const struct vk_policy *layers[VK_MAX_LAYERS];
	int both = BY_BOTH;
	struct vk_error e = {0};
	struct live_member m;

	for (size_t i = 0; i < VK_MAX_LAYERS; i++)
		layers[i] = p;
	CHECK_NEG(vk_instance_update(live.eng, live.name, layers, VK_MAX_LAYERS, &e), E2BIG);
	m = live_fork(expect, &both);
	attach_to(child, m.pid, 0);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

NEST_TEST(a_parent_stays_while_it_has_children)
{
	struct vk_error e = {0};

	CHECK_NEG(vk_instance_remove(live.eng, live.name, false, &e), ENOTEMPTY);
	e = (struct vk_error){0};
	live_ok(vk_instance_remove(live.eng, "t-child", false, &e), &e);
	ASSERT(below("t-child", live.name, DENY(CHILD_FILE), &child) == 0);
}

/* ---- updates ---- */

static void after_update(void *arg)
{
	int *p = arg;
	char byte;

	CHECK_EQ(denied(), BY_BOTH);
	ASSERT(write(p[1], "x", 1) == 1 && read(p[2], &byte, 1) == 1);
	CHECK_EQ(denied(), BY_CHILD);
	CHECK_EQ(live_open(OTHER_FILE, O_RDONLY), EACCES);
}

NEST_TEST(a_child_follows_its_parents_updates)
{
	struct live_member m;
	char byte;
	int p[4];

	ASSERT(pipe(p) == 0 && pipe(p + 2) == 0);
	m = live_fork(after_update, p);
	attach_to(child, m.pid, 0);
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	update(live.name, DENY(OTHER_FILE));
	ASSERT(write(p[3], "x", 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
}

/* Both policies of the parent deny w; each denies one of the others. */
#define EITHER(path) DENY("['/tmp/k/w', '" path "']")

static void watch_both(void *arg)
{
	volatile unsigned int *seen = arg;

	while (!seen[0]) {
		seen[1] += live_open("/tmp/k/w", O_RDONLY) == 0;
		seen[2] += live_open(CHILD_FILE, O_RDONLY) == 0;
		seen[3] += live_open("/tmp/k/a", O_RDONLY) == 0;
		seen[4] += live_open("/tmp/k/b", O_RDONLY) == 0;
	}
}

NEST_TEST(updates_of_a_parent_under_load_of_the_child)
{
	volatile unsigned int *seen =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct live_member m;

	live_file("/tmp/k/w", "x");
	live_file("/tmp/k/a", "x");
	live_file("/tmp/k/b", "x");
	update(live.name, EITHER("/tmp/k/a"));
	m = live_fork(watch_both, (void *)(uintptr_t)seen);
	attach_to(child, m.pid, 0);
	live_go(&m);
	for (int i = 0; i < 100; i++)
		update(live.name, i & 1 ? EITHER("/tmp/k/a") : EITHER("/tmp/k/b"));
	seen[0] = 1;
	CHECK_EQ(live_wait(&m), 0);
	CHECK_EQ(seen[1], 0);
	CHECK_EQ(seen[2], 0);
	CHECK_GT(seen[3], 0);
	CHECK_GT(seen[4], 0);
}

/* Killed anywhere in an update, it leaves the old rules or the new ones, and can go on. */
NEST_TEST(an_update_killed_half_way_leaves_all_in_force)
{
	struct live_member m;

	live_file("/tmp/k/w", "x");
	update(live.name, EITHER("/tmp/k/a"));
	vk_engine_close(live.eng);
	for (unsigned int i = 0; i < 25; i++) {
		struct vk_error e = {0};
		pid_t pid = fork();

		if (pid == 0) {
			if (vk_engine_open(&live.eng, 0, &e) < 0)
				_exit(1);
			for (unsigned int n = i;; n++)
				update(live.name, n & 1 ? EITHER("/tmp/k/a") : EITHER("/tmp/k/b"));
		}
		usleep(20000 + i * 7919 % 60000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!live_ok(vk_engine_open(&live.eng, 0, &e), &e))
			tap_abort();
		/* Compares what is stored with what is in force. */
		live_ok(vk_instance_set_mode(live.eng, live.name, VK_MODE_ENFORCE, &e), &e);
		live_ok(vk_instance_set_mode(live.eng, "t-child", VK_MODE_ENFORCE, &e), &e);
		vk_engine_close(live.eng);
	}
	ASSERT(vk_engine_open(&live.eng, 0, NULL) == 0);
	m = live_fork(expect, &(int){BY_CHILD});
	attach_to(child, m.pid, 0);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

/* ---- what is said ---- */

static int own_event(const struct vk_event *ev, void *data)
{
	struct vk_event *ret = data;

	if (ev->vki == child && ev->op == VK_OP_OPEN)
		*ret = *ev;
	return 0;
}

NEST_TEST(reports_know_whose_layer_it_was)
{
	struct vk_event_reader *reader;
	struct vk_event ev = {0};
	struct vk_error e = {0};
	struct vk_info info = {0};
	int both = BY_BOTH;
	struct live_member m;

	if (!live_ok(vk_events_open(live.eng, &reader, &e), &e))
		tap_abort();
	while (vk_events_poll(reader, 0, own_event, &ev) > 0)
		; /* of earlier tests */
	m = live_fork(expect, &both);
	attach_to(child, m.pid, 0);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
	while (vk_events_poll(reader, 0, own_event, &ev) > 0)
		;
	vk_events_close(reader);
	CHECK_STREQ(ev.path, CHILD_FILE);
	if (live_ok(vk_instance_get_id(live.eng, child, &info, &e), &e)) {
		CHECK_EQ(info.n_layers, 2);
		CHECK_EQ(info.n_own, 1);
		CHECK_EQ(info.depth, 2);
		CHECK_EQ(info.parent, live.id);
		CHECK_STREQ(info.origins[0].name, live.name);
		CHECK_STREQ(info.origins[1].name, "t-child");
		vk_info_free(&info);
	}
}
