/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store.c - what only user space knows of instances: names, modes, and the texts of policies,
 * which explain denials later.
 *
 *	/run/vkernel/texts/N     layers given by root, JSON; or one that a member pushed, as it came
 *	/run/vkernel/lock        held while anything is changed
 *
 * Names and modes are in the map vk_rows. Nothing here decides what is enforced: texts that no
 * longer compile to the image in force are refused. Equal texts are stored once. All of it lives
 * exactly as long as the pins: until the next boot.
 */
#include "internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <jansson.h>

#include "parse.h"
#include "vkernel.skel.h"

static void json_freep(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ vk_cleanup(json_freep)

int vk_store_open(struct vk_engine *eng, struct vk_error *e)
{
	if (!eng->writable)
		return 0;
	/* Most often all is there. The lock is made last. */
	eng->lock = open(VK_STATE_ROOT "/lock", O_RDWR | O_CLOEXEC);
	if (eng->lock < 0) {
		/* To be passed through: the broker's socket is there. */
		mkdir(VK_STATE_ROOT, 0711);
		mkdir(VK_STATE_ROOT "/texts", 0700);
		eng->lock = open(VK_STATE_ROOT "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (eng->lock < 0)
		return vk_error_set(e, errno, "cannot open " VK_STATE_ROOT "/lock: %s",
				    strerror(errno));
	while (flock(eng->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return vk_error_set(e, errno, "cannot lock " VK_STATE_ROOT);
	return 0;
}

void vk_store_close(struct vk_engine *eng)
{
	if (eng->lock >= 0)
		close(eng->lock);
	free(eng->reserved);
	eng->reserved = NULL;
	eng->lock = -1;
}

/* "built-in NAME" or "/etc/vkernel/policies/NAME.yaml": the NAME by which `use:` may know it. */
static void base_name(char *buf, size_t len, const char *file)
{
	const char *start = file + strlen(file);

	while (start > file && start[-1] != '/' && start[-1] != ' ')
		start--;
	snprintf(buf, len, "%s", start);
	buf[strcspn(buf, ".")] = '\0';
}

/* Collects a policy's used sets under the names that `use:` may know them by. */
static int collect_uses(json_t *uses, const struct vk_policy *p)
{
	for (size_t i = 0; i < p->n_uses; i++) {
		const struct vk_policy *u = p->uses[i];
		json_t *o = json_pack("{s:s, s:s%}", "file", u->file, "text", u->text, u->text_len);
		char base[128];
		int r;

		base_name(base, sizeof(base), u->file);
		r = json_object_set(uses, u->name, o);
		if (r == 0 && !json_object_get(uses, base))
			r = json_object_set(uses, base, o);
		json_decref(o);
		if (r < 0 || collect_uses(uses, u) < 0)
			return -ENOMEM;
	}
	return 0;
}

static json_t *layers_to_json(const struct vk_policy *const *layers, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *uses = json_object();

		if (collect_uses(uses, layers[i]) < 0 ||
		    json_array_append_new(
			    list, json_pack("{s:s, s:s%, s:i, s:o}", "file", layers[i]->file,
					    "text", layers[i]->text, layers[i]->text_len, "mode",
					    (int)layers[i]->mode, "uses", uses)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static void text_path(char *buf, size_t len, uint32_t text)
{
	snprintf(buf, len, VK_STATE_ROOT "/texts/%u", text);
}

static bool file_holds(const char *path, const char *data, size_t len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *have = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (size_t)st.st_size != len)
		return false;
	have = malloc(len + 1);
	return have && read(fd, have, len) == (ssize_t)len && memcmp(have, data, len) == 0;
}

char *vk_store_document(const struct vk_policy *const *layers, size_t n)
{
	_cleanup_json_ json_t *list = layers_to_json(layers, n);

	return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

int vk_store_put(const char *data, size_t len, uint32_t *ret_text, struct vk_error *e)
{
	_cleanup_close_ int fd = -1;
	char path[64], temp[80];
	uint32_t text;

	/* The number is the hash; another text of the same hash moves on by one. */
	for (text = (uint32_t)vk_hash(data, len) | 1;; text += 2) {
		if (text == VK_TEXT_NEW)
			continue;
		text_path(path, sizeof(path), text);
		if (access(path, F_OK) < 0)
			break;
		if (file_holds(path, data, len)) {
			*ret_text = text;
			return 0;
		}
	}
	snprintf(temp, sizeof(temp), "%s.new", path);
	errno = 0;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENOENT && mkdir(VK_STATE_ROOT "/texts", 0700) == 0) {
		errno = 0;
		fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	if (fd < 0 || write(fd, data, len) != (ssize_t)len || rename(temp, path) < 0) {
		int code = errno ? errno : ENOSPC;

		unlink(temp);
		return vk_error_set(e, code, "cannot write %s: %s", path, strerror(code));
	}
	*ret_text = text;
	return 0;
}

int vk_store_get(uint32_t text, char **ret, size_t *ret_len, struct vk_error *e)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	char path[64];
	struct stat st;

	text_path(path, sizeof(path), text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return vk_error_set(e, EIO, "cannot read %s", path);
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != (ssize_t)st.st_size)
		return vk_error_set(e, EIO, "cannot read %s", path);
	data[st.st_size] = '\0';
	*ret = vk_take_ptr(data);
	*ret_len = (size_t)st.st_size;
	return 0;
}

bool vk_store_has(uint32_t text)
{
	char path[64];

	text_path(path, sizeof(path), text);
	return access(path, R_OK) == 0;
}

static int stored_use(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
		      void *data)
{
	json_t *use = json_object_get(data, name);
	const char *text = json_string_value(json_object_get(use, "text"));
	const char *file = json_string_value(json_object_get(use, "file"));

	if (!text || !file)
		return -ENOENT;
	*ret_text = strdup(text);
	*ret_file = strdup(file);
	if (!*ret_text || !*ret_file) {
		free(*ret_text);
		free(*ret_file);
		return -ENOMEM;
	}
	*ret_len = strlen(text);
	return 0;
}

int vk_store_parse(const char *data, size_t len, struct vk_policy **layers, size_t *n,
		   struct vk_error *e)
{
	_cleanup_json_ json_t *list = NULL;
	json_error_t je;

	list = json_loadb(data, len, 0, &je);
	if (!json_is_array(list))
		return vk_error_set(e, EIO, "a stored policy is damaged");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);
		const char *doc = json_string_value(json_object_get(o, "text"));
		const char *file = json_string_value(json_object_get(o, "file"));
		int r;

		if (*n >= VK_MAX_LAYERS)
			return vk_error_set(e, E2BIG, "too many layers");
		if (!doc || !file)
			return vk_error_set(e, EIO, "a stored policy is damaged");
		r = vk_policy_parse(file, doc, strlen(doc), stored_use, json_object_get(o, "uses"),
				    &layers[*n], e);
		if (r < 0)
			return r;
		layers[*n]->mode = (enum vk_mode)json_integer_value(json_object_get(o, "mode"));
		++*n;
	}
	return 0;
}

static bool refers_to(const struct vk_row_state *s, uint32_t text)
{
	bool found = s->text == text;

	for (size_t i = 0; i < s->n_pushed; i++)
		found |= s->pushed[i].text == text;
	return found;
}

void vk_store_trim(struct vk_engine *eng, uint32_t text)
{
	char path[64];

	if (!text || text == VK_TEXT_NEW)
		return;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].name[0] && refers_to(vk_row_state(eng, id), text))
			return; /* also of an instance that has ended */
	text_path(path, sizeof(path), text);
	unlink(path);
}

struct vk_row_state *vk_row_state(struct vk_engine *eng, uint32_t id)
{
	struct vk_row *row = &eng->rows[id];
	uint64_t rule = __atomic_load_n(&eng->bss->vk_instances[id].rule, __ATOMIC_SEQ_CST);

	if (!row->used)
		return &row->state[row->ended & 1];
	return &row->state[row->state[1].rule == rule];
}

unsigned int vk_row_depth(const struct vk_engine *eng, uint32_t id)
{
	unsigned int depth = 0;

	for (; id && depth <= VK_MAX_DEPTH; id = eng->rows[id].parent)
		depth++;
	return depth;
}

bool vk_row_is_below(const struct vk_engine *eng, uint32_t id, uint32_t ancestor)
{
	for (unsigned int i = 0; i < VK_MAX_DEPTH && id; i++) {
		id = eng->rows[id].parent;
		if (id == ancestor)
			return id != 0;
	}
	return false;
}

int vk_row_find(struct vk_engine *eng, const char *name, uint32_t *ret_id, struct vk_error *e)
{
	size_t len = strlen(name);
	uint32_t found = 0, matches = 0;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const char *have = eng->rows[id].name;

		if (!eng->rows[id].used || strncmp(have, name, len) != 0)
			continue;
		if (strcmp(have, name) == 0) {
			*ret_id = id;
			return 0;
		}
		found = id;
		matches++;
	}
	if (matches == 1 && len > 0) {
		*ret_id = found;
		return 0;
	}
	if (matches > 1 && len > 0) {
		vk_error_set(e, ENOTUNIQ, "%u instances have names that begin with \"%s\"", matches,
			     name);
		vk_error_advise(e, "give more of the name; \"vkernel ps\" lists them");
		return -ENOTUNIQ;
	}
	vk_error_set(e, ENOENT, "there is no instance \"%s\"", name);
	vk_error_advise(e, "\"vkernel ps\" lists the instances");
	return -ENOENT;
}
