// SPDX-License-Identifier: Apache-2.0
// Packet data: what is not compared with data_end may not be there. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} offset SEC(".maps");

SEC("xdp")
int packet_unchecked(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct eth *eth = data;

	return eth->type == ETH_IP4 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_unchecked_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	return eth->type == ETH_IP4 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_off_by_one(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 23 > end)
		return XDP_DROP;
	return data[23] == 6 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_off_by_one_fixed(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 24 > end)
		return XDP_DROP;
	return data[23] == 6 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_other_header(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = data + sizeof(*eth);

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->type != ETH_IP4)
		return XDP_PASS;
	return ip->dst == bpf_htonl(0x7f000001) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int packet_other_header_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	if (eth->type != ETH_IP4)
		return XDP_PASS;
	return ip->dst == bpf_htonl(0x7f000001) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int packet_moved(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, -8))
		return XDP_DROP;
	eth->type = ETH_IP4;
	return XDP_TX;
}

SEC("xdp")
int packet_moved_fixed(struct xdp_md *ctx)
{
	void *data, *end;
	struct eth *eth;

	if (bpf_xdp_adjust_head(ctx, -8))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	eth->type = ETH_IP4;
	return XDP_TX;
}

SEC("tc")
int packet_stored(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ip4 *ip = data + sizeof(struct eth);
	u8 ttl = 64;

	if ((void *)(ip + 1) > end)
		return TC_ACT_OK;
	bpf_skb_store_bytes(skb, sizeof(struct eth) + offsetof(struct ip4, ttl), &ttl, 1, 0);
	if (ip->proto == 17)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int packet_stored_fixed(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ip4 *ip = data + sizeof(struct eth);
	u8 ttl = 64, proto;

	if ((void *)(ip + 1) > end)
		return TC_ACT_OK;
	proto = ip->proto;
	bpf_skb_store_bytes(skb, sizeof(struct eth) + offsetof(struct ip4, ttl), &ttl, 1, 0);
	if (proto == 17)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("xdp")
int packet_header_length(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ip4 *ip = data + sizeof(struct eth);
	struct l4 *l4;

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	l4 = (void *)ip + (ip->vihl & 15) * 4;
	return l4->dport == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int packet_header_length_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ip4 *ip = data + sizeof(struct eth);
	struct l4 *l4;

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	l4 = (void *)ip + (ip->vihl & 15) * 4;
	if ((void *)(l4 + 1) > end)
		return XDP_DROP;
	return l4->dport == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int packet_unbounded(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0;
	u64 *off = bpf_map_lookup_elem(&offset, &zero);
	u8 *p;

	if (!off)
		return XDP_DROP;
	p = data + *off;
	if (p + 1 > end)
		return XDP_DROP;
	return *p ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_unbounded_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0;
	u64 *off = bpf_map_lookup_elem(&offset, &zero);
	u8 *p;

	if (!off)
		return XDP_DROP;
	p = data + (*off & 0xfff);
	if (p + 1 > end)
		return XDP_DROP;
	return *p ? XDP_PASS : XDP_DROP;
}

SEC("cgroup_skb/ingress")
int packet_read_only(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ip4 *ip = data;

	if ((void *)(ip + 1) > end)
		return 1;
	ip->tos = 0;
	return 1;
}

SEC("cgroup_skb/ingress")
int packet_read_only_fixed(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ip4 *ip = data;

	if ((void *)(ip + 1) > end)
		return 1;
	return ip->tos == 0;
}

SEC("xdp")
int packet_end_moved(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u8 *last = end - 4;

	asm volatile("" : "+r"(last));
	if (data > last)
		return XDP_DROP;
	return data[3];
}

SEC("xdp")
int packet_end_moved_fixed(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 4 > end)
		return XDP_DROP;
	return data[3];
}

SEC("xdp")
int packet_reversed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;

	if ((void *)(eth + 1) < end)
		return XDP_DROP;
	return eth->type == ETH_IP4 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_reversed_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	return eth->type == ETH_IP4 ? XDP_PASS : XDP_DROP;
}

NOT_GPL;
