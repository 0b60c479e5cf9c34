// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * profile.c - a plugin of QEMU that counts what a guest executes, by address, while it is told to.
 *
 * The guest tells it by instructions that do nothing (bench/micro --mark, profile.h): one begins
 * a section, one ends it. At the second, "section N" and lines "ADDRESS INSTRUCTIONS", an address
 * for each block of code in kernel memory and 0 for the rest, go to the file that the argument out=
 * names. With totals=on it is one line a section, "section N USER KERNEL", which slows the guest down
 * by little. Blocks that an interrupt or a fault cuts short count whole.
 *
 * Declared here is the part of version 1 of QEMU's plugin interface that is used, as Debian does
 * not package its header.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int cpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *data), int flags,
					    void *data);
enum plugin_op { PLUGIN_ADD_U64 };
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum plugin_op op,
					      void *to, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* xchg %r15,%r15 and xchg %r14,%r14 */
static const uint8_t begin_mark[] = {0x4d, 0x87, 0xff}, end_mark[] = {0x4d, 0x87, 0xf6};

#define BLOCKS (1u << 20) /* a power of two; translated blocks of a guest are fewer */

/**
 * struct block - translated code
 * @address: in the guest; 0: free
 * @size:    its instructions
 * @runs:    in this section
 */
static struct block {
	uint64_t address;
	uint64_t size;
	uint64_t runs;
} blocks[BLOCKS];

/* With totals=on: what was executed since the start, and until the section began. */
static bool totals;
static uint64_t user, kernel, user_begin, kernel_begin;

static bool counting;
static unsigned int sections;
static FILE *out;

static struct block *block_of(uint64_t address, uint64_t size)
{
	uint64_t i = (address * 0x9e3779b97f4a7c15u + size * 0xc2b2ae3d27d4eb4fu) >> 44;

	for (unsigned int tries = 0; tries < BLOCKS; tries++, i++) {
		struct block *b = &blocks[i & (BLOCKS - 1)];

		if (b->address == address && b->size == size)
			return b;
		if (b->address == 0) {
			b->address = address;
			b->size = size;
			return b;
		}
	}
	fprintf(stderr, "profile: more than %u blocks\n", BLOCKS);
	abort();
}

static void on_run(unsigned int cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	if (counting)
		b->runs++;
}

static void on_begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	user_begin = user;
	kernel_begin = kernel;
	for (size_t i = 0; i < BLOCKS && !totals; i++)
		blocks[i].runs = 0;
	counting = true;
}

static void on_end(unsigned int cpu, void *data)
{
	uint64_t rest = 0;

	(void)cpu;
	(void)data;
	if (!counting)
		return;
	counting = false;
	if (totals) {
		fprintf(out, "section %u %" PRIu64 " %" PRIu64 "\n", sections++, user - user_begin,
			kernel - kernel_begin);
		fflush(out);
		return;
	}
	fprintf(out, "section %u\n", sections++);
	for (size_t i = 0; i < BLOCKS; i++) {
		const struct block *b = &blocks[i];

		if (b->runs == 0)
			continue;
		if (b->address >> 63)
			fprintf(out, "%016" PRIx64 " %" PRIu64 "\n", b->address, b->runs * b->size);
		else
			rest += b->runs * b->size;
	}
	fprintf(out, "%016x %" PRIu64 "\n", 0, rest);
	fflush(out);
}

static void on_translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_tb_vaddr(tb);

	(void)id;
	/* The upper half of the address space is the kernel's. */
	if (totals)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_ADD_U64,
							 address >> 63 ? &kernel : &user, n);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_run, 0, block_of(address, n));
	if (address >> 63)
		return;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const void *bytes = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) != sizeof(begin_mark))
			continue;
		if (memcmp(bytes, begin_mark, sizeof(begin_mark)) == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, 0, NULL);
		else if (memcmp(bytes, end_mark, sizeof(end_mark)) == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, 0, NULL);
	}
}

extern EXPORT int qemu_plugin_version;
int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	totals = argc == 2 && strcmp(argv[1], "totals=on") == 0;
	if (argc != 1 + totals || strncmp(argv[0], "out=", 4) != 0) {
		fprintf(stderr, "profile: the arguments are out=FILE and, if wished, totals=on\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "we");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
