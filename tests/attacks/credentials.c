// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Forged credentials: what most exploits of the kernel end in. The attacker has given up all rights
 * and asks the host to change its credentials as such an exploit does, behind the kernel's back.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"
#include "poke.h"

enum forgery {
	IDS = 'u', /* all user ids are 0 */
	SAVED_ID = 's', /* the saved one is */
	ALL_CAPS = 'c',
	ROOT_CREDS = 'p', /* the pointers to credentials are those of init_task */
	OWN_CREDS = 'o', /* they are as before */
	SUBJECTIVE = 'j', /* the one of the two under which it acts */
	ROOT_NS = 'n', /* the initial user namespace */
};

/* The attacker's end, and the forger's, which the kernel tells who asks. */
static int ask[2] = {-1, -1};

static void forge_ids(uint64_t cred, bool all)
{
	static const char *const names[] = {"suid", "uid", "euid", "fsuid"};
	const uint32_t zero = 0;

	for (int i = 0; i < (all ? 4 : 1); i++)
		poke_write(cred + poke_offset("cred", names[i]), &zero, sizeof(zero));
}

static void forge(pid_t pid, char what)
{
	static uint64_t own;
	uint64_t task = poke_task(pid), cred = poke_read(task + poke_offset("task_struct", "cred"));
	uint64_t all = (1ull << 41) - 1, root;

	switch (what) {
	case IDS:
	case SAVED_ID:
		forge_ids(cred, what == IDS);
		break;
	case ALL_CAPS:
		poke_write(cred + poke_offset("cred", "cap_permitted"), &all, sizeof(all));
		poke_write(cred + poke_offset("cred", "cap_effective"), &all, sizeof(all));
		break;
	case ROOT_NS:
		root = poke_symbol("init_user_ns");
		poke_write(cred + poke_offset("cred", "user_ns"), &root, sizeof(root));
		break;
	case OWN_CREDS:
		poke_write(task + poke_offset("task_struct", "real_cred"), &own, sizeof(own));
		poke_write(task + poke_offset("task_struct", "cred"), &own, sizeof(own));
		break;
	default:
		own = cred;
		root = poke_symbol("init_cred");
		if (what == ROOT_CREDS)
			poke_write(task + poke_offset("task_struct", "real_cred"), &root,
				   sizeof(root));
		poke_write(task + poke_offset("task_struct", "cred"), &root, sizeof(root));
		break;
	}
}

static void forger(int fd)
{
	for (;;) {
		char what, control[CMSG_SPACE(sizeof(struct ucred))];
		struct iovec data = {&what, 1};
		struct msghdr msg = {.msg_iov = &data,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		struct ucred who;

		if (recvmsg(fd, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
			_exit(1);
		memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(who));
		forge(who.pid, what);
		if (write(fd, &what, 1) != 1)
			_exit(1);
	}
}

#define ROOTS "/tmp/k/roots"
static void prepare_forger(void)
{
	int on = 1;

	live_file(ROOTS, "of root alone");
	ASSERT(chmod(ROOTS, 0600) == 0);
	if (ask[0] >= 0)
		return;
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ask) == 0);
	ASSERT(setsockopt(ask[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ask[0]);
		forger(ask[1]);
	}
	close(ask[1]);
}

/* 0: the attacker has what it wants. */
static int have(char what)
{
	char done;

	return write(ask[0], &what, 1) == 1 && read(ask[0], &done, 1) == 1 ? 0 : EIO;
}

/* In a child, so that the attacker's own rights do not come back at its end. */
static int give_up_rights(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		return errno;
	return attack_open(ROOTS, O_RDONLY) == EACCES ? 0 : EPROTO;
}

static const char *lacks_port(void)
{
	return poke_possible() ? NULL : "this machine has no port that writes to its memory";
}
#define FORGED                                                                                     \
	.against = "forged credentials", .policy = "files: {default: allow}",                      \
	.rule = "credentials that the kernel did not give: the thread is denied all",              \
	.op = VK_OP_CREDENTIALS, .plain = EVERYWHERE, .lacks = lacks_port,                         \
	.prepare = prepare_forger

static int with_ids(void)
{
	int err = give_up_rights() ?: have(IDS);

	return err ? err : attack_open(ROOTS, O_RDONLY);
}
ATTACK(forged_uid, .primitive = "uid 0 by a write to credentials, read a file of root", FORGED,
       .hook = "file_open", .err = EACCES)
{
	return attack_child(with_ids);
}

static int with_saved_id(void)
{
	int err = give_up_rights() ?: have(SAVED_ID);

	if (err || seteuid(0) < 0)
		return err ? err : errno;
	return attack_open(ROOTS, O_RDONLY);
}
ATTACK(forged_saved_uid, .primitive = "saved uid 0 by a write to credentials, seteuid(2), read",
       FORGED, .hook = "file_open", .err = EACCES)
{
	return attack_child(with_saved_id);
}

static int with_caps(void)
{
	int err = give_up_rights() ?: have(ALL_CAPS);

	return err ? err : attack_errno(sethostname("attacked", 8));
}
ATTACK(forged_capabilities,
       .primitive = "all capabilities by a write to credentials, sethostname(2)", FORGED,
       .hook = "capable", .err = EPERM)
{
	return attack_child(with_caps);
}

static int with_roots(void)
{
	int err = give_up_rights() ?: have(ROOT_CREDS);

	if (err)
		return err;
	err = attack_open(ROOTS, O_RDONLY);
	return have(OWN_CREDS) ? EIO : err;
}
ATTACK(forged_pointer, .primitive = "credentials of init by a write to the pointer, read", FORGED,
       .hook = "file_open", .err = EACCES)
{
	return attack_child(with_roots);
}

static int run_true(void)
{
	execl("/bin/true", "true", NULL);
	return errno;
}
static int exec_with_saved_id(void)
{
	/* The program was opened before, so that only exec looks at all of the credentials. */
	int err = give_up_rights() ?: attack_open("/bin/true", O_RDONLY) ?: have(SAVED_ID);

	return err ? err : run_true();
}
ATTACK(forged_saved_uid_and_exec, .primitive = "saved uid 0 by a write to credentials, execve(2)",
       FORGED, .hook = "bprm_creds_for_exec", .err = EPERM)
{
	return attack_child(exec_with_saved_id);
}

static int nothing(void)
{
	return 0;
}
static int fork_as_root(void)
{
	int err = give_up_rights() ?: have(SUBJECTIVE), status = 0;
	pid_t pid;

	if (err)
		return err;
	pid = fork();
	err = errno;
	if (pid == 0)
		_exit(nothing());
	if (have(OWN_CREDS))
		return EIO;
	if (pid < 0)
		return err;
	return waitpid(pid, &status, 0) == pid ? status : errno;
}
ATTACK(forged_subjective_pointer, .primitive = "acting as init by a write to one pointer, fork(2)",
       FORGED, .hook = "task_alloc", .err = EPERM)
{
	return attack_child(fork_as_root);
}

static int with_root_ns(void)
{
	int err = give_up_rights();

	if (err || unshare(CLONE_NEWUSER) < 0)
		return err ? err : errno;
	err = have(ROOT_NS);
	return err ? err : attack_errno(sethostname("attacked", 8));
}
ATTACK(forged_user_namespace,
       .primitive = "the initial user namespace by a write to credentials, sethostname(2)", FORGED,
       .hook = "capable", .err = EPERM)
{
	return attack_child(with_root_ns);
}
