// SPDX-License-Identifier: Apache-2.0
// Arithmetic on pointers and numbers. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct value {
	u64 n[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct value);
} values SEC(".maps");

SEC("xdp")
int arith_map_pointer(struct xdp_md *ctx)
{
	u32 key = 0;
	void *second = (void *)&values;

	asm volatile("" : "+r"(second));
	second += 8;
	asm volatile("" : "+r"(second));
	return bpf_map_lookup_elem(second, &key) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int arith_map_pointer_fixed(struct xdp_md *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&values, &key) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int arith_two_pointers(struct xdp_md *ctx)
{
	u64 data = ctx->data, end = ctx->data_end, middle = (data + end) / 2;

	return middle ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int arith_two_pointers_fixed(struct xdp_md *ctx)
{
	u64 data = ctx->data, end = ctx->data_end, middle = (end - data) / 2;

	return middle ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int arith_align(struct xdp_md *ctx)
{
	u64 data = ctx->data & ~7ull;

	asm volatile("" : "+r"(data));
	if ((void *)data + 1 > (void *)(long)ctx->data_end)
		return XDP_DROP;
	return *(u8 *)data;
}

SEC("xdp")
int arith_align_fixed(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data;

	if (data + 1 > (u8 *)(long)ctx->data_end)
		return XDP_DROP;
	return *data;
}

SEC("xdp")
int arith_width(struct xdp_md *ctx)
{
	u32 key = 0, addr = (u32)(long)bpf_map_lookup_elem(&values, &key);

	if (!addr)
		return XDP_PASS;
	return *(u64 *)(long)(addr + 8) & 1;
}

SEC("xdp")
int arith_width_fixed(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 addr = (u64)bpf_map_lookup_elem(&values, &key);

	if (!addr)
		return XDP_PASS;
	return *(u64 *)(addr + 8) & 1;
}

SEC("xdp")
int arith_scalar(struct xdp_md *ctx)
{
	u64 addr = ctx->ingress_ifindex;

	return *(u8 *)addr;
}

SEC("xdp")
int arith_scalar_fixed(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex & 0xff;
}

SEC("xdp")
int arith_far(struct xdp_md *ctx)
{
	u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	u64 i = bpf_ktime_get_ns();

	if (!v)
		return XDP_PASS;
	return v->n[i] & 1;
}

SEC("xdp")
int arith_far_fixed(struct xdp_md *ctx)
{
	u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	u64 i = bpf_ktime_get_ns();

	if (!v)
		return XDP_PASS;
	return v->n[i % 8] & 1;
}

SEC("xdp")
int arith_divide(struct xdp_md *ctx)
{
	u64 n = ctx->rx_queue_index;

	asm volatile("%0 /= 0" : "+r"(n));
	return n;
}

SEC("xdp")
int arith_divide_fixed(struct xdp_md *ctx)
{
	u64 n = ctx->rx_queue_index;

	asm volatile("%0 /= 2" : "+r"(n));
	return n;
}

SEC("xdp")
int arith_shift(struct xdp_md *ctx)
{
	u64 n = ctx->rx_queue_index;

	asm volatile("%0 <<= 64" : "+r"(n));
	return n;
}

SEC("xdp")
int arith_shift_fixed(struct xdp_md *ctx)
{
	u64 n = ctx->rx_queue_index;

	asm volatile("%0 <<= 63" : "+r"(n));
	return n;
}

SEC("xdp")
int arith_negative(struct xdp_md *ctx)
{
	u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);

	if (!v)
		return XDP_PASS;
	return *(volatile u64 *)((void *)v - 8) & 1;
}

SEC("xdp")
int arith_negative_fixed(struct xdp_md *ctx)
{
	u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);

	if (!v)
		return XDP_PASS;
	return *(volatile u64 *)((void *)v + 8) & 1;
}

NOT_GPL;
