// SPDX-License-Identifier: LGPL-2.1-or-later
/* program_map.c - vkernel program map: look into the maps of a policy program, and tune it. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "client.h"
#include "programs.h"

static const struct cli_option options[] = {
	{'j', "json", NULL, "print JSON"},
	{'d', "delete", NULL, "delete the element of KEY"},
	{'o', "offset", "BYTE",
	 "read or write only a number that begins at this byte of the value"},
	{'s', "size", "BYTES", "its size: 1, 2, 4 or 8; default: 4"},
	{'m', "mine", NULL, "inside an instance: of a program that one pushed; no INSTANCE"},
	{'H', "helper", NULL, "of a dynamic helper; no INSTANCE"},
	{'f', "from", "NAME", "with --mine: pushed onto an instance below this one"},
	{0},
};

/**
 * struct request - what is asked of a map
 * @eng:     NULL: vkerneld is asked, for a program of the caller's own
 * @program: its name
 * @from:    vkerneld: the instance; "": the caller's
 * @id, @index: engine: number of the program, and of the map
 * @offset:  -1: the whole value
 * @elements: with --json: those seen so far; else NULL
 */
struct request {
	struct vk_engine *eng;
	const char *program;
	const char *from;
	uint32_t id;
	uint32_t index;
	struct vk_program_map map;
	int64_t offset;
	uint32_t size;
	json_t *elements;
};

/* ---- vkerneld ---- */

/* One call about map @q->map; returns the bytes left in @data. */
static int call(const struct request *q, uint16_t op, const void *key, const void *value,
		void *data, size_t room, struct vk_error *e)
{
	struct {
		struct vk_map_call head;
		uint8_t bytes[VK_BROKER_KEY_MAX + VK_BROKER_VALUE_MAX];
	} text = {.head = {.key_len = key ? q->map.key_size : 0,
			   .value_len = value ? q->map.value_size : 0}};
	struct vk_ask ask = {.op = op,
			     .name = q->from,
			     .text = (const char *)&text,
			     .pidfd = -1,
			     .patience_s = 60,
			     .data = data,
			     .room = room};
	struct vk_answer a;
	int r;

	if (strlen(q->program) >= sizeof(text.head.program))
		return vk_error_set(e, ENOENT, "%s is no name of a program", q->program);
	strcpy(text.head.program, q->program);
	strcpy(text.head.map, q->map.name);
	if (key)
		memcpy(text.bytes, key, q->map.key_size);
	if (value)
		memcpy(text.bytes + text.head.key_len, value, q->map.value_size);
	ask.text_len = sizeof(text.head) + text.head.key_len + text.head.value_len;
	r = vk_broker_ask(&ask, &a, e);
	return r < 0 ? r : (int)a.data_len;
}

/* As many elements at a time as an answer holds. */
static int dump_mine(const struct request *q,
		     void (*print)(const struct request *, const uint8_t *), struct vk_error *e)
{
	const uint32_t element = q->map.key_size + q->map.value_size;
	_cleanup_free_ uint8_t *data = cli_alloc(1, VK_BROKER_DATA_MAX);
	uint8_t last[VK_PROGRAM_MAP_KEY];
	uint32_t seen = 0;

	/* Not more than there can be: it may change meanwhile. */
	while (seen <= q->map.max_entries) {
		int n = call(q, VK_BROKER_MAP_DUMP, seen ? last : NULL, NULL, data,
			     VK_BROKER_DATA_MAX, e);

		if (n < (int)element)
			return n < 0 ? n : 0;
		for (uint32_t at = 0; at + element <= (uint32_t)n; at += element, seen++) {
			print(q, data + at);
			memcpy(last, data + at, q->map.key_size);
		}
	}
	return 0;
}

/* ---- either ---- */

/* The maps of the program; returns how many. */
static int find_program(struct request *q, const char *instance,
			struct vk_program_map maps[VK_PROGRAM_MAPS], struct vk_error *e)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	struct vk_program_info info;
	int r;

	if (!q->eng) {
		r = call(q, VK_BROKER_MAPS, NULL, NULL, maps, VK_PROGRAM_MAPS * sizeof(*maps), e);
		for (size_t i = 0; i < VK_PROGRAM_MAPS; i++)
			maps[i].name[VK_PROGRAM_MAP_NAME - 1] = '\0';
		return r < 0 ? r : r / (int)sizeof(*maps);
	}
	r = cli_program_find(q->eng, instance, q->program, &info, e);
	if (r == 0)
		r = vk_program_image_of(q->eng, info.id, &img, e);
	if (r < 0)
		return r;
	q->id = info.id;
	memcpy(maps, vk_program_maps(img), img->maps.count * sizeof(*maps));
	return (int)img->maps.count;
}

static int get(const struct request *q, const uint8_t *key, uint8_t *value, struct vk_error *e)
{
	int r;

	if (q->eng)
		return vk_program_map_get(q->eng, q->id, q->index, key, value, e);
	r = call(q, VK_BROKER_MAP_GET, key, NULL, value, VK_PROGRAM_MAP_VALUE, e);
	return r < 0 ? r : 0;
}

/* @value NULL: deletes. */
static int set(const struct request *q, const uint8_t *key, const uint8_t *value,
	       struct vk_error *e)
{
	if (q->eng)
		return vk_program_map_set(q->eng, q->id, q->index, key, value, e);
	return call(q, value ? VK_BROKER_MAP_SET : VK_BROKER_MAP_DELETE, key, value, NULL, 0, e);
}

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

/* As they are printed: a number, or hexadecimal digits. */
static void text_of(const uint8_t *data, uint32_t size, char *text)
{
	uint64_t v = 0;

	if (is_number(size)) {
		memcpy(&v, data, size);
		sprintf(text, "%" PRIu64, v);
		return;
	}
	for (uint32_t i = 0; i < size; i++)
		sprintf(text + 2 * (size_t)i, "%02x", data[i]);
}

/* A number that JSON's readers have no room for stays text. */
static json_t *json_of(const uint8_t *data, uint32_t size)
{
	char text[2 * VK_PROGRAM_MAP_VALUE + 1];
	uint64_t v = 0;

	if (is_number(size))
		memcpy(&v, data, size);
	if (is_number(size) && v <= INT64_MAX)
		return json_integer((json_int_t)v);
	text_of(data, size, text);
	return cli_json_string(text);
}

static void print_value(const struct request *q, const uint8_t *value)
{
	char text[2 * VK_PROGRAM_MAP_VALUE + 1];

	if (q->offset >= 0)
		text_of(value + q->offset, q->size, text);
	else
		text_of(value, q->map.value_size, text);
	puts(text);
}

/* @element: a key, and its value behind it. */
static void print_element(const struct request *q, const uint8_t *element)
{
	const uint8_t *value = element + q->map.key_size;
	char key[2 * VK_PROGRAM_MAP_KEY + 1];

	if (q->elements) {
		json_t *o = json_object();

		cli_json_set(o, "key", json_of(element, q->map.key_size));
		cli_json_set(o, "value",
			     q->offset >= 0 ? json_of(value + q->offset, q->size) :
					      json_of(value, q->map.value_size));
		cli_json_add(q->elements, o);
		return;
	}
	text_of(element, q->map.key_size, key);
	printf("%s\t", key);
	print_value(q, value);
}

static int dump(const struct request *q, struct vk_error *e)
{
	uint8_t key[VK_PROGRAM_MAP_KEY], element[VK_PROGRAM_MAP_KEY + VK_PROGRAM_MAP_VALUE];
	int r;

	if (!q->eng)
		return dump_mine(q, print_element, e);
	r = vk_program_map_next(q->eng, q->id, q->index, NULL, key, e);
	/* More turns than elements: it may change meanwhile. */
	for (uint32_t i = 0; r == 0 && i <= q->map.max_entries; i++) {
		struct vk_error gone = {0};

		memcpy(element, key, q->map.key_size);
		if (vk_program_map_get(q->eng, q->id, q->index, key, element + q->map.key_size,
				       &gone) == 0)
			print_element(q, element);
		r = vk_program_map_next(q->eng, q->id, q->index, element, key, e);
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
		r = get(q, key, value, e);
	if (r < 0)
		return r;
	if (!parse_bytes(word, value + (q->offset >= 0 ? q->offset : 0), size)) {
		vk_error_set(e, EINVAL, "'%s' is no value of %u bytes", word, size);
		vk_error_advise(e, is_number(size) ? "give a number" :
						     "give hexadecimal digits, two "
						     "for each byte");
		return -EINVAL;
	}
	return set(q, key, value, e);
}

static void print_maps(const struct vk_program_map *maps, int n, bool json)
{
	struct cli_table t;

	if (json) {
		cli_json_print(cli_program_maps_json(maps, (uint32_t)n), false);
		return;
	}

	cli_table_init(&t, "MAP|TYPE|>KEY|>VALUE|>ELEMENTS");
	for (int i = 0; i < n; i++) {
		cli_cell(&t, "%s", maps[i].name);
		cli_cell(&t, "%s", cli_map_type(maps[i].type));
		cli_cell(&t, "%u", maps[i].key_size);
		cli_cell(&t, "%u", maps[i].value_size);
		cli_cell(&t, "%u", maps[i].max_entries);
	}
	cli_table_print(&t, stdout);
	cli_table_free(&t);
}

static int find_map(struct request *q, const struct vk_program_map *maps, int n, const char *name,
		    struct vk_error *e)
{
	int i = 0;

	while (i < n && strcmp(maps[i].name, name) != 0)
		i++;
	if (i == n) {
		vk_error_set(e, ENOENT, "program %s has no map %s", q->program, name);
		vk_error_advise(e, "without MAP, its maps are listed");
		return -ENOENT;
	}
	q->index = (uint32_t)i;
	q->map = maps[i];
	if (!q->map.key_size || q->map.key_size > VK_PROGRAM_MAP_KEY || !q->map.value_size ||
	    q->map.value_size > VK_PROGRAM_MAP_VALUE)
		return vk_error_set(e, EBADMSG, "the answer of vkerneld is malformed");
	if (q->offset >= 0 && (!is_number(q->size) || q->offset + q->size > q->map.value_size))
		return vk_error_set(e, EINVAL, "values of map %s have %u bytes", name,
				    q->map.value_size);
	return 0;
}

/* What is wanted of the map: @word has KEY and VALUE, as far as they were given. */
static int use_map(const struct request *q, char **word, size_t n, bool delete, struct vk_error *e)
{
	uint8_t element[VK_PROGRAM_MAP_KEY + VK_PROGRAM_MAP_VALUE] = {0};
	uint8_t *key = element, *value = element + q->map.key_size;
	int r;

	if (n == 0)
		return dump(q, e);
	if (!parse_bytes(word[0], key, q->map.key_size))
		return vk_error_set(e, EINVAL, "'%s' is no key of %u bytes", word[0],
				    q->map.key_size);
	if (delete)
		return set(q, key, NULL, e);
	if (n == 2)
		return write_one(q, key, word[1], e);
	r = get(q, key, value, e);
	if (r == 0 && q->elements)
		print_element(q, element);
	else if (r == 0)
		print_value(q, value);
	return r;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_program_map maps[VK_PROGRAM_MAPS] = {0};
	struct request q = {.from = "", .offset = -1, .size = 4};
	struct vk_error e = {0};
	bool delete = false, mine = false, helper = false, json = false;
	const char *arg;
	size_t n;
	int r = 0;

	for (int k; (k = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		delete |= k == 'd';
		mine |= k == 'm';
		helper |= k == 'H';
		json |= k == 'j';
		if (k == 'f')
			q.from = arg;
		if (k == 'o')
			q.offset = atoi(arg);
		if (k == 's')
			q.size = (uint32_t)atoi(arg);
	}

	const size_t named = mine || helper ? 1 : 2; /* operands before MAP */
	char **operands = cli_operands(cmd, argc, argv, named, named + 3, &n);

	if (delete &&n != named + 2)
		return cli_usage(cmd, "--delete takes a KEY and no VALUE");
	if ((*q.from && !mine) || (mine && helper))
		return cli_usage(cmd, helper ? "--helper takes no --mine and no --from" :
					       "--from goes with --mine");
	q.program = operands[named - 1];
	if (!mine)
		r = vk_engine_open(&eng, n == named + 3 || delete ? 0 : VK_OPEN_READ_ONLY, &e);
	q.eng = eng;
	if (r == 0)
		r = find_program(&q, helper ? NULL : operands[0], maps, &e);
	if (r >= 0 && n == named) {
		print_maps(maps, r, json);
		return CLI_OK;
	}
	if (r >= 0)
		r = find_map(&q, maps, r, operands[named], &e);
	/* What sets a value prints nothing. */
	if (json && !delete &&n <= named + 2)
		q.elements = json_array();
	if (r >= 0)
		r = use_map(&q, operands + named + 1, n - named - 1, delete, &e);
	if (r < 0)
		cli_report(&e);
	if (r >= 0 && q.elements)
		cli_json_print(q.elements, false);
	else
		json_decref(q.elements);
	return r < 0 ? CLI_FAIL : CLI_OK;
}

const struct cli_command cli_program_map = {
	.name = "program map",
	.synopsis = "[--json] [--delete] [-o BYTE [-s BYTES]] INSTANCE PROGRAM\n"
		    "               [MAP [KEY [VALUE]]]\n"
		    "       vkernel program map --mine [--from NAME] [--json] [--delete]\n"
		    "               [-o BYTE [-s BYTES]] PROGRAM [MAP [KEY [VALUE]]]\n"
		    "       vkernel program map --helper [...] HELPER [MAP [KEY [VALUE]]]",
	.summary = "read and write the maps of a policy program",
	.details =
		"Lists the maps, or prints the whole MAP, a line for each element, or the value\n"
		"of KEY, or sets it to VALUE. What has 1, 2, 4 or 8 bytes is a number, and all\n"
		"else hexadecimal digits. The global variables of a program are the only\n"
		"element, key 0, of its maps data (those with a first value), bss (those that\n"
		"begin as zero) and rodata. With --mine, a member does so with a program that it\n"
		"pushed itself, through vkerneld; it may write where it may also pop the program.\n"
		"With --helper it is about a dynamic helper, as the records of log_event.",
	.examples = "sudo vkernel program map web rate-limit-connect buckets\n"
		    "sudo vkernel program map --offset 0 web rate-limit-connect data 0 50\n"
		    "vkernel program map --mine --offset 0 rate-limit-connect data 0 50",
	.options = options,
	.run = run,
};
