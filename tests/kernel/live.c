// SPDX-License-Identifier: LGPL-2.1-or-later
#include "live.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "parse.h"

struct live live;

/* Needs every hook, and denies nothing that a test could notice: it has no member. */
#define KEEPER "test-keeper"
static const char keeper_policy[] =
	"files: {default: deny, rules: [{allow: [append], path: /a}]}\n"
	"exec: {default: deny, allow: [/none]}\n"
	"network: {default: deny, allow: [{bind: tcp/1}, {connect: 'unix:/none'}]}\n"
	"mounts: {default: deny}\n"
	"processes: {ptrace: none, signal: none, userns: deny}\n"
	"capabilities: none\n"
	"bpf: deny\nperf: deny\nmodules: deny\nkeys: deny\nio_uring: deny\n"
	"xattrs: deny\n";
static pid_t program;

__attribute__((constructor)) static void remember_program(void)
{
	program = getpid();
}

/* In the harness itself, after the last test. */
__attribute__((destructor)) static void remove_keeper(void)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;

	if (getpid() == program && vk_engine_open(&eng, 0, NULL) == 0)
		vk_instance_remove(eng, KEEPER, true, NULL);
}

bool live_ok_at(const char *file, int line, int r, const struct vk_error *e)
{
	if (r >= 0)
		return true;
	tap_fail(file, line, "%s (%s)%s%s", e->message, strerror(-r), *e->advice ? ": " : "",
		 e->advice);
	return false;
}

static void keep_hooks(void)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(keeper_policy);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};
	uint32_t id;
	int r = vk_instance_create(live.eng, KEEPER, layers, 1, &id, &e);

	if (r != -EEXIST && !live_ok(r, &e))
		tap_abort();
}

void live_setup(void)
{
	struct vk_error e = {0};

	ASSERT(unshare(CLONE_NEWNS) == 0);
	ASSERT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	live_clean(LIVE_DIR);
	live_dir(LIVE_DIR);
	if (!live_ok(vk_engine_open(&live.eng, VK_OPEN_CREATE, &e), &e))
		tap_abort();
	if (!getenv("VKERNEL_LIVE_ON_DEMAND"))
		keep_hooks();
}

void live_teardown(void)
{
	struct vk_error e = {0};

	if (*live.name)
		live_ok(vk_instance_remove(live.eng, live.name, true, &e), &e);
	vk_engine_close(live.eng);
	live.eng = NULL;
	live_clean(LIVE_DIR);
}

struct vk_policy *live_parse(const char *text)
{
	_cleanup_free_ char *document = NULL;
	struct vk_policy *p = NULL;
	struct vk_error e = {0};

	ASSERT(asprintf(&document, "vkernel: 1\nname: test\n%s\n", text) > 0);
	if (vk_policy_parse("test", document, strlen(document), NULL, NULL, &p, &e) < 0) {
		FAIL("%u:%u: %s", e.line, e.column, e.message);
		tap_abort();
	}
	return p;
}

uint32_t live_create(const char *name, const char *text)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(text);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};
	uint32_t id = 0;

	if (!live_ok(vk_instance_create(live.eng, name, layers, 1, &id, &e), &e))
		tap_abort();
	return id;
}

void live_policy(const char *text)
{
	char name[65];

	snprintf(name, sizeof(name), "test-%d", getpid());
	live.id = live_create(name, text);
	memcpy(live.name, name, sizeof(name));
}

void live_update(const char *text)
{
	_cleanup_policy_ struct vk_policy *p = live_parse(text);
	const struct vk_policy *layers[] = {p};
	struct vk_error e = {0};

	live_ok(vk_instance_update(live.eng, live.name, layers, 1, &e), &e);
}

struct vk_instance live_counters(void)
{
	struct vk_info info = {0};
	struct vk_error e = {0};

	if (!live_ok(vk_instance_get(live.eng, live.name, &info, &e), &e))
		tap_abort();
	vk_info_free(&info);
	return info.counters;
}

struct live_member live_fork(live_fn fn, void *arg)
{
	struct live_member m;
	char byte;
	int p[2];

	ASSERT(pipe2(p, O_CLOEXEC) == 0);
	m.pid = fork();
	ASSERT(m.pid >= 0);
	if (m.pid == 0) {
		close(p[1]);
		if (read(p[0], &byte, 1) != 1)
			_exit(1);
		fn(arg);
		_exit(0);
	}
	close(p[0]);
	m.go = p[1];
	return m;
}

void live_attach(const struct live_member *m)
{
	struct vk_error e = {0};
	uint32_t count = 0;

	if (!live_ok(vk_instance_attach(live.eng, live.id, m->pid, &count, &e), &e))
		tap_abort();
	CHECK_GE(count, 1);
}

void live_go(struct live_member *m)
{
	ASSERT(write(m->go, "g", 1) == 1);
	close(m->go);
	m->go = -1;
}

int live_wait(struct live_member *m)
{
	int status;

	ASSERT(waitpid(m->pid, &status, 0) == m->pid);
	m->pid = 0;
	/* A failed ASSERT leaves by another way and has been counted. */
	if (WIFSIGNALED(status))
		FAIL("the member was ended by signal %d", WTERMSIG(status));
	return status;
}

void live_run(live_fn fn, void *arg)
{
	struct live_member m = live_fork(fn, arg);

	live_attach(&m);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
}

int live_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void make_parents(const char *path)
{
	char dir[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
			FAIL("mkdir %s: %s", dir, strerror(errno));
			tap_abort();
		}
	}
}

void live_dir(const char *path)
{
	make_parents(path);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		FAIL("mkdir %s: %s", path, strerror(errno));
		tap_abort();
	}
}

void live_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = -1;

	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		FAIL("%s: %s", path, strerror(errno));
		tap_abort();
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

/* Unmounts first: what a test bound below @dir must not be emptied. */
void live_clean(const char *dir)
{
	char line[PATH_MAX], path[PATH_MAX];
	size_t len = strlen(dir);
	bool again = true;

	while (again) {
		_cleanup_fclose_ FILE *f = fopen("/proc/self/mounts", "re");

		again = false;
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%*s %4000s", path) == 1 && strncmp(path, dir, len) == 0 &&
			    (path[len] == '/' || !path[len]) && umount2(path, MNT_DETACH) == 0)
				again = true;
		}
	}
	nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
}

int live_openat(int dir, const char *path, int flags)
{
	int fd = openat(dir, path, flags | O_CLOEXEC, 0755);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

int live_open(const char *path, int flags)
{
	return live_openat(AT_FDCWD, path, flags);
}

const char *live_fd_path(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

const char *live_probe(void)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 8);

	ASSERT(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, "probe");
	return path;
}

pid_t live_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

bool live_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}
