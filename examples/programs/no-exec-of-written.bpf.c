/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was written since the program was pushed cannot be executed: a dropped binary, a script
 * fetched by an attacker, a replaced tool. Files are known by device and inode number, so another
 * name, a link or a mount does not help.
 */
#include <vkernel/policy.h>

VK_NEED(inode);

struct file_id {
	__u64 ino;
	__u64 dev;
};

VK_HASH(written, struct file_id, __u8, 8192);

#define O_ACCMODE 3
#define PROT_EXEC 4

VK_INLINE bool was_written(const struct vk_event *event)
{
	struct file_id id = {event->file.ino, event->file.dev};

	return vk_lookup(&written, &id) != NULL;
}

VK_POLICY(file_open)
{
	struct file_id id = {event->file.ino, event->file.dev};
	__u8 one = 1;

	if (!(event->file.flags & O_ACCMODE))
		return VK_ALLOW;
	/* A full map must not mean that the next file can be executed. */
	return vk_update(&written, &id, &one) ? VK_DENY(EDQUOT) : VK_ALLOW;
}

VK_POLICY(path_truncate)
{
	struct file_id id = {event->file.ino, event->file.dev};
	__u8 one = 1;

	return vk_update(&written, &id, &one) ? VK_DENY(EDQUOT) : VK_ALLOW;
}

VK_POLICY(bprm_check_security)
{
	return was_written(event) ? VK_DENY(EACCES) : VK_ALLOW;
}

/* Nor loaded as a library, or by an interpreter of ELF files. */
VK_POLICY(mmap_file)
{
	return event->file.prot & PROT_EXEC && was_written(event) ? VK_DENY(EACCES) : VK_ALLOW;
}
