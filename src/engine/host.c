/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * host.c - what this host can enforce. Probes by doing: a feature is there if the kernel did it.
 *
 * One fact has no probe: 6.1's task storage look-up can fail spuriously when the kernel may
 * preempt the program (fixed in 6.2 by commit e8b02296a6b8). There the version decides.
 */
#include "host.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"

const char *vk_mechanism_name(enum vk_mechanism m)
{
	switch (m) {
	case VK_MECH_LSM:
		return "lsm";
	case VK_MECH_FMOD_RET:
		return "fmod_ret";
	case VK_MECH_NONE:
		break;
	}
	return "none";
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* libbpf reports its failures as return values too; its prints are not for users. */
void vk_silence_libbpf(void)
{
	if (!getenv("VKERNEL_DEBUG"))
		libbpf_set_print(silent);
}

static struct vk_feature *add(struct vk_host *h, const char *id, const char *title,
			      enum vk_support ok, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static struct vk_feature *add(struct vk_host *h, const char *id, const char *title,
			      enum vk_support ok, const char *fmt, ...)
{
	struct vk_feature *f = &h->features[h->n_features];
	va_list ap;

	if (h->n_features + 1 < VK_MAX_FEATURES)
		h->n_features++;
	f->id = id;
	f->title = title;
	f->ok = ok;
	va_start(ap, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
	return f;
}

/* Reads the start of a file below @dirfd; returns its length or a negative errno. */
static int read_text(int dirfd, const char *path, char *buf, size_t len)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return (int)n;
}

/* A mount of a pseudo file system that appears nowhere: for reading one file of it. */
static int detached_mount(const char *type)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
		return -errno;
	int fd = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);

	return fd < 0 ? -errno : fd;
}

/*
 * The preemption mode: "none", "voluntary", "lazy", "full", or "unknown". The file marks the
 * mode in force with parentheses.
 */
void vk_read_preempt(char *ret, size_t len)
{
	_cleanup_close_ int debugfs = detached_mount("debugfs");
	char text[128], *open, *close;
	struct utsname u;

	snprintf(ret, len, "unknown");
	if (debugfs >= 0 && read_text(debugfs, "sched/preempt", text, sizeof(text)) > 0) {
		open = strchr(text, '(');
		close = open ? strchr(open, ')') : NULL;
		if (close) {
			*close = '\0';
			snprintf(ret, len, "%s", open + 1);
		}
		return;
	}
	/* A kernel built for one mode has no such file and says it in its version. */
	if (uname(&u) == 0 && !strstr(u.version, "PREEMPT_DYNAMIC"))
		snprintf(ret, len, "%s", strstr(u.version, "PREEMPT") ? "full" : "voluntary");
}

static int load_probe(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = (__u32)btf_id);
	_cleanup_close_ int fd = bpf_prog_load(type, "vk_probe", "GPL", insns, 2, &opts);

	return fd < 0 ? -errno : 0;
}

static void explain_load(char *buf, size_t len, int r)
{
	if (r == -EPERM)
		snprintf(buf, len,
			 "the kernel refuses to load it although we are root: it is "
			 "locked down, or bpf(2) is restricted");
	else
		snprintf(buf, len, "loading fails: %s", strerror(-r));
}

static void check_basics(struct vk_host *h)
{
	struct utsname u;
	struct statfs fs;

	if (uname(&u) == 0)
		snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
	add(h, "kernel", "kernel version", VK_YES, "%s", h->kernel);
	if (geteuid() == 0)
		add(h, "privilege", "root privileges", VK_YES, "uid 0");
	else
		add(h, "privilege", "root privileges", VK_NO,
		    "loading BPF programs needs root; you are uid %u", (unsigned int)geteuid());
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		add(h, "btf", "kernel type information (BTF)", VK_YES, "/sys/kernel/btf/vmlinux");
	else
		add(h, "btf", "kernel type information (BTF)", VK_NO,
		    "the kernel was built without CONFIG_DEBUG_INFO_BTF");
	if (statfs(VK_BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		add(h, "bpffs", "bpf file system", VK_YES, "mounted on " VK_BPFFS);
	else
		add(h, "bpffs", "bpf file system", VK_UNKNOWN,
		    "not mounted on " VK_BPFFS "; vkernel mounts it when first needed");
	if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		add(h, "cgroup2", "cgroup v2", VK_YES, "joining by cgroup works");
	else
		add(h, "cgroup2", "cgroup v2", VK_NO,
		    "not mounted on /sys/fs/cgroup: joining by mount namespace only");
}

static void check_lsm(struct vk_host *h, const struct btf *btf, bool *ret_lsm)
{
	_cleanup_close_ int fs = detached_mount("securityfs");
	char why[128], *word, *save, list[sizeof(h->lsm_list)];
	bool active = false;
	int r, id;

	if (fs < 0 || read_text(fs, "lsm", h->lsm_list, sizeof(h->lsm_list)) < 0)
		read_text(AT_FDCWD, "/sys/kernel/security/lsm", h->lsm_list, sizeof(h->lsm_list));
	snprintf(list, sizeof(list), "%s", h->lsm_list);
	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save))
		active |= strcmp(word, "bpf") == 0;
	if (!active) {
		add(h, "lsm-bpf", "BPF LSM", VK_NO, "\"bpf\" is not among the active LSMs (%s)",
		    h->lsm_list[0] ? h->lsm_list : "list not readable");
		return;
	}
	id = btf ? btf__find_by_name_kind(btf, "bpf_lsm_file_open", BTF_KIND_FUNC) : -ENOENT;
	r = id > 0 ? load_probe(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, id) : -EOPNOTSUPP;
	if (r < 0) {
		explain_load(why, sizeof(why), r);
		add(h, "lsm-bpf", "BPF LSM", VK_NO, "active, but %s", why);
		return;
	}
	add(h, "lsm-bpf", "BPF LSM", VK_YES, "active: %s", h->lsm_list);
	*ret_lsm = true;
}

static void check_fmod(struct vk_host *h, const struct btf *btf, bool *ret_fmod)
{
	int id = btf ? btf__find_by_name_kind(btf, "security_file_open", BTF_KIND_FUNC) : -ENOENT;
	int r = id > 0 ? load_probe(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, id) : -EOPNOTSUPP;
	char why[128];

	if (r < 0) {
		explain_load(why, sizeof(why), r);
		add(h, "fmod-ret", "fmod_ret on security functions", VK_NO, "%s", why);
		return;
	}
	if (strcmp(h->preempt, "none") != 0 && strcmp(h->preempt, "voluntary") != 0) {
		add(h, "fmod-ret", "fmod_ret on security functions", VK_NO,
		    "loads, but fails open when the kernel may preempt it, and preempt=%s",
		    h->preempt);
		return;
	}
	add(h, "fmod-ret", "fmod_ret on security functions", VK_YES,
	    "loads, and preempt=%s cannot interrupt it", h->preempt);
	*ret_fmod = true;
}

static bool older_than(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int a = 0, b = 0;

	if (sscanf(release, "%u.%u", &a, &b) != 2)
		return true;
	return a < major || (a == major && b < minor);
}

static void refuse(struct vk_host *h, const char *reason, const char *advice)
{
	h->mechanism = VK_MECH_NONE;
	snprintf(h->reason, sizeof(h->reason), "%s", reason);
	snprintf(h->advice, sizeof(h->advice), "%s", advice);
}

static void decide(struct vk_host *h, const struct btf *btf, bool lsm, bool fmod)
{
	bool full = strcmp(h->preempt, "none") != 0 && strcmp(h->preempt, "voluntary") != 0;
	char reason[256], advice[256];

	if (geteuid() != 0) {
		refuse(h, "root privileges are needed", "run it as root, for example with sudo");
	} else if (!btf) {
		refuse(h, "this kernel has no type information (BTF)",
		       "use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions ship");
	} else if (lsm && full && older_than(h->kernel, 6, 2)) {
		snprintf(reason, sizeof(reason),
			 "this kernel (%s) with preempt=%s can lose sight of who is a member "
			 "(task storage look-ups fail spuriously before 6.2)",
			 h->kernel, h->preempt);
		refuse(h, reason, "boot with preempt=voluntary, or use a kernel from 6.2 on");
	} else if (lsm) {
		h->mechanism = VK_MECH_LSM;
	} else if (fmod) {
		h->mechanism = VK_MECH_FMOD_RET;
	} else if (strstr(h->lsm_list, "bpf")) {
		refuse(h, "this kernel refuses trampoline BPF programs (lsm, fmod_ret)",
		       "use a kernel that allows them; kernel lockdown must not be in force");
	} else {
		snprintf(reason, sizeof(reason),
			 "the BPF LSM is not active (lsm=%s) and fmod_ret is not safe here "
			 "(preempt=%s)",
			 h->lsm_list, h->preempt);
		snprintf(advice, sizeof(advice), "boot with lsm=%s%sbpf, or with preempt=voluntary",
			 h->lsm_list, h->lsm_list[0] ? "," : "");
		refuse(h, reason, advice);
	}
}

void vk_host_check(struct vk_host *ret)
{
	struct btf *btf;
	bool lsm = false, fmod = false;

	vk_silence_libbpf();
	memset(ret, 0, sizeof(*ret));
	check_basics(ret);
	vk_read_preempt(ret->preempt, sizeof(ret->preempt));
	btf = btf__load_vmlinux_btf();
	if (libbpf_get_error(btf))
		btf = NULL;
	check_lsm(ret, btf, &lsm);
	add(ret, "preempt", "preemption mode", VK_YES, "%s", ret->preempt);
	check_fmod(ret, btf, &fmod);
	decide(ret, btf, lsm, fmod);
	add(ret, "mechanism", "enforcement", ret->mechanism ? VK_YES : VK_NO, "%s",
	    ret->mechanism ? vk_mechanism_name(ret->mechanism) : ret->reason);
	btf__free(btf);
}

/* Parsed once in the life of the process: it takes longer than all that asks it. */
static const struct btf *kernel_btf(void)
{
	static struct btf *btf;

	if (!btf) {
		vk_silence_libbpf();
		btf = btf__load_vmlinux_btf();
	}
	return libbpf_get_error(btf) ? NULL : btf;
}

int vk_plan_hooks(uint32_t needs, const struct vk_host *host,
		  int (*fn)(const struct vk_hook_plan *plan, void *data), void *data)
{
	const struct btf *btf = kernel_btf();
	enum vk_mechanism m = host->mechanism ? host->mechanism : VK_MECH_LSM;
	int r = 0;

	for (size_t i = 0; r == 0 && i < vk_n_hooks; i++) {
		const struct vk_hook *h = &vk_hooks[i];
		char name[64];
		struct vk_hook_plan plan = {
			.program = h->program,
			.hook = h->lsm,
			.mechanism = host->mechanism,
			.available = btf && host->mechanism && vk_hook_available(h, m, btf),
			.why = h->why,
		};

		if (!vk_hook_wanted(h, needs, 0) || (h->optional && !plan.available))
			continue;
		if ((h->kind == VK_HOOK_DECIDES || h->kind == VK_HOOK_HEARS) &&
		    m == VK_MECH_FMOD_RET)
			plan.hook = vk_hook_function(h, name, sizeof(name));
		r = fn(&plan, data);
	}
	return r;
}
