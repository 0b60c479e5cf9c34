/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cli.h - what the subcommands share: their table, options, messages, tables, JSON, policies.
 *
 * One file per subcommand, named after it. A subcommand parses its options into a struct of its
 * own, calls the engine, prints, and returns an exit status. Only this directory prints, and only
 * it ends the process.
 */
#ifndef VK_CLI_H
#define VK_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cleanup.h"
#include "compile.h"
#include "engine.h"
#include "error.h"
#include "model.h"
#include "parse.h"

/* Exit statuses. A negative answer (denied, not enforceable, a mistake in a policy) is FAIL. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAIL = 1,
	CLI_USAGE = 2,
	CLI_RUN_FAILED = 125, /* run: vkernel failed before the command started */
	CLI_RUN_NOT_EXECUTABLE = 126, /* run: as shells do */
	CLI_RUN_NOT_FOUND = 127,
};

/* ---- commands and options (vkernel.c, options.c) ---- */

/**
 * struct cli_option - one option of one command
 * @key:  its letter, or a number from 256 on when it has only a long form
 * @name: long form, without dashes
 * @arg:  name of its argument, or NULL
 * @help: what it does, for --help
 */
struct cli_option {
	int key;
	const char *name;
	const char *arg;
	const char *help;
};

/**
 * struct cli_command - one subcommand
 * @name:       as typed; two words for a subcommand of a subcommand
 * @synopsis:   options and operands, as in the first line of --help
 * @summary:    one line, for the list of commands
 * @details:    paragraphs of --help, without indentation
 * @examples:   lines of --help
 * @options:    ends with an empty entry; --help is added to it
 * @stop_early: options end at the first operand, because a command line follows
 * @run:        argv[0] is the last word of the name; returns an exit status
 */
struct cli_command {
	const char *name;
	const char *synopsis;
	const char *summary;
	const char *details;
	const char *examples;
	const struct cli_option *options;
	bool stop_early;
	int (*run)(const struct cli_command *cmd, int argc, char **argv);
};

extern const struct cli_command cli_check, cli_run, cli_attach, cli_ps, cli_show, cli_update,
	cli_mode, cli_mitigate, cli_rm, cli_gc, cli_setup, cli_events, cli_stats, cli_why, cli_push,
	cli_pop, cli_program_push, cli_program_pop, cli_program_ls, cli_program_show,
	cli_program_stats, cli_program_map, cli_program_mode, cli_helper_add, cli_helper_ls,
	cli_helper_rm, cli_policy_build, cli_policy, cli_policy_check, cli_policy_plan,
	cli_policy_import, cli_policy_groups, cli_policy_export, cli_policy_list, cli_policy_show;

#define CLI_END (-1)

/* The next option: its key, with its argument in *arg; CLI_END when operands remain, from
 * cli_operands() on. A wrong option or --help ends the process: nothing is owned yet. */
int cli_next(const struct cli_command *cmd, int argc, char **argv, const char **arg);
#define CLI_MANY SIZE_MAX

/* The operands left by cli_next; exits unless there are @least to @most. */
char **cli_operands(const struct cli_command *cmd, int argc, char **argv, size_t least, size_t most,
		    size_t *ret_n);
/* "vkernel run: MESSAGE" and a hint at --help; returns CLI_USAGE. */
int cli_usage(const struct cli_command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void cli_print_help(const struct cli_command *cmd, FILE *f);

/* ---- text (text.c) ---- */

enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW, CLI_CYAN };

/* The escape sequence for @style, "" unless @f is a terminal that shows colours. */
const char *cli_style(FILE *f, enum cli_style style);
bool cli_utf8(void);
/* Prints bytes that a container may have chosen: nothing in them reaches the terminal as a
 * control sequence or as malformed UTF-8. */
void cli_put_safe(FILE *f, const char *s, size_t len);
/* The same into a new string; @tabs keeps tabs. */
char *cli_safe(const char *s, size_t len, bool tabs);
bool cli_valid_utf8(const char *s, size_t len);
/* Columns that the (valid) UTF-8 string takes on a terminal. */
size_t cli_width(const char *s);
/* "12.0 KiB". */
const char *cli_size(uint64_t bytes, char buf[16]);
char *cli_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *cli_dup(const char *s);
void *cli_alloc(size_t n, size_t size);
_Noreturn void cli_out_of_memory(void);

/* ---- messages (report.c, progress.c) ---- */

/* Prints an error as "vkernel: FILE:LINE:COLUMN: message", the line at fault, the advice. */
void cli_report(const struct vk_error *e);
/* The line at @pos of the text of a policy, with a caret under the word. */
void cli_show_source(FILE *f, const char *text, size_t len, struct vk_pos pos);
/* "vkernel: MESSAGE" on standard error; returns CLI_FAIL. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Says @what on standard error if it is a terminal and nothing ended the wait within 2 s. */
struct cli_progress {
	int pid;
};
struct cli_progress cli_progress_begin(const char *what);
void cli_progress_end(struct cli_progress *p);
#define _cleanup_progress_ vk_cleanup(cli_progress_end)

/* ---- tables (table.c) ---- */

/**
 * struct cli_table - rows of text, aligned when printed
 * @columns: number of columns
 * @right:   bit per column: aligned to the right
 * @n:       number of cells, header included
 * @cells:   owned strings, row by row
 */
struct cli_table {
	size_t columns;
	uint32_t right;
	size_t n;
	char **cells;
};

/* @header: names of the columns, '|' between them; a leading '>' aligns to the right. */
void cli_table_init(struct cli_table *t, const char *header);
/* Adds the next cell, left to right, row by row. */
void cli_cell(struct cli_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_table_print(const struct cli_table *t, FILE *f);
void cli_table_free(struct cli_table *t);
#define _cleanup_table_ vk_cleanup(cli_table_free)

/* ---- JSON (json.c) ---- */

struct json_t;
/* A string for JSON: what is not UTF-8 is replaced, so that the output is always valid. */
struct json_t *cli_json_string(const char *s);
/* Prints and releases; @lines: on one line, flushed, for streams. */
void cli_json_print(struct json_t *value, bool lines);
/* Appends to an array or sets a key, taking the reference; ends the process without memory. */
void cli_json_add(struct json_t *array, struct json_t *value);
void cli_json_set(struct json_t *object, const char *key, struct json_t *value);
struct json_t *cli_json_error(const struct vk_error *e);

/* ---- policies (policy_load.c, rules.c) ---- */

struct cli_policies {
	struct vk_policy *layers[VK_MAX_LAYERS];
	size_t n;
};

/* Words given with -p. */
struct cli_names {
	const char *names[VK_MAX_LAYERS];
	size_t n;
};
/* Remembers one more -p; exits when there are too many. */
void cli_add_policy_name(const struct cli_command *cmd, struct cli_names *names, const char *word);

static inline const struct vk_policy *const *cli_layers(const struct cli_policies *p)
{
	return (const struct vk_policy *const *)p->layers;
}

/* Loads each operand: a path, or a name to be looked up. */
int cli_policies_load(struct cli_policies *p, const char *const *words, size_t n,
		      struct vk_error *e);
void cli_policies_free(struct cli_policies *p);
#define _cleanup_policies_ vk_cleanup(cli_policies_free)

/* The text of a policy by name or path, with the file name that messages use. */
int cli_policy_text(const char *word, char **ret_text, size_t *ret_len, char **ret_file,
		    struct vk_error *e);
/* Directories that hold named policies, in the order of the look-up; ends with NULL. The array
 * and its strings are the caller's. */
char **cli_policy_dirs(void);
void cli_free_strings(char **v);

/**
 * struct cli_rule - one rule of a policy, ready to print
 * @section: "files", "exec", ...
 * @text:    "deny [read, write] /etc/**"
 * @needs:   VK_NEED_* bits that its enforcement asks for
 * @call:    it is about system calls; then:
 * @entry:   a filter at the entry of the kernel enforces it
 * @hook:    name of a hook that enforces it, or NULL
 * @pos:     in the policy's file
 */
struct cli_rule {
	const char *section;
	char text[512];
	uint32_t needs;
	bool call;
	bool entry;
	const char *hook;
	struct vk_pos pos;
};
/* Calls @fn for each rule and default of one policy (not of the sets it uses). */
void cli_each_rule(const struct vk_policy *p,
		   void (*fn)(const struct vk_policy *p, const struct cli_rule *rule, void *data),
		   void *data);
const char *cli_mode_name(enum vk_mode mode);

/* ---- policy programs (push.c, program.c) ---- */

struct vk_program_image;
struct vk_program_map;
/* The image of an object file; @name NULL: named after the file. Release with free(). */
int cli_program_image(const char *path, const char *name, struct vk_program_image **ret,
		      struct vk_error *e);
/* A program of an instance by its name; @instance NULL: a helper. */
int cli_program_find(struct vk_engine *eng, const char *instance, const char *name,
		     struct vk_program_info *ret, struct vk_error *e);
/* "lru hash" */
const char *cli_map_type(uint32_t type);
/* An array of objects, the caller's. */
struct json_t *cli_program_maps_json(const struct vk_program_map *maps, uint32_t n);
/* Prints a table of programs or helpers (VK_P_HELPER), or JSON; returns an exit status. */
int cli_program_table(const char *header, bool json, const char *instance, uint32_t flags,
		      void (*fill)(struct cli_table *t, const struct vk_program_info *info));

/* ---- events (event_text.c) ---- */

/* The object of an event: its path, address, capability, ... */
void cli_event_resource(const struct vk_event *ev, char *buf, size_t size);
/* The rule that decided. False when the policies given do not explain it; then reason->text says
 * what is known. */
bool cli_event_reason(const struct vk_event *ev, const struct vk_policy *const *layers, size_t n,
		      struct vk_reason *ret);
const char *cli_op_name(uint16_t op);
const char *cli_socket_type_name(int type);
const char *cli_proto_name(int proto); /* "any" for 0 */

#endif
