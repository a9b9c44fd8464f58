// SPDX-License-Identifier: Apache-2.0
// XDP programs that move the ends of the packet: encapsulate, strip a VLAN tag,
// trim, grow, and put metadata in front.
#include "common.h"

SEC("xdp")
int encap(struct xdp_md *ctx)
{
	struct eth old, *eth = (void *)(long)ctx->data;
	struct ip4 *ip;
	u32 sum = 0;
	u16 inner;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	old = *eth;
	inner = ctx->data_end - ctx->data - sizeof(old);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = old;
	eth->type = ETH_IP4;
	*ip = (struct ip4){
		.vihl = 0x45, .ttl = 9, .proto = old.type == ETH_IP6 ? 41 : 4,
		.len = bpf_htons(inner + sizeof(*ip)), .src = bpf_htonl(0x0a000001), .dst = bpf_htonl(0x0a000002),
	};
	for (int i = 0; i < 10; i++)
		sum += ((u16 *)ip)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->sum = ~sum;
	return XDP_TX;
}

SEC("xdp")
int pop_vlan(struct xdp_md *ctx)
{
	struct eth old, *eth = (void *)(long)ctx->data;
	struct vlan *v = (void *)(eth + 1);

	if ((void *)(v + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (eth->type != ETH_VLAN && eth->type != ETH_QINQ)
		return XDP_PASS;
	old = *eth;
	old.type = v->type;
	if (bpf_xdp_adjust_head(ctx, sizeof(*v)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = old;
	return XDP_TX;
}

// head_limits records what adjust_head says to impossible wishes, in the packet.
SEC("xdp")
int head_limits(struct xdp_md *ctx)
{
	s32 r[6], *p;

	r[0] = bpf_xdp_adjust_head(ctx, -4096);
	r[1] = bpf_xdp_adjust_head(ctx, 4096);
	r[2] = bpf_xdp_adjust_head(ctx, ctx->data_end - ctx->data - 13);
	r[3] = bpf_xdp_adjust_head(ctx, -200);
	r[4] = bpf_xdp_adjust_head(ctx, -100);
	r[5] = bpf_xdp_adjust_head(ctx, -24);
	p = (void *)(long)ctx->data;
	if ((void *)(p + 6) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(p, r, sizeof(r));
	return XDP_PASS;
}

SEC("xdp")
int trim(struct xdp_md *ctx)
{
	long n = ctx->data_end - ctx->data;

	if (n > 40 && bpf_xdp_adjust_tail(ctx, 40 - (int)n))
		return XDP_ABORTED;
	if (n <= 20 && bpf_xdp_adjust_tail(ctx, -(int)n) != -22)
		return XDP_ABORTED;
	return n & 1 ? XDP_PASS : XDP_TX;
}

SEC("xdp")
int grow(struct xdp_md *ctx)
{
	long n = ctx->data_end - ctx->data;
	u8 *p;

	if (bpf_xdp_adjust_tail(ctx, 24))
		return XDP_ABORTED;
	p = (void *)(long)ctx->data;
	n &= 0xfff;
	if (p + n + 24 > (u8 *)(long)ctx->data_end)
		return XDP_DROP;
	// The new bytes are zero; count them into the first one.
	u8 nz = 0;
	for (int i = 0; i < 24; i++)
		nz += p[n + i] != 0;
	p[n] = nz + 1;
	p[n + 23] = 0xaa;
	return XDP_PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, s64);
} meta_results SEC(".maps");

inlined void result(u32 i, s64 v)
{
	bpf_map_update_elem(&meta_results, &i, &v, BPF_ANY);
}

SEC("xdp")
int meta(struct xdp_md *ctx)
{
	u32 *m;

	result(0, bpf_xdp_adjust_meta(ctx, -8));
	result(1, bpf_xdp_adjust_meta(ctx, -3));
	result(2, bpf_xdp_adjust_meta(ctx, 9));
	result(3, bpf_xdp_adjust_meta(ctx, -300));
	m = (void *)(long)ctx->data_meta;
	if ((void *)(m + 2) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	m[0] = 0x11223344;
	m[1] = ctx->data_end - ctx->data;
	result(4, ctx->data - ctx->data_meta);
	result(5, bpf_xdp_adjust_meta(ctx, 4));
	m = (void *)(long)ctx->data_meta;
	if ((void *)(m + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	result(6, *m);
	result(7, bpf_xdp_adjust_meta(ctx, 4));
	return *(volatile u32 *)&ctx->data_meta == ctx->data ? XDP_PASS : XDP_DROP;
}

NOT_GPL;
