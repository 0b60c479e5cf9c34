/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* code.c - instructions put together from functions of images. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "programs.h"

#define INSN_LD_IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define INSN_CALL (BPF_JMP | BPF_CALL)

void vk_code_free(struct vk_code *c)
{
	free(c->insns);
	*c = (struct vk_code){0};
}

int vk_code_add(struct vk_code *c, const struct bpf_insn *insns, size_t n)
{
	if (n > c->room - c->n) {
		size_t room = (c->n + n) * 2;
		struct bpf_insn *more = realloc(c->insns, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->insns = more;
		c->room = room;
	}
	memcpy(c->insns + c->n, insns, n * sizeof(*insns));
	c->n += n;
	return 0;
}

void vk_linked_reset(struct vk_linked *p)
{
	memset(p->at, 0, sizeof(p->at));
	for (uint32_t i = 0; i < p->img->imports.count; i++)
		if (p->helpers[i])
			memset(p->helpers[i]->at, 0, sizeof(p->helpers[i]->at));
}

/*
 * What an unprivileged verifier is shown in the place of a function of ours: as much stack, at least
 * as much to go through, and any number as its result.
 */
static int place_stand_in(struct vk_code *c)
{
	const struct bpf_insn head = {
		.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -VK_BUILTIN_STACK};
	const struct bpf_insn filler = {.code = BPF_ALU64 | BPF_MOV | BPF_K};
	const struct bpf_insn tail[] = {{.code = INSN_CALL, .imm = BPF_FUNC_ktime_get_ns},
					{.code = BPF_JMP | BPF_EXIT}};
	int r = vk_code_add(c, &head, 1);

	for (int i = 0; r == 0 && i < VK_BUILTIN_STEPS; i++)
		r = vk_code_add(c, &filler, 1);
	return r < 0 ? r : vk_code_add(c, tail, 2);
}

static int place_builtin(struct vk_code *c, int32_t which, uint32_t *ret_at, struct vk_error *e)
{
	uint32_t at = (uint32_t)c->n;

	if (!c->builtins[which] && !c->dry)
		return vk_error_set(e, EPROTO, "the carrier has no function %d", which);
	if (!c->builtins[which]) {
		if (place_stand_in(c) < 0)
			return vk_error_set(e, ENOMEM, "no memory");
		c->builtins[which] = at + 1;
	}
	*ret_at = c->builtins[which] - 1;
	return 0;
}

/* Recursion ends: vk_program_check() has refused circles, and helpers import nothing. */
static int place_call(struct vk_code *c, struct vk_linked *p, size_t at, struct vk_error *e)
{
	struct bpf_insn insn = c->insns[at];
	uint32_t target = 0;
	int r;

	if (insn.src_reg == VK_CALL_FUNCTION) {
		r = vk_code_place(c, p, (uint32_t)insn.imm, &target, e);
	} else if (insn.src_reg == VK_CALL_BUILTIN) {
		r = place_builtin(c, insn.imm, &target, e);
	} else if (p->helpers[insn.imm]) {
		r = vk_code_place(c, p->helpers[insn.imm], p->exported[insn.imm], &target, e);
	} else {
		r = vk_error_set(e, ENOENT, "helper %s is not linked",
				 vk_program_imports(p->img)[insn.imm].name);
	}
	c->insns[at].src_reg = BPF_PSEUDO_CALL;
	c->insns[at].imm = (int32_t)target - (int32_t)at - 1;
	return r;
}

int vk_code_place(struct vk_code *c, struct vk_linked *p, uint32_t fn, uint32_t *ret_at,
		  struct vk_error *e)
{
	const struct vk_program_function *f = &vk_program_functions(p->img)[fn];
	size_t start = c->n;
	int r;

	if (p->at[fn]) {
		*ret_at = p->at[fn] - 1;
		return 0;
	}
	r = vk_code_add(c, vk_program_insns(p->img) + f->start, f->count);
	if (r < 0)
		return vk_error_set(e, -r, "no memory");
	p->at[fn] = (uint32_t)start + 1;
	for (size_t i = start; r == 0 && i < start + f->count; i++) {
		struct bpf_insn *insn = &c->insns[i];

		if (insn->code == INSN_LD_IMM64) {
			if (insn->src_reg)
				insn->imm = p->map_fds[insn->imm];
			i++;
		} else if (insn->code == INSN_CALL && insn->src_reg) {
			r = place_call(c, p, i, e);
		}
	}
	*ret_at = (uint32_t)start;
	return r;
}
