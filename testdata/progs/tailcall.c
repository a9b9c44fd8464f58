// SPDX-License-Identifier: Apache-2.0
// Tail calls: a chain filled by the object, an index that is empty, one that is too
// large, the limit of 33, and a tail call from a subprogram.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} trail SEC(".maps");

inlined void visit(u32 i)
{
	u64 *n = bpf_map_lookup_elem(&trail, &i);

	if (n)
		*n += 1;
}

int first(struct xdp_md *ctx);
int second(struct xdp_md *ctx);
int forever(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__array(values, int(void *));
} next SEC(".maps") = {
	.values = {[1] = (void *)&first, [2] = (void *)&second, [5] = (void *)&forever},
};

SEC("xdp")
int first(struct xdp_md *ctx)
{
	visit(1);
	if ((ctx->data_end - ctx->data) & 1)
		bpf_tail_call(ctx, &next, 2);
	return XDP_TX;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	visit(2);
	return XDP_DROP;
}

SEC("xdp")
int forever(struct xdp_md *ctx)
{
	visit(5);
	bpf_tail_call(ctx, &next, 5);
	visit(6);
	return XDP_PASS;
}

SEC("xdp")
int start(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;

	visit(0);
	bpf_tail_call(ctx, &next, len % 10);
	visit(7);
	return XDP_PASS;
}

static noinline int jump(struct xdp_md *ctx, u32 i)
{
	volatile int r = 3;

	bpf_tail_call(ctx, &next, i);
	return r;
}

SEC("xdp")
int nested(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;
	int a = jump(ctx, len % 4);
	int b = jump(ctx, 7);

	visit(7);
	return a == b ? XDP_DROP : a;
}

NOT_GPL;
