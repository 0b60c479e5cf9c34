/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links and renames from one directory to another are denied, with an errno for each. */
#include <vkernel/policy.h>

VK_NEED(path);

#define FROM "/tmp/k/from"
#define TO "/tmp/k/to"

VK_POLICY(path_rename)
{
	if (!vk_path_under(event, FROM) || !vk_name_under(event->new_path, TO))
		return VK_ALLOW;
	/* RENAME_EXCHANGE */
	return event->file.flags & 2 ? VK_DENY(EBUSY) : VK_DENY(EDQUOT);
}

VK_POLICY(path_link)
{
	if (vk_path_is(event, FROM "/file") && vk_name_is(event->new_path, TO "/file") &&
	    event->path_kind == VK_PATH_KNOWN && event->new_path_kind == VK_PATH_KNOWN &&
	    event->path_len == sizeof(FROM "/file") - 1 &&
	    event->new_path_len == sizeof(TO "/file") - 1)
		return VK_DENY(EROFS);
	return VK_ALLOW;
}
