/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check.c - everything that is refused about an image before the kernel sees any of it.
 *
 * First the format: every length, offset and index, in the order in which they are needed, so that
 * nothing is read before it is known to be there. Then the instructions. What they compute with is
 * the verifier's to judge; here are the things that it permits to privileged loaders: helpers that
 * read the kernel, objects by number, functions of the kernel, calls to elsewhere.
 */
#include "programs.h"

#include <errno.h>
#include <string.h>

#define INSN_LD_IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define INSN_CALL (BPF_JMP | BPF_CALL)
#define INSN_EXIT (BPF_JMP | BPF_EXIT)
#define INSN_JA (BPF_JMP | BPF_JA)

/* What programs may call: these look at nothing but their arguments, and clocks. */
static const struct {
	int id;
	const char *name;
} allowed_helpers[] = {
	{BPF_FUNC_map_lookup_elem, "map_lookup_elem"},
	{BPF_FUNC_map_update_elem, "map_update_elem"},
	{BPF_FUNC_map_delete_elem, "map_delete_elem"},
	{BPF_FUNC_ktime_get_ns, "ktime_get_ns"},
	{BPF_FUNC_get_prandom_u32, "get_prandom_u32"},
	{BPF_FUNC_ktime_get_boot_ns, "ktime_get_boot_ns"},
	{BPF_FUNC_strncmp, "strncmp"},
};

static const char *helper_name(int id)
{
	static const char *const names[] = {
#define X(name) #name
		__BPF_FUNC_MAPPER(X)
#undef X
	};

	if (id > 0 && (size_t)id < sizeof(names) / sizeof(names[0]))
		/* cppcheck-suppress arrayIndexOutOfBoundsCond ; it does not see the list */
		return names[id];
	return "unknown";
}

#define refuse(e, ...) vk_error_set(e, EINVAL, __VA_ARGS__)

/* ---- format ---- */

struct part {
	const struct vk_span *span;
	const char *name;
	size_t size; /* of an element */
	uint32_t most;
};

static int check_parts(const struct vk_program_image *img, struct vk_error *e)
{
	const struct part parts[] = {
		{&img->insns, "instructions", 8, VK_PROGRAM_INSNS},
		{&img->functions, "functions", sizeof(struct vk_program_function),
		 VK_PROGRAM_FUNCTIONS},
		{&img->entries, "entries", sizeof(struct vk_program_entry), VK_PROGRAM_ENTRIES},
		{&img->maps, "maps", sizeof(struct vk_program_map), VK_PROGRAM_MAPS},
		{&img->imports, "imports", sizeof(struct vk_program_import), VK_PROGRAM_IMPORTS},
		{&img->exports, "exports", sizeof(struct vk_program_export), VK_PROGRAM_EXPORTS},
		{&img->data, "data", 1, VK_PROGRAM_BYTES},
	};
	uint64_t at = sizeof(*img);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct part *p = &parts[i];

		if (p->span->count > p->most)
			return vk_error_set(e, E2BIG, "%u %s: at most %u are possible",
					    p->span->count, p->name, p->most);
		/* Not "at least": parts can neither overlap nor hide anything between them. */
		if (p->span->offset != at)
			return refuse(e, "%s begin at byte %u: %s", p->name, p->span->offset,
				      p->span->offset < at ? "that overlaps what is before them" :
							     "there is a gap before them");
		at += p->size * p->span->count;
		if (at > img->size)
			return refuse(e, "%s are cut off: the image has %u bytes", p->name,
				      img->size);
	}
	if (at != img->size)
		return refuse(e, "%llu bytes follow the image", (unsigned long long)img->size - at);
	if (img->data.count % 8)
		return refuse(e, "data is not padded to 8 bytes");
	return 0;
}

static int check_header(const void *data, size_t size, struct vk_error *e)
{
	const struct vk_program_image *img = data;

	if (size < sizeof(*img))
		return refuse(e, "%zu bytes are no program image", size);
	if (size > VK_PROGRAM_BYTES)
		return vk_error_set(e, E2BIG, "%zu bytes: an image has at most %u", size,
				    VK_PROGRAM_BYTES);
	if (img->magic != VK_PROGRAM_MAGIC)
		return refuse(e, "this is no program image");
	if (img->abi != VK_PROGRAM_ABI)
		return vk_error_set(e, EPROTO,
				    "the image is of version %u, and this vkernel "
				    "takes %u",
				    img->abi, VK_PROGRAM_ABI);
	if (img->event_abi == 0 || img->event_abi > VK_EVENT_ABI) {
		vk_error_set(e, EPROTO,
			     "the program wants events of version %u, and this vkernel has %u",
			     img->event_abi, VK_EVENT_ABI);
		vk_error_advise(e, "update vkernel, or compile with its vkernel/policy.h");
		return -EPROTO;
	}
	if (img->size != size)
		return refuse(e, "the image says that it has %u bytes, and has %zu", img->size,
			      size);
	if (img->reserved)
		return refuse(e, "a reserved field is set");
	if (img->wants & ~(uint32_t)VK_WANT_ALL)
		return refuse(e, "the program needs what is not known: %#x",
			      img->wants & ~(uint32_t)VK_WANT_ALL);
	if (!vk_program_name_ok(img->name, sizeof(img->name)))
		return refuse(e, "the program has no proper name");
	return check_parts(img, e);
}

static int check_functions(const struct vk_program_image *img, struct vk_error *e)
{
	const struct vk_program_function *f = vk_program_functions(img);
	uint32_t at = 0;

	if (!img->functions.count)
		return refuse(e, "the image has no function");
	for (uint32_t i = 0; i < img->functions.count; i++, f++) {
		if (f->start != at || f->count == 0 || f->count > img->insns.count - at)
			return refuse(e,
				      "function %u is not where the one before it ends, or has "
				      "no end",
				      i);
		at += f->count;
		if (!memchr(f->name, '\0', sizeof(f->name)))
			return refuse(e, "the name of function %u has no end", i);
	}
	if (at != img->insns.count)
		return refuse(e, "instruction %u belongs to no function", at);
	return 0;
}

static int check_entries(const struct vk_program_image *img, struct vk_error *e)
{
	const struct vk_program_entry *entry = vk_program_entries(img);
	const struct vk_program_export *export = vk_program_exports(img);
	uint64_t seen = 0;

	for (uint32_t i = 0; i < img->entries.count; i++, entry++) {
		if (!vk_program_hook_ok(entry->hook))
			return refuse(e, "entry %u is for hook %u, which does not exist", i,
				      entry->hook);
		if (seen >> entry->hook & 1)
			return refuse(e, "hook %s has two policies",
				      vk_program_hook_name(entry->hook));
		seen |= 1ull << entry->hook;
		if (entry->function >= img->functions.count || entry->reserved)
			return refuse(e, "entry %u has function %u, which does not exist", i,
				      entry->function);
	}
	for (uint32_t i = 0; i < img->exports.count; i++, export ++) {
		if (!vk_program_name_ok(export->name, sizeof(export->name)) ||
		    !memchr(export->type, '\0', sizeof(export->type)) || export->reserved)
			return refuse(e, "helper %u has no proper name or type", i);
		if (export->function >= img->functions.count)
			return refuse(e, "helper %s has function %u, which does not exist",
				      export->name, export->function);
	}
	if (!img->entries.count && !img->exports.count)
		return refuse(e, "the image has neither a policy nor a helper");
	if (img->entries.count && img->exports.count)
		return refuse(e, "an image has policies or helpers, and not both");
	if (img->exports.count && img->imports.count)
		return refuse(e, "a helper cannot call other helpers");
	return 0;
}

static int check_map(const struct vk_program_image *img, uint32_t i, struct vk_error *e)
{
	const struct vk_program_map *m = &vk_program_maps(img)[i];

	if (!memchr(m->name, '\0', sizeof(m->name)) ||
	    !vk_program_name_ok(m->name, sizeof(m->name)))
		return refuse(e, "map %u has no proper name", i);
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(m->name, vk_program_maps(img)[k].name) == 0)
			return refuse(e, "two maps are called %s", m->name);
	if (m->type < VK_MAP_TYPE_ARRAY || m->type > VK_MAP_TYPE_LRU)
		return refuse(e, "map %s is of type %u: arrays, hashes and LRU hashes are possible",
			      m->name, m->type);
	if (m->key_size == 0 || m->key_size > VK_PROGRAM_MAP_KEY ||
	    (m->type == VK_MAP_TYPE_ARRAY && m->key_size != 4))
		return refuse(e, "map %s has keys of %u bytes", m->name, m->key_size);
	if (m->value_size == 0 || m->value_size > VK_PROGRAM_MAP_VALUE)
		return vk_error_set(e, E2BIG, "map %s has values of %u bytes: 1 to %u are possible",
				    m->name, m->value_size, VK_PROGRAM_MAP_VALUE);
	if (m->max_entries == 0 || m->max_entries > VK_PROGRAM_MAP_ENTRIES)
		return vk_error_set(e, E2BIG, "map %s has %u elements: 1 to %u are possible",
				    m->name, m->max_entries, VK_PROGRAM_MAP_ENTRIES);
	if (m->flags & ~VK_MAP_FLAG_READ_ONLY || m->reserved)
		return refuse(e, "map %s has unknown flags", m->name);
	if ((m->flags || m->data_len) && (m->type != VK_MAP_TYPE_ARRAY || m->max_entries != 1))
		return refuse(e, "map %s has contents, and is no array of one element", m->name);
	if (m->data_len && m->data_len != m->value_size)
		return refuse(e, "the contents of map %s have %u bytes of %u", m->name, m->data_len,
			      m->value_size);
	if (m->data > img->data.count || m->data_len > img->data.count - m->data)
		return refuse(e, "the contents of map %s are outside of the image", m->name);
	return 0;
}

static int check_maps(const struct vk_program_image *img, struct vk_error *e)
{
	for (uint32_t i = 0; i < img->maps.count; i++) {
		int r = check_map(img, i, e);

		if (r < 0)
			return r;
	}
	if (vk_program_memory(img) > VK_PROGRAM_MAP_BYTES)
		return vk_error_set(e, E2BIG, "the maps take %llu KiB: %u are possible",
				    (unsigned long long)vk_program_memory(img) >> 10,
				    VK_PROGRAM_MAP_BYTES >> 10);
	return 0;
}

static int check_imports(const struct vk_program_image *img, struct vk_error *e)
{
	const struct vk_program_import *p = vk_program_imports(img);

	for (uint32_t i = 0; i < img->imports.count; i++, p++)
		if (!vk_program_name_ok(p->name, sizeof(p->name)) ||
		    !memchr(p->type, '\0', sizeof(p->type)) || p->pinned > 1)
			return refuse(e, "import %u has no proper name or type", i);
	return 0;
}

/* ---- instructions ---- */

/**
 * struct scan - where the scan is
 * @f:       function
 * @insns:   its instructions
 * @at:      instruction, counted from its start
 * @calls:   bit per function: called by this one
 */
struct scan {
	const struct vk_program_image *img;
	const struct vk_program_function *f;
	const struct bpf_insn *insns;
	uint32_t at;
	uint64_t *calls;
	struct vk_error *e;
};

/* "In function f, instruction 7: ..." */
#define refuse_insn(s, fmt, ...)                                                                   \
	vk_error_set((s)->e, EINVAL, "function %s, instruction %u: " fmt, (s)->f->name, (s)->at,   \
		     ##__VA_ARGS__)

static int scan_call(struct scan *s, const struct bpf_insn *insn)
{
	if (insn->dst_reg || insn->off)
		return refuse_insn(s, "a call with unused fields set");
	switch (insn->src_reg) {
	case VK_CALL_HELPER:
		for (size_t i = 0; i < sizeof(allowed_helpers) / sizeof(allowed_helpers[0]); i++)
			if (allowed_helpers[i].id == insn->imm)
				return 0;
		return refuse_insn(s, "helper %d (%s) is not allowed", insn->imm,
				   helper_name(insn->imm));
	case VK_CALL_FUNCTION:
		if (insn->imm < 0 || (uint32_t)insn->imm >= s->img->functions.count)
			return refuse_insn(s, "a call to function %d, which is not its own",
					   insn->imm);
		*s->calls |= 1ull << insn->imm;
		return 0;
	case VK_CALL_IMPORT:
		if (insn->imm < 0 || (uint32_t)insn->imm >= s->img->imports.count)
			return refuse_insn(s, "a call to import %d, which does not exist",
					   insn->imm);
		return 0;
	case VK_CALL_BUILTIN:
		if (insn->imm < 0 || insn->imm >= VK_BUILTIN_COUNT)
			return refuse_insn(
				s, "a call to function %d of vkernel's, which does not exist",
				insn->imm);
		return 0;
	case BPF_PSEUDO_KFUNC_CALL:
		return refuse_insn(s, "a call to a function of the kernel (kfunc) is not allowed");
	default:
		return refuse_insn(s, "a call of unknown kind %u", insn->src_reg);
	}
}

static int scan_imm64(struct scan *s, const struct bpf_insn *insn)
{
	const struct vk_program_map *m;

	if (s->at + 1 >= s->f->count || insn[1].code || insn[1].dst_reg || insn[1].src_reg ||
	    insn[1].off || insn->off)
		return refuse_insn(s, "a 64-bit constant without its second half");
	if (insn->src_reg == 0)
		return 0;
	if (insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE)
		return refuse_insn(s, "an address of kind %u: only those of own maps are allowed",
				   insn->src_reg);
	if (insn->imm < 0 || (uint32_t)insn->imm >= s->img->maps.count)
		return refuse_insn(s, "map %d, which is not its own", insn->imm);
	m = &vk_program_maps(s->img)[insn->imm];
	if (insn->src_reg == BPF_PSEUDO_MAP_FD) {
		if (insn[1].imm)
			return refuse_insn(s, "a map with an offset");
		return 0;
	}
	if (m->type != VK_MAP_TYPE_ARRAY || m->max_entries != 1)
		return refuse_insn(s, "the address of an element of map %s, which has several",
				   m->name);
	if ((uint32_t)insn[1].imm >= m->value_size)
		return refuse_insn(s, "byte %u of map %s, which has %u", (uint32_t)insn[1].imm,
				   m->name, m->value_size);
	return 0;
}

/* A jump stays within its function, and does not end in a 64-bit constant. */
static int scan_jump(struct scan *s, const struct bpf_insn *insn)
{
	int64_t to = (int64_t)s->at + 1 + insn->off;

	if (to < 0 || to >= s->f->count)
		return refuse_insn(s, "a jump out of its function");
	if (to > 0 && s->insns[to - 1].code == INSN_LD_IMM64 && s->insns[to].code == 0)
		return refuse_insn(s, "a jump into a 64-bit constant");
	return 0;
}

static int scan_insn(struct scan *s, const struct bpf_insn *insn)
{
	uint8_t class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);

	if (insn->dst_reg > 10 || (insn->src_reg > 10 && insn->code != INSN_CALL))
		return refuse_insn(s, "a register that does not exist");
	switch (class) {
	case BPF_LD:
		if (insn->code != INSN_LD_IMM64)
			return refuse_insn(s, "loads from packets are not allowed");
		return scan_imm64(s, insn);
	case BPF_LDX:
		if (mode != BPF_MEM)
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return 0;
	case BPF_ST:
		if (mode != BPF_MEM)
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return 0;
	case BPF_STX:
		if (mode != BPF_MEM && mode != BPF_ATOMIC)
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return 0;
	case BPF_ALU:
	case BPF_ALU64:
		/* Signed division and moves, and byte swaps, of instruction set 4. */
		if (insn->off || (class == BPF_ALU64 && BPF_OP(insn->code) == BPF_END))
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return 0;
	case BPF_JMP:
		if (insn->code == INSN_CALL)
			return scan_call(s, insn);
		if (insn->code == INSN_EXIT)
			return 0;
		if (BPF_OP(insn->code) == BPF_CALL || BPF_OP(insn->code) == BPF_EXIT ||
		    BPF_OP(insn->code) > BPF_JSLE ||
		    (BPF_OP(insn->code) == BPF_JA && insn->code != INSN_JA))
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return scan_jump(s, insn);
	default: /* BPF_JMP32 */
		if (BPF_OP(insn->code) == BPF_JA || BPF_OP(insn->code) == BPF_CALL ||
		    BPF_OP(insn->code) == BPF_EXIT || BPF_OP(insn->code) > BPF_JSLE)
			return refuse_insn(s, "an instruction of a newer kind (%#x)", insn->code);
		return scan_jump(s, insn);
	}
}

/* Where the instruction may be followed by; returns how many. */
static size_t next_of(const struct scan *s, uint32_t at, uint32_t ret[2])
{
	const struct bpf_insn *insn = &s->insns[at];
	uint8_t class = BPF_CLASS(insn->code);
	size_t n = 0;

	if (insn->code == INSN_EXIT)
		return 0;
	if ((class == BPF_JMP || class == BPF_JMP32) && insn->code != INSN_CALL)
		ret[n++] = (uint32_t)((int64_t)at + 1 + insn->off);
	if (insn->code != INSN_JA)
		ret[n++] = at + (insn->code == INSN_LD_IMM64 ? 2 : 1);
	return n;
}

/*
 * Depth first, through a function whose jumps are within it. Backward jumps are none by themselves:
 * compilers share the end of a function.
 *
 * The verifier follows loops also as a processor that mispredicts their end would, for those
 * without CAP_PERFMON: even one with three turns takes it seconds.
 */
static int find_loop(struct scan *s)
{
	enum { NEW, ON_THE_WAY, DONE };
	uint8_t state[VK_PROGRAM_INSNS] = {NEW};
	uint32_t way[2 * VK_PROGRAM_INSNS + 1], next[2];
	size_t n = 0;

	way[n++] = 0;
	while (n) {
		uint32_t at = way[n - 1];
		size_t edges;

		if (state[at] != NEW) {
			state[at] = DONE;
			n--;
			continue;
		}
		state[at] = ON_THE_WAY;
		edges = next_of(s, at, next);
		for (size_t i = 0; i < edges; i++) {
			if (state[next[i]] == ON_THE_WAY) {
				s->at = at;
				refuse_insn(s, "a loop");
				vk_error_advise(s->e, "let the compiler unroll it: #pragma clang "
						      "loop unroll(full)");
				return -EINVAL;
			}
			if (state[next[i]] == NEW)
				way[n++] = next[i];
		}
	}
	return 0;
}

static int scan_function(struct scan *s)
{
	uint8_t last;

	for (s->at = 0; s->at < s->f->count; s->at++) {
		const struct bpf_insn *insn = &s->insns[s->at];
		int r = scan_insn(s, insn);

		if (r < 0)
			return r;
		if (insn->code == INSN_LD_IMM64)
			s->at++;
	}
	s->at = s->f->count - 1;
	last = s->insns[s->at].code;
	if ((last != INSN_EXIT && last != INSN_JA) ||
	    (s->at && s->insns[s->at - 1].code == INSN_LD_IMM64))
		return refuse_insn(s, "the function runs on into the next one");
	return find_loop(s);
}

/* Functions that call each other in a circle would need a stack without end. */
static int check_recursion(const struct vk_program_image *img, uint64_t *calls, struct vk_error *e)
{
	uint32_t n = img->functions.count;

	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < n; i++)
			if (calls[i] >> k & 1)
				calls[i] |= calls[k];
	for (uint32_t i = 0; i < n; i++)
		if (calls[i] >> i & 1)
			return refuse(e, "function %s calls itself",
				      vk_program_functions(img)[i].name);
	return 0;
}

static int scan_all(const struct vk_program_image *img, struct vk_error *e)
{
	uint64_t calls[VK_PROGRAM_FUNCTIONS] = {0};

	for (uint32_t i = 0; i < img->functions.count; i++) {
		const struct vk_program_function *f = &vk_program_functions(img)[i];
		struct scan s = {.img = img,
				 .f = f,
				 .insns = vk_program_insns(img) + f->start,
				 .calls = &calls[i],
				 .e = e};
		int r = scan_function(&s);

		if (r < 0)
			return r;
	}
	return check_recursion(img, calls, e);
}

int vk_program_check(const void *data, size_t size, struct vk_error *e)
{
	const struct vk_program_image *img = data;
	int r = check_header(data, size, e);

	if (r == 0)
		r = check_functions(img, e);
	if (r == 0)
		r = check_entries(img, e);
	if (r == 0)
		r = check_maps(img, e);
	if (r == 0)
		r = check_imports(img, e);
	if (r == 0)
		r = scan_all(img, e);
	return r;
}
