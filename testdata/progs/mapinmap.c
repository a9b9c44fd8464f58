// SPDX-License-Identifier: Apache-2.0
// Arrays and hashes of maps, filled by the object itself.
#include "common.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct inner_hash {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} hash_a SEC(".maps"), hash_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, u32);
	__array(values, struct inner);
} arrays SEC(".maps") = {
	.values = {[0] = &inner_a, [2] = &inner_b},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inner_hash);
} hashes SEC(".maps") = {
	.values = {[6] = &hash_a, [17] = &hash_b},
};

SEC("xdp")
int outer(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 len = end - data, slot = len & 3, proto = 0, peer = 0;
	u64 *n, one = 1;
	void *m;

	m = bpf_map_lookup_elem(&arrays, &slot);
	if (m) {
		u32 i = len >> 2 & 7;

		n = bpf_map_lookup_elem(m, &i);
		if (!n)
			return XDP_ABORTED;
		*n += len;
	}
	if (data + 34 <= end) {
		proto = data[23];
		peer = *(u32 *)(data + 30);
	}
	m = bpf_map_lookup_elem(&hashes, &proto);
	if (!m)
		return XDP_DROP;
	n = bpf_map_lookup_elem(m, &peer);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(m, &peer, &one, BPF_ANY);
	return XDP_PASS;
}

NOT_GPL;
