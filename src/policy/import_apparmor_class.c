// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_class.c - rules on capabilities, mounts, tracing, signals and the rest: those that
 * begin with a word of their own.
 */
#include <errno.h>
#include <string.h>

#include "compile.h"
#include "import_apparmor.h"

/* ---- conditions ---- */

/* A word of a condition: up to a blank, '=' after a name, or within a list a comma or ')'. */
static int cond_word(struct aa *a, struct aa_at at, const char **text, bool list, char **ret)
{
	const char *s = *text;
	unsigned int braces = 0, parens = 0;

	if (*s == '"')
		return aa_word(a, at, text, ret);
	for (; *s && *s != ' '; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			continue;
		}
		/* name="a value", within a list */
		if (*s == '"') {
			s = strchr(s + 1, '"');
			if (!s)
				return aa_mistake(a, at, "a '\"' is not closed");
			continue;
		}
		if (!braces && !parens && list && (*s == ',' || *s == ')'))
			break;
		if (!braces && !list && (*s == '=' || *s == '(' || *s == ','))
			break;
		braces += *s == '{';
		braces -= *s == '}' && braces;
		parens += *s == '(';
		parens -= *s == ')' && parens;
	}
	*ret = aa_strndup(a, *text, (size_t)(s - *text));
	*text = s;
	return *ret ? 0 : aa_oom(a);
}

static const char *skip_separators(const char *s)
{
	return s + strspn(s, " ,");
}

/* A list in parentheses, or one word. */
static int cond_values(struct aa *a, struct aa_at at, const char **text, struct aa_strings *ret)
{
	const char *s = *text;
	char *word;
	int r;

	if (*s != '(') {
		/* A value may hold '='. */
		size_t len = strcspn(s, " ");

		if (*s == '"') {
			r = aa_word(a, at, text, &word);
		} else {
			word = aa_strndup(a, s, len);
			*text = s + len;
			r = word ? 0 : aa_oom(a);
		}
		return r < 0 ? r : aa_add_string(a, ret, word);
	}
	for (s = skip_separators(s + 1); *s != ')'; s = skip_separators(s)) {
		if (!*s)
			return aa_mistake(a, at, "a '(' is not closed");
		r = cond_word(a, at, &s, true, &word);
		if (r == 0)
			r = aa_add_string(a, ret, word);
		if (r < 0)
			return r;
	}
	*text = s + 1;
	return 0;
}

int aa_conds(struct aa *a, const struct aa_rule *rule, const char *text, struct aa_conds *ret)
{
	for (const char *s = skip_separators(text); *s; s = skip_separators(s)) {
		struct aa_cond c = {0};
		char *word = NULL;
		int r = aa_grow(a, &ret->v, ret->n, sizeof(c));

		if (r == 0 && *s != '(')
			r = cond_word(a, rule->at, &s, false, &word);
		if (r < 0)
			return r;
		if (word && !*word && *s != '(')
			return aa_mistake(a, rule->at, "\"%.20s\" is not understood here", s);
		if (word && *s == ' ' && strncmp(s, " in ", 4) == 0) {
			c.key = word;
			c.in = true;
			s += 4;
			r = cond_values(a, rule->at, &s, &c.values);
		} else if (word &&
			   (*s == '=' || strncmp(s, " = ", 3) == 0 || strncmp(s, " =(", 3) == 0)) {
			c.key = word;
			s += strspn(s, " =");
			r = cond_values(a, rule->at, &s, &c.values);
		} else if (word) {
			r = aa_add_string(a, &c.values, word);
		} else {
			c.list = true;
			r = cond_values(a, rule->at, &s, &c.values);
		}
		if (r < 0)
			return r;
		ret->v[ret->n++] = c;
	}
	return 0;
}

const struct aa_cond *aa_cond_find(const struct aa_conds *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key ? key && strcmp(c->v[i].key, key) == 0 : !key)
			return &c->v[i];
	return NULL;
}

bool aa_has_value(const struct aa_strings *s, const char *word)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], word) == 0)
			return true;
	return false;
}

/* ---- capabilities ---- */

static int capability_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	uint64_t caps = 0;
	char *word;
	int r, cap;

	for (;;) {
		r = aa_word(a, rule->at, &rest, &word);
		if (r < 0)
			return r;
		if (!word)
			break;
		if (word[0] && word[strlen(word) - 1] == ',')
			word[strlen(word) - 1] = '\0';
		if (vk_cap_parse(word, &cap) < 0)
			return aa_mistake(a, rule->at, "\"%s\" is no capability", word);
		caps |= UINT64_C(1) << cap;
	}
	if (!caps)
		caps = (UINT64_C(1) << VK_N_CAPS) - 1;
	if (rule->deny)
		a->caps_deny |= caps;
	else
		a->caps |= caps;
	return rule->audit && !rule->deny ?
		       aa_report(a, rule, AA_DIFFERS, "the use of a capability is not reported") :
		       0;
}

/* ---- mounts ---- */

static const char *const propagation[] = {
	"unbindable",	    "runbindable",  "private",
	"rprivate",	    "slave",	    "rslave",
	"shared",	    "rshared",	    "make-unbindable",
	"make-runbindable", "make-private", "make-rprivate",
	"make-slave",	    "make-rslave",  "make-shared",
	"make-rshared",	    NULL,
};

/* What a list of options is about; *ret_more: it has others, which are a condition. */
static uint32_t ops_of(const struct aa_strings *options, bool *ret_more)
{
	uint32_t ops = 0;

	for (size_t i = 0; i < options->n; i++) {
		const char *word = options->v[i];
		uint32_t op = 0;

		if (strcmp(word, "bind") == 0 || strcmp(word, "rbind") == 0)
			op = VK_R_BIND_MOUNT;
		else if (strcmp(word, "move") == 0)
			op = VK_R_MOVE_MOUNT;
		else if (strcmp(word, "remount") == 0)
			op = VK_R_REMOUNT;
		for (size_t k = 0; propagation[k]; k++)
			if (strcmp(word, propagation[k]) == 0)
				op = VK_R_REMOUNT;
		*ret_more |= !op;
		ops |= op;
	}
	return ops;
}

#define MOUNT_OPS (VK_R_MOUNT | VK_R_BIND_MOUNT | VK_R_REMOUNT | VK_R_MOVE_MOUNT)

/* Adds the operations on the mount points, NULL: everywhere. */
static int add_mounts(struct aa *a, const struct aa_rule *rule, uint32_t ops, const char *point,
		      const char *condition)
{
	struct aa_strings globs = {0};
	struct aa_paths paths = {0};
	const char *why;
	int r = 0;

	if (condition && !rule->deny)
		return aa_report(a, rule, AA_LOST, "%s is no condition of ours", condition);
	if (!point) {
		r = aa_add_string(a, &globs, "/**");
	} else {
		r = aa_paths(a, rule, point, &paths, &why);
		if (r == -ENOTSUP)
			return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST,
					 "its pattern: %s", why);
	}
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		r = aa_add_string(a, &globs, paths.v[i].glob);
	if (r == 0 && condition)
		r = aa_report(a, rule, AA_NARROWER,
			      "%s is no condition of ours: denied whatever "
			      "it is",
			      condition);
	if (r == 0)
		r = aa_add_item(a, &a->mounts, rule->deny ? VK_ACTION_DENY : VK_ACTION_ALLOW, ops,
				globs, rule->at);
	if (r == 0 && rule->audit && !rule->deny)
		r = aa_add_item(a, &a->mounts, VK_ACTION_AUDIT, ops, globs, rule->at);
	return r;
}

static int mount_rule(struct aa *a, const struct aa_rule *rule, const char *word, const char *rest)
{
	const char *point = NULL, *source = NULL, *condition = NULL;
	uint32_t ops = MOUNT_OPS, named = 0;
	struct aa_conds c = {0};
	bool more = false, arrow = false, options = false;
	int r = aa_conds(a, rule, rest, &c);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c.n; i++) {
		const char *first = c.v[i].values.n ? c.v[i].values.v[0] : "";

		if (c.v[i].key && strcmp(c.v[i].key, "options") == 0) {
			named |= ops_of(&c.v[i].values, &more);
			options = true;
			more |= c.v[i].in; /* any of them, with others */
		} else if (c.v[i].key) {
			condition = c.v[i].key;
		} else if (strcmp(first, "->") == 0) {
			arrow = true;
		} else if (arrow) {
			point = first;
		} else {
			source = first;
		}
	}
	if (strcmp(word, "mount") != 0) {
		/* Of umount and remount, the word without an arrow is the mount point. */
		ops = strcmp(word, "remount") == 0 ? VK_R_REMOUNT : VK_R_UMOUNT;
		point = source;
		source = NULL;
		more |= named != 0;
	} else if (named) {
		ops = named;
	}
	if (options && (more || (!named && ops == MOUNT_OPS)))
		condition = "options";
	if (source && *source && strcmp(source, "**") != 0)
		condition = "the source of a mount";
	return add_mounts(a, rule, ops, point, condition);
}

static int pivot_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	const char *point = NULL, *condition = NULL;
	struct aa_conds c = {0};
	int r = aa_conds(a, rule, rest, &c);

	for (size_t i = 0; r == 0 && i < c.n; i++) {
		if (c.v[i].key) {
			condition = c.v[i].key;
		} else if (c.v[i].values.n && strcmp(c.v[i].values.v[0], "->") == 0) {
			condition = "another profile";
			break;
		} else if (c.v[i].values.n) {
			point = c.v[i].values.v[0];
		}
	}
	return r < 0 ? r : add_mounts(a, rule, VK_R_PIVOT, point, condition);
}

/* ---- tracing and signals ---- */

enum peer { PEER_ALL, PEER_OWN, PEER_OTHER };

/* Who "peer=" is: everybody, the profile itself, or somebody that only AppArmor knows. */
static int find_peer(struct aa *a, const struct aa_rule *rule, const struct aa_conds *c,
		     enum peer *ret)
{
	const struct aa_cond *peer = aa_cond_find(c, "peer");
	struct aa_strings texts = {0};
	int r;

	*ret = PEER_ALL;
	if (!peer || !peer->values.n)
		return 0;
	r = aa_expand(a, rule->at, peer->values.v[0], &texts);
	if (r < 0)
		return r;
	*ret = PEER_OTHER;
	if (aa_has_value(&texts, "*") || aa_has_value(&texts, "**"))
		*ret = PEER_ALL;
	else if (aa_has_value(&texts, a->name))
		*ret = PEER_OWN;
	return 0;
}

/* The accesses before the conditions, "send" as well as "(send, receive)"; none: all of them. */
static bool has_access(const struct aa_conds *c, const char *x, const char *y, const char *z)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		const struct aa_strings *v = &c->v[i].values;

		if (c->v[i].key)
			continue;
		any = true;
		if (aa_has_value(v, x) || aa_has_value(v, y) || aa_has_value(v, z))
			return true;
	}
	return !any;
}

static void widen(struct aa_scope *scope, enum vk_scope to, struct aa_at at)
{
	if (scope->allow < to) {
		scope->allow = to;
		scope->at = at;
	}
}

static void cut(struct aa_scope *scope, enum vk_scope to)
{
	if (scope->most > to)
		scope->most = to;
}

/* A rule on what members do to @peer, wholly understood but for @condition. */
static int scope_rule(struct aa *a, const struct aa_rule *rule, struct aa_scope *scope,
		      enum peer peer, const char *condition)
{
	int r = 0;

	if (rule->deny) {
		cut(scope, peer == PEER_OTHER ? VK_SCOPE_OWN : VK_SCOPE_NONE);
		if (peer == PEER_ALL && !condition)
			return 0;
		return aa_report(a, rule, AA_NARROWER, "%s are denied as well",
				 peer == PEER_OTHER ? "all others outside of the instance" :
						      "all others, and all else of its kind,");
	}
	if (peer == PEER_OTHER)
		return aa_report(a, rule, AA_LOST,
				 "peers are members of the instance, or everybody");
	if (condition && peer == PEER_ALL)
		return aa_report(a, rule, AA_LOST, "%s is no condition of ours", condition);
	if (condition)
		r = aa_report(a, rule, AA_WIDER, "%s is no condition of ours; among members",
			      condition);
	widen(scope, peer == PEER_ALL ? VK_SCOPE_ALL : VK_SCOPE_OWN, rule->at);
	if (r == 0 && rule->audit)
		r = aa_report(a, rule, AA_DIFFERS, "what is allowed is not reported");
	return r;
}

static int ptrace_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	struct aa_conds c = {0};
	enum peer peer;
	bool trace, read;
	int r = aa_conds(a, rule, rest, &c);

	if (r == 0)
		r = find_peer(a, rule, &c, &peer);
	if (r < 0)
		return r;
	trace = has_access(&c, "trace", "w", "rw");
	read = has_access(&c, "read", "r", "rw");
	if (!trace && !read) /* tracedby, readby: what others do */
		return rule->deny ? aa_report(a, rule, AA_LOST,
					      "what others do to members is not restricted") :
				    0;
	if (rule->deny && !trace) {
		/* Reading within the instance is not restricted. */
		cut(&a->ptrace, VK_SCOPE_OWN);
		return aa_report(a, rule, AA_DIFFERS,
				 "read: members read about each other, and trace nobody else");
	}
	if (!trace && peer != PEER_ALL)
		return peer == PEER_OWN ? 0 : scope_rule(a, rule, &a->ptrace, peer, NULL);
	return scope_rule(a, rule, &a->ptrace, peer, trace ? NULL : "read without trace");
}

static int signal_rule(struct aa *a, const struct aa_rule *rule, const char *rest)
{
	struct aa_conds c = {0};
	enum peer peer;
	int r = aa_conds(a, rule, rest, &c);

	if (r == 0)
		r = find_peer(a, rule, &c, &peer);
	if (r < 0)
		return r;
	/* "read" and "write" are older words, "w" and "r" short ones. */
	if (!has_access(&c, "send", "w", "rw") && !has_access(&c, "write", "w", "rw"))
		return rule->deny ? aa_report(a, rule, AA_LOST,
					      "what others do to members is not restricted") :
				    0;
	return scope_rule(a, rule, &a->signal, peer, aa_cond_find(&c, "set") ? "set" : NULL);
}

/* ---- the rest ---- */

static int userns_rule(struct aa *a, const struct aa_rule *rule)
{
	if (rule->deny)
		a->userns_deny = true;
	else
		a->userns = true;
	a->userns_at = rule->at;
	return rule->audit && !rule->deny ?
		       aa_report(a, rule, AA_DIFFERS, "what is allowed is not reported") :
		       0;
}

/* "all": whatever there is. */
static int all_rule(struct aa *a, const struct aa_rule *rule)
{
	struct aa_rule file = *rule;
	int r;

	file.body = "file";
	r = aa_file_rule(a, &file);
	if (r == 0)
		r = capability_rule(a, rule, "");
	if (r == 0)
		r = aa_network_rule(a, rule, "");
	if (r == 0)
		r = add_mounts(a, rule, VK_R_MOUNTS_ALL, NULL, NULL);
	if (r == 0)
		r = ptrace_rule(a, rule, "");
	if (r == 0)
		r = signal_rule(a, rule, "");
	return r < 0 ? r : userns_rule(a, rule);
}

/* Rules of which nothing is carried over, and why. */
static const struct {
	const char *word;
	enum aa_kind allow, deny;
	const char *why;
} without[] = {
	{"dbus", AA_LOST_LAX, AA_LOST_LAX, "messages on D-Bus are not mediated"},
	{"change_profile", AA_LOST, AA_LOST, "members change to no other profile"},
	{"set", AA_LOST_LAX, AA_LOST_LAX, "limits of resources are not set by a policy"},
	{"rlimit", AA_LOST_LAX, AA_LOST_LAX, "limits of resources are not set by a policy"},
	{"mqueue", AA_LOST_LAX, AA_LOST_LAX,
	 "message queues are not mediated, but for the files of POSIX queues"},
	{"io_uring", AA_LOST_LAX, AA_LOST_LAX,
	 "sqpoll and override_creds are not told apart; \"io_uring: deny\" refuses all"},
};

int aa_class_rule(struct aa *a, const struct aa_rule *rule, const char *word, const char *rest,
		  bool *ret_known)
{
	*ret_known = true;
	if (strcmp(word, "capability") == 0)
		return capability_rule(a, rule, rest);
	if (strcmp(word, "network") == 0)
		return aa_network_rule(a, rule, rest);
	if (strcmp(word, "unix") == 0)
		return aa_unix_rule(a, rule, rest);
	if (strcmp(word, "mount") == 0 || strcmp(word, "remount") == 0 ||
	    strcmp(word, "umount") == 0 || strcmp(word, "unmount") == 0)
		return mount_rule(a, rule, word, rest);
	if (strcmp(word, "pivot_root") == 0)
		return pivot_rule(a, rule, rest);
	if (strcmp(word, "ptrace") == 0)
		return ptrace_rule(a, rule, rest);
	if (strcmp(word, "signal") == 0)
		return signal_rule(a, rule, rest);
	if (strcmp(word, "userns") == 0)
		return userns_rule(a, rule);
	if (strcmp(word, "all") == 0)
		return all_rule(a, rule);
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if (strcmp(word, without[i].word) == 0)
			return aa_report(a, rule, rule->deny ? without[i].deny : without[i].allow,
					 "%s", without[i].why);
	*ret_known = false;
	return 0;
}
