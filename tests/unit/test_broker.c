// SPDX-License-Identifier: LGPL-2.1-or-later
/* What vkerneld takes for a call: exactly that, one byte and one bit from the edge. */
#include <stdlib.h>

#include "proto.h"
#include "tap.h"

#define NUMBER 0x1122334455667788ull

static _Alignas(8) char buf[sizeof(struct vk_call) + VK_BROKER_IMAGE_MAX + 16];

static struct vk_call *make(uint16_t op, const char *name, size_t text)
{
	struct vk_call *c = (struct vk_call *)buf;

	memset(buf, 'x', sizeof(buf));
	ASSERT(vk_call_fill(c, NUMBER, op, 0, name, text, NULL) == 0);
	return c;
}

static int parse(size_t len)
{
	const struct vk_call *c;
	const char *text;
	struct vk_error e = {0};
	int r = vk_call_parse(buf, len, NUMBER, &c, &text, &e);

	if (r == 0)
		CHECK_EQ(text - buf, sizeof(struct vk_call));
	else
		CHECK_EQ(e.code, -r);
	return r;
}
#define HEAD sizeof(struct vk_call)

TEST(every_operation_as_it_must_be)
{
	make(VK_BROKER_LIST, "", 0);
	CHECK_EQ(parse(HEAD), 0);
	make(VK_BROKER_POP, "web.c1", 0);
	CHECK_EQ(parse(HEAD), 0);
	make(VK_BROKER_REMOVE, "web.c1", 0);
	CHECK_EQ(parse(HEAD), 0);
	make(VK_BROKER_PUSH, "", 1);
	CHECK_EQ(parse(HEAD + 1), 0);
	make(VK_BROKER_PUSH, "", VK_BROKER_TEXT_MAX);
	CHECK_EQ(parse(HEAD + VK_BROKER_TEXT_MAX), 0);
	make(VK_BROKER_CHILD, "label", 10)->flags = VK_BROKER_AT_EXEC;
	CHECK_EQ(parse(HEAD + 10), 0);
	make(VK_BROKER_PROGRAM_PUSH, "", VK_BROKER_IMAGE_MAX)->flags =
		VK_BROKER_AUDIT | VK_BROKER_REPLACE;
	CHECK_EQ(parse(HEAD + VK_BROKER_IMAGE_MAX), 0);
	make(VK_BROKER_PROGRAM_POP, "web.c1", 0);
	CHECK_EQ(parse(HEAD), 0);
	make(VK_BROKER_PROGRAM_POP, "", 31);
	CHECK_EQ(parse(HEAD + 31), 0);
}

TEST(lengths)
{
	make(VK_BROKER_PUSH, "", 100);
	CHECK_NEG(parse(HEAD + 99), EBADMSG);
	CHECK_NEG(parse(HEAD + 101), EBADMSG);
	CHECK_NEG(parse(HEAD), EBADMSG);
	CHECK_NEG(parse(HEAD - 1), EBADMSG);
	CHECK_NEG(parse(0), EBADMSG);
	make(VK_BROKER_PUSH, "", 100)->text_len = 0xffffffff;
	CHECK_NEG(parse(HEAD + 100), EMSGSIZE);
	make(VK_BROKER_PUSH, "", 100)->text_len = 0xffffffff - (HEAD - 1);
	CHECK_NEG(parse(HEAD + 100), EMSGSIZE);
	make(VK_BROKER_PUSH, "", 100)->size = HEAD;
	CHECK_NEG(parse(HEAD + 100), EBADMSG);
	make(VK_BROKER_PUSH, "", 0);
	CHECK_NEG(parse(HEAD), EBADMSG);
	make(VK_BROKER_POP, "", 1);
	CHECK_NEG(parse(HEAD + 1), EBADMSG);
}

TEST(every_bit_of_the_head_counts)
{
	make(VK_BROKER_LIST, "", 0);
	for (size_t i = 0; i < HEAD; i++)
		for (int bit = 0; bit < 8; bit++) {
			buf[i] ^= (char)(1 << bit);
			/* An operation more, and one letter of a name, are good calls, too. */
			if (parse(HEAD) == 0 && i != offsetof(struct vk_call, op) &&
			    i != offsetof(struct vk_call, name))
				FAIL("byte %zu, bit %d", i, bit);
			buf[i] ^= (char)(1 << bit);
		}
	CHECK_EQ(parse(HEAD), 0);
}

TEST(names)
{
	static const char *const bad[] = {"a/b", "a b", "-a", "a\n", "\xc3\xa9", "*"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(VK_BROKER_POP, bad[i], 0);
		CHECK_NEG(parse(HEAD), EBADMSG);
	}
	/* Hidden behind the end; without an end; longer than a name or a label. */
	make(VK_BROKER_POP, "a", 0)->name[5] = 'b';
	CHECK_NEG(parse(HEAD), EBADMSG);
	memset(make(VK_BROKER_POP, "a", 0)->name, 'a', sizeof(((struct vk_call *)0)->name));
	CHECK_NEG(parse(HEAD), EBADMSG);
	make(VK_BROKER_CHILD, "12345678901234567", 1);
	CHECK_NEG(parse(HEAD + 1), EBADMSG);
	make(VK_BROKER_CHILD, "1234567890123456", 1);
	CHECK_EQ(parse(HEAD + 1), 0);
	make(VK_BROKER_REMOVE, "", 0);
	CHECK_NEG(parse(HEAD), EBADMSG);
}

TEST(other_programs_and_versions)
{
	make(VK_BROKER_PROGRAM_PUSH, "", 0);
	CHECK_NEG(parse(HEAD), EBADMSG);
	make(VK_BROKER_PROGRAM_PUSH, "", 8)->flags = VK_BROKER_AT_EXEC;
	CHECK_NEG(parse(HEAD + 8), EBADMSG);
	make(VK_BROKER_PROGRAM_PUSH, "", 8)->text_len = VK_BROKER_IMAGE_MAX + 1;
	CHECK_NEG(parse(HEAD + 8), EMSGSIZE);
	make(VK_BROKER_PROGRAM_POP, "", 8);
	buf[HEAD + 7] = '/';
	CHECK_NEG(parse(HEAD + 8), EBADMSG);
	make(VK_BROKER_PROGRAM_POP, "", 31)->text_len = 32;
	CHECK_NEG(parse(HEAD + 31), EBADMSG);
	make(6, "", 0);
	CHECK_NEG(parse(HEAD), EBADMSG);
	make(VK_BROKER_LIST, "", 0)->version = 2;
	CHECK_NEG(parse(HEAD), EPROTO);
	make(VK_BROKER_LIST, "", 0)->number++;
	CHECK_NEG(parse(HEAD), EBADMSG);
}

/* A call about a map: with its key and value behind. */
static struct vk_map_call *make_map(uint16_t op, const char *map, uint32_t key, uint32_t value)
{
	struct vk_map_call *m = (void *)(buf + HEAD);

	make(op, "", sizeof(*m) + key + value);
	memset(m, 0, sizeof(*m));
	strcpy(m->program, "gate");
	strcpy(m->map, map);
	m->key_len = key;
	m->value_len = value;
	return m;
}
#define MAP_HEAD (HEAD + sizeof(struct vk_map_call))

TEST(maps)
{
	make_map(VK_BROKER_MAPS, "", 0, 0);
	CHECK_EQ(parse(MAP_HEAD), 0);
	make_map(VK_BROKER_MAP_DUMP, "opens", 0, 0);
	CHECK_EQ(parse(MAP_HEAD), 0);
	make_map(VK_BROKER_MAP_DUMP, "opens", 4, 0);
	CHECK_EQ(parse(MAP_HEAD + 4), 0);
	make_map(VK_BROKER_MAP_GET, "opens", 64, 0);
	CHECK_EQ(parse(MAP_HEAD + 64), 0);
	make_map(VK_BROKER_MAP_SET, "opens", 64, 4096);
	CHECK_EQ(parse(MAP_HEAD + 64 + 4096), 0);
	make_map(VK_BROKER_MAP_DELETE, "opens", 4, 0);
	CHECK_EQ(parse(MAP_HEAD + 4), 0);

	make_map(VK_BROKER_MAPS, "opens", 0, 0);
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
	make_map(VK_BROKER_MAP_GET, "", 4, 0);
	CHECK_NEG(parse(MAP_HEAD + 4), EBADMSG);
	make_map(VK_BROKER_MAP_GET, "opens", 0, 0);
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
	make_map(VK_BROKER_MAP_GET, "opens", 4, 8);
	CHECK_NEG(parse(MAP_HEAD + 12), EBADMSG);
	make_map(VK_BROKER_MAP_SET, "opens", 4, 0);
	CHECK_NEG(parse(MAP_HEAD + 4), EBADMSG);
	make_map(VK_BROKER_MAP_GET, "opens", 65, 0);
	CHECK_NEG(parse(MAP_HEAD + 65), EBADMSG);
	make_map(VK_BROKER_MAP_SET, "opens", 4, 4097);
	CHECK_NEG(parse(MAP_HEAD + 4 + 4097), EBADMSG);
	/* Lengths that are not those of what follows; that overflow; a head that is cut off. */
	make_map(VK_BROKER_MAP_SET, "opens", 4, 8)->key_len = 5;
	CHECK_NEG(parse(MAP_HEAD + 12), EBADMSG);
	make_map(VK_BROKER_MAP_SET, "opens", 4, 8)->value_len = 0xfffffffc;
	CHECK_NEG(parse(MAP_HEAD + 12), EBADMSG);
	make(VK_BROKER_MAPS, "", sizeof(struct vk_map_call) - 1);
	CHECK_NEG(parse(MAP_HEAD - 1), EBADMSG);
	/* Names. */
	strcpy(make_map(VK_BROKER_MAP_DUMP, "opens", 0, 0)->program, "../x");
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
	make_map(VK_BROKER_MAP_DUMP, "opens", 0, 0)->program[0] = '\0';
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
	memset(make_map(VK_BROKER_MAP_DUMP, "", 0, 0)->map, 'a', 16);
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
	make_map(VK_BROKER_MAP_DUMP, "opens", 0, 0)->map[10] = 'x';
	CHECK_NEG(parse(MAP_HEAD), EBADMSG);
}

/* What follows an answer is there only for maps, and as long as it says. */
TEST(answers_with_data)
{
	struct {
		struct vk_answer a;
		char data[16];
	} full;
	struct vk_error e = {0};

	vk_answer_fill(&full.a, VK_BROKER_MAP_GET, 0, &e);
	CHECK_EQ(vk_answer_check(&full, sizeof(full.a), VK_BROKER_MAP_GET, &e), 0);
	full.a.data_len = 16;
	full.a.size += 16;
	CHECK_EQ(vk_answer_check(&full, sizeof(full), VK_BROKER_MAP_GET, &e), 0);
	CHECK_NEG(vk_answer_check(&full, sizeof(full) - 1, VK_BROKER_MAP_GET, &e), EBADMSG);
	CHECK_NEG(vk_answer_check(&full, sizeof(full.a), VK_BROKER_MAP_GET, &e), EBADMSG);
	full.a.op = VK_BROKER_LIST;
	CHECK_NEG(vk_answer_check(&full, sizeof(full), VK_BROKER_LIST, &e), EBADMSG);
	full.a.op = VK_BROKER_MAP_GET;
	full.a.data_len = 0xfffffff0;
	CHECK_NEG(vk_answer_check(&full, sizeof(full), VK_BROKER_MAP_GET, &e), EBADMSG);
}

TEST(answers)
{
	struct vk_error said = {0}, e = {0};
	struct vk_answer a;

	vk_error_at(&said, EINVAL, "layer", 3, 7, "unknown key \"filez\"");
	vk_answer_fill(&a, VK_BROKER_PUSH, -EINVAL, &said);
	CHECK_EQ(vk_answer_check(&a, sizeof(a), VK_BROKER_PUSH, &e), 0);
	CHECK_EQ(a.line, 3);
	CHECK_STREQ(a.message, "unknown key \"filez\"");
	CHECK_NEG(vk_answer_check(&a, sizeof(a), VK_BROKER_POP, &e), EBADMSG);
	CHECK_NEG(vk_answer_check(&a, sizeof(a) - 1, VK_BROKER_PUSH, &e), EBADMSG);
	a.n_pushed = VK_BROKER_LAYERS + 1;
	CHECK_NEG(vk_answer_check(&a, sizeof(a), VK_BROKER_PUSH, &e), EBADMSG);
	a.n_pushed = 0;
	memset(a.message, 'x', sizeof(a.message));
	CHECK_NEG(vk_answer_check(&a, sizeof(a), VK_BROKER_PUSH, &e), EBADMSG);
}
