/* SPDX-License-Identifier: Apache-2.0 */
/* The greatest common divisors of 16 pairs of 16-bit numbers by Euclid's algorithm: divisions one after the other. */
#include "bench.h"

PROGRAM(gcd, 64)
{
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i += 4) {
		u32 a = load16(p + i) | 1, b = load16(p + i + 2);
#pragma clang loop unroll(disable)
		for (int k = 0; k < 24 && b != 0; k++) {
			u32 r = a % b;
			a = b;
			b = r;
		}
		sum = sum * 3 + a;
	}
	return sum;
}
