/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parse.h - YAML to model. Pure: it opens no file; the caller resolves `use:` names. */
#ifndef VK_PARSE_H
#define VK_PARSE_H

#include "error.h"
#include "model.h"

/**
 * vk_use_fn - finds the text of a rule set named by `use:`
 * @name:     the name as written, already checked to be [a-z0-9-]+
 * @ret_text: allocated text, to be freed by the parser
 * @ret_len:  its length
 * @ret_file: allocated file name for messages
 * @data:     the caller's
 *
 * Return: 0; -ENOENT when there is no such set.
 */
typedef int (*vk_use_fn)(const char *name, char **ret_text, size_t *ret_len, char **ret_file,
			 void *data);

/**
 * vk_policy_parse - parse and check one document
 * @file:  name for messages
 * @text:  the document; need not end in NUL
 * @len:   its length in bytes
 * @use:   resolver; NULL: only the built-in sets (vk_builtin_find)
 * @data:  handed to @use
 * @ret:   the policy; untouched on failure
 * @e:     filled on failure, with file:line:column
 *
 * Return: 0; -EINVAL a mistake in the document; -ENOENT an unknown rule set; -ELOOP sets that use
 * each other; -E2BIG a limit (64 sets, 100,000 rules, 4 MiB); -ENOMEM.
 */
int vk_policy_parse(const char *file, const char *text, size_t len, vk_use_fn use, void *data,
		    struct vk_policy **ret, struct vk_error *e);

/* Built-in rule sets: policies/*.yaml of the source tree, embedded at build time. */
struct vk_builtin {
	const char *name;
	const char *text;
	size_t len;
};
const struct vk_builtin *vk_builtin_find(const char *name);
extern const struct vk_builtin vk_builtins[];
extern const size_t vk_n_builtins;

#endif
