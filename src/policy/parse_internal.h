/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parse_internal.h - shared by the files parse*.c and the handlers named in schema.c. */
#ifndef VK_PARSE_INTERNAL_H
#define VK_PARSE_INTERNAL_H

#include "cleanup.h"
#include "parse.h"
#include "schema.h"

#define VK_TEXT_MAX (4u << 20)
#define VK_NODES_MAX 1000000u
#define VK_DEPTH_MAX 32
#define VK_SETS_MAX 64
#define VK_RULES_MAX 100000u
#define VK_NAME_MAX_LEN 64

enum vk_node_type { VK_SCALAR, VK_LIST, VK_MAP };

/**
 * struct vk_node - a piece of the document
 * @type:   scalar, list or map
 * @plain:  scalar without quotes
 * @width:  characters of the scalar, if they stand in the source one to one; else 0
 * @pos:    where it begins, an opening quote included
 * @text:   of a scalar; free of NUL bytes
 * @child:  of a list the first item, of a map the first key
 * @val:    of a key its value
 * @next:   the next item or key
 *
 * Lives in the arena of the parse.
 */
struct vk_node {
	enum vk_node_type type;
	bool plain;
	uint32_t width;
	struct vk_pos pos;
	const char *text;
	struct vk_node *child;
	struct vk_node *val;
	struct vk_node *next;
};

struct vk_chunk;

/* A set that is being parsed, for the detection of cycles. */
struct vk_use_link {
	const char *name;
	const struct vk_use_link *up;
};

/* What a policy and all sets that it uses share. */
struct vk_uses {
	vk_use_fn use;
	void *data;
	unsigned int n_sets;
};

/**
 * struct vk_parser - one document being parsed
 * @file:   for messages
 * @e:      the caller's error, may be NULL
 * @policy: under construction
 * @uses:   shared with the documents that led here
 * @chain:  the sets that led here, innermost first
 * @chunks: memory of the nodes
 * @used:   bytes used of the first chunk
 * @nodes:  nodes made
 */
struct vk_parser {
	const char *file;
	struct vk_error *e;
	struct vk_policy *policy;
	struct vk_uses *uses;
	const struct vk_use_link *chain;
	struct vk_chunk *chunks;
	size_t used;
	unsigned int nodes;
};

/* parse_yaml.c: text to nodes */
int vk_yaml_load(struct vk_parser *p, const char *text, size_t len, struct vk_node **ret);
void vk_yaml_free(struct vk_parser *p);

/* A mistake at a position: fills the error and yields -EINVAL. */
#define vk_mistake(p, at, ...)                                                                     \
	vk_error_at((p)->e, EINVAL, (p)->file, (at).line, (at).column, __VA_ARGS__)
int vk_oom(struct vk_parser *p);

/* A word fit to be shown in a message: printable and not too long. */
struct vk_shown {
	char s[72];
};
struct vk_shown vk_shown(const char *text);
#define vk_show(text) (vk_shown(text).s)

/* The position of the byte at @off of a scalar; its beginning when that cannot be told. */
struct vk_pos vk_pos_in(const struct vk_node *n, size_t off);

/* parse.c: what all handlers need */
int vk_parse_map(struct vk_parser *p, const struct vk_node *map, const char *parent,
		 const char *what, void *out);
int vk_expect_scalar(struct vk_parser *p, const struct vk_node *n, const char *what);
/* Index of the scalar @n in @words, or an error that names the nearest. */
int vk_expect_word(struct vk_parser *p, const struct vk_node *n, const char *const *words,
		   const char *what);
/* Advice: the nearest of @words, else a list of them if it is short, else @otherwise. */
void vk_advise_words(struct vk_parser *p, const char *word, const char *const *words,
		     const char *otherwise);
/* Makes room for one more rule. @array: address of the pointer, of whatever type; @n: rules now. */
int vk_grow(struct vk_parser *p, void *array, size_t n, size_t size, struct vk_pos pos);

/* Iterates over the items of a list, or over the one item that stands for a list. */
#define vk_for_each_item(item, n)                                                                  \
	for (const struct vk_node *item = (n)->type == VK_LIST ? (n)->child : (n); item;           \
	     item = (n)->type == VK_LIST ? item->next : NULL)

/* Keys of an item, kept until the whole item is known. */
struct vk_kept {
	size_t n;
	struct {
		const struct vk_node *key;
		const struct vk_node *val;
	} item[8];
};
const struct vk_node *vk_kept_key(const struct vk_kept *k, const char *key);
const struct vk_node *vk_kept_val(const struct vk_kept *k, const char *key);

/* parse_path.c */
int vk_add_path(struct vk_parser *p, enum vk_section section, enum vk_action action,
		uint32_t rights, const struct vk_node *n, size_t skip);
int vk_add_globs(struct vk_parser *p, enum vk_section section, enum vk_action action,
		 uint32_t rights, const struct vk_node *list);
enum vk_action vk_action_of(const char *word);

/* State of a section while its keys are read; the @out of its handlers. */
struct vk_section_state {
	enum vk_section section;
	bool has_default;
	unsigned int n[3]; /* rules by action */
	/* network: what allowed endpoints imply, and where */
	uint16_t unix_types;
	uint16_t inet_types;
	struct vk_pos unix_pos;
	struct vk_pos inet_pos;
};
int vk_parse_section(struct vk_parser *p, const struct vk_schema_key *row,
		     const struct vk_node *key, const struct vk_node *val,
		     struct vk_section_state *state);

/* The handlers of the schema. */
#define VK_HANDLER(name)                                                                           \
	int name(struct vk_parser *p, const struct vk_schema_key *row, const struct vk_node *key,  \
		 const struct vk_node *val, void *out)
VK_HANDLER(vk_parse_version);
VK_HANDLER(vk_parse_name);
VK_HANDLER(vk_parse_text);
VK_HANDLER(vk_parse_mitigates);
VK_HANDLER(vk_parse_mode);
VK_HANDLER(vk_parse_takeover);
VK_HANDLER(vk_parse_in_place_of);
VK_HANDLER(vk_parse_use);
VK_HANDLER(vk_parse_later);
VK_HANDLER(vk_parse_keep);
VK_HANDLER(vk_parse_default);
VK_HANDLER(vk_parse_files);
VK_HANDLER(vk_parse_foreign);
VK_HANDLER(vk_parse_rules);
VK_HANDLER(vk_parse_exec);
VK_HANDLER(vk_parse_programs);
VK_HANDLER(vk_parse_mounts);
VK_HANDLER(vk_parse_mount);
VK_HANDLER(vk_parse_network);
VK_HANDLER(vk_parse_net);
VK_HANDLER(vk_parse_processes);
VK_HANDLER(vk_parse_scope);
VK_HANDLER(vk_parse_switch);
VK_HANDLER(vk_parse_capabilities);
VK_HANDLER(vk_parse_push);
VK_HANDLER(vk_parse_push_count);
VK_HANDLER(vk_parse_poppable);
VK_HANDLER(vk_parse_syscalls);
VK_HANDLER(vk_parse_sys_verdict);
VK_HANDLER(vk_parse_sys_errno);
VK_HANDLER(vk_parse_sys_abis);
VK_HANDLER(vk_parse_sys_strict);
VK_HANDLER(vk_parse_sys_calls);
VK_HANDLER(vk_parse_sys_rules);

/* syscall_hooks.c: marks the rules that a hook enforces whole, and asks for that hook. */
int vk_syscalls_lower(struct vk_parser *p);
/* parse_cond.c: one comparison or several, "< 5", "& CLONE_NEWUSER", ">= 1 and <= 3". */
int vk_parse_condition(struct vk_parser *p, const struct vk_node *n, uint8_t arg, uint8_t width,
		       struct vk_sys_cond *conds, uint8_t *n_conds);

#endif
