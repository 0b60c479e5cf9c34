// SPDX-License-Identifier: LGPL-2.1-or-later
#include "poke.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "cleanup.h"
#include "tap.h"

/* "/dev/vportNpM", in a static buffer; NULL: there is none. */
static const char *port(void)
{
	static char path[64];
	DIR *list = opendir("/sys/class/virtio-ports");
	struct dirent *d;

	path[0] = '\0';
	while (list && !path[0] && (d = readdir(list))) {
		char file[300], name[32] = "";
		_cleanup_fclose_ FILE *f = NULL;

		snprintf(file, sizeof(file), "/sys/class/virtio-ports/%s/name", d->d_name);
		f = fopen(file, "re");
		if (f && fgets(name, sizeof(name), f) && strcmp(name, "vkernel.poke\n") == 0)
			snprintf(path, sizeof(path), "/dev/%.50s", d->d_name);
	}
	if (list)
		closedir(list);
	return path[0] ? path : NULL;
}

bool poke_possible(void)
{
	return port() != NULL;
}

/**
 * struct fact - an address or an offset, which is the same for as long as the kernel runs
 *
 * Each attack is a process of its own, and to read the kernel's tables takes an emulated processor
 * seconds: what one found is for all of them.
 */
struct fact {
	char name[80];
	uint64_t value;
};

enum { FACTS = 48 };
static struct fact *facts;

__attribute__((constructor)) static void share_facts(void)
{
	facts = mmap(NULL, FACTS * sizeof(*facts), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static const struct fact *known(const char *type, const char *name)
{
	char full[sizeof(facts->name)];

	ASSERT(facts != MAP_FAILED);
	snprintf(full, sizeof(full), "%s.%s", type, name);
	for (int i = 0; i < FACTS && facts[i].name[0]; i++)
		if (strcmp(facts[i].name, full) == 0)
			return &facts[i];
	return NULL;
}

static uint64_t learn(const char *type, const char *name, uint64_t value)
{
	int i = 0;

	while (i < FACTS && facts[i].name[0])
		i++;
	if (i < FACTS) {
		facts[i].value = value;
		snprintf(facts[i].name, sizeof(facts[i].name), "%s.%s", type, name);
	}
	return value;
}

uint64_t poke_symbol(const char *name)
{
	const struct fact *fact = known("", name);
	_cleanup_fclose_ FILE *f = fact ? NULL : fopen("/proc/kallsyms", "re");
	char line[256], have[128];
	unsigned long long addr;

	if (fact)
		return fact->value;
	ASSERT(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, name) && sscanf(line, "%llx %*c %127s", &addr, have) == 2 &&
		    strcmp(have, name) == 0)
			return learn("", name, addr);
	FAIL("the kernel has no symbol %s", name);
	tap_abort();
}

static const struct btf *kernel_types(void)
{
	static struct btf *btf;

	if (!btf)
		btf = btf__load_vmlinux_btf();
	ASSERT(btf);
	return btf;
}

/* In bytes, looked for through anonymous members; -1: it has none of that name. */
static long offset_in(const struct btf *btf, uint32_t id, const char *name)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const struct btf_member *m;

	if (!t || !btf_is_composite(t))
		return -1;
	m = btf_members(t);
	for (uint32_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *have = btf__name_by_offset(btf, m->name_off);
		long offset = btf_member_bit_offset(t, i) / 8, inner;

		if (have && strcmp(have, name) == 0)
			return offset;
		inner = have && have[0] ? -1 : offset_in(btf, m->type, name);
		if (inner >= 0)
			return offset + inner;
	}
	return -1;
}

size_t poke_offset(const char *type, const char *member)
{
	const struct fact *fact = known(type, member);
	const struct btf *btf;
	long offset;
	int id;

	if (fact)
		return fact->value;
	btf = kernel_types();
	id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	offset = id > 0 ? offset_in(btf, (uint32_t)id, member) : -1;
	if (offset < 0) {
		FAIL("the kernel has no %s.%s", type, member);
		tap_abort();
	}
	return learn(type, member, (uint64_t)offset);
}

/* /proc/kcore is a core file whose segments are what is mapped. */
static void read_memory(uint64_t addr, void *buf, size_t len)
{
	_cleanup_close_ int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;

	ASSERT(fd >= 0 && pread(fd, &head, sizeof(head), 0) == sizeof(head));
	for (unsigned int i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));

		ASSERT(pread(fd, &part, sizeof(part), at) == sizeof(part));
		if (part.p_type != PT_LOAD || addr < part.p_vaddr ||
		    addr - part.p_vaddr >= part.p_memsz)
			continue;
		at = (off_t)(part.p_offset + (addr - part.p_vaddr));
		ASSERT(pread(fd, buf, len, at) == (ssize_t)len);
		return;
	}
	FAIL("/proc/kcore has nothing at %#llx", (unsigned long long)addr);
	tap_abort();
}

uint64_t poke_read(uint64_t addr)
{
	uint64_t word;

	read_memory(addr, &word, sizeof(word));
	return word;
}

uint64_t poke_task(pid_t pid)
{
	size_t tasks = poke_offset("task_struct", "tasks"),
	       tgid = poke_offset("task_struct", "tgid");
	uint64_t first = poke_symbol("init_task"), task = first;

	do {
		if ((pid_t)(uint32_t)poke_read(task + tgid) == pid)
			return task;
		/* The one before: the newest comes first. */
		task = poke_read(task + tasks + sizeof(task)) - tasks;
	} while (task != first);
	FAIL("no task has the pid %d", pid);
	tap_abort();
}

/*
 * Two packets of GDB's protocol: write memory, and continue. The byte before stops the machine, and
 * is not looked at; "$" of a packet acknowledges what was answered to the one before.
 */
void poke_write(uint64_t addr, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(port(), O_RDWR | O_CLOEXEC);
	char text[1100];
	unsigned char sum = 0;
	int n, start = 2;

	ASSERT(fd >= 0 && len <= 512);
	n = snprintf(text, sizeof(text), "+$M%llx,%zx:", (unsigned long long)addr, len);
	for (size_t i = 0; i < len; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x",
			      ((const unsigned char *)data)[i]);
	for (int i = start; i < n; i++)
		sum = (unsigned char)(sum + (unsigned char)text[i]);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "#%02x$c#63", sum);
	ASSERT(write(fd, text, (size_t)n) == n);
	/* The machine stands still while its memory is written, but not at once. */
	for (size_t i = 0; i < len;) {
		unsigned char have;

		read_memory(addr + i, &have, 1);
		if (have == ((const unsigned char *)data)[i])
			i++;
		else
			usleep(1000);
	}
}
