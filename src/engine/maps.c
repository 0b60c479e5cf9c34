/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* maps.c - the pinned maps: opened, and the data in them mapped. */
#include "internal.h"

#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

#define ROWS_BYTES (sizeof(struct vk_row) * VK_INSTANCES)
#define PROGRAMS_BYTES (sizeof(struct vk_program_row) * VK_PROGRAM_ROWS)
_Static_assert(ROWS_BYTES % 4096 == 0 && PROGRAMS_BYTES % 4096 == 0, "they are mapped by pages");

const char *const vk_map_names[VK_MAP_COUNT] = {[VK_MAP_BSS] = "bss",
						[VK_MAP_ROWS] = "vk_rows",
						[VK_MAP_MEMBERS] = "vk_members",
						[VK_MAP_STARTS] = "vk_starts",
						[VK_MAP_SCRATCH] = "vk_scratch",
						[VK_MAP_CPU_SCRATCH] = "vk_cpu_scratch",
						[VK_MAP_LONG_ANCHORS] = "vk_long_anchors",
						[VK_MAP_SMALL] = "vk_img_small",
						[VK_MAP_MEDIUM] = "vk_img_medium",
						[VK_MAP_LARGE] = "vk_img_large",
						[VK_MAP_PLACES] = "vk_places",
						[VK_MAP_ANCHORS] = "vk_anchors",
						[VK_MAP_MOUNTED] = "vk_mounted",
						[VK_MAP_CREATORS] = "vk_creators",
						[VK_MAP_EVENTS] = "vk_events",
						[VK_MAP_CAUSES] = "vk_causes",
						[VK_MAP_PROGRAMS] = "vk_programs",
						[VK_MAP_PATHS] = "vk_paths",
						[VK_MAP_PATH_PAIRS] = "vk_path_pairs",
						[VK_MAP_MEANINGS] = "vk_meanings",
#define X(hook, number, flags) [VK_MAP_HOOK(number)] = "vk_p_" #hook,
						VK_PROGRAM_HOOKS(X) VK_PROGRAM_ALIASES(X)
#undef X
};

int vk_map(struct vk_engine *eng, int m, struct vk_error *e)
{
	char path[128];

	if (eng->maps[m] >= 0)
		return eng->maps[m];
	snprintf(path, sizeof(path), VK_PIN_ROOT "/maps/%s", vk_map_names[m]);
	eng->maps[m] = bpf_obj_get(path);
	if (eng->maps[m] < 0)
		return vk_error_set(e, errno == ENOENT ? EPROTO : errno, "cannot open %s: %s", path,
				    strerror(errno));
	return eng->maps[m];
}

static void *reserve(size_t size)
{
	void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Bytes from @from to @to of a map, at their place in what was reserved for all of it. */
static int map_pages(void *base, int fd, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t start = from / page * page, len = (to + page - 1) / page * page - start;
	const void *at = mmap((char *)base + start, len, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, fd, (off_t)start);

	return at == MAP_FAILED ? -errno : 0;
}

/*
 * The kernel enters each page of a mapping at once, and these are thousands. Who only makes or ends
 * an instance has no use for the caches of the programs, nor for rows behind the last one: no other
 * instance is made meanwhile. Nor for policy programs, where none are in force and no change of them
 * was cut short; else all is mapped after all.
 */
static int map_briefly(struct vk_engine *eng)
{
	static const size_t caches = offsetof(struct vkernel_bpf__bss, vk_member_slots),
			    behind = offsetof(struct vkernel_bpf__bss, vk_key_base);
	struct vk_program_row first;
	uint32_t zero = 0, n;
	int r = map_pages(eng->bss, eng->maps[VK_MAP_BSS], behind, eng->bss_size);

	_Static_assert(offsetof(struct vkernel_bpf__bss, vk_top_id) >=
				       offsetof(struct vkernel_bpf__bss, vk_key_base) &&
			       offsetof(struct vkernel_bpf__bss, vk_instances) <
				       offsetof(struct vkernel_bpf__bss, vk_member_slots),
		       "what is left out is the caches");
	if (r < 0)
		return r;
	n = eng->bss->vk_top_id + 2;
	if (n > VK_INSTANCES)
		n = VK_INSTANCES;
	r = map_pages(eng->bss, eng->maps[VK_MAP_BSS], 0,
		      caches - (VK_INSTANCES - n) * sizeof(struct vk_instance));
	if (r == 0)
		r = map_pages(eng->rows, eng->maps[VK_MAP_ROWS], 0, n * sizeof(struct vk_row));
	if (r == 0 && bpf_map_lookup_elem(eng->maps[VK_MAP_PROGRAMS], &zero, &first) < 0)
		r = -errno;
	/* The first row is the note of a change, which is to be finished. */
	if (r == 0 && (first.order || eng->bss->vk_asked))
		eng->brief = false;
	return r;
}

/* What is reserved as one lies together, so that fewer tables of pages are needed. */
static size_t reserved_bytes(const struct vk_engine *eng)
{
	return eng->bss_size + ROWS_BYTES + PROGRAMS_BYTES;
}

static int map_data(struct vk_engine *eng, struct vk_error *e)
{
	char *at = reserve(reserved_bytes(eng));
	int r = at ? 0 : -errno;

	if (at) {
		eng->bss = (void *)at;
		eng->rows = (void *)(at + eng->bss_size);
		eng->programs = (void *)(at + eng->bss_size + ROWS_BYTES);
	}
	if (r == 0 && eng->brief)
		r = map_briefly(eng);
	if (r == 0 && !eng->brief)
		r = map_pages(eng->bss, eng->maps[VK_MAP_BSS], 0, eng->bss_size);
	if (r == 0 && !eng->brief)
		r = map_pages(eng->rows, eng->maps[VK_MAP_ROWS], 0, ROWS_BYTES);
	if (r == 0 && !eng->brief)
		r = map_pages(eng->programs, eng->maps[VK_MAP_PROGRAMS], 0, PROGRAMS_BYTES);
	if (r < 0)
		return vk_error_set(e, -r, "cannot map our own data: %s", strerror(-r));
	if (eng->brief)
		return 0;
	/* Children have no use for them, and copying their page tables takes milliseconds. */
	madvise(eng->bss, reserved_bytes(eng), MADV_DONTFORK);
	return 0;
}

void vk_data_unmap(struct vk_engine *eng)
{
	if (eng->bss)
		munmap(eng->bss, reserved_bytes(eng));
	eng->bss = NULL;
	eng->rows = NULL;
	eng->programs = NULL;
}

int vk_pins_open(struct vk_engine *eng, struct vk_error *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int r;

	/* The others when somebody pushes programs. */
	for (int m = 0; m < (eng->brief ? VK_MAP_BRIEF : VK_MAP_HOOKS); m++) {
		r = vk_map(eng, m, e);
		if (r < 0 && access(VK_PIN_ROOT, F_OK) < 0)
			return vk_error_set(e, errno == EACCES ? EPERM : ENOENT,
					    errno == EACCES ?
						    "root privileges are needed" :
						    "there are no instances on this host");
		if (r < 0)
			return r;
	}
	if (bpf_obj_get_info_by_fd(eng->maps[VK_MAP_BSS], &info, &len) < 0)
		return vk_error_set(e, errno, "cannot look at our own data");
	/* The section ends with its last variable, the struct with its alignment. */
	if ((info.value_size + 7) / 8 * 8 != (sizeof(struct vkernel_bpf__bss) + 7) / 8 * 8) {
		vk_error_set(e, EPROTO, "the pins in %s belong to another version of vkernel",
			     VK_PIN_ROOT);
		vk_error_advise(e, "remove all instances with that version first");
		return -EPROTO;
	}
	eng->bss_size = (info.value_size + page - 1) / page * page;
	r = map_data(eng, e);
	if (r < 0)
		return r;
	if (eng->bss->vk_abi != VK_KERN_ABI)
		return vk_error_set(e, EPROTO,
				    "the pins in %s belong to another version of vkernel",
				    VK_PIN_ROOT);
	eng->mechanism = eng->bss->vk_mechanism;
	return 0;
}
