// SPDX-License-Identifier: Apache-2.0
// Many map lookups: counters of every kind per packet, and a linear access list.
#include "common.h"

#define COUNTER(name, kind, keytype, n) \
	struct { \
		__uint(type, kind); \
		__uint(max_entries, n); \
		__type(key, keytype); \
		__type(value, u64); \
	} name SEC(".maps")

COUNTER(by_queue, BPF_MAP_TYPE_ARRAY, u32, 64);
COUNTER(by_if, BPF_MAP_TYPE_ARRAY, u32, 64);
COUNTER(by_len, BPF_MAP_TYPE_PERCPU_ARRAY, u32, 32);
COUNTER(by_type, BPF_MAP_TYPE_HASH, u16, 256);
COUNTER(by_src, BPF_MAP_TYPE_LRU_HASH, u32, 1024);
COUNTER(by_dst, BPF_MAP_TYPE_LRU_HASH, u32, 1024);
COUNTER(by_proto, BPF_MAP_TYPE_PERCPU_HASH, u8, 256);
COUNTER(by_port, BPF_MAP_TYPE_LRU_PERCPU_HASH, u16, 1024);

#define BUMP(map, k) ({ \
	__typeof__(k) _k = (k); \
	u64 *_v = bpf_map_lookup_elem(&map, &_k), _one = 1; \
	if (_v) \
		*_v += 1; \
	else \
		bpf_map_update_elem(&map, &_k, &_one, BPF_ANY); })

SEC("xdp")
int counters(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);
	struct l4 *l4 = (void *)(ip + 1);

	BUMP(by_queue, ctx->rx_queue_index);
	BUMP(by_if, ctx->ingress_ifindex);
	BUMP(by_len, (u32)(end - data) >> 6);
	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	BUMP(by_type, eth->type);
	if (eth->type != ETH_IP4 || (void *)(ip + 1) > end)
		return XDP_PASS;
	BUMP(by_src, ip->src);
	BUMP(by_dst, ip->dst);
	BUMP(by_proto, ip->proto);
	if (ip->vihl != 0x45 || (void *)(l4 + 1) > end)
		return XDP_PASS;
	BUMP(by_port, l4->sport);
	BUMP(by_port, l4->dport);
	return XDP_PASS;
}

struct rule {
	u32 src, src_mask, dst, dst_mask;
	u16 low, high;
	u8 proto, action, used, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 96);
	__type(key, u32);
	__type(value, struct rule);
} rules SEC(".maps");

SEC("xdp")
int acl(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);
	struct l4 *l4 = (void *)(ip + 1);

	if ((void *)(l4 + 1) > end || eth->type != ETH_IP4 || ip->vihl != 0x45)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 96; i++) {
		u32 key = i;
		struct rule *r = bpf_map_lookup_elem(&rules, &key);

		if (!r || !r->used)
			break;
		if ((ip->src & r->src_mask) != r->src || (ip->dst & r->dst_mask) != r->dst)
			continue;
		if (r->proto && r->proto != ip->proto)
			continue;
		if (r->low && (bpf_ntohs(l4->dport) < r->low || bpf_ntohs(l4->dport) > r->high))
			continue;
		switch (r->action) {
		case 0: return XDP_DROP;
		case 1: return XDP_PASS;
		case 2: return XDP_TX;
		}
	}
	return XDP_DROP;
}

NOT_GPL;
