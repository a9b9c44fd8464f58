/* SPDX-License-Identifier: Apache-2.0 */
/* Binary search of 12 keys among 64 sorted numbers of constant data: six unpredictable steps a key. */
#include "bench.h"

#define ROW(n) (n) * 1021, (n) * 1021 + 257, (n) * 1021 + 400, (n) * 1021 + 801
#define ROWS(n) ROW(n), ROW(n + 1), ROW(n + 2), ROW(n + 3)
static const u32 sorted[64] = {ROWS(0), ROWS(4), ROWS(8), ROWS(12)};

PROGRAM(search, 64)
{
	u32 sum = 0;
	for (int i = 0; i < 24; i += 2) {
		u32 key = load16(p + i) & 0x3fff, at = 0;
		for (u32 step = 32; step > 0; step >>= 1)
			if (sorted[(at + step) & 63] <= key)
				at += step;
		sum = sum * 3 + (at & 63);
	}
	return sum;
}
