// SPDX-License-Identifier: Apache-2.0
// The stack and local variables. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct key {
	u64 addr;
	u64 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} seen SEC(".maps");

SEC("xdp")
int stack_key(struct xdp_md *ctx)
{
	u64 key;

	return bpf_map_lookup_elem(&seen, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_key_fixed(struct xdp_md *ctx)
{
	u64 key = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&seen, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_field(struct xdp_md *ctx)
{
	struct key key;

	key.addr = ctx->ingress_ifindex;
	return bpf_map_lookup_elem(&flows, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_field_fixed(struct xdp_md *ctx)
{
	struct key key = {};

	key.addr = ctx->ingress_ifindex;
	return bpf_map_lookup_elem(&flows, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_variable(struct xdp_md *ctx)
{
	u32 verdict, port = ctx->ingress_ifindex;

	/* clang would make something up for the other case */
	asm volatile("if %1 != 7 goto +1\n%0 = 1" : "=r"(verdict) : "r"(port));
	return verdict;
}

SEC("xdp")
int stack_variable_fixed(struct xdp_md *ctx)
{
	u32 verdict = XDP_PASS, port = ctx->ingress_ifindex;

	asm volatile("if %1 != 7 goto +1\n%0 = 1" : "+r"(verdict) : "r"(port));
	return verdict;
}

SEC("xdp")
int stack_large(struct xdp_md *ctx)
{
	u32 first = ctx->rx_queue_index;

	/* clang refuses a local array of this size by itself */
	asm volatile("*(u8 *)(r10 - 520) = %0" ::"r"(first) : "memory");
	return XDP_PASS;
}

SEC("xdp")
int stack_large_fixed(struct xdp_md *ctx)
{
	u32 first = ctx->rx_queue_index;

	asm volatile("*(u8 *)(r10 - 512) = %0" ::"r"(first) : "memory");
	return XDP_PASS;
}

static noinline int checksum(u32 seed)
{
	u8 buf[256];

	asm volatile("*(u8 *)(%0 + 0) = %1" ::"r"(buf), "r"(seed) : "memory");
	return buf[0];
}

static noinline int checksum_small(u32 seed)
{
	u8 buf[64];

	asm volatile("*(u8 *)(%0 + 0) = %1" ::"r"(buf), "r"(seed) : "memory");
	return buf[0];
}

SEC("xdp")
int stack_frames(struct xdp_md *ctx)
{
	u8 buf[400];

	asm volatile("*(u8 *)(%0 + 0) = %1" ::"r"(buf), "r"(ctx->rx_queue_index) : "memory");
	return checksum(buf[0]) + buf[0];
}

SEC("xdp")
int stack_frames_fixed(struct xdp_md *ctx)
{
	u8 buf[400];

	asm volatile("*(u8 *)(%0 + 0) = %1" ::"r"(buf), "r"(ctx->rx_queue_index) : "memory");
	return checksum_small(buf[0]) + buf[0];
}

SEC("xdp")
int stack_misaligned(struct xdp_md *ctx)
{
	u8 buf[16] = {}, *p = buf + 1;

	asm volatile("" : "+r"(p));
	*(u32 *)p = ctx->rx_queue_index;
	asm volatile("" : "+r"(p)::"memory");
	return buf[1];
}

SEC("xdp")
int stack_misaligned_fixed(struct xdp_md *ctx)
{
	u8 buf[16] __attribute__((aligned(8))) = {}, *p = buf + 4;

	asm volatile("" : "+r"(p));
	*(u32 *)p = ctx->rx_queue_index;
	asm volatile("" : "+r"(p)::"memory");
	return buf[1];
}

SEC("xdp")
int stack_beyond(struct xdp_md *ctx)
{
	u64 key[2] = {};

	key[1] = ctx->ingress_ifindex;
	return bpf_map_lookup_elem(&seen, &key[2]) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_beyond_fixed(struct xdp_md *ctx)
{
	u64 key[2] = {};

	key[1] = ctx->ingress_ifindex;
	return bpf_map_lookup_elem(&seen, &key[1]) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int stack_argument(struct xdp_md *ctx)
{
	register u64 mask asm("r3");
	u64 key = ctx->ingress_ifindex;
	u64 *v = bpf_map_lookup_elem(&seen, &key);

	asm volatile("%0 = r3" : "=r"(mask));
	return v ? mask & 1 : XDP_PASS;
}

SEC("xdp")
int stack_argument_fixed(struct xdp_md *ctx)
{
	u64 key = ctx->ingress_ifindex;
	u64 *v = bpf_map_lookup_elem(&seen, &key);

	return v ? *v & 1 : XDP_PASS;
}

NOT_GPL;
