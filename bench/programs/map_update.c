/* SPDX-License-Identifier: Apache-2.0 */
/* Writes 16 values into a hash map, reads them back and deletes half of them. */
#include "maps.h"

MAP(values, HASH, 256, u32, u64);

PROGRAM(map_update, 64)
{
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		u32 key = p[i];
		u64 value = load16(p + 2 * i);
		if (bpf_map_update_elem(&values, &key, &value, BPF_ANY))
			return 1;
		u64 *v = bpf_map_lookup_elem(&values, &key);
		if (v)
			sum = sum * 3 + (u32)*v;
		if (i & 1)
			bpf_map_delete_elem(&values, &key);
	}
	return sum;
}
