/* SPDX-License-Identifier: Apache-2.0 */
/* MurmurHash3, 32 bits, over 256 bytes: rotations and multiplications. */
#include "bench.h"

PROGRAM(murmur, 256)
{
	u32 h = 42;
	for (int i = 0; i < 256; i += 4) {
		u32 k = load32(p + i) * 0xcc9e2d51;
		h ^= rotl32(k, 15) * 0x1b873593;
		h = rotl32(h, 13) * 5 + 0xe6546b64;
	}
	h ^= 256;
	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}
