/* SPDX-License-Identifier: Apache-2.0 */
/* Bitonic sort of 32 numbers on the stack: a fixed network of compares and exchanges. */
#include "bench.h"

PROGRAM(bitonic, 128)
{
	u32 a[32], h = 0;
	for (int i = 0; i < 32; i++)
		a[i] = load32(p + 4 * i);
#pragma clang loop unroll(disable)
	for (u32 size = 2; size <= 32; size <<= 1)
#pragma clang loop unroll(disable)
		for (u32 step = size >> 1; step > 0; step >>= 1)
#pragma clang loop unroll(disable)
			for (u32 i = 0; i < 32; i++) {
				u32 k = (i ^ step) & 31;
				if (k <= i)
					continue;
				u32 x = a[i], y = a[k];
				if ((x > y) == ((i & size) == 0)) {
					a[i] = y;
					a[k] = x;
				}
			}
	for (int i = 0; i < 32; i++)
		h = h * 31 + a[i];
	return h;
}
