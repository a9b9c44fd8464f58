/* SPDX-License-Identifier: Apache-2.0 */
/* Reads decimal numbers out of 192 bytes of text: a hand-written parser, mostly branches. */
#include "bench.h"

PROGRAM(numbers, 192)
{
	u32 value = 0, sum = 0, count = 0, in = 0, negative = 0;
	for (int i = 0; i < 192; i++) {
		u32 c = p[i];
		if (c >= '0' && c <= '9') {
			value = value * 10 + (c - '0');
			in = 1;
			continue;
		}
		if (in) {
			sum += negative ? -value : value;
			count++;
		}
		value = in = 0;
		negative = c == '-';
	}
	return sum ^ count << 24;
}
