// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * probe - what a program of a container's choice may do: the errno of one operation as its exit
 * status. Started by tests, which need an exec of something harmless.
 *
 *	probe open PATH		open(PATH, O_RDONLY)
 *	probe none		nothing: 0
 *	probe script ...	likewise, for the first line of a script
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "none") == 0 || strcmp(argv[1], "script") == 0))
		return 0;
	if (argc != 3 || strcmp(argv[1], "open") != 0)
		return 255;
	return open(argv[2], O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}
