/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the set bits of 32 words of 64 bits with shifts and masks: wide constants and dependent arithmetic. */
#include "bench.h"

PROGRAM(bits, 256)
{
	u32 sum = 0;
	for (int i = 0; i < 256; i += 8) {
		u64 x = load64(p + i);
		x -= x >> 1 & 0x5555555555555555;
		x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
		x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
		sum = sum * 3 + (u32)(x * 0x0101010101010101 >> 56);
	}
	return sum;
}
