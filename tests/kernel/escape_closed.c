// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Holes that earlier versions had, each with what closed it in src/bpf.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define SECRET "/tmp/k/denied"
#define DENIED "files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}"

static void prepare(void)
{
	live_policy(DENIED);
	live_file(SECRET, "secret");
}

/* A mount that a member was allowed to make is foreign; it is unmounted by the name of its place. */
static void own_mount(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mount("none", "/tmp/k/mnt", "tmpfs", 0, NULL), 0);
	CHECK_ERRNO(umount2("/tmp/k/mnt", 0), 0);
}
LIVE_TEST(own_mounts_can_be_unmounted)
{
	live_policy("mounts: {default: deny, allow: [{op: [mount, umount], on: /tmp/k/mnt}]}");
	live_dir("/tmp/k/mnt");
	live_run(own_mount, NULL);
}

/* A zombie is no member: its parent may never wait for it. */
static void leave_zombie(void *arg)
{
	struct clone_args args = {.flags = CLONE_PARENT};

	(void)arg;
	if (syscall(SYS_clone3, &args, sizeof(args)) == 0)
		syscall(SYS_exit_group, 0);
}
LIVE_TEST(zombies_do_not_keep_an_instance)
{
	struct vk_error e = {0};

	prepare();
	live_run(leave_zombie, NULL);
	live_ok(vk_instance_remove(live.eng, live.name, true, &e), &e);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	if (!e.code)
		*live.name = '\0';
}

/* The owner of a file gets any signal: setting it is sending one. */
static void signal_by_sigio(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	int pair[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	fcntl(pair[0], F_SETOWN, pid);
	fcntl(pair[0], F_SETSIG, SIGKILL);
	fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	CHECK_EQ(write(pair[1], "x", 1), 1);
}
LIVE_TEST(signal_scope_by_sigio)
{
	pid_t pid = live_sleeper();

	live_policy("processes: {signal: own}");
	live_run(signal_by_sigio, &pid);
	usleep(100000);
	CHECK(live_alive(pid));
	kill(pid, SIGKILL);
}

/* Listening binds what is not bound. */
static void listen_unbound(void *arg)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	CHECK_ERRNO(bind(fd, (void *)&any, sizeof(any)), EACCES);
	any.sin_family = AF_UNSPEC;
	CHECK_ERRNO(bind(fd, (void *)&any, sizeof(any)), EACCES);
	CHECK_ERRNO(listen(fd, 5), EACCES);
}
LIVE_TEST(listen_without_bind)
{
	live_policy("network: {default: allow, deny: [{bind: 'tcp/0-65535'}]}");
	live_run(listen_unbound, NULL);
}

/* Descriptors of our maps cannot be taken from processes of ours. */
static void steal_maps(void *arg)
{
	int pidfd = (int)syscall(SYS_pidfd_open, *(pid_t *)arg, 0);

	for (int i = 3; i < 64; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);
		char link[64] = {0};

		if (fd < 0)
			continue;
		if (readlink(live_fd_path(fd), link, sizeof(link) - 1) > 0 &&
		    strstr(link, "bpf-map")) {
			FAIL("took a map, descriptor %d", i);
			return;
		}
		close(fd);
	}
}
LIVE_TEST(maps_are_not_taken_from_our_processes)
{
	pid_t pid = getpid();

	live_policy(DENIED);
	live_run(steal_maps, &pid);
}

/* Since 7.0 a module that the kernel is to decompress is read as something else than a module. */
static void compressed_module(void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)arg;
	ASSERT(fd >= 0);
	CHECK_ERRNO(syscall(SYS_finit_module, fd, "", 0), EPERM);
	CHECK_ERRNO(syscall(SYS_finit_module, fd, "", 4 /* MODULE_INIT_COMPRESSED_FILE */), EPERM);
}
LIVE_TEST(compressed_modules)
{
	live_policy("modules: deny");
	live_run(compressed_module, NULL);
}
