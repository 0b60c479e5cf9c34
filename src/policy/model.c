// SPDX-License-Identifier: LGPL-2.1-or-later
/* model.c - the life of a policy in memory. */
#include "model.h"

#include <stdlib.h>

/* Takes NULL and half-built policies. Recursion is bounded by the parser: a chain of sets cannot
 * be longer than the number of sets that one policy may use. */
void vk_policy_free(struct vk_policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_uses; i++)
		vk_policy_free(p->uses[i]);
	for (size_t i = 0; i < p->n_paths; i++)
		free(p->paths[i].glob);
	for (size_t i = 0; i < p->n_mitigates; i++)
		free(p->mitigates[i]);
	free(p->mitigates);
	free(p->uses);
	free(p->paths);
	free(p->inet);
	free(p->sockets);
	free(p->sys.rules);
	free(p->text);
	free(p->file);
	free(p->in_place_of);
	free(p->name);
	free(p);
}
