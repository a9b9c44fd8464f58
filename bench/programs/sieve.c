/* SPDX-License-Identifier: Apache-2.0 */
/* The sieve of Eratosthenes up to 256 on the stack: byte stores at growing steps. */
#include "bench.h"

PROGRAM(sieve, 64)
{
	u8 composite[256];
	u32 count = 0, h = load32(p);
	for (u32 i = 0; i < 256; i += 8)
		*(u64 *)(composite + i) = 0;
#pragma clang loop unroll(disable)
	for (u32 i = 2; i < 16; i++)
#pragma clang loop unroll(disable)
		for (u32 k = i * i; k < 256; k += i)
			composite[k & 255] = 1;
#pragma clang loop unroll(disable)
	for (u32 i = 2; i < 256; i++)
		if (!composite[i]) {
			count++;
			h = h * 31 + i;
		}
	return h ^ count;
}
