/* SPDX-License-Identifier: Apache-2.0 */
/* Adler-32 of 256 bytes with a division every 16: sums that depend on each other. */
#include "bench.h"

PROGRAM(adler, 256)
{
	u32 a = 1, b = 0;
	for (int i = 0; i < 256; i += 16) {
		for (int k = 0; k < 16; k++) {
			a += p[i + k];
			b += a;
		}
		a %= 65521;
		b %= 65521;
	}
	return b << 16 | a;
}
