/* SPDX-License-Identifier: Apache-2.0 */
/* A table of flows: looks 32 keys of 8 bytes up, adds to the value, and puts in what is missing. */
#include "maps.h"

MAP(flows, HASH, 1024, u64, u64);

PROGRAM(map_hash, 64)
{
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i += 2) {
		u64 key = load16(p + i) * 0x9e3779b97f4a7c15, one = 1;
		u64 *n = bpf_map_lookup_elem(&flows, &key);
		if (n)
			*n += 1;
		else
			bpf_map_update_elem(&flows, &key, &one, BPF_ANY);
		sum = sum * 3 + (u32)key;
	}
	return sum;
}
