// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * compile.c - how long the policy compiler takes, and how large its images are.
 *
 * The rules are those of a large host: a tenth has wildcards, and some of these start with "**".
 * The names are made from a fixed seed, so two runs compile the same rules. Each size is measured
 * twice: with rights that depend on the place, as people write them, and with rights at random,
 * which leave the compiler nothing to merge. Usage:
 *
 *	bench-compile [RULES...]	default 100 1000 3000 10000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cleanup.h"
#include "compile.h"

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static const char *word(void)
{
	static const char *const words[] = {
		"alpha", "backup",  "config", "daemon", "export", "font",  "gate",  "history",
		"index", "journal", "key",    "ledger", "mail",	  "node",  "order", "proxy",
		"queue", "report",  "spool",  "table",	"user",	  "value", "web",   "zone",
	};

	return words[pick(sizeof(words) / sizeof(words[0]))];
}

/* One name without wildcards, of the kinds that hosts have. */
static void plain_name(char *out, size_t size, size_t i)
{
	switch (i % 4) {
	case 0:
	case 1:
		snprintf(out, size, "/srv/tenant-%04u/data/%s", pick(1000), word());
		break;
	case 2:
		snprintf(out, size, "/usr/lib/x86_64-linux-gnu/lib%s-%s.so.%u", word(), word(),
			 pick(10));
		break;
	default:
		snprintf(out, size, "/etc/%s/%s.d/%02u-%s.conf", word(), word(), pick(100), word());
	}
}

static void wildcard_name(char *out, size_t size, size_t i)
{
	switch (i % 6) {
	case 0:
	case 1:
		snprintf(out, size, "/opt/app-%s-%03u/**", word(), pick(1000));
		break;
	case 2:
		snprintf(out, size, "/var/**/cache-%s-%02u-*.db", word(), pick(100));
		break;
	case 3:
		snprintf(out, size, "/home/*/.config/%s-%02u/*.{ini,conf}", word(), pick(100));
		break;
	case 4:
		snprintf(out, size, "/srv/tenant-*/log/%s-%u?.log", word(), pick(10));
		break;
	default:
		snprintf(out, size, "/**/.secret-%s", word());
	}
}

/* Which of the kinds of names above the i-th rule is. */
static size_t place(size_t i)
{
	return i % 10 == 9 ? 4 + i / 10 % 6 : i % 4;
}

static void fill(struct vk_policy *p, size_t n, bool at_random)
{
	static const uint32_t rights[] = {
		VK_R_WRITE | VK_R_APPEND,
		VK_R_READ,
		VK_R_READ | VK_R_WRITE | VK_R_APPEND | VK_R_CREATE | VK_R_UNLINK,
	};
	char name[256];

	seed = 42;
	p->paths = calloc(n, sizeof(*p->paths));
	if (!p->paths)
		abort();
	p->n_paths = n;
	for (size_t i = 0; i < n; i++) {
		if (i % 10 == 9)
			wildcard_name(name, sizeof(name), i / 10);
		else
			plain_name(name, sizeof(name), i);
		p->paths[i] = (struct vk_path_rule){
			.section = VK_SECTION_FILES,
			.action = VK_ACTION_DENY,
			.rights = rights[at_random ? pick(3) : place(i) % 3],
			.glob = strdup(name),
			.pos = {(uint32_t)i + 1, 1},
		};
		if (at_random ? !pick(4) : place(i) == 5)
			p->paths[i].action = VK_ACTION_AUDIT;
		if (!p->paths[i].glob)
			abort();
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(size_t n, bool at_random)
{
	_cleanup_policy_ struct vk_policy *p = calloc(1, sizeof(*p));
	_cleanup_free_ struct vk_image *img = NULL;
	struct vk_error e = {0};
	struct rusage u;

	if (!p)
		abort();
	p->file = strdup("bench.yaml");
	p->sections[VK_SECTION_FILES] = (struct vk_section_head){.set = true};
	fill(p, n, at_random);
	const struct vk_policy *layers[] = {p};
	double start = now();
	int r = vk_compile(layers, 1, &img, &e);
	double ms = (now() - start) * 1e3;

	getrusage(RUSAGE_SELF, &u);
	if (r < 0) {
		printf("%8zu %7s %10.1f  %.90s\n", n, at_random ? "random" : "place", ms,
		       e.message);
		return e.code == E2BIG ? 0 : r;
	}
	printf("%8zu %7s %10.1f %8u %8u %9u %10.1f %10.1f\n", n, at_random ? "random" : "place", ms,
	       (img->size - VK_IMAGE_HEADER) / img->stride, img->classes, img->n_verdicts,
	       img->size / 1024.0, (double)u.ru_maxrss / 1024);
	return 0;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {100, 1000, 3000, 10000};
	int r = 0;

	printf("%8s %7s %10s %8s %8s %9s %10s %10s\n", "rules", "rights", "ms", "states", "classes",
	       "verdicts", "image KiB", "peak MiB");
	for (int at_random = 0; at_random < 2; at_random++) {
		for (int i = 1; i < argc; i++)
			r |= measure(strtoul(argv[i], NULL, 10), at_random);
		for (size_t i = 0; argc == 1 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
			r |= measure(sizes[i], at_random);
	}
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
