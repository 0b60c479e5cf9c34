// SPDX-License-Identifier: LGPL-2.1-or-later
/* program_map.c - vkernel program map: look into the maps of a policy program, and tune it. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "programs.h"

static const struct cli_option options[] = {
	{'d', "delete", NULL, "delete the element of KEY"},
	{'o', "offset", "BYTE",
	 "read or write only a number that begins at this byte of the value"},
	{'s', "size", "BYTES", "its size: 1, 2, 4 or 8; default: 4"},
	{0},
};

/**
 * struct request - what is asked of a map
 * @offset: -1: the whole value
 */
struct request {
	struct vk_engine *eng;
	uint32_t id;
	uint32_t index;
	struct vk_program_map map;
	int64_t offset;
	uint32_t size;
};

static bool is_number(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* A decimal number for sizes that have one, else hexadecimal digits. */
static bool parse_bytes(const char *word, uint8_t *out, uint32_t size)
{
	char *end;

	if (is_number(size)) {
		uint64_t v = strtoull(word, &end, 0);

		memcpy(out, &v, size);
		return *word && !*end && (size == 8 || !(v >> (8 * size)) || *word == '-');
	}
	if (strlen(word) != 2 * (size_t)size)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		unsigned int byte;

		if (!isxdigit((unsigned char)word[2 * i]) ||
		    sscanf(word + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

static void print_bytes(const uint8_t *data, uint32_t size)
{
	uint64_t v = 0;

	if (is_number(size)) {
		memcpy(&v, data, size);
		printf("%" PRIu64, v);
		return;
	}
	for (uint32_t i = 0; i < size; i++)
		printf("%02x", data[i]);
}

static void print_value(const struct request *q, const uint8_t *value)
{
	if (q->offset >= 0)
		print_bytes(value + q->offset, q->size);
	else
		print_bytes(value, q->map.value_size);
	putchar('\n');
}

static int dump(const struct request *q, struct vk_error *e)
{
	uint8_t key[VK_PROGRAM_MAP_KEY] = {0}, next[VK_PROGRAM_MAP_KEY];
	_cleanup_free_ uint8_t *value = cli_alloc(1, VK_PROGRAM_MAP_VALUE);
	int r = vk_program_map_next(q->eng, q->id, q->index, NULL, next, e);

	/* More turns than elements: it may change meanwhile. */
	for (uint32_t i = 0; r == 0 && i <= q->map.max_entries; i++) {
		struct vk_error gone = {0};

		memcpy(key, next, sizeof(key));
		if (vk_program_map_get(q->eng, q->id, q->index, key, value, &gone) == 0) {
			print_bytes(key, q->map.key_size);
			putchar('\t');
			print_value(q, value);
		}
		r = vk_program_map_next(q->eng, q->id, q->index, key, next, e);
	}
	return r == -ENOENT ? 0 : r;
}

static int write_one(const struct request *q, const uint8_t *key, const char *word,
		     struct vk_error *e)
{
	_cleanup_free_ uint8_t *value = cli_alloc(1, VK_PROGRAM_MAP_VALUE);
	uint32_t size = q->offset >= 0 ? q->size : q->map.value_size;
	int r = 0;

	if (q->offset >= 0)
		r = vk_program_map_get(q->eng, q->id, q->index, key, value, e);
	if (r < 0)
		return r;
	if (!parse_bytes(word, value + (q->offset >= 0 ? q->offset : 0), size)) {
		vk_error_set(e, EINVAL, "'%s' is no value of %u bytes", word, size);
		vk_error_advise(e, is_number(size) ? "give a number" :
						     "give hexadecimal digits, two "
						     "for each byte");
		return -EINVAL;
	}
	return vk_program_map_set(q->eng, q->id, q->index, key, value, e);
}

static int find_map(struct request *q, const char *instance, const char *program, const char *map,
		    struct vk_error *e)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	struct vk_program_info info;
	int r = cli_program_find(q->eng, instance, program, &info, e);

	if (r == 0)
		r = vk_program_image_of(q->eng, info.id, &img, e);
	if (r < 0)
		return r;
	q->id = info.id;
	for (q->index = 0; q->index < img->maps.count; q->index++) {
		q->map = vk_program_maps(img)[q->index];
		if (strcmp(q->map.name, map) == 0)
			break;
	}
	if (q->index == img->maps.count) {
		vk_error_set(e, ENOENT, "program %s has no map %s", program, map);
		vk_error_advise(e, "\"vkernel program show %s %s\" lists its maps", instance,
				program);
		return -ENOENT;
	}
	if (q->offset >= 0 && (!is_number(q->size) || q->offset + q->size > q->map.value_size))
		return vk_error_set(e, EINVAL, "values of map %s have %u bytes", map,
				    q->map.value_size);
	return 0;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	_cleanup_free_ uint8_t *value = cli_alloc(1, VK_PROGRAM_MAP_VALUE);
	struct request q = {.offset = -1, .size = 4};
	uint8_t key[VK_PROGRAM_MAP_KEY] = {0};
	struct vk_error e = {0};
	bool delete = false;
	const char *arg;
	size_t n;
	int r;

	for (int k; (k = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		delete |= k == 'd';
		if (k == 'o')
			q.offset = atoi(arg);
		if (k == 's')
			q.size = (uint32_t)atoi(arg);
	}

	char **operands = cli_operands(cmd, argc, argv, 3, 5, &n);

	if (delete &&n != 4)
		return cli_usage(cmd, "--delete takes a KEY and no VALUE");
	r = vk_engine_open(&eng, n == 5 || delete ? 0 : VK_OPEN_READ_ONLY, &e);
	q.eng = eng;
	if (r == 0)
		r = find_map(&q, operands[0], operands[1], operands[2], &e);
	if (r == 0 && n > 3 && !parse_bytes(operands[3], key, q.map.key_size))
		r = vk_error_set(&e, EINVAL, "'%s' is no key of %u bytes", operands[3],
				 q.map.key_size);
	if (r == 0 && n == 3)
		r = dump(&q, &e);
	else if (r == 0 && delete)
		r = vk_program_map_set(eng, q.id, q.index, key, NULL, &e);
	else if (r == 0 && n == 5)
		r = write_one(&q, key, operands[4], &e);
	else if (r == 0) {
		r = vk_program_map_get(eng, q.id, q.index, key, value, &e);
		if (r == 0)
			print_value(&q, value);
	}
	if (r < 0)
		cli_report(&e);
	return r < 0 ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_program_map = {
	.name = "program map",
	.synopsis = "[--delete] [-o BYTE [-s BYTES]] INSTANCE PROGRAM MAP [KEY [VALUE]]",
	.summary = "read and write the maps of a policy program",
	.details =
		"Prints the whole MAP, a line for each element, or the value of KEY, or sets\n"
		"it to VALUE. What has 1, 2, 4 or 8 bytes is a number, and all else hexadecimal\n"
		"digits. The global variables of a program are the only element, key 0, of its\n"
		"maps data (those with a first value), bss (those that begin as zero) and rodata.",
	.examples = "sudo vkernel program map web rate-limit-connect buckets\n"
		    "sudo vkernel program map --offset 0 web rate-limit-connect data 0 50",
	.options = options,
	.run = run,
};
