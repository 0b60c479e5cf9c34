/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* append.h - a log that may only be appended to, for attacks by calls and by io_uring. */
#ifndef VK_TESTS_ATTACK_APPEND_H
#define VK_TESTS_ATTACK_APPEND_H

#include "attack.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

#define LOG "/tmp/k/log"
#define ON_LOG                                                                                     \
	.against = "append-only logs",                                                             \
	.policy = "files: {default: deny, rules: [{allow: [read, append, ioctl], "                 \
		  "path: /tmp/k/log}]}",                                                           \
	.rule = "test: default of files: deny", .hook = "file_permission", .op = VK_OP_WRITE,      \
	.err = EACCES, .plain = EVERYWHERE, .prepare = log_prepare, .check = log_check

void log_prepare(void);
void log_check(void);
/* Open to append, as the policy permits. */
int log_open(void);
const char *lacks_noappend(void);

#endif
