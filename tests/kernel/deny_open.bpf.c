/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two files cannot be opened, with an errno that no rule has. */
#include <vkernel/policy.h>

VK_NEED(path);

VK_POLICY(file_open)
{
	if (vk_path_is(event, "/tmp/broker-test/a") || vk_path_is(event, "/program"))
		return VK_DENY(EDQUOT);
	return VK_ALLOW;
}
