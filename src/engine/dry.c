/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dry.c - a policy program before the kernel's verifier, as somebody without privileges.
 *
 * The verifier lets a privileged loader read the kernel and keep its addresses. So the code is
 * first loaded as a socket filter by a child that has CAP_BPF and no other capability, with an
 * event that is the value of a read-only map: what passes there cannot write to the event, read
 * beyond it, or learn an address, whatever it is appended to later. A verification can take a
 * second and more and ends only by a signal; hence a child, which can be killed.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <bpf/bpf.h>

#include "cleanup.h"
#include "program.h"

#define LOG_BYTES 65536
#define NOBODY 65534

/**
 * struct report - what the child leaves, in memory that both share
 * @done:  it looked at all policies
 * @entry: the one it looked at last
 * @error: positive errno of its load
 * @insns: of all
 * @stage: what the child did before
 */
struct report {
	uint32_t done;
	uint32_t entry;
	int32_t error;
	uint32_t insns;
	uint32_t stage;
	char log[LOG_BYTES];
};

static void map_name(char *buf, size_t len, const char *name)
{
	/* "vk": members cannot get at it, see guard.bpf.c. */
	snprintf(buf, len, "vku_%.11s", name);
	for (char *c = buf; *c; c++)
		if (*c == '-' || *c == '.')
			*c = '_';
}

static int make_map(const struct vk_program_image *img, const struct vk_program_map *m)
{
	static const enum bpf_map_type types[] = {
		[VK_MAP_TYPE_ARRAY] = BPF_MAP_TYPE_ARRAY,
		[VK_MAP_TYPE_HASH] = BPF_MAP_TYPE_HASH,
		[VK_MAP_TYPE_LRU] = BPF_MAP_TYPE_LRU_HASH,
	};
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	_cleanup_close_ int fd = -1;
	_cleanup_free_ uint8_t *value = NULL;
	uint32_t zero = 0;
	char name[16];

	if (m->flags & VK_MAP_FLAG_READ_ONLY)
		opts.map_flags |= BPF_F_RDONLY_PROG;
	if (m->type == VK_MAP_TYPE_HASH)
		opts.map_flags |= BPF_F_NO_PREALLOC;
	map_name(name, sizeof(name), m->name);
	fd = bpf_map_create(types[m->type], name, m->key_size, m->value_size, m->max_entries,
			    &opts);
	if (fd < 0)
		return -errno;
	if (m->data_len) {
		value = malloc(m->value_size);
		if (!value)
			return -ENOMEM;
		memcpy(value, vk_program_data(img) + m->data, m->data_len);
		if (bpf_map_update_elem(fd, &zero, value, BPF_ANY) < 0)
			return -errno;
	}
	/* Only what is frozen counts as a string literal. */
	if (m->flags & VK_MAP_FLAG_READ_ONLY && bpf_map_freeze(fd) < 0)
		return -errno;
	return vk_take_fd(&fd);
}

void vk_program_close_maps(struct vk_linked *p)
{
	for (uint32_t i = 0; i < VK_PROGRAM_MAPS; i++)
		vk_closep(&p->map_fds[i]), p->map_fds[i] = -1;
}

int vk_program_make_maps(struct vk_linked *p, struct vk_error *e)
{
	for (uint32_t i = 0; i < VK_PROGRAM_MAPS; i++)
		p->map_fds[i] = -1;
	for (uint32_t i = 0; i < p->img->maps.count; i++) {
		const struct vk_program_map *m = &vk_program_maps(p->img)[i];

		p->map_fds[i] = make_map(p->img, m);
		if (p->map_fds[i] < 0) {
			int code = -p->map_fds[i];

			vk_program_close_maps(p);
			return vk_error_set(e, code, "cannot make map %s: %s", m->name,
					    strerror(code));
		}
	}
	return 0;
}

/* ---- the child ---- */

static int drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}};
	const struct rlimit cpu = {VK_DRY_CPU_S, VK_DRY_CPU_S + 1};

	if (setrlimit(RLIMIT_CPU, &cpu) < 0 || prctl(PR_SET_KEEPCAPS, 1) < 0 ||
	    setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	caps[CAP_BPF / 32].permitted = 1u << (CAP_BPF % 32);
	caps[CAP_BPF / 32].effective = 1u << (CAP_BPF % 32);
	if (syscall(SYS_capset, &header, caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int load(const struct vk_code *code, char *log, uint32_t log_len)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attempts = 1, .log_buf = log, .log_size = log_len,
		    .log_level = log ? 1 : 0);

	return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "vk_dry", "GPL", code->insns, code->n,
			     &opts);
}

static _Noreturn void child(const struct vk_code *codes, uint32_t n, struct report *r)
{
	int code;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	code = drop_privileges();
	if (code < 0) {
		r->error = -code;
		_exit(1);
	}
	r->stage = 1;
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);
		int fd;

		r->entry = i;
		/* Without a log: it costs time, and a long one counts as a failure. */
		fd = load(&codes[i], NULL, 0);
		if (fd < 0) {
			r->error = errno;
			load(&codes[i], r->log, sizeof(r->log));
			_exit(1);
		}
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
			r->insns += info.verified_insns;
		close(fd);
		if (r->insns > VK_DRY_INSNS * (i + 1)) {
			r->error = E2BIG;
			_exit(1);
		}
	}
	r->done = 1;
	_exit(0);
}

/* ---- the parent ---- */

/* Whether a line of the verifier's log shows its state, and no reason. */
static bool is_noise(const char *line, size_t len)
{
	static const char *const heads[] = {
		"processed ", "from ", "; ",	"func#", "Func#",   "caller",	    "callee",
		"frame",      "last_", "regs=", "to ",	 "parent ", "mark_precise", "returning",
	};
	size_t i = 0;

	if (len == 0)
		return true;
	while (i < len && line[i] >= '0' && line[i] <= '9')
		i++;
	if (i > 0 && i < len && line[i] == ':')
		return true;
	if (line[0] == 'R' || line[0] == ' ') {
		/* "R1_w=ctx", as opposed to "R1 !read_ok" */
		for (i = 0; i < len && line[i] != ' '; i++)
			if (line[i] == '=')
				return true;
		if (line[0] == ' ')
			return true;
	}
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(line, heads[i], strlen(heads[i])) == 0)
			return true;
	return false;
}

/*
 * The first line with a reason after the last instruction, and that instruction. What follows the
 * reason are states, and advice since 7.3.
 */
static void find_reason(const char *log, char *reason, size_t room, uint32_t *ret_insn)
{
	bool found = false;

	snprintf(reason, room, "no reason is given");
	*ret_insn = UINT32_MAX;
	for (const char *line = log; *line;) {
		size_t len = strcspn(line, "\n");
		unsigned int insn;
		char paren;

		if (sscanf(line, "%u: %c", &insn, &paren) == 2 && paren == '(') {
			*ret_insn = insn;
			found = false;
		} else if (!found && !is_noise(line, len)) {
			snprintf(reason, room, "%.*s", (int)len, line);
			found = true;
		}
		line += len + (line[len] == '\n');
	}
}

/* "function f, instruction 3: ", if the position is one of the program's. */
static void describe_place(const struct vk_linked *p, uint32_t insn, char *buf, size_t len)
{
	buf[0] = '\0';
	for (uint32_t i = 0; i < p->img->functions.count; i++) {
		const struct vk_program_function *f = &vk_program_functions(p->img)[i];

		if (p->at[i] && insn >= p->at[i] - 1 && insn < p->at[i] - 1 + f->count)
			snprintf(buf, len, "function %s, instruction %u: ", f->name,
				 insn - (p->at[i] - 1));
	}
}

static int judge(struct vk_linked *p, const char *what, const struct report *r, int status,
		 struct vk_error *e)
{
	char reason[256], place[96];
	uint32_t insn;

	if (r->done && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (!r->stage && WIFEXITED(status))
		return vk_error_set(e, r->error ? r->error : EIO,
				    "cannot prepare to verify the program: %s", strerror(r->error));
	if (WIFSIGNALED(status)) {
		vk_error_set(e, EACCES, "policy %s: the kernel's verifier needs too much time",
			     what);
		vk_error_advise(e, "make its loops shorter");
		return -EACCES;
	}
	if (r->error == E2BIG && !r->log[0]) {
		vk_error_set(e, EACCES,
			     "policy %s: the kernel's verifier needs %u steps, and %d are possible",
			     what, r->insns, VK_DRY_INSNS);
		vk_error_advise(e, "make its loops shorter");
		return -EACCES;
	}
	if (r->error == EPERM && !r->log[0])
		return vk_error_set(e, EPERM,
				    "the kernel permits no BPF to a process with CAP_BPF");
	find_reason(r->log, reason, sizeof(reason), &insn);
	describe_place(p, insn, place, sizeof(place));
	vk_error_set(e, EACCES, "policy %s: %s%s", what, place, reason);
	vk_error_advise(e, "the kernel's verifier says so; see docs/programs.md for what it wants");
	return -EACCES;
}

static int wait_for(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};
	int status = 0, n;

	do
		n = poll(&fd, 1, VK_DRY_WALL_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Events have no path, one, or two. */
static const uint32_t event_bytes[] = {VK_EVENT_FIXED, VK_EVENT_ONE_PATH,
				       sizeof(struct vk_policy_event)};
#define EVENTS (sizeof(event_bytes) / sizeof(event_bytes[0]))

/* @events: maps with an event of each size; -1: not needed so far */
struct attempt {
	struct vk_code codes[VK_PROGRAM_ENTRIES];
	uint32_t n;
	struct report *report;
	int events[EVENTS];
};

static void attempt_free(struct attempt *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		vk_code_free(&a->codes[i]);
	for (size_t i = 0; i < EVENTS; i++)
		vk_closep(&a->events[i]);
	if (a->report)
		munmap(a->report, sizeof(*a->report));
}

/* A map that holds an event of @bytes, which a program cannot write; or a negative errno. */
static int event_map(struct attempt *a, uint32_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_RDONLY_PROG);
	size_t i = 0;

	while (i < EVENTS - 1 && event_bytes[i] != bytes)
		i++;
	if (a->events[i] < 0)
		a->events[i] =
			bpf_map_create(BPF_MAP_TYPE_ARRAY, "vk_dry_event", 4, bytes, 1, &opts);
	return a->events[i] < 0 ? -errno : a->events[i];
}

static uint32_t usec_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((now.tv_sec - then->tv_sec) * 1000000 +
			  (now.tv_nsec - then->tv_nsec) / 1000);
}

int vk_program_dry_load(struct vk_linked *p, struct vk_dry *ret, struct vk_error *e)
{
	vk_cleanup(attempt_free) struct attempt a = {.events = {-1, -1, -1}};
	const struct vk_program_entry *entries = vk_program_entries(p->img);
	struct timespec start;
	int r = 0, status;
	pid_t pid;

	a.report = mmap(NULL, sizeof(*a.report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (a.report == MAP_FAILED) {
		a.report = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	for (uint32_t i = 0; r == 0 && i < p->img->entries.count; i++) {
		int event = event_map(&a, vk_program_event_bytes(entries[i].hook, p->img->wants));

		if (event < 0)
			return vk_error_set(e, -event, "cannot make an event: %s",
					    strerror(-event));
		a.n = i + 1;
		r = vk_dry_code(p, entries[i].function, event, &a.codes[i], e);
	}
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid < 0)
		return vk_error_set(e, errno, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		child(a.codes, a.n, a.report);
	status = wait_for(pid);
	/* The last code laid out tells where functions are; each entry has its own. */
	if (a.n && a.report->entry < a.n) {
		struct vk_code again = {0};

		vk_dry_code(p, entries[a.report->entry].function, 0, &again, NULL);
		vk_code_free(&again);
	}
	r = judge(p, a.n ? vk_program_hook_name(entries[a.report->entry % a.n].hook) : "", a.report,
		  status, e);
	if (ret) {
		ret->insns = a.report->insns;
		ret->usec = usec_since(&start);
	}
	return r;
}
