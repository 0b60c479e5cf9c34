// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * hook.c - vkernel-hook: binds a container before its program starts, and cleans up after it.
 *
 *	vkernel-hook createRuntime [--policy NAME]...	state on standard input
 *	vkernel-hook poststop
 *	vkernel-hook filter [--policy NAME]...		config.json's part on standard input
 *
 * --takeover: the engine's profiles become layers; --taken=CONFIG: those put aside in config.json
 *
 * A failure of createRuntime stops the container, so it says why in one line, which engines show.
 * Nothing that the image or the caller's environment controls is trusted: no variables, no
 * relative paths, no descriptors besides the three.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "oci.h"

#define MAX_STATE (16u << 20)

/* One line: what engines show of it ends at the first newline. */
static int fail(const struct vk_error *e)
{
	char line[2048];
	size_t len;

	if (e->file[0] && e->line)
		snprintf(line, sizeof(line), "vkernel: %s:%u:%u: %s", e->file, e->line, e->column,
			 e->message);
	else
		snprintf(line, sizeof(line), "vkernel: %s%s%s", e->file, e->file[0] ? ": " : "",
			 e->message);
	len = strlen(line);
	if (e->advice[0])
		snprintf(line + len, sizeof(line) - len, " (%s)", e->advice);
	for (char *s = line; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
	fprintf(stderr, "%s\n", line);
	return 1;
}

/* All of standard input. */
static int read_input(char **ret, size_t *ret_len, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, cap = 0;

	for (;;) {
		ssize_t n;

		if (len == cap) {
			char *more = cap < MAX_STATE ? realloc(text, cap ? 2 * cap : 16384) : NULL;

			if (!more)
				return vk_error_set(e, E2BIG, "the runtime's state is too long");
			text = more;
			cap = cap ? 2 * cap : 16384;
		}
		n = read(STDIN_FILENO, text + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vk_error_set(e, errno, "cannot read the runtime's state: %s",
					    strerror(errno));
		if (n == 0) {
			*ret = vk_take_ptr(text);
			*ret_len = len;
			return 0;
		}
		len += (size_t)n;
	}
}

static int read_state(struct oci_state *ret, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = read_input(&text, &len, e);

	return r < 0 ? r : oci_state_parse(text, len, ret, e);
}

/**
 * struct options - what the runtime wrapper says besides the policies
 * @filter:   hash of the filter for system calls that the runtime installs
 * @takeover: of all containers the profiles are taken over
 * @taken:    the config.json where they are put aside, or NULL
 */
struct options {
	uint64_t filter;
	bool takeover;
	const char *taken;
};

/* What the administrator said comes first; the annotation can only add. */
static int choose_policies(struct oci_layers *l, int argc, char **argv, const char *annotation,
			   struct options *o, struct vk_error *e)
{
	int r = 0;

	for (int i = 0; r == 0 && i < argc; i++) {
		if (!strcmp(argv[i], "--policy") && i + 1 < argc)
			r = oci_add_layer(l, argv[++i], true, e);
		else if (!strncmp(argv[i], "--policy=", 9))
			r = oci_add_layer(l, argv[i] + 9, true, e);
		else if (!strncmp(argv[i], "--filter=", 9))
			o->filter = strtoull(argv[i] + 9, NULL, 16);
		else if (!strcmp(argv[i], "--takeover"))
			o->takeover = true;
		else if (!strncmp(argv[i], "--taken=/", 9))
			o->taken = argv[i] + 8;
		else
			r = vk_error_set(e, EINVAL, "unknown argument \"%s\" of the hook", argv[i]);
	}
	if (r == 0 && l->n == 0)
		r = oci_add_default(l, e);
	if (r == 0 && annotation) {
		r = oci_add_names(l, annotation, e);
		if (r < 0 && !e->file[0] && !e->advice[0])
			vk_error_advise(e, "the container's annotation " VK_OCI_ANNOTATION
					   " asks for it");
	}
	return r;
}

static int create(int argc, char **argv, struct vk_error *e)
{
	_cleanup_layers_ struct oci_layers layers = {0};
	_cleanup_state_ struct oci_state st = {0};
	struct options o = {0};
	int r = read_state(&st, e);

	if (r == 0)
		r = oci_check_namespaces(e);
	if (r == 0)
		r = choose_policies(&layers, argc, argv, st.policies, &o, e);
	if (r == 0 && o.taken)
		r = oci_take_over_config(&layers, o.taken, e);
	if (r == 0)
		r = oci_container_create(&st, &layers, o.filter, e);
	return r;
}

/* Prints "HASH[ takeover][ broker]", the last when members may push, and on the lines after it the
 * profile, if one is needed; nothing when there is nothing to say. */
static int filter(int argc, char **argv, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *json = NULL;
	_cleanup_question_ struct oci_question q = {0};
	_cleanup_layers_ struct oci_layers layers = {0};
	struct options o = {0};
	uint64_t hash = 0;
	bool take = false, push = false;
	size_t len = 0;
	int r = read_input(&text, &len, e);

	if (r == 0)
		r = oci_question_parse(text, len, &q, e);
	if (r == 0)
		r = choose_policies(&layers, argc, argv, q.policies, &o, e);
	if (r == 0) {
		push = oci_layers_push(&layers);
		take = o.takeover || oci_wants_takeover(&layers);
		r = take ? oci_take_over(&layers, q.seccomp, q.apparmor, e) : 0;
	}
	if (r == 0)
		r = oci_filter(&layers, take ? NULL : q.seccomp, &hash, &json, e);
	if (r == 0 && (json || take || push) &&
	    (printf("%016llx%s%s\n%s", (unsigned long long)hash, take ? " takeover" : "",
		    push ? " broker" : "", json ? json : "") < 0 ||
	     fflush(stdout) != 0))
		r = vk_error_set(e, EIO, "cannot write the filter");
	return r;
}

/* The container is gone whatever happens here; what stays is found by "vkernel gc". */
static int remove_instance(struct vk_error *e)
{
	_cleanup_state_ struct oci_state st = {0};
	int r = read_state(&st, e);

	return r < 0 ? r : oci_container_remove(st.name, e);
}

int main(int argc, char **argv)
{
	struct vk_error e = {0};

	clearenv();
	umask(077);
	syscall(SYS_close_range, 3, ~0u, 0);
	if (chdir("/") < 0)
		return 1;
	if (argc >= 2 && !strcmp(argv[1], "createRuntime"))
		return create(argc - 2, argv + 2, &e) < 0 ? fail(&e) : 0;
	if (argc >= 2 && !strcmp(argv[1], "filter"))
		return filter(argc - 2, argv + 2, &e) < 0 ? fail(&e) : 0;
	if (argc >= 2 && !strcmp(argv[1], "poststop")) {
		if (remove_instance(&e) < 0)
			fail(&e);
		return 0;
	}
	fprintf(stderr, "usage: vkernel-hook createRuntime [--policy NAME]... | filter | poststop\n"
			"  run by container engines, with the container's state on standard input; "
			"see vkernel-hook(8)\n");
	return 2;
}
