/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - programs, where they are attached, and pins.
 *
 *	/sys/fs/bpf/vkernel/maps/NAME     all maps, the global data among them
 *	/sys/fs/bpf/vkernel/links/PROGRAM one link each, while an instance needs it
 *	/sys/fs/bpf/vkernel/progs/PROGRAM what was once loaded, to be attached again at once
 *
 * The first set is made in a directory of another name and renamed when it is whole, so there is
 * never half an engine. Hooks that a later policy needs are loaded against the pinned maps.
 */
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "vkernel.skel.h"

static void skeleton_freep(struct vkernel_bpf **s)
{
	vkernel_bpf__destroy(*s);
}
#define _cleanup_skeleton_ vk_cleanup(skeleton_freep)

static void btf_freep(struct btf **b)
{
	if (*b)
		btf__free(*b);
}
#define _cleanup_btf_ vk_cleanup(btf_freep)

static struct bpf_map *skeleton_map(struct vkernel_bpf *s, enum vk_pinned_map m)
{
	if (m == VK_MAP_BSS)
		return s->maps.bss;
	return bpf_object__find_map_by_name(s->obj, vk_map_names[m]);
}

/* Offset in bytes of a member of struct dentry, looked for through anonymous members. */
static int member_offset(const struct btf *btf, int id, const char *name)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const struct btf_member *m;

	if (!t || !btf_is_composite(t))
		return -ENOENT;
	m = btf_members(t);
	for (uint32_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *have = btf__name_by_offset(btf, m->name_off);
		int offset = (int)btf_member_bit_offset(t, i) / 8, r;

		if (have && strcmp(have, name) == 0)
			return offset;
		if (have && !have[0]) {
			r = member_offset(btf, (int)m->type, name);
			if (r >= 0)
				return offset + r;
		}
	}
	return -ENOENT;
}

static bool has_hook(const char *program, enum vk_mechanism m, const struct btf *btf)
{
	for (size_t i = 0; i < vk_n_hooks; i++) {
		if (strcmp(vk_hooks[i].program, program) == 0)
			return vk_hook_available(&vk_hooks[i], m, btf);
	}
	return false;
}

/* Else every name asks its namespace whether mounts changed, which costs three loads. */
static bool watches_mounts(enum vk_mechanism m, const struct btf *btf)
{
	return (has_hook("vk_mount_attached", m, btf) || has_hook("vk_mount_visible", m, btf)) &&
	       has_hook("vk_mount_detached", m, btf) && has_hook("vk_mount_made", m, btf);
}

/* What the programs must know of this kernel before they are loaded. */
static int set_constants(struct vkernel_bpf *s, enum vk_mechanism m, const struct btf *btf,
			 struct vk_error *e)
{
	int dentry = btf__find_by_name_kind(btf, "dentry", BTF_KIND_STRUCT);
	int r = dentry > 0 ? member_offset(btf, dentry, "d_shortname") : -ENOENT;

	if (r < 0 && dentry > 0)
		r = member_offset(btf, dentry, "d_iname");
	if (r < 0)
		return vk_error_set(e, EOPNOTSUPP,
				    "struct dentry of this kernel has no short name");
	s->rodata->vk_inline_off = (uint32_t)r;
	s->rodata->vk_fmod = m == VK_MECH_FMOD_RET;
	s->rodata->vk_ns_events = !watches_mounts(m, btf);
	return 0;
}

static struct bpf_program *hook_program(struct vkernel_bpf *s, const struct vk_hook *h, bool asks)
{
	char name[64];

	return bpf_object__find_program_by_name(s->obj,
						vk_hook_program(h, asks, name, sizeof(name)));
}

/* The pin of a program or of its link. */
static const char *pin_path(char *buf, size_t len, const char *root, const char *dir,
			    const struct vk_hook *h, bool asks)
{
	char name[64];

	snprintf(buf, len, "%s/%s/%s", root, dir, vk_hook_program(h, asks, name, sizeof(name)));
	return buf;
}

static bool has_link(const struct vk_hook *h, bool asks)
{
	char path[160];

	return access(pin_path(path, sizeof(path), VK_PIN_ROOT, "links", h, asks), F_OK) == 0;
}

/* Whether it decides by rules; if it also @asks programs. */
static bool is_attached(const struct vk_hook *h, bool asks)
{
	return has_link(h, true) || (!asks && has_link(h, false));
}

/**
 * struct link_set - the names of all links
 * @hash: of each name, at that place or the next free one behind it; 0: free
 * @n:    how many
 */
struct link_set {
	uint64_t hash[256];
	size_t n;
};

static void add_link(struct link_set *set, const char *name)
{
	uint64_t hash = vk_hash(name, strlen(name));
	size_t i = hash % 256;

	if (set->n == 255)
		return; /* far more than there are hooks: what is left out is looked for by name */
	while (set->hash[i])
		i = (i + 1) % 256;
	set->hash[i] = hash;
	set->n++;
}

static bool link_is_in(const struct link_set *set, const struct vk_hook *h, bool asks)
{
	char name[64];
	uint64_t hash;

	vk_hook_program(h, asks, name, sizeof(name));
	hash = vk_hash(name, strlen(name));
	for (size_t i = hash % 256; set->hash[i]; i = (i + 1) % 256)
		if (set->hash[i] == hash)
			return true;
	return false;
}

/*
 * Whether all that @needs asks for is attached. By one look at the directory of links: to ask for
 * each by its name takes ten times as long, and nearly always nothing is missing.
 */
static bool all_attached(struct vk_engine *eng, uint32_t needs, uint64_t programs)
{
	struct link_set set = {0};
	DIR *list = opendir(VK_PIN_ROOT "/links");
	struct dirent *d;

	if (!list)
		return false;
	/* cppcheck-suppress readdirCalled ; the list is ours alone */
	while ((d = readdir(list)))
		add_link(&set, d->d_name);
	closedir(list);
	for (size_t i = 0; i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];
		bool asks = vk_hook_asks(h, programs);

		if (vk_hook_wanted(h, needs, programs) && (asks || !link_is_in(&set, h, false)) &&
		    !link_is_in(&set, h, true) && !(eng->bss->vk_absent[i / 64] >> (i % 64) & 1))
			return false;
	}
	return true;
}

static bool detach(const struct vk_hook *h, bool asks)
{
	char path[160];

	return unlink(pin_path(path, sizeof(path), VK_PIN_ROOT, "links", h, asks)) == 0;
}

int vk_program_target(struct bpf_program *p, const struct vk_hook *h, enum vk_mechanism m,
		      struct vk_error *e)
{
	char function[80];

	if ((h->kind != VK_HOOK_DECIDES && h->kind != VK_HOOK_HEARS) || m != VK_MECH_FMOD_RET)
		return 0;
	bpf_program__set_type(p, BPF_PROG_TYPE_TRACING);
	bpf_program__set_expected_attach_type(p, h->kind == VK_HOOK_DECIDES ? BPF_MODIFY_RETURN :
									      BPF_TRACE_FENTRY);
	vk_hook_function(h, function, sizeof(function));
	if (bpf_program__set_attach_target(p, 0, function) < 0)
		return vk_error_set(e, EOPNOTSUPP, "cannot target %s", function);
	return 0;
}

/* Marks for loading what @needs asks for and is not attached; returns how many. */
static int select_programs(struct vkernel_bpf *s, enum vk_mechanism m, const struct btf *btf,
			   uint32_t needs, uint64_t programs, bool fresh, bool *chosen,
			   __u64 *absent, struct vk_error *e)
{
	int n = 0, r;

	for (size_t i = 0; i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];
		bool asks = vk_hook_asks(h, programs);
		struct bpf_program *p = hook_program(s, h, asks);

		chosen[i] = false;
		if (!vk_hook_wanted(h, needs, programs) || (!fresh && is_attached(h, asks)))
			continue;
		if (!vk_hook_available(h, m, btf)) {
			if (h->optional) {
				absent[i / 64] |= 1ull << (i % 64);
				continue;
			}
			return vk_error_set(e, EOPNOTSUPP,
					    "this kernel has no hook %s, which decides about: %s",
					    h->lsm, h->why);
		}
		r = vk_program_target(p, h, m, e);
		if (r < 0)
			return r;
		bpf_program__set_autoload(p, true);
		chosen[i] = true;
		n++;
	}
	return n;
}

/*
 * Attaches a loaded program and pins the link. One that asks takes the place of the one that does
 * not, which is detached after it: in between both decide.
 */
static int attach_program(int prog, const struct vk_hook *h, bool asks, const char *root,
			  struct vk_error *e)
{
	_cleanup_close_ int link = -1;
	char path[160];

	/* The kernel knows the target since the program was loaded. */
	if (h->kind == VK_HOOK_ITERATES)
		link = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	else
		link = bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		return vk_error_set(e, errno, "cannot attach %s to %s: %s", h->program, h->lsm,
				    strerror(errno));
	pin_path(path, sizeof(path), root, "links", h, asks);
	if (bpf_obj_pin(link, path) < 0)
		return vk_error_set(e, errno, "cannot pin %s: %s", path, strerror(errno));
	if (asks)
		detach(h, false);
	return 0;
}

static int attach_and_pin(struct vkernel_bpf *s, const char *root, const bool *chosen,
			  uint64_t programs, struct vk_error *e)
{
	for (size_t i = 0; i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];
		bool asks = vk_hook_asks(h, programs);
		char path[160];
		int prog, r;

		if (!chosen[i])
			continue;
		prog = bpf_program__fd(hook_program(s, h, asks));
		pin_path(path, sizeof(path), root, "progs", h, asks);
		if (bpf_obj_pin(prog, path) < 0)
			return vk_error_set(e, errno, "cannot pin %s: %s", path, strerror(errno));
		r = attach_program(prog, h, asks, root, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Attaches what was loaded before. 1: done; 0: it is still to be loaded. */
static int reattach_one(const struct vk_hook *h, bool asks, struct vk_error *e)
{
	_cleanup_close_ int prog = -1;
	char path[160];
	int r;

	prog = bpf_obj_get(pin_path(path, sizeof(path), VK_PIN_ROOT, "progs", h, asks));
	if (prog < 0)
		return 0;
	r = attach_program(prog, h, asks, VK_PIN_ROOT, e);
	return r < 0 ? r : 1;
}

/* The same for all that are wanted; returns how many are still to be loaded. */
static int reattach(struct vk_engine *eng, uint32_t needs, uint64_t programs, struct vk_error *e)
{
	int missing = 0;

	for (size_t i = 0; i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];
		bool asks = vk_hook_asks(h, programs);
		int r;

		if (!vk_hook_wanted(h, needs, programs) || is_attached(h, asks) ||
		    eng->bss->vk_absent[i / 64] >> (i % 64) & 1)
			continue;
		r = reattach_one(h, asks, e);
		if (r < 0)
			return r;
		missing += r == 0;
	}
	return missing;
}

/*
 * By an instance of this version that is in force: what it needs was attached before it was made,
 * and trim.c leaves it. Under the lock nobody is about to end it.
 */
static bool attached_before(const struct vk_engine *eng, uint32_t needs, uint64_t programs)
{
	for (size_t i = 0; i < vk_n_hooks; i++)
		if (vk_hook_wanted(&vk_hooks[i], needs, programs) &&
		    !vk_hook_wanted(&vk_hooks[i], eng->in_force, 0))
			return false;
	return eng->in_force && eng->writable && !programs;
}

bool vk_hook_trim(const struct vk_hook *h, bool wanted, bool asks)
{
	struct vk_error e = {0};

	if (!wanted)
		return detach(h, true) || detach(h, false);
	if (asks || !has_link(h, true))
		return false;
	/* That which only decides by rules is back before the other goes; else the other stays. */
	if (!has_link(h, false) && reattach_one(h, false, &e) <= 0)
		return false;
	return detach(h, true);
}

int vk_skeleton_load(struct vkernel_bpf *s, struct vk_error *e)
{
	int r = vkernel_bpf__load(s);

	if (r == 0)
		return 0;
	vk_error_set(e, -r, "the kernel refuses our programs: %s", strerror(-r));
	if (r == -EPERM)
		vk_error_advise(e, "run \"vkernel check\" to see what this kernel allows");
	else
		vk_error_advise(e,
				"set VKERNEL_DEBUG=1 to see the verifier's reason, and report it");
	return r;
}

int vk_bpffs_ensure(struct vk_error *e)
{
	struct statfs fs;

	if (statfs(VK_BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", VK_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0) {
		int code = errno;

		vk_error_set(e, code,
			     "the bpf file system is not mounted on %s, and mounting it "
			     "fails: %s",
			     VK_BPFFS, strerror(code));
		vk_error_advise(e, "mount it: mount -t bpf bpf %s", VK_BPFFS);
		return -code;
	}
	return 0;
}

static const char *const pin_dirs[] = {"links", "progs", "maps", "programs"};

/* Removes a pin directory of ours, two levels deep. */
static void remove_pins(const char *root)
{
	for (size_t i = 0; i < sizeof(pin_dirs) / sizeof(pin_dirs[0]); i++) {
		char dir[128], path[400];
		struct dirent *d;
		DIR *list;

		snprintf(dir, sizeof(dir), "%s/%s", root, pin_dirs[i]);
		list = opendir(dir);
		/* cppcheck-suppress readdirCalled ; the list is ours alone */
		while (list && (d = readdir(list))) {
			if (d->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
			unlink(path);
		}
		if (list)
			closedir(list);
		rmdir(dir);
	}
	rmdir(root);
}

static int make_pin_dirs(const char *root, struct vk_error *e)
{
	char path[128];
	int r = 0;

	remove_pins(root);
	if (mkdir(root, 0700) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < sizeof(pin_dirs) / sizeof(pin_dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, pin_dirs[i]);
		if (mkdir(path, 0700) < 0)
			r = -errno;
	}
	return r < 0 ? vk_error_set(e, -r, "cannot make %s: %s", root, strerror(-r)) : 0;
}

static int pin_maps(struct vkernel_bpf *s, const char *root, struct vk_error *e)
{
	for (int m = 0; m < VK_MAP_COUNT; m++) {
		char path[128];
		int r;

		snprintf(path, sizeof(path), "%s/maps/%s", root, vk_map_names[m]);
		r = bpf_obj_pin(bpf_map__fd(skeleton_map(s, m)), path);
		if (r < 0)
			return vk_error_set(e, errno, "cannot pin %s: %s", path, strerror(errno));
	}
	return 0;
}

/* The kernel's encoding of a device number, as in super_block.s_dev. */
static uint32_t kernel_dev(dev_t dev)
{
	return (uint32_t)(((dev >> 8 & 0xfff) << 20) | (dev & 0xff) | (dev >> 12 & 0xfff00));
}

int vk_skeleton_open(struct vk_engine *eng, enum vk_mechanism m, const struct btf *btf,
		     struct vkernel_bpf **ret, struct vk_error *e)
{
	_cleanup_skeleton_ struct vkernel_bpf *s = vkernel_bpf__open();
	struct bpf_program *p;
	int r;

	if (!btf || !s)
		return vk_error_set(e, ENOMEM, "cannot prepare the programs");
	r = set_constants(s, m, btf, e);
	if (r < 0)
		return r;
	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, false);
	for (int i = 0; eng && i < VK_MAP_COUNT; i++) {
		int fd = vk_map(eng, i, e);

		if (fd < 0)
			return fd;
		if (bpf_map__reuse_fd(skeleton_map(s, i), fd) < 0)
			return vk_error_set(e, EPROTO, "map %s does not fit", vk_map_names[i]);
	}
	*ret = vk_take_ptr(s);
	return 0;
}

int vk_pins_create(struct vk_engine *eng, const struct vk_host *host, struct vk_error *e)
{
	static const char root[] = VK_BPFFS "/vkernel_new";
	_cleanup_skeleton_ struct vkernel_bpf *s = NULL;
	_cleanup_btf_ struct btf *btf = NULL;
	bool chosen[128];
	struct stat st;
	int r;

	(void)eng;
	r = vk_bpffs_ensure(e);
	if (r < 0)
		return r;
	btf = btf__load_vmlinux_btf();
	r = vk_skeleton_open(NULL, host->mechanism, btf, &s, e);
	if (r < 0)
		return r;
	r = select_programs(s, host->mechanism, btf, 0, 0, true, chosen, s->bss->vk_absent, e);
	if (r < 0)
		return r;
	r = vk_skeleton_load(s, e);
	if (r < 0)
		return r;
	r = make_pin_dirs(root, e);
	if (r < 0)
		return r;
	if (stat(root, &st) < 0)
		return vk_error_set(e, errno, "cannot stat %s", root);
	s->bss->vk_abi = VK_KERN_ABI;
	s->bss->vk_mechanism = host->mechanism;
	s->bss->vk_bpffs_dev = kernel_dev(st.st_dev);
	r = pin_maps(s, root, e);
	if (r == 0)
		r = attach_and_pin(s, root, chosen, 0, e);
	if (r == 0 && rename(root, VK_PIN_ROOT) < 0)
		r = vk_error_set(e, errno, "cannot rename %s: %s", root, strerror(errno));
	if (r < 0)
		remove_pins(root);
	return r;
}

void vk_pins_remove(void)
{
	remove_pins(VK_PIN_ROOT);
}

void vk_modules_refresh(struct vk_engine *eng)
{
	_cleanup_btf_ struct btf *base = NULL, *overlay = NULL;
	int id, offset;

	if (eng->bss->vk_ovl_cred || access("/sys/kernel/btf/overlay", R_OK) < 0)
		return;
	vk_silence_libbpf();
	base = btf__load_vmlinux_btf();
	overlay = base ? btf__parse_split("/sys/kernel/btf/overlay", base) : NULL;
	id = overlay ? btf__find_by_name_kind(overlay, "ovl_fs", BTF_KIND_STRUCT) : -ENOENT;
	offset = id > 0 ? member_offset(overlay, id, "creator_cred") : -ENOENT;
	if (offset > 0)
		eng->bss->vk_ovl_cred = (uint32_t)offset;
}

/*
 * Moves under way while the two programs that count them were attached or detached were counted by
 * one of them only. Once both stand still, no move is under way, and they are made equal; until
 * then the programs take the slow path, which does not need them.
 */
static void settle_moves(struct vk_engine *eng)
{
	uint32_t begun = 0, ended = 0, calm = 0;

	for (int i = 0; i < 1000 && calm < 3; i++) {
		struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
		uint32_t b = __atomic_load_n(&eng->bss->vk_move_begin, __ATOMIC_SEQ_CST);
		uint32_t n = __atomic_load_n(&eng->bss->vk_move_end, __ATOMIC_SEQ_CST);

		calm = b == begun && n == ended ? calm + 1 : 0;
		begun = b;
		ended = n;
		nanosleep(&pause, NULL);
	}
	if (calm == 3)
		__atomic_fetch_add(&eng->bss->vk_move_end, begun - ended, __ATOMIC_SEQ_CST);
}

static bool moves_watched(void)
{
	return access(VK_PIN_ROOT "/links/vk_move_enter", F_OK) == 0 &&
	       access(VK_PIN_ROOT "/links/vk_move_leave", F_OK) == 0;
}

static int attach_needed(struct vk_engine *eng, uint32_t needs, uint64_t programs,
			 struct vk_error *e)
{
	_cleanup_skeleton_ struct vkernel_bpf *s = NULL;
	_cleanup_btf_ struct btf *btf = NULL;
	bool chosen[128];
	int r = reattach(eng, needs, programs, e);

	if (r <= 0)
		return r;
	vk_silence_libbpf();
	btf = btf__load_vmlinux_btf();
	r = vk_skeleton_open(eng, eng->mechanism, btf, &s, e);
	if (r < 0)
		return r;
	r = select_programs(s, eng->mechanism, btf, needs, programs, false, chosen,
			    eng->bss->vk_absent, e);
	if (r <= 0)
		return r;
	r = vk_skeleton_load(s, e);
	if (r < 0)
		return r;
	return attach_and_pin(s, VK_PIN_ROOT, chosen, programs, e);
}

int vk_hooks_ensure(struct vk_engine *eng, uint32_t needs, struct vk_error *e)
{
	return vk_hooks_ensure_asked(eng, needs | eng->places, 0, e);
}

int vk_hooks_ensure_asked(struct vk_engine *eng, uint32_t needs, uint64_t programs,
			  struct vk_error *e)
{
	uint64_t wanted = needs | 1ull << 63; /* those that are always there, too */
	bool watched;
	int r;

	/* Under the lock nobody detaches what was there when it was looked for. */
	if (!programs && eng->writable && (eng->ensured & wanted) == wanted)
		return 0;
	if (attached_before(eng, needs, programs) || all_attached(eng, needs, programs)) {
		eng->ensured |= wanted;
		return 0;
	}
	watched = moves_watched();
	r = attach_needed(eng, needs, programs, e);
	if (r == 0 && !watched && moves_watched())
		settle_moves(eng);
	if (r == 0)
		eng->ensured |= wanted;
	return r;
}

uint32_t vk_hooks_attached(void)
{
	uint32_t n = 0;

	for (size_t i = 0; i < vk_n_hooks; i++)
		n += vk_hooks[i].kind != VK_HOOK_ITERATES && is_attached(&vk_hooks[i], false);
	return n;
}

int vk_iterate(const char *program, int (*fn)(const void *record, void *data), size_t size,
	       void *data, struct vk_error *e)
{
	_cleanup_close_ int link = -1, iter = -1;
	char path[128], buf[8192];
	size_t have = 0;
	ssize_t n;

	snprintf(path, sizeof(path), VK_PIN_ROOT "/links/%s", program);
	link = bpf_obj_get(path);
	if (link < 0)
		return vk_error_set(e, errno, "cannot open %s: %s", path, strerror(errno));
	iter = bpf_iter_create(link);
	if (iter < 0)
		return vk_error_set(e, errno, "cannot run %s: %s", program, strerror(errno));
	for (;;) {
		size_t used = 0;

		n = read(iter, buf + have, sizeof(buf) - have);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return vk_error_set(e, errno, "reading %s: %s", program, strerror(errno));
		if (n == 0)
			return 0;
		have += (size_t)n;
		for (; fn && size && have - used >= size; used += size) {
			int r = fn(buf + used, data);

			if (r)
				return r;
		}
		if (!fn)
			used = have;
		memmove(buf, buf + used, have - used);
		have -= used;
	}
}
