// SPDX-License-Identifier: Apache-2.0
// Pointers that may be NULL. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct stats {
	u64 packets, bytes;
	u64 by_queue[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct stats);
} ports SEC(".maps"), totals SEC(".maps");

SEC("xdp")
int null_unchecked(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);

	s->packets++;
	return XDP_PASS;
}

SEC("xdp")
int null_unchecked_fixed(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);

	if (!s)
		return XDP_PASS;
	s->packets++;
	return XDP_PASS;
}

SEC("xdp")
int null_wrong(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex, zero = 0;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);
	struct stats *total = bpf_map_lookup_elem(&totals, &zero);

	if (!s)
		return XDP_PASS;
	s->packets++;
	total->packets++;
	return XDP_PASS;
}

SEC("xdp")
int null_wrong_fixed(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex, zero = 0;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);
	struct stats *total = bpf_map_lookup_elem(&totals, &zero);

	if (!s || !total)
		return XDP_PASS;
	s->packets++;
	total->packets++;
	return XDP_PASS;
}

SEC("xdp")
int null_offset(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);
	u64 *n = &s->by_queue[ctx->rx_queue_index & 3];

	asm volatile("" : "+r"(n));
	if (!s)
		return XDP_PASS;
	*n += 1;
	return XDP_PASS;
}

SEC("xdp")
int null_offset_fixed(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);
	u64 *n;

	if (!s)
		return XDP_PASS;
	n = &s->by_queue[ctx->rx_queue_index & 3];
	*n += 1;
	return XDP_PASS;
}

SEC("xdp")
int null_argument(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);

	bpf_map_update_elem(&totals, &key, s, BPF_ANY);
	return XDP_PASS;
}

SEC("xdp")
int null_argument_fixed(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;
	struct stats *s = bpf_map_lookup_elem(&ports, &key);

	if (s)
		bpf_map_update_elem(&totals, &key, s, BPF_ANY);
	return XDP_PASS;
}

NOT_GPL;
