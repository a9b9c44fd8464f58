/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of decisions for each of 128 bytes: short blocks and branches that no predictor knows. */
#include "bench.h"

PROGRAM(branchy, 128)
{
	u32 a = 1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 128; i++) {
		u32 c = p[i];
		if (c < 64) {
			if (c & 1)
				a += c;
			else
				a ^= a << 3;
		} else if (c < 128) {
			if ((c & 6) == 6)
				a *= 33;
			else if (c & 8)
				a ^= a >> 2;
			else
				a -= c;
		} else if (c < 200) {
			a = a * 5 + c;
		} else if (c & 4) {
			a ^= c << 16;
		} else {
			a += 0x1234567;
		}
	}
	return a;
}
