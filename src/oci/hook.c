// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * hook.c - vkernel-hook: binds a container before its program starts, and cleans up after it.
 *
 *	vkernel-hook createRuntime [--policy NAME]...	state on standard input
 *	vkernel-hook poststop
 *	vkernel-hook deleted				by the runtime wrapper: ends no process
 *	vkernel-hook filter [--policy NAME]...		config.json's part on standard input
 *
 * --takeover: the engine's profiles become layers; --taken=CONFIG: those put aside in config.json;
 * --asked=HASH: what the first step has kept for the second, see meaning.h
 *
 * A failure of createRuntime stops the container, so it says why in one line, which engines show.
 * Nothing that the image or the caller's environment controls is trusted: no variables, no
 * relative paths, no descriptors besides the three.
 */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "lookup.h"
#include "meaning.h"
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
 * @asked:    by what it is kept that they mean this, if @keeps
 * @words:    of the policies, as given
 */
struct options {
	uint64_t filter;
	const char *words[VK_MAX_LAYERS];
	size_t n_words;
	bool takeover;
	const char *taken;
	bool keeps;
	uint8_t asked[32];
};

/* Whether @s is 64 hexadecimal digits. */
static bool read_hash(const char *s, uint8_t ret[32])
{
	for (size_t i = 0; i < 32; i++)
		if (!isxdigit((unsigned char)s[2 * i]) || !isxdigit((unsigned char)s[2 * i + 1]) ||
		    sscanf(s + 2 * i, "%2hhx", &ret[i]) != 1)
			return false;
	return !s[64];
}

static int read_options(struct options *o, int argc, char **argv, struct vk_error *e)
{
	for (int i = 0; i < argc; i++) {
		const char *word = NULL;

		if (!strcmp(argv[i], "--policy") && i + 1 < argc)
			word = argv[++i];
		else if (!strncmp(argv[i], "--policy=", 9))
			word = argv[i] + 9;
		else if (!strncmp(argv[i], "--filter=", 9))
			o->filter = strtoull(argv[i] + 9, NULL, 16);
		else if (!strcmp(argv[i], "--takeover"))
			o->takeover = true;
		else if (!strncmp(argv[i], "--taken=/", 9))
			o->taken = argv[i] + 8;
		else if (!strncmp(argv[i], "--asked=", 8))
			o->keeps = read_hash(argv[i] + 8, o->asked);
		else
			return vk_error_set(e, EINVAL, "unknown argument \"%s\" of the hook",
					    argv[i]);
		if (word && o->n_words == VK_MAX_LAYERS)
			return vk_error_set(e, E2BIG,
					    "a container can be under at most %d policies",
					    VK_MAX_LAYERS);
		if (word)
			o->words[o->n_words++] = word;
	}
	return 0;
}

/* What the administrator said comes first; the annotation can only add. */
static int choose_policies(struct oci_layers *l, const struct options *o, const char *annotation,
			   struct vk_error *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->n_words; i++)
		r = oci_add_layer(l, o->words[i], true, e);
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

/* What the policies meant when they were read last, if that still holds. Looked up once more than
 * by the wrapper: its edit of config.json may be older than the policies are. */
static bool find_meaning(struct vk_meaning *m, const struct options *o, const char *annotation)
{
	if ((annotation && !*annotation) || ((o->filter || o->taken) && !o->keeps) ||
	    !oci_meaning_words(m, o->words, o->n_words, annotation ? annotation : "",
			       annotation ? strlen(annotation) : 0))
		return false;
	if (o->keeps)
		memcpy(m->asked, o->asked, sizeof(m->asked));
	return oci_meaning_find(m) && m->filter == o->filter && !!m->takeover == !!o->taken;
}

static int create(int argc, char **argv, struct vk_error *e)
{
	_cleanup_layers_ struct oci_layers layers = {0};
	_cleanup_state_ struct oci_state st = {0};
	struct vk_meaning meaning;
	uint64_t document = 0;
	struct options o = {0};
	int r = read_options(&o, argc, argv, e);

	if (r == 0)
		r = read_state(&st, e);
	if (r == 0)
		r = oci_check_namespaces(e);
	if (r < 0)
		return r;
	if (find_meaning(&meaning, &o, st.policies)) {
		document = meaning.document;
		r = oci_container_create_like(&st, document, o.filter, e);
		if (r != -ENOENT || e->code)
			return r;
	}
	r = choose_policies(&layers, &o, st.policies, e);
	if (r == 0 && o.taken)
		r = oci_take_over_config(&layers, o.taken, e);
	if (r == 0)
		r = oci_container_create(&st, &layers, o.filter, document, e);
	return r;
}

/* For the second step, and for other containers. @a: the files, and what they mean. */
static void keep_meaning(struct vk_meaning *a, const char *annotation, const struct options *o,
			 const char *question, size_t len, const char *profile)
{
	struct vk_meaning words;
	struct stat st;

	if (!oci_meaning_words(&words, o->words, o->n_words, annotation ? annotation : "",
			       annotation ? strlen(annotation) : 0))
		return;
	/* Else nothing but the policies has decided about it. */
	if (profile || a->takeover)
		oci_meaning_ask(&words, question, len, o->takeover);
	memcpy(a->words, words.words, sizeof(a->words));
	memcpy(a->asked, words.asked, sizeof(a->asked));
	/* Another version of this program might say something else. */
	if (stat(VK_HOOK_PATH, &st) < 0)
		return;
	oci_meaning_note(VK_HOOK_PATH, &st, a);
	oci_meaning_keep(a, profile);
}

/* Prints "HASH[ takeover][ broker]", the last when members may push, and on the lines after it the
 * profile, if one is needed. */
static int filter(int argc, char **argv, struct vk_error *e)
{
	_cleanup_free_ char *text = NULL, *json = NULL;
	_cleanup_question_ struct oci_question q = {0};
	_cleanup_layers_ struct oci_layers layers = {0};
	struct vk_meaning meaning = {0};
	struct options o = {0};
	uint64_t hash = 0;
	bool take = false, push = false;
	size_t len = 0;
	int r = read_options(&o, argc, argv, e);

	if (r == 0)
		r = read_input(&text, &len, e);
	if (r == 0)
		r = oci_question_parse(text, len, &q, e);
	vk_lookup_watch(oci_meaning_note, &meaning);
	if (r == 0)
		r = choose_policies(&layers, &o, q.policies, e);
	if (r == 0) {
		push = oci_layers_push(&layers);
		take = o.takeover || oci_wants_takeover(&layers);
		r = take ? oci_take_over(&layers, q.seccomp, q.apparmor, e) : 0;
	}
	if (r == 0)
		r = oci_filter(&layers, take ? NULL : q.seccomp, &hash, &json, e);
	if (r < 0)
		return r;
	meaning.document =
		vk_layers_document((const struct vk_policy *const *)layers.layers, layers.n);
	meaning.filter = json ? hash : 0;
	meaning.broker = push;
	meaning.takeover = take;
	keep_meaning(&meaning, q.policies, &o, text, len, json);
	if (printf("%016llx%s%s\n%s", (unsigned long long)hash, take ? " takeover" : "",
		   push ? " broker" : "", json ? json : "") < 0 ||
	    fflush(stdout) != 0)
		return vk_error_set(e, EIO, "cannot write the filter");
	return 0;
}

/* The container is gone whatever happens here; what stays is found by "vkernel gc". */
static int remove_instance(bool kill, struct vk_error *e)
{
	_cleanup_state_ struct oci_state st = {0};
	int r = read_state(&st, e);

	return r < 0 ? r : oci_container_remove(st.name, kill, e);
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
	if (argc >= 2 && (!strcmp(argv[1], "poststop") || !strcmp(argv[1], "deleted"))) {
		if (remove_instance(*argv[1] == 'p', &e) < 0)
			fail(&e);
		return 0;
	}
	fprintf(stderr, "usage: vkernel-hook createRuntime [--policy NAME]... | filter | poststop\n"
			"  run by container engines, with the container's state on standard input; "
			"see vkernel-hook(8)\n");
	return 2;
}
