// SPDX-License-Identifier: Apache-2.0
// bpf_loop and for_each_map_elem with callbacks that keep state on the caller's stack.
#include "arith.h"

struct bpf_map;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 10);
	__type(key, u32);
	__type(value, u64);
} squares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 5);
	__type(key, u32);
	__type(value, u64);
} mine SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} mine_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} lru SEC(".maps");

struct state {
	u64 sum, limit;
	u32 n, last;
};

static long add(u32 i, struct state *s)
{
	s->sum += (u64)i * i;
	s->n++;
	s->last = i;
	return s->sum > s->limit;
}

static long inner(u32 i, struct state *s)
{
	s->sum ^= i << 3;
	s->n++;
	return 0;
}

static long outer(u32 i, struct state *s)
{
	s->last = bpf_loop(i, inner, s, 0);
	return 0;
}

SEC("syscall")
int loop(struct args *x)
{
	struct state s = {.limit = x->a};

	x->out[0] = bpf_loop(x->b & 0xffff, add, &s, 0);
	x->out[1] = s.sum;
	x->out[2] = s.n;
	x->out[3] = s.last;
	x->out[4] = bpf_loop(0, add, &s, 0);
	x->out[5] = bpf_loop(1 << 24, add, &s, 0);
	x->out[6] = bpf_loop(1, add, &s, 1);
	s = (struct state){};
	x->out[7] = bpf_loop(x->b & 63, outer, &s, 0);
	x->out[8] = s.sum;
	x->out[9] = s.n;
	return s.last;
}

static long each(struct bpf_map *m, u32 *key, u64 *value, struct state *s)
{
	*value += *key + 1;
	s->sum += *value;
	s->n++;
	s->last ^= *key;
	return s->n == s->limit;
}

SEC("syscall")
int for_each(struct args *x)
{
	struct state s = {.limit = x->a};
	u64 zero = 0, a = x->a;
	u32 k = x->b & 0xff;

	bpf_map_update_elem(&table, &k, &a, BPF_ANY);
	k = 3;
	bpf_map_update_elem(&mine_hash, &k, &zero, BPF_NOEXIST);
	bpf_map_update_elem(&lru, &k, &zero, BPF_NOEXIST);
	// Arrays go in order, so a callback that stops early is deterministic.
	x->out[0] = bpf_for_each_map_elem(&squares, each, &s, 0);
	x->out[1] = s.sum;
	x->out[2] = s.last;
	s = (struct state){};
	x->out[3] = bpf_for_each_map_elem(&table, each, &s, 0);
	x->out[4] = s.sum;
	x->out[5] = s.last;
	s = (struct state){};
	x->out[6] = bpf_for_each_map_elem(&mine, each, &s, 0);
	x->out[7] = s.sum;
	x->out[8] = bpf_for_each_map_elem(&mine_hash, each, &s, 0);
	x->out[9] = s.sum;
	x->out[10] = bpf_for_each_map_elem(&lru, each, &s, 0);
	x->out[11] = bpf_for_each_map_elem(&lru, each, &s, 1);
	return s.n;
}

NOT_GPL;
