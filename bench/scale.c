// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * scale.c - many instances, policies and rules. For guests, as root:
 *
 *	scale create PREFIX COUNT POLICY	instances PREFIX-0 ... under one policy
 *	scale distinct PREFIX COUNT		instances, each under 20 rules of its own
 *	scale update PREFIX COUNT POLICY	replace the rules of instances
 *	scale remove PREFIX COUNT
 *	scale containers PREFIX COUNT POLICY	instances with mount namespaces, and a member in each
 *	scale push COUNT OBJECT POLICY		load a policy program that often
 *	scale rules COUNT			print a policy of that many rules
 *
 * The first four print the median of the nanoseconds (under --icount: instructions) that each
 * operation took, opening the engine not included; containers the kernel memory of each. Of a push
 * are printed the nanoseconds until it is in force, of the first one and the median of those that
 * replace it; of these, what processors worked, which leaves out the waits for tasks that may be
 * in the old programs; and what the dry load took.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "engine.h"
#include "parse.h"
#include "programs.h"

static _Noreturn void die(const struct vk_error *e)
{
	fprintf(stderr, "scale: %s\n", e->message);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Policy @salt of @rules rules, all but the last of which name files that nobody has. */
static void print_policy(FILE *f, unsigned int salt, unsigned int rules)
{
	fprintf(f, "vkernel: 1\nname: p%u\nfiles:\n  default: allow\n  rules:\n", salt);
	fprintf(f, "    - deny: [write]\n      path:\n");
	for (unsigned int i = 1; i < rules; i++)
		fprintf(f, "        - /srv/tenant-%u/%02u/data-%u%s\n", salt, i % 97, i,
			i % 10 ? "" : "/**");
	fprintf(f, "        - /etc/secret-%u\n", salt);
}

static struct vk_policy *parse(const char *text, size_t len)
{
	struct vk_policy *p = NULL;
	struct vk_error e = {0};

	if (vk_policy_parse("scale.yaml", text, len, NULL, NULL, &p, &e) < 0)
		die(&e);
	return p;
}

static struct vk_policy *parse_file(const char *path)
{
	static char text[4 << 20];
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	size_t len;

	if (!f) {
		perror(path);
		exit(1);
	}
	len = fread(text, 1, sizeof(text), f);
	return parse(text, len);
}

static struct vk_policy *distinct(unsigned int salt)
{
	struct vk_policy *p;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		exit(1);
	print_policy(f, salt, 20);
	fclose(f);
	p = parse(text, len);
	free(text);
	return p;
}

/* ---- many instances ---- */

enum what { CREATE, DISTINCT, UPDATE, REMOVE };

/* Does @what @n times and returns the median of the times. */
static uint64_t repeat(enum what what, const char *prefix, size_t n, const char *file)
{
	struct vk_policy *p = file ? parse_file(file) : NULL;
	uint64_t *times = calloc(n + 1, sizeof(*times)), median;
	struct vk_engine *eng = NULL;
	struct vk_error e = {0};

	if (!times || vk_engine_open(&eng, VK_OPEN_CREATE, &e) < 0)
		die(&e);
	for (size_t i = 0; i < n; i++) {
		const struct vk_policy *const *layers = (const struct vk_policy *const *)&p;
		char name[64];
		uint32_t id;
		int r;

		snprintf(name, sizeof(name), "%s-%zu", prefix, i);
		if (what == DISTINCT) {
			vk_policy_free(p);
			p = distinct((unsigned int)i + 1000);
		}
		times[i] = now();
		if (what == UPDATE)
			r = vk_instance_update(eng, name, layers, 1, &e);
		else if (what == REMOVE)
			r = vk_instance_remove(eng, name, false, &e);
		else
			r = vk_instance_create(eng, name, layers, 1, &id, &e);
		if (r < 0)
			die(&e);
		times[i] = now() - times[i];
	}
	qsort(times, n, sizeof(*times), compare);
	median = times[n / 2];
	vk_policy_free(p);
	vk_engine_close(eng);
	free(times);
	return median;
}

/* ---- what an instance with a container in it takes ---- */

#define MOUNTS 8

/* Kernel memory in use that is not the page cache, in bytes. */
static int64_t kernel_bytes(void)
{
	static const char *const names[] = {
		"Slab:", "VmallocUsed:", "Percpu:", "PageTables:", "KernelStack:"};
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char name[64];
	int64_t kib, sum = 0;

	if (!f)
		exit(1);
	while (fscanf(f, "%63s %" SCNd64 " kB\n", name, &kib) == 2)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			sum += strcmp(name, names[i]) == 0 ? kib * 1024 : 0;
	return sum;
}

static void open_all(void)
{
	char path[64];

	for (int i = 0; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), "/run/vkernel-scale/%d/file", i);
		close(open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
	}
}

static void check(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

/* A container's skeleton: a mount namespace, mounts, a file used on each. */
static pid_t start_container(int go, int done)
{
	char path[64], byte = 0;
	pid_t pid = fork();

	check(pid, "fork");
	if (pid > 0)
		return pid;
	check(unshare(CLONE_NEWNS), "unshare");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	for (int i = 0; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), "/run/vkernel-scale/%d", i);
		mkdir(path, 0755);
		check(mount("scale", path, "tmpfs", 0, NULL), path);
	}
	open_all();
	check((int)write(done, &byte, 1), "write");
	check((int)read(go, &byte, 1), "read");
	open_all();
	check((int)write(done, &byte, 1), "write");
	pause();
	_exit(0);
}

/* Prints bytes of kernel memory for each instance, member included, once its files were used. */
static void run_containers(const char *prefix, size_t n, const char *file)
{
	struct vk_policy *p = parse_file(file);
	struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	pid_t *pids = calloc(n, sizeof(*pids));
	int go[2], done[2];
	int64_t before, attached;
	char byte = 0;

	check(pipe(go), "pipe");
	check(pipe(done), "pipe");
	mkdir("/run/vkernel-scale", 0755);
	if (!pids || vk_engine_open(&eng, VK_OPEN_CREATE, &e) < 0)
		die(&e);
	for (size_t i = 0; i < n; i++) {
		pids[i] = start_container(go[0], done[1]);
		check((int)read(done[0], &byte, 1), "read");
	}
	before = kernel_bytes();
	for (size_t i = 0; i < n; i++) {
		char name[64];
		uint32_t id;

		snprintf(name, sizeof(name), "%s-%zu", prefix, i);
		if (vk_instance_create(eng, name, (const struct vk_policy *const *)&p, 1, &id, &e) <
			    0 ||
		    vk_instance_attach(eng, id, pids[i], NULL, &e) < 0)
			die(&e);
	}
	attached = kernel_bytes();
	for (size_t i = 0; i < n; i++)
		check((int)write(go[1], &byte, 1), "write");
	for (size_t i = 0; i < n; i++)
		check((int)read(done[0], &byte, 1), "read");
	printf("attached %" PRId64 "\n", (attached - before) / (int64_t)n);
	printf("used %" PRId64 "\n", (kernel_bytes() - before) / (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	vk_policy_free(p);
	vk_engine_close(eng);
	free(pids);
}

/* ---- loading a policy program ---- */

static struct vk_program_image *read_program(const char *path)
{
	static char object[1 << 20];
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct vk_program_image *img = NULL;
	struct vk_error e = {0};
	size_t len;

	check(f ? 0 : -1, path);
	len = fread(object, 1, sizeof(object), f);
	if (vk_program_flatten(path, "push", object, len, &img, &e) < 0)
		die(&e);
	return img;
}

/* Time of processors in this process and in the children that have ended, in nanoseconds. */
static uint64_t worked(void)
{
	struct timespec own;
	struct rusage children;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return (uint64_t)own.tv_sec * 1000000000u + (uint64_t)own.tv_nsec +
	       (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000u;
}

static int take_row(const struct vk_program_info *info, void *data)
{
	*(struct vk_program_row *)data = info->row;
	return 0;
}

static void run_push(size_t n, const char *object, const char *file)
{
	_cleanup_free_ struct vk_program_image *img = read_program(object);
	struct vk_policy *p = parse_file(file);
	uint64_t *times = calloc(n + 1, sizeof(*times)), *work = calloc(n + 1, sizeof(*work));
	uint64_t *dry = calloc(n + 1, sizeof(*dry)), first;
	struct vk_program_row row = {0};
	struct vk_engine *eng = NULL;
	struct vk_error e = {0};
	uint32_t id;

	if (!times || !work || !dry || vk_engine_open(&eng, VK_OPEN_CREATE, &e) < 0 ||
	    vk_instance_create(eng, "push", (const struct vk_policy *const *)&p, 1, &id, &e) < 0)
		die(&e);
	for (size_t i = 0; i <= n; i++) {
		times[i] = now();
		work[i] = worked();
		if (vk_program_push(eng, "push", img, img->size, i ? VK_PUSH_REPLACE : 0, &id, &e) <
			    0 ||
		    vk_program_list(eng, "push", 0, take_row, &row, &e) < 0)
			die(&e);
		times[i] = now() - times[i];
		work[i] = worked() - work[i];
		dry[i] = row.dry_usec * 1000ull;
	}
	first = times[0];
	qsort(times + 1, n, sizeof(*times), compare);
	qsort(work + 1, n, sizeof(*work), compare);
	qsort(dry + 1, n, sizeof(*dry), compare);
	printf("program-length %u\n", img->insns.count);
	printf("first %" PRIu64 "\n", first);
	printf("replace %" PRIu64 "\n", times[1 + n / 2]);
	printf("replace-worked %" PRIu64 "\n", work[1 + n / 2]);
	printf("dry %" PRIu64 "\n", dry[1 + n / 2]);
	if (vk_instance_remove(eng, "push", false, &e) < 0)
		die(&e);
	vk_policy_free(p);
	vk_engine_close(eng);
	free(times);
	free(work);
	free(dry);
}

static int usage(void)
{
	fprintf(stderr, "scale: wrong arguments (the top of bench/scale.c explains)\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum what what;
		int argc;
	} table[] = {
		{"create", CREATE, 5},
		{"distinct", DISTINCT, 4},
		{"update", UPDATE, 5},
		{"remove", REMOVE, 4},
	};
	const char *what = argc > 1 ? argv[1] : "";
	size_t n = argc > 2 ? strtoul(argv[argc > 3 ? 3 : 2], NULL, 10) : 0;

	if (argc == 3 && strcmp(what, "rules") == 0)
		print_policy(stdout, 1, (unsigned int)n);
	else if (argc == 5 && strcmp(what, "containers") == 0)
		run_containers(argv[2], n, argv[4]);
	else if (argc == 5 && strcmp(what, "push") == 0)
		run_push(strtoul(argv[2], NULL, 10), argv[3], argv[4]);
	else {
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (strcmp(what, table[i].name) == 0 && argc == table[i].argc) {
				printf("%" PRIu64 "\n", repeat(table[i].what, argv[2], n,
							       argc == 5 ? argv[4] : NULL));
				return 0;
			}
		return usage();
	}
	return 0;
}
