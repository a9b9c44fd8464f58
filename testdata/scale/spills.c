// SPDX-License-Identifier: Apache-2.0
// More live values than registers, kept on the stack across calls, pointers among them.
#include "common.h"

struct row {
	u64 v[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct row);
} rows SEC(".maps");

SEC("xdp")
int join(struct xdp_md *ctx)
{
	u32 k[8], hits = 0;
	struct row *r[8];
	u64 sum = 0;

#pragma clang loop unroll(full)
	for (int i = 0; i < 8; i++) {
		k[i] = ctx->rx_queue_index * 8 + i;
		r[i] = bpf_map_lookup_elem(&rows, &k[i]);
	}
#pragma clang loop unroll(full)
	for (int i = 0; i < 8; i++)
		if (r[i])
			hits++;
	if (hits < 2)
		return XDP_DROP;
#pragma clang loop unroll(full)
	for (int i = 0; i < 7; i++) {
		if (!r[i] || !r[i + 1])
			continue;
#pragma clang loop unroll(disable)
		for (int j = 0; j < 16; j++)
			sum += r[i]->v[j] * r[i + 1]->v[15 - j];
	}
	return sum & 1 ? XDP_PASS : XDP_TX;
}

SEC("xdp")
int window(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 min = ~0, max = 0, sum = 0, last = 0, up = 0, down = 0, same = 0, odd = 0, big = 0;
	u8 ring[32] = {};

#pragma clang loop unroll(disable)
	for (int i = 0; i < 96; i++) {
		u32 c;

		if (p + 1 > end)
			break;
		c = *p++;
		sum += c - ring[i & 31];
		ring[i & 31] = c;
		min &= c;
		max |= c;
		up += (c - last) >> 31;
		down += (last - c) >> 31;
		same += (c ^ last) & 1;
		odd += c & 1;
		big += c >> 7;
		last = c;
	}
	return (max - min ^ up - down ^ same ^ odd ^ big ^ sum) & 3;
}

NOT_GPL;
