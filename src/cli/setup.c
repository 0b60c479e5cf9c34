// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * setup.c - vkernel setup: tells container engines about vkernel-runtime and vkernel-hook.
 *
 * An engine's configuration is merged into, never replaced: what is there stays, a copy of the
 * file as it was is kept beside it, and --undo takes out what was put in and nothing else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

#define BEGIN "# vkernel: begin (made by vkernel setup containerd; --undo removes it)\n"
#define END "# vkernel: end\n"

static const struct cli_option options[] = {
	{'n', "dry-run", NULL, "print what would be written, and write nothing"},
	{'u', "undo", NULL, "take out what setup has put in"},
	{0},
};

struct settings {
	bool dry_run, undo;
};

/* ---- files ---- */

/* The text of @path, "" when there is none. NULL: it cannot be read; said so. */
static char *read_text(const char *path, bool *ret_exists)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len = 0;

	*ret_exists = f != NULL;
	if (!f && errno == ENOENT)
		return cli_dup("");
	if (f && getdelim(&text, &len, '\0', f) >= 0)
		return text;
	free(text);
	if (f && feof(f) && !ferror(f))
		return cli_dup("");
	cli_fail("cannot read %s: %s", path, strerror(errno));
	return NULL;
}

static int make_parents(const char *path)
{
	_cleanup_free_ char *copy = cli_dup(path);

	for (char *s = copy + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return cli_fail("cannot make %s: %s", copy, strerror(errno));
		*s = '/';
	}
	return CLI_OK;
}

/* Completely, or not at all; with mode and owner of what was there. */
static int write_text(const char *path, const char *text, const struct stat *st)
{
	_cleanup_free_ char *temp = cli_format("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(temp, O_CLOEXEC);
	size_t len = strlen(text);

	if (fd >= 0 && fchmod(fd, st ? st->st_mode & 07777 : 0644) == 0 &&
	    (!st || fchown(fd, st->st_uid, st->st_gid) == 0) &&
	    write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 && rename(temp, path) == 0)
		return CLI_OK;
	cli_fail("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		unlink(temp);
	return CLI_FAIL;
}

/* Makes the file hold @text; NULL: removes it. @old: what it holds now. */
static int put(const struct settings *set, const char *path, const char *old, const char *text)
{
	_cleanup_free_ char *backup = cli_format("%s.before-vkernel", path);
	struct stat st;
	bool exists = stat(path, &st) == 0;

	if (text ? exists && !strcmp(old, text) : !exists) {
		printf("%s: nothing to do\n", path);
		return CLI_OK;
	}
	if (set->dry_run) {
		printf(text ? "would write %s:\n%s" : "would remove %s\n", path, text);
		return CLI_OK;
	}
	if (!text) {
		if (unlink(path) < 0)
			return cli_fail("cannot remove %s: %s", path, strerror(errno));
		printf("removed %s\n", path);
		return CLI_OK;
	}
	if (make_parents(path) != CLI_OK || (exists && write_text(backup, old, &st) != CLI_OK) ||
	    write_text(path, text, exists ? &st : NULL) != CLI_OK)
		return CLI_FAIL;
	printf("wrote %s%s%s\n", path, exists ? "; as it was: " : "", exists ? backup : "");
	return CLI_OK;
}

/* A file that is ours alone. */
static int put_own(const struct settings *set, const char *path, const char *text)
{
	bool exists;
	_cleanup_free_ char *old = read_text(path, &exists);

	return old ? put(set, path, old, set->undo ? NULL : text) : CLI_FAIL;
}

/* ---- docker ---- */

static int setup_docker(const struct settings *set)
{
	static const char path[] = "/etc/docker/daemon.json";
	bool exists;
	_cleanup_free_ char *old = read_text(path, &exists), *text = NULL;
	json_t *root, *runtimes, *ours;
	json_error_t je;
	int status;

	if (!old)
		return CLI_FAIL;
	root = *old ? json_loads(old, JSON_REJECT_DUPLICATES, &je) : json_object();
	if (!json_is_object(root)) {
		json_decref(root);
		return cli_fail("%s:%d: %s; nothing is changed", path, root ? 1 : je.line,
				root ? "no JSON object" : je.text);
	}
	runtimes = json_object_get(root, "runtimes");
	ours = json_pack("{s:s}", "path", VK_RUNTIME_PATH);
	if (set->undo) {
		json_object_del(runtimes, "vkernel");
		if (runtimes && json_object_size(runtimes) == 0)
			json_object_del(root, "runtimes");
	} else if (!runtimes) {
		cli_json_set(root, "runtimes", json_pack("{s:O}", "vkernel", ours));
	} else if (!json_equal(json_object_get(runtimes, "vkernel"), ours)) {
		json_object_set(runtimes, "vkernel", ours);
	}
	json_decref(ours);
	text = json_dumps(root, JSON_INDENT(4));
	/* As it is, if it already says so in its own way. */
	json_t *before = *old ? json_loads(old, 0, &je) : NULL;
	bool same = before && json_equal(before, root);
	bool empty = json_object_size(root) == 0;

	json_decref(before);
	json_decref(root);
	if (!text)
		cli_out_of_memory();
	text = realloc(text, strlen(text) + 2);
	if (!text)
		cli_out_of_memory();
	strcat(text, "\n");
	status = put(set, path, old, set->undo && (empty || !exists) ? NULL : same ? old : text);
	if (status == CLI_OK && !set->undo)
		puts("next: systemctl reload docker\n"
		     "then: docker run --runtime vkernel IMAGE");
	return status;
}

/* ---- podman ---- */

static char *hook_text(const char *stage, const char *when)
{
	return cli_format("{\n"
			  "    \"version\": \"1.0.0\",\n"
			  "    \"hook\": {\n"
			  "        \"path\": \"" VK_HOOK_PATH "\",\n"
			  "        \"args\": [\"vkernel-hook\", \"%s\"],\n"
			  "        \"timeout\": 120\n"
			  "    },\n"
			  "    \"when\": {%s},\n"
			  "    \"stages\": [\"%s\"]\n"
			  "}\n",
			  stage, when, stage);
}

static int setup_podman(const struct settings *set)
{
	static const char conf[] = "/etc/containers/containers.conf.d/50-vkernel.conf";
	static const char create[] = "/usr/share/containers/oci/hooks.d/50-vkernel.json";
	static const char stop[] = "/usr/share/containers/oci/hooks.d/50-vkernel-poststop.json";
	static const char when[] = "\"annotations\": {\"^io[.]vkernel[.]policy$\": \".*\"}";
	_cleanup_free_ char *create_text = hook_text("createRuntime", when);
	_cleanup_free_ char *stop_text = hook_text("poststop", when);
	int status = put_own(set, conf,
			     "# Made by vkernel setup podman.\n"
			     "[engine.runtimes]\n"
			     "vkernel = [\"" VK_RUNTIME_PATH "\"]\n");

	if (status == CLI_OK)
		status = put_own(set, create, create_text);
	if (status == CLI_OK)
		status = put_own(set, stop, stop_text);
	if (status == CLI_OK && !set->undo)
		puts("then: podman run --runtime vkernel IMAGE\n"
		     "or:   podman run --annotation io.vkernel.policy=NAME IMAGE");
	return status;
}

/* ---- containerd ---- */

/* The version of a config.toml: 0 none is given, -1 not understood. */
static int toml_version(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (*line == '[')
			break;
		if (strncmp(line, "version", 7) != 0)
			continue;
		line += 7 + strspn(line + 7, " \t");
		return *line == '=' ? atoi(line + 1) : -1;
	}
	return 0;
}

/* @old without our block, allocated; NULL when the block has no end. */
static char *without_block(const char *old)
{
	const char *begin = strstr(old, BEGIN);
	const char *end = begin ? strstr(begin, END) : NULL;

	if (!begin)
		return cli_dup(old);
	return end ? cli_format("%.*s%s", (int)(begin - old), old, end + strlen(END)) : NULL;
}

static int setup_containerd(const struct settings *set)
{
	static const char path[] = "/etc/containerd/config.toml";
	bool exists;
	_cleanup_free_ char *old = read_text(path, &exists);
	_cleanup_free_ char *base = old ? without_block(old) : NULL, *text = NULL;
	const char *plugin;
	int version, status;

	if (!old)
		return CLI_FAIL;
	if (!base)
		return cli_fail("%s: the end of what setup has put in is missing", path);
	version = *base ? toml_version(base) : 2;
	if (!set->undo && version != 2 && version != 3)
		return cli_fail("%s: its version is not 2 or 3; nothing is changed", path);
	if (!set->undo && strstr(base, "runtimes.vkernel]"))
		return cli_fail("%s has a runtime vkernel that setup has not put in", path);
	plugin = version == 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri";
	if (set->undo)
		return put(set, path, old, *base && strcmp(base, "version = 2\n") ? base : NULL);
	text = cli_format("%s%s" BEGIN "[plugins.\"%s\".containerd.runtimes.vkernel]\n"
			  "runtime_type = \"io.containerd.runc.v2\"\n"
			  "[plugins.\"%s\".containerd.runtimes.vkernel.options]\n"
			  "BinaryName = \"" VK_RUNTIME_PATH "\"\n" END,
			  *base ? base : "version = 2\n",
			  *base && base[strlen(base) - 1] != '\n' ? "\n" : "", plugin, plugin);
	status = put(set, path, old, text);
	if (status == CLI_OK)
		puts("next: systemctl restart containerd\n"
		     "then: a RuntimeClass with handler vkernel, or\n"
		     "      ctr run --runc-binary " VK_RUNTIME_PATH " IMAGE ID");
	return status;
}

/* ---- CDI ---- */

static void add_device(json_t *devices, const char *name)
{
	for (size_t i = 0; i < json_array_size(devices); i++)
		if (!strcmp(json_string_value(json_object_get(json_array_get(devices, i), "name")),
			    name))
			return;
	cli_json_add(devices,
		     json_pack("{s:s, s:{s:[{s:s, s:s, s:[s,s,s,s], s:i}, {s:s, s:s, s:[s,s]}]}}",
			       "name", name, "containerEdits", "hooks", "hookName", "createRuntime",
			       "path", VK_HOOK_PATH, "args", "vkernel-hook", "createRuntime",
			       "--policy", name, "timeout", 120, "hookName", "poststop", "path",
			       VK_HOOK_PATH, "args", "vkernel-hook", "poststop"));
}

static int is_named(const struct dirent *d)
{
	size_t len = strspn(d->d_name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len && !strcmp(d->d_name + len, ".yaml");
}

static void add_directory(json_t *devices, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_named, alphasort);

	for (int i = 0; i < n; i++) {
		*strchr(entries[i]->d_name, '.') = '\0';
		add_device(devices, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int setup_cdi(const struct settings *set)
{
	_cleanup_free_ char *text = NULL;
	json_t *devices = json_array(), *spec;
	int status;

	/* Where the hook looks names up, whatever the environment says. */
	add_directory(devices, "/etc/vkernel/policies");
	add_directory(devices, "/usr/share/vkernel/policies");
	for (size_t i = 0; i < vk_n_builtins; i++)
		add_device(devices, vk_builtins[i].name);
	spec = json_pack("{s:s, s:s, s:o}", "cdiVersion", "0.3.0", "kind", "vkernel.io/policy",
			 "devices", devices);
	text = json_dumps(spec, JSON_INDENT(4));
	json_decref(spec);
	if (!text)
		cli_out_of_memory();
	status = put_own(set, "/etc/cdi/vkernel.json", text);
	if (status == CLI_OK && !set->undo)
		puts("then: podman run --device vkernel.io/policy=NAME IMAGE\n"
		     "and setup again when a policy was added");
	return status;
}

static const struct {
	const char *name;
	int (*fn)(const struct settings *set);
} engines[] = {
	{"docker", setup_docker},
	{"podman", setup_podman},
	{"containerd", setup_containerd},
	{"cdi", setup_cdi},
};

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	struct settings set = {0};
	char **operands;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;) {
		set.dry_run |= key == 'n';
		set.undo |= key == 'u';
	}
	operands = cli_operands(cmd, argc, argv, 1, 1, NULL);
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcmp(operands[0], engines[i].name) != 0)
			continue;
		if (!set.dry_run && !set.undo && access(VK_RUNTIME_PATH, X_OK) < 0)
			return cli_fail("%s is not installed: %s", VK_RUNTIME_PATH,
					strerror(errno));
		return engines[i].fn(&set);
	}
	return cli_usage(cmd, "unknown engine '%s': there are docker, podman, containerd and cdi",
			 operands[0]);
}

const struct cli_command cli_setup = {
	.name = "setup",
	.synopsis = "[--dry-run] [--undo] docker|podman|containerd|cdi",
	.summary = "tell a container engine about vkernel",
	.details =
		"The configuration of the engine is merged into; a copy of the file as it was is\n"
		"kept beside it. Nothing is restarted. cdi writes the specification by which\n"
		"engines with CDI know the device vkernel.io/policy=NAME.",
	.examples = "vkernel setup --dry-run docker\n"
		    "sudo vkernel setup docker\n"
		    "sudo vkernel setup --undo docker",
	.options = options,
	.run = run,
};
