/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* micro.h - the parts of bench/micro, for each other. */
#ifndef VK_BENCH_MICRO_H
#define VK_BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>

#define FILES 2000
#define ROOT "/run/vkernel-bench"
#define WARM "/tmp/a/b/c/file"
/*
 * Files for a warm open and stat, /tmp/0/b/c/file and so on. Where one of a path's names shares its
 * chain of the kernel's hash table of names, a look-up takes 6 instructions more; with several
 * paths the fastest batch is one without.
 */
#define WARM_TOP "/tmp/"
#define WARM_LIKE WARM_TOP "0/b/c/file"
#define WARM_COUNT 8
/* Twelve components, and three of which two have a hundred bytes. */
#define DEEP "/tmp/d/e/f/g/h/i/j/k/l/m/file"
#define LONG_NAME                                                                                  \
	"a-name-that-is-longer-than-what-fits-into-a-directory-entry-of-the-kernel-"               \
	"and-so-is-kept-apart-from"
#define LONG "/tmp/" LONG_NAME "/" LONG_NAME

/**
 * struct row - one line of the table
 * @name:  in the output
 * @op:    the operation; negative on failure
 * @batch: operations in a batch; 1: one is longer than half a timer tick takes or varies much
 * @times: so many times the batches of other rows, 0: as many. Where the kernel's own work (slabs,
 *         the scheduler's clock) differs from one operation to the next, many short batches tell
 *         what an operation takes without it; what a twentieth of them takes at most counts, as a
 *         few after a tick of the timer take less than any other
 * @once:  path of the operation's file, which is new to each: at most FILES in all
 * @mount: where those files are
 * @begin: runs before the first batch
 * @cold:  the kernel forgets names before each batch
 * @alone: only if it is named: what it takes depends on what the process did before
 */
struct row {
	const char *name;
	int (*op)(unsigned int i);
	unsigned int batch;
	unsigned int times;
	void (*once)(char *path, const char *mount, unsigned int i);
	const char *mount;
	void (*begin)(void);
	bool cold;
	bool alone;
};

extern const struct row rows[];
extern const size_t n_rows;

_Noreturn void die(const char *what);
void check(int r, const char *what);

/* micro_ops.c: paths of rows that touch each file once, filled before the clock starts. */
extern char once_paths[FILES][32];
/* Opens what the operations work on. */
void open_files(void);
/* Starts a process with so many threads: members like any other, by inheritance. */
void start_members(unsigned int n);
/* Ends the processes that rows have started. */
void end_helpers(void);

/* micro_place.c: makes and enters a root file system on a tmpfs. */
void make_root(void);
void file_path(char *path, const char *mount, unsigned int i);
void dir_path(char *path, const char *mount, unsigned int i);

/* micro_peers.c: what vkernel is compared with. */
void load_seccomp(const char *path);
void use_seccomp(void);
void use_landlock(void);
int open_apparmor(void);
void use_apparmor(int attr, const char *profile);

#endif
