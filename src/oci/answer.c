/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* answer.c - see answer.h. */
#include "answer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "config_edit.h"
#include "meaning.h"
#include "oci.h"
#include "sha256.h"

#define MAX_ANSWER (8u << 20)

/* What it prints is at most as long as a filter for all calls can be. */
int read_answer(int fd, char **ret, size_t *ret_len, struct vk_error *e)
{
	_cleanup_free_ char *text = malloc(MAX_ANSWER + 1);
	size_t len = 0;
	ssize_t n;

	if (!text)
		return vk_error_set(e, ENOMEM, "no memory");
	while (len < MAX_ANSWER && (n = read(fd, text + len, MAX_ANSWER - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return vk_error_set(e, errno, "cannot read the answer: %s",
					    strerror(errno));
		len += n > 0 ? (size_t)n : 0;
	}
	if (len == MAX_ANSWER)
		return vk_error_set(e, E2BIG, "the answer is too long");
	text[len] = '\0';
	*ret = vk_take_ptr(text);
	*ret_len = len;
	return 0;
}

static _Noreturn void become_hook(const struct request *q, int in, int out)
{
	const char *argv[2 * MAX_POLICIES + 4] = {"vkernel-hook", "filter"};
	size_t n = 2;

	if (q->takeover)
		argv[n++] = "--takeover";
	for (size_t i = 0; i < q->n_policies; i++) {
		argv[n++] = "--policy";
		argv[n++] = q->policies[i];
	}
	/* What it says goes where the answer does: to the engine's log. */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	execv(VK_HOOK_PATH, (char *const *)(uintptr_t)argv);
	_exit(126);
}

/* The hook knows policies and libseccomp, which this program does not load. */
static int ask_hook(const struct request *q, const char *question, char **ret, size_t *ret_len,
		    struct vk_error *e)
{
	_cleanup_close_ int in = memfd_create("question", MFD_CLOEXEC);
	int pipe_fds[2], status = -1, r;
	pid_t pid;

	if (in < 0 || write_all(in, question, strlen(question)) < 0 || lseek(in, 0, SEEK_SET) < 0 ||
	    pipe2(pipe_fds, O_CLOEXEC) < 0)
		return vk_error_set(e, errno, "cannot ask for the filter: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_hook(q, in, pipe_fds[1]);
	close(pipe_fds[1]);
	r = pid < 0 ? vk_error_set(e, errno, "cannot fork: %s", strerror(errno)) :
		      read_answer(pipe_fds[0], ret, ret_len, e);
	close(pipe_fds[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (r == 0 && status != 0) {
		(*ret)[strcspn(*ret, "\n")] = '\0';
		return vk_error_set(e, EINVAL, "%.400s", **ret ? *ret : "the hook failed");
	}
	return r;
}

void answer_free(struct answer *a)
{
	free(a->text);
}

/* "HASH[ takeover][ broker]", and the profile on the lines after it. */
static int parse_answer(struct answer *a, struct vk_error *e)
{
	char *line = a->text, *word = strchr(line, '\n');

	if (!word)
		return vk_error_set(e, EPROTO, "the hook's answer is not understood");
	*word = '\0';
	a->profile = word + 1;
	for (size_t i = 0; (word = strsep(&line, " ")); i++) {
		size_t len = strlen(word);

		if (i == 0 && len == 16)
			memcpy(a->hash, word, 17);
		else if (i > 0 && !strcmp(word, "takeover"))
			a->takeover = true;
		else if (i > 0 && !strcmp(word, "broker"))
			a->broker = true;
		else
			return vk_error_set(e, EPROTO, "the hook's answer is not understood");
	}
	return 0;
}

/* What is kept still. @question: NULL where it does not count. */
static bool find_answer(const struct request *q, const char *annotation, size_t len,
			const char *question, struct answer *ret)
{
	struct vk_meaning a;

	/* Between its quotes, if what is there is what it means. */
	if (annotation && (len < 3 || *annotation != '"' || memchr(annotation, '\\', len)))
		return false;
	if ((q->takeover && !question) ||
	    !oci_meaning_words(&a, q->policies, q->n_policies, annotation ? annotation + 1 : "",
			       annotation ? len - 2 : 0))
		return false;
	if (question) {
		oci_meaning_ask(&a, question, strlen(question), q->takeover);
		vk_sha256_hex(a.asked, ret->asked);
	}
	if (!oci_meaning_find(&a) || !(ret->text = oci_meaning_profile(&a)))
		return false;
	snprintf(ret->hash, sizeof(ret->hash), "%016llx", (unsigned long long)a.filter);
	ret->profile = ret->text;
	ret->takeover = a.takeover;
	ret->broker = a.broker;
	return true;
}

int answer_get(const struct request *q, const char *text, size_t len, struct answer *ret,
	       struct vk_error *e)
{
	_cleanup_free_ char *question = NULL;
	struct {
		const char *outer, *inner, *value;
		size_t len;
	} ask[] = {{"annotations", VK_OCI_ANNOTATION, NULL, 0},
		   {"linux", "seccomp", NULL, 0},
		   {"process", "apparmorProfile", NULL, 0}};
	const char *annotation = NULL;
	size_t n;
	int r;

	for (size_t i = 0; i < 3; i++) {
		r = oci_config_find(text, len, ask[i].outer, ask[i].inner, &ask[i].value,
				    &ask[i].len, e);
		if (r < 0)
			return r;
		if (i == 0)
			annotation = ask[0].value;
		if (i == 0 && find_answer(q, annotation, ask[0].len, NULL, ret))
			return 0;
		if (!ask[i].value) {
			ask[i].value = "null";
			ask[i].len = 4;
		}
	}
	if (asprintf(&question, "{\"policies\":%.*s,\"seccomp\":%.*s,\"apparmor\":%.*s}",
		     (int)ask[0].len, ask[0].value, (int)ask[1].len, ask[1].value, (int)ask[2].len,
		     ask[2].value) < 0) {
		question = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	if (find_answer(q, annotation, ask[0].len, question, ret))
		return 0;
	r = ask_hook(q, question, &ret->text, &n, e);
	return r < 0 ? r : parse_answer(ret, e);
}
