// SPDX-License-Identifier: LGPL-2.1-or-later
/* ps.c - vkernel ps: the instances, or their members. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "oci.h"

static const struct cli_option options[] = {
	{'c', "container", "ID", "only this container: id, its beginning, or name"},
	{'m', "members", NULL, "list member threads instead of instances"},
	{'q', "quiet", NULL, "print names only"},
	{'j', "json", NULL, "print one JSON array"},
	{0},
};

struct settings {
	bool members, quiet, json;
	const char *container;
};

/* What the listings are filled into. */
struct sink {
	struct cli_table *table;
	json_t *array;
	const char *only; /* name of the one instance, or NULL */
	bool containers; /* there is a column for them */
};

/* Whether a row is for @info, and what container it is, if any. */
static bool is_wanted(const struct sink *sink, const struct vk_info *info, struct oci_record *ret)
{
	*ret = (struct oci_record){0};
	if (sink->only && strcmp(sink->only, info->name) != 0)
		return false;
	oci_record_read(info->name, ret);
	return true;
}

/* Names by id, for the list of members, which knows ids only. */
struct names {
	char (*name)[65];
};

static void add_row(const struct vk_info *info, const struct sink *sink)
{
	struct cli_table *t = sink->table;
	struct oci_record record;

	if (!is_wanted(sink, info, &record))
		return;
	/* Each below the one whose rules bind it too. */
	cli_cell(t, "%*s%s", 2 * (int)(info->depth - 1), "", info->name);
	cli_cell(t, "%s", cli_mode_name(info->mode));
	if (info->n_pushed)
		cli_cell(t, "%s+%u pushed", info->policies, info->n_pushed);
	else
		cli_cell(t, "%s", info->policies);
	if (info->pending)
		cli_cell(t, "%u+%u", info->members, info->pending);
	else
		cli_cell(t, "%u", info->members);
	cli_cell(t, "%" PRIu64, (uint64_t)info->counters.denied);
	cli_cell(t, "%" PRIu64, (uint64_t)info->counters.audited);
	if (sink->containers)
		cli_cell(t, "%s", record.name[0] ? record.name : record.id);
}

/* All instances, to be printed as a tree. */
struct list {
	struct vk_info *info;
	size_t n;
};

static int keep_info(const struct vk_info *info, void *data)
{
	struct list *l = data;

	l->info = reallocarray(l->info, l->n + 1, sizeof(*l->info));
	if (!l->info)
		cli_out_of_memory();
	l->info[l->n++] = *info;
	return 0;
}

/* The depth of the recursion is bounded: VK_MAX_DEPTH. */
static void add_tree(const struct list *l, uint32_t parent, const struct sink *sink)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->info[i].parent == parent) {
			add_row(&l->info[i], sink);
			add_tree(l, l->info[i].id, sink);
		}
}

static int add_object(const struct vk_info *info, void *data)
{
	const struct sink *sink = data;
	struct oci_record record;
	json_t *o;

	if (!is_wanted(sink, info, &record))
		return 0;
	o = json_object();
	cli_json_set(o, "name", cli_json_string(info->name));
	cli_json_set(o, "id", json_integer(info->id));
	cli_json_set(o, "parent", info->parent ? cli_json_string(info->parent_name) : json_null());
	cli_json_set(o, "depth", json_integer(info->depth));
	cli_json_set(o, "pushed", json_integer(info->n_pushed));
	cli_json_set(o, "mode", cli_json_string(cli_mode_name(info->mode)));
	cli_json_set(o, "policies", cli_json_string(info->policies));
	cli_json_set(o, "members", json_integer(info->members));
	cli_json_set(o, "pending", json_integer(info->pending));
	cli_json_set(o, "denied", json_integer((json_int_t)info->counters.denied));
	cli_json_set(o, "audited", json_integer((json_int_t)info->counters.audited));
	cli_json_set(o, "image_bytes", json_integer(info->image_bytes));
	if (record.id[0])
		cli_json_set(o, "container", cli_json_string(record.id));
	if (record.name[0])
		cli_json_set(o, "container_name", cli_json_string(record.name));
	cli_json_add(sink->array, o);
	return 0;
}

static int print_name(const struct vk_info *info, void *data)
{
	const struct sink *sink = data;

	if (!sink->only || !strcmp(sink->only, info->name))
		puts(info->name);
	return 0;
}

static int keep_name(const struct vk_info *info, void *data)
{
	struct names *names = data;

	if (info->id < VK_INSTANCES)
		snprintf(names->name[info->id], sizeof(names->name[0]), "%s", info->name);
	return 0;
}

/* Both outputs of the member list are filled from one walk. */
struct member_sink {
	const struct names *names;
	struct cli_table *table;
	json_t *array;
	const char *only;
};

static int add_member(const struct vk_member_line *line, void *data)
{
	const struct member_sink *sink = data;
	const char *name = line->vki < VK_INSTANCES ? sink->names->name[line->vki] : "";
	const char *state = line->state == VK_MEMBER_ACTIVE ? "active" : "pending";

	if (sink->only && strcmp(sink->only, name) != 0)
		return 0;
	if (sink->table) {
		cli_cell(sink->table, "%s", name);
		cli_cell(sink->table, "%u", line->tgid);
		cli_cell(sink->table, "%u", line->tid);
		cli_cell(sink->table, "%s", state);
		cli_cell(sink->table, "%.16s", line->comm);
		return 0;
	}

	_cleanup_free_ char *comm = cli_format("%.16s", line->comm);
	json_t *o = json_object();

	cli_json_set(o, "instance", cli_json_string(name));
	cli_json_set(o, "pid", json_integer(line->tgid));
	cli_json_set(o, "tid", json_integer(line->tid));
	cli_json_set(o, "state", cli_json_string(state));
	cli_json_set(o, "comm", cli_json_string(comm));
	cli_json_add(sink->array, o);
	return 0;
}

static int list_members(struct vk_engine *eng, const struct settings *set, const char *only,
			struct vk_error *e)
{
	_cleanup_free_ char(*name)[65] = cli_alloc(VK_INSTANCES, sizeof(*name));
	struct names names = {.name = name};
	_cleanup_table_ struct cli_table table = {0};
	struct member_sink sink = {.names = &names, .only = only};
	int r = 0;

	cli_table_init(&table, "INSTANCE|>PID|>TID|STATE|COMMAND");
	if (set->json)
		sink.array = json_array();
	else
		sink.table = &table;
	if (eng) {
		r = vk_instance_list(eng, false, keep_name, &names, e);
		if (r == 0)
			r = vk_members(eng, 0, add_member, &sink, e);
	}
	if (r < 0) {
		json_decref(sink.array);
		return r;
	}
	if (set->json)
		cli_json_print(sink.array, false);
	else
		cli_table_print(&table, stdout);
	return 0;
}

static int count_record(const struct oci_record *record, void *data)
{
	(void)record;
	*(bool *)data = true;
	return 1;
}

static int list_instances(struct vk_engine *eng, const struct settings *set, const char *only,
			  struct vk_error *e)
{
	_cleanup_table_ struct cli_table table = {0};
	struct sink sink = {.table = &table, .only = only};
	struct list list = {0};
	int r;

	if (set->quiet)
		return eng ? vk_instance_list(eng, false, print_name, &sink, e) : 0;
	if (set->json) {
		sink.array = json_array();
		r = eng ? vk_instance_list(eng, false, add_object, &sink, e) : 0;
		if (r == 0)
			cli_json_print(sink.array, false);
		else
			json_decref(sink.array);
		return r;
	}
	oci_record_each(count_record, &sink.containers);
	cli_table_init(&table, sink.containers ?
				       "NAME|MODE|POLICIES|>MEMBERS|>DENIED|>AUDITED|CONTAINER" :
				       "NAME|MODE|POLICIES|>MEMBERS|>DENIED|>AUDITED");
	r = eng ? vk_instance_list(eng, false, keep_info, &list, e) : 0;
	if (r == 0) {
		add_tree(&list, 0, &sink);
		cli_table_print(&table, stdout);
	}
	free(list.info);
	return r;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	vk_cleanup(vk_engine_closep) struct vk_engine *eng = NULL;
	struct settings set = {0};
	struct oci_record record;
	struct vk_error e = {0};
	const char *arg;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'c')
			set.container = arg;
		set.members |= key == 'm';
		set.quiet |= key == 'q';
		set.json |= key == 'j';
	}
	cli_operands(cmd, argc, argv, 0, 0, NULL);

	/* -ENOENT: nothing was ever set up here, so there are no instances. */
	int r = vk_engine_open(&eng, VK_OPEN_READ_ONLY, &e);

	if (set.container && (r == 0 || r == -ENOENT)) {
		e = (struct vk_error){0};
		r = oci_record_find(set.container, &record, &e);
	}
	if (r == 0 || (r == -ENOENT && !set.container))
		r = (set.members ? list_members : list_instances)(
			eng, &set, set.container ? record.instance : NULL, &e);
	if (r < 0) {
		cli_report(&e);
		return CLI_FAIL;
	}
	return CLI_OK;
}

const struct cli_command cli_ps = {
	.name = "ps",
	.synopsis = "[--container ID] [--members] [--quiet] [--json]",
	.summary = "list instances",
	.details =
		"One line per instance: its mode, its policies, its member threads (and +N that\n"
		"become members at their next exec), and what was denied and audited so far. If\n"
		"there are containers: the name by which their engine knows them, or their id.\n"
		"One that is bound by the rules of another, too, stands below it.",
	.examples = "sudo vkernel ps\n"
		    "sudo vkernel ps --members --container web",
	.options = options,
	.run = run,
};
