/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carrier.c - the code of our carriers, relocated for this kernel, and spliced programs loaded.
 *
 * libbpf relocates a carrier's code when it loads it. That copy is never used; its code is read
 * back, programs are spliced behind it, and the whole is loaded with the same attributes.
 */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "internal.h"
#include "program.h"
#include "vkernel.skel.h"

#define LOG_BYTES (1u << 20)

static void btf_freep(struct btf **b)
{
	btf__free(*b);
}

static struct bpf_program *carrier_of(const struct vk_carriers *c, const struct vk_hook *h)
{
	char name[80];

	snprintf(name, sizeof(name), "vk_c_%s", h->lsm);
	return bpf_object__find_program_by_name(c->skeleton->obj, name);
}

int vk_carriers_load(struct vk_engine *eng, uint64_t hooks, struct vk_carriers *c,
		     struct vk_error *e)
{
	vk_cleanup(btf_freep) struct btf *btf = btf__load_vmlinux_btf();
	int r = vk_skeleton_open(eng, eng->mechanism, btf, &c->skeleton, e);

	c->hooks = 0;
	for (unsigned int id = 1; r == 0 && id < VK_HOOK_COUNT; id++) {
		const struct vk_hook *h = vk_hook_of_programs(id);
		struct bpf_program *p;

		if (!(hooks >> id & 1))
			continue;
		p = h ? carrier_of(c, h) : NULL;
		if (!p || !vk_hook_available(h, eng->mechanism, btf)) {
			if (h && h->optional)
				continue; /* another hook does its work on this kernel */
			return vk_error_set(e, EOPNOTSUPP, "this kernel has no hook %s",
					    vk_program_hook_name(id));
		}
		r = vk_program_target(p, h, eng->mechanism, e);
		bpf_program__set_autoload(p, true);
		c->hooks |= 1ull << id;
	}
	return r < 0 ? r : vk_skeleton_load(c->skeleton, e);
}

void vk_carriers_free(struct vk_carriers *c)
{
	vkernel_bpf__destroy(c->skeleton);
	c->skeleton = NULL;
}

/* The reason of the verifier is of interest to who debugs a program; it was said by dry.c before. */
static int load_spliced(const struct vk_code *code, int like, const struct vk_hook *h,
			enum vk_mechanism m, struct vk_error *e)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attempts = 1);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	char name[16];
	int fd;

	if (bpf_obj_get_info_by_fd(like, &info, &len) < 0)
		return vk_error_set(e, errno, "cannot look at a carrier: %s", strerror(errno));
	opts.attach_btf_id = info.attach_btf_id;
	opts.expected_attach_type = m == VK_MECH_LSM ? BPF_LSM_MAC : BPF_MODIFY_RETURN;
	snprintf(name, sizeof(name), "vks_%.11s", h->lsm);
	fd = bpf_prog_load(m == VK_MECH_LSM ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING, name,
			   "GPL", code->insns, code->n, &opts);
	if (fd < 0 && getenv("VKERNEL_DEBUG")) {
		/* Not static: it would lie between the data that every start touches. */
		_cleanup_free_ char *log = calloc(1, LOG_BYTES);

		opts.log_buf = log;
		opts.log_size = log ? LOG_BYTES : 0;
		opts.log_level = log ? 1 : 0;
		bpf_prog_load(m == VK_MECH_LSM ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING, name,
			      "GPL", code->insns, code->n, &opts);
		fputs(log ? log : "", stderr);
		errno = EACCES;
	}
	if (fd < 0) {
		int code_ = errno;

		vk_error_set(e, code_, "the kernel refuses the programs at %s together: %s", h->lsm,
			     strerror(code_));
		vk_error_advise(e, "each of them uses too much stack, or all of them are too "
				   "large; take some away");
		return -code_;
	}
	return fd;
}

int vk_carriers_splice(struct vk_engine *eng, const struct vk_carriers *c, unsigned int hook,
		       const struct vk_chained *chain, size_t n, uint32_t wants, struct vk_error *e)
{
	vk_cleanup(vk_code_free) struct vk_code code = {0};
	const struct vk_hook *h = vk_hook_of_programs(hook);
	const struct bpf_program *p = carrier_of(c, h);
	int r = vk_splice(bpf_program__insns(p), bpf_program__insn_cnt(p), chain, n, wants, &code,
			  e);

	return r < 0 ? r : load_spliced(&code, bpf_program__fd(p), h, eng->mechanism, e);
}
