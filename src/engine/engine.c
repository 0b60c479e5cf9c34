/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* engine.c - opening and closing; and the counters of the whole host. */
#include "internal.h"

#include <string.h>

#include "vkernel.skel.h"

/* fmod_ret is only safe while the kernel does not preempt programs, which root can change. */
static int recheck_preemption(struct vk_engine *eng, struct vk_error *e)
{
	char mode[16];

	if (eng->mechanism != VK_MECH_FMOD_RET)
		return 0;
	vk_read_preempt(mode, sizeof(mode));
	if (strcmp(mode, "none") == 0 || strcmp(mode, "voluntary") == 0)
		return 0;
	vk_error_set(e, EOPNOTSUPP,
		     "the kernel now runs with preempt=%s, under which fmod_ret fails open", mode);
	vk_error_advise(e, "set it back to voluntary, or boot with \"bpf\" in lsm=");
	return -EOPNOTSUPP;
}

/* The kernel names processes by their ids there, and so do attach and rm --kill. */
static bool in_first_pid_namespace(void)
{
	char link[64] = "";

	return readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0 &&
	       strcmp(link, "pid:[4026531836]") == 0; /* PROC_PID_INIT_INO */
}

static int set_up(struct vk_engine *eng, struct vk_error *e)
{
	struct vk_host host;
	int r;

	vk_host_check(&host);
	if (host.mechanism == VK_MECH_NONE) {
		r = vk_error_set(e, geteuid() == 0 ? EOPNOTSUPP : EPERM,
				 "this host cannot enforce anything: %s", host.reason);
		vk_error_advise(e, "%s", host.advice);
		return r;
	}
	r = vk_pins_create(eng, &host, e);
	if (r < 0)
		return r;
	r = vk_pins_open(eng, e);
	if (r == 0)
		r = vk_selftest(eng, e);
	if (r < 0)
		vk_pins_remove();
	return r;
}

int vk_engine_open(struct vk_engine **ret, unsigned int flags, struct vk_error *e)
{
	struct vk_engine *eng = calloc(1, sizeof(*eng));
	bool there;
	int r;

	if (!eng)
		return vk_error_set(e, ENOMEM, "no memory");
	/* Who is brief rarely needs more of libbpf than system calls. */
	if (!(flags & VK_OPEN_BRIEF))
		vk_silence_libbpf();
	eng->lock = -1;
	for (int m = 0; m < VK_MAP_COUNT; m++)
		eng->maps[m] = -1;
	eng->writable = !(flags & VK_OPEN_READ_ONLY);
	eng->places = flags & VK_OPEN_PLACES ? VK_NEED_SETUP : 0;
	if (geteuid() != 0) {
		r = vk_error_set(e, EPERM, "root privileges are needed");
		vk_error_advise(e, "run it as root, for example with sudo");
		goto fail;
	}
	if (eng->writable && !in_first_pid_namespace()) {
		r = vk_error_set(e, EOPNOTSUPP, "this is not the initial pid namespace");
		vk_error_advise(e, "run it on the host: process ids mean other processes here");
		goto fail;
	}
	there = access(VK_PIN_ROOT, F_OK) == 0;
	if (!there && !(flags & VK_OPEN_CREATE)) {
		r = vk_error_set(e, ENOENT, "there are no instances on this host");
		vk_error_advise(e, "\"vkernel run\" and \"vkernel attach\" make them");
		goto fail;
	}
	r = vk_store_open(eng, e);
	if (r < 0)
		goto fail;
	/* Somebody else may have done so while the lock was waited for. */
	if (!there && access(VK_PIN_ROOT, F_OK) < 0) {
		r = set_up(eng, e);
	} else {
		eng->brief = flags & VK_OPEN_BRIEF;
		r = vk_pins_open(eng, e);
	}
	if (r == 0 && eng->writable)
		r = recheck_preemption(eng, e);
	if (r == 0 && eng->writable)
		r = vk_programs_repair(eng, e);
	if (r < 0)
		goto fail;
	*ret = eng;
	return 0;
fail:
	vk_engine_close(eng);
	return r;
}

void vk_engine_close(struct vk_engine *eng)
{
	if (!eng)
		return;
	vk_data_unmap(eng);
	for (int m = 0; m < VK_MAP_COUNT; m++)
		vk_closep(&eng->maps[m]);
	vk_store_close(eng);
	free(eng);
}

int vk_stats_get(struct vk_engine *eng, struct vk_stats *ret, struct vk_error *e)
{
	_cleanup_free_ uint32_t *active = calloc(VK_INSTANCES, sizeof(*active));
	_cleanup_free_ uint8_t *seen = calloc(3, VK_SLOTS);
	struct vk_stats st = {.hooks_attached = vk_hooks_attached(), .cache_bytes = eng->bss_size};
	int r;

	if (!active || !seen)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_members_count(eng, active, NULL, e);
	if (r < 0)
		return r;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const struct vk_instance *i = &eng->bss->vk_instances[id];
		const struct vk_row_state *row = vk_row_state(eng, id);
		uint8_t *mark;
		uint32_t slot;

		if (!eng->rows[id].used)
			continue;
		slot = vk_row_slot(row);
		mark = &seen[VK_SLOT_CLASS(slot) * VK_SLOTS + VK_SLOT_INDEX(slot)];
		st.images += !*mark;
		st.image_bytes += *mark ? 0 : row->image_bytes;
		*mark = 1;
		st.instances++;
		st.members += active[id];
		st.denied += i->denied;
		st.audited += i->audited;
		st.suppressed += i->suppressed;
		st.lost += i->lost;
	}
	for (size_t i = 0; i < sizeof(eng->bss->vk_fail) / sizeof(eng->bss->vk_fail[0]); i++)
		st.errors += eng->bss->vk_fail[i];
	*ret = st;
	return 0;
}
