/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vkernel.bpf.c - the one object: all programs share its maps and data.
 *
 * Programs are written for LSM hooks; the engine attaches the same ones as fmod_ret to the
 * security_* function of the hook where the BPF LSM is not active, and loads only those that a
 * policy needs (src/engine/hooks.c has the table). Each starts with the exit for tasks that are
 * bound by no instance; each return says whether it allows or denies, and why.
 */
/* The order counts. */
/* clang-format off */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define VK_BPF
#include "vk_kern.h"
#include "vk_program.h"

/* Set before loading. */
const volatile __u32 vk_fmod;	       /* attached as fmod_ret and not to LSM hooks */
const volatile __u32 vk_ns_events; /* changes of mounts are seen by their namespaces only */
const volatile __u32 vk_inline_off = 56; /* offset of the short name in struct dentry */

#include "state.h"
#include "subject.h"
#include "name.h"
#include "decide.h"
#include "start.h"
#include "setup.h"
#include "ask.h"

#include "guard.bpf.c"
#include "member.bpf.c"
#include "cache.bpf.c"
#include "file.bpf.c"
#include "append.bpf.c"
#include "dir.bpf.c"
#include "mount.bpf.c"
#include "task.bpf.c"
#include "xattr.bpf.c"
#include "net.bpf.c"
#include "carry.h"
#include "carry_file.bpf.c"
#include "carry_net.bpf.c"
#include "carry_task.bpf.c"
/* clang-format on */

char LICENSE[] SEC("license") = "GPL";
