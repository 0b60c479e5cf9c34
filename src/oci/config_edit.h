/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config_edit.h - hooks into the text of a config.json.
 *
 * The text is spliced, not parsed and printed again: numbers beyond 64 bits (the usual limit
 * 18446744073709551615 is one of int64), unknown fields, order and spacing stay as they are.
 */
#ifndef VK_OCI_CONFIG_EDIT_H
#define VK_OCI_CONFIG_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/**
 * struct oci_hook - one entry of "hooks", to be the first of its stage
 * @stage: "createRuntime", "poststop"
 * @json:  the entry, an object
 */
struct oci_hook {
	const char *stage;
	const char *json;
};

/**
 * oci_config_edit - insert hooks
 * @text:  the document; NUL after @len bytes
 * @hooks: entries; stages differ
 * @mine:  an entry with this text in it is of an earlier edit, and goes
 * @ret:   allocated
 *
 * Return: 0; -EINVAL when the document is not understood, or could mean something else to a
 * reader that ignores the case of keys, as Go's does.
 */
int oci_config_edit(const char *text, size_t len, const struct oci_hook *hooks, size_t n,
		    const char *mine, char **ret, size_t *ret_len, struct vk_error *e);

/* The value of key @inner in the object that key @outer holds; *ret NULL: it is not there, or null.
 * -EINVAL: see above. */
int oci_config_find(const char *text, size_t len, const char *outer, const char *inner,
		    const char **ret, size_t *ret_len, struct vk_error *e);
/* Whether the container can be started without a hook: it has a mount namespace made for it, and
 * nobody's hooks; whatever is not understood is not plain. @annotations: the object, or NULL. */
bool oci_config_is_plain(const char *text, size_t len, const char **annotations,
			 size_t *annotations_len);
/* Puts @json in its place; makes the key, and the object, where they are not there. */
int oci_config_put(const char *text, size_t len, const char *outer, const char *inner,
		   const char *json, char **ret, size_t *ret_len, struct vk_error *e);

/* The same with a text of the caller's, which is replaced. */
int oci_config_set(char **text, size_t *len, const char *outer, const char *inner, const char *json,
		   struct vk_error *e);
/* Moves a value to another key of the same object; a null stays, which runtimes read as nothing.
 * No value: nothing happens. */
int oci_config_move(char **text, size_t *len, const char *outer, const char *from, const char *to,
		    struct vk_error *e);

/* Where config.json keeps a profile that was taken over; runtimes do not know these keys. */
#define OCI_TAKEN_SECCOMP "x-vkernel-seccomp" /* in "linux" */
#define OCI_TAKEN_APPARMOR "x-vkernel-apparmorProfile" /* in "process" */
/* Makes @json an element of the array that key @key holds; makes the key where it is not there. */
int oci_config_append(const char *text, size_t len, const char *key, const char *json, char **ret,
		      size_t *ret_len, struct vk_error *e);

/* @s as a JSON string, with quotes; NULL: no memory. */
char *oci_json_quote(const char *s);

#endif
