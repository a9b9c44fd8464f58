/* SPDX-License-Identifier: Apache-2.0 */
/* Insertion sort of 24 numbers of 16 bits on the stack: data-dependent inner loops. */
#include "bench.h"

PROGRAM(insertion, 64)
{
	u16 a[24];
	u32 h = 0;
	for (int i = 0; i < 24; i++)
		a[i] = load16(p + 2 * i);
	for (int i = 1; i < 24; i++) {
		u16 x = a[i];
		int k = i;
		for (; k > 0 && a[k - 1] > x; k--)
			a[k] = a[k - 1];
		a[k] = x;
	}
	for (int i = 0; i < 24; i++)
		h = h * 31 + a[i];
	return h;
}
