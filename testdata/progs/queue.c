// SPDX-License-Identifier: Apache-2.0
// Queues and stacks: push, peek and pop, when full and when empty.
#include "arith.h"

#define LIST(name, kind) \
	struct { \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, 3); \
		__uint(value_size, 8); \
	} name SEC(".maps")

LIST(queue, QUEUE);
LIST(stack, STACK);

#define EXERCISE(prog, map) \
	SEC("syscall") \
	int prog(struct args *x) \
	{ \
		u64 v = x->a, got = 0; \
		x->out[0] = bpf_map_push_elem(&map, &v, BPF_ANY); \
		v = x->b; \
		x->out[1] = bpf_map_push_elem(&map, &v, BPF_EXIST); \
		x->out[2] = bpf_map_push_elem(&map, &v, BPF_NOEXIST); \
		x->out[3] = bpf_map_peek_elem(&map, &got); \
		x->out[4] = got; \
		if (x->a & 1) { \
			x->out[5] = bpf_map_pop_elem(&map, &got); \
			x->out[6] = got; \
			x->out[7] = bpf_map_pop_elem(&map, &got); \
			x->out[8] = got; \
		} \
		if (x->b & 1) { \
			x->out[9] = bpf_map_pop_elem(&map, &got); \
			x->out[10] = got; \
			x->out[11] = bpf_map_pop_elem(&map, &got); \
			x->out[12] = got; \
			x->out[13] = bpf_map_peek_elem(&map, &got); \
			x->out[14] = got; \
		} \
		return 0; \
	}

EXERCISE(fifo, queue)
EXERCISE(lifo, stack)

NOT_GPL;
