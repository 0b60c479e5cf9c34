/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sha256.h - SHA-256 (FIPS 180-4), to name images by their contents. */
#ifndef VK_SHA256_H
#define VK_SHA256_H

#include <stddef.h>
#include <stdint.h>

void vk_sha256(const void *data, size_t len, uint8_t ret[32]);
/* 64 hexadecimal digits and a NUL. */
void vk_sha256_hex(const uint8_t hash[32], char ret[65]);

#endif
