/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What could confuse a set-user-ID program. */
#include <vkernel/policy.h>

VK_POLICY(task_fix_setuid)
{
	return VK_DENY(EPERM);
}
