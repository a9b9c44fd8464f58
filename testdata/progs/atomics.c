// SPDX-License-Identifier: Apache-2.0
// Every atomic operation of instruction set version 3, 32 and 64 bits wide, on a map value,
// on global data and on the stack.
#include "arith.h"

struct cell {
	u64 wide;
	u32 narrow, other;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct cell);
} cells SEC(".maps");

u64 total;
u32 calls;

SEC("syscall")
int fetch(struct args *x)
{
	u32 zero = 0;
	struct cell *c = bpf_map_lookup_elem(&cells, &zero);
	u64 *o = x->out;
	u32 b = x->b;

	if (!c)
		return 1;
	*o++ = __sync_fetch_and_add(&c->wide, x->a);
	*o++ = __sync_fetch_and_and(&c->wide, x->b | 0xff);
	*o++ = __sync_fetch_and_or(&c->wide, x->a & x->b);
	*o++ = __sync_fetch_and_xor(&c->wide, x->b);
	*o++ = __sync_lock_test_and_set(&c->wide, x->a ^ x->b);
	*o++ = __sync_val_compare_and_swap(&c->wide, x->a ^ x->b, 42);
	*o++ = __sync_val_compare_and_swap(&c->wide, 41, 43);
	*o++ = __sync_fetch_and_add(&c->narrow, b);
	*o++ = __sync_fetch_and_and(&c->narrow, b | 0xff00ff);
	*o++ = __sync_fetch_and_or(&c->narrow, b << 3);
	*o++ = __sync_fetch_and_xor(&c->narrow, ~b);
	*o++ = __sync_lock_test_and_set(&c->narrow, b + 1);
	*o++ = __sync_val_compare_and_swap(&c->narrow, b + 1, b + 2);
	*o++ = __sync_val_compare_and_swap(&c->narrow, b, 77);
	*o++ = c->wide;
	*o++ = c->narrow;
	return 0;
}

SEC("syscall")
int plain(struct args *x)
{
	u32 one = 1;
	struct cell *c = bpf_map_lookup_elem(&cells, &one);
	u64 local = x->a;

	if (!c)
		return 1;
	__sync_fetch_and_add(&c->wide, x->a);
	__sync_fetch_and_or(&c->narrow, (u32)x->b);
	__sync_fetch_and_add(&total, x->a + x->b);
	__sync_fetch_and_add(&calls, 1);
	asm volatile("lock *(u64 *)(%0 + 0) ^= %1" : : "r"(&local), "r"(x->b) : "memory");
	x->out[0] = local;
	return calls;
}

NOT_GPL;
