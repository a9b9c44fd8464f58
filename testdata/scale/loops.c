// SPDX-License-Identifier: Apache-2.0
// Loops that the verifier walks round by round: over packets, nested, and over values of maps.
#include "common.h"

struct matrix {
	u32 a[8][8], b[8][8], c[8][8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct matrix);
} matrices SEC(".maps");

struct table {
	u32 crc[256];
	u64 hist[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct table);
} tables SEC(".maps");

SEC("xdp")
int bytes(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 1500; i++) {
		if (p + 1 > end)
			break;
		sum += *p++;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int crc(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 key = 0, crc = ~0;
	struct table *t = bpf_map_lookup_elem(&tables, &key);

	if (!t)
		return XDP_ABORTED;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 1400; i++) {
		if (p + i + 1 > end)
			break;
		crc = crc >> 8 ^ t->crc[(crc ^ p[i]) & 255];
		t->hist[p[i]]++;
	}
	return crc & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int multiply(struct xdp_md *ctx)
{
	u32 key = 0;
	struct matrix *m = bpf_map_lookup_elem(&matrices, &key);

	if (!m)
		return XDP_ABORTED;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++)
#pragma clang loop unroll(disable)
		for (int j = 0; j < 8; j++) {
			u32 sum = 0;

#pragma clang loop unroll(disable)
			for (int k = 0; k < 8; k++)
				sum += m->a[i][k] * m->b[k][j];
			m->c[i][j] = sum;
		}
	return XDP_PASS;
}

// Sixteen rounds of a mixer over a kilobyte of stackless state, about 100,000 instructions.
SEC("xdp")
int mix(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u64 h = 0xcbf29ce484222325;

	if (p + 512 > end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int round = 0; round < 24; round++)
#pragma clang loop unroll(disable)
		for (int i = 0; i < 512; i++) {
			h ^= p[i];
			h *= 0x100000001b3;
			h ^= h >> 29;
		}
	return h & 1 ? XDP_TX : XDP_DROP;
}

// A number from the packet bounds the loop.
SEC("xdp")
int bounded(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 key = 0, n, zeros = 0;
	struct table *t = bpf_map_lookup_elem(&tables, &key);

	if (!t || p + 2 > end)
		return XDP_ABORTED;
	n = (p[0] << 8 | p[1]) & 127;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < n; i++) {
		u64 v = t->hist[i & 255];

		if (v > 1000)
			t->hist[i & 255] = v / 2;
		zeros += v == 0;
	}
	t->hist[0] = zeros;
	return XDP_PASS;
}

NOT_GPL;
