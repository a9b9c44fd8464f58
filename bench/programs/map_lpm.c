/* SPDX-License-Identifier: Apache-2.0 */
/* Routes 16 addresses through a trie of prefixes, which holds a default route and what the program itself has put in. */
#include "maps.h"

struct prefix {
	u32 len, addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u32);
} routes SEC(".maps");

PROGRAM(map_lpm, 64)
{
	u32 sum = 0;
	struct prefix any = {};
	if (!bpf_map_lookup_elem(&routes, &any)) {
for (u32 i = 0; i <= 24; i += 8) {
			struct prefix k = {i, 0x0000100a};
			u32 v = i;
			bpf_map_update_elem(&routes, &k, &v, BPF_ANY);
		}
	}
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		struct prefix k = {32, (u32)p[i] << 24 | 0x0000100a | (p[i] & 1) << 8};
		u32 *v = bpf_map_lookup_elem(&routes, &k);
		sum = sum * 3 + (v ? *v : 99);
	}
	return sum;
}
