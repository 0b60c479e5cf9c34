// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_file.c - rules on files.
 *
 *	r  read                     a  append
 *	w  all that changes a file or its name: AppArmor has no finer right
 *	x  exec, whatever the transition: members stay under this policy
 *	m  mmap-exec                l  link               k  nothing: locks are not restricted
 *
 * A pattern that ends in '/' means directories, any other one not; only "**" means both. What is
 * done to directories only (mkdir, rmdir) and to files only (write, create, ...) is granted
 * accordingly.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"
#include "import_apparmor.h"

enum {
	AA_R = 1,
	AA_W = 2,
	AA_A = 4,
	AA_X = 8,
	AA_M = 16,
	AA_L = 32,
	AA_K = 64,
	AA_CHANGES = 128, /* a transition to another profile */
	AA_FREE = 256, /* a transition out of all */
	AA_CLEAN = 512, /* with a clean environment */
};

#define BOTH_W (VK_R_CHMOD | VK_R_CHOWN | VK_R_RENAME)
#define FILE_W (VK_RIGHTS_WRITE | VK_R_CREATE | VK_R_UNLINK | VK_R_SYMLINK | VK_R_MKNOD | BOTH_W)
#define DIR_W (VK_R_MKDIR | VK_R_RMDIR | BOTH_W)

static uint32_t rights_of(unsigned int perms, unsigned int kinds, bool deny)
{
	uint32_t rights = 0;

	if (perms & AA_R)
		rights |= VK_R_READ;
	if (perms & AA_W)
		rights |= (kinds & AA_FILE ? FILE_W : 0) | (kinds & AA_DIR ? DIR_W : 0);
	/* AppArmor wants r as well to rename from a name; see aa_file_finish(). */
	if (perms & AA_R && deny)
		rights |= VK_R_RENAME;
	if (!(kinds & AA_FILE))
		return rights;
	if (perms & AA_A)
		rights |= VK_R_APPEND;
	if (perms & AA_X)
		rights |= deny ? VK_R_EXEC : VK_R_EXEC | VK_R_MMAP_EXEC;
	if (perms & AA_M)
		rights |= VK_R_MMAP_EXEC;
	if (perms & AA_L)
		rights |= VK_R_LINK;
	return rights;
}

static int parse_perms(struct aa *a, const struct aa_rule *rule, const char *word,
		       unsigned int *ret)
{
	static const char letters[] = "rwaxmlk";
	static const unsigned int bits[] = {AA_R, AA_W, AA_A, AA_X, AA_M, AA_L, AA_K};
	const char *mode = word + strcspn(word, "ipPcCuUx");
	unsigned int perms = 0;

	for (const char *s = word; *s; s++) {
		const char *at = strchr(letters, *s);

		if (at)
			perms |= bits[at - letters];
		else if (strchr("pPcCuU", *s))
			perms |= (*s == 'u' || *s == 'U' ? AA_FREE : AA_CHANGES) |
				 (strchr("PCU", *s) ? AA_CLEAN : 0);
		else if (*s != 'i')
			return aa_mistake(a, rule->at, "\"%s\" is no set of permissions", word);
	}
	if (!perms)
		return aa_mistake(a, rule->at, "the rule gives no permission");
	if ((perms & AA_W) && (perms & AA_A))
		return aa_mistake(a, rule->at, "w and a exclude each other");
	if (*mode == 'x' && !rule->deny)
		return aa_mistake(a, rule->at, "x needs i, p, c or u before it, but in deny rules");
	if (*mode && !(perms & AA_X))
		return aa_mistake(a, rule->at, "\"%s\" is no set of permissions", word);
	*ret = perms;
	return 0;
}

/* Whether the last component is a name, and no pattern of names. */
static bool ends_in_name(const char *glob)
{
	unsigned int depth = 0;
	const char *last = glob;

	for (const char *s = glob; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '/' && !depth)
			last = s;
		depth += *s == '{';
		depth -= *s == '}' && depth;
	}
	return !strpbrk(last, "*?[");
}

/* The paths of one kind; of directories those that end in a name, or those that do not. */
static int add_kind(struct aa *a, const struct aa_rule *rule, enum vk_action action,
		    uint32_t rights, const struct aa_paths *paths, unsigned int kinds, bool named)
{
	struct aa_strings globs = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		if (paths->v[i].kinds == kinds &&
		    (kinds != AA_DIR || ends_in_name(paths->v[i].glob) == named))
			r = aa_add_string(a, &globs, paths->v[i].glob);
	if (r == 0)
		r = aa_add_item(a, &a->files, action, rights, globs, rule->at);
	return r < 0 ? r : globs.n > 0;
}

#define DIR_ONLY (VK_R_MKDIR | VK_R_RMDIR)

/*
 * Kinds of patterns share an item if they get the same rights. To read the directories of a
 * pattern would be to read the files that it matches, so that is not granted: "/" followed by any
 * names is a common way to permit to look around.
 */
static int add_paths(struct aa *a, const struct aa_rule *rule, enum vk_action action,
		     unsigned int perms, const struct aa_paths *paths)
{
	for (unsigned int kinds = AA_FILE; kinds <= (AA_FILE | AA_DIR); kinds++) {
		uint32_t rights = rights_of(perms, kinds, action == VK_ACTION_DENY), some = rights;
		bool allow = action == VK_ACTION_ALLOW;
		int r = add_kind(a, rule, action, rights, paths, kinds, true), unnamed = 0;

		if (allow)
			some &= DIR_ONLY;
		if (r >= 0 && kinds == AA_DIR)
			unnamed = add_kind(a, rule, action, some, paths, kinds, false);
		if (r < 0 || unnamed < 0)
			return r < 0 ? r : unnamed;
		if (unnamed && some != rights) {
			int said = aa_report(a, rule, some ? AA_NARROWER : AA_LOST,
					     "directories by pattern are made and removed, and "
					     "not read or changed: it would count for files");

			if (said < 0)
				return said;
		}
		if (action != VK_ACTION_AUDIT && kinds != (AA_FILE | AA_DIR) &&
		    (r || (unnamed && !allow)) && perms & (AA_R | AA_W))
			aa_general(a, allow ? AA_G_KIND : AA_G_DENY_KIND, rule->at);
	}
	return 0;
}

/* Members never leave their instance. */
static int report_transition(struct aa *a, const struct aa_rule *rule, unsigned int perms,
			     const char *target)
{
	const char *clean = perms & AA_CLEAN ? "; its environment is not cleaned" : "";

	a->about = AA_ABOUT_OTHER;
	if (!(perms & AA_CHANGES))
		return aa_report(a, rule, AA_NARROWER, "the program stays under this policy%s",
				 clean);
	return aa_report(a, rule, AA_WIDER,
			 "the program stays under this policy; AppArmor wants the profile%s%s to "
			 "be loaded, and changes to it%s",
			 target ? " " : "", target ? target : "", clean);
}

static int report_rule(struct aa *a, const struct aa_rule *rule, unsigned int perms,
		       const char *target)
{
	int r = 0;

	if (rule->owner)
		r = rule->deny ? aa_report(a, rule, AA_NARROWER, "files of all owners") :
				 aa_report(a, rule, AA_WIDER, "files of all owners");
	if (r == 0 && perms & (AA_CHANGES | AA_FREE) && !rule->deny)
		r = report_transition(a, rule, perms, target);
	/* What cannot be opened cannot be locked. */
	if (r == 0 && perms & AA_K && rule->deny && (perms & (AA_R | AA_W)) != (AA_R | AA_W))
		r = aa_report(a, rule, perms == AA_K ? AA_LOST : AA_APART,
			      "k: file locks are not restricted");
	if (r == 0 && rule->deny && (perms & (AA_R | AA_W)) == AA_R)
		r = aa_report(a, rule, AA_NARROWER, "no renaming to this name, either");
	if (r == 0 && rule->deny && perms & AA_M && !(perms & AA_X))
		r = aa_report(a, rule, AA_NARROWER,
			      "what cannot be mapped cannot be executed, either");
	if (rule->deny)
		perms &= ~AA_L;
	if (perms & AA_L)
		aa_general(a, AA_G_LINK, rule->at);
	if ((perms & (AA_X | AA_M)) == AA_X && !rule->deny)
		aa_general(a, AA_G_MAP, rule->at);
	if (rule->deny && !rule->audit)
		aa_general(a, AA_G_QUIET, rule->at);
	return r;
}

static int add_rule(struct aa *a, const struct aa_rule *rule, const char *path, const char *perms,
		    const char *target)
{
	struct aa_paths paths;
	unsigned int bits = 0;
	const char *why;
	int r = parse_perms(a, rule, perms, &bits);

	if (r < 0)
		return r;
	r = aa_paths(a, rule, path, &paths, &why);
	if (r == -ENOTSUP)
		return aa_report(a, rule, rule->deny ? AA_LOST_LAX : AA_LOST, "its pattern: %s",
				 why);
	if (r < 0)
		return r;
	if (target && bits & AA_L && !(bits & AA_X)) {
		r = aa_report(a, rule, rule->deny ? AA_NARROWER : AA_LOST,
			      "a link rule with a target");
		if (!rule->deny)
			return r;
	}
	if (r == 0)
		r = add_paths(a, rule, rule->deny ? VK_ACTION_DENY : VK_ACTION_ALLOW, bits, &paths);
	if (r == 0 && rule->audit && !rule->deny)
		r = add_paths(a, rule, VK_ACTION_AUDIT, bits, &paths);
	return r < 0 ? r : report_rule(a, rule, bits, target);
}

/* The rule "file" without a path. */
static int all_files(struct aa *a, const struct aa_rule *rule)
{
	struct aa_rule whole = *rule;

	if (rule->deny || rule->audit || rule->owner) {
		/* As the pattern that it stands for. */
		whole.owner = rule->owner;
		return add_rule(a, &whole, "/{,**}", rule->deny ? "rwlkmx" : "rwlkmix", NULL);
	}
	a->file_all = true;
	a->file_all_at = rule->at;
	return 0;
}

int aa_file_rule(struct aa *a, const struct aa_rule *rule)
{
	char *word[4] = {0}, *path, *perms;
	const char *s = rule->body;
	size_t n = 0;
	int r;

	a->about = rule->deny ? AA_ABOUT_OTHER : AA_ABOUT_FILES;
	if (strncmp(s, "file", 4) == 0 && (s[4] == ' ' || !s[4]))
		s += 4;
	for (char *next; n < 5; n++) {
		r = aa_word(a, rule->at, &s, &next);
		if (r < 0)
			return r;
		if (!next)
			break;
		if (n == 4)
			return aa_mistake(a, rule->at, "a word too many: \"%s\"", next);
		word[n] = next;
	}
	if (n == 0)
		return all_files(a, rule);
	if (n != 2 && (n != 4 || strcmp(word[2], "->") != 0))
		return aa_mistake(a, rule->at, "a file rule is written: /path permissions");
	path = word[0];
	perms = word[1];
	if (*path != '/' && *path != '@') {
		path = word[1];
		perms = word[0];
	}
	if (*path != '/' && *path != '@')
		return aa_mistake(a, rule->at, "a path begins with '/'");
	return add_rule(a, rule, path, perms, word[3]);
}

int aa_link_rule(struct aa *a, const struct aa_rule *rule)
{
	struct aa_rule plain = *rule;
	const char *s = rule->body + 4;
	char *word;
	int r = aa_word(a, rule->at, &s, &word);

	a->about = rule->deny ? AA_ABOUT_OTHER : AA_ABOUT_FILES;
	if (r == 0 && word && strcmp(word, "subset") == 0)
		r = aa_word(a, rule->at, &s, &word);
	if (r < 0)
		return r;
	if (!word)
		return aa_mistake(a, rule->at, "a link rule is written: link /new -> /target");
	if (!rule->deny)
		return aa_report(a, rule, AA_LOST, "pairs of names cannot be allowed");
	return add_rule(a, &plain, word, "l", "target");
}

/* ---- renaming ---- */

static bool is_write_only(const struct aa_item *i)
{
	return i->action == VK_ACTION_ALLOW && i->rights & VK_R_RENAME && !(i->rights & VK_R_READ);
}

#define PROBES 15

/*
 * Whether all that each of the items writes is read by some rule. Answered by the compiler: readers
 * get the right READ and each item one of the others, and no verdict may have that without READ.
 */
static int covered(struct aa *a, struct aa_item *const *items, size_t n, bool *ret)
{
	_cleanup_free_ struct vk_path_rule *rules = NULL;
	_cleanup_free_ struct vk_image *image = NULL;
	char name[] = "probe";
	struct vk_policy policy = {.name = name, .file = name};
	const struct vk_policy *layer = &policy;
	struct vk_error ignored = {0};
	size_t total = 0;

	for (size_t i = 0; i < a->files.n; i++)
		total += a->files.v[i].paths.n;
	rules = calloc(total + 1, sizeof(*rules));
	if (!rules)
		return aa_oom(a);
	policy.sections[VK_SECTION_FILES].set = true;
	policy.sections[VK_SECTION_FILES].def = VK_ACTION_DENY;
	policy.paths = rules;
	for (size_t i = 0; i < a->files.n; i++) {
		const struct aa_item *item = &a->files.v[i];
		uint32_t rights = 0;

		if (item->action != VK_ACTION_ALLOW)
			continue;
		if (item->rights & VK_R_READ)
			rights = VK_R_READ;
		for (size_t k = 0; k < n; k++)
			if (items[k] == item)
				rights = VK_R_READ << (k + 1);
		for (size_t k = 0; rights && k < item->paths.n; k++)
			rules[policy.n_paths++] = (struct vk_path_rule){
				VK_SECTION_FILES, VK_ACTION_ALLOW, rights, item->paths.v[k], {0}};
	}
	for (size_t k = 0; k < n; k++)
		ret[k] = false;
	/* Too large: not covered, which is the stricter answer. */
	if (vk_compile(&layer, 1, &image, &ignored) < 0)
		return 0;
	for (size_t k = 0; k < n; k++)
		ret[k] = true;
	for (uint32_t i = 0; i < image->n_verdicts; i++)
		for (size_t k = 0; k < n; k++)
			if (image->verdicts[i].allow & (VK_R_READ << (k + 1)) &&
			    !(image->verdicts[i].allow & VK_R_READ))
				ret[k] = false;
	return 0;
}

/* AppArmor renames only what may be read as well. */
static int settle_renames(struct aa *a)
{
	struct aa_item *items[PROBES];
	bool yes[PROBES];
	size_t n = 0;

	for (size_t i = 0; i <= a->files.n; i++) {
		if (i < a->files.n && is_write_only(&a->files.v[i]))
			items[n++] = &a->files.v[i];
		if (!n || (n < PROBES && i < a->files.n))
			continue;
		int r = covered(a, items, n, yes);

		if (r < 0)
			return r;
		for (size_t k = 0; k < n; k++) {
			if (yes[k])
				continue;
			items[k]->rights &= ~VK_R_RENAME;
			aa_general(a, AA_G_RENAME, items[k]->at);
		}
		n = 0;
	}
	return 0;
}

static bool same_item(const struct aa_item *x, const struct aa_item *y)
{
	if (x->action != y->action || x->rights != y->rights || x->paths.n != y->paths.n)
		return false;
	for (size_t i = 0; i < x->paths.n; i++)
		if (strcmp(x->paths.v[i], y->paths.v[i]) != 0)
			return false;
	return true;
}

int aa_file_finish(struct aa *a)
{
	size_t n = 0;
	int r = a->file_all ? 0 : settle_renames(a);

	/* Abstractions say many things twice; "file" alone says all that is allowed. */
	for (size_t i = 0; r == 0 && i < a->files.n; i++) {
		const struct aa_item *item = &a->files.v[i];
		bool twice = a->file_all && item->action == VK_ACTION_ALLOW;

		for (size_t k = 0; k < n && !twice; k++)
			twice = same_item(&a->files.v[k], item);
		if (!twice)
			a->files.v[n++] = *item;
	}
	if (r == 0)
		a->files.n = n;
	return r;
}
