// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * scale.c - many instances, many policies, many rules. For guests, as root:
 *
 *	scale create PREFIX COUNT POLICY	instances under one policy
 *	scale distinct PREFIX COUNT		instances, each under 20 rules of its own
 *	scale update NAME POLICY		replace the rules of an instance
 *	scale rules COUNT			print a policy of that many rules
 *
 * The first three print the median of the nanoseconds (under --icount: instructions) that each
 * operation took, opening the engine not included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "engine.h"
#include "parse.h"

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

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct vk_engine *eng = NULL;
	struct vk_policy *p = NULL;
	struct vk_error e = {0};
	uint64_t *times;
	uint32_t id;
	size_t n;

	if (argc == 3 && strcmp(what, "rules") == 0) {
		print_policy(stdout, 1, (unsigned int)strtoul(argv[2], NULL, 10));
		return 0;
	}
	if (argc < 4)
		return 2;
	n = strcmp(what, "update") == 0 ? 1 : strtoul(argv[3], NULL, 10);
	times = calloc(n + 1, sizeof(*times));
	if (!times || vk_engine_open(&eng, VK_OPEN_CREATE, &e) < 0)
		die(&e);
	if (strcmp(what, "distinct") != 0)
		p = parse_file(argv[argc - 1]);
	for (size_t i = 0; i < n; i++) {
		char name[64];
		int r;

		snprintf(name, sizeof(name), "%s-%zu", argv[2], i);
		if (strcmp(what, "distinct") == 0) {
			vk_policy_free(p);
			p = distinct((unsigned int)i + 1000);
		}
		times[i] = now();
		if (strcmp(what, "update") == 0)
			r = vk_instance_update(eng, argv[2], (const struct vk_policy *const *)&p, 1,
					       &e);
		else
			r = vk_instance_create(eng, name, (const struct vk_policy *const *)&p, 1,
					       &id, &e);
		if (r < 0)
			die(&e);
		times[i] = now() - times[i];
	}
	qsort(times, n, sizeof(*times), compare);
	printf("%llu\n", (unsigned long long)times[n / 2]);
	vk_policy_free(p);
	vk_engine_close(eng);
	free(times);
	return 0;
}
