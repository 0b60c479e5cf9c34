// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the built-in rule sets permit and refuse, on the simulator. */
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "parse.h"
#include "tap.h"

struct row {
	const char *name; /* canonical: "" is the root */
	uint32_t allowed; /* all of these are */
	uint32_t refused; /* none of these is */
};

#define R VK_R_READ
#define W (VK_R_WRITE | VK_R_APPEND | VK_R_TRUNCATE)
#define M                                                                                          \
	(W | VK_R_CREATE | VK_R_UNLINK | VK_R_RENAME | VK_R_LINK | VK_R_SYMLINK | VK_R_MKDIR |     \
	 VK_R_RMDIR | VK_R_MKNOD | VK_R_CHMOD | VK_R_CHOWN)
#define X VK_R_EXEC
#define C VK_R_UNIX_CONNECT

static struct vk_image *compile(const char *set)
{
	const struct vk_builtin *b = vk_builtin_find(set);
	_cleanup_policy_ struct vk_policy *p = NULL;
	struct vk_image *img = NULL;
	struct vk_error e = {0};

	ASSERT(b);
	ASSERT(vk_policy_parse(set, b->text, b->len, NULL, NULL, &p, &e) == 0);
	if (vk_compile((const struct vk_policy *const *)&p, 1, &img, &e) < 0) {
		FAIL("%s: %s", set, e.message);
		tap_abort();
	}
	return img;
}

static void check_rows(const struct vk_image *img, const struct row *t, size_t n)
{
	for (; n; n--, t++) {
		struct vk_verdict v = vk_image_match(img, t->name);

		if ((v.allow & t->allowed) != t->allowed)
			FAIL("%s: lacks 0x%x", t->name, t->allowed & ~v.allow);
		if (v.allow & t->refused)
			FAIL("%s: permits 0x%x", t->name, v.allow & t->refused);
	}
}
#define CHECK_ROWS(img, t) check_rows(img, t, sizeof(t) / sizeof(*(t)))

TEST(container_default)
{
	static const struct row t[] = {
		{"", R | M, VK_R_MOUNTS_ALL},
		{"/etc/passwd", R | M | X, VK_R_MOUNTS_ALL},
		{"/tmp/proc/sysrq-trigger", R | M, 0},
		{"/proc/1/attr/current", R | W, 0},
		{"/proc/4194304/task/4194304/comm", R | W, 0},
		{"/proc/stat", R, M},
		{"/proc/sysrq-trigger", 0, R | M},
		{"/proc/kcore", 0, R | M},
		{"/proc/kallsyms", 0, R | M},
		{"/proc/keys", 0, R | M},
		{"/proc/acpi/wakeup", 0, R | M},
		{"/proc/bus/pci/00/00.0", R, M},
		{"/proc/irq/1/smp_affinity", R, M},
		{"/proc/fs/nfsd/threads", R, M},
		{"/proc/sysvipc/shm", R, M},
		{"/proc/sys/kernel/core_pattern", R, M},
		{"/proc/sys/kernel/modprobe", R, M},
		{"/proc/sys/kernel/usermodehelper/bset", R, M},
		{"/proc/sys/kernel/shmmax", R | W, 0},
		{"/proc/sys/kernel/sysrq", R, M},
		{"/proc/sys/vm/drop_caches", R, M},
		{"/proc/sys/net/ipv4/ip_forward", R, M},
		{"/proc/sys/fs/binfmt_misc/register", R, M},
		{"/sys/kernel/uevent_helper", R, M},
		{"/sys/devices/system/cpu/online", R, M},
		{"/sys/firmware/efi/efivars/x", 0, R | M},
		{"/sys/kernel/security/apparmor/.load", 0, R | M},
		{"/sys/kernel/debug/tracing/trace", 0, R | M},
		{"/sys/kernel/tracing/trace", 0, R | M},
		{"/sys/fs/bpf/vkernel/links/x", 0, R | M},
		{"/sys/fs/selinux/load", R, M},
		{"/sys/fs/cgroup/a/cgroup.procs", R | W, 0},
		{"/sys/fs/cgroup/release_agent", R, M},
		{"/sys/fs/cgroup/rdma/a/release_agent", R, M},
		{"/sys/fs/cgroup/devices/a/devices.allow", R, M},
		{"/dev/null", R | W, 0},
		{"/dev/mem", 0, R | M},
	};
	_cleanup_free_ struct vk_image *img = compile("container-default");

	CHECK_ROWS(img, t);
	CHECK_EQ(img->caps_allow, 0xa80425fb); /* as dockerd gives it */
	CHECK_EQ(img->sw_allow, VK_SW_XATTRS); /* programs of packages have file capabilities */
	CHECK_EQ(img->ptrace_scope, VK_SCOPE_OWN);
	CHECK_EQ(img->signal_scope, VK_SCOPE_OWN);
	CHECK_EQ(vk_image_socket(img, 38, 5, 0), VK_DENIED);
	CHECK_EQ(vk_image_socket(img, 2, 1, 0), VK_ALLOWED);
	CHECK_EQ(vk_image_socket(img, 1, 1, 0), VK_ALLOWED);
}

TEST(protect_kernel_files)
{
	static const struct row t[] = {
		{"/host/proc/sys/kernel/core_pattern", R, M},
		{"/proc/sys/kernel/core_pattern", R, M},
		{"/host/sys/kernel/uevent_helper", R, M},
		{"/tmp/cgrp/release_agent", R, M},
		{"/host/proc/sysrq-trigger", R, M},
		{"/host/proc/sys/fs/binfmt_misc/register", R, M},
		{"/proc/kcore", 0, R | M},
		{"/host/proc/kcore", 0, R | M},
		{"/host/sys/kernel/debug/x", 0, R | M},
		{"/proc/sys/net/ipv4/ip_forward", R | W, 0},
		{"/etc/passwd", R | M | X, 0},
	};
	_cleanup_free_ struct vk_image *img = compile("protect-kernel-files");

	CHECK_ROWS(img, t);
}

TEST(runtime_sockets)
{
	static const struct row t[] = {
		{"/run/docker.sock", R, C},
		{"/host/var/run/docker.sock", R, C},
		{"/run/containerd/containerd.sock", R, C},
		{"/run/containerd/containerd.sock.ttrpc", R, C},
		{"/run/k3s/containerd/containerd.sock", R, C},
		{"/run/crio/crio.sock", R, C},
		{"/run/user/1000/podman/podman.sock", R, C},
		{"/run/buildkit/buildkitd.sock", R, C},
		{"/var/lib/kubelet/pod-resources/kubelet.sock", R, C},
		{"@/containerd-shim/moby/0123/shim.sock", 0, C},
		{"@/containerd-shim/0123.sock@", 0, C},
		{"/run/mysqld/mysqld.sock", C, 0},
		{"@dbus", C, 0},
	};
	_cleanup_free_ struct vk_image *img = compile("runtime-sockets");

	CHECK_ROWS(img, t);
}

TEST(foreign_mounts)
{
	_cleanup_free_ struct vk_image *img = compile("foreign-mounts");
	struct vk_verdict v = vk_image_match(img, "/etc/passwd");

	CHECK_EQ(v.allow & (VK_R_FILES_ALL | X), VK_R_FILES_ALL | X);
	CHECK_EQ(v.foreign & VK_R_FILES_ALL, 0);
}

TEST(nginx)
{
	static const struct row t[] = {
		{"/usr/sbin/nginx", R | X | VK_R_MMAP_EXEC, M},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", R | VK_R_MMAP_EXEC, M | X},
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", R | VK_R_MMAP_EXEC, M | X},
		{"/usr/lib/nginx/modules/ngx_http_echo_module.so", R | VK_R_MMAP_EXEC, M | X},
		{"/etc/nginx/nginx.conf", R, M | X},
		{"/etc/nginx/sites-enabled", R, M},
		{"/usr/share/nginx/modules-available/mod-http-echo.conf", R, M},
		{"/var/www/html/index.html", R, M | X | VK_R_MMAP_EXEC},
		{"/var/log/nginx/access.log", R | W | VK_R_CREATE, VK_R_UNLINK | X},
		{"/var/lib/nginx/body", R | VK_R_MKDIR | VK_R_CHOWN, X},
		{"/var/lib/nginx/body/0000000001", R | W | VK_R_CREATE | VK_R_UNLINK,
		 X | VK_R_MMAP_EXEC},
		{"/run/nginx.pid", R | W | VK_R_CREATE | VK_R_UNLINK, X},
		{"/dev/null", R | W, X},
		{"/dev/urandom", R, M},
		{"/etc/passwd", R, M},
		{"/etc/shadow", 0, R | M},
		{"/usr/bin/dash", 0, R | M | X},
		{"/tmp/x", 0, R | M | X | VK_R_MMAP_EXEC},
		{"/proc/1/environ", 0, R | W},
		{"/run/docker.sock", 0, C},
	};
	_cleanup_free_ struct vk_image *img = compile("nginx");

	CHECK_ROWS(img, t);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 80), VK_ALLOWED);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 8080), VK_ALLOWED);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 22), VK_DENIED);
	CHECK_EQ(vk_image_inet(img, VK_NET_CONNECT, 6, 2, "\x0a\0\0\1", 80), VK_DENIED);
	CHECK_EQ(vk_image_socket(img, 1, 1, 0), VK_ALLOWED);
	CHECK_EQ(vk_image_socket(img, 2, 1, 0), VK_ALLOWED);
	CHECK_EQ(vk_image_socket(img, 10, 1, 0), VK_ALLOWED);
	CHECK_EQ(vk_image_socket(img, 2, 3, 0), VK_DENIED);
	CHECK_EQ(vk_image_socket(img, 16, 3, 0), VK_DENIED);
	CHECK_EQ(vk_image_capable(img, 5), VK_ALLOWED);
	CHECK_EQ(vk_image_capable(img, 21), VK_DENIED);
	CHECK_EQ(vk_image_capable(img, 13), VK_DENIED);
}

/* What a server may execute, and that it cannot change what it is. */
TEST(redis)
{
	static const struct row t[] = {
		{"/usr/bin/redis-check-rdb", R | X | VK_R_MMAP_EXEC, M},
		{"/usr/bin/redis-cli", R | X, M},
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", R | VK_R_MMAP_EXEC, M | X},
		{"/etc/redis/redis.conf", R, M | X},
		{"/var/lib/redis/dump.rdb", R | W | VK_R_CREATE | VK_R_UNLINK | VK_R_RENAME,
		 X | VK_R_MMAP_EXEC},
		{"/data/appendonlydir/x", R | W | VK_R_CREATE, X | VK_R_MMAP_EXEC},
		{"/etc/cron.d/x", 0, R | M},
		{"/root/.ssh/authorized_keys", 0, R | M},
		{"/etc/shadow", 0, R | M},
		{"/usr/bin/dash", 0, R | M | X},
		{"/run/docker.sock", 0, C},
	};
	_cleanup_free_ struct vk_image *img = compile("redis");

	CHECK_ROWS(img, t);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 6379), VK_ALLOWED);
	CHECK_EQ(vk_image_inet(img, VK_NET_CONNECT, 6, 2, "\x0a\0\0\1", 6379), VK_DENIED);
	CHECK_EQ(vk_image_inet(img, VK_NET_CONNECT, 6, 2, "\x7f\0\0\1", 6379), VK_ALLOWED);
	CHECK_EQ(vk_image_capable(img, 1), VK_DENIED);
}

TEST(postgres)
{
	static const struct row t[] = {
		{"/usr/lib/postgresql/15/bin/postgres", R | X | VK_R_MMAP_EXEC, M},
		{"/usr/lib/postgresql/15/bin/initdb", R, M | X},
		{"/usr/lib/postgresql/15/lib/plpgsql.so", R | VK_R_MMAP_EXEC, M | X},
		{"/var/lib/postgresql/data/base/1/2", R | W | VK_R_CREATE | VK_R_UNLINK,
		 X | VK_R_MMAP_EXEC},
		{"/run/postgresql/.s.PGSQL.5432", R | W | VK_R_CREATE | C, X},
		{"/dev/shm/PostgreSQL.1", R | W | VK_R_CREATE | VK_R_UNLINK, X},
		{"/etc/postgresql/15/main/pg_hba.conf", R, M},
		{"/etc/shadow", 0, R | M},
		{"/usr/bin/dash", 0, R | M | X},
		{"/tmp/x", 0, R | M | X},
		{"/run/docker.sock", 0, C},
	};
	_cleanup_free_ struct vk_image *img = compile("postgres");

	CHECK_ROWS(img, t);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 5432), VK_ALLOWED);
	CHECK_EQ(vk_image_inet(img, VK_NET_CONNECT, 6, 2, "\x0a\0\0\1", 5432), VK_DENIED);
}

TEST(python)
{
	static const struct row t[] = {
		{"/usr/bin/python3.11", R | X, M},
		{"/usr/lib/python3.11/lib-dynload/_ssl.so", R | VK_R_MMAP_EXEC, M | X},
		{"/app/main.py", R, M | X},
		{"/srv/page", R, M | X},
		{"/tmp/x", R | W | VK_R_CREATE | VK_R_UNLINK, X | VK_R_MMAP_EXEC},
		{"/var/lib/app/db", R | W | VK_R_CREATE, X | VK_R_MMAP_EXEC},
		{"/etc/shadow", 0, R | M},
		{"/usr/bin/dash", 0, R | M | X},
		{"/run/docker.sock", 0, C},
	};
	_cleanup_free_ struct vk_image *img = compile("python");

	CHECK_ROWS(img, t);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 8000), VK_ALLOWED);
	CHECK_EQ(vk_image_inet(img, VK_NET_BIND, 6, 2, "\0\0\0\0", 80), VK_DENIED);
	CHECK_EQ(vk_image_inet(img, VK_NET_CONNECT, 6, 2, "\x0a\0\0\1", 443), VK_DENIED);
}
