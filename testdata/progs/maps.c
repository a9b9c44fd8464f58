// SPDX-License-Identifier: Apache-2.0
// Lookup, update and delete on every map type with values, with each update flag; the results
// of each call go back in the context.
#include "arith.h"

#define MAP(name, kind, n, flags) \
	struct { \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, n); \
		__uint(map_flags, flags); \
		__type(key, u32); \
		__type(value, u64); \
	} name SEC(".maps")

MAP(array, ARRAY, 4, 0);
MAP(percpu_array, PERCPU_ARRAY, 4, 0);
MAP(hash, HASH, 4, 0);
MAP(hash_lazy, HASH, 4, BPF_F_NO_PREALLOC);
MAP(percpu_hash, PERCPU_HASH, 4, 0);
MAP(lru_hash, LRU_HASH, 512, 0);
MAP(lru_percpu_hash, LRU_PERCPU_HASH, 512, 0);

#define EXERCISE(prog, map) \
	SEC("syscall") \
	int prog(struct args *x) \
	{ \
		u32 key = x->b; \
		u64 v = x->a, *p; \
		x->out[0] = bpf_map_update_elem(&map, &key, &v, BPF_NOEXIST); \
		p = bpf_map_lookup_elem(&map, &key); \
		x->out[1] = p ? *p : -1; \
		if (p) \
			*p += 5; \
		v = x->a * 3; \
		x->out[2] = bpf_map_update_elem(&map, &key, &v, BPF_NOEXIST); \
		x->out[3] = bpf_map_update_elem(&map, &key, &v, BPF_EXIST); \
		x->out[4] = bpf_map_update_elem(&map, &key, &v, 3); \
		x->out[5] = bpf_map_update_elem(&map, &key, &v, 1 << 8); \
		if (x->a & 1) \
			x->out[6] = bpf_map_delete_elem(&map, &key); \
		x->out[7] = bpf_map_update_elem(&map, &key, &v, BPF_EXIST); \
		p = bpf_map_lookup_elem(&map, &key); \
		x->out[8] = p ? *p : -1; \
		key ^= 0x100; \
		x->out[9] = bpf_map_delete_elem(&map, &key); \
		x->out[10] = bpf_map_update_elem(&map, &key, &v, BPF_ANY); \
		x->out[11] = bpf_map_update_elem(&map, &key, &v, BPF_ANY); \
		return p != 0; \
	}

EXERCISE(in_array, array)
EXERCISE(in_percpu_array, percpu_array)
EXERCISE(in_hash, hash)
EXERCISE(in_hash_lazy, hash_lazy)
EXERCISE(in_percpu_hash, percpu_hash)
EXERCISE(in_lru_hash, lru_hash)
EXERCISE(in_lru_percpu_hash, lru_percpu_hash)

NOT_GPL;
