// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * attack.c - runs the attacks: in plain containers, which it sets up itself, and as a member.
 *
 * With ATTACKS_TABLE=1 it prints the table of docs/attacks.md and ends.
 */
#include "attack.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "hooks.h"

/* ---- the list ---- */

#define MAX_ATTACKS 192

static const struct attack *attacks[MAX_ATTACKS];
static size_t n_attacks;

void attack_register(const struct attack *a)
{
	attacks[n_attacks++ % MAX_ATTACKS] = a;
}

static void put_cell(const char *text)
{
	fputs(" ", stdout);
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
	fputs(" |", stdout);
}

static void print_table(void)
{
	puts("| attack | against | primitive | rule | hook | answer | privileged | default |");
	puts("| --- | --- | --- | --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < n_attacks; i++) {
		const struct attack *a = attacks[i];
		char code[300];

		fputs("|", stdout);
		put_cell(a->name);
		put_cell(a->against);
		put_cell(a->primitive);
		snprintf(code, sizeof(code), "`%s`", a->rule);
		put_cell(code);
		put_cell(a->hook);
		put_cell(strerrorname_np(a->err));
		put_cell(a->plain & PRIVILEGED ? "succeeds" : "fails");
		put_cell(a->plain & DEFAULT ? "succeeds" : "fails");
		putchar('\n');
	}
}

/* After all cases have registered, as main() comes later still. */
__attribute__((constructor(65535))) static void table_wanted(void)
{
	if (!getenv("ATTACKS_TABLE"))
		return;
	print_table();
	fflush(stdout);
	_exit(0);
}

/* ---- attackers' tools ---- */

int attack_open(const char *path, int flags)
{
	return live_open(path, flags);
}

int attack_rewrite(const char *path)
{
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC), out = -1;
	char text[4096];
	ssize_t len = in < 0 ? 0 : read(in, text, sizeof(text));

	out = open(path, O_WRONLY | O_CLOEXEC);
	if (out < 0)
		return errno;
	return len > 0 && write(out, text, (size_t)len) != len ? errno : 0;
}

int attack_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t attack_victim(void)
{
	static pid_t pid;

	if (pid)
		return pid;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ASSERT(pid > 0);
	return pid;
}

void secret_prepare(void)
{
	live_file(SECRET, "secret");
}

void secret_check(void)
{
	char text[8] = {0};
	_cleanup_close_ int fd = open(SECRET, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(read(fd, text, 7), 6);
	CHECK_STREQ(text, "secret");
}

/* ---- plain containers ---- */

/* Docker's default set. */
static const unsigned int default_caps[] = {
	CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,	     CAP_FOWNER,
	CAP_MKNOD,   CAP_NET_RAW,      CAP_SETGID,	     CAP_SETUID,
	CAP_SETFCAP, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
	CAP_KILL,    CAP_AUDIT_WRITE,
};

static int keep_default_caps(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	for (size_t i = 0; i < sizeof(default_caps) / sizeof(default_caps[0]); i++)
		data[default_caps[i] / 32].permitted |= 1u << default_caps[i] % 32;
	for (unsigned int cap = 0; cap < 64; cap++)
		if (!(data[cap / 32].permitted >> cap % 32 & 1) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return -1;
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	return (int)syscall(SYS_capset, &head, data);
}

/* Read-only, and masked, as the engines do it. What is not there needs no mask. */
static int mask_files(void)
{
	static const char *const masked[] = {"/proc/acpi",
					     "/proc/asound",
					     "/proc/kcore",
					     "/proc/keys",
					     "/proc/latency_stats",
					     "/proc/timer_list",
					     "/proc/timer_stats",
					     "/proc/sched_debug",
					     "/proc/scsi",
					     "/sys/firmware",
					     "/sys/devices/virtual/powercap",
					     NULL};
	static const char *const fixed[] = {
		"/proc/bus",	       "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger", "/sys",	   NULL};
	static const char *const empty[] = {"/sys/kernel/security", "/sys/kernel/debug",
					    "/sys/kernel/tracing", "/sys/fs/bpf", NULL};

	/* An engine mounts a new sysfs, so none of these is in it. */
	for (const char *const *p = empty; *p; p++)
		if (access(*p, F_OK) == 0 && mount("none", *p, "tmpfs", MS_RDONLY, NULL) < 0)
			return -1;
	for (const char *const *p = masked; *p; p++) {
		struct stat st;

		if (stat(*p, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) ? mount("none", *p, "tmpfs", MS_RDONLY, NULL) :
					  mount("/dev/null", *p, NULL, MS_BIND, NULL))
			return -1;
	}
	for (const char *const *p = fixed; *p; p++) {
		if (access(*p, F_OK) < 0)
			continue;
		if (mount(*p, *p, NULL, MS_BIND | MS_REC, NULL) < 0 ||
		    mount(NULL, *p, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
			return -1;
	}
	return 0;
}

/*
 * The devices of a container: of memory only null, zero, full, random, urandom and kmsg; ttys and
 * ptys; no block device. A cgroup with a program that says so.
 */
static int restrict_devices(void)
{
	/* access_type, major and minor; the type is the low half of the first. */
	static const struct bpf_insn code[] = {
		{BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0}, /* r2 = access_type */
		{BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0}, /* r3 = major */
		{BPF_LDX | BPF_MEM | BPF_W, 4, 1, 8, 0}, /* r4 = minor */
		{BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff},
		{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1},
		{BPF_JMP | BPF_JNE | BPF_K, 2, 0, 8, BPF_DEVCG_DEV_CHAR}, /* no: deny */
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 2, 1}, /* mem: look at the minor */
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 7, 5}, /* tty: allow */
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 6, 136}, /* pts: allow */
		{BPF_JMP | BPF_JNE | BPF_K, 3, 0, 4, 1}, /* others: deny */
		{BPF_JMP | BPF_JLT | BPF_K, 4, 0, 3, 3}, /* mem, kmem: deny */
		{BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 2, 4}, /* port: deny */
		{BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 1, 11}, /* kmsg: deny */
		{BPF_JMP | BPF_JA, 0, 0, 1, 0},
		{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	};
	static const char group[] = "/sys/fs/cgroup/attacks";
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
			       .insn_cnt = sizeof(code) / sizeof(code[0]),
			       .insns = (uintptr_t)code,
			       .license = (uintptr_t) "GPL"};
	union bpf_attr attach = {.attach_type = BPF_CGROUP_DEVICE};
	_cleanup_close_ int dir = -1, prog = -1, procs = -1;

	if (mkdir(group, 0755) < 0 && errno != EEXIST)
		return -1;
	dir = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	procs = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (dir < 0 || prog < 0 || procs < 0)
		return -1;
	attach.target_fd = (uint32_t)dir;
	attach.attach_bpf_fd = (uint32_t)prog;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		return -1;
	return write(procs, "0", 1) == 1 ? 0 : -1;
}

/* In a child that has all namespaces already. */
static int become_default(void)
{
	if (mount("proc", "/proc", "proc", 0, NULL) < 0 || mask_files() < 0)
		return -1;
	return keep_default_caps();
}

#define PREPARED 1000 /* above every errno: the container could not be set up */

/* What the attempt gives in a plain container of this kind. */
static int run_plain(const struct attack *a, enum attack_plain kind, volatile int *result)
{
	int flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
	pid_t pid;

	*result = PREPARED;
	if (kind == DEFAULT)
		flags |= CLONE_NEWPID | CLONE_NEWNET;
	pid = fork();
	if (pid == 0) {
		if ((kind == DEFAULT && restrict_devices() < 0) || unshare(flags) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(1);
		/* The first process of the pid namespace. */
		pid = fork();
		if (pid == 0) {
			if (kind == DEFAULT && become_default() < 0) {
				perror("# set-up of a default container");
				_exit(1);
			}
			*result = a->attempt();
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return *result;
}

static void check_plain(const struct attack *a, enum attack_plain kind, volatile int *result)
{
	const char *name = kind == DEFAULT ? "default" : "privileged";
	int err;

	if (a->prepare)
		a->prepare();
	err = run_plain(a, kind, result);
	if (err == PREPARED)
		FAIL("%s: the plain %s container did not come to the attempt", a->name, name);
	else if (!err != !!(a->plain & kind))
		FAIL("%s: in a plain %s container it %s (%s)", a->name, name,
		     err ? "fails" : "succeeds", err ? strerrorname_np(err) : "0");
	tap_diag("plain %s: %s", name, err ? strerrorname_np(err) : "succeeds");
}

/* ---- as a member ---- */

/* What the report of the denial must be. */
struct expected {
	const struct attack *a;
	struct vk_info info;
	bool found;
	char others[400];
};

static int look_at(const struct vk_event *ev, void *data)
{
	struct expected *x = data;
	struct vk_reason why;
	char text[300];

	if (ev->vki != live.id || ev->verdict != VK_EVENT_DENIED)
		return 0;
	cli_event_reason(ev, (const struct vk_policy *const *)x->info.layers, x->info.n_layers,
			 &why);
	snprintf(text, sizeof(text), "%s%s%s", why.policy ? why.policy->name : "",
		 why.policy ? ": " : "", why.text);
	if (ev->op == x->a->op && strcmp(text, x->a->rule) == 0) {
		x->found = true;
		return 0;
	}
	snprintf(x->others + strlen(x->others), sizeof(x->others) - strlen(x->others),
		 " [%s by \"%s\"]", cli_op_name(ev->op), text);
	return 0;
}

static volatile int *member_result;

static void attempt_as_member(void *arg)
{
	const struct attack *a = arg;

	*member_result = a->attempt();
}

static void check_member(const struct attack *a, volatile int *result)
{
	struct expected x = {.a = a};
	struct vk_event_reader *events = NULL;
	struct vk_error e = {0};
	struct live_member m;

	if (a->prepare)
		a->prepare();
	live_policy(a->policy);
	if (!live_ok(vk_events_open(live.eng, &events, &e), &e) ||
	    !live_ok(vk_instance_get(live.eng, live.name, &x.info, &e), &e))
		tap_abort();
	*result = PREPARED;
	member_result = result;
	m = live_fork(attempt_as_member, (void *)(uintptr_t)a);
	live_attach(&m);
	live_go(&m);
	CHECK_EQ(live_wait(&m), 0);
	if (*result != a->err)
		FAIL("%s: the member got %s instead of %s", a->name,
		     *result ? strerrorname_np(*result) : "through", strerrorname_np(a->err));
	while (vk_events_poll(events, 0, look_at, &x) > 0)
		;
	if (!x.found)
		FAIL("%s: no report says %s by \"%s\", but%s", a->name, cli_op_name(a->op), a->rule,
		     *x.others ? x.others : " there is none");
	vk_events_close(events);
	vk_info_free(&x.info);
	if (a->check)
		a->check();
}

/*
 * What a plain container may do does not depend on how our programs are attached, as none of them
 * is asked: on 6.1 and 6.12 the boots in mode lsm show it, and those in mode fmod need not again.
 */
static bool plain_is_known(void)
{
	const char *mode = getenv("VKERNEL_TEST_MODE");

	return mode && strcmp(mode, "fmod") == 0;
}

static bool is_hook(const char *name)
{
	for (size_t i = 0; i < vk_n_hooks; i++)
		if (strcmp(vk_hooks[i].lsm, name) == 0)
			return true;
	return false;
}

void attack_run(const struct attack *a)
{
	volatile int *result =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *lacks = a->lacks ? a->lacks() : NULL;

	ASSERT(result != MAP_FAILED);
	CHECK(is_hook(a->hook));
	if (lacks)
		SKIP("%s", lacks);
	if (!plain_is_known()) {
		check_plain(a, PRIVILEGED, result);
		check_plain(a, DEFAULT, result);
	}
	check_member(a, result);
}
