/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trim.c - what no instance needs any more, removed in the background: hooks, and names of mounts.
 *
 * Detaching a hook waits for all tasks to leave its code, some 30 ms; a policy has up to 40. There
 * may be hundreds of thousands of names, to be looked through as a whole. So it is not done at once
 * either: instances often end, and follow one another, in numbers. One process does it for all that
 * end meanwhile.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bpf/bpf.h>

#include "vkernel.skel.h"

#define TRIM_DELAY_S 2
#define LOCK_FD 3

/* Detaches one hook that no instance needs. False: there is none. */
static bool trim_hook(struct vk_engine *eng)
{
	bool any = false, paths;
	uint64_t programs = vk_programs_asked(eng, &paths);
	uint32_t needs = paths ? VK_NEED_MOUNT : 0;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used) {
			any = true;
			needs |= vk_row_state(eng, id)->needs;
			needs |= eng->rows[id].placed ? VK_NEED_SETUP : 0;
		}
	for (size_t i = 0; i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];

		if (h->kind != VK_HOOK_ITERATES &&
		    vk_hook_trim(h, any && vk_hook_wanted(h, needs, programs),
				 vk_hook_asks(h, programs)))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Ids of the mount namespaces whose mounts name files of an instance, in order. */
static size_t live_namespaces(struct vk_engine *eng, uint64_t *ns)
{
	size_t n = 0;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used)
			ns[n++] = eng->bss->vk_instances[id].mntns;
	qsort(ns, n, sizeof(*ns), compare);
	return n;
}

/* Forgets the names of mounts in all other namespaces, in @m. Their ids are never used again. */
static void trim_names(struct vk_engine *eng, int m)
{
	enum { MANY = 4096 };
	_cleanup_free_ uint64_t *live = calloc(VK_INSTANCES, sizeof(*live));
	_cleanup_free_ struct vk_anchor_key *keys = calloc(MANY, sizeof(*keys));
	_cleanup_free_ struct vk_anchor *anchors = calloc(MANY, sizeof(*anchors));
	int map = vk_map(eng, m, NULL), r = 0;
	uint32_t at, n;

	if (!live || !keys || !anchors)
		return;
	for (bool first = true; r == 0; first = false) {
		size_t n_live;

		n = MANY;
		r = bpf_map_lookup_batch(map, first ? NULL : &at, &at, keys, anchors, &n, NULL);
		if (r < 0 && errno != ENOENT)
			return;
		/* After the names were read: none is taken before its instance has a namespace. */
		n_live = live_namespaces(eng, live);
		for (uint32_t i = 0; i < n; i++)
			if (!bsearch(&keys[i].mntns, live, n_live, sizeof(*live), compare))
				bpf_map_delete_elem(map, &keys[i]);
	}
}

/* In a process of its own, which holds nothing of its parent's but @lock. */
static _Noreturn void trim_main(int lock)
{
	int null = open("/dev/null", O_RDWR);
	bool more = true;

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	dup2(lock, LOCK_FD);
	syscall(SYS_close_range, LOCK_FD + 1, ~0u, 0);
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	prctl(PR_SET_NAME, "vkernel-trim");
	sleep(TRIM_DELAY_S);
	for (bool first = true; more; first = false) {
		struct vk_error e = {0};
		struct vk_engine *eng;

		/* The engine is let go between hooks, so that nobody waits for all of them. */
		if (vk_engine_open(&eng, VK_OPEN_BRIEF, &e) < 0)
			break;
		if (first) {
			trim_names(eng, VK_MAP_ANCHORS);
			trim_names(eng, VK_MAP_LONG_ANCHORS);
		}
		more = trim_hook(eng);
		/* Before the engine is: who removes an instance next starts another process. */
		if (!more)
			close(LOCK_FD);
		vk_engine_close(eng);
	}
	_exit(0);
}

void vk_trim(void)
{
	_cleanup_close_ int lock =
		open(VK_STATE_ROOT "/trim.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	pid_t pid;

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return; /* one is waiting for the engine, which the caller has, and will look */
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			trim_main(lock);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
