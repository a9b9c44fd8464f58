// SPDX-License-Identifier: Apache-2.0
// Indexes that may lie outside what they index. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct table {
	u32 slots[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct table);
} tables SEC(".maps");

u32 counters[16];
const volatile u8 weights[8] = {1, 2, 3, 4, 5, 6, 7, 8};
const volatile u32 limit = 64;

inlined struct table *the_table(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&tables, &zero);
}

SEC("xdp")
int index_unbounded(struct xdp_md *ctx)
{
	struct table *t = the_table();

	if (!t)
		return XDP_PASS;
	t->slots[ctx->rx_queue_index]++;
	return XDP_PASS;
}

SEC("xdp")
int index_unbounded_fixed(struct xdp_md *ctx)
{
	struct table *t = the_table();
	u32 i = ctx->rx_queue_index;

	if (!t || i >= 16)
		return XDP_PASS;
	t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_inclusive(struct xdp_md *ctx)
{
	u32 i = ctx->rx_queue_index;
	struct table *t;

	if (i > 16)
		return XDP_PASS;
	t = the_table();
	if (t)
		t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_inclusive_fixed(struct xdp_md *ctx)
{
	u32 i = ctx->rx_queue_index;
	struct table *t;

	if (i >= 16)
		return XDP_PASS;
	t = the_table();
	if (t)
		t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_signed(struct xdp_md *ctx)
{
	s32 i = ctx->rx_queue_index;
	struct table *t;

	if (i > 15)
		return XDP_PASS;
	t = the_table();
	if (t)
		t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_signed_fixed(struct xdp_md *ctx)
{
	s32 i = ctx->rx_queue_index;
	struct table *t;

	if (i < 0 || i > 15)
		return XDP_PASS;
	t = the_table();
	if (t)
		t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_width(struct xdp_md *ctx)
{
	struct table *t = the_table();
	u64 i = bpf_get_prandom_u32() * 3ull;

	if (!t)
		return XDP_PASS;
	if ((u32)i >= 16)
		return XDP_PASS;
	t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_width_fixed(struct xdp_md *ctx)
{
	struct table *t = the_table();
	u64 i = bpf_get_prandom_u32() * 3ull;

	if (!t)
		return XDP_PASS;
	if (i >= 16)
		return XDP_PASS;
	t->slots[i]++;
	return XDP_PASS;
}

SEC("xdp")
int index_mask(struct xdp_md *ctx)
{
	counters[ctx->rx_queue_index & 31]++;
	return XDP_PASS;
}

SEC("xdp")
int index_mask_fixed(struct xdp_md *ctx)
{
	counters[ctx->rx_queue_index & 15]++;
	return XDP_PASS;
}

SEC("xdp")
int index_limit(struct xdp_md *ctx)
{
	u32 i = ctx->rx_queue_index;

	if (i >= limit)
		return XDP_PASS;
	return weights[i];
}

SEC("xdp")
int index_limit_fixed(struct xdp_md *ctx)
{
	u32 i = ctx->rx_queue_index;

	if (i >= limit || i >= sizeof(weights))
		return XDP_PASS;
	return weights[i];
}

SEC("xdp")
int index_stack(struct xdp_md *ctx)
{
	volatile u8 ring[16] = {};
	u32 i = ctx->rx_queue_index;

	if (i > 16)
		return XDP_PASS;
	ring[i] = 1;
	return ring[3];
}

SEC("xdp")
int index_stack_fixed(struct xdp_md *ctx)
{
	volatile u8 ring[16] = {};
	u32 i = ctx->rx_queue_index;

	if (i > 15)
		return XDP_PASS;
	ring[i] = 1;
	return ring[3];
}

SEC("xdp")
int index_rodata(struct xdp_md *ctx)
{
	u32 *p = (u32 *)&limit;

	asm volatile("" : "+r"(p));
	*p = ctx->rx_queue_index;
	return XDP_PASS;
}

u32 chosen;

SEC("xdp")
int index_rodata_fixed(struct xdp_md *ctx)
{
	chosen = ctx->rx_queue_index;
	return XDP_PASS;
}

NOT_GPL;
