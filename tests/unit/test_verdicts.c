// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The verdict tables of tests/verdicts, row by row, on the compiled image and on the explanations
 * that come from the models. The same rows are replayed live in guests.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "compile.h"
#include "names.h"
#include "parse.h"
#include "table.h"
#include "tap.h"

struct run {
	unsigned int scope;
	struct vk_policy *layers[VT_MAX_LAYERS];
	size_t n;
	struct vk_image *img;
	size_t rows;
	const struct vt_table *table;
};

static void run_reset(struct run *r)
{
	while (r->n)
		vk_policy_free(r->layers[--r->n]);
	free(r->img);
	r->img = NULL;
}

static int find_set(const char *name, char **ret_text, size_t *ret_len, char **ret_file, void *data)
{
	const struct run *r = data;
	const struct vt_policy *p = vt_find(r->table, name);
	const struct vk_builtin *b = p ? NULL : vk_builtin_find(name);

	if (!p && !b)
		return -ENOENT;
	*ret_len = p ? strlen(p->text) : b->len;
	*ret_text = strndup(p ? p->text : b->text, *ret_len);
	*ret_file = strdup(name);
	return *ret_text && *ret_file ? 0 : -ENOMEM;
}

static bool prepare(struct run *r, const struct vt_row *row)
{
	struct vk_error e = {0};

	if (r->scope == row->scope)
		return r->img;
	run_reset(r);
	r->scope = row->scope;
	r->table = row->table;
	for (size_t i = 0; i < row->n_layers; i++) {
		const struct vt_policy *p = row->layers[i];

		if (vk_policy_parse(p->name, p->text, strlen(p->text), find_set, r, &r->layers[i],
				    &e) < 0)
			break;
		r->n++;
	}
	if (!e.code)
		vk_compile((const struct vk_policy *const *)r->layers, r->n, &r->img, &e);
	if (e.code)
		FAIL("%s:%u: %s:%u:%u: %s", row->file, row->line, e.file, e.line, e.column,
		     e.message);
	return r->img;
}

static const uint32_t path_rights[VT_OP_COUNT] = {
	[VT_READ] = VK_R_READ,
	[VT_WRITE] = VK_R_WRITE,
	[VT_APPEND] = VK_R_APPEND,
	[VT_EXEC] = VK_R_EXEC,
	[VT_CREATE] = VK_R_CREATE,
	[VT_UNLINK] = VK_R_UNLINK,
	[VT_RENAME] = VK_R_RENAME,
	[VT_RENAME_DIR] = VK_R_RENAME,
	[VT_LINK] = VK_R_LINK,
	[VT_SYMLINK] = VK_R_SYMLINK,
	[VT_MKDIR] = VK_R_MKDIR,
	[VT_RMDIR] = VK_R_RMDIR,
	[VT_MKNOD] = VK_R_MKNOD,
	[VT_TRUNCATE] = VK_R_TRUNCATE,
	[VT_CHMOD] = VK_R_CHMOD,
	[VT_CHOWN] = VK_R_CHOWN,
	[VT_IOCTL] = VK_R_IOCTL,
	[VT_MMAP_EXEC] = VK_R_MMAP_EXEC,
	[VT_UNIX_CONNECT] = VK_R_UNIX_CONNECT,
	[VT_UNIX_BIND] = VK_R_UNIX_BIND,
	[VT_MOUNT] = VK_R_MOUNT,
	[VT_BIND_MOUNT] = VK_R_BIND_MOUNT,
	[VT_REMOUNT] = VK_R_REMOUNT,
	[VT_MOVE_MOUNT] = VK_R_MOVE_MOUNT,
	[VT_UMOUNT] = VK_R_UMOUNT,
	[VT_PIVOT] = VK_R_PIVOT,
};

static enum vk_outcome path_outcome(const struct vk_image *img, const char *name, uint32_t right,
				    bool foreign)
{
	struct vk_verdict v = vk_image_match(img, name);

	if (!((foreign ? v.foreign : v.allow) & right))
		return VK_DENIED;
	return (foreign ? v.foreign_audit : v.audit) & right ? VK_AUDITED : VK_ALLOWED;
}

static enum vk_outcome worse(enum vk_outcome a, enum vk_outcome b)
{
	return a > b ? a : b;
}

static enum vt_verdict verdict_of(enum vk_outcome o)
{
	return o == VK_DENIED ? VT_DENY : o == VK_AUDITED ? VT_AUDIT : VT_ALLOW;
}

static enum vt_verdict simulate_path(const struct vk_image *img, const struct vt_row *row)
{
	uint32_t right = path_rights[row->op];
	enum vk_outcome o = path_outcome(img, row->args[0], right, row->foreign);

	if (!row->args[1])
		return verdict_of(o);
	o = worse(o, path_outcome(img, row->args[1], right, row->foreign));
	if (o == VK_DENIED)
		return VT_DENY;
	uint32_t had = vk_image_match(img, row->args[0]).allow;
	uint32_t gets = vk_image_match(img, row->args[1]).allow;

	if (row->op == VT_RENAME_DIR ? !vk_image_same_future(img, vk_image_state(img, row->args[0]),
							     vk_image_state(img, row->args[1])) :
				       (gets & ~had) != 0)
		return VT_XDEV;
	return verdict_of(o);
}

static enum vk_outcome explain_path(const struct run *r, const char *name, uint32_t right,
				    bool foreign)
{
	struct vk_reason why;

	vk_explain_path((const struct vk_policy *const *)r->layers, r->n, name, right, foreign,
			&why);
	return why.policy ? why.outcome : VK_ALLOWED;
}

/* The reference cannot say what may come to be below a directory: such rows keep their verdict. */
static enum vt_verdict explain_paths(const struct run *r, const struct vt_row *row)
{
	uint32_t right = path_rights[row->op];
	enum vk_outcome o = explain_path(r, row->args[0], right, row->foreign);

	if (!row->args[1])
		return verdict_of(o);
	o = worse(o, explain_path(r, row->args[1], right, row->foreign));
	if (o == VK_DENIED)
		return VT_DENY;
	for (uint32_t bit = 1; bit & VK_R_ALL; bit <<= 1) {
		if (explain_path(r, row->args[0], bit, false) == VK_DENIED &&
		    explain_path(r, row->args[1], bit, false) != VK_DENIED)
			return VT_XDEV;
	}
	return row->op == VT_RENAME_DIR ? row->want : verdict_of(o);
}

struct endpoint {
	uint8_t op, proto;
	uint16_t family, port;
	uint8_t addr[16];
};

static bool parse_endpoint(const struct vt_row *row, struct endpoint *ret)
{
	ret->op = row->op == VT_CONNECT ? VK_NET_CONNECT : VK_NET_BIND;
	ret->proto = strcmp(row->args[0], "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
	ret->family = strchr(row->args[1], ':') ? AF_INET6 : AF_INET;
	ret->port = (uint16_t)strtoul(row->args[2], NULL, 10);
	return inet_pton(ret->family, row->args[1], ret->addr) == 1;
}

static enum vk_outcome switch_outcome(const struct vk_image *img, uint32_t sw)
{
	return !(img->sw_allow & sw) ? VK_DENIED : img->sw_audit & sw ? VK_AUDITED : VK_ALLOWED;
}

static enum vk_outcome scope_outcome(uint8_t scope, uint8_t audit, enum vk_scope target)
{
	return target > scope ? VK_DENIED : target > audit ? VK_AUDITED : VK_ALLOWED;
}

static uint32_t switch_of(enum vt_op op)
{
	switch (op) {
	case VT_BPF:
		return VK_SW_BPF;
	case VT_PERF:
		return VK_SW_PERF;
	case VT_MODULES:
		return VK_SW_MODULES;
	case VT_KEYS:
		return VK_SW_KEYS;
	case VT_IO_URING:
		return VK_SW_IO_URING;
	case VT_XATTRS:
		return VK_SW_XATTRS;
	default:
		return VK_SW_USERNS;
	}
}

/* Everything that is not a path. Return: false when the row's arguments make no sense. */
static bool judge_other(const struct run *r, const struct vt_row *row, enum vk_outcome *simulated,
			struct vk_reason *why)
{
	const struct vk_policy *const *layers = (const struct vk_policy *const *)r->layers;
	const struct vk_image *i = r->img;
	struct endpoint ep;
	int a, b, protocol = 0;

	switch (row->op) {
	case VT_BIND:
	case VT_ACCEPT:
	case VT_CONNECT:
		if (!parse_endpoint(row, &ep))
			return false;
		*simulated = vk_image_inet(i, ep.op, ep.proto, ep.family, ep.addr, ep.port);
		vk_explain_inet(layers, r->n, ep.op, ep.proto, ep.family, ep.addr, ep.port, why);
		return true;
	case VT_SOCKET:
		if (vk_family_parse(row->args[0], &a) < 0 ||
		    (a == AF_NETLINK && vk_netlink_parse(row->args[1], &protocol) == 0 ?
			     vk_socktype_parse("raw", &b) :
			     vk_socktype_parse(row->args[1], &b)) < 0)
			return false;
		*simulated = vk_image_socket(i, a, b, protocol);
		vk_explain_socket(layers, r->n, a, b, protocol, why);
		return true;
	case VT_CAPABLE:
		if (vk_cap_parse(row->args[0], &a) < 0)
			return false;
		*simulated = vk_image_capable(i, a);
		vk_explain_capability(layers, r->n, a, why);
		return true;
	case VT_PTRACE:
	case VT_SIGNAL:
		a = strcmp(row->args[0], "own") == 0 ? VK_SCOPE_OWN : VK_SCOPE_ALL;
		*simulated = row->op == VT_PTRACE ?
				     scope_outcome(i->ptrace_scope, i->ptrace_audit, a) :
				     scope_outcome(i->signal_scope, i->signal_audit, a);
		vk_explain_scope(layers, r->n, row->op == VT_PTRACE, a, why);
		return true;
	default:
		*simulated = switch_outcome(i, switch_of(row->op));
		vk_explain_switch(layers, r->n, switch_of(row->op), why);
		return true;
	}
}

static int check_row(const struct vt_row *row, void *data)
{
	enum vt_verdict simulated, explained;
	enum vk_outcome outcome = VK_ALLOWED;
	struct vk_reason why = {0};
	struct run *r = data;

	r->rows++;
	if (!prepare(r, row))
		return 0;
	if (path_rights[row->op]) {
		simulated = simulate_path(r->img, row);
		explained = explain_paths(r, row);
	} else if (judge_other(r, row, &outcome, &why)) {
		simulated = verdict_of(outcome);
		explained = verdict_of(why.policy ? why.outcome : VK_ALLOWED);
	} else {
		FAIL("%s:%u: unknown word in '%s'", row->file, row->line, row->text);
		return 0;
	}
	if (simulated != row->want)
		FAIL("%s:%u: %s: the image says %s", row->file, row->line, row->text,
		     vt_verdict_word(simulated));
	if (explained != row->want)
		FAIL("%s:%u: %s: the models say %s (%s)", row->file, row->line, row->text,
		     vt_verdict_word(explained), why.text);
	return 0;
}

static void run_table(const char *path, size_t least)
{
	struct run r = {0};

	CHECK_EQ(vt_read(path, check_row, &r), 0);
	run_reset(&r);
	tap_diag("%s: %zu rows", path, r.rows);
	CHECK_GE(r.rows, least);
}

/* Paths are those of the source tree, where the tests run. */
#define TABLE(ident, least)                                                                        \
	TEST(ident)                                                                                \
	{                                                                                          \
		run_table("tests/verdicts/" #ident ".txt", least);                                 \
	}

TABLE(files, 140)
TABLE(layers, 40)
TABLE(exec, 30)
TABLE(network, 80)
TABLE(kernel, 80)
