// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * runtime.c - vkernel-runtime: an OCI runtime that adds our hooks and becomes the real one.
 *
 *	vkernel-runtime [--policy NAME]... [--vkernel-runtime PATH] RUNTIME-ARGUMENT...
 *
 * create and run: the hooks go into config.json, and, when the policies need one, a filter for system
 * calls joins the engine's seccomp profile; then the real runtime is executed. Under a takeover
 * the engine's profiles are put aside in config.json, and exec does not name them again. To what the
 * real runtime says of its features our annotation is added. Everything else is its own from the
 * start.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "answer.h"
#include "cleanup.h"
#include "config_edit.h"
#include "runtime.h"
#include "start.h"

#define MAX_CONFIG (256 << 20)
/* As in oci.h, which this program does not link. */
#define VK_OCI_ANNOTATION "io.vkernel.policy"
#define VK_OCI_RECORDS "/run/vkernel/containers"
/* By this, an entry of ours is known in a bundle that is used again. */
#define MINE "\"vkernel-runtime\""

static const char *const dirs[] = {"/usr/local/sbin", "/usr/sbin", "/sbin",
				   "/usr/local/bin",  "/usr/bin",  "/bin"};

/* Engines show what a runtime logs, or its standard error. */
static int fail(const struct request *q, const struct vk_error *e)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL, *quoted = NULL, *line = NULL;
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	if (asprintf(&text, "vkernel-runtime: %s%s%s%s%s%s", e->file, e->file[0] ? ": " : "",
		     e->message, e->advice[0] ? " (" : "", e->advice, e->advice[0] ? ")" : "") < 0)
		text = NULL;
	fprintf(stderr, "%s\n", text ? text : "vkernel-runtime: no memory");
	if (!text || !q->log)
		return 1;
	quoted = oci_json_quote(text);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	if (!quoted || asprintf(&line,
				q->log_json ? "{\"level\":\"error\",\"msg\":%s,\"time\":\"%s\"}\n" :
					      "level=error msg=%s time=\"%s\"\n",
				quoted, when) < 0) {
		line = NULL;
		return 1;
	}
	fd = open(q->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		return 1;
	return 1;
}

/* ---- the real runtime ---- */

static bool is_self(const struct stat *st)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == st->st_dev &&
	       self.st_ino == st->st_ino;
}

/* @ret: the caller's, whatever is returned. */
static int find_runtime(const struct request *q, char **ret, struct vk_error *e)
{
	static const char *const names[] = {"runc", "crun"};
	const char *path = q->runtime;
	struct stat st;

	if (path) {
		*ret = strdup(path);
		if (!*ret)
			return vk_error_set(e, ENOMEM, "no memory");
		if (*path != '/')
			return vk_error_set(e, EINVAL,
					    "the runtime \"%s\" must be given by its "
					    "absolute path",
					    path);
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
			return vk_error_set(e, ENOENT, "the runtime %s cannot be executed", path);
		return is_self(&st) ? vk_error_set(e, ELOOP, "%s is vkernel-runtime itself", path) :
				      0;
	}
	for (size_t n = 0; n < 2; n++)
		for (size_t d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
			free(*ret);
			if (asprintf(ret, "%s/%s", dirs[d], names[n]) < 0) {
				*ret = NULL;
				return vk_error_set(e, ENOMEM, "no memory");
			}
			if (stat(*ret, &st) == 0 && S_ISREG(st.st_mode) &&
			    access(*ret, X_OK) == 0 && !is_self(&st))
				return 0;
		}
	vk_error_set(e, ENOENT,
		     "there is no container runtime: neither runc nor crun is installed");
	vk_error_advise(e, "install one, or name it in /etc/vkernel/runtime.conf: runtime = PATH");
	return -ENOENT;
}

/* ---- config.json ---- */

static int read_config(const char *path, struct stat *st, char **ret, size_t *ret_len,
		       struct vk_error *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (fd < 0 || fstat(fd, st) < 0)
		return vk_error_at(e, errno, path, 0, 0, "cannot read it: %s", strerror(errno));
	if (!S_ISREG(st->st_mode) || st->st_size > MAX_CONFIG)
		return vk_error_at(e, EINVAL, path, 0, 0, "it is no file of at most 256 MiB");
	text = malloc((size_t)st->st_size + 1);
	if (!text)
		return vk_error_set(e, ENOMEM, "no memory");
	while (len < (size_t)st->st_size) {
		ssize_t n = read(fd, text + len, (size_t)st->st_size - len);

		if (n < 0 && errno != EINTR)
			return vk_error_at(e, errno, path, 0, 0, "cannot read it: %s",
					   strerror(errno));
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	*ret = vk_take_ptr(text);
	*ret_len = len;
	return 0;
}

int write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new file takes the old one's place, mode and owner, or nothing has changed. */
static int replace_config(const char *path, const struct stat *st, const char *text, size_t len,
			  struct vk_error *e)
{
	_cleanup_free_ char *temp = NULL;
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (asprintf(&temp, "%s.vkernel-XXXXXX", path) < 0) {
		temp = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return vk_error_at(e, errno, path, 0, 0, "cannot write beside it: %s",
				   strerror(errno));
	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0)
		r = -errno;
	if (r == 0)
		r = write_all(fd, text, len);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(temp);
	return vk_error_at(e, -r, path, 0, 0, "cannot write it: %s", strerror(-r));
}

/* @first: arguments, each behind a comma. */
static char *create_hook(const struct request *q, const char *first)
{
	_cleanup_free_ char *args = strdup(first);

	for (size_t i = 0; args && i < q->n_policies; i++) {
		_cleanup_free_ char *quoted = oci_json_quote(q->policies[i]);
		char *more;

		if (!quoted || asprintf(&more, "%s,\"--policy\",%s", args, quoted) < 0)
			return NULL;
		free(args);
		args = more;
	}
	char *json;

	if (!args || asprintf(&json,
			      "{\"path\":\"" VK_HOOK_PATH "\",\"args\":[" MINE
			      ",\"createRuntime\"%s],\"env\":[],\"timeout\":120}",
			      args) < 0)
		return NULL;
	return json;
}

/* ---- system calls ---- */

#define BROKER "\"/run/vkernel/broker.sock\""
#define BROKER_MOUNT                                                                               \
	"{\"destination\":" BROKER ",\"source\":" BROKER                                           \
	",\"type\":\"bind\",\"options\":[\"bind\",\"ro\",\"nosuid\",\"nodev\",\"noexec\"]}"

/* The socket of vkerneld, where it is, for a container whose members may push. */
static int put_broker(char **text, size_t *len, struct vk_error *e)
{
	char *edited;
	struct stat st;
	size_t n;
	int r;

	if (stat("/run/vkernel/broker.sock", &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0; /* vkerneld is not in use: nobody can push, and nothing gets looser */
	if (strstr(*text, "\"destination\":" BROKER))
		return 0; /* of an earlier start, or somebody's own */
	r = oci_config_append(*text, *len, "mounts", BROKER_MOUNT, &edited, &n, e);
	if (r < 0)
		return r;
	free(*text);
	*text = edited;
	*len = n;
	return 0;
}

/* Takes the engine's profiles out of force. */
static int put_aside(char **text, size_t *len, struct vk_error *e)
{
	int r = oci_config_move(text, len, "linux", "seccomp", OCI_TAKEN_SECCOMP, e);

	return r < 0 ? r :
		       oci_config_move(text, len, "process", "apparmorProfile", OCI_TAKEN_APPARMOR,
				       e);
}

/* What the policies need, into the text. @args: what the hook has to know of it. */
static int put_filter(const struct request *q, const char *path, char **text, size_t *len,
		      char **args, struct vk_error *e)
{
	vk_cleanup(answer_free) struct answer a = {0};
	_cleanup_free_ char *taken = NULL, *quoted = NULL;
	bool keep;
	/* A bundle that is used again: what counts is what its engine asked for. */
	int r = oci_config_move(text, len, "linux", OCI_TAKEN_SECCOMP, "seccomp", e);

	if (r == 0)
		r = oci_config_move(text, len, "process", OCI_TAKEN_APPARMOR, "apparmorProfile", e);
	if (r == 0)
		r = answer_get(q, *text, *len, &a, e);
	if (r == 0 && a.broker)
		r = put_broker(text, len, e);
	if (r == 0 && a.takeover)
		r = put_aside(text, len, e);
	if (r < 0)
		return r;
	keep = *a.asked && (*a.profile || a.takeover);
	if (a.takeover) {
		if (asprintf(&taken, "--taken=%s", path) < 0)
			taken = NULL;
		quoted = taken ? oci_json_quote(taken) : NULL;
		if (!quoted)
			return vk_error_set(e, ENOMEM, "no memory");
	}
	if (asprintf(args, "%s%s%s%s%s%s%s%s", *a.profile ? ",\"--filter=" : "",
		     *a.profile ? a.hash : "", *a.profile ? "\"" : "", quoted ? "," : "",
		     quoted ? quoted : "", keep ? ",\"--asked=" : "", keep ? a.asked : "",
		     keep ? "\"" : "") < 0) {
		*args = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	return *a.profile ? oci_config_set(text, len, "linux", "seccomp", a.profile, e) : 0;
}

/*
 * A handler of crun's does the container's work in crun's own process, which executes no program
 * by which it would become a member. Handlers are chosen by annotations, or by crun's own name.
 */
static int refuse_handler(const char *what, const char *name, struct vk_error *e)
{
	vk_error_set(e, EOPNOTSUPP,
		     "%s \"%s\" asks for a handler of crun's, which executes no program by which "
		     "the container could be confined",
		     what, name);
	vk_error_advise(e, "start it as a container with a program, or with a runtime that is not "
			   "vkernel's");
	return -EOPNOTSUPP;
}

static int check_annotations(const char *text, size_t len, struct vk_error *e)
{
	static const char *const names[] = {"run.oci.handler", "module.wasm.image/variant"};
	const char *value;
	size_t n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = oci_config_find(text, len, "annotations", names[i], &value, &n, e);

		if (r < 0 || value)
			return r < 0 ? r : refuse_handler("the annotation", names[i], e);
	}
	return 0;
}

static int edit_config(const struct request *q, const char *path, struct started *started,
		       struct vk_error *e)
{
	_cleanup_free_ char *real = realpath(path, NULL), *text = NULL, *edited = NULL;
	_cleanup_free_ char *create = NULL, *original = NULL, *args = NULL;
	struct oci_hook hooks[] = {
		{"createRuntime", NULL},
		{"poststop", "{\"path\":\"" VK_HOOK_PATH "\",\"args\":[" MINE
			     ",\"poststop\"],\"env\":[],\"timeout\":60}"},
	};
	size_t len = 0, edited_len = 0, original_len = 0;
	struct stat st;
	int r;

	if (!real)
		return vk_error_at(e, errno, path, 0, 0, "cannot read it: %s", strerror(errno));
	r = read_config(real, &st, &original, &original_len, e);
	if (r < 0)
		return r;
	if (memchr(original, '\0', original_len))
		return vk_error_at(e, EINVAL, real, 0, 0, "it has a NUL byte in it");
	if (start_here(q, real, original, original_len, started))
		return 0;
	if (access(VK_HOOK_PATH, X_OK) < 0)
		return vk_error_set(e, errno, "the hook " VK_HOOK_PATH " cannot be executed: %s",
				    strerror(errno));
	text = strdup(original);
	len = original_len;
	if (!text)
		return vk_error_set(e, ENOMEM, "no memory");
	r = check_annotations(text, len, e);
	if (r == 0)
		r = put_filter(q, real, &text, &len, &args, e);
	if (r < 0) {
		if (!e->file[0])
			snprintf(e->file, sizeof(e->file), "%s", real);
		return r;
	}
	create = create_hook(q, args ? args : "");
	if (!create)
		return vk_error_set(e, ENOMEM, "no memory");
	hooks[0].json = create;
	r = oci_config_edit(text, len, hooks, 2, MINE, &edited, &edited_len, e);
	if (r < 0) {
		snprintf(e->file, sizeof(e->file), "%s", real);
		return r;
	}
	if (edited_len == original_len && memcmp(edited, original, edited_len) == 0)
		return 0;
	return replace_config(real, &st, edited, edited_len, e);
}

static int prepare(struct request *q, const char *runtime, struct started *started,
		   struct vk_error *e)
{
	_cleanup_free_ char *path = NULL;
	const char *bundle = q->bundle ? q->bundle : ".", *name = strrchr(runtime, '/') + 1;

	if (!strcmp(q->command, "restore")) {
		vk_error_set(e, EOPNOTSUPP,
			     "a restored container executes no program, by which it "
			     "could be confined");
		vk_error_advise(
			e, "start it anew, or restore it with a runtime that is not vkernel's");
		return -EOPNOTSUPP;
	}
	if (!strcmp(name, "krun") || !strncmp(name, "crun-", 5))
		return refuse_handler("the runtime's name", name, e);
	if (q->config && strcmp(q->config, "config.json"))
		return edit_config(q, q->config, started, e);
	if (asprintf(&path, "%s/config.json", bundle) < 0) {
		path = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	return edit_config(q, path, started, e);
}

/* ---- exec ---- */

/* What the record of a container says: line 3 is its bundle (record.c). */
static int config_of(const char *id, char **ret)
{
	_cleanup_free_ char *record = NULL, *line = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t cap = 0;

	if (!*id || *id == '.' || strchr(id, '/') ||
	    asprintf(&record, VK_OCI_RECORDS "/%s", id) < 0) {
		record = NULL;
		return -ENOENT;
	}
	f = fopen(record, "re");
	for (int i = 0; f && i < 3; i++)
		if (getline(&line, &cap, f) <= 0)
			return -ENOENT;
	if (!f || *line != '/')
		return -ENOENT;
	line[strcspn(line, "\n")] = '\0';
	if (asprintf(ret, "%s/config.json", line) >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

/*
 * Engines name the AppArmor profile of the container again for each process that they execute in
 * it. Where the instance is in its place, it must not apply to some of the processes: they could
 * not signal the others. In doubt it stays.
 */
static int prepare_exec(const struct request *q, struct vk_error *e)
{
	_cleanup_free_ char *path = NULL, *config = NULL, *process = NULL, *text = NULL;
	const char *taken, *asked;
	size_t taken_len, asked_len, len, process_len;
	struct stat st, unused;
	int r;

	if (!q->process || !q->id || config_of(q->id, &path) < 0 ||
	    read_config(path, &unused, &config, &len, e) < 0 ||
	    oci_config_find(config, len, "process", OCI_TAKEN_APPARMOR, &taken, &taken_len, e) <
		    0 ||
	    !taken)
		return 0;
	r = read_config(q->process, &st, &process, &process_len, e);
	if (r < 0)
		return r;
	/* The file is what config.json has as "process". */
	r = asprintf(&text, "{\"process\":%s}", process);
	if (r < 0) {
		text = NULL;
		return vk_error_set(e, ENOMEM, "no memory");
	}
	len = (size_t)r;
	r = oci_config_find(text, len, "process", "apparmorProfile", &asked, &asked_len, e);
	if (r < 0 || !asked || asked_len != taken_len || memcmp(asked, taken, taken_len) != 0)
		return r;
	r = oci_config_move(&text, &len, "process", "apparmorProfile", OCI_TAKEN_APPARMOR, e);
	return r < 0 ? r : replace_config(q->process, &st, text + 11, len - 12, e);
}

/* ---- features ---- */

/* Engines that let users choose annotations ask which of them a runtime obeys. What is no document
 * of features stays as it is. */
static int tell_features(char *path, char **argv, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *edited = NULL;
	int pipe_fds[2], status = 0, r;
	struct vk_error ignored = {0};
	size_t len = 0, n = 0;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return vk_error_set(e, errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		if (dup2(pipe_fds[1], STDOUT_FILENO) >= 0)
			execv(path, argv);
		_exit(126);
	}
	close(pipe_fds[1]);
	r = pid < 0 ? vk_error_set(e, errno, "cannot fork: %s", strerror(errno)) :
		      read_answer(pipe_fds[0], &text, &len, e);
	close(pipe_fds[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (r < 0)
		return r;
	if (status == 0 &&
	    oci_config_append(text, len, "potentiallyUnsafeConfigAnnotations",
			      "\"" VK_OCI_ANNOTATION "\"", &edited, &n, &ignored) == 0) {
		free(text);
		text = vk_take_ptr(edited);
		len = n;
	}
	r = write_all(STDOUT_FILENO, text, len);
	if (r < 0)
		return vk_error_set(e, -r, "cannot write the features: %s", strerror(-r));
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool starts_container(const char *command)
{
	return command && (!strcmp(command, "create") || !strcmp(command, "run") ||
			   !strcmp(command, "restore"));
}

int main(int argc, char **argv)
{
	struct started started = {0};
	struct request q = {0};
	struct vk_error e = {0};
	_cleanup_free_ char *path = NULL;
	int r = request_parse(&q, argc, argv, &e);

	if (r == 0)
		r = request_configure(&q, &e);
	r = r < 0 ? r : find_runtime(&q, &path, &e);
	if (r == 0 && starts_container(q.command))
		r = prepare(&q, path, &started, &e);
	if (r == 0 && q.command && !strcmp(q.command, "exec"))
		r = prepare_exec(&q, &e);
	if (r < 0)
		return fail(&q, &e);
	if (q.command && !strcmp(q.command, "delete"))
		delete_and_remove(&q, path);
	q.argv[0] = path;
	if (q.command && !strcmp(q.command, "features"))
		return tell_features(path, q.argv, &e) < 0 ? fail(&q, &e) : 0;
	execv(path, q.argv);
	vk_error_set(&e, errno, "cannot execute %s: %s", path, strerror(errno));
	start_not(&started);
	return fail(&q, &e);
}
