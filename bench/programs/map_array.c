/* SPDX-License-Identifier: Apache-2.0 */
/* Counts 64 bytes by their value in an array map: a lookup and an addition each. */
#include "maps.h"

MAP(counts, ARRAY, 256, u32, u64);

PROGRAM(map_array, 64)
{
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		u32 key = p[i];
		u64 *n = bpf_map_lookup_elem(&counts, &key);
		if (!n)
			return 1;
		*n += 1;
		sum = sum * 3 + key;
	}
	return sum;
}
