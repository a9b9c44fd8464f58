// SPDX-License-Identifier: Apache-2.0
// Loops, calls and callbacks. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} sums SEC(".maps");

u64 sum;

SEC("xdp")
int loop_endless(struct xdp_md *ctx)
{
	u32 n = ctx->rx_queue_index;

	while (n != 7)
		asm volatile("" : "+r"(n));
	return XDP_PASS;
}

SEC("xdp")
int loop_endless_fixed(struct xdp_md *ctx)
{
	u32 n = ctx->rx_queue_index;

	for (int i = 0; i < 8 && n != 7; i++)
		asm volatile("" : "+r"(n));
	return XDP_PASS;
}

SEC("xdp")
int loop_unbounded(struct xdp_md *ctx)
{
	u64 n = bpf_ktime_get_ns(), x = 0;

	for (u64 i = 0; i < n; i++) {
		x = x * 31 + i;
		asm volatile("" : "+r"(x));
	}
	return x & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int loop_unbounded_fixed(struct xdp_md *ctx)
{
	u64 n = bpf_ktime_get_ns(), x = 0;

	for (u64 i = 0; i < n && i < 100; i++) {
		x = x * 31 + i;
		asm volatile("" : "+r"(x));
	}
	return x & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int loop_long(struct xdp_md *ctx)
{
	u64 x = 1;

	for (u32 i = 0; i < 500000; i++) {
		x = x * 31 + i;
		asm volatile("" : "+r"(x));
	}
	return x & 1 ? XDP_PASS : XDP_DROP;
}

static long step(u32 i, u64 *x)
{
	*x = *x * 31 + i;
	return 0;
}

SEC("xdp")
int loop_long_fixed(struct xdp_md *ctx)
{
	u64 x = 1;

	bpf_loop(500000, step, &x, 0);
	return x & 1 ? XDP_PASS : XDP_DROP;
}

static noinline int countdown(u32 n)
{
	if (!n)
		return 0;
	n = countdown(n - 1);
	asm volatile("" : "+r"(n));
	return n + 1;
}

SEC("xdp")
int loop_recursion(struct xdp_md *ctx)
{
	return countdown(ctx->rx_queue_index & 3);
}

SEC("xdp")
int loop_recursion_fixed(struct xdp_md *ctx)
{
	u32 n = ctx->rx_queue_index & 3, depth = 0;

	while (n) {
		n--;
		depth++;
	}
	return depth;
}

#define LEVEL(n, next)                                                                             \
	static noinline int level##n(u32 x)                                                        \
	{                                                                                          \
		asm volatile("" : "+r"(x));                                                        \
		return next(x + n) + 1;                                                            \
	}

static noinline int level9(u32 x)
{
	asm volatile("" : "+r"(x));
	return x;
}

LEVEL(8, level9)
LEVEL(7, level8)
LEVEL(6, level7)
LEVEL(5, level6)
LEVEL(4, level5)
LEVEL(3, level4)
LEVEL(2, level3)
LEVEL(1, level2)

SEC("xdp")
int loop_deep(struct xdp_md *ctx)
{
	return level1(ctx->rx_queue_index);
}

SEC("xdp")
int loop_deep_fixed(struct xdp_md *ctx)
{
	return level3(ctx->rx_queue_index);
}

static long add_found(u32 i, void *unused)
{
	u64 *v = bpf_map_lookup_elem(&sums, &i);

	sum += *v;
	return 0;
}

static long add_found_fixed(u32 i, void *unused)
{
	u64 *v = bpf_map_lookup_elem(&sums, &i);

	if (v)
		sum += *v;
	return 0;
}

SEC("xdp")
int loop_callback(struct xdp_md *ctx)
{
	bpf_loop(10, add_found, NULL, 0);
	return XDP_PASS;
}

SEC("xdp")
int loop_callback_fixed(struct xdp_md *ctx)
{
	bpf_loop(10, add_found_fixed, NULL, 0);
	return XDP_PASS;
}

static long add_index(u32 i, void *unused)
{
	sum += i;
	return i;
}

static long add_index_fixed(u32 i, void *unused)
{
	sum += i;
	return i >= 5;
}

SEC("xdp")
int loop_callback_return(struct xdp_md *ctx)
{
	bpf_loop(10, add_index, NULL, 0);
	return XDP_PASS;
}

SEC("xdp")
int loop_callback_return_fixed(struct xdp_md *ctx)
{
	bpf_loop(10, add_index_fixed, NULL, 0);
	return XDP_PASS;
}

static long add_value(struct bpf_map *map, u32 *key, u64 *value, u64 *total)
{
	*total += value[1];
	return 0;
}

static long add_value_fixed(struct bpf_map *map, u32 *key, u64 *value, u64 *total)
{
	*total += value[0];
	return 0;
}

SEC("xdp")
int loop_callback_value(struct xdp_md *ctx)
{
	u64 total = 0;

	bpf_for_each_map_elem(&sums, add_value, &total, 0);
	return total & 1;
}

SEC("xdp")
int loop_callback_value_fixed(struct xdp_md *ctx)
{
	u64 total = 0;

	bpf_for_each_map_elem(&sums, add_value_fixed, &total, 0);
	return total & 1;
}

static long add_through(u32 i, u64 *x)
{
	x[1] += i;
	return 0;
}

SEC("xdp")
int loop_callback_signature(struct xdp_md *ctx)
{
	u64 x = 1;

	/* the callback of bpf_for_each_map_elem takes the map first */
	bpf_for_each_map_elem(&sums, add_through, &x, 0);
	return x & 1;
}

SEC("xdp")
int loop_callback_signature_fixed(struct xdp_md *ctx)
{
	u64 x = 1;

	bpf_for_each_map_elem(&sums, add_value_fixed, &x, 0);
	return x & 1;
}

NOT_GPL;
