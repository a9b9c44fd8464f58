/* SPDX-License-Identifier: Apache-2.0 */
/* One block of ChaCha20: 32-bit additions, xors and rotations on sixteen words that no machine's registers hold. */
#include "bench.h"

#define QUARTER(a, b, c, d)                                                                        \
	do {                                                                                       \
		a += b; d = rotl32(d ^ a, 16);                                                     \
		c += d; b = rotl32(b ^ c, 12);                                                     \
		a += b; d = rotl32(d ^ a, 8);                                                      \
		c += d; b = rotl32(b ^ c, 7);                                                      \
	} while (0)

PROGRAM(chacha, 64)
{
	u32 x[16], h = 0;
	for (int i = 0; i < 16; i++)
		x[i] = load32(p + 4 * i);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (int i = 0; i < 16; i++)
		h ^= x[i] + load32(p + 4 * i);
	return h;
}
