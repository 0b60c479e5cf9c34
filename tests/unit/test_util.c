/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 on the vectors of FIPS 180-4, and around the ends of its blocks. */
#include <stdlib.h>

#include "sha256.h"
#include "tap.h"

static void check_hash(const char *data, size_t len, const char *want)
{
	uint8_t hash[32];
	char hex[65];

	vk_sha256(data, len, hash);
	vk_sha256_hex(hash, hex);
	CHECK_STREQ(hex, want);
}

TEST(sha256_vectors)
{
	static char a[64];

	memset(a, 'a', sizeof(a));
	check_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		   "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_hash(a, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	check_hash(a, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}
