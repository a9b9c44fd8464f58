/* SPDX-License-Identifier: Apache-2.0 */
/* Collatz steps of a number from the input, at most 200: one unpredictable branch a step. */
#include "bench.h"

PROGRAM(collatz, 64)
{
	u32 n = load32(p) >> 8 | 1;
	u32 steps = 0;
#pragma clang loop unroll(disable)
	for (; steps < 200 && n != 1; steps++) {
		if (n & 1)
			n = n * 3 + 1;
		else
			n >>= 1;
	}
	return steps ^ n;
}
