/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.c - where a container lives: its mount namespace and its cgroup.
 *
 * A place must be the container's alone. One that is shared with the host would make members of
 * everybody who executes a program there.
 */
#include "oci.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "cleanup.h"

#define CGROUP2_MAGIC 0x63677270
#define INIT_PIDNS_INO 0xeffffffcu /* PROC_PID_INIT_INO: part of the kernel's ABI */

int oci_check_user_namespace(struct vk_error *e)
{
	_cleanup_close_ int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned long from, to, count;
	char map[256], *at = map;
	ssize_t n = fd < 0 ? -1 : read(fd, map, sizeof(map) - 1);

	if (n <= 0)
		return vk_error_set(e, EIO, "cannot read /proc/self/uid_map");
	map[n] = '\0';
	from = strtoul(at, &at, 10);
	to = strtoul(at, &at, 10);
	count = strtoul(at, &at, 10);
	if (from != 0 || to != 0 || count != 4294967295u) {
		vk_error_set(e, EOPNOTSUPP,
			     "containers of a rootless engine cannot be confined: its hooks may "
			     "not load BPF programs");
		vk_error_advise(e, "run the engine as root; user namespaces for containers work");
		return -EOPNOTSUPP;
	}
	return geteuid() == 0 ? 0 : vk_error_set(e, EPERM, "root privileges are needed");
}

int oci_check_namespaces(struct vk_error *e)
{
	struct stat st;
	int r = oci_check_user_namespace(e);

	if (r < 0)
		return r;
	if (stat("/proc/self/ns/pid", &st) < 0)
		return vk_error_set(e, errno, "cannot read /proc/self/ns/pid: %s", strerror(errno));
	if (st.st_ino != INIT_PIDNS_INO) {
		/* A pid that the runtime names is another process's on the host. */
		vk_error_set(e, EOPNOTSUPP, "the engine runs in a pid namespace of its own");
		vk_error_advise(e, "run the engine in the host's pid namespace");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The path of a process's cgroup v2, "" when it is in the root or there is none. */
static void cgroup_of(const char *proc, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(proc, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	buf[0] = '\0';
	while (f && getline(&line, &cap, f) > 0) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (line[4] && strlen(line + 3) < size)
			memcpy(buf, line + 3, strlen(line + 3) + 1);
	}
}

static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || !path[len]);
}

/* 1: joined; 0: the container has no cgroup v2 of its own. */
static int join_cgroup(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char proc[48], theirs[3072], ours[3072], parent[3072], path[4096];
	struct statfs fs;
	int r;

	snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)pid);
	cgroup_of(proc, theirs, sizeof(theirs));
	cgroup_of("/proc/self/cgroup", ours, sizeof(ours));
	snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)getppid());
	cgroup_of(proc, parent, sizeof(parent));
	/* Shared with the runtime (--cgroups=disabled), or seen from another cgroup namespace. */
	if (!theirs[0] || is_in(ours, theirs) || is_in(parent, theirs) || strstr(theirs, "/../"))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		if (statfs(roots[i], &fs) < 0 || fs.f_type != CGROUP2_MAGIC)
			continue;
		snprintf(path, sizeof(path), "%s%s", roots[i], theirs);
		r = vk_instance_join_cgroup(eng, id, path, e);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* 1: joined; 0: the mount namespace is the host's. */
static int join_mntns(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e)
{
	struct stat theirs, ours, host;
	char proc[48];
	int r;

	snprintf(proc, sizeof(proc), "/proc/%d/ns/mnt", (int)pid);
	if (stat(proc, &theirs) < 0 || stat("/proc/self/ns/mnt", &ours) < 0 ||
	    stat("/proc/1/ns/mnt", &host) < 0)
		return vk_error_set(e, errno, "cannot read %s: %s", proc, strerror(errno));
	if (theirs.st_ino == ours.st_ino || theirs.st_ino == host.st_ino)
		return 0;
	r = vk_instance_join_mntns(eng, id, pid, e);
	return r < 0 ? r : 1;
}

int oci_join_places(struct vk_engine *eng, uint32_t id, pid_t pid, struct vk_error *e)
{
	int mntns = join_mntns(eng, id, pid, e), cgroup;

	if (mntns < 0)
		return mntns;
	cgroup = join_cgroup(eng, id, pid, e);
	if (cgroup < 0)
		return cgroup;
	if (mntns || cgroup)
		return 0;
	vk_error_set(e, EOPNOTSUPP,
		     "the container has neither a mount namespace nor a cgroup of its own");
	vk_error_advise(e, "without one, what is executed in it later cannot be recognized");
	return -EOPNOTSUPP;
}
