/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stops the way of CVE-2019-5736: a container that overwrote the container runtime on the host,
 * through /proc/PID/exe of the runtime process that entered it. No file that some process of the
 * instance was ever executed from can be opened for writing, by whatever name; and neither can
 * what was not in the instance's own file systems when it started.
 */
#include <vkernel/policy.h>

VK_NEED(inode);
VK_NEED(path);
VK_NEED(exe);

struct file_id {
	__u64 ino;
	__u64 dev;
};

VK_LRU(executed, struct file_id, __u8, 4096);

#define O_ACCMODE 3

VK_POLICY(bprm_check_security)
{
	struct file_id id = {event->file.ino, event->file.dev};
	__u8 one = 1;

	return vk_update(&executed, &id, &one) ? VK_DENY(EAGAIN) : VK_ALLOW;
}

VK_POLICY(file_open)
{
	struct file_id id = {event->file.ino, event->file.dev};

	if (!(event->file.flags & O_ACCMODE))
		return VK_ALLOW;
	if (event->path_kind == VK_PATH_FOREIGN)
		return VK_DENY(EACCES);
	/* A process that was not executed here: the runtime's own, while it enters. */
	if (event->exe_ino == event->file.ino && event->exe_dev == event->file.dev)
		return VK_DENY(EACCES);
	return vk_lookup(&executed, &id) ? VK_DENY(EACCES) : VK_ALLOW;
}
