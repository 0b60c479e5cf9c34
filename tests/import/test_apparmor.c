// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Imported AppArmor profiles against AppArmor itself: thousands of operations, each made by a
 * process without restrictions, by one under the profile, and by a member of an instance under the
 * policy that was imported from it. The verdicts must be equal, or the difference one that the
 * import has reported, recognized here operation by operation.
 *
 * The profiles: Docker's, out of dockerd itself; that of our benchmark; those of tests/import/
 * profiles; and those of the directory that VKERNEL_TEST_PROFILES names. Flags "complain" are
 * taken out, as nothing would be denied.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "compare.h"
#include "compile.h"
#include "import.h"
#include "live.h"
#include "parse.h"

#define PROFILE_FILE "/tmp/compare.profile"
#define NEW_ROOT "/tmp/compare-root"
#define MAX_FAILURES 25

enum { BARE, APPARMOR, MEMBER, WORKERS };

/* Differences that are no mistakes; @said: how the import's report words it. */
enum reason {
	KIND,
	DENY_KIND,
	DIRECTORIES,
	LOCKS,
	PEERS,
	MAPPED,
	STAYS,
	RENAME_GAINS,
	RENAME_DIR_GAINS,
	RENAME_UNREAD,
	LINK_BOTH,
	SOCKET_FILE,
	INSPECT,
	INTERPRETERS,
	MEMORY,
	SIGNAL_SET,
	LABELS,
	REASONS,
};
static const char *const said[REASONS] = {
	[KIND] = "wider: a pattern for files counts for directories of that name",
	[DENY_KIND] = "narrower: what a deny rule says of files counts for directories",
	[DIRECTORIES] = "directories by pattern are made and removed, and not read or changed",
	[LOCKS] = "wider: file locks (k) are not restricted",
	[PEERS] = "not carried over: ptrace",
	[MAPPED] = "wider: a program that may be executed may be mapped",
	[STAYS] = "the program stays under this policy; AppArmor wants the profile",
	[RENAME_GAINS] = "narrower: a file is renamed or linked only to a name that gives no right",
	[RENAME_DIR_GAINS] = "a directory only between names alike",
	[RENAME_UNREAD] = "narrower: what may be written but not read (w without r) is not renamed",
	[LINK_BOTH] = "narrower: both names of a hard link need l",
	[SOCKET_FILE] = "differs: socket files: w permits to bind and to connect",
	[INSPECT] = "wider: members may read about each other (ptrace read)",
	[INTERPRETERS] = "narrower: the interpreter of a script",
	[MEMORY] = "narrower: memory without a name",
	[SIGNAL_SET] = "signal (receive, send) set=(\"exists\"): set is no condition of ours",
	[LABELS] = "not carried over: unix",
};

/**
 * struct shared - between the test and the processes that it forks
 * @call:      the operation in progress
 * @member:    whom to attach
 * @confined:  the errno of entering the profile
 */
struct shared {
	struct cmp_call call;
	pid_t member;
	int confined;
};

struct worker {
	pid_t pid;
	int to, from; /* pipes: sockets are mediated */
	pid_t own;
};

struct compare {
	const char *name;
	struct vk_imported made;
	struct vk_image *image;
	struct shared *shared;
	struct worker worker[WORKERS];
	pid_t outside;
	unsigned int rows, denied, allowed, failures;
	unsigned int reasons[REASONS];
};

/* ---- profiles ---- */

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Loads the text into AppArmor, imports it, and compiles what was made. */
static struct vk_policy *load(struct compare *c, const char *text)
{
	struct vk_import_from from = {
		.file = "profile", .text = text, .len = strlen(text), .include = cmp_include};
	struct vk_policy *policy = NULL;
	const struct vk_policy *layer;
	struct vk_error e = {0};

	live_file(PROFILE_FILE, text);
	if (run("apparmor_parser -r -K -q -I " APPARMOR_DIR " " PROFILE_FILE) != 0) {
		FAIL("AppArmor does not take the profile");
		tap_abort();
	}
	cmp_names_text(text);
	if (!live_ok(vk_import(VK_IMPORT_APPARMOR, &from, &c->made, &e), &e) ||
	    !live_ok(vk_policy_parse("made", c->made.yaml, strlen(c->made.yaml), NULL, NULL,
				     &policy, &e),
		     &e))
		tap_abort();
	layer = policy;
	if (!live_ok(vk_compile(&layer, 1, &c->image, &e), &e))
		tap_abort();
	return policy;
}

/* The name that AppArmor knows the profile by: in the first line of the policy. */
static const char *profile_name(const struct compare *c)
{
	static char name[128];

	ASSERT(sscanf(c->made.yaml, "# From the AppArmor profile %127s", name) == 1);
	return name;
}

/* ---- the three that make the operations ---- */

static bool wait_byte(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

static void send_byte(int fd)
{
	if (write(fd, "g", 1) != 1)
		_exit(1);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static _Noreturn void work(struct compare *c, int which, int in, int out)
{
	_cleanup_close_ int attr = open("/proc/self/attr/apparmor/current", O_WRONLY | O_CLOEXEC);
	char text[160];
	int len;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!wait_byte(in))
		_exit(1);
	if (which == APPARMOR) {
		len = snprintf(text, sizeof(text), "changeprofile %s", profile_name(c));
		c->shared->confined = write(attr, text, (size_t)len) == len ? 0 : errno;
	}
	vk_closep(&attr);
	c->shared->call.own = sleeper();
	send_byte(out);
	while (wait_byte(in)) {
		cmp_perform(&c->shared->call);
		send_byte(out);
	}
	_exit(0);
}

static void start_worker(struct compare *c, int which)
{
	int to[2], from[2];

	ASSERT(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	c->worker[which] = (struct worker){fork(), to[1], from[0], 0};
	if (c->worker[which].pid == 0) {
		close(to[1]);
		close(from[0]);
		work(c, which, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
}

static void release_worker(struct compare *c, int which)
{
	send_byte(c->worker[which].to);
	ASSERT(wait_byte(c->worker[which].from));
	c->worker[which].own = c->shared->call.own;
}

/* An empty root, so that operations on any name harm nobody. */
static void make_root(void)
{
	ASSERT(unshare(CLONE_NEWNS) == 0);
	ASSERT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	live_dir(NEW_ROOT);
	ASSERT(mount("root", NEW_ROOT, "tmpfs", 0, "mode=755") == 0);
	live_dir(NEW_ROOT "/proc");
	live_dir(NEW_ROOT "/sys");
	ASSERT(mount("proc", NEW_ROOT "/proc", "proc", 0, NULL) == 0);
	ASSERT(mount("sysfs", NEW_ROOT "/sys", "sysfs", 0, NULL) == 0);
	ASSERT(chdir(NEW_ROOT) == 0);
	ASSERT(syscall(SYS_pivot_root, ".", ".") == 0);
	ASSERT(umount2(".", MNT_DETACH) == 0);
	ASSERT(chdir("/") == 0);
	/* Unknown families would call modprobe each time; see end(). */
	live_file("/proc/sys/kernel/modprobe", "\n");
}

/* Modules are loaded again for the suites that come after this one. */
static void end(void)
{
	live_file("/proc/sys/kernel/modprobe", "/sbin/modprobe\n");
	live_teardown();
}

/* ---- verdicts ---- */

static bool denied(int err)
{
	return err == EACCES || err == EPERM || err == EXDEV;
}

/* The errno of one of the three; -1: the object cannot be made. */
static int perform(struct compare *c, int which, const struct cmp_call *call)
{
	int err = -1;

	c->shared->call = *call;
	c->shared->call.own = c->worker[which].own;
	c->shared->call.outside = c->outside;
	if (cmp_prepare(call)) {
		c->shared->call.err = -1;
		send_byte(c->worker[which].to);
		ASSERT(wait_byte(c->worker[which].from));
		err = c->shared->call.err;
		/* A program that was executed after all is another process now. */
		ASSERT(err >= 0);
	}
	cmp_clean(call);
	return err;
}

/* What AppArmor says of the same on a directory where this was a file, or the other way. */
static int other_kind(struct compare *c, const struct cmp_call *call)
{
	static const enum cmp_op pairs[][2] = {
		{CMP_READ, CMP_LIST},	      {CMP_LIST, CMP_READ},
		{CMP_CHMOD, CMP_CHMOD_DIR},   {CMP_CHMOD_DIR, CMP_CHMOD},
		{CMP_CHOWN, CMP_CHMOD_DIR},   {CMP_RENAME, CMP_RENAME_DIR},
		{CMP_RENAME_DIR, CMP_RENAME},
	};
	struct cmp_call other = *call;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (call->op != pairs[i][0])
			continue;
		other.op = pairs[i][1];
		return perform(c, APPARMOR, &other);
	}
	return -1;
}

static int on_apparmor(struct compare *c, enum cmp_op op, const char *path)
{
	struct cmp_call call = {.op = op};

	snprintf(call.path, sizeof(call.path), "%s", path);
	return perform(c, APPARMOR, &call);
}

static bool reported(const struct compare *c, enum reason why)
{
	for (size_t i = 0; i < c->made.n_lost; i++)
		if (strstr(c->made.lost[i], said[why]))
			return true;
	return false;
}

/* What AppArmor denies and the policy permits. */
static enum reason explain_wider(struct compare *c, const struct cmp_call *call)
{
	int other;

	if (call->op == CMP_MMAP && vk_image_match(c->image, call->path).allow & VK_R_EXEC)
		return MAPPED;
	if ((call->op == CMP_EXEC || call->op == CMP_SCRIPT) &&
	    vk_image_match(c->image, call->path).allow & VK_R_EXEC)
		return STAYS;
	if (call->op == CMP_INSPECT && !call->other)
		return INSPECT;
	/* What may be locked under its new name, and could not under the old one, has gained. */
	if (call->op == CMP_LINK && !denied(on_apparmor(c, CMP_LOCK, call->to)) &&
	    denied(on_apparmor(c, CMP_LOCK, call->path)))
		return LOCKS;
	other = other_kind(c, call);
	return other >= 0 && !denied(other) ? KIND : REASONS;
}

/* May be changed, but not renamed. */
static bool unread(uint32_t rights, uint32_t change)
{
	return rights & change && !(rights & VK_R_RENAME);
}

/* What AppArmor permits and the policy denies. */
static enum reason explain_narrower(struct compare *c, const struct cmp_call *call, int ours)
{
	uint32_t from = vk_image_match(c->image, call->path).allow;
	uint32_t to = vk_image_match(c->image, call->to).allow;

	if (call->op == CMP_RENAME_DIR && ours == EXDEV)
		return RENAME_DIR_GAINS;
	if (call->op == CMP_RENAME_DIR && (unread(from, VK_R_MKDIR) || unread(to, VK_R_MKDIR)))
		return RENAME_UNREAD;
	if ((call->op == CMP_RENAME || call->op == CMP_LINK) && ours == EXDEV && to & ~from)
		return RENAME_GAINS;
	if (call->op == CMP_RENAME && (unread(from, VK_R_WRITE) || unread(to, VK_R_WRITE)))
		return RENAME_UNREAD;
	if (call->op == CMP_LINK && !(from & VK_R_LINK))
		return LINK_BOTH;
	if (call->op == CMP_UNIX_CONNECT && !(from & VK_R_WRITE))
		return SOCKET_FILE;
	if (call->op == CMP_SCRIPT && from & VK_R_EXEC)
		return INTERPRETERS;
	if (call->op == CMP_MEMORY)
		return MEMORY;
	if (call->op == CMP_ABSTRACT)
		return LABELS;
	if (call->op == CMP_SIGNAL && call->other && call->b == 0)
		return SIGNAL_SET;
	if ((call->op == CMP_PTRACE || call->op == CMP_INSPECT) && call->other)
		return PEERS;
	/* Of directories that the kernel made there is no file to compare with. */
	if (cmp_object(call->op) == CMP_AT_DIR && reported(c, DIRECTORIES) &&
	    (denied(other_kind(c, call)) ||
	     (call->op == CMP_LIST && other_kind(c, call) < 0 && !(from & VK_R_READ))))
		return DIRECTORIES;
	return denied(other_kind(c, call)) ? DENY_KIND : REASONS;
}

static void describe(const struct cmp_call *call, char *buf, size_t size)
{
	if (cmp_object(call->op) != CMP_AT_NONE)
		snprintf(buf, size, "%s %s%s%s", cmp_word(call->op), call->path,
			 *call->to ? " -> " : "", call->to);
	else
		snprintf(buf, size, "%s %d %d%s", cmp_word(call->op), call->a, call->b,
			 call->other ? " outside" : "");
}

static void compare(struct compare *c, const struct cmp_call *call)
{
	int bare = perform(c, BARE, call), theirs, ours;
	char text[3 * CMP_PATH];
	enum reason why;

	if (bare < 0 || denied(bare))
		return; /* says nothing: nobody may, or it cannot be tried */
	theirs = perform(c, APPARMOR, call);
	ours = perform(c, MEMBER, call);
	c->rows++;
	if (denied(theirs) == denied(ours)) {
		*(denied(ours) ? &c->denied : &c->allowed) += 1;
		return;
	}
	why = denied(theirs) ? explain_wider(c, call) : explain_narrower(c, call, ours);
	if (why < REASONS && reported(c, why)) {
		c->reasons[why]++;
		return;
	}
	describe(call, text, sizeof(text));
	if (c->failures++ < MAX_FAILURES)
		FAIL("%s: bare %s, AppArmor %s, imported %s%s", text, bare ? strerror(bare) : "ok",
		     theirs ? strerror(theirs) : "ok", ours ? strerror(ours) : "ok",
		     why < REASONS ? "; known, but not reported by the import" : "");
}

/* ---- tables ---- */

static void on_path(struct compare *c, enum cmp_op op, const char *path, const char *to)
{
	struct cmp_call call = {.op = op};

	snprintf(call.path, sizeof(call.path), "%s", path);
	if (to)
		snprintf(call.to, sizeof(call.to), "%s", to);
	compare(c, &call);
}

static void on_names(struct compare *c, const struct cmp_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		for (int op = 0; op < CMP_SOCKET; op++) {
			char near[CMP_PATH] = "";

			if (cmp_has_two(op)) {
				const char *to = names->v[cmp_random((unsigned int)names->n)];

				if (cmp_random(2))
					snprintf(near, sizeof(near), "%.*s/mv",
						 (int)(strrchr(names->v[i], '/') - names->v[i]),
						 names->v[i]);
				else
					snprintf(near, sizeof(near), "%s", to);
			}
			on_path(c, op, names->v[i], *near ? near : NULL);
		}
	}
}

static struct cmp_names found;

static int add_found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	/* One process is like the others; what is deep is like what is above it. */
	if (ftw->level > 5 || found.n > 1200)
		return ftw->level > 5 ? FTW_SKIP_SUBTREE : FTW_STOP;
	if (strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9' &&
	    strncmp(path, "/proc/1/", 8) != 0)
		return FTW_SKIP_SUBTREE;
	/* Of many a sample. */
	if (type != FTW_SL && (ftw->level < 3 || cmp_random(4) == 0))
		cmp_names_add(&found, path);
	return FTW_CONTINUE;
}

/* What the kernel made can be opened, but not made. */
static void on_kernel_files(struct compare *c)
{
	static const char *const roots[] = {"/proc/sys", "/proc/1", "/proc", "/sys"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		found.n = 0;
		nftw(roots[i], add_found, 16, FTW_PHYS | FTW_ACTIONRETVAL);
		for (size_t k = 0; k < found.n && k < 160; k++) {
			const char *name = found.v[cmp_random((unsigned int)found.n)];

			on_path(c, CMP_READ, name, NULL);
			on_path(c, CMP_WRITE, name, NULL);
			on_path(c, CMP_LIST, name, NULL);
			on_path(c, CMP_CHMOD, name, NULL);
		}
	}
}

static void on_sockets(struct compare *c)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
	static const int inet[] = {AF_INET, AF_INET6};

	for (int family = 1; family < 46; family++)
		for (size_t i = 0; i < 4; i++)
			compare(c,
				&(struct cmp_call){.op = CMP_SOCKET, .a = family, .b = types[i]});
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			compare(c, &(struct cmp_call){.op = CMP_INET, .a = inet[i], .b = types[k]});
	for (int connects = 0; connects < 2; connects++)
		compare(c, &(struct cmp_call){.op = CMP_ABSTRACT, .a = connects});
}

static void on_processes(struct compare *c)
{
	static const int signals[] = {0, SIGCONT, SIGWINCH, SIGURG, SIGCHLD};

	for (size_t i = 0; cmp_caps[i] >= 0; i++)
		compare(c, &(struct cmp_call){.op = CMP_CAPABLE, .a = cmp_caps[i]});
	for (int other = 0; other < 2; other++) {
		compare(c, &(struct cmp_call){.op = CMP_PTRACE, .other = other});
		compare(c, &(struct cmp_call){.op = CMP_INSPECT, .other = other});
		for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
			compare(c, &(struct cmp_call){
					   .op = CMP_SIGNAL, .b = signals[i], .other = other});
	}
	compare(c, &(struct cmp_call){.op = CMP_USERNS});
	compare(c, &(struct cmp_call){.op = CMP_MEMORY});
}

static void on_mounts(struct compare *c)
{
	static const char *const points[] = {"/mnt/a", "/mnt/b/c", "/srv", "/var/lib/x/y"};

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		for (int op = CMP_MOUNT; op < CMP_OP_COUNT; op++)
			on_path(c, op, points[i], NULL);
}

static void summary(const struct compare *c)
{
	tap_diag("%s: %u operations: denied by both %u, allowed by both %u", c->name, c->rows,
		 c->denied, c->allowed);
	for (int i = 0; i < REASONS; i++)
		if (c->reasons[i])
			tap_diag("  %u %s", c->reasons[i], said[i]);
	if (c->failures)
		FAIL("%u differences without an explanation", c->failures);
	/* A profile that denies nothing, or everything, compares nothing. */
	CHECK_GE(c->rows, 1000);
	CHECK_GE(c->denied, 20);
	CHECK_GE(c->allowed, 100);
}

/* In the new root: @ready and @go are pipes to the test, which attaches the member. */
static _Noreturn void comparer(struct compare *c, int ready, int go)
{
	struct cmp_names names;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_root();
	c->outside = sleeper();
	for (int i = 0; i < WORKERS; i++)
		start_worker(c, i);
	c->shared->member = c->worker[MEMBER].pid;
	send_byte(ready);
	if (!wait_byte(go))
		_exit(1);
	for (int i = 0; i < WORKERS; i++)
		release_worker(c, i);
	if (c->shared->confined) {
		FAIL("the profile cannot be entered: %s", strerror(c->shared->confined));
		_exit(1);
	}
	names = cmp_names_make(120);
	on_names(c, &names);
	on_kernel_files(c);
	on_sockets(c);
	on_processes(c);
	on_mounts(c);
	summary(c);
	_exit(0);
}

static void run_profile(const char *name, char *text)
{
	struct compare c = {.name = name};
	const struct vk_policy *layer;
	struct vk_error e = {0};
	int ready[2], go[2], status;
	uint32_t count = 0;
	pid_t pid;

	ASSERT(text);
	cmp_enforce(text);
	struct vk_policy *policy = load(&c, text);

	layer = policy;
	c.shared = mmap(NULL, sizeof(*c.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	ASSERT(c.shared != MAP_FAILED);
	ASSERT(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	snprintf(live.name, sizeof(live.name), "compare-%d", getpid());
	if (!live_ok(vk_instance_create(live.eng, live.name, &layer, 1, &live.id, &e), &e))
		tap_abort();
	pid = fork();
	if (pid == 0)
		comparer(&c, ready[1], go[0]);
	close(ready[1]);
	ASSERT(wait_byte(ready[0]));
	if (!live_ok(vk_instance_attach(live.eng, live.id, c.shared->member, &count, &e), &e))
		tap_abort();
	CHECK_EQ(count, 1);
	send_byte(go[1]);
	ASSERT(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	vk_policy_free(policy);
	vk_imported_free(&c.made);
	free(c.image);
	free(text);
}

#define COMPARE(ident) TEST(ident, .setup = live_setup, .teardown = end, .timeout = 300)

COMPARE(docker_default_of_dockerd)
{
	run_profile("docker-default", cmp_docker_template());
}

COMPARE(docker_default_of_the_benchmark)
{
	run_profile("vkernel-bench-docker", cmp_read_file("bench/docker-default.apparmor"));
}

COMPARE(a_service)
{
	run_profile("service", cmp_read_file("tests/import/profiles/service"));
}

COMPARE(patterns)
{
	run_profile("patterns", cmp_read_file("tests/import/profiles/patterns"));
}

/* Others, on request. */
TEST(profiles_of_the_directory_that_was_named, .timeout = 3000)
{
	const char *dir = getenv("VKERNEL_TEST_PROFILES");
	struct dirent **entries;
	int n;

	if (!dir)
		return;
	n = scandir(dir, &entries, NULL, alphasort);
	CHECK_GE(n, 3);
	for (int i = 0; i < n; i++) {
		char path[CMP_PATH];
		pid_t pid;

		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (entries[i]->d_name[0] == '.')
			continue;
		pid = fork();
		if (pid == 0) {
			live_setup();
			run_profile(entries[i]->d_name, cmp_read_file(path));
			end();
			_exit(0);
		}
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
}
