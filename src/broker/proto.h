/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proto.h - what vkerneld and its callers say to each other, over /run/vkernel/broker.sock.
 *
 * The socket keeps messages apart (SOCK_SEQPACKET). Each message is one flat struct, and behind it
 * the bytes of a layer, an image, or elements of a map; all lengths are checked against what was
 * received. All integers are in host byte order. A connection:
 *
 *	vkerneld -> caller	vk_hello	with a number that nobody could know before
 *	caller -> vkerneld	vk_call		with that number; and a pidfd, or none
 *	vkerneld -> caller	vk_answer
 *	...			further calls and answers
 *
 * The kernel adds to each call who sends it. As the number is new, the call was sent after
 * vkerneld had opened a pidfd of the process that connected; as that process is still alive when
 * the call is read, it is the one that the kernel names.
 */
#ifndef VK_BROKER_PROTO_H
#define VK_BROKER_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define VK_BROKER_SOCKET "/run/vkernel/broker.sock"
#define VK_BROKER_MAGIC 0x4442564bu /* "KVBD" */
#define VK_BROKER_VERSION 1
#define VK_BROKER_TEXT_MAX (64u << 10)
#define VK_BROKER_IMAGE_MAX (128u << 10) /* what a socket's default buffer holds */
#define VK_BROKER_LAYERS 8
#define VK_BROKER_PROGRAMS 16
#define VK_BROKER_DATA_MAX (32u << 10) /* behind an answer */
#define VK_BROKER_KEY_MAX 64
#define VK_BROKER_VALUE_MAX 4096

enum vk_broker_op {
	VK_BROKER_LIST = 1, /* what the caller's instance has, and may have */
	VK_BROKER_PUSH = 2, /* the text, onto @name or the own instance */
	VK_BROKER_POP = 3, /* the last layer that this user pushed there */
	VK_BROKER_CHILD = 4, /* an instance below, with the text; who is to go there follows */
	VK_BROKER_REMOVE = 5, /* an empty instance below that a member has made */
	VK_BROKER_PROGRAM_PUSH = 16, /* the image of a policy program, as PUSH */
	VK_BROKER_PROGRAM_POP = 17, /* the user's program that the text names, or the last one */
	VK_BROKER_MAPS = 18, /* the maps of the user's program: struct vk_program_map each */
	VK_BROKER_MAP_GET = 19, /* the value of a key */
	VK_BROKER_MAP_DUMP = 20, /* keys and values behind a key, or from the first one on */
	VK_BROKER_MAP_SET = 21,
	VK_BROKER_MAP_DELETE = 22,
};

enum vk_broker_flag {
	VK_BROKER_AT_EXEC = 1u << 0, /* CHILD: not now, but at the next exec */
	VK_BROKER_AUDIT = 1u << 1, /* PROGRAM_PUSH: its denials are only reported */
	VK_BROKER_REPLACE = 1u << 2, /* PROGRAM_PUSH: in the place of one's own of that name */
};

struct vk_hello {
	uint32_t magic;
	uint16_t version;
	uint16_t size;
	uint64_t number;
};
_Static_assert(sizeof(struct vk_hello) == 16, "vk_hello is ABI");

/**
 * struct vk_call - a request
 * @magic, @version: as above
 * @op:       enum vk_broker_op
 * @size:     of the whole message
 * @flags:    enum vk_broker_flag
 * @number:   of the hello
 * @name:     NUL-terminated, zeros behind; an instance below the caller's, or "". CHILD: a label
 * @text_len: bytes of the layer or image, which follow
 * @zero:     0
 */
struct vk_call {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint32_t size;
	uint32_t flags;
	uint64_t number;
	char name[72];
	uint32_t text_len;
	uint32_t zero;
};
_Static_assert(sizeof(struct vk_call) == 104, "vk_call is ABI");

/**
 * struct vk_map_call - the text of MAPS and MAP_*; the bytes of a key and of a value follow
 * @program:   NUL-terminated, zeros behind
 * @map:       the same; MAPS: ""
 * @key_len:   MAPS: 0; DUMP: that of a key, or 0
 * @value_len: SET: that of a value; others: 0
 */
struct vk_map_call {
	char program[32];
	char map[16];
	uint32_t key_len;
	uint32_t value_len;
};
_Static_assert(sizeof(struct vk_map_call) == 56, "vk_map_call is ABI");

/**
 * struct vk_answer - the answer
 * @status:   0, or a negative errno; -EAGAIN: try again later
 * @line, @column: of a mistake in the layer, 1-based; 0: none
 * @name:     of the caller's instance; CHILD: of the new one
 * @message:  what is wrong
 * @advice:   and what to do about it
 * @depth, @given, @n_pushed, @may_push, @may_make, @poppable, @pushed, @bytes, @n_programs,
 * @may_push_programs, @programs: LIST, see push.h
 * @data_len: bytes that follow: MAPS and MAP_*
 * @zero:     0
 */
struct vk_answer {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint32_t size;
	int32_t status;
	uint32_t line;
	uint32_t column;
	char name[72];
	char message[512];
	char advice[512];
	uint32_t depth;
	uint32_t given;
	uint32_t n_pushed;
	uint32_t may_push;
	uint32_t may_make;
	uint32_t poppable;
	uint32_t pushed[VK_BROKER_LAYERS];
	uint32_t bytes[VK_BROKER_LAYERS];
	uint32_t n_programs;
	uint32_t may_push_programs;
	char programs[VK_BROKER_PROGRAMS][32];
	uint32_t data_len;
	uint32_t zero;
};
_Static_assert(sizeof(struct vk_answer) == 1736, "vk_answer is ABI");

/* Checks a message as it was received. @ret points into it. -EBADMSG, with the error filled;
 * -EPROTO: another version. Pure. */
int vk_call_parse(const void *buf, size_t len, uint64_t number, const struct vk_call **ret,
		  const char **ret_text, struct vk_error *e);
/* The caller's side: checks hello and answer. */
int vk_hello_check(const void *buf, size_t len, uint64_t *ret_number, struct vk_error *e);
int vk_answer_check(const void *buf, size_t len, uint16_t op, struct vk_error *e);
/* The caller's side: fills a call; the text is appended by who sends it. -EINVAL: the name does
 * not fit. */
int vk_call_fill(struct vk_call *ret, uint64_t number, uint16_t op, uint32_t flags,
		 const char *name, size_t text_len, struct vk_error *e);
/* Whether the operation is about maps: its text is a struct vk_map_call. */
bool vk_op_is_map(uint16_t op);
/* An answer from a status and its error. */
void vk_answer_fill(struct vk_answer *ret, uint16_t op, int status, const struct vk_error *e);

#endif
