/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* start.c - starts without hooks, and what comes after them. */
#include "start.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <jansson.h>

#include "cleanup.h"
#include "config_edit.h"
#include "meaning.h"
#include "oci.h"

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* What the words for policies mean, of what is kept still. */
static bool find_meaning(const struct request *q, const char *annotations, size_t len,
			 uint64_t *ret_document)
{
	_cleanup_free_ char *text = NULL;
	const char *value = NULL;
	struct vk_error ignored = {0};
	struct vk_meaning a;
	size_t n = 0;

	if (annotations && asprintf(&text, "{\"annotations\":%.*s}", (int)len, annotations) < 0)
		text = NULL;
	if (annotations && (!text || oci_config_find(text, strlen(text), "annotations",
						     VK_OCI_ANNOTATION, &value, &n, &ignored) < 0))
		return false;
	/* Between its quotes, if what is there is what it means. */
	if (value && (n < 3 || *value != '"' || memchr(value, '\\', n)))
		return false;
	if (!oci_meaning_words(&a, q->policies, q->n_policies, value ? value + 1 : "",
			       value ? n - 2 : 0) ||
	    !oci_meaning_find(&a) || a.broker)
		return false;
	*ret_document = a.document;
	return true;
}

static int describe(const struct request *q, const char *path, const char *annotations, size_t len,
		    struct oci_state *st)
{
	vk_cleanup(json_freep) json_t *root =
		annotations ? json_loadb(annotations, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *end = strrchr(path, '/');

	if ((annotations && !json_is_object(root)) || !end)
		return -EINVAL;
	st->id = strdup(q->id);
	st->bundle = strndup(path, (size_t)(end - path));
	if (!st->id || !st->bundle)
		return -ENOMEM;
	st->pid = getpid();
	oci_instance_name(q->id, st->name);
	oci_engine_name(q->id, st->bundle, root, st->engine_name, sizeof(st->engine_name));
	return 0;
}

/* Of those that runtime.c refuses, more closely. */
static bool may_have_handler(const char *annotations, size_t len)
{
	return annotations && (memmem(annotations, len, "run.oci.handler", 15) ||
			       memmem(annotations, len, "module.wasm.image", 17));
}

/*
 * Whether the start would begin in the host's mount namespace. Else the runtime may go there, as by
 * nsenter(1) from a container that the engine is in, and what is not where it began would be taken
 * for the container's. That the pid namespace is the host's vk_engine_open() makes sure of.
 */
static bool is_in_host_mounts(void)
{
	struct stat ours, host;

	return stat("/proc/self/ns/mnt", &ours) == 0 && stat("/proc/1/ns/mnt", &host) == 0 &&
	       ours.st_dev == host.st_dev && ours.st_ino == host.st_ino;
}

bool start_here(const struct request *q, const char *path, const char *text, size_t len,
		struct started *ret)
{
	_cleanup_state_ struct oci_state st = {0};
	struct vk_error ignored = {0};
	const char *annotations;
	size_t annotations_len;
	uint64_t document;

	/* What stays until the container has ended would bear the mark as long. */
	if (!q->returns || !q->id || q->takeover || strchr(q->id, '/') ||
	    strcmp(strrchr(path, '/') ?: "", "/config.json") != 0 ||
	    !oci_config_is_plain(text, len, &annotations, &annotations_len) ||
	    may_have_handler(annotations, annotations_len) ||
	    !find_meaning(q, annotations, annotations_len, &document) ||
	    oci_check_user_namespace(&ignored) < 0 || !is_in_host_mounts() ||
	    describe(q, path, annotations, annotations_len, &st) < 0 ||
	    oci_container_start(&st, document, &ignored) < 0)
		return false;
	memcpy(ret->name, st.name, sizeof(ret->name));
	return true;
}

void start_not(const struct started *s)
{
	if (s->name[0])
		oci_container_start_not(s->name);
}

static pid_t child;

static void pass_on(int signal)
{
	if (child > 0)
		kill(child, signal);
}

/* Whoever ends the wrapper means the runtime. */
static int run(const char *path, char **argv)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
	struct sigaction sa = {.sa_handler = pass_on};
	sigset_t set, old;
	int status;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		execv(path, argv);
		_exit(127);
	}
	if (child < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	child = 0;
	return status;
}

/*
 * As the runtime would run the hook poststop. But who has processes still stays: that a runtime says
 * it has deleted does not mean that it was this container, as it may have been told to look for it
 * elsewhere (--root). What is left over, "vkernel gc" removes.
 */
static void remove_instance(const char *id)
{
	_cleanup_free_ char *quoted = oci_json_quote(id), *state = NULL;
	int in = memfd_create("state", MFD_CLOEXEC);
	char hook[] = VK_HOOK_PATH, stage[] = "deleted";
	char *argv[] = {hook, stage, NULL};

	if (in < 0 || !quoted || asprintf(&state, "{\"id\":%s}", quoted) < 0) {
		state = NULL;
		return;
	}
	if (write(in, state, strlen(state)) == (ssize_t)strlen(state) &&
	    lseek(in, 0, SEEK_SET) == 0 && dup2(in, STDIN_FILENO) == 0)
		run(VK_HOOK_PATH, argv);
}

void delete_and_remove(const struct request *q, const char *runtime)
{
	char name[65], record[sizeof(VK_OCI_RECORDS) + sizeof(name)];
	char *path = strdup(runtime);
	int status;

	if (!path || !q->id || !*q->id)
		return;
	oci_instance_name(q->id, name);
	snprintf(record, sizeof(record), VK_OCI_RECORDS "/%s", name);
	if (access(record, F_OK) < 0)
		return; /* none of ours */
	q->argv[0] = path;
	status = run(path, q->argv);
	if (status < 0)
		return;
	/* With hooks in its config.json it is gone already. */
	if (status == 0 && access(record, F_OK) == 0)
		remove_instance(q->id);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
