// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * micro.c - what one system call costs: in guests under `tests/guest/run --icount`, where a
 * nanosecond is an instruction, instructions; elsewhere nanoseconds.
 *
 * It makes a root file system of its own on a tmpfs, so that no overlay or network file system is
 * measured, prints "ready PID", waits for a line, in which time PID may be made a member, and
 * measures:
 *
 *	micro [--apparmor PROFILE] [--seccomp FILTER] [--landlock] [--denied]
 *	      [--only ROW[,ROW...]] [--time] [--members N] [REPEAT]
 *	micro list			rows, and how many operations they repeat
 *	micro mark-begin | mark-end	only tells bench/profile.so
 *
 * One line a row: name and instructions. Operations run in batches shorter than a timer tick. The
 * fastest batch counts, after a warm-up: a file that is closed is freed later, by the hundred, and
 * what the kernel keeps count of until then makes batches differ by 40 instructions an open. Of
 * rows of many short batches (micro.h) it is the fifth percentile, and of cold ones the median, as
 * what the disk's file system does differs from file to file. With --time it is the median always:
 * elsewhere than in such guests the fastest is luck.
 *
 * With --denied an operation may be refused, and its row is "ROW denied". Without it, that is an
 * error: what is refused early costs less.
 */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_BATCHES 64
#define MAX_TIMES 10

/**
 * struct options - from the command line
 * @members: threads that exist besides
 * @only: rows, between commas; NULL: all
 */
struct options {
	const char *profile;
	const char *filter;
	const char *only;
	bool landlock;
	bool denied;
	bool time;
	unsigned int members;
	unsigned int repeat;
};

/* To the process that is not measured, and may do what a member may not. */
static int ask_fd, answer_fd;

void die(const char *what)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
	exit(1);
}

void check(int r, const char *what)
{
	if (r < 0)
		die(what);
}

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000u + (unsigned long long)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

static void forget_names(void)
{
	char byte = 0;

	if (write(ask_fd, &byte, 1) != 1 || read(answer_fd, &byte, 1) != 1)
		die("the other process");
}

/* For bench/profile.so, which counts between the two; they do nothing. */
static void mark_begin(void)
{
	asm volatile("xchg %%r15, %%r15" ::: "memory");
}

static void mark_end(void)
{
	asm volatile("xchg %%r14, %%r14" ::: "memory");
}

static void run_row(const struct row *row, const struct options *o)
{
	static unsigned long long times[MAX_BATCHES * MAX_TIMES];
	unsigned long long begin, empty;
	unsigned int batches = 48 * o->repeat, done = 0, at;

	if (row->once)
		batches = FILES / row->batch;
	if (batches > MAX_BATCHES)
		batches = MAX_BATCHES;
	if (row->times)
		batches *= row->times;
	for (unsigned int i = 0; row->once && i < FILES; i++)
		row->once(once_paths[i], row->mount, i);
	if (row->begin)
		row->begin();
	begin = now();
	empty = now() - begin;
	for (unsigned int b = 0; b < batches; b++) {
		int failed = 0;

		if (row->cold)
			forget_names();
		mark_begin();
		begin = now();
		for (unsigned int i = 0; i < row->batch && !failed; i++)
			if (row->op(done++) < 0)
				failed = errno ? errno : EIO;
		times[b] = (now() - begin - empty) / row->batch;
		mark_end();
		if (failed && o->denied && (failed == EPERM || failed == EACCES)) {
			printf("%s denied\n", row->name);
			return;
		}
		errno = failed;
		check(-failed, row->name);
	}
	/* The first batch warms up. */
	qsort(times + 1, batches - 1, sizeof(times[0]), compare);
	at = row->times ? batches / 20 : 1;
	if (row->cold || o->time)
		at = batches / 2;
	printf("%s %llu\n", row->name, times[at]);
	fflush(stdout);
}

static bool wanted(const struct options *o, const struct row *row)
{
	size_t len = strlen(row->name);

	for (const char *p = o->only; p && (p = strstr(p, row->name)); p += len)
		if ((p == o->only || p[-1] == ',') && (p[len] == '\0' || p[len] == ','))
			return true;
	return !o->only && !row->alone;
}

static void measure(const struct options *o, int attr)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		exit(1);
	/* Landlock's rules name files, which seccomp may not let it open. */
	if (o->landlock)
		use_landlock();
	if (o->profile)
		use_apparmor(attr, o->profile);
	if (o->filter)
		use_seccomp();
	if (o->members)
		start_members(o->members);
	for (size_t i = 0; i < n_rows; i++)
		if (wanted(o, &rows[i]))
			run_row(&rows[i], o);
}

/* Serves the measured process until it ends. */
static int serve(int drop_fd, int question, int answer)
{
	char byte;
	int status;

	while (read(question, &byte, 1) == 1) {
		sync();
		check((int)pwrite(drop_fd, "2", 1, 0), "drop_caches");
		if (write(answer, &byte, 1) != 1)
			break;
	}
	check(wait(&status), "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--apparmor") == 0 && i + 1 < argc)
			o->profile = argv[++i];
		else if (strcmp(argv[i], "--seccomp") == 0 && i + 1 < argc)
			o->filter = argv[++i];
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			o->only = argv[++i];
		else if (strcmp(argv[i], "--members") == 0 && i + 1 < argc)
			o->members = (unsigned int)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--landlock") == 0)
			o->landlock = true;
		else if (strcmp(argv[i], "--denied") == 0)
			o->denied = true;
		else if (strcmp(argv[i], "--time") == 0)
			o->time = true;
		else
			o->repeat = (unsigned int)strtoul(argv[i], NULL, 10);
	}
	if (o->repeat == 0) {
		fprintf(stderr, "micro: wrong arguments\n");
		exit(2);
	}
}

/* What needs no measuring. */
static bool run_command(const char *word)
{
	if (strcmp(word, "mark-begin") == 0)
		mark_begin();
	else if (strcmp(word, "mark-end") == 0)
		mark_end();
	else if (strcmp(word, "list") == 0)
		for (size_t i = 0; i < n_rows; i++)
			printf("%s %u\n", rows[i].name, rows[i].batch);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {.repeat = 1};
	int question[2], answer[2], drop_fd, attr = -1;
	pid_t pid;

	if (strcmp(argv[0], "true") == 0)
		return 0;
	if (argc == 2 && run_command(argv[1]))
		return 0;
	parse(argc, argv, &o);
	if (o.filter)
		load_seccomp(o.filter);
	drop_fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	check(drop_fd, "/proc/sys/vm/drop_caches");
	check(pipe2(question, O_CLOEXEC), "pipe");
	check(pipe2(answer, O_CLOEXEC), "pipe");
	pid = fork();
	check(pid, "fork");
	if (pid > 0) {
		close(question[1]);
		close(answer[0]);
		return serve(drop_fd, question[0], answer[1]);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(drop_fd);
	close(question[0]);
	close(answer[1]);
	ask_fd = question[1];
	answer_fd = answer[0];
	if (o.profile)
		attr = open_apparmor();
	make_root();
	open_files();
	printf("ready %d\n", getpid());
	fflush(stdout);
	measure(&o, attr);
	end_helpers();
	return 0;
}
