// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * import_apparmor_emit.c - the policy as text. Each rule bears the place that it comes from.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"
#include "import_apparmor.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define ANY_TYPE 0xffff
#define IMPLIED ((1u << 1) | (1u << 2) | (1u << 5)) /* what an allowed endpoint allows to create */

/* Text of a comment: nothing in it may end the line. */
static void put_comment(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f ? '?' : *s, f);
}

static void put_place(FILE *f, const struct aa *a, struct aa_at at)
{
	const char *file = at.file, *slash;

	if (!file)
		return;
	slash = strrchr(file, '/');
	if (slash && file == a->from->file)
		file = slash + 1;
	fputs(" # ", f);
	put_comment(f, file);
	fprintf(f, ":%u", at.line);
}

/* A scalar, in quotes unless it is plain whatever stands around it. */
static void put_scalar(FILE *f, const char *prefix, const char *s)
{
	const char *ok = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._*+-";

	if (!*prefix && *s == '/' && strspn(s, ok) == strlen(s)) {
		fputs(s, f);
		return;
	}
	fprintf(f, "'%s", prefix);
	for (; *s; s++) {
		if (*s == '\'')
			fputc('\'', f);
		fputc(*s, f);
	}
	fputc('\'', f);
}

/* One alone, or a list over as many lines as it takes. */
static void put_list(FILE *f, const char *prefix, const struct aa_strings *list, const char *indent)
{
	if (list->n == 1) {
		put_scalar(f, prefix, list->v[0]);
		return;
	}
	fputc('[', f);
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			fputc(',', f);
		if (list->n > 3)
			fprintf(f, "\n%s", indent);
		else if (i)
			fputc(' ', f);
		put_scalar(f, prefix, list->v[i]);
	}
	fputc(']', f);
}

static const char *action_word(enum vk_action action)
{
	return action == VK_ACTION_ALLOW ? "allow" : action == VK_ACTION_DENY ? "deny" : "audit";
}

static void put_files(FILE *f, const struct aa *a)
{
	char rights[256];

	fprintf(f, "files:\n  default: %s", a->file_all ? "allow" : "deny");
	put_place(f, a, a->file_all_at);
	if (!a->files.n && a->file_all) {
		fputc('\n', f);
		return;
	}
	fputs("\n  rules:\n", f);
	if (!a->file_all)
		fputs("    - {allow: [ioctl], path: /**} # AppArmor does not restrict it\n", f);
	for (size_t i = 0; i < a->files.n; i++) {
		const struct aa_item *item = &a->files.v[i];

		vk_rights_text(item->rights, rights, sizeof(rights));
		fprintf(f, "    - {%s: [%s], path: ", action_word(item->action), rights);
		put_list(f, "", &item->paths, "        ");
		fputc('}', f);
		put_place(f, a, item->at);
		fputc('\n', f);
	}
}

/* ---- network ---- */

static void put_types(FILE *f, int family, uint16_t types, const char **comma)
{
	static const int numbers[] = {1, 2, 3, 4, 5, 6, 10};

	if (types == ANY_TYPE) {
		fprintf(f, "%s%s", *comma, vk_family_words[family]);
		*comma = ", ";
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (!(types & 1u << numbers[i]))
			continue;
		fprintf(f, "%s%s/%s", *comma, vk_family_words[family], vk_socktype_words[i]);
		*comma = ", ";
	}
}

static void put_sockets(FILE *f, const uint16_t *types)
{
	const char *comma = "";
	uint16_t any = 0;

	for (int i = 1; i < VK_N_FAMILIES; i++)
		any |= types[i];
	if (!any)
		return;
	fputs("    - socket: [", f);
	for (int i = 1; i < VK_N_FAMILIES; i++)
		put_types(f, i, types[i], &comma);
	fputs("]\n", f);
}

/* No socket file can be there. */
static bool without_sockets(const char *glob)
{
	return strncmp(glob, "/proc/", 6) == 0 || strncmp(glob, "/sys/", 5) == 0;
}

/* The patterns that rules of this action give w to. */
static int socket_files(struct aa *a, enum vk_action action, struct aa_strings *ret)
{
	for (size_t i = 0; i < a->files.n; i++) {
		const struct aa_item *item = &a->files.v[i];

		if (item->action != action || !(item->rights & VK_R_MKNOD))
			continue;
		for (size_t k = 0; k < item->paths.n; k++) {
			const char *glob = item->paths.v[k];
			int r = 0;

			if (!without_sockets(glob) && !aa_has_value(ret, glob))
				r = aa_add_string(a, ret, glob);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void put_unix(FILE *f, const char *what, const struct aa_strings *globs)
{
	if (!globs->n)
		return;
	fprintf(f, "    - %s: ", what);
	put_list(f, "unix:", globs, "        ");
	fputc('\n', f);
}

/* The unix names of one list of the section. */
static int put_names(FILE *f, struct aa *a, enum vk_action action, uint32_t named, bool all_files)
{
	struct aa_strings files = {0};
	int r = 0;

	if (all_files)
		r = aa_add_string(a, &files, "/**");
	if (r == 0)
		r = socket_files(a, action, &files);
	if (r < 0)
		return r;
	put_unix(f, "bind", &files);
	put_unix(f, "connect", &files);
	if (named & AA_NAMED_BIND)
		fputs("    - bind: 'unix:@**'\n", f);
	if (named & AA_NAMED_CONNECT)
		fputs("    - connect: 'unix:@**'\n", f);
	for (size_t i = 0; i < a->net.items.n; i++) {
		const struct aa_item *item = &a->net.items.v[i];

		if (item->action == action)
			put_unix(f, item->rights & VK_R_UNIX_BIND ? "bind" : "connect",
				 &item->paths);
	}
	return 0;
}

/* A list of the section, left out when it is empty. */
static int put_part(FILE *f, struct aa *a, enum vk_action action, const uint16_t *types,
		    uint32_t named, bool unix_names, bool inet)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *part = open_memstream(&text, &size);
	int r = 0;

	if (!part)
		return aa_oom(a);
	put_sockets(part, types);
	if (inet)
		fputs("    - bind: any\n    - connect: any\n", part);
	if (unix_names)
		r = put_names(part, a, action, named, action == VK_ACTION_ALLOW && a->file_all);
	if (fclose(part))
		return aa_oom(a);
	if (size)
		fprintf(f, "  %s:\n%s", action_word(action), text);
	return r;
}

static int put_network(FILE *f, struct aa *a)
{
	uint16_t allow[VK_N_FAMILIES], deny[VK_N_FAMILIES] = {0}, unix_types;
	const struct aa_net *net = &a->net;
	uint32_t named_deny = net->named_deny;
	bool open = net->all && a->file_all && !named_deny && !net->items.n, inet;
	int r = 0;

	for (int i = 0; i < VK_N_FAMILIES; i++) {
		allow[i] = net->allow[i] & ~net->deny[i];
		open &= !net->deny[i];
	}
	if (open)
		memset(allow, 0, sizeof(allow));
	unix_types = allow[AF_UNIX];
	inet = allow[AF_INET] || allow[AF_INET6];
	/* What a bind or connect implies may be more than the profile gives. */
	for (int i = 0; i < VK_N_FAMILIES && !open; i++)
		if ((i == AF_UNIX && unix_types) || (inet && (i == AF_INET || i == AF_INET6)))
			deny[i] = IMPLIED & ~allow[i];
	fprintf(f, "network:\n  default: %s", open ? "allow" : "deny");
	put_place(f, a, net->at);
	fputc('\n', f);
	if (!open)
		r = put_part(f, a, VK_ACTION_ALLOW, allow, net->named, unix_types, inet);
	if (r == 0)
		r = put_part(f, a, VK_ACTION_DENY, deny, named_deny, open || unix_types, false);
	if (r == 0)
		r = put_part(f, a, VK_ACTION_AUDIT, net->audit, 0, false, false);
	if (r == 0 && (unix_types || open) && !a->file_all)
		aa_general(a, AA_G_SOCKETS, net->at);
	return r;
}

/* ---- the rest ---- */

static void put_mounts(FILE *f, const struct aa *a)
{
	fputs("mounts:\n  default: deny\n", f);
	for (int action = VK_ACTION_ALLOW; action <= VK_ACTION_AUDIT; action++) {
		bool first = true;

		for (size_t i = 0; i < a->mounts.n; i++) {
			const struct aa_item *item = &a->mounts.v[i];
			const char *comma = "";

			if ((int)item->action != action)
				continue;
			if (first)
				fprintf(f, "  %s:\n", action_word(item->action));
			first = false;
			fputs("    - {op: [", f);
			for (uint32_t bit = VK_R_MOUNT; bit <= VK_R_PIVOT; bit <<= 1) {
				if (!(item->rights & bit))
					continue;
				fprintf(f, "%s%s", comma, vk_right_name(bit));
				comma = ", ";
			}
			fputs("], on: ", f);
			put_list(f, "", &item->paths, "        ");
			fputc('}', f);
			put_place(f, a, item->at);
			fputc('\n', f);
		}
	}
}

static void put_scope(FILE *f, const struct aa *a, const char *key, const struct aa_scope *scope)
{
	static const char *const words[] = {"none", "own", "all"};
	enum vk_scope s = scope->allow < scope->most ? scope->allow : scope->most;

	fprintf(f, "  %s: %s", key, words[s]);
	put_place(f, a, scope->at);
	fputc('\n', f);
}

static void put_processes(FILE *f, const struct aa *a)
{
	bool userns = a->mediated & AA_CLASS_USERNS || a->userns_at.file;

	if (!(a->mediated & (AA_CLASS_PTRACE | AA_CLASS_SIGNAL)) && !userns)
		return;
	fputs("processes:\n", f);
	if (a->mediated & AA_CLASS_PTRACE)
		put_scope(f, a, "ptrace", &a->ptrace);
	if (a->mediated & AA_CLASS_SIGNAL)
		put_scope(f, a, "signal", &a->signal);
	if (!userns)
		return;
	fprintf(f, "  userns: %s", a->userns && !a->userns_deny ? "allow" : "deny");
	put_place(f, a, a->userns_at);
	fputc('\n', f);
}

static void put_capabilities(FILE *f, const struct aa *a)
{
	uint64_t caps = a->caps & ~a->caps_deny;
	const char *comma = "";

	if (!caps || caps == (UINT64_C(1) << VK_N_CAPS) - 1) {
		fprintf(f, "capabilities: %s\n", caps ? "all" : "none");
		return;
	}
	fputs("capabilities: [", f);
	for (int i = 0, n = 0; i < VK_N_CAPS; i++) {
		if (!(caps >> i & 1))
			continue;
		fprintf(f, "%s%s%s", comma, n && n % 6 == 0 ? "\n  " : "", vk_cap_name(i));
		comma = n % 6 == 5 ? "," : ", ";
		n++;
	}
	fputs("]\n", f);
}

static void put_name(FILE *f, const struct aa *a)
{
	const char *s = a->name;
	char name[65];
	size_t n = 0;

	for (; *s && n < sizeof(name) - 1; s++) {
		char c = *s;

		if (!isalnum((unsigned char)c) && c != '-' && c != '_')
			c = '.';
		if ((n || isalnum((unsigned char)c)) && (c != '.' || !n || name[n - 1] != '.'))
			name[n++] = c;
	}
	name[n] = '\0';
	fprintf(f, "name: \"%s\"\n", a->from->name ? a->from->name : n ? name : "apparmor");
}

static int put_all(FILE *f, struct aa *a)
{
	int r = 0;

	fputs("# From the AppArmor profile ", f);
	put_comment(f, a->name);
	put_place(f, a, a->at);
	fputs("; what differs from it was reported when it was imported.\nvkernel: 1\n", f);
	put_name(f, a);
	if (a->complain)
		fputs("mode: audit # flag complain\n", f);
	if (a->unconfined) {
		fputs("# flag unconfined: the rules of the profile are not in force.\n", f);
		return 0;
	}
	put_files(f, a);
	put_capabilities(f, a);
	if (a->mediated & AA_CLASS_NETWORK)
		r = put_network(f, a);
	if (a->mediated & AA_CLASS_MOUNT)
		put_mounts(f, a);
	put_processes(f, a);
	return r;
}

int aa_emit(struct aa *a)
{
	size_t size = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return aa_oom(a);
	r = put_all(f, a);
	if (fclose(f) && r == 0)
		r = aa_oom(a);
	if (r < 0)
		free(text);
	else
		a->out->yaml = text;
	return r;
}
