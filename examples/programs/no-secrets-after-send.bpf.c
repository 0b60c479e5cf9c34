/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets are for start-up: once the instance has sent anything to the network, files below
 * /run/secrets and /var/run/secrets cannot be opened any more. So what takes over a server by its
 * socket finds them closed.
 */
#include <vkernel/policy.h>

VK_NEED(path);

#define AF_INET 2
#define AF_INET6 10

__u32 has_sent;

VK_POLICY(socket_sendmsg)
{
	if (event->net.family == AF_INET || event->net.family == AF_INET6)
		has_sent = 1;
	return VK_ALLOW;
}

VK_POLICY(file_open)
{
	if (has_sent &&
	    (vk_path_under(event, "/run/secrets") || vk_path_under(event, "/var/run/secrets")))
		return VK_DENY(EACCES);
	return VK_ALLOW;
}
