/* SPDX-License-Identifier: Apache-2.0 */
/* Functions five deep, 16 times: frames, saved registers and arguments. */
#include "bench.h"

static noinline u64 five(u64 a, u64 b) { return a * 31 ^ b >> 7; }
static noinline u64 four(u64 a, u64 b) { return five(a + b, b) + five(b, a) * 3; }
static noinline u64 three(u64 a, u64 b) { return four(a ^ 0x55, b) - b + four(b, a); }
static noinline u64 two(u64 a, u64 b) { return three(a, b + 1) ^ a; }
static noinline u64 one(u64 a, u64 b) { return two(b, a) + two(a, b) + a; }

PROGRAM(nested, 128)
{
	u64 h = 1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 128; i += 8)
		h = one(h, load64(p + i));
	return fold64(h);
}
