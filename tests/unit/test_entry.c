// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The filter for system calls says what the policy's explanation says: thousands of calls with
 * arguments on every ABI, through the program that the kernel would run.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "cbpf.h"
#include "cleanup.h"
#include "entry.h"
#include "parse.h"
#include "tap.h"

static uint32_t returned(struct vk_sys_verdict v)
{
	return v.act == VK_SYS_ALLOW ? SECCOMP_RET_ALLOW :
	       v.act == VK_SYS_AUDIT ? SECCOMP_RET_LOG :
	       v.act == VK_SYS_KILL  ? SECCOMP_RET_KILL_PROCESS :
				       SECCOMP_RET_ERRNO | v.err;
}

/* The same sequence in every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct subject {
	struct vk_policy *layers[VK_MAX_LAYERS];
	size_t n;
	struct vk_filter filter;
	struct vk_entry entry;
	uint64_t values[128]; /* that the rules compare with, and their neighbours */
	size_t n_values;
};

static void parse(struct subject *s, const char *text)
{
	struct vk_error e = {0};
	char doc[8192];

	snprintf(doc, sizeof(doc), "vkernel: 1\n%s", text);
	if (vk_policy_parse("test.yaml", doc, strlen(doc), NULL, NULL, &s->layers[s->n], &e) < 0) {
		FAIL("%u:%u: %s (%s)", e.line, e.column, e.message, doc);
		tap_abort();
	}
	s->n++;
}

static void collect_values(struct subject *s, const struct vk_policy *p)
{
	for (size_t i = 0; i < p->sys.n_rules; i++) {
		for (uint8_t k = 0; k < p->sys.rules[i].n_conds; k++) {
			const struct vk_sys_cond *c = &p->sys.rules[i].conds[k];
			const uint64_t some[] = {c->value,
						 c->value + 1,
						 c->value - 1,
						 c->value | 1ull << 32,
						 c->value | 1u << 31,
						 c->mask,
						 c->mask ^ c->value};

			for (size_t v = 0; v < 7 && s->n_values < 128; v++)
				s->values[s->n_values++] = some[v];
		}
	}
	for (size_t i = 0; i < p->n_uses; i++)
		collect_values(s, p->uses[i]);
}

/* False: the conditions are too many together, which is said and not made half. */
static bool try_build(struct subject *s)
{
	struct vk_error e = {0};
	int r;

	s->filter.coarse = -1;
	for (size_t i = 0; i < s->n; i++)
		collect_values(s, s->layers[i]);
	r = vk_filter_make((const struct vk_policy *const *)s->layers, s->n, &s->filter, &e);
	if (r == 0)
		r = vk_entry_build(&s->filter, &s->entry, &e);
	if (r == -E2BIG)
		return false;
	if (r < 0) {
		FAIL("%s", e.message);
		tap_abort();
	}
	CHECK(s->entry.n > 0);
	return true;
}

static void build(struct subject *s)
{
	if (!try_build(s)) {
		FAIL("too many conditions");
		tap_abort();
	}
}

static void subject_free(struct subject *s)
{
	for (size_t i = 0; i < s->n; i++)
		vk_policy_free(s->layers[i]);
	vk_filter_free(&s->filter);
	vk_entry_free(&s->entry);
}

/* Whether the filter may be stricter than the policy: what ia32 reaches through a multiplexer. */
static bool coarse(const struct subject *s, enum vk_abi abi, uint32_t nr)
{
	int mux, call = vk_syscall_at(abi, nr);

	if (s->filter.coarse < 0 || abi != VK_ABI_IA32 || call < 0)
		return false;
	return vk_syscall_mux(call, &mux) >= 0 || call == vk_syscall_find("socketcall") ||
	       call == vk_syscall_find("ipc");
}

static void check_one(const struct subject *s, enum vk_abi abi, uint32_t nr, const uint64_t args[6])
{
	struct seccomp_data data = {
		.nr = (int)(abi == VK_ABI_X32 ? nr | VK_X32_BIT : nr),
		.arch = abi == VK_ABI_IA32 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64,
	};
	struct vk_sys_verdict want;
	struct vk_reason why;
	uint32_t got, expected;

	memcpy(data.args, args, sizeof(data.args));
	vk_explain_syscall((const struct vk_policy *const *)s->layers, s->n, abi, nr, args, &why,
			   &want);
	got = cbpf_run(s->entry.insns, s->entry.n, &data);
	expected = returned(want);
	/* Numbers beyond the table are refused by the strictest default of all ABIs. */
	if (got == expected || (coarse(s, abi, nr) && (int32_t)got < (int32_t)expected))
		return;
	FAIL("%s %u(%#llx, %#llx, %#llx): the filter returns %#x, the policy says %#x (%s)",
	     vk_abi_words[abi], nr, (unsigned long long)args[0], (unsigned long long)args[1],
	     (unsigned long long)args[2], got, expected, why.text);
}

/* Every number of every ABI, with arguments that the rules speak of and others. */
static unsigned int check_all(const struct subject *s)
{
	uint64_t random = 88172645463325252u;
	unsigned int n = 0;

	for (int abi = 0; abi < VK_ABIS; abi++) {
		for (uint32_t nr = 0; nr < 560; nr++) {
			for (int k = 0; k < 12; k++, n++) {
				uint64_t args[6];

				for (int a = 0; a < 6; a++) {
					args[a] = next_random(&random);
					if (k < 9 && s->n_values)
						args[a] = s->values[args[a] % s->n_values];
					else if (k < 11)
						args[a] %= 24;
					if (abi == VK_ABI_IA32)
						args[a] &= UINT32_MAX;
				}
				check_one(s, (enum vk_abi)abi, nr, args);
			}
		}
	}
	return n;
}

static void check_policy(const char *text)
{
	vk_cleanup(subject_free) struct subject s = {0};

	parse(&s, text);
	build(&s);
	tap_diag("%u calls, %zu instructions", check_all(&s), s.entry.n);
}

TEST(denied_by_name)
{
	check_policy("syscalls: {deny: [ptrace, '@clock', '@mount', '@keyring', settimeofday]}\n");
}

TEST(allow_list)
{
	check_policy("syscalls: {allow: [read, write, execve, exit_group, '@network', '@ipc']}\n");
}

TEST(allow_list_with_kill_and_errno)
{
	check_policy("syscalls:\n"
		     "  default: kill\n"
		     "  unknown: deny\n"
		     "  errno: EACCES\n"
		     "  allow: [read, write, execve, mseal, '500']\n"
		     "  deny: [openat]\n"
		     "  audit: [read]\n");
}

TEST(every_comparison)
{
	check_policy("syscalls:\n"
		     "  rules:\n"
		     "    - {deny: personality, when: {persona: [0x20000, PER_LINUX32]}}\n"
		     "    - {deny: read, when: {arg0: '< 5'}, errno: EBADF}\n"
		     "    - {deny: write, when: {arg0: '<= 5'}, errno: EIO}\n"
		     "    - {deny: lseek, when: {arg1: '> 1000'}}\n"
		     "    - {kill: dup, when: {arg0: '>= 7 and <= 9'}}\n"
		     "    - {deny: dup2, when: {arg0: '!= 7', arg1: '!= 9'}, errno: 200}\n"
		     "    - {audit: kill, when: {signal: 9}}\n"
		     "    - {deny: mmap, when: {prot: '& 6 == 6'}}\n"
		     "    - {deny: mprotect, when: {prot: '& PROT_EXEC'}}\n"
		     "    - {deny: unshare, when: {flags: '& CLONE_NEWUSER|CLONE_NEWNS != 0'}}\n"
		     "    - {deny: ioctl, when: {cmd: [TIOCSTI, TIOCLINUX]}}\n"
		     "    - {deny: tgkill, when: {arg0: '== 5', arg1: '< 3', arg2: '& 1'}}\n");
}

TEST(conditions_under_an_allow_list)
{
	check_policy("syscalls:\n"
		     "  default: deny\n"
		     "  unknown: enosys\n"
		     "  allow: [read, execve]\n"
		     "  deny: [acct]\n"
		     "  rules:\n"
		     "    - {allow: personality, when: {arg0: [0, 8, 0x20000, 0xffffffff]}}\n"
		     "    - {allow: clone, when: {flags: '& 0x7e020000 == 0'}}\n"
		     "    - {allow: ioctl, when: {arg1: '!= 0x5412'}}\n"
		     "    - {deny: read, when: {arg0: 3}, errno: EBADF}\n");
}

TEST(abis)
{
	check_policy("syscalls: {abis: x86-64, deny: [ptrace, mount]}\n");
	check_policy("syscalls: {abis: [x86-64, ia32], other-abis: deny, errno: ENOSYS}\n");
	check_policy("syscalls:\n"
		     "  rules:\n"
		     "    - {deny: [read, write], abi: ia32}\n"
		     "    - {deny: [mount, readv], abi: [x32, x86-64], errno: EACCES}\n");
}

/* Through socketcall no condition can be seen. */
TEST(sockets_of_old_programs)
{
	check_policy("syscalls: {strict: true, deny: [socket, connect, shmat], errno: EACCES}\n");
	check_policy("syscalls: {rules: [{deny: setsockopt, when: {level: 1}}]}\n");
	check_policy("syscalls:\n"
		     "  allow: [socketcall, connect, read]\n"
		     "  rules: [{allow: socket, when: {arg0: '!= 40'}}]\n");
	check_policy("syscalls:\n"
		     "  allow: [bind, connect, read]\n"
		     "  rules: [{allow: socket, when: {domain: [AF_UNIX, AF_INET]}}]\n");
	check_policy("syscalls:\n"
		     "  allow: ['@network', '@ipc']\n"
		     "  deny: [bind]\n"
		     "  rules: [{deny: shmat, when: {arg2: 5}}]\n");
}

TEST(calls_that_libseccomp_does_not_know)
{
	check_policy("syscalls: {deny: [mseal, '470', '@mount', file_setattr, uretprobe]}\n");
	check_policy("syscalls: {allow: [read, mseal, '470', statmount]}\n");
}

/* What several layers say is what the strictest says. */
TEST(layers)
{
	vk_cleanup(subject_free) struct subject s = {0};

	parse(&s, "syscalls: {deny: [ptrace], rules: [{deny: read, when: {arg0: '< 9'}}]}\n");
	parse(&s, "syscalls:\n"
		  "  allow: [read, write, ptrace, ioctl]\n"
		  "  rules: [{allow: personality, when: {arg0: [0, 8]}}]\n");
	parse(&s, "syscalls:\n"
		  "  rules:\n"
		  "    - {kill: read, when: {arg0: 3}}\n"
		  "    - {deny: personality, when: {arg0: '> 7'}, errno: ESRCH}\n");
	build(&s);
	check_all(&s);
}

TEST(audit_mode_denies_nothing)
{
	vk_cleanup(subject_free) struct subject s = {0};

	parse(&s, "mode: audit\nsyscalls: {allow: [read, write], kill: [ptrace], abis: x86-64}\n");
	parse(&s, "syscalls: {deny: [mount], audit: [write]}\n");
	build(&s);
	check_all(&s);
	for (size_t i = 0; i < s.filter.n_rules; i++)
		CHECK(s.filter.rules[i].verdict.act <= VK_SYS_AUDIT ||
		      strcmp(vk_syscalls[s.filter.rules[i].call].name, "mount") == 0);
}

/* Rules made at random: names, comparisons, values near one another. */
static size_t random_rules(uint64_t *random, char *text, size_t size)
{
	static const char *const acts[] = {"allow", "deny", "kill", "audit"};
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">=", "& 7 ==", "& 3 !="};
	size_t len = (size_t)snprintf(text, size, "syscalls:\n  default: %s\n  rules:\n",
				      acts[next_random(random) % 3]);

	for (int i = 0; i < 10; i++) {
		static const char *const calls[] = {"read",  "socket", "socketcall", "bind",
						    "shmat", "ipc",    "write",	     "statx"};
		char cond[32];

		snprintf(cond, sizeof(cond), "%s %u", ops[next_random(random) % 8],
			 (unsigned int)(next_random(random) % 4));
		len += (size_t)snprintf(text + len, size - len, "    - {%s: %s",
					acts[next_random(random) % 4],
					calls[next_random(random) % 8]);
		if (next_random(random) % 4)
			len += (size_t)snprintf(text + len, size - len, ", when: {arg%u: '%s'}",
						(unsigned int)(next_random(random) % 2), cond);
		len += (size_t)snprintf(text + len, size - len, "}\n");
	}
	return len;
}

TEST(random_policies, .timeout = 60)
{
	uint64_t random = 2463534242u;
	unsigned int n = 0, built = 0;

	for (int i = 0; i < 16; i++) {
		vk_cleanup(subject_free) struct subject s = {0};
		char text[4096];

		for (int layers = i % 3 + 1; layers > 0; layers--) {
			random_rules(&random, text, sizeof(text));
			parse(&s, text);
		}
		if (try_build(&s)) {
			n += check_all(&s);
			built++;
		}
	}
	tap_diag("%u calls, %u policies", n, built);
	CHECK(built >= 8);
}

static int compare_hash(const char *a, const char *b)
{
	vk_cleanup(subject_free) struct subject one = {0}, two = {0};

	parse(&one, a);
	parse(&two, b);
	build(&one);
	build(&two);
	return one.entry.hash != two.entry.hash;
}

TEST(equal_filters_have_equal_hashes)
{
	CHECK(!compare_hash("name: a\nsyscalls: {deny: [mount, ptrace]}\n",
			    "name: b\nsyscalls: {deny: [ptrace, mount]}\n"));
	CHECK(compare_hash("syscalls: {deny: [mount]}\n", "syscalls: {deny: [ptrace]}\n"));
	CHECK(compare_hash("syscalls: {deny: [mount]}\n",
			   "syscalls: {deny: [mount], errno: EACCES}\n"));
	CHECK(compare_hash("syscalls: {deny: [mount]}\n", "syscalls: {kill: [mount]}\n"));
	CHECK(compare_hash("syscalls: {deny: [mount]}\n",
			   "syscalls: {deny: [mount], abis: x86-64}\n"));
}

/* What hooks enforce asks for no filter, and costs allowed calls nothing. */
TEST(no_filter_where_hooks_are_enough)
{
	static const char *const policies[] = {
		"syscalls: {deny: [bpf, perf_event_open, '@module', '@reboot', acct]}\n",
		"syscalls: {rules: [{deny: socket, when: {domain: AF_ALG}, errno: EAFNOSUPPORT}]}\n",
		"syscalls: {rules: [{deny: [clone, unshare], when: {flags: '& CLONE_NEWUSER'}}]}\n",
		"syscalls: {deny: [io_uring_setup], audit: [perf_event_open]}\n",
		"syscalls: {deny: [tuxcall, uselib], rules: []}\n",
	};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		vk_cleanup(subject_free) struct subject s = {0};
		struct vk_error e = {0};

		parse(&s, policies[i]);
		s.filter.coarse = -1;
		CHECK(vk_filter_make((const struct vk_policy *const *)s.layers, 1, &s.filter, &e) ==
		      0);
		CHECK(s.filter.needed == (i == 4));
		CHECK(vk_entry_make((const struct vk_policy *const *)s.layers, 1, &s.entry, &e) ==
		      0);
		CHECK((s.entry.n == 0) == (i != 4));
	}
	/* Unless it is asked for. */
	check_policy("syscalls: {strict: true, deny: [bpf, perf_event_open, '@module']}\n");
	check_policy("syscalls:\n  strict: true\n"
		     "  rules: [{deny: socket, when: {domain: AF_ALG}, errno: EAFNOSUPPORT}]\n");
}

/* A hook denies with its own errno, to all ABIs, and all or nothing. */
TEST(a_filter_where_hooks_are_not_enough)
{
	check_policy("syscalls: {deny: [bpf], errno: ENOSYS}\n");
	check_policy("syscalls: {kill: [bpf]}\n");
	check_policy("syscalls: {deny: [init_module, finit_module]}\n");
	check_policy("syscalls: {rules: [{deny: bpf, abi: ia32}]}\n");
	check_policy("syscalls: {rules: [{deny: bpf, when: {cmd: 5}}]}\n");
	check_policy("syscalls: {rules: [{deny: unshare, when: {flags: '& CLONE_NEWUSER'}}]}\n");
	check_policy("syscalls: {rules: [{deny: socket, when: {domain: AF_UNIX}}]}\n");
	check_policy("syscalls: {rules: [{deny: socket, when: {arg0: 38}}]}\n");
}
