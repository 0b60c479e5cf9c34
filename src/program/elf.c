/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * elf.c - from an object file of clang -target bpf to a program image.
 *
 * Code is in .text, vk_helpers, and one section vk/HOOK for each policy; each function symbol is a
 * function of the image. .rodata*, .data* and .bss* become maps with one element.
 */
#include "programs.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define MAX_SECTIONS 128
#define POLICY_PREFIX "vk/"
#define INSN_LD_IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define INSN_CALL (BPF_JMP | BPF_CALL)

enum section_kind { OTHER, CODE, MAPS, DATA };

struct section {
	enum section_kind kind;
	const char *name;
	const uint8_t *data; /* NULL: zeros */
	size_t size;
	size_t base; /* CODE: index of its first instruction in the image; DATA: index of its map */
	Elf_Data *relocations;
};

/**
 * struct flatten - one object on its way to an image
 * @rodata, @data: of maps, in the image's data[]
 */
struct flatten {
	const char *file;
	struct vk_error *e;
	Elf *elf;
	struct section sections[MAX_SECTIONS];
	size_t n_sections;
	Elf_Data *symbols;
	size_t n_symbols;
	size_t strings;

	struct bpf_insn insns[VK_PROGRAM_INSNS];
	size_t n_insns;
	struct vk_program_function functions[VK_PROGRAM_FUNCTIONS];
	size_t n_functions;
	struct vk_program_entry entries[VK_PROGRAM_ENTRIES];
	size_t n_entries;
	struct vk_program_map maps[VK_PROGRAM_MAPS];
	size_t map_offsets[VK_PROGRAM_MAPS]; /* within section vk_maps */
	size_t n_maps;
	struct vk_program_import imports[VK_PROGRAM_IMPORTS];
	size_t n_imports;
	struct vk_program_export exports[VK_PROGRAM_EXPORTS];
	size_t n_exports;
	uint8_t data[VK_PROGRAM_BYTES];
	size_t data_len;
	uint32_t wants;
};

static void flatten_free(struct flatten *f)
{
	if (f->elf)
		elf_end(f->elf);
	free(f);
}

static void flatten_freep(struct flatten **f)
{
	if (*f)
		flatten_free(*f);
}

/* The layout of struct vk_import in vkernel/policy.h. */
struct sdk_import {
	char name[32];
	char type[96];
	char sha256[65];
};

struct sdk_map {
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries;
};

#define fail(f, code, ...) vk_error_at((f)->e, code, (f)->file, 0, 0, __VA_ARGS__)

static bool begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const char *symbol_name(const struct flatten *f, const GElf_Sym *sym)
{
	const char *name = elf_strptr(f->elf, f->strings, sym->st_name);

	return name ? name : "";
}

static bool symbol_at(const struct flatten *f, size_t i, GElf_Sym *ret)
{
	return i < f->n_symbols && gelf_getsym(f->symbols, (int)i, ret);
}

static int open_elf(struct flatten *f, const void *object, size_t size)
{
	GElf_Ehdr header;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return fail(f, EIO, "libelf is of another version");
	/* libelf does not write through it. */
	f->elf = elf_memory((char *)(uintptr_t)object, size);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &header)) {
		fail(f, EINVAL, "this is no object file");
		vk_error_advise(f->e, "compile with \"vkernel policy build x.c -o x.o\"");
		return -EINVAL;
	}
	if (header.e_machine != EM_BPF || header.e_type != ET_REL ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
		fail(f, EINVAL, "this object file is not for bpf");
		vk_error_advise(f->e, "compile with \"vkernel policy build x.c -o x.o\"");
		return -EINVAL;
	}
	return 0;
}

static enum section_kind kind_of(const char *name, const GElf_Shdr *header)
{
	if (header->sh_flags & SHF_EXECINSTR)
		return CODE;
	if (strcmp(name, "vk_maps") == 0)
		return MAPS;
	if (header->sh_flags & SHF_ALLOC &&
	    (begins(name, ".rodata") || begins(name, ".data") || begins(name, ".bss")))
		return DATA;
	return OTHER;
}

static int collect_imports(struct flatten *f, const struct section *s, bool export)
{
	const struct sdk_import *list = (const void *)s->data;

	for (size_t i = 0; i < s->size / sizeof(*list); i++) {
		const struct sdk_import *from = &list[i];
		struct vk_program_import *to = &f->imports[f->n_imports];
		unsigned int byte;

		if (export) {
			if (f->n_exports == VK_PROGRAM_EXPORTS)
				return fail(f, E2BIG, "more than %u helpers in one object",
					    VK_PROGRAM_EXPORTS);
			snprintf(f->exports[f->n_exports].name, VK_PROGRAM_NAME, "%.31s",
				 from->name);
			snprintf(f->exports[f->n_exports++].type, VK_PROGRAM_TYPE, "%.95s",
				 from->type);
			continue;
		}
		if (f->n_imports == VK_PROGRAM_IMPORTS)
			return fail(f, E2BIG, "more than %u VK_IMPORTs", VK_PROGRAM_IMPORTS);
		snprintf(to->name, sizeof(to->name), "%.31s", from->name);
		snprintf(to->type, sizeof(to->type), "%.95s", from->type);
		f->n_imports++;
		if (!from->sha256[0])
			continue;
		to->pinned = 1;
		for (size_t n = 0; n < VK_SHA256; n++) {
			if (sscanf(from->sha256 + 2 * n, "%2x", &byte) != 1)
				return fail(f, EINVAL, "the hash of helper %s is not of 64 digits",
					    to->name);
			to->sha256[n] = (uint8_t)byte;
		}
	}
	return 0;
}

static int collect_special(struct flatten *f, const struct section *s)
{
	if (strcmp(s->name, "vk_need") == 0)
		for (size_t i = 0; i + 4 <= s->size; i += 4)
			f->wants |= *(const uint32_t *)(const void *)(s->data + i);
	if (strcmp(s->name, "vk_import") == 0)
		return collect_imports(f, s, false);
	if (strcmp(s->name, "vk_export") == 0)
		return collect_imports(f, s, true);
	return 0;
}

static int collect_sections(struct flatten *f)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(f->elf, &names) < 0)
		return fail(f, EINVAL, "the object file has no names of sections");
	while ((scn = elf_nextscn(f->elf, scn))) {
		size_t i = elf_ndxscn(scn);
		GElf_Shdr header;
		Elf_Data *data;
		struct section *s;

		if (i >= MAX_SECTIONS || !gelf_getshdr(scn, &header))
			return fail(f, EINVAL,
				    "the object file has too many sections, or is "
				    "damaged");
		s = &f->sections[i];
		s->name = elf_strptr(f->elf, names, header.sh_name);
		data = elf_getdata(scn, NULL);
		if (!s->name || !data)
			return fail(f, EINVAL, "section %zu of the object file is damaged", i);
		s->data = data->d_buf;
		s->size = data->d_size;
		f->n_sections = i + 1;
		if (header.sh_type == SHT_SYMTAB) {
			f->symbols = data;
			f->n_symbols = header.sh_entsize ? header.sh_size / header.sh_entsize : 0;
			f->strings = header.sh_link;
		} else if (header.sh_type == SHT_REL && header.sh_info < MAX_SECTIONS) {
			f->sections[header.sh_info].relocations = data;
		} else if (header.sh_type == SHT_PROGBITS || header.sh_type == SHT_NOBITS) {
			s->kind = kind_of(s->name, &header);
			if (s->kind == OTHER && header.sh_flags & SHF_ALLOC && s->data &&
			    collect_special(f, s) < 0)
				return -f->e->code;
		}
	}
	if (!f->symbols)
		return fail(f, EINVAL, "the object file has no symbols");
	return 0;
}

/* Instructions, and one map for each section of data. */
static int lay_out(struct flatten *f)
{
	for (size_t i = 0; i < f->n_sections; i++) {
		struct section *s = &f->sections[i];
		struct vk_program_map *m;

		if (s->kind == CODE && s->size) {
			size_t n = s->size / sizeof(struct bpf_insn);

			if (s->size % sizeof(struct bpf_insn) || !s->data)
				return fail(f, EINVAL, "section %s is no code", s->name);
			if (n > VK_PROGRAM_INSNS - f->n_insns)
				return fail(f, E2BIG, "more than %u instructions",
					    VK_PROGRAM_INSNS);
			s->base = f->n_insns;
			memcpy(&f->insns[s->base], s->data, s->size);
			f->n_insns += n;
		}
		if (s->kind != DATA || !s->size)
			continue;
		if (f->n_maps == VK_PROGRAM_MAPS)
			return fail(f, E2BIG, "more than %u maps and sections of data",
				    VK_PROGRAM_MAPS);
		if (s->size > VK_PROGRAM_MAP_VALUE)
			return fail(f, E2BIG, "section %s has %zu bytes, and %u are possible",
				    s->name, s->size, VK_PROGRAM_MAP_VALUE);
		if (s->relocations)
			return fail(f, EINVAL,
				    "a variable in %s holds an address, which a program cannot",
				    s->name);
		s->base = f->n_maps;
		m = &f->maps[f->n_maps];
		f->map_offsets[f->n_maps++] = SIZE_MAX;
		snprintf(m->name, sizeof(m->name), "%.15s", s->name + 1);
		m->type = VK_MAP_TYPE_ARRAY;
		m->key_size = 4;
		m->value_size = (uint32_t)s->size;
		m->max_entries = 1;
		if (begins(s->name, ".rodata"))
			m->flags = VK_MAP_FLAG_READ_ONLY;
		if (!s->data || begins(s->name, ".bss"))
			continue;
		m->data = (uint32_t)f->data_len;
		m->data_len = (uint32_t)s->size;
		memcpy(f->data + f->data_len, s->data, s->size);
		f->data_len += (s->size + 7) / 8 * 8;
	}
	return 0;
}

static int collect_map(struct flatten *f, const GElf_Sym *sym, const struct section *s)
{
	struct vk_program_map *m = &f->maps[f->n_maps];
	const char *name = symbol_name(f, sym);
	struct sdk_map def;

	if (!s->data || sym->st_value > s->size || s->size - sym->st_value < sizeof(def))
		return fail(f, EINVAL, "map %s is damaged", name);
	if (f->n_maps == VK_PROGRAM_MAPS)
		return fail(f, E2BIG, "more than %u maps and sections of data", VK_PROGRAM_MAPS);
	if (strlen(name) >= VK_PROGRAM_MAP_NAME)
		return fail(f, EINVAL, "the name of map %s is longer than %d characters", name,
			    VK_PROGRAM_MAP_NAME - 1);
	memcpy(&def, s->data + sym->st_value, sizeof(def));
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->type = def.type;
	m->key_size = def.key_size;
	m->value_size = def.value_size;
	m->max_entries = def.max_entries;
	f->map_offsets[f->n_maps++] = sym->st_value;
	return 0;
}

static int compare_functions(const void *a, const void *b)
{
	const struct vk_program_function *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int collect_symbols(struct flatten *f)
{
	GElf_Sym sym;

	for (size_t i = 0; symbol_at(f, i, &sym); i++) {
		struct vk_program_function *fn = &f->functions[f->n_functions];
		int type = GELF_ST_TYPE(sym.st_info), r = 0;
		const struct section *s;

		if (sym.st_shndx == SHN_UNDEF || sym.st_shndx >= f->n_sections)
			continue;
		s = &f->sections[sym.st_shndx];
		if (s->kind == MAPS && type == STT_OBJECT)
			r = collect_map(f, &sym, s);
		if (s->kind == CODE && type == STT_FUNC) {
			if (f->n_functions == VK_PROGRAM_FUNCTIONS)
				return fail(f, E2BIG, "more than %u functions",
					    VK_PROGRAM_FUNCTIONS);
			if (sym.st_value % 8 || sym.st_size % 8 || sym.st_value > s->size ||
			    sym.st_size > s->size - sym.st_value)
				return fail(f, EINVAL, "function %s is damaged",
					    symbol_name(f, &sym));
			fn->start = (uint32_t)(s->base + sym.st_value / 8);
			fn->count = (uint32_t)(sym.st_size / 8);
			snprintf(fn->name, sizeof(fn->name), "%.31s", symbol_name(f, &sym));
			f->n_functions++;
		}
		if (r < 0)
			return r;
	}
	qsort(f->functions, f->n_functions, sizeof(f->functions[0]), compare_functions);
	return 0;
}

static int function_at(const struct flatten *f, size_t insn)
{
	for (size_t i = 0; i < f->n_functions; i++)
		if (f->functions[i].start == insn)
			return (int)i;
	return -1;
}

/* vk/HOOK is a policy; functions in vk_helpers are helpers. */
static int collect_entries(struct flatten *f)
{
	for (size_t i = 0; i < f->n_sections; i++) {
		const struct section *s = &f->sections[i];
		unsigned int hook;
		int fn;

		if (s->kind != CODE || !begins(s->name, POLICY_PREFIX))
			continue;
		hook = vk_program_hook_id(s->name + strlen(POLICY_PREFIX));
		if (!hook)
			return fail(f, EINVAL, "there is no hook \"%s\"",
				    s->name + strlen(POLICY_PREFIX));
		fn = function_at(f, s->base);
		if (f->n_entries == VK_PROGRAM_ENTRIES)
			return fail(f, E2BIG, "more than %u policies", VK_PROGRAM_ENTRIES);
		if (fn < 0)
			return fail(f, EINVAL, "section %s holds no policy", s->name);
		f->entries[f->n_entries].hook = (uint16_t)hook;
		f->entries[f->n_entries++].function = (uint32_t)fn;
	}
	for (size_t i = 0; i < f->n_exports; i++) {
		bool found = false;

		for (size_t n = 0; n < f->n_functions && !found; n++) {
			found = strcmp(f->functions[n].name, f->exports[i].name) == 0;
			f->exports[i].function = (uint32_t)n;
		}
		if (!found)
			return fail(f, EINVAL, "helper %s has no function", f->exports[i].name);
	}
	if (f->n_entries || f->n_exports)
		return 0;
	fail(f, EINVAL, "the object has neither a VK_POLICY nor a VK_EXPORT");
	vk_error_advise(f->e, "see vkernel/policy.h for an example");
	return -EINVAL;
}

static int relocate_call(struct flatten *f, struct bpf_insn *insn, const GElf_Sym *sym)
{
	const char *name = symbol_name(f, sym);
	int fn;

	if (sym->st_shndx == SHN_UNDEF) {
		if (strcmp(name, "vk_ancestor") == 0) {
			insn->src_reg = VK_CALL_BUILTIN;
			insn->imm = VK_BUILTIN_ancestor;
			return 0;
		}
		for (size_t i = 0; i < f->n_imports; i++)
			if (strcmp(f->imports[i].name, name) == 0) {
				insn->src_reg = VK_CALL_IMPORT;
				insn->imm = (int32_t)i;
				return 0;
			}
		fail(f, EINVAL, "function %s is defined nowhere", name);
		vk_error_advise(f->e, "declare a dynamic helper with VK_IMPORT; there is no C "
				      "library");
		return -EINVAL;
	}
	if (sym->st_shndx >= f->n_sections || f->sections[sym->st_shndx].kind != CODE)
		return fail(f, EINVAL, "a call goes to %s, which is no function", name);
	/* The distance that the compiler left counts from the next instruction. */
	fn = function_at(f, f->sections[sym->st_shndx].base +
				    (size_t)((int64_t)(sym->st_value / 8) + insn->imm + 1));
	if (fn < 0)
		return fail(f, EINVAL, "a call goes to the middle of a function");
	insn->src_reg = VK_CALL_FUNCTION;
	insn->imm = fn;
	return 0;
}

static int relocate_address(struct flatten *f, struct bpf_insn *insn, const GElf_Sym *sym)
{
	const struct section *s;

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= f->n_sections)
		return fail(f, EINVAL, "variable %s is defined nowhere", symbol_name(f, sym));
	s = &f->sections[sym->st_shndx];
	if (s->kind == DATA) {
		insn[1].imm = (int32_t)((int64_t)sym->st_value + insn->imm);
		insn->src_reg = BPF_PSEUDO_MAP_VALUE;
		insn->imm = (int32_t)s->base;
		return 0;
	}
	for (size_t i = 0; s->kind == MAPS && i < f->n_maps; i++)
		if (f->map_offsets[i] == sym->st_value) {
			insn->src_reg = BPF_PSEUDO_MAP_FD;
			insn->imm = (int32_t)i;
			insn[1].imm = 0;
			return 0;
		}
	return fail(f, EINVAL, "the address of %s is taken, which is no data of a program",
		    symbol_name(f, sym));
}

static int relocate_section(struct flatten *f, const struct section *s)
{
	GElf_Rel rel;

	for (int i = 0; s->relocations && gelf_getrel(s->relocations, i, &rel); i++) {
		struct bpf_insn *insn;
		GElf_Sym sym;
		int r;

		if (rel.r_offset % 8 || rel.r_offset >= s->size ||
		    !symbol_at(f, GELF_R_SYM(rel.r_info), &sym))
			return fail(f, EINVAL, "a relocation of %s is damaged", s->name);
		insn = &f->insns[s->base + rel.r_offset / 8];
		if (insn->code == INSN_CALL)
			r = relocate_call(f, insn, &sym);
		else if (insn->code == INSN_LD_IMM64 && rel.r_offset + 16 <= s->size)
			r = relocate_address(f, insn, &sym);
		else
			r = fail(f, EINVAL, "a relocation of %s is of an unknown kind", s->name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Calls that the assembler resolved itself, as their distance within a section is known. */
static void relocate_local_calls(struct flatten *f)
{
	for (size_t i = 0; i < f->n_insns; i++) {
		struct bpf_insn *insn = &f->insns[i];
		int fn;

		if (insn->code == INSN_LD_IMM64) {
			i++;
			continue;
		}
		if (insn->code != INSN_CALL || insn->src_reg != BPF_PSEUDO_CALL)
			continue;
		fn = function_at(f, (size_t)((int64_t)i + 1 + insn->imm));
		if (fn >= 0)
			insn->imm = fn;
	}
}

static bool is_relocated(const struct flatten *f, const struct section *s, size_t insn)
{
	GElf_Rel rel;

	for (int i = 0; s->relocations && gelf_getrel(s->relocations, i, &rel); i++)
		if (rel.r_offset / 8 == insn)
			return true;
	(void)f;
	return false;
}

static int relocate(struct flatten *f)
{
	for (size_t i = 0; i < f->n_sections; i++) {
		const struct section *s = &f->sections[i];

		if (s->kind != CODE)
			continue;
		/* Marked, so that what relocations set is not taken for a distance. */
		for (size_t n = 0; n < s->size / 8; n++)
			if (f->insns[s->base + n].code == INSN_CALL &&
			    f->insns[s->base + n].src_reg == BPF_PSEUDO_CALL &&
			    is_relocated(f, s, n))
				f->insns[s->base + n].src_reg = 15;
	}
	relocate_local_calls(f);
	for (size_t i = 0; i < f->n_sections; i++)
		if (f->sections[i].kind == CODE && relocate_section(f, &f->sections[i]) < 0)
			return -f->e->code;
	return 0;
}

static void put(uint8_t *base, size_t *at, struct vk_span *span, const void *from, size_t count,
		size_t size)
{
	span->offset = (uint32_t)*at;
	span->count = (uint32_t)count;
	if (count)
		memcpy(base + *at, from, count * size);
	*at += count * size;
}

static int assemble(const struct flatten *f, const char *name, struct vk_program_image **ret)
{
	size_t size = sizeof(struct vk_program_image) + f->n_insns * 8 +
		      f->n_functions * sizeof(f->functions[0]) +
		      f->n_entries * sizeof(f->entries[0]) + f->n_maps * sizeof(f->maps[0]) +
		      f->n_imports * sizeof(f->imports[0]) + f->n_exports * sizeof(f->exports[0]) +
		      f->data_len;
	struct vk_program_image *img = calloc(1, size);
	size_t at = sizeof(*img);

	if (!img)
		return vk_error_set(f->e, ENOMEM, "no memory");
	img->magic = VK_PROGRAM_MAGIC;
	img->abi = VK_PROGRAM_ABI;
	img->event_abi = VK_EVENT_ABI;
	img->size = (uint32_t)size;
	img->wants = f->wants;
	snprintf(img->name, sizeof(img->name), "%.31s", name);
	put((uint8_t *)img, &at, &img->insns, f->insns, f->n_insns, 8);
	put((uint8_t *)img, &at, &img->functions, f->functions, f->n_functions,
	    sizeof(f->functions[0]));
	put((uint8_t *)img, &at, &img->entries, f->entries, f->n_entries, sizeof(f->entries[0]));
	put((uint8_t *)img, &at, &img->maps, f->maps, f->n_maps, sizeof(f->maps[0]));
	put((uint8_t *)img, &at, &img->imports, f->imports, f->n_imports, sizeof(f->imports[0]));
	put((uint8_t *)img, &at, &img->exports, f->exports, f->n_exports, sizeof(f->exports[0]));
	put((uint8_t *)img, &at, &img->data, f->data, f->data_len, 1);
	*ret = img;
	return 0;
}

int vk_program_flatten(const char *file, const char *name, const void *object, size_t size,
		       struct vk_program_image **ret, struct vk_error *e)
{
	vk_cleanup(flatten_freep) struct flatten *f = calloc(1, sizeof(*f));
	struct vk_error ignored = {0};
	int r;

	if (!f)
		return vk_error_set(e, ENOMEM, "no memory");
	f->file = file;
	f->e = e ? e : &ignored;
	if (!vk_program_name_ok(name, VK_PROGRAM_NAME))
		return vk_error_set(f->e, EINVAL,
				    "\"%s\" is no name for a program: use 1 to %d of A-Z a-z 0-9 . "
				    "_ -",
				    name, VK_PROGRAM_NAME - 1);
	r = open_elf(f, object, size);
	if (r == 0)
		r = collect_sections(f);
	if (r == 0)
		r = lay_out(f);
	if (r == 0)
		r = collect_symbols(f);
	if (r == 0)
		r = collect_entries(f);
	if (r == 0)
		r = relocate(f);
	if (r == 0)
		r = assemble(f, name, ret);
	return r;
}
