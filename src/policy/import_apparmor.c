// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor.c - an AppArmor profile to a policy.
 *
 * A profile is a list of what is allowed; what it does not say is denied, in every class of
 * operations that AppArmor mediates. So is the policy: each section that AppArmor knows gets
 * "default: deny", or "allow" where a rule allows the class as a whole.
 *
 * Where our model is coarser, the import prefers what is at least as strict: an allow rule with a
 * condition that cannot be said is left out where it reaches beyond the instance (mounts, tracing,
 * signals, addresses), and a deny rule loses its condition. Only "owner" is dropped from allow
 * rules, since a program would not work without its own files; the report says "wider" then.
 */
#include "import_apparmor.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* ---- memory ---- */

struct aa_chunk {
	struct aa_chunk *next;
	size_t used, size;
	_Alignas(16) char mem[];
};

#define CHUNK 16384

void *aa_alloc(struct aa *a, size_t size)
{
	struct aa_chunk *c = a->chunks;
	void *ret;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;

		c = calloc(1, sizeof(*c) + room);
		if (!c)
			return NULL;
		c->size = room;
		c->next = a->chunks;
		a->chunks = c;
	}
	ret = c->mem + c->used;
	c->used += size;
	return ret;
}

char *aa_strndup(struct aa *a, const char *s, size_t len)
{
	char *copy = aa_alloc(a, len + 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

char *aa_format(struct aa *a, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		text = NULL;
		return NULL;
	}
	return aa_strndup(a, text, (size_t)len);
}

int aa_grow(struct aa *a, void *v, size_t n, size_t size)
{
	void **list = v;
	void *more;

	/* Full at each power of two from 8 on. */
	if (n & (n - 1) || (n && n < 8))
		return 0;
	more = aa_alloc(a, (n ? 2 * n : 8) * size);
	if (!more)
		return aa_oom(a);
	if (n)
		memcpy(more, *list, n * size);
	*list = more;
	return 0;
}

int aa_add_string(struct aa *a, struct aa_strings *list, const char *s)
{
	int r = aa_grow(a, &list->v, list->n, sizeof(*list->v));

	if (r < 0)
		return r;
	list->v[list->n] = aa_strndup(a, s, strlen(s));
	return list->v[list->n++] ? 0 : aa_oom(a);
}

static void done(struct aa *a)
{
	while (a->chunks) {
		struct aa_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}

/* ---- errors and the report ---- */

int aa_oom(struct aa *a)
{
	return vk_error_set(a->e, ENOMEM, "out of memory");
}

int aa_mistake(struct aa *a, struct aa_at at, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return vk_error_at(a->e, EINVAL, at.file, at.line, 0, "%s", text);
}

int aa_report(struct aa *a, const struct aa_rule *rule, enum aa_kind kind, const char *fmt, ...)
{
	static const char *const words[] = {
		"not carried over", "not carried over", "wider", "wider", "narrower", "differs"};
	_cleanup_free_ char *why = NULL;
	struct aa_said said = {.lax = kind == AA_LOST_LAX || kind == AA_WIDER, .about = a->about};
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&why, fmt, ap);
	va_end(ap);
	if (r < 0) {
		why = NULL;
		return aa_oom(a);
	}
	if (rule)
		said.text = aa_format(a, "%s:%u: %s: %s: %s", rule->at.file, rule->at.line,
				      words[kind], rule->text, why);
	else
		said.text = aa_format(a, "%s: %s: %s", a->from->file, words[kind], why);
	if (!said.text)
		return aa_oom(a);
	r = aa_grow(a, &a->said, a->n_said, sizeof(said));
	if (r == 0)
		a->said[a->n_said++] = said;
	return r;
}

/* Hands the report over. */
static int hand_over(struct aa *a)
{
	for (size_t i = 0; i < a->n_said; i++) {
		const struct aa_said *s = &a->said[i];

		if ((s->about == AA_ABOUT_FILES && a->file_all) ||
		    (s->about == AA_ABOUT_SOCKETS && a->net.all))
			continue;
		if (vk_import_lose(a->out, s->lax, "%s", s->text) < 0)
			return aa_oom(a);
	}
	return 0;
}

void aa_general(struct aa *a, enum aa_general which, struct aa_at at)
{
	if (!a->general[which]++)
		a->general_at[which] = at;
}

/* What is the same for many rules, once. */
static int report_general(struct aa *a)
{
	static const struct {
		enum aa_kind kind;
		const char *text;
	} texts[AA_G_COUNT] = {
		[AA_G_KIND] = {AA_WIDER,
			       "a pattern for files counts for directories of that name, and the "
			       "other way round, as to reading, chmod, chown and rename"},
		[AA_G_DENY_KIND] =
			{AA_NARROWER,
			 "what a deny rule says of files counts for directories of that name, "
			 "and the other way round, as to reading, chmod, chown and rename"},
		[AA_G_MAP] = {AA_WIDER, "a program that may be executed may be mapped (m) as well"},
		[AA_G_BYTES] = {AA_DIFFERS, "? and [...] match a character, where AppArmor's match "
					    "a byte: names that are not ASCII"},
		[AA_G_RENAME] = {AA_NARROWER,
				 "what may be written but not read (w without r) is not renamed"},
		[AA_G_LINK] = {AA_NARROWER, "both names of a hard link need l"},
		[AA_G_QUIET] = {AA_DIFFERS,
				"what deny rules without audit deny is reported all the same"},
		[AA_G_SOCKETS] = {AA_DIFFERS,
				  "socket files: w permits to bind and to connect to them, and "
				  "nothing else does; AppArmor checks connections only where the "
				  "kernel mediates unix sockets"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < AA_G_COUNT; i++) {
		bool of_allow =
			i == AA_G_KIND || i == AA_G_MAP || i == AA_G_RENAME || i == AA_G_LINK;

		if (!a->general[i] || (of_allow && a->file_all))
			continue;
		if (a->general_at[i].file)
			r = aa_report(a, NULL, texts[i].kind, "%s (%u rule%s, the first at %s:%u)",
				      texts[i].text, a->general[i], a->general[i] == 1 ? "" : "s",
				      a->general_at[i].file, a->general_at[i].line);
		else
			r = aa_report(a, NULL, texts[i].kind, "%s", texts[i].text);
	}
	return r;
}

/* What the two systems do not have in common, whatever the rules say. */
static int report_model(struct aa *a)
{
	bool files = !a->file_all;
	const struct {
		bool when;
		enum aa_kind kind;
		const char *text;
	} texts[] = {
		{files, AA_APART, "file locks (k) are not restricted"},
		{files, AA_NARROWER,
		 "the interpreter of a script, and that of an ELF program (ld.so), needs x or m of "
		 "its own; AppArmor looks at the script or program only"},
		{files, AA_NARROWER,
		 "memory without a name (memfd) is not executed or mapped executable"},
		{true, AA_NARROWER,
		 "a file is renamed or linked only to a name that gives no right that it lacked, a "
		 "directory only between names alike: else EXDEV, and mv copies"},
		{a->mediated & AA_CLASS_PTRACE && a->ptrace.allow == VK_SCOPE_NONE, AA_WIDER,
		 "members may read about each other (ptrace read)"},
		{a->mediated & AA_CLASS_SIGNAL && a->signal.allow == VK_SCOPE_NONE, AA_APART,
		 "a process may signal itself"},
		{a->mediated & (AA_CLASS_PTRACE | AA_CLASS_SIGNAL), AA_APART,
		 "what others do to members (tracedby, readby, receive) is not restricted"},
		{true, AA_APART, "messages on D-Bus are not mediated"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].when)
			r = aa_report(a, NULL, texts[i].kind, "%s", texts[i].text);
	return r;
}

/* ---- rules by their first word ---- */

int aa_add_item(struct aa *a, struct aa_items *items, enum vk_action action, uint32_t rights,
		struct aa_strings paths, struct aa_at at)
{
	int r;

	if (!rights || !paths.n)
		return 0;
	r = aa_grow(a, &items->v, items->n, sizeof(*items->v));
	if (r == 0)
		items->v[items->n++] = (struct aa_item){action, rights, paths, at};
	return r;
}

static int take_rule(struct aa *a, const struct aa_rule *rule)
{
	const char *s = rule->body;
	size_t len = strcspn(s, " (=\"");
	bool known = false;
	char *word;
	int r;

	if (*s == '/' || *s == '"' || *s == '@')
		return aa_file_rule(a, rule);
	word = aa_strndup(a, s, len);
	if (!word)
		return aa_oom(a);
	if (strcmp(word, "file") == 0)
		return aa_file_rule(a, rule);
	if (strcmp(word, "link") == 0)
		return aa_link_rule(a, rule);
	r = aa_class_rule(a, rule, word, s + len, &known);
	if (r < 0 || known)
		return r;
	/* Rights first: "rw /path". */
	s += len + strspn(s + len, " ");
	if (strspn(word, "rwalkmixpPcCuU") == strlen(word) && (*s == '/' || *s == '"' || *s == '@'))
		return aa_file_rule(a, rule);
	aa_mistake(a, rule->at, "\"%.40s\" is no rule that this version knows", rule->text);
	vk_error_advise(a->e, "apparmor_parser --preprocess --skip-kernel-load checks the "
			      "profile; the rule can be commented out");
	return -EINVAL;
}

int aa_take_rule(struct aa *a, const struct aa_rule *rule)
{
	int r = take_rule(a, rule);

	a->about = AA_ABOUT_OTHER;
	return r;
}

static int finish(struct aa *a)
{
	int r;

	if (!a->name && a->from->profile)
		return vk_error_at(a->e, ENOENT, a->from->file, 0, 0,
				   "the file has no profile \"%s\"", a->from->profile);
	if (!a->name)
		return vk_error_at(a->e, EINVAL, a->from->file, 0, 0, "the file has no profile");
	r = aa_file_finish(a);
	if (r == 0)
		r = aa_emit(a);
	if (r == 0)
		r = report_general(a);
	if (r == 0)
		r = report_model(a);
	return r < 0 ? r : hand_over(a);
}

int vk_import_apparmor(const struct vk_import_from *from, struct vk_imported *ret,
		       struct vk_error *e)
{
	/* Without an "abi" line, AppArmor takes what distributions pin: all but user namespaces. */
	struct aa a = {
		.from = from,
		.out = ret,
		.e = e,
		.mediated = AA_CLASS_NETWORK | AA_CLASS_MOUNT | AA_CLASS_PTRACE | AA_CLASS_SIGNAL,
		.ptrace.most = VK_SCOPE_ALL,
		.signal.most = VK_SCOPE_ALL,
	};
	int r = aa_read(&a);

	if (r == 0)
		r = finish(&a);
	done(&a);
	return r;
}
