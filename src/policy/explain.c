// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * explain.c - which rule decides about a path.
 *
 * Answers come from the models by the reference matcher, not from the image, so that an answer
 * does not repeat a mistake of the compiler: the tests demand that both agree.
 */
#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"

static const char *const section_names[VK_SECTION_COUNT] = {"files", "exec", "network", "mounts"};
static const char *const action_names[] = {"allow", "deny", "audit"};

const char *vk_action_name(enum vk_action action)
{
	return (unsigned int)action < 3 ? action_names[action] : "?";
}

/* A denial, a report, an allow rule, nothing: the first of the best kind is kept. */
static int weight(const struct vk_reason *r)
{
	if (!r->policy)
		return 0;
	return r->outcome == VK_DENIED ? 3 : r->outcome == VK_AUDITED ? 2 : 1;
}

void vk_reason_take(struct vk_reason *best, const struct vk_component *c, struct vk_reason *next)
{
	if (!next->policy)
		return;
	/* What an audit layer denies is let through and reported. */
	if (next->outcome == VK_DENIED && c->mode == VK_MODE_AUDIT)
		next->outcome = VK_AUDITED;
	next->layer = c->layer;
	if (weight(next) > weight(best))
		*best = *next;
}

static void path_text(const struct vk_path_rule *rule, char *out, size_t size)
{
	char rights[192];

	vk_rights_text(rule->rights, rights, sizeof(rights));
	snprintf(out, size, "%s [%s] %s", vk_action_name(rule->action), rights, rule->glob);
}

static void path_default(const struct vk_component *c, uint32_t right, bool foreign,
			 struct vk_reason *ret)
{
	const struct vk_policy *p = c->policy;
	enum vk_section s = vk_policy_governs(p, right);

	ret->policy = p;
	ret->outcome = VK_DENIED;
	if (foreign && c->def & right) {
		ret->pos = p->foreign_pos;
		snprintf(ret->text, sizeof(ret->text), "files: {foreign: deny}");
		return;
	}
	ret->pos = p->sections[s].pos;
	snprintf(ret->text, sizeof(ret->text), "default of %s: deny", section_names[s]);
}

/* What one component says about one right. */
static struct vk_reason explain_one(const struct vk_component *c, const char *name, uint32_t right,
				    bool foreign)
{
	const struct vk_policy *p = c->policy;
	const struct vk_path_rule *found[3] = {NULL};
	uint32_t def = foreign ? c->def_foreign : c->def;
	struct vk_reason ret = {0};

	for (size_t i = 0; i < p->n_paths; i++) {
		const struct vk_path_rule *rule = &p->paths[i];

		if ((unsigned int)rule->action < 3 && rule->rights & right &&
		    !found[rule->action] && vk_glob_match(rule->glob, name))
			found[rule->action] = rule;
	}
	if (foreign)
		found[VK_ACTION_ALLOW] = NULL;
	const struct vk_path_rule *rule = found[VK_ACTION_DENY];

	ret.outcome = VK_DENIED;
	if (!rule && !(def & right) && !found[VK_ACTION_ALLOW]) {
		path_default(c, right, foreign, &ret);
		return ret;
	}
	if (!rule) {
		rule = found[VK_ACTION_AUDIT];
		ret.outcome = VK_AUDITED;
	}
	if (!rule) {
		rule = found[VK_ACTION_ALLOW];
		ret.outcome = VK_ALLOWED;
	}
	if (!rule)
		return (struct vk_reason){0};
	ret.policy = p;
	ret.pos = rule->pos;
	path_text(rule, ret.text, sizeof(ret.text));
	return ret;
}

void vk_explain_path(const struct vk_policy *const *layers, size_t n, const char *name,
		     uint32_t right, bool foreign, struct vk_reason *ret)
{
	struct vk_components comps;

	memset(ret, 0, sizeof(*ret));
	(void)vk_components_fill(layers, n, &comps, NULL);
	for (size_t i = 0; i < comps.n; i++) {
		struct vk_reason one = explain_one(&comps.c[i], name, right, foreign);

		vk_reason_take(ret, &comps.c[i], &one);
	}
}
