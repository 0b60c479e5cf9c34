/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import_apparmor.h - what the parts of the AppArmor importer share.
 *
 *	import_apparmor.c        the profile to take, and what holds for all of it
 *	import_apparmor_read.c   text: statements, includes, variables
 *	import_apparmor_glob.c   patterns
 *	import_apparmor_file.c   rules on files
 *	import_apparmor_class.c  all other rules
 *	import_apparmor_net.c    rules on sockets
 *	import_apparmor_emit.c   YAML
 *
 * Everything that an import allocates hangs on struct aa and goes with it.
 */
#ifndef VK_IMPORT_APPARMOR_H
#define VK_IMPORT_APPARMOR_H

#include "import.h"
#include "model.h"
#include "names.h"

/* A line of a profile or of what it includes. */
struct aa_at {
	const char *file;
	uint32_t line;
};

struct aa_strings {
	char **v;
	size_t n;
};

/**
 * struct aa_rule - one rule as written
 * @at:    its first line
 * @text:  all of it, blanks folded, without the final comma
 * @body:  what follows the qualifiers
 * @audit: "audit"
 * @deny:  "deny"
 * @owner: "owner": files of the process's own user only
 */
struct aa_rule {
	struct aa_at at;
	const char *text;
	const char *body;
	bool audit;
	bool deny;
	bool owner;
};

/* What a pattern matches: AppArmor writes the name of a directory with a final '/'. */
enum { AA_FILE = 1, AA_DIR = 2 };

/**
 * struct aa_path - one pattern of ours
 * @glob:  pattern
 * @kinds: AA_FILE, AA_DIR or both: what the profile means by it
 */
struct aa_path {
	char *glob;
	unsigned int kinds;
};

struct aa_paths {
	struct aa_path *v;
	size_t n;
};

/* A line of "files" or "mounts" to be written. */
struct aa_item {
	enum vk_action action;
	uint32_t rights;
	struct aa_strings paths;
	struct aa_at at;
};

struct aa_items {
	struct aa_item *v;
	size_t n;
};

/* key=value, key=(a, b), key in (a, b), or without key a word or a list of words. */
struct aa_cond {
	const char *key;
	bool in;
	bool list; /* in parentheses */
	struct aa_strings values;
};

struct aa_conds {
	struct aa_cond *v;
	size_t n;
};

enum aa_class {
	AA_CLASS_NETWORK = 1,
	AA_CLASS_MOUNT = 2,
	AA_CLASS_PTRACE = 4,
	AA_CLASS_SIGNAL = 8,
	AA_CLASS_USERNS = 16,
};

/* Scopes as far as rules have said; see vk_scope. */
struct aa_scope {
	enum vk_scope allow;
	enum vk_scope most; /* denies cut it */
	struct aa_at at;
};

/* Abstract names as a whole. */
enum { AA_NAMED_BIND = 1, AA_NAMED_CONNECT = 2 };

/**
 * struct aa_net - sockets
 * @allow: types by family, as in struct vk_socket_rule
 * @deny:  the same, explicitly denied
 * @audit: the same, reported
 * @named: AA_NAMED_*: all abstract names may be bound, connected to
 * @named_deny: the same, denied
 * @items: rules on abstract names
 */
struct aa_net {
	uint16_t allow[VK_N_FAMILIES];
	uint16_t deny[VK_N_FAMILIES];
	uint16_t audit[VK_N_FAMILIES];
	bool all; /* "network," without more */
	struct aa_at at;
	uint32_t named;
	uint32_t named_deny;
	struct aa_items items;
};

/* What a line of the report is about: it is left out where a rule allows all of that anyway. */
enum aa_about { AA_ABOUT_OTHER, AA_ABOUT_FILES, AA_ABOUT_SOCKETS };

struct aa_said {
	const char *text;
	bool lax;
	enum aa_about about;
};

/* General differences that were met: how many rules each is about, and the first of them. */
enum aa_general {
	AA_G_KIND, /* a pattern of files or directories only stands for both */
	AA_G_DENY_KIND, /* the same in a deny rule */
	AA_G_MAP, /* x without m */
	AA_G_BYTES, /* characters for bytes */
	AA_G_RENAME, /* w without r */
	AA_G_LINK,
	AA_G_QUIET, /* deny without audit */
	AA_G_SOCKETS, /* w gives sockets */
	AA_G_COUNT,
};

struct aa_var {
	char *name;
	struct aa_strings values;
};

struct aa_alias {
	char *from;
	char *to;
};

/**
 * struct aa - an import in progress
 * @name:     of the profile being taken; NULL before it is met
 * @seen:     a first profile was met
 * @taken:    the profile's rules are complete
 * @mediated: AA_CLASS_* that the profile's ABI knows of
 * @file_all: the rule "file" alone: everything
 */
struct aa {
	const struct vk_import_from *from;
	struct vk_imported *out;
	struct vk_error *e;
	struct aa_chunk *chunks;
	struct aa_var *vars;
	size_t n_vars;
	struct aa_alias *aliases;
	size_t n_aliases;
	unsigned int depth;
	size_t bytes;
	const char *name;
	struct aa_at at;
	bool seen;
	bool taken;
	bool complain;
	bool unconfined;
	unsigned int mediated;
	bool file_all;
	struct aa_at file_all_at;
	struct aa_items files;
	struct aa_items mounts;
	uint64_t caps;
	uint64_t caps_deny;
	struct aa_scope ptrace;
	struct aa_scope signal;
	bool userns;
	bool userns_deny;
	struct aa_at userns_at;
	struct aa_net net;
	enum aa_about about; /* the rule being taken, as far as it allows */
	struct aa_said *said;
	size_t n_said;
	unsigned int general[AA_G_COUNT];
	struct aa_at general_at[AA_G_COUNT];
};

/* ---- import_apparmor.c ---- */

void *aa_alloc(struct aa *a, size_t size); /* zeroed; NULL: no memory */
char *aa_strndup(struct aa *a, const char *s, size_t len);
char *aa_format(struct aa *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more of @size bytes in a list of @n at *@v, on the arena. */
int aa_grow(struct aa *a, void *v, size_t n, size_t size);
int aa_add_string(struct aa *a, struct aa_strings *list, const char *s);
int aa_oom(struct aa *a);
int aa_mistake(struct aa *a, struct aa_at at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Words of the report: the rule is not there; there, but permits more, less, or something else.
 * AA_APART: more, but nothing that members could reach anything by. */
enum aa_kind { AA_LOST_LAX, AA_LOST, AA_WIDER, AA_APART, AA_NARROWER, AA_DIFFERS };
int aa_report(struct aa *a, const struct aa_rule *rule, enum aa_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void aa_general(struct aa *a, enum aa_general which, struct aa_at at);

/* ---- import_apparmor_read.c ---- */

/* Goes through the file; calls aa_take_rule() for each rule of the profile. */
int aa_read(struct aa *a);
int aa_take_rule(struct aa *a, const struct aa_rule *rule);
/* The texts that @text stands for, variables replaced. */
int aa_expand(struct aa *a, struct aa_at at, const char *text, struct aa_strings *ret);
/* Conditions of a rule: what follows its first word. */
int aa_conds(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_conds *ret);
/* One word at *@text, quotes resolved; NULL at the end. *@ret untouched on failure. */
int aa_word(struct aa *a, struct aa_at at, const char **text, char **ret);
int aa_set_variable(struct aa *a, const char *name, size_t len, struct aa_strings values, bool add,
		    struct aa_at at);

/* ---- import_apparmor_glob.c ---- */

/*
 * The patterns of ours that match what AppArmor's @text does, variables and aliases included.
 * -ENOTSUP: it cannot be said; *why is why.
 */
int aa_paths(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_paths *ret,
	     const char **why);
/* The same for abstract names of sockets: "@...". */
int aa_names(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_strings *ret,
	     const char **why);

/* ---- rules ---- */

int aa_file_rule(struct aa *a, const struct aa_rule *rule);
int aa_link_rule(struct aa *a, const struct aa_rule *rule);
int aa_file_finish(struct aa *a);
int aa_class_rule(struct aa *a, const struct aa_rule *rule, const char *word, const char *rest,
		  bool *ret_known);
int aa_network_rule(struct aa *a, const struct aa_rule *rule, const char *rest);
int aa_unix_rule(struct aa *a, const struct aa_rule *rule, const char *rest);
int aa_add_item(struct aa *a, struct aa_items *items, enum vk_action action, uint32_t rights,
		struct aa_strings paths, struct aa_at at);
const struct aa_cond *aa_cond_find(const struct aa_conds *c, const char *key);
bool aa_has_value(const struct aa_strings *s, const char *word);

/* ---- import_apparmor_emit.c ---- */

int aa_emit(struct aa *a);

#endif
