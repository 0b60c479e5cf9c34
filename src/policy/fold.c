// SPDX-License-Identifier: LGPL-2.1-or-later
/* fold.c - the rights that components give a name, as one verdict. */
#include "dfa.h"

struct vk_verdict vk_fold(const struct vk_components *comps, const struct nfa_masks *m)
{
	struct vk_verdict v = {.allow = VK_R_ALL, .foreign = VK_R_ALL};
	uint32_t report = 0, report_foreign = 0;

	for (size_t c = 0; c < comps->n; c++) {
		const struct vk_component *k = &comps->c[c];
		uint32_t denied = m[c].deny | (~k->def & ~m[c].allow);
		/* An allow rule speaks of the file that the instance started with at this name. */
		uint32_t denied_foreign = m[c].deny | ~k->def_foreign;

		report |= m[c].audit;
		report_foreign |= m[c].audit;
		if (k->mode == VK_MODE_AUDIT) {
			report |= denied;
			report_foreign |= denied_foreign;
		} else {
			v.allow &= ~denied;
			v.foreign &= ~denied_foreign;
		}
	}
	v.audit = report & v.allow;
	v.foreign_audit = report_foreign & v.foreign;
	return v;
}
