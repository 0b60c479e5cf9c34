// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * parse_yaml.c - YAML text to a tree of nodes that know where they stand.
 *
 * Only the plain part of YAML is taken: scalars, lists, maps. Anchors, aliases and tags are
 * refused (a policy must read the same to a person and to the parser, and aliases allow
 * documents that are exponentially larger than their text), and so are characters that do not
 * show, several documents in one file, and more nesting than a policy can need.
 */
#include <stddef.h>
#include <string.h>
#include <yaml.h>

#include "parse_internal.h"

#define CHUNK_BYTES (64u << 10)

struct vk_chunk {
	struct vk_chunk *next;
	size_t size;
	_Alignas(max_align_t) char data[];
};

static void *arena_alloc(struct vk_parser *p, size_t size)
{
	struct vk_chunk *c = p->chunks;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - p->used < size) {
		size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		c = malloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		c->next = p->chunks;
		c->size = room;
		p->chunks = c;
		p->used = 0;
	}
	p->used += size;
	return c->data + p->used - size;
}

void vk_yaml_free(struct vk_parser *p)
{
	struct vk_chunk *c = p->chunks;

	while (c) {
		struct vk_chunk *next = c->next;

		free(c);
		c = next;
	}
	p->chunks = NULL;
}

int vk_oom(struct vk_parser *p)
{
	return vk_error_at(p->e, ENOMEM, p->file, 0, 0, "out of memory");
}

struct vk_shown vk_shown(const char *text)
{
	struct vk_shown r;
	size_t n = 0;

	for (; *text && n < sizeof(r.s) - 8; text++) {
		unsigned char c = *text;

		r.s[n++] = c < 0x20 || c == 0x7f ? '?' : c;
	}
	if (*text) {
		/* Never end in the middle of a UTF-8 sequence. */
		while (n && ((unsigned char)*text & 0xc0) == 0x80) {
			text--;
			n--;
		}
		memcpy(r.s + n, "...", 3);
		n += 3;
	}
	r.s[n] = '\0';
	return r;
}

struct vk_pos vk_pos_in(const struct vk_node *n, size_t off)
{
	struct vk_pos pos = n->pos;

	if (n->width == 0)
		return pos;
	pos.column += !n->plain;
	for (size_t i = 0; i < off && n->text[i]; i++)
		pos.column += ((unsigned char)n->text[i + 1] & 0xc0) != 0x80;
	return pos;
}

/* Decodes one character; returns its length, or 0 when it is not valid UTF-8. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *ret)
{
	size_t len = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = *s;

	if (len == 0 || len > left || *s > 0xf4)
		return 0;
	if (len > 1) {
		c &= 0x7f >> len;
		for (size_t i = 1; i < len; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

/*
 * Characters that a reviewer would not see as what they are: controls, the line separators that
 * YAML knows but editors do not, byte order marks, and those that reverse the direction of text.
 */
static bool invisible(uint32_t c)
{
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c <= 0x9f) ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static int check_text(struct vk_parser *p, const unsigned char *s, size_t len)
{
	struct vk_pos pos = {1, 1};

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c;

		n = decode(s + i, len - i, &c);
		if (n == 0)
			return vk_mistake(p, pos, "byte 0x%02x is not valid UTF-8", s[i]);
		if (c == 0)
			return vk_mistake(p, pos, "the text holds a NUL byte");
		if (invisible(c))
			return vk_mistake(p, pos, "the text holds the invisible character U+%04X",
					  c);
		pos.column++;
		if (c == '\n' || (c == '\r' && !(i + 1 < len && s[i + 1] == '\n'))) {
			pos.line++;
			pos.column = 1;
		}
	}
	return 0;
}

static struct vk_pos pos_of(yaml_mark_t m)
{
	return (struct vk_pos){m.line + 1, m.column + 1};
}

/* What libyaml says, and what people usually did to cause it. */
static int yaml_mistake(struct vk_parser *p, const yaml_parser_t *y)
{
	const char *problem = y->problem ? y->problem : "malformed";
	const char *context = y->context ? y->context : "";

	if (y->error == YAML_MEMORY_ERROR)
		return vk_oom(p);
	vk_mistake(p, pos_of(y->problem_mark), "not valid YAML: %s%s%s", context,
		   *context ? ", " : "", problem);
	if (strstr(context, "alias") || strstr(context, "anchor"))
		vk_error_advise(p->e, "put a word that begins with * or & in quotes");
	else if (strstr(problem, "cannot start any token"))
		vk_error_advise(p->e, "indent with spaces, not tabs, and put a word that begins "
				      "with @, %% or ` in quotes");
	else if (strstr(problem, "',' or"))
		vk_error_advise(p->e, "close the bracket, and put words that hold { } [ ] or , "
				      "in quotes");
	else if (strstr(problem, "expected <block end>") || strstr(problem, "not allowed in this"))
		vk_error_advise(p->e, "check the indentation of this line and of the one above");
	return -EINVAL;
}

static int next_event(struct vk_parser *p, yaml_parser_t *y, yaml_event_t *ev)
{
	return yaml_parser_parse(y, ev) ? 0 : yaml_mistake(p, y);
}

static int refuse_extras(struct vk_parser *p, struct vk_pos pos, const void *anchor,
			 const void *tag)
{
	if (anchor) {
		vk_mistake(p, pos, "anchors (&%s) are not allowed in a policy", vk_show(anchor));
		vk_error_advise(p->e, "put a word that begins with & in quotes");
		return -EINVAL;
	}
	if (tag) {
		vk_mistake(p, pos, "tags (%s) are not allowed in a policy", vk_show(tag));
		vk_error_advise(p->e, "put a word that begins with ! in quotes");
		return -EINVAL;
	}
	return 0;
}

static struct vk_node *new_node(struct vk_parser *p, enum vk_node_type type, struct vk_pos pos)
{
	struct vk_node *n;

	if (p->nodes >= VK_NODES_MAX) {
		vk_error_at(p->e, E2BIG, p->file, pos.line, pos.column,
			    "the document has more than %u parts", VK_NODES_MAX);
		return NULL;
	}
	n = arena_alloc(p, sizeof(*n));
	if (!n) {
		vk_oom(p);
		return NULL;
	}
	p->nodes++;
	memset(n, 0, sizeof(*n));
	n->type = type;
	n->pos = pos;
	return n;
}

/* The source of a scalar stands for itself if it is as long as the value, quotes aside. */
static uint32_t source_width(const yaml_event_t *ev, bool plain)
{
	size_t chars = 0, span = ev->end_mark.index - ev->start_mark.index;

	if (ev->start_mark.line != ev->end_mark.line)
		return 0;
	for (size_t i = 0; i < ev->data.scalar.length; i++)
		chars += (ev->data.scalar.value[i] & 0xc0) != 0x80;
	return span == chars + (plain ? 0 : 2) ? chars : 0;
}

static int build_scalar(struct vk_parser *p, const yaml_event_t *ev, struct vk_node **ret)
{
	struct vk_pos pos = pos_of(ev->start_mark);
	size_t len = ev->data.scalar.length;
	struct vk_node *n;
	char *text;
	int r;

	r = refuse_extras(p, pos, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (r < 0)
		return r;
	if (memchr(ev->data.scalar.value, 0, len))
		return vk_mistake(p, pos, "the text holds a NUL byte");
	n = new_node(p, VK_SCALAR, pos);
	if (!n)
		return p->nodes >= VK_NODES_MAX ? -E2BIG : -ENOMEM;
	text = arena_alloc(p, len + 1);
	if (!text)
		return vk_oom(p);
	memcpy(text, ev->data.scalar.value, len);
	text[len] = '\0';
	n->text = text;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->width = source_width(ev, n->plain);
	*ret = n;
	return 0;
}

static int build(struct vk_parser *p, yaml_parser_t *y, const yaml_event_t *ev, unsigned int depth,
		 struct vk_node **ret);

/* Items or keys and values up to the end event. */
static int build_children(struct vk_parser *p, yaml_parser_t *y, struct vk_node *n,
			  unsigned int depth)
{
	struct vk_node **tail = &n->child, *key = NULL;

	for (;;) {
		struct vk_node *c = NULL;
		yaml_event_t ev;
		bool end;
		int r;

		r = next_event(p, y, &ev);
		if (r < 0)
			return r;
		end = ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT;
		r = end ? 0 : build(p, y, &ev, depth, &c);
		yaml_event_delete(&ev);
		if (end || r < 0)
			return r;
		if (key) {
			key->val = c;
			key = NULL;
			continue;
		}
		if (n->type == VK_MAP) {
			if (c->type != VK_SCALAR)
				return vk_mistake(p, c->pos, "a key must be a word");
			key = c;
		}
		*tail = c;
		tail = &c->next;
	}
}

/* Recursion is bounded by VK_DEPTH_MAX. */
static int build(struct vk_parser *p, yaml_parser_t *y, const yaml_event_t *ev, unsigned int depth,
		 struct vk_node **ret)
{
	struct vk_pos pos = pos_of(ev->start_mark);
	const void *anchor, *tag;
	bool map = false;
	int r;

	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(p, ev, ret);
	case YAML_ALIAS_EVENT:
		vk_mistake(p, pos, "aliases (*%s) are not allowed in a policy",
			   vk_show((const char *)ev->data.alias.anchor));
		vk_error_advise(p->e, "put a pattern that begins with * in quotes");
		return -EINVAL;
	case YAML_MAPPING_START_EVENT:
		map = true;
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	default:
		return vk_mistake(p, pos, "not valid YAML");
	}
	r = refuse_extras(p, pos, anchor, tag);
	if (r < 0)
		return r;
	if (depth >= VK_DEPTH_MAX)
		return vk_mistake(p, pos, "nested more than %d levels deep", VK_DEPTH_MAX);
	*ret = new_node(p, map ? VK_MAP : VK_LIST, pos);
	if (!*ret)
		return p->nodes >= VK_NODES_MAX ? -E2BIG : -ENOMEM;
	return build_children(p, y, *ret, depth + 1);
}

/* Takes the event that must follow, which owns nothing that is of use. */
static int skip_event(struct vk_parser *p, yaml_parser_t *y, yaml_event_type_t *ret,
		      struct vk_pos *ret_pos)
{
	yaml_event_t ev;
	int r = next_event(p, y, &ev);

	if (r < 0)
		return r;
	*ret = ev.type;
	*ret_pos = pos_of(ev.start_mark);
	if (ev.type == YAML_DOCUMENT_START_EVENT &&
	    ev.data.document_start.tag_directives.start !=
		    ev.data.document_start.tag_directives.end)
		r = vk_mistake(p, *ret_pos, "tags are not allowed in a policy");
	yaml_event_delete(&ev);
	return r;
}

static int load_document(struct vk_parser *p, yaml_parser_t *y, struct vk_node **ret)
{
	yaml_event_type_t type;
	struct vk_pos pos;
	yaml_event_t ev;
	int r;

	r = skip_event(p, y, &type, &pos); /* start of the stream */
	if (r == 0)
		r = skip_event(p, y, &type, &pos);
	if (r < 0)
		return r;
	if (type == YAML_STREAM_END_EVENT) {
		vk_mistake(p, ((struct vk_pos){1, 1}), "the policy is empty");
		vk_error_advise(p->e, "the least policy is \"vkernel: 1\"");
		return -EINVAL;
	}
	r = next_event(p, y, &ev);
	if (r < 0)
		return r;
	r = build(p, y, &ev, 0, ret);
	yaml_event_delete(&ev);
	if (r == 0)
		r = skip_event(p, y, &type, &pos); /* end of the document */
	if (r == 0)
		r = skip_event(p, y, &type, &pos);
	if (r < 0)
		return r;
	if (type != YAML_STREAM_END_EVENT)
		return vk_mistake(p, pos, "a file holds one policy, and a second one begins here");
	return 0;
}

int vk_yaml_load(struct vk_parser *p, const char *text, size_t len, struct vk_node **ret)
{
	yaml_parser_t y;
	int r;

	if (len > VK_TEXT_MAX)
		return vk_error_at(p->e, E2BIG, p->file, 0, 0, "the policy is larger than %u bytes",
				   VK_TEXT_MAX);
	/* A byte order mark at the very beginning is what some editors leave; it says nothing. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	r = check_text(p, (const unsigned char *)text, len);
	if (r < 0)
		return r;
	if (!yaml_parser_initialize(&y))
		return vk_oom(p);
	yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y, (const unsigned char *)text, len);
	r = load_document(p, &y, ret);
	yaml_parser_delete(&y);
	return r;
}
