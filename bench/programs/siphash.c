/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 over 128 bytes: 64-bit additions, rotations and xors. */
#include "bench.h"

#define ROUND                                                                                      \
	do {                                                                                       \
		a += b; b = rotl64(b, 13) ^ a; a = rotl64(a, 32);                                  \
		c += d; d = rotl64(d, 16) ^ c;                                                     \
		a += d; d = rotl64(d, 21) ^ a;                                                     \
		c += b; b = rotl64(b, 17) ^ c; c = rotl64(c, 32);                                  \
	} while (0)

PROGRAM(siphash, 128)
{
	u64 a = 0x736f6d6570736575 ^ 0x0706050403020100, b = 0x646f72616e646f6d ^ 0x0f0e0d0c0b0a0908;
	u64 c = 0x6c7967656e657261 ^ 0x0706050403020100, d = 0x7465646279746573 ^ 0x0f0e0d0c0b0a0908;
	for (int i = 0; i < 128; i += 8) {
		u64 m = load64(p + i);
		d ^= m;
		ROUND;
		ROUND;
		a ^= m;
	}
	u64 last = 128ull << 56;
	d ^= last;
	ROUND;
	ROUND;
	a ^= last;
	c ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	ROUND;
	return fold64(a ^ b ^ c ^ d);
}
