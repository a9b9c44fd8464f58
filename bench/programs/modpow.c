/* SPDX-License-Identifier: Apache-2.0 */
/* Powers modulo a number from the input: 64-bit remainders in a chain. */
#include "bench.h"

PROGRAM(modpow, 64)
{
	u64 m = load32(p) | 0x80000001, base = load32(p + 4), r = 1;
	u32 e = load32(p + 8);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++) {
		if (e & 1)
			r = r * base % m;
		base = base * base % m;
		e >>= 1;
	}
	return (u32)r;
}
