/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h - facts about the host, for the rest of the engine. */
#ifndef VK_HOST_H
#define VK_HOST_H

#include "engine.h"
#include "hooks.h"

#define VK_BPFFS "/sys/fs/bpf"

void vk_silence_libbpf(void);
/* "none", "voluntary", "lazy", "full" or "unknown". */
void vk_read_preempt(char *ret, size_t len);

#endif
