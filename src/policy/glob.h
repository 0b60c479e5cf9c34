/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glob.h - path patterns: syntax check, expansion for the compiler, and a reference matcher.
 *
 * A pattern is bytes. It starts with "/" (a path) or "@" (the name of an abstract unix socket).
 *
 *	{a,b}	either; braces are expanded first, as a shell does, and may nest and hold "/"
 *	\x	the character x itself
 *	[a-z]	one of these ASCII characters; [!a-z] or [^a-z] one character that is none of them
 *	?	one character
 *	*	any run of characters, also none; at least one where it is a whole component
 *	**	any run, "/" included; as a whole component before others it stands for any number
 *		of directories, also none
 *
 * Only "**" matches "/". A character is one ASCII byte, one UTF-8 sequence, or, because names need
 * not be UTF-8, one byte of 0x80 to 0xff alone. "/dir/**" is all that is below /dir but not /dir;
 * the root has no name of its own, so "/**" includes it and "/" is nothing but it. An abstract
 * name has no components: "/" is a character like any other there.
 *
 * The compiler and the reference matcher share the syntax check and nothing else, so that each can
 * be tested against the other.
 */
#ifndef VK_GLOB_H
#define VK_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VK_GLOB_MAX 4096 /* bytes of a pattern */
#define VK_GLOB_ALTERNATIVES 1024 /* patterns that braces may expand into */

/**
 * vk_glob_check - is this a pattern?
 * @glob:    text
 * @err_off: byte offset of the mistake; may be NULL
 * @why:     constant text, no final dot; may be NULL
 *
 * Return: 0; -EINVAL with both outputs set; -ENOMEM.
 */
int vk_glob_check(const char *glob, size_t *err_off, const char **why);

/**
 * vk_glob_match - the reference matcher
 * @glob: a pattern that vk_glob_check() accepts
 * @name: canonical name: "/a/b", "@abstract", and "" or "/" for the root
 *
 * Return: whether @name matches; false also when memory runs out.
 */
bool vk_glob_match(const char *glob, const char *name);

enum vk_atom_kind {
	VK_ATOM_BYTE, /* this byte */
	VK_ATOM_SET, /* one byte of a set, or a UTF-8 sequence if the set is wide */
	VK_ATOM_STAR, /* any run without "/" */
	VK_ATOM_ANY, /* any run */
	VK_ATOM_DIRS, /* nothing, or any run and then "/" */
};

/**
 * struct vk_charset - what one character of a set may be
 * @bits: single bytes
 * @wide: every UTF-8 sequence of two to four bytes, too
 */
struct vk_charset {
	uint64_t bits[4];
	bool wide;
};

static inline bool vk_charset_has(const struct vk_charset *s, unsigned int byte)
{
	return s->bits[byte >> 6] >> (byte & 63) & 1;
}

static inline void vk_charset_add(struct vk_charset *s, unsigned int byte)
{
	s->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

/* @byte for BYTE, @set (an index) for SET; @off is the place in the pattern. */
struct vk_atom {
	uint8_t kind;
	uint8_t byte;
	uint16_t set;
	uint32_t off;
};

/* Called for each alternative of a pattern. A negative result ends the expansion. */
typedef int (*vk_glob_fn)(const struct vk_atom *atoms, size_t n, const struct vk_charset *sets,
			  void *data);

/* Return: 0; -EINVAL as vk_glob_check(); -ENOMEM; or what @fn returned. */
int vk_glob_expand(const char *glob, vk_glob_fn fn, void *data, size_t *err_off, const char **why);

#endif
