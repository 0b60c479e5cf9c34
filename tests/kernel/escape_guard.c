// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machinery that binds a member is out of its reach, whatever its policy allows. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define PINS "/sys/fs/bpf/vkernel"
#define ANYTHING "files: {default: allow, rules: [{deny: [read], path: /tmp/k/denied}]}"

static unsigned int seen;

/* ---- pins by name ---- */

static int attack_pin(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	seen++;
	if (type == FTW_DP || type == FTW_D) {
		CHECK_ERRNO(rmdir(path), EPERM);
	} else {
		CHECK_ERRNO(unlink(path), EPERM);
	}
	CHECK_ERRNO(rename(path, "/sys/fs/bpf/elsewhere"), EPERM);
	return 0;
}
static void remove_pins(void *arg)
{
	(void)arg;
	nftw(PINS, attack_pin, 16, FTW_PHYS | FTW_DEPTH);
	CHECK_GT(seen, 3);
}
LIVE_TEST(pins_are_not_removed_or_renamed)
{
	live_policy(ANYTHING);
	live_run(remove_pins, NULL);
}

/* The guard must not depend on what hooks the policy needs. */
LIVE_TEST(pins_are_guarded_under_any_policy)
{
	live_policy("capabilities: all\nprocesses: {userns: audit}");
	live_run(remove_pins, NULL);
}

/* What should not have been mounted goes again at once: later attempts must be on the pins. */
static void cover(const char *source, const char *target, const char *type, unsigned long flags)
{
	if (!CHECK_ERRNO(mount(source, target, type, flags, NULL), EPERM)) {
		tap_diag("mount of %s on %s", source, target);
		umount2(target, MNT_DETACH);
	}
}
static void hide_pins(void *arg)
{
	(void)arg;
	CHECK_ERRNO(umount2("/sys/fs/bpf", MNT_DETACH), EPERM);
	CHECK_ERRNO(umount2("/sys/fs/bpf", 0), EPERM);
	if (!CHECK_ERRNO(mount(NULL, "/sys/fs/bpf", NULL, MS_REMOUNT | MS_RDONLY, NULL), EPERM))
		mount(NULL, "/sys/fs/bpf", NULL, MS_REMOUNT, NULL);
	cover("none", PINS, "tmpfs", 0);
	cover("none", "/sys/fs/bpf", "tmpfs", 0);
	cover("/tmp", "/sys/fs/bpf", NULL, MS_BIND);
}
LIVE_TEST(pins_are_not_unmounted_or_covered)
{
	live_policy(ANYTHING);
	live_run(hide_pins, NULL);
}

static void hide_pins_in_namespace(void *arg)
{
	ASSERT(unshare(CLONE_NEWNS) == 0);
	hide_pins(arg);
}
LIVE_TEST(pins_are_guarded_in_a_new_mount_namespace)
{
	live_policy(ANYTHING);
	live_run(hide_pins_in_namespace, NULL);
}

/* ---- maps by descriptor ---- */

static int get_pin(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	long fd;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	fd = syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	if (fd >= 0) {
		struct bpf_map_info info = {0};
		union bpf_attr get = {.info = {.bpf_fd = (uint32_t)fd,
					       .info_len = sizeof(info),
					       .info = (uintptr_t)&info}};
		char link[64] = {0};

		if (readlink(live_fd_path((int)fd), link, sizeof(link) - 1) > 0 &&
		    strstr(link, "bpf-map") &&
		    syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &get, sizeof(get)) == 0)
			FAIL("opened map %s by %s", info.name, path);
		close((int)fd);
	} else {
		CHECK_EQ(errno, EPERM);
	}
	seen++;
	return 0;
}
static void open_pins(void *arg)
{
	(void)arg;
	nftw(PINS, get_pin, 16, FTW_PHYS);
	CHECK_GT(seen, 3);
}
LIVE_TEST(maps_are_not_opened_by_pin)
{
	live_policy(ANYTHING);
	live_run(open_pins, NULL);
}

static void open_ids(void *arg)
{
	union bpf_attr attr = {0};
	unsigned int refused = 0;

	(void)arg;
	while (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
		union bpf_attr by_id = {.map_id = attr.next_id};
		struct bpf_map_info info = {0};
		union bpf_attr get = {.info = {.info_len = sizeof(info), .info = (uintptr_t)&info}};
		long fd = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &by_id, sizeof(by_id));

		attr.start_id = attr.next_id;
		if (fd < 0) {
			refused += errno == EPERM;
			continue;
		}
		get.info.bpf_fd = (uint32_t)fd;
		if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &get, sizeof(get)) == 0 &&
		    strncmp(info.name, ".rodata", 7) != 0) /* frozen: nobody can write it */
			FAIL("opened map %u, \"%s\"", attr.next_id, info.name);
		close((int)fd);
	}
	CHECK_GT(refused, 3);
}
LIVE_TEST(maps_are_not_opened_by_id)
{
	live_policy(ANYTHING);
	live_run(open_ids, NULL);
}

/* Of what is attached nothing can be taken off by its link. */
static void detach_links(void *arg)
{
	union bpf_attr attr = {0};
	unsigned int links = 0;

	(void)arg;
	while (syscall(SYS_bpf, BPF_LINK_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
		union bpf_attr by_id = {.link_id = attr.next_id};
		long fd = syscall(SYS_bpf, BPF_LINK_GET_FD_BY_ID, &by_id, sizeof(by_id));

		attr.start_id = attr.next_id;
		links++;
		if (fd >= 0) {
			union bpf_attr detach = {.link_detach = {.link_fd = (uint32_t)fd}};

			CHECK_EQ(syscall(SYS_bpf, BPF_LINK_DETACH, &detach, sizeof(detach)), -1);
			close((int)fd);
		}
	}
	CHECK_GT(links, 3);
	CHECK_EQ(live_open("/tmp/k/denied", O_RDONLY), EACCES);
}
LIVE_TEST(links_are_not_detached)
{
	live_policy(ANYTHING);
	live_file("/tmp/k/denied", "x");
	live_run(detach_links, NULL);
}

/* ---- no process of ours is needed ---- */

static void holder(void *arg)
{
	struct vk_error e = {0};
	int *ready = arg;

	if (!live_ok(vk_engine_open(&live.eng, VK_OPEN_CREATE, &e), &e))
		_exit(1);
	live_policy(ANYTHING);
	ASSERT(write(ready[1], live.name, sizeof(live.name)) == sizeof(live.name));
	for (;;)
		pause();
}
static void still_denied(void *arg)
{
	int *p = arg;
	char byte;

	ASSERT(read(p[0], &byte, 1) == 1);
	CHECK_EQ(live_open("/tmp/k/denied", O_RDONLY), EACCES);
	CHECK_EQ(live_open("/tmp/k/ok", O_RDONLY), 0);
}
LIVE_TEST(rules_stand_after_kill_of_the_engine)
{
	struct live_member m, member;
	struct vk_error e = {0};
	struct vk_info info;
	int p[2], ready[2];

	live_file("/tmp/k/denied", "x");
	live_file("/tmp/k/ok", "x");
	ASSERT(pipe(p) == 0 && pipe(ready) == 0);
	/* One engine at a time changes anything: the test's own makes room, before children share it. */
	vk_engine_close(live.eng);
	live.eng = NULL;
	member = live_fork(still_denied, p);
	m = live_fork(holder, ready);
	live_go(&m);
	ASSERT(read(ready[0], live.name, sizeof(live.name)) == sizeof(live.name));
	kill(m.pid, SIGKILL);
	waitpid(m.pid, NULL, 0);
	ASSERT(live_ok(vk_engine_open(&live.eng, VK_OPEN_CREATE, &e), &e));
	ASSERT(live_ok(vk_instance_get(live.eng, live.name, &info, &e), &e));
	live.id = info.id;
	vk_info_free(&info);
	live_attach(&member);
	vk_engine_close(live.eng);
	live.eng = NULL;
	live_go(&member);
	ASSERT(write(p[1], "x", 1) == 1);
	CHECK_EQ(live_wait(&member), 0);
	live_ok(vk_engine_open(&live.eng, VK_OPEN_CREATE, &e), &e);
}
