// SPDX-License-Identifier: Apache-2.0
// Loops that need no walking round by round: open-coded iterators and may_goto.
#include "common.h"

struct bpf_iter_num {
	u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

struct cell {
	u64 v[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct cell);
} cells SEC(".maps");

SEC("tc")
int numbers(struct __sk_buff *skb)
{
	struct bpf_iter_num it, inner;
	u64 sum = 0;
	int *i, *j;

	bpf_iter_num_new(&it, 0, 100000);
	while ((i = bpf_iter_num_next(&it))) {
		u32 key = *i & 255;
		struct cell *c = bpf_map_lookup_elem(&cells, &key);

		if (!c)
			break;
		bpf_iter_num_new(&inner, 0, skb->len & 63);
		while ((j = bpf_iter_num_next(&inner))) {
			int k = *j;

			if (k >= 0 && k < 64)
				sum += c->v[k];
		}
		bpf_iter_num_destroy(&inner);
		if (sum > 1000000)
			c->v[0] = sum;
	}
	bpf_iter_num_destroy(&it);
	return sum & 3;
}

#define cond_break ({ __label__ l_break, l_continue; \
	asm volatile goto("may_goto %l[l_break]" :: :: l_break); \
	goto l_continue; \
	l_break: break; \
	l_continue:; })

SEC("tc")
int may(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 key = skb->len & 255;
	struct cell *c = bpf_map_lookup_elem(&cells, &key);

	if (!c)
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < skb->mark; i++) {
		u8 *at = p + (c->v[1] & 31);

		if (at + 1 > end)
			break;
		c->v[c->v[0] & 63] += *at;
		cond_break;
	}
	return TC_ACT_SHOT;
}

GPL_OK;
