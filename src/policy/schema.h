/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * schema.h - the one table of everything that may stand in a policy.
 *
 * The parser dispatches on it, unknown words are compared with it, and the reference and the
 * shell completion are made from it, so that none of them can know a key that another does not.
 */
#ifndef VK_SCHEMA_H
#define VK_SCHEMA_H

#include <stddef.h>

struct vk_parser;
struct vk_node;
struct vk_schema_key;

/**
 * vk_parse_fn - takes the value of one key
 * @p:    the parse in progress
 * @row:  the row of the table
 * @key:  the key as it stands in the document; never NULL
 * @val:  its value; not empty
 * @out:  what the caller of vk_parse_map() gave; its type belongs to row->parent
 *
 * Return: 0, or a negative errno with the error filled.
 */
typedef int (*vk_parse_fn)(struct vk_parser *p, const struct vk_schema_key *row,
			   const struct vk_node *key, const struct vk_node *val, void *out);

/* What a value looks like. Where a list is expected, a single item may stand alone. */
enum vk_kind {
	VK_KIND_VERSION, /* the number 1 */
	VK_KIND_NAME, /* letters, digits, "-", "_", "." */
	VK_KIND_TEXT, /* anything */
	VK_KIND_WORD, /* one of row->words */
	VK_KIND_WORDS, /* a list of row->words */
	VK_KIND_SETS, /* a list of names of rule sets */
	VK_KIND_TOPICS, /* a list of names of bugs and kinds of attacks */
	VK_KIND_MAP, /* keys whose parent is this one */
	VK_KIND_MAPS, /* a list of such */
	VK_KIND_GLOBS, /* a list of path patterns */
	VK_KIND_ENDPOINTS, /* a list of tcp/80, udp/1-9, any, unix:/path, unix:@name */
	VK_KIND_ADDRESSES, /* a list of addresses, with or without /prefix */
	VK_KIND_SOCKETS, /* a list of family or family/type */
	VK_KIND_CAPABILITIES, /* "all", "none" or a list of row->words */
	VK_KIND_SYSCALLS, /* a list of names, @groups and numbers of system calls */
	VK_KIND_CONDITIONS, /* a map from arguments to comparisons */
	VK_KIND_ERRNO, /* the name or number of an error */
	VK_KIND_NUMBER, /* 0 or more */
	VK_KIND_LATER, /* reserved: an error in this version */
};

/**
 * struct vk_schema_key - one key
 * @parent: the mapping it may stand in: "" for the document, "files", "files.rules", ...;
 *          "network.items" and "mounts.items" are the items of allow, deny and audit there
 * @key:    the key
 * @kind:   what its value looks like
 * @words:  words that the value may consist of, NULL-terminated; NULL when there is no list
 * @help:   one line for a person
 * @child:  for VK_KIND_MAP and VK_KIND_MAPS: the @parent of the keys within
 * @parse:  takes the value
 */
struct vk_schema_key {
	const char *parent;
	const char *key;
	enum vk_kind kind;
	const char *const *words;
	const char *help;
	const char *child;
	vk_parse_fn parse;
};

#define VK_SCHEMA_MAX 96 /* no fewer than there are rows */
extern const struct vk_schema_key vk_schema[];
extern const size_t vk_n_schema;

extern const char *const vk_words_action[]; /* indexed by enum vk_action */
extern const char *const vk_words_default[]; /* the same, without audit */
extern const char *const vk_words_mode[]; /* indexed by enum vk_mode */
extern const char *const vk_words_scope[]; /* indexed by enum vk_scope */
extern const char *const vk_words_rights[]; /* for file rules */
extern const char *const vk_words_mounts[];
extern const char *const vk_words_proto[];
extern const char *const vk_words_sys_default[]; /* of calls; indexed by enum vk_sys_act below */
extern const char *const vk_words_sys_unknown[];
extern const char *const vk_words_sys_other[];
extern const char *const vk_words_bool[];

const struct vk_schema_key *vk_schema_find(const char *parent, const char *key);

/*
 * The word nearest to @word by Damerau-Levenshtein distance, without regard to case; when none is
 * near enough to be meant, one that begins with @word, or NULL.
 */
const char *vk_nearest(const char *word, const char *const *words);

#endif
