/* SPDX-License-Identifier: Apache-2.0 */
/* The product of two 8 by 8 matrices of 32-bit numbers: multiplications and loads from the stack. */
#include "bench.h"

PROGRAM(matmul, 256)
{
	u32 b[8][8], h = 0;
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 8; k++)
			b[i][k] = load32(p + 4 * (k * 8 + i)) >> 3;
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 8; k++) {
			u32 sum = 0;
			for (int j = 0; j < 8; j++)
				sum += load32(p + 4 * (i * 8 + j)) * b[j][k];
			h = h * 31 + sum;
		}
	return h;
}
