// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * probe - what a program of a container's choice may do: the errno of one operation as its exit
 * status. Started by tests, which need an exec of something harmless; static, so that it runs in
 * a container that holds nothing else.
 *
 *	probe open PATH			open(PATH, O_RDONLY)
 *	probe enter FD PATH		open(PATH) must succeed; then it enters the mount namespace
 *					FD, and executes "probe open PATH"
 *	probe none			nothing: 0
 *	probe script ...		likewise, for the first line of a script
 *	probe watch FILE FAMILY TYPE	socket(FAMILY, TYPE, 0) ten times a second; a line
 *					"NANOSECONDS ERRNO" for each change of the errno
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NOT_TRIED 254

static int watch(const char *path, int family, int type)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
	int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), last = -1;

	if (out < 0)
		return errno;
	for (;; nanosleep(&pause, NULL)) {
		int fd = socket(family, type | SOCK_CLOEXEC, 0), err = fd < 0 ? errno : 0;
		struct timespec now;

		if (fd >= 0)
			close(fd);
		if (err == last)
			continue;
		last = err;
		clock_gettime(CLOCK_REALTIME, &now);
		dprintf(out, "%lld%09ld %d\n", (long long)now.tv_sec, now.tv_nsec, err);
	}
}

static int enter(const char *fd, const char *path)
{
	char self[4096] = "";

	/* By its name in there: /proc/self/exe stays on the mount of the namespace that is left. */
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    open(path, O_RDONLY | O_CLOEXEC) < 0 || setns(atoi(fd), CLONE_NEWNS) < 0)
		return NOT_TRIED;
	execl(self, "probe", "open", path, NULL);
	return NOT_TRIED;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "none") == 0 || strcmp(argv[1], "script") == 0))
		return 0;
	if (argc == 5 && strcmp(argv[1], "watch") == 0)
		return watch(argv[2], (int)strtol(argv[3], NULL, 10),
			     (int)strtol(argv[4], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "enter") == 0)
		return enter(argv[2], argv[3]);
	if (argc != 3 || strcmp(argv[1], "open") != 0)
		return 255;
	return open(argv[2], O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}
