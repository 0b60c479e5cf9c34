// SPDX-License-Identifier: LGPL-2.1-or-later
/* micro_place.c - the files that operations work on, on a root file system of their own. */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The 15 bytes of /tmp/a/b/c/0042: another file of one directory for each @i. */
void file_path(char *path, const char *mount, unsigned int i)
{
	snprintf(path, 32, "/%s/a/b/c/%04u", mount, i);
}

/* /tmp/a/X/Y/file: another directory for each @i. */
void dir_path(char *path, const char *mount, unsigned int i)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "defghijklmnopqrstuvwxyz";

	snprintf(path, 32, "/%s/a/%c/%c/file", mount, letters[i / 58 % 58], letters[i % 58]);
}

static void make_file(const char *path)
{
	check(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)), path);
}

/* All directories on the way to a file, and the file. */
static void make_path(const char *path)
{
	char part[512];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			die(part);
	}
	make_file(path);
}

static void make_tree(const char *mount)
{
	char path[32];

	snprintf(path, sizeof(path), "/%s/a/b/c/file", mount);
	make_path(path);
	for (unsigned int i = 0; i < FILES; i++) {
		file_path(path, mount, i);
		make_file(path);
		dir_path(path, mount, i);
		path[8] = '\0';
		mkdir(path, 0755);
		path[8] = '/';
		path[10] = '\0';
		check(mkdir(path, 0755), path);
		path[10] = '/';
		make_file(path);
	}
}

/* Ourselves, as the program that rows execute. */
static void copy_program(void)
{
	struct stat st;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open("bin/true", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	check(from, "/proc/self/exe");
	check(to, "bin/true");
	check(fstat(from, &st), "/proc/self/exe");
	check((int)sendfile(to, from, NULL, (size_t)st.st_size), "copy");
	close(from);
	close(to);
}

/* A tmpfs as the root of a mount namespace of our own, another one on /mnt, an overlay on /cold. */
void make_root(void)
{
	check(unshare(CLONE_NEWNS), "unshare");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make private");
	mkdir(ROOT, 0755);
	check(mount("bench", ROOT, "tmpfs", 0, "size=64m"), "mount " ROOT);
	check(chdir(ROOT), ROOT);
	check(mkdir("tmp", 0755), "tmp");
	check(mkdir("mnt", 0755), "mnt");
	check(mkdir("bin", 0755), "bin");
	check(mkdir("cold", 0755), "cold");
	check(mkdir("upper", 0755), "upper");
	check(mkdir("work", 0755), "work");
	copy_program();
	check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "/");
	check(mount("bench", "/mnt", "tmpfs", 0, "size=64m"), "mount /mnt");
	make_tree("tmp");
	make_tree("mnt");
	/* Names on a tmpfs are never forgotten, names on an overlay are. */
	check(mount("bench", "/cold", "overlay", 0, "lowerdir=/mnt,upperdir=/upper,workdir=/work"),
	      "mount /cold");
	for (unsigned int i = 0; i < WARM_COUNT; i++) {
		char path[] = WARM_LIKE;

		path[sizeof(WARM_TOP) - 1] = (char)('0' + i);
		make_path(path);
	}
	make_path(DEEP);
	make_path(LONG);
	make_file("/tmp/a/b/c/one");
}
