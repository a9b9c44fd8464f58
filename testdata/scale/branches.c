// SPDX-License-Identifier: Apache-2.0
// Branches that multiply paths: sorting, decision ladders, flags gathered bit by bit.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} scores SEC(".maps");

// A sorting network of 8 on the stack: each comparison swaps or does not.
#define ORDER(i, j) do { \
	if (v[i] > v[j]) { \
		u8 t = v[i]; \
		v[i] = v[j]; \
		v[j] = t; \
	} } while (0)

SEC("xdp")
int sort(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, v[8];

	if (p + 8 > end)
		return XDP_PASS;
	for (int i = 0; i < 8; i++)
		v[i] = p[i];
	ORDER(0, 1); ORDER(2, 3); ORDER(4, 5); ORDER(6, 7);
	ORDER(0, 2); ORDER(1, 3); ORDER(4, 6); ORDER(5, 7);
	ORDER(1, 2); ORDER(5, 6); ORDER(0, 4); ORDER(3, 7);
	ORDER(1, 5); ORDER(2, 6); ORDER(1, 4); ORDER(3, 6);
	ORDER(2, 4); ORDER(3, 5); ORDER(3, 4);
	for (int i = 0; i < 8; i++)
		p[i] = v[i];
	return XDP_TX;
}

// Ten tests add a constant each, and the sum is an index: every sum matters.
SEC("xdp")
int ladder(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 index = 0;
	u64 *score;

	if (p + 16 > end)
		return XDP_PASS;
	if (p[0] & 1) index += 1;
	if (p[1] & 2) index += 2;
	if (p[2] & 4) index += 4;
	if (p[3] > 8) index += 8;
	if (p[4] > 16) index += 16;
	if (p[5] < 32) index += 32;
	if (p[6] < 64) index += 64;
	if (p[7] == 7) index += 128;
	if (p[8] != 8) index += 256;
	if (p[9] > p[10]) index += 512;
	score = bpf_map_lookup_elem(&scores, &index);
	if (score)
		*score += 1;
	return XDP_PASS;
}

// Flags in registers and on the stack; only the last test depends on them.
SEC("xdp")
int flags(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u8 seen[16] = {};
	u32 bits = 0, runs = 0;

	if (p + 64 > end)
		return XDP_PASS;
#pragma clang loop unroll(full)
	for (int i = 0; i < 7; i++) {
		if (p[i] == 0)
			runs++;
		if (p[i + 8] > 100)
			bits |= 1 << (i & 7);
		if (p[i + 16] == p[i])
			seen[i] = 1;
	}
	for (int i = 0; i < 16; i++)
		runs += seen[i];
	if (runs > 4)
		return XDP_DROP;
	return bits & 0x55 ? XDP_TX : XDP_PASS;
}

// Comparisons of 32 and 64 bits, signed and not, that narrow an index from several sides.
SEC("xdp")
int ranges(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u64 buffer[16] = {};
	u64 sum = 0;

	if (p + 64 > end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++) {
		s32 a = ((s32 *)p)[i & 7];
		s64 b = ((s64 *)p)[i & 7];

		if (a >= 0 && a < 16)
			buffer[a] += i;
		else if (a < 0 && a > -16)
			buffer[-a] -= i;
		if (b > 2 && b <= 12)
			buffer[b + 1]++;
		else if ((u64)b >> 60 == 5)
			buffer[(b >> 8) & 15]++;
	}
	for (int i = 0; i < 16; i++)
		sum += buffer[i];
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

NOT_GPL;
