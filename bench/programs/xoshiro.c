/* SPDX-License-Identifier: Apache-2.0 */
/* 64 numbers of xoshiro256++: rotations and shifts on four words that fit registers. */
#include "bench.h"

PROGRAM(xoshiro, 64)
{
	u64 a = load64(p) | 1, b = load64(p + 8), c = load64(p + 16), d = load64(p + 24), h = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		h ^= rotl64(a + d, 23) + a;
		u64 t = b << 17;
		c ^= a;
		d ^= b;
		b ^= c;
		a ^= d;
		c ^= t;
		d = rotl64(d, 45);
	}
	return fold64(h);
}
