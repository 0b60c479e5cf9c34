// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hooks on demand: the only instance of the host has a policy that speaks of one thing, and the
 * hooks that come with it are enough. Nothing else keeps hooks attached here.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "live.h"

__attribute__((constructor)) static void no_keeper(void)
{
	setenv("VKERNEL_LIVE_ON_DEMAND", "1", 1);
}

static void opens(void *arg)
{
	(void)arg;
	CHECK_EQ(live_open("/tmp/k/f", O_WRONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/f", O_RDONLY), 0);
	/* A move must not need a hook of another kind to be noticed. */
	CHECK_ERRNO(rename("/tmp/k/f", "/tmp/k/g"), EXDEV);
	CHECK_ERRNO(link("/tmp/k/f", "/tmp/k/g"), EXDEV);
	CHECK_ERRNO(truncate("/tmp/k/f", 0), EACCES);
}
LIVE_TEST(files)
{
	live_policy("files: {default: allow, rules: [{deny: [write], path: /tmp/k/f}]}");
	live_file("/tmp/k/f", "x");
	live_run(opens, NULL);
}

static void moved_by_host(void *arg)
{
	int *p = arg;
	char byte;

	CHECK_EQ(live_open("/tmp/k/d/f", O_RDONLY), EACCES);
	ASSERT(write(p[1], "x", 1) == 1 && read(p[2], &byte, 1) == 1);
	CHECK_EQ(live_open("/tmp/k/e/f", O_RDONLY), 0);
}
LIVE_TEST(moves_are_noticed)
{
	struct live_member m;
	int p[4];
	char byte;

	live_policy("files: {default: allow, rules: [{deny: [read], path: '/tmp/k/d/**'}]}");
	live_file("/tmp/k/d/f", "x");
	ASSERT(pipe(p) == 0 && pipe(p + 2) == 0);
	m = live_fork(moved_by_host, p);
	live_attach(&m);
	live_go(&m);
	ASSERT(read(p[0], &byte, 1) == 1);
	ASSERT(rename("/tmp/k/d", "/tmp/k/e") == 0 && write(p[3], "x", 1) == 1);
	CHECK_EQ(live_wait(&m), 0);
}

static void executes(void *arg)
{
	char *const args[] = {NULL};

	(void)arg;
	CHECK_ERRNO(execve("/tmp/k/f", args, args), EACCES);
	CHECK_ERRNO(rename("/tmp/k/f", "/tmp/k/good"), EXDEV);
	CHECK_ERRNO(execve("/tmp/k/good", args, args), ENOEXEC);
}
LIVE_TEST(exec)
{
	live_policy("exec: {default: deny, allow: [/tmp/k/good]}");
	live_file("/tmp/k/f", "text\n");
	live_file("/tmp/k/good", "text\n");
	live_run(executes, NULL);
}

static void sockets(void *arg)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9)};
	int udp = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EACCES);
	CHECK_ERRNO(bind(udp, (void *)&in, sizeof(in)), EACCES);
	CHECK_ERRNO(connect(udp, (void *)&in, sizeof(in)), EACCES);
	CHECK_ERRNO(sendto(udp, "x", 1, 0, (void *)&in, sizeof(in)), EACCES);
	CHECK_ERRNO(accept(*(int *)arg, NULL, NULL), EACCES);
}
LIVE_TEST(network)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ASSERT(fd >= 0 && listen(fd, 5) == 0);
	live_policy("network: {default: deny, allow: [{bind: udp/7}]}");
	live_run(sockets, &fd);
	close(fd);
}

static void appends(void *arg)
{
	int fd = open("/tmp/k/log", O_WRONLY | O_APPEND);

	(void)arg;
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_ERRNO(fallocate(fd, 0, 0, 10), EACCES);
}
LIVE_TEST(append_only)
{
	live_policy("files: {default: deny, rules: [{allow: [append], path: /tmp/k/log}]}");
	live_file("/tmp/k/log", "");
	live_run(appends, NULL);
}

static void unix_sockets(void *arg)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/tmp/k/s"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)arg;
	CHECK_ERRNO(connect(fd, (void *)&un, sizeof(un)), EACCES);
	CHECK_ERRNO(rename("/tmp/k/s", "/tmp/k/t"), EXDEV);
}
LIVE_TEST(unix_names)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/tmp/k/s"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	live_policy("network: {default: allow, deny: [{connect: 'unix:/tmp/k/s'}]}");
	ASSERT(bind(fd, (void *)&un, sizeof(un)) == 0 && listen(fd, 5) == 0);
	live_run(unix_sockets, NULL);
	close(fd);
}

static void mounts(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mount("none", "/tmp/k", "tmpfs", 0, NULL), EPERM);
	CHECK_ERRNO(umount2("/tmp", MNT_DETACH), EPERM);
	CHECK_ERRNO(syscall(SYS_pivot_root, "/tmp", "/tmp"), EPERM);
	CHECK_ERRNO(syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/tmp/k", 0), EPERM);
}
LIVE_TEST(mount_operations)
{
	live_policy("mounts: {default: deny}");
	live_run(mounts, NULL);
}

static void capabilities(void *arg)
{
	(void)arg;
	CHECK_ERRNO(chroot("/"), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
}
LIVE_TEST(capabilities_alone)
{
	live_policy("capabilities: [CHOWN]");
	live_run(capabilities, NULL);
}

static void facilities(void *arg)
{
	char params[128] = {0};

	(void)arg;
	CHECK_ERRNO(syscall(SYS_bpf, 0, params, 64), EPERM);
	CHECK_ERRNO(syscall(SYS_perf_event_open, params, 0, -1, -1, 0), EPERM);
	CHECK_ERRNO(syscall(SYS_add_key, "user", "x", "x", 1, -2), EPERM);
	CHECK_ERRNO(syscall(SYS_io_uring_setup, 1, params), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWUSER), EPERM);
	CHECK_ERRNO(kill(1, 0), EPERM);
	CHECK_ERRNO(setxattr("/tmp", "trusted.vkernel", "x", 1, 0), EPERM);
}
LIVE_TEST(facilities_and_processes)
{
	live_policy("bpf: deny\nperf: deny\nkeys: deny\nio_uring: deny\nmodules: deny\n"
		    "xattrs: deny\nprocesses: {userns: deny, signal: own, ptrace: own}");
	live_run(facilities, NULL);
}

/* Hooks are detached in the background, by a process that needs the lock we hold. */
static uint32_t hooks_after_a_while(uint32_t wanted)
{
	struct vk_stats st = {0};

	vk_engine_close(live.eng);
	live.eng = NULL;
	for (int i = 0; i < 450; i++) {
		struct vk_engine *eng = NULL;

		if (vk_engine_open(&eng, VK_OPEN_READ_ONLY, NULL) == 0)
			vk_stats_get(eng, &st, NULL);
		vk_engine_close(eng);
		if (st.hooks_attached == wanted)
			break;
		usleep(200 * 1000);
	}
	return st.hooks_attached;
}

/* With the last instance that needs hooks they go, and come back with the next one. */
LIVE_TEST_WITHIN(hooks_come_and_go, 150)
{
	struct vk_stats with;
	struct vk_error e = {0};

	live_policy("capabilities: [CHOWN]");
	live_ok(vk_stats_get(live.eng, &with, &e), &e);
	CHECK_GT(with.hooks_attached, 0);
	CHECK_EQ(with.instances, 1);
	live_update("capabilities: [CHOWN]\nkeys: deny");
	live_run(capabilities, NULL);
	live_ok(vk_instance_remove(live.eng, live.name, true, &e), &e);
	*live.name = '\0';
	CHECK_EQ(hooks_after_a_while(0), 0);
}
