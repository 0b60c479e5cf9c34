/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * push.c - what members may change of their own instance, and how far it is checked.
 *
 * Whether something may be pushed is said by layers that root gave, in the rows: a member's text
 * has no part in it. What a process without privilege compiled from that text is held against the
 * image in force: it may deny more, never less. So neither a mistake of the compiler nor a process
 * that was taken over through its parser can loosen anything.
 */
#include "push.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "vkernel.skel.h"

#define COLLECT_AFTER_NS 5000000000ull

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

struct vk_push_limits vk_push_limits_of(struct vk_engine *eng, uint32_t id)
{
	struct vk_push_limits l = {
		.poppable = true, .layers = ~0u, .children = ~0u, .programs = ~0u};

	for (unsigned int i = 0; id && i < VK_MAX_DEPTH; i++, id = eng->rows[id].parent) {
		const struct vk_row_state *s = vk_row_state(eng, id);

		if (!(s->push_flags & VK_ROW_PUSH))
			continue;
		l.any = true;
		l.poppable &= !!(s->push_flags & VK_ROW_POPPABLE);
		l.layers = least(l.layers, s->push_layers);
		l.children = least(l.children, s->push_children);
		l.programs = least(l.programs, s->push_programs);
	}
	if (!l.any)
		l = (struct vk_push_limits){0};
	return l;
}

/* Layers that may be on it: the first one of an instance that a member made is not a push. */
static unsigned int most_pushed(struct vk_engine *eng, uint32_t id)
{
	return vk_push_limits_of(eng, id).layers + eng->rows[id].by_member;
}

uint32_t vk_push_top(struct vk_engine *eng, uint32_t id)
{
	for (unsigned int i = 0; i < VK_MAX_DEPTH && eng->rows[id].parent; i++)
		id = eng->rows[id].parent;
	return id;
}

int vk_member_instance(struct vk_engine *eng, int pidfd, uint32_t *ret_id, uint32_t *ret_top)
{
	struct vk_member m;
	int r = vk_member_get(eng, pidfd, &m);

	if (r == -ESRCH)
		return r;
	if (r < 0 || m.state != VK_MEMBER_ACTIVE || m.vki >= VK_SELFTEST_ID ||
	    !eng->rows[m.vki].used)
		return -EPERM;
	*ret_id = m.vki;
	*ret_top = vk_push_top(eng, m.vki);
	return 0;
}

/* How many instances members made in the tree of @top, and how many there are of a user. */
static unsigned int count_children(struct vk_engine *eng, uint32_t top, uint32_t uid,
				   unsigned int *ret_users)
{
	unsigned int n = 0;

	*ret_users = 0;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const struct vk_row *row = &eng->rows[id];

		if (!row->used || !row->by_member)
			continue;
		n += vk_row_is_below(eng, id, top);
		*ret_users += row->uid == uid;
	}
	return n;
}

static unsigned int count_layers(struct vk_engine *eng, uint32_t uid)
{
	unsigned int n = 0;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const struct vk_row_state *s = vk_row_state(eng, id);

		for (size_t i = 0; eng->rows[id].used && i < s->n_pushed; i++)
			n += s->pushed[i].uid == uid;
	}
	return n;
}

/* Instances of the tree that members made and left. */
static void collect(struct vk_engine *eng, uint32_t top)
{
	_cleanup_free_ uint32_t *count = calloc(2 * VK_INSTANCES, sizeof(*count));
	struct timespec now;

	if (!count || vk_members_count(eng, count, count + VK_INSTANCES, NULL) < 0)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++) {
		const struct vk_row *row = &eng->rows[id];
		uint64_t age = (uint64_t)now.tv_sec * 1000000000u - row->created;

		if (row->used && row->by_member && vk_row_is_below(eng, id, top) && !count[id] &&
		    !count[VK_INSTANCES + id] && (int64_t)age > 0 && age > COLLECT_AFTER_NS)
			vk_instance_remove(eng, row->name, false, NULL);
	}
}

int vk_push_target(struct vk_engine *eng, uint32_t caller, const char *target, uint32_t *ret,
		   struct vk_error *e)
{
	*ret = caller;
	if (!*target)
		return 0;
	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used && strcmp(eng->rows[id].name, target) == 0 &&
		    vk_row_is_below(eng, id, caller)) {
			*ret = id;
			return 0;
		}
	/* The same for one that exists elsewhere: names of others are not to be guessed. */
	return vk_error_set(e, ENOENT, "there is no instance \"%s\" below this one", target);
}

int vk_push_refuse(struct vk_engine *eng, uint32_t id, const char *what, const char *key,
		   struct vk_error *e)
{
	vk_error_set(e, EPERM, "the policies of \"%s\" do not permit members to %s",
		     eng->rows[id].name, what);
	vk_error_advise(e, "whoever wrote them can: push: {%s}", key);
	return -EPERM;
}

/* Users of the host have limits of their own; root of any container is the same user, 0. */
static int check_user(struct vk_engine *eng, const struct vk_request *q, struct vk_error *e)
{
	if (q->uid && count_layers(eng, q->uid) >= VK_PUSH_USER_LAYERS)
		return vk_error_set(e, EDQUOT,
				    "uid %u has pushed %d layers on this host, the limit", q->uid,
				    VK_PUSH_USER_LAYERS);
	return 0;
}

static int plan_push(struct vk_engine *eng, const struct vk_request *q, uint32_t id,
		     struct vk_row_state *next, struct vk_error *e)
{
	unsigned int most = most_pushed(eng, id);

	if (!vk_push_limits_of(eng, id).layers)
		return vk_push_refuse(eng, id, "push layers", "layers: 1", e);
	if (next->n_pushed >= most || next->n_pushed >= VK_MAX_PUSHED)
		return vk_error_set(e, EDQUOT,
				    "members have pushed %u layers onto \"%s\", the limit",
				    next->n_pushed, eng->rows[id].name);
	next->pushed[next->n_pushed].text = VK_TEXT_NEW;
	next->pushed[next->n_pushed++].uid = q->uid;
	return check_user(eng, q, e);
}

static int plan_pop(struct vk_engine *eng, const struct vk_request *q, uint32_t id,
		    struct vk_row_state *next, struct vk_error *e)
{
	size_t first = eng->rows[id].by_member, i = next->n_pushed;

	if (!vk_push_limits_of(eng, id).poppable)
		return vk_push_refuse(eng, id, "pop layers", "poppable: true", e);
	while (i > first && next->pushed[i - 1].uid != q->uid)
		i--;
	if (i <= first)
		return vk_error_set(e, ENOENT, "uid %u has pushed no layer onto \"%s\"", q->uid,
				    eng->rows[id].name);
	memmove(&next->pushed[i - 1], &next->pushed[i],
		(next->n_pushed - i) * sizeof(next->pushed[0]));
	next->n_pushed--;
	return 0;
}

static int plan_child(struct vk_engine *eng, const struct vk_request *q, struct vk_row_state *next,
		      struct vk_plan *p, struct vk_error *e)
{
	static uint32_t serial;
	uint32_t top = vk_push_top(eng, q->caller);
	unsigned int most = vk_push_limits_of(eng, q->caller).children, of_user;

	if (!most)
		return vk_push_refuse(eng, q->caller, "make instances", "children: 1", e);
	if (vk_row_depth(eng, q->caller) >= VK_MAX_DEPTH)
		return vk_error_set(e, ELOOP, "instances can be nested %d deep", VK_MAX_DEPTH);
	if (count_children(eng, top, q->uid, &of_user) >= most)
		collect(eng, top);
	if (count_children(eng, top, q->uid, &of_user) >= most)
		return vk_error_set(e, EDQUOT, "members have made %u instances, the limit", most);
	if (q->uid && of_user >= VK_PUSH_USER_CHILDREN)
		return vk_error_set(e, EDQUOT,
				    "uid %u has made %d instances on this host, the limit", q->uid,
				    VK_PUSH_USER_CHILDREN);
	/* Not a name of the member's choice: it could be one that root is about to use. */
	snprintf(p->name, sizeof(p->name), "%.30s.%.16s%s%08x", eng->rows[q->caller].name,
		 q->target, *q->target ? "-" : "",
		 (eng->bss->vk_next_view * 2654435761u) ^ ++serial);
	next->n_pushed = 1;
	next->pushed[0].text = VK_TEXT_NEW;
	next->pushed[0].uid = q->uid;
	return check_user(eng, q, e);
}

/* Layers of an item and of all above it, as they will be. */
static unsigned int total_layers(const struct vk_plan *p, struct vk_engine *eng,
				 const struct vk_plan_item *item)
{
	unsigned int n = item->state.n_layers + item->state.n_pushed;
	uint32_t up = item->parent;

	for (unsigned int i = 0; up && i < VK_MAX_DEPTH; i++, up = eng->rows[up].parent) {
		const struct vk_row_state *s = vk_row_state(eng, up);

		for (size_t k = 0; k < p->n; k++)
			if (p->items[k].id == up)
				s = &p->items[k].state;
		n += s->n_layers + s->n_pushed;
	}
	return n;
}

int vk_request_plan(struct vk_engine *eng, const struct vk_request *q, struct vk_plan **ret,
		    struct vk_error *e)
{
	vk_cleanup(vk_plan_freep) struct vk_plan *p = calloc(1, sizeof(*p));
	struct vk_row_state next = {0};
	uint32_t id;
	int r;

	if (!p)
		return vk_error_set(e, ENOMEM, "no memory");
	r = vk_push_target(eng, q->caller, q->kind == VK_REQUEST_CHILD ? "" : q->target, &id, e);
	if (r < 0)
		return r;
	if (q->kind != VK_REQUEST_CHILD)
		next = *vk_row_state(eng, id);
	if (q->kind == VK_REQUEST_PUSH)
		r = plan_push(eng, q, id, &next, e);
	else if (q->kind == VK_REQUEST_POP)
		r = plan_pop(eng, q, id, &next, e);
	else
		r = plan_child(eng, q, &next, p, e);
	if (r < 0)
		return r;
	p->by_member = true;
	p->kind = q->kind;
	p->uid = q->uid;
	p->caps_ok = q->uid == 0 || q->kind == VK_REQUEST_CHILD || eng->rows[id].by_member;
	if (q->kind == VK_REQUEST_CHILD)
		r = vk_plan_make(p, eng, 0, q->caller, &next, q->text, q->len, e);
	else
		r = vk_plan_make(p, eng, id, eng->rows[id].parent, &next, q->text, q->len, e);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		if (total_layers(p, eng, &p->items[i]) > VK_MAX_LAYERS)
			r = vk_error_set(e, E2BIG,
					 "an instance has at most %d layers, those of the "
					 "instances above it included",
					 VK_MAX_LAYERS);
	if (r == 0)
		*ret = vk_take_ptr(p);
	return r;
}

void vk_plan_free(struct vk_plan *p)
{
	if (p)
		vk_plan_done(p);
	free(p);
}

int vk_plan_images(struct vk_plan *p, void *buf, size_t size, struct vk_error *e)
{
	size_t used = 0;
	int r = vk_plan_compile(p, e);

	for (size_t i = 0; r == 0 && i < p->n; i++) {
		uint64_t len = p->items[i].img->size, padded = (len + 7) / 8 * 8;

		if (padded + 8 > size - used)
			return vk_error_set(e, E2BIG, "the rules with this layer are too large");
		memcpy((char *)buf + used, &len, 8);
		memcpy((char *)buf + used + 8, p->items[i].img, len);
		used += padded + 8;
	}
	return r < 0 ? r : (int)used;
}

/* ---- what came back ---- */

static int damaged(struct vk_error *e)
{
	return vk_error_set(e, EBADMSG, "what was compiled from the layer cannot be used");
}

/* The image of what root gave to the instance alone; NULL: nothing. */
static int compile_given(const struct vk_plan *p, const struct vk_plan_item *item,
			 struct vk_image **ret, struct vk_error *e)
{
	struct vk_policy *layers[VK_MAX_LAYERS] = {NULL};
	size_t n = 0;
	int r = 0;

	*ret = NULL;
	for (size_t i = 0; r == 0 && i < item->n_chain; i++) {
		const struct vk_plan_text *t = &p->texts[item->chain[i]];

		if (item->owner[i] == item->id && item->uid[i] < 0)
			r = vk_store_parse(t->data, t->len, layers, &n, e);
	}
	if (r == 0 && n)
		r = vk_compile((const struct vk_policy *const *)layers, n, ret, e);
	for (size_t i = 0; i < n; i++)
		vk_policy_free(layers[i]);
	return r;
}

static int check_within(const struct vk_image *img, const struct vk_image *than, struct vk_error *e)
{
	return than && vk_image_within(img, than) < 0 ? damaged(e) : 0;
}

/* The image of the instance above: as it will be, or as it is. */
static int parent_image(const struct vk_plan *p, struct vk_engine *eng, uint32_t parent,
			struct vk_image **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < p->n; i++)
		if (parent && p->items[i].id == parent) {
			*ret = malloc(p->items[i].img->size);
			if (!*ret)
				return -ENOMEM;
			memcpy(*ret, p->items[i].img, p->items[i].img->size);
			return 0;
		}
	return parent ? vk_slot_read(eng, vk_row_slot(vk_row_state(eng, parent)), ret) : 0;
}

/* A push is held against the image in force, so that whatever bound before still does. */
static int check_push(const struct vk_plan *p, struct vk_engine *eng,
		      const struct vk_plan_item *item, struct vk_error *e)
{
	_cleanup_free_ struct vk_image *now = NULL;
	int r = vk_slot_read(eng, (uint32_t)item->seen, &now);

	if (r < 0)
		return vk_error_set(e, EAGAIN, "the instance was changed meanwhile");
	if (!p->caps_ok && item->img->caps_allow != now->caps_allow) {
		vk_error_set(e, EPERM,
			     "only root can push a ceiling of capabilities onto an "
			     "instance that others share");
		vk_error_advise(e, "set-user-ID programs of others rely on them; make an instance "
				   "below: vkernel run");
		return -EPERM;
	}
	return check_within(item->img, now, e);
}

/* After a pop, and for a new instance: what those above say, and what root gave to it. */
static int check_floor(const struct vk_plan *p, struct vk_engine *eng,
		       const struct vk_plan_item *item, struct vk_error *e)
{
	_cleanup_free_ struct vk_image *above = NULL, *given = NULL;
	int r = parent_image(p, eng, item->parent, &above);

	if (r < 0)
		return vk_error_set(e, EAGAIN, "the instance was changed meanwhile");
	r = check_within(item->img, above, e);
	if (r == 0)
		r = compile_given(p, item, &given, e);
	if (r == 0)
		r = check_within(item->img, given, e);
	return r;
}

static int take_image(struct vk_plan *p, struct vk_engine *eng, struct vk_plan_item *item,
		      const void *data, uint64_t len, struct vk_error *e)
{
	uint64_t most = VK_PUSH_IMAGE_MAX;

	if (item->state.image_bytes * 2ull > most)
		most = item->state.image_bytes * 2ull;
	if (len > most)
		return vk_error_set(e, E2BIG,
				    "the rules with this layer take %llu KiB, the limit is "
				    "%llu",
				    (unsigned long long)len / 1024,
				    (unsigned long long)most / 1024);
	free(item->img);
	item->img = malloc(len);
	if (!item->img)
		return vk_error_set(e, ENOMEM, "no memory");
	memcpy(item->img, data, len);
	if (vk_image_validate(item->img, len) < 0 || item->img->size != len)
		return damaged(e);
	vk_plan_confine(item);
	return p->kind == VK_REQUEST_PUSH ? check_push(p, eng, item, e) :
					    check_floor(p, eng, item, e);
}

/* Bytes of all images of the tree, as they will be. */
static int check_tree(const struct vk_plan *p, struct vk_engine *eng, struct vk_error *e)
{
	uint32_t some = p->items[0].id ? p->items[0].id : p->items[0].parent;
	uint32_t top = vk_push_top(eng, some);
	uint64_t bytes = 0;

	for (uint32_t id = 1; id <= eng->bss->vk_top_id; id++)
		if (eng->rows[id].used && vk_row_is_below(eng, id, top))
			bytes += vk_row_state(eng, id)->image_bytes;
	for (size_t i = 0; i < p->n; i++)
		bytes += p->items[i].img->size - (uint64_t)p->items[i].state.image_bytes;
	if (p->kind == VK_REQUEST_POP || bytes <= VK_PUSH_TREE_MAX)
		return 0;
	return vk_error_set(e, EDQUOT,
			    "the rules of the instances below \"%s\" would take more than "
			    "%u MiB",
			    eng->rows[top].name, VK_PUSH_TREE_MAX >> 20);
}

int vk_plan_take(struct vk_plan *p, struct vk_engine *eng, const void *buf, size_t len,
		 struct vk_error *e)
{
	size_t off = 0;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t size;
		int r;

		if (len - off < 8)
			return damaged(e);
		memcpy(&size, (const char *)buf + off, 8);
		off += 8;
		if (size < VK_IMAGE_HEADER || size > len - off)
			return damaged(e);
		r = take_image(p, eng, &p->items[i], (const char *)buf + off, size, e);
		if (r < 0)
			return r;
		off += (size + 7) / 8 * 8;
		if (off > len)
			return damaged(e);
	}
	return check_tree(p, eng, e);
}

int vk_request_commit(struct vk_engine *eng, struct vk_plan *p, uint32_t *ret_id, char name[65],
		      struct vk_error *e)
{
	int r = vk_plan_commit(p, eng, ret_id, e);

	if (r == 0 && p->items[0].seen)
		vk_trim();
	if (r == 0)
		snprintf(name, 65, "%s", eng->rows[p->items[0].id].name);
	return r;
}

/* ---- what a member may know, and remove ---- */

int vk_own_get(struct vk_engine *eng, uint32_t id, struct vk_own *ret, struct vk_error *e)
{
	const struct vk_row_state *s = vk_row_state(eng, id);
	struct vk_push_limits l = vk_push_limits_of(eng, id);
	unsigned int made, of_user, most = most_pushed(eng, id);

	(void)e;
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "%s", eng->rows[id].name);
	ret->depth = vk_row_depth(eng, id);
	ret->given = s->n_layers;
	for (uint32_t up = eng->rows[id].parent, i = 0; up && i < VK_MAX_DEPTH;
	     up = eng->rows[up].parent, i++)
		ret->given += vk_row_state(eng, up)->n_layers + vk_row_state(eng, up)->n_pushed;
	ret->n_pushed = s->n_pushed;
	for (size_t i = 0; i < s->n_pushed; i++) {
		_cleanup_free_ char *text = NULL;
		size_t len = 0;

		ret->pushed[i] = s->pushed[i].uid;
		if (vk_store_get(s->pushed[i].text, &text, &len, NULL) == 0)
			ret->bytes[i] = (uint32_t)len;
	}
	made = count_children(eng, vk_push_top(eng, id), 0, &of_user);
	ret->may_push = s->n_pushed < most ? most - s->n_pushed : 0;
	ret->may_push = least(ret->may_push, VK_MAX_LAYERS - ret->given - ret->n_pushed);
	ret->may_make = made < l.children ? l.children - made : 0;
	ret->poppable = l.poppable;
	vk_programs_own_get(eng, id, ret);
	return 0;
}

int vk_child_remove(struct vk_engine *eng, uint32_t caller, const char *name, struct vk_error *e)
{
	uint32_t id;
	int r = vk_push_target(eng, caller, name, &id, e);

	if (r == 0 && (id == caller || !eng->rows[id].by_member))
		r = vk_error_set(e, EPERM, "no member has made \"%s\"", name);
	return r < 0 ? r : vk_instance_remove(eng, name, false, e);
}
