// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The default seccomp profile of container engines, imported, says what the original says: by the
 * programs that the kernel runs, for every number of every ABI, and under real seccomp.
 *
 * The original is installed as runtimes do it: rule by rule through libseccomp.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <jansson.h>
#include <seccomp.h>

#include "cbpf.h"
#include "cleanup.h"
#include "entry.h"
#include "import.h"
#include "parse.h"

/* Of the Debian package golang-github-containers-common. */
static const char profile[] = "/usr/share/containers/seccomp.json";
static const char *const caps[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",      "CAP_FOWNER",	      "CAP_MKNOD",
	"CAP_NET_RAW", "CAP_SETGID",	   "CAP_SETUID",      "CAP_SETFCAP",	      "CAP_SETPCAP",
	"CAP_KILL",    "CAP_SYS_CHROOT",   "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE",
};

static char *slurp(const char *path, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, 1 << 20);
	ssize_t n = fd < 0 ? -1 : read(fd, text, (1 << 20) - 1);

	ASSERT(text && n > 0);
	*ret_len = (size_t)n;
	return text;
}

/* ---- the original ---- */

static bool has_cap(const char *name)
{
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (strcmp(caps[i], name) == 0)
			return true;
	return false;
}

static bool wanted(json_t *item)
{
	json_t *in = json_object_get(item, "includes"), *ex = json_object_get(item, "excludes"), *w;
	bool arch = !json_object_get(in, "arches");
	size_t i;

	json_array_foreach(json_object_get(in, "arches"), i, w) arch |=
		strcmp(json_string_value(w), "amd64") == 0;
	json_array_foreach(json_object_get(in, "caps"), i, w) arch &= has_cap(json_string_value(w));
	json_array_foreach(json_object_get(ex, "caps"), i, w) arch &=
		!has_cap(json_string_value(w));
	return arch;
}

static uint32_t action_of(json_t *o, const char *key, const char *err)
{
	const char *action = json_string_value(json_object_get(o, key));
	json_t *e = json_object_get(o, err);

	return strcmp(action, "SCMP_ACT_ALLOW") == 0 ?
		       SCMP_ACT_ALLOW :
	       strcmp(action, "SCMP_ACT_KILL_PROCESS") == 0 ?
		       SCMP_ACT_KILL_PROCESS :
		       SCMP_ACT_ERRNO((uint32_t)(e ? json_integer_value(e) : EPERM));
}

static enum scmp_compare op_of(const char *op)
{
	return strcmp(op, "SCMP_CMP_EQ") == 0 ? SCMP_CMP_EQ :
	       strcmp(op, "SCMP_CMP_NE") == 0 ? SCMP_CMP_NE :
	       strcmp(op, "SCMP_CMP_LE") == 0 ? SCMP_CMP_LE :
	       strcmp(op, "SCMP_CMP_GE") == 0 ? SCMP_CMP_GE :
	       strcmp(op, "SCMP_CMP_LT") == 0 ? SCMP_CMP_LT :
	       strcmp(op, "SCMP_CMP_GT") == 0 ? SCMP_CMP_GT :
						SCMP_CMP_MASKED_EQ;
}

static void add_item(scmp_filter_ctx ctx, json_t *item, uint32_t def)
{
	uint32_t action = action_of(item, "action", "errnoRet");
	struct scmp_arg_cmp cmp[6];
	unsigned int n = 0;
	json_t *name, *arg;
	size_t i;

	if (action == def || !wanted(item))
		return;
	json_array_foreach(json_object_get(item, "args"), i, arg) cmp[n++] = (struct scmp_arg_cmp){
		(unsigned int)json_integer_value(json_object_get(arg, "index")),
		op_of(json_string_value(json_object_get(arg, "op"))),
		(scmp_datum_t)json_integer_value(json_object_get(arg, "value")),
		(scmp_datum_t)json_integer_value(json_object_get(arg, "valueTwo")),
	};
	json_array_foreach(json_object_get(item, "names"), i, name)
	{
		int nr = seccomp_syscall_resolve_name(json_string_value(name));

		if (nr != __NR_SCMP_ERROR)
			(void)seccomp_rule_add_array(ctx, action, nr, n, cmp);
	}
}

static void build_original(const char *text, size_t len, struct vk_entry *ret)
{
	json_t *root = json_loadb(text, len, 0, NULL), *item;
	uint32_t def = action_of(root, "defaultAction", "defaultErrnoRet");
	scmp_filter_ctx ctx = seccomp_init(def);
	int fd = memfd_create("original", MFD_CLOEXEC);
	off_t size;
	size_t i;

	ASSERT(root && ctx && fd >= 0);
	ASSERT(seccomp_arch_add(ctx, SCMP_ARCH_X86) == 0);
	ASSERT(seccomp_arch_add(ctx, SCMP_ARCH_X32) == 0);
	json_array_foreach(json_object_get(root, "syscalls"), i, item) add_item(ctx, item, def);
	ASSERT(seccomp_export_bpf(ctx, fd) == 0);
	size = lseek(fd, 0, SEEK_END);
	ret->n = (size_t)size / sizeof(struct sock_filter);
	ret->insns = calloc(ret->n, sizeof(struct sock_filter));
	ASSERT(pread(fd, ret->insns, (size_t)size, 0) == size);
	close(fd);
	seccomp_release(ctx);
	json_decref(root);
}

/* ---- the import ---- */

struct made {
	struct vk_imported import;
	struct vk_policy *policy;
	struct vk_filter filter;
	struct vk_entry original, entry;
};

static void made_free(struct made *m)
{
	vk_imported_free(&m->import);
	vk_policy_free(m->policy);
	vk_filter_free(&m->filter);
	vk_entry_free(&m->original);
	vk_entry_free(&m->entry);
}

static void import(struct made *m, enum vk_import_kind kind, const char *text, size_t len)
{
	struct vk_import_from from = {.file = "profile", .text = text, .len = len};
	struct vk_error e = {0};
	enum vk_import_kind found;
	int r;

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		int cap;

		ASSERT(vk_cap_parse(caps[i], &cap) == 0);
		from.caps |= UINT64_C(1) << cap;
	}
	m->filter.coarse = -1;
	CHECK(vk_import_detect(&from, &found, &e) == 0 && found == kind);
	r = vk_import(kind, &from, &m->import, &e);
	if (r == 0)
		r = vk_policy_parse("imported", m->import.yaml, strlen(m->import.yaml), NULL, NULL,
				    &m->policy, &e);
	if (r == 0)
		r = vk_filter_make((const struct vk_policy *const *)&m->policy, 1, &m->filter, &e);
	if (r == 0)
		r = vk_entry_build(&m->filter, &m->entry, &e);
	if (r < 0) {
		FAIL("%s", e.message);
		tap_abort();
	}
}

static void import_default(struct made *m)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	text = slurp(getenv("VK_PROFILE") ? getenv("VK_PROFILE") : profile, &len);
	import(m, VK_IMPORT_SECCOMP, text, len);
	build_original(text, len, &m->original);
}

/* Every number, with arguments that the profile speaks of and others. */
static unsigned int compare(const struct vk_entry *a, const struct vk_entry *b)
{
	static const uint64_t values[] = {
		0,	    1,		 2,	      3,	 7,	     8,
		9,	    10,		 16,	      17,	 38,	     39,
		40,	    41,		 0x20000,     0x20008,	 0xffffffff, 0x7e020000,
		0x10000000, 0x100000000, 0x100000028, UINT64_MAX};
	const size_t n_values = sizeof(values) / sizeof(values[0]);
	unsigned int n = 0, unlike = 0;

	for (int abi = 0; abi < 3; abi++) {
		for (uint32_t nr = 0; nr < 600; nr++) {
			for (size_t k = 0; k < n_values * 3; k++, n++) {
				struct seccomp_data d = {
					.nr = (int)(abi == 2 ? nr | 0x40000000 : nr),
					.arch = abi == 1 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64,
				};
				uint32_t x, y;

				for (size_t i = 0; i < 6; i++) {
					d.args[i] = values[(k * (i + 1) + i * 5) % n_values];
					if (abi == 1)
						d.args[i] &= UINT32_MAX;
				}
				x = cbpf_run(a->insns, a->n, &d);
				y = cbpf_run(b->insns, b->n, &d);
				if (x != y && unlike++ < 20)
					FAIL("%s %u(%#llx, %#llx, %#llx): %#x and %#x",
					     abi == 0 ? "x86-64" :
					     abi == 1 ? "ia32" :
							"x32",
					     nr, (unsigned long long)d.args[0],
					     (unsigned long long)d.args[1],
					     (unsigned long long)d.args[2], x, y);
			}
		}
	}
	return n;
}

TEST(imported_is_the_original)
{
	vk_cleanup(made_free) struct made m = {0};

	import_default(&m);
	CHECK(m.import.unlike == 0);
	CHECK(m.import.n_lost > 0);
	CHECK(m.filter.coarse < 0);
	tap_diag("%u calls; %zu and %zu instructions", compare(&m.original, &m.entry), m.original.n,
		 m.entry.n);
}

TEST(exported_again_is_the_original)
{
	vk_cleanup(vk_imported_free) struct vk_imported json = {0};
	vk_cleanup(vk_entry_free) struct vk_entry again = {0};
	vk_cleanup(made_free) struct made m = {0};
	struct vk_error e = {0};

	import_default(&m);
	CHECK(vk_filter_json(&m.filter, &json, &e) == 0);
	CHECK(json.n_lost == 0);
	build_original(json.yaml, strlen(json.yaml), &again);
	compare(&m.original, &again);
}

TEST(of_a_config_the_same)
{
	vk_cleanup(vk_imported_free) struct vk_imported json = {0};
	vk_cleanup(made_free) struct made m = {0}, config = {0};
	_cleanup_free_ char *text = NULL;
	struct vk_error e = {0};

	import_default(&m);
	ASSERT(vk_filter_json(&m.filter, &json, &e) == 0);
	ASSERT(asprintf(&text, "{\"ociVersion\": \"1.0.2\", \"linux\": {\"seccomp\": %s}}",
			json.yaml) > 0);
	import(&config, VK_IMPORT_OCI, text, strlen(text));
	CHECK(config.import.unlike == 0);
	compare(&m.original, &config.entry);
}

/* As a container's runtime gets it: the engine's profile and a policy's conditions together. */
TEST(joined_with_a_policy)
{
	static const char text[] = "vkernel: 1\nsyscalls:\n  deny: [mkdir, ptrace]\n  rules:\n"
				   "    - {deny: ioctl, when: {cmd: TIOCSTI}, errno: EACCES}\n"
				   "    - {kill: dup, when: {arg0: 9}}\n";
	vk_cleanup(vk_filter_free) struct vk_filter both = {.coarse = -1};
	vk_cleanup(vk_imported_free) struct vk_imported json = {0};
	vk_cleanup(vk_entry_free) struct vk_entry ours = {0}, runtime = {0};
	vk_cleanup(vk_policy_freep) struct vk_policy *policy = NULL;
	vk_cleanup(made_free) struct made m = {0};
	struct vk_error e = {0};

	import_default(&m);
	ASSERT(vk_policy_parse("p", text, strlen(text), NULL, NULL, &policy, &e) == 0);
	ASSERT(vk_filter_make((const struct vk_policy *const[]){policy, m.policy}, 2, &both, &e) ==
	       0);
	ASSERT(vk_entry_build(&both, &ours, &e) == 0);
	ASSERT(vk_filter_json(&both, &json, &e) == 0);
	CHECK(json.n_lost == 0);
	build_original(json.yaml, strlen(json.yaml), &runtime);
	compare(&ours, &runtime);
}

/* ---- under real seccomp ---- */

#define NUMBERS 560 /* of one ABI; those of x32 end at 547 */
#define X32_BIT 0x40000000

/* What would end or stop the process that asks, or the machine. */
static bool harmful(int call)
{
	static const char *const names[] = {
		"pause",
		"rt_sigsuspend",
		"sigsuspend",
		"exit",
		"exit_group",
		"fork",
		"vfork",
		"clone",
		"clone3",
		"rt_sigreturn",
		"sigreturn",
		"sync",
		"reboot",
		"vhangup",
		"alarm",
		"setsid",
		"munmap",
		"idle",
		"execve",
		"seccomp",
		"kill",
		"tkill",
		"tgkill",
		"rt_sigtimedwait",
		"ptrace",
		"vm86",
		"vm86old",
		"wait4",
		"waitid",
		"waitpid",
		"set_thread_area",
		"modify_ldt",
		"arch_prctl",
		"restart_syscall",
		"mmap",
		"brk",
		"close_range",
		"rseq",
		"uretprobe",
		"uprobe",
		"poll",
		"ppoll",
		"select",
		"msgget",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (call < 0 || strcmp(vk_syscalls[call].name, names[i]) == 0)
			return true;
	return false;
}

static long call_ia32(long nr, long a)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static long call(enum vk_abi abi, long nr)
{
	return abi == VK_ABI_IA32 ? call_ia32(nr, -1) :
	       syscall(abi == VK_ABI_X32 ? nr | X32_BIT : nr, -1, -1, -1, -1, -1, -1) == -1 ?
				    -errno :
				    0;
}

/* Asks for everything of an ABI, in a child under @entry. */
static void ask_all(const struct vk_entry *entry, enum vk_abi abi, int *results)
{
	pid_t pid = fork();
	int status;

	ASSERT(pid >= 0);
	if (pid == 0) {
		for (int nr = 0; nr < NUMBERS; nr++)
			results[nr] = 1;
		if (vk_entry_apply(entry) < 0)
			_exit(2);
		for (int nr = 0; nr < NUMBERS; nr++)
			if (!harmful(vk_syscall_at(abi, (uint32_t)nr))) {
				long r = call(abi, nr);

				results[nr] = r < 0 ? (int)r : 0;
			}
		_exit(0);
	}
	ASSERT(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void same_under_seccomp(enum vk_abi abi)
{
	vk_cleanup(made_free) struct made m = {0};
	int *results = mmap(NULL, 2 * NUMBERS * sizeof(int), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int asked = 0, denied = 0;

	ASSERT(results != MAP_FAILED);
	import_default(&m);
	ask_all(&m.original, abi, results);
	ask_all(&m.entry, abi, results + NUMBERS);
	for (int nr = 0; nr < NUMBERS; nr++) {
		if (results[nr] != results[NUMBERS + nr])
			FAIL("%s %d: %d and %d", vk_abi_words[abi], nr, results[nr],
			     results[NUMBERS + nr]);
		asked += results[nr] != 1;
		denied += results[nr] == -EPERM || results[nr] == -ENOSYS;
	}
	CHECK(denied > 25 && asked > 2 * denied);
	tap_diag("%u of %u denied", denied, asked);
}

TEST(real_seccomp_says_the_same)
{
	same_under_seccomp(VK_ABI_X86_64);
}

TEST(real_seccomp_says_the_same_of_ia32)
{
	if (call_ia32(20 /* getpid */, 0) != getpid())
		SKIP("this kernel has no 32-bit system calls");
	same_under_seccomp(VK_ABI_IA32);
}

TEST(real_seccomp_says_the_same_of_x32)
{
	if (syscall(SYS_getpid | X32_BIT) != getpid())
		SKIP("this kernel has no x32 calls, or was booted without syscall.x32=y");
	same_under_seccomp(VK_ABI_X32);
}
