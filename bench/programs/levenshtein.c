/* SPDX-License-Identifier: Apache-2.0 */
/* The edit distance of two strings of 8 bytes: a row on the stack and the least of three numbers, over and over. */
#include "bench.h"

PROGRAM(levenshtein, 32)
{
	u32 row[9];
	for (u32 k = 0; k <= 8; k++)
		row[k] = k;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++) {
		u32 diagonal = i, left = i + 1;
		u32 c = p[i] & 3;
#pragma clang loop unroll(disable)
		for (u32 k = 1; k <= 8; k++) {
			u32 above = row[k], least = diagonal + (c != (p[7 + k] & 3));
			if (above + 1 < least)
				least = above + 1;
			if (left + 1 < least)
				least = left + 1;
			diagonal = above;
			row[k] = left = least;
		}
	}
	return row[8];
}
