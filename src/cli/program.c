// SPDX-License-Identifier: LGPL-2.1-or-later
/* program.c - vkernel program: list, show, count, and switch policy programs. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "cli.h"
#include "programs.h"
#include "sha256.h"

static const struct cli_option json_option[] = {
	{'j', "json", NULL, "print JSON"},
	{0},
};

/**
 * struct listing - programs or helpers being printed
 * @fill: adds the cells of one
 */
struct listing {
	struct cli_table table;
	json_t *array;
	void (*fill)(struct cli_table *t, const struct vk_program_info *info);
};

/* "file_open,socket_connect" */
static void hooks_text(uint64_t hooks, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int id = 1; id < VK_HOOK_COUNT; id++)
		if (hooks >> id & 1 && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
						 vk_program_hook_name(id));
}

static const char *mode_text(const struct vk_program_row *row)
{
	return row->flags & VK_P_AUDIT ? "audit" : "enforce";
}

static json_t *program_json(const struct vk_program_info *info)
{
	json_t *o = json_object(), *hooks = json_array();
	char sha[65];

	vk_sha256_hex(info->row.sha256, sha);
	for (unsigned int id = 1; id < VK_HOOK_COUNT; id++)
		if (info->row.hooks >> id & 1)
			cli_json_add(hooks, cli_json_string(vk_program_hook_name(id)));
	cli_json_set(o, "id", json_integer(info->id));
	cli_json_set(o, "name", cli_json_string(info->row.name));
	cli_json_set(o, "sha256", cli_json_string(sha));
	cli_json_set(o, "instructions", json_integer(info->row.insns));
	cli_json_set(o, "maps", json_integer(info->row.maps));
	cli_json_set(o, "map_bytes", json_integer((json_int_t)info->row.memory));
	if (info->row.flags & VK_P_HELPER) {
		json_decref(hooks);
		return o;
	}
	cli_json_set(o, "instance", cli_json_string(info->instance));
	cli_json_set(o, "mode", cli_json_string(mode_text(&info->row)));
	cli_json_set(o, "hooks", hooks);
	if (info->row.flags & VK_P_MEMBER)
		cli_json_set(o, "pushed_by", json_integer(info->row.uid));
	cli_json_set(o, "instances_below", json_integer(info->inherited));
	cli_json_set(o, "verified_us", json_integer(info->row.dry_usec));
	cli_json_set(o, "denied", json_integer((json_int_t)info->row.denied));
	cli_json_set(o, "audited", json_integer((json_int_t)info->row.audited));
	return o;
}

static int list_one(const struct vk_program_info *info, void *data)
{
	struct listing *l = data;

	if (l->array)
		cli_json_add(l->array, program_json(info));
	else
		l->fill(&l->table, info);
	return 0;
}

int cli_program_table(const char *header, bool json, const char *instance, uint32_t flags,
		      void (*fill)(struct cli_table *t, const struct vk_program_info *info))
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct listing l = {.array = json ? json_array() : NULL, .fill = fill};
	struct vk_error e = {0};
	int r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, &e);

	cli_table_init(&l.table, header);
	if (r == 0)
		r = vk_program_list(eng, instance, flags, list_one, &l, &e);
	else if (r == -ENOENT && !instance)
		r = 0; /* nothing was ever set up here */
	if (r < 0)
		cli_report(&e);
	else if (json)
		cli_json_print(l.array, false);
	else
		cli_table_print(&l.table, stdout);
	cli_table_free(&l.table);
	return r < 0 ? CLI_FAIL : CLI_OK;
}

static int run_table(const struct cli_command *cmd, int argc, char **argv, const char *header,
		     void (*fill)(struct cli_table *t, const struct vk_program_info *info))
{
	bool json = false;
	size_t n;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';

	char **operands = cli_operands(cmd, argc, argv, 0, 1, &n);

	return cli_program_table(header, json, n ? operands[0] : NULL, 0, fill);
}

/* ---- ls ---- */

static void fill_ls(struct cli_table *t, const struct vk_program_info *info)
{
	char hooks[512];

	hooks_text(info->row.hooks, hooks, sizeof(hooks));
	cli_cell(t, "%s", info->instance);
	cli_cell(t, "%s", info->row.name);
	cli_cell(t, "%s", mode_text(&info->row));
	cli_cell(t, "%s", hooks);
}

static int run_ls(const struct cli_command *cmd, int argc, char **argv)
{
	return run_table(cmd, argc, argv, "INSTANCE|PROGRAM|MODE|HOOKS", fill_ls);
}

const struct cli_command cli_program_ls = {
	.name = "program ls",
	.synopsis = "[--json] [INSTANCE]",
	.summary = "list policy programs",
	.details = "In the order in which they are asked. An instance is bound by the programs of\n"
		   "the instances above it as well, which are asked first.",
	.examples = "sudo vkernel program ls",
	.options = json_option,
	.run = run_ls,
};

/* ---- stats ---- */

static void fill_stats(struct cli_table *t, const struct vk_program_info *info)
{
	char size[16];

	cli_cell(t, "%s", info->instance);
	cli_cell(t, "%s", info->row.name);
	cli_cell(t, "%" PRIu64, (uint64_t)info->row.denied);
	cli_cell(t, "%" PRIu64, (uint64_t)info->row.audited);
	cli_cell(t, "%u", info->row.insns);
	cli_cell(t, "%u.%03u ms", info->row.dry_usec / 1000, info->row.dry_usec % 1000);
	cli_cell(t, "%s", cli_size(info->row.memory, size));
}

static int run_stats(const struct cli_command *cmd, int argc, char **argv)
{
	return run_table(cmd, argc, argv,
			 "INSTANCE|PROGRAM|>DENIED|>AUDITED|>INSTRUCTIONS|>VERIFIED IN|>MAPS",
			 fill_stats);
}

const struct cli_command cli_program_stats = {
	.name = "program stats",
	.synopsis = "[--json] [INSTANCE]",
	.summary = "show counters of policy programs",
	.details = "What each program denied, or would have denied in audit mode, and what it\n"
		   "costs: instructions, the time of its verification, memory of its maps.",
	.examples = "sudo vkernel program stats web",
	.options = json_option,
	.run = run_stats,
};

/* ---- show ---- */

struct wanted {
	const char *name;
	struct vk_program_info found;
};

static int match(const struct vk_program_info *info, void *data)
{
	struct wanted *w = data;

	if (strcmp(info->row.name, w->name) == 0)
		w->found = *info;
	return 0;
}

int cli_program_find(struct vk_engine *eng, const char *instance, const char *name,
		     struct vk_program_info *ret, struct vk_error *e)
{
	struct wanted w = {.name = name};
	int r = vk_program_list(eng, instance, instance ? 0 : VK_P_HELPER, match, &w, e);

	if (r < 0)
		return r;
	if (!w.found.id && !instance) {
		vk_error_set(e, ENOENT, "there is no helper %s", name);
		vk_error_advise(e, "\"vkernel helper ls\" lists them");
		return -ENOENT;
	}
	if (!w.found.id) {
		vk_error_set(e, ENOENT, "instance %s has no program %s", instance, name);
		vk_error_advise(e, "\"vkernel program ls\" lists them");
		return -ENOENT;
	}
	*ret = w.found;
	return 0;
}

const char *cli_map_type(uint32_t type)
{
	static const char *const types[] = {"", "array", "hash", "lru hash"};

	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "";
}

static void show_text(const struct vk_program_info *info, const struct vk_program_image *img)
{
	char sha[65], hooks[512];

	vk_sha256_hex(info->row.sha256, sha);
	hooks_text(info->row.hooks, hooks, sizeof(hooks));
	printf("program       %s\ninstance      %s\nmode          %s\nhooks         %s\n"
	       "instructions  %u, verified in %u us\ndenied        %" PRIu64
	       "\naudited       %" PRIu64 "\nsha256        %s\n",
	       info->row.name, info->instance, mode_text(&info->row), hooks, info->row.insns,
	       info->row.dry_usec, (uint64_t)info->row.denied, (uint64_t)info->row.audited, sha);
	for (uint32_t i = 0; i < img->maps.count; i++) {
		const struct vk_program_map *m = &vk_program_maps(img)[i];

		printf("map           %s: %s of %u, keys of %u bytes, values of %u%s\n", m->name,
		       cli_map_type(m->type), m->max_entries, m->key_size, m->value_size,
		       m->flags & VK_MAP_FLAG_READ_ONLY ? ", read-only" : "");
	}
	for (uint32_t i = 0; i < img->imports.count; i++)
		printf("calls         %s: %s\n", vk_program_imports(img)[i].name,
		       vk_program_imports(img)[i].type);
}

struct json_t *cli_program_maps_json(const struct vk_program_map *maps, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++) {
		json_t *o = json_object();

		cli_json_set(o, "name", cli_json_string(maps[i].name));
		cli_json_set(o, "type", cli_json_string(cli_map_type(maps[i].type)));
		cli_json_set(o, "key_size", json_integer(maps[i].key_size));
		cli_json_set(o, "value_size", json_integer(maps[i].value_size));
		cli_json_set(o, "max_entries", json_integer(maps[i].max_entries));
		cli_json_add(array, o);
	}
	return array;
}

static void show_json(const struct vk_program_info *info, const struct vk_program_image *img)
{
	json_t *o = program_json(info), *calls = json_array();

	for (uint32_t i = 0; i < img->imports.count; i++)
		cli_json_add(calls, cli_json_string(vk_program_imports(img)[i].name));
	cli_json_set(o, "maps", cli_program_maps_json(vk_program_maps(img), img->maps.count));
	cli_json_set(o, "calls", calls);
	cli_json_print(o, false);
}

static int run_show(const struct cli_command *cmd, int argc, char **argv)
{
	_cleanup_free_ struct vk_program_image *img = NULL;
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_program_info info;
	struct vk_error e = {0};
	bool json = false;

	for (int key; (key = cli_next(cmd, argc, argv, NULL)) != CLI_END;)
		json |= key == 'j';

	char **operands = cli_operands(cmd, argc, argv, 2, 2, NULL);

	if (vk_engine_open(&eng, VK_OPEN_READ_ONLY, &e) < 0 ||
	    cli_program_find(eng, operands[0], operands[1], &info, &e) < 0 ||
	    vk_program_image_of(eng, info.id, &img, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	(json ? show_json : show_text)(&info, img);
	return CLI_OK;
}

const struct cli_command cli_program_show = {
	.name = "program show",
	.synopsis = "[--json] INSTANCE PROGRAM",
	.summary = "show one policy program: its hooks, maps and helpers",
	.details = "The SHA-256 is that of its image.",
	.examples = "sudo vkernel program show web rate-limit-connect",
	.options = json_option,
	.run = run_show,
};

/* ---- mode ---- */

static int run_mode(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct vk_error e = {0};

	while (cli_next(cmd, argc, argv, NULL) != CLI_END)
		;

	char **operands = cli_operands(cmd, argc, argv, 3, 3, NULL);
	bool audit = !strcmp(operands[2], "audit");

	if (!audit && strcmp(operands[2], "enforce"))
		return cli_usage(cmd, "'%s' is no mode: audit or enforce", operands[2]);
	if (vk_engine_open(&eng, 0, &e) < 0 ||
	    vk_program_set_audit(eng, operands[0], operands[1], audit, &e) < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_program_mode = {
	.name = "program mode",
	.synopsis = "INSTANCE PROGRAM audit|enforce",
	.summary = "switch a policy program between audit and enforce",
	.details = "In audit mode what it denies passes, and is reported: see vkernel events. Its\n"
		   "maps are kept.",
	.examples = "sudo vkernel program mode web rate-limit-connect enforce",
	.run = run_mode,
};
