// SPDX-License-Identifier: Apache-2.0
// Searching payloads: naive search of a pattern from a map, and a matching automaton in one.
#include "common.h"

struct pattern {
	u8 len, pad[3];
	u8 b[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pattern);
} patterns SEC(".maps");

struct automaton {
	u16 next[64][32];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct automaton);
} automata SEC(".maps");

SEC("xdp")
int naive(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0;
	struct pattern *t = bpf_map_lookup_elem(&patterns, &zero);

	if (!t || t->len > 16 || t->len < 4)
		return XDP_ABORTED;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 100; i++) {
		u32 ok = 1;

		if (p + i + 16 > end)
			break;
#pragma clang loop unroll(disable)
		for (int j = 0; j < 16; j++) {
			if (j >= t->len)
				break;
			if (p[i + j] != t->b[j]) {
				ok = 0;
				break;
			}
		}
		if (ok)
			return XDP_DROP;
	}
	return XDP_PASS;
}

SEC("xdp")
int automaton(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0, state = 0;
	struct automaton *a = bpf_map_lookup_elem(&automata, &zero);

	if (!a)
		return XDP_ABORTED;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 800; i++) {
		if (p + i + 1 > end)
			break;
		state = a->next[state & 63][p[i] & 31];
		if (state >= 64)
			return XDP_DROP;
	}
	return XDP_PASS;
}

NOT_GPL;
