// SPDX-License-Identifier: Apache-2.0
// Functions: static ones that are walked at each call, global ones that are not, and callbacks.
#include "common.h"

struct bpf_map;

struct node {
	u32 value, left, right, weight;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct node);
} nodes SEC(".maps");

static noinline u32 leaf(u32 x, u32 y)
{
	if (x > 1000)
		return y - x;
	return x * 3 + y;
}

static noinline u32 tree4(u32 x, u32 y)
{
	return leaf(x, y) + leaf(x + 1, y) + leaf(x, y + 1) + leaf(x ^ y, 1);
}

static noinline u32 tree16(u32 x, u32 y)
{
	return tree4(x, y) + tree4(x + 1, y) + tree4(x, y + 1) + tree4(x ^ y, 2);
}

static noinline u32 tree64(u32 x, u32 y)
{
	return tree16(x, y) + tree16(x + 1, y) + tree16(x, y + 1) + tree16(x ^ y, 3);
}

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	return tree64(ctx->ingress_ifindex, ctx->rx_queue_index) & 1 ? XDP_PASS : XDP_DROP;
}

// Goes down a tree in the map for 24 levels.
static noinline struct node *descend(u32 *at, u32 want)
{
	struct node *n = bpf_map_lookup_elem(&nodes, at);

	if (!n || n->value == want)
		return n;
	*at = want < n->value ? n->left : n->right;
	return n;
}

SEC("xdp")
int search(struct xdp_md *ctx)
{
	u32 at = 0, want = ctx->ingress_ifindex, weight = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 24; i++) {
		struct node *n = descend(&at, want);

		if (!n)
			return XDP_DROP;
		weight += n->weight;
		if (n->value == want)
			return weight > 100 ? XDP_TX : XDP_PASS;
	}
	return XDP_ABORTED;
}

noinline int hash(const u8 *data __attribute__((btf_decl_tag("arg:nonnull"))), u32 seed)
{
	u32 h = seed;

	for (int i = 0; i < 1; i++)
		h = (h ^ *data) * 16777619;
	return h;
}

struct window {
	u8 b[64];
};

noinline int digest(struct window *w, u32 seed)
{
	u32 h = seed;

	if (!w)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		h ^= w->b[i];
		h *= 16777619;
		if (h & 0x80000000)
			h ^= h >> 5;
	}
	return h;
}

noinline int classify(struct xdp_md *ctx, u32 kind)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 n = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 200; i++) {
		if (p + i + 1 > end)
			break;
		if (p[i] == kind)
			n++;
	}
	return n;
}

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	struct window w = {};
	u32 h = 0;

	for (int i = 0; i < 64; i++)
		w.b[i] = i;
	for (int i = 0; i < 8; i++) {
		h ^= digest(&w, h);
		h += classify(ctx, i);
		h ^= hash(w.b + i, h);
	}
	return h & 1 ? XDP_PASS : XDP_DROP;
}

struct sums {
	u64 sum, max;
	u8 recent[32];
};

static long round(u32 i, struct sums *s)
{
	u32 key = i & 1023;
	struct node *n = bpf_map_lookup_elem(&nodes, &key);

	if (!n)
		return 1;
	s->sum += n->value;
	if (n->weight > s->max)
		s->max = n->weight;
	s->recent[i & 31] = n->value;
	return 0;
}

static long visit(struct bpf_map *map, u32 *key, struct node *n, struct sums *s)
{
	if (n->weight == 0)
		return 0;
	s->sum += *key * n->weight;
	return s->sum > 1000000;
}

SEC("xdp")
int callbacks(struct xdp_md *ctx)
{
	struct sums s = {};

	bpf_loop(ctx->rx_queue_index & 0xfff, round, &s, 0);
	bpf_for_each_map_elem(&nodes, visit, &s, 0);
	bpf_loop(100, round, &s, 0);
	return s.sum > s.max * 10 ? XDP_DROP : XDP_PASS;
}

NOT_GPL;
