/* SPDX-License-Identifier: Apache-2.0 */
/* A function that is not inlined for each of 128 bytes: what a call and a return cost. */
#include "bench.h"

static noinline u32 step(u32 h, u32 c)
{
	h ^= c;
	return h * 0x01000193 + (h >> 24);
}

PROGRAM(calls, 128)
{
	u32 h = 0x811c9dc5;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 128; i++)
		h = step(h, p[i]);
	return h;
}
