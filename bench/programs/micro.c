/* SPDX-License-Identifier: Apache-2.0 */
/* Single operations, 64 a run: what the sections on entry, helpers and maps measure. The loop is part of the time, see "loop". */
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

#define TIMES 64

#define OP(name, ...)                                                                              \
	SEC("xdp") int name(struct xdp_md *ctx)                                                    \
	{                                                                                          \
		u64 sum = 0;                                                                       \
		_Pragma("clang loop unroll(disable)") for (u32 i = 0; i < TIMES; i++)              \
		{                                                                                  \
			asm volatile("" : "+r"(i));                                                \
			__VA_ARGS__;                                                               \
		}                                                                                  \
		return sum != 0x123456789;                                                         \
	}

SEC("xdp") int empty(struct xdp_md *ctx)
{
	return 2;
}

OP(loop, sum += i)

/* A helper that only gbpf's benchmark has and that does nothing: out of machine code and back. */
static long (*const nothing)(void) = (void *)60000;
OP(helper_nothing, sum += nothing())

OP(helper_ktime_get_ns, sum += bpf_ktime_get_ns())
OP(helper_ktime_get_boot_ns, sum += bpf_ktime_get_boot_ns())
OP(helper_jiffies64, sum += bpf_jiffies64())
OP(helper_get_prandom_u32, sum += bpf_get_prandom_u32())
OP(helper_get_smp_processor_id, sum += bpf_get_smp_processor_id())
OP(helper_get_numa_node_id, sum += bpf_get_numa_node_id())

SEC("xdp") int helper_csum_diff_64(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u64 sum = 0;
	if (p + 64 > end)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TIMES; i++)
		sum += bpf_csum_diff(0, 0, (void *)p, 64, 0);
	return sum != 0x123456789;
}

OP(helper_xdp_load_bytes_16, u64 b[2]; bpf_xdp_load_bytes(ctx, 16, b, 16); sum += b[0])
OP(helper_strncmp_16, char s[16] = "abcdefghijklmno"; sum += bpf_strncmp(s, 16, "abcdefghijklmnx"))

static long add(u32 i, u64 *sum)
{
	*sum += i;
	return 0;
}

SEC("xdp") int helper_loop_round(struct xdp_md *ctx)
{
	u64 sum = 0;
	bpf_loop(TIMES, add, &sum, 0);
	return sum != 0x123456789;
}

MAP(elements, ARRAY, TIMES, u32, u64);

static long each(void *map, u32 *key, u64 *value, u64 *sum)
{
	*sum += *value;
	return 0;
}

SEC("xdp") int helper_for_each_array_element(struct xdp_md *ctx)
{
	u64 sum = 0;
	bpf_for_each_map_elem(&elements, each, &sum, 0);
	return sum != 0x123456789;
}

/* Keys 0 to 63 are what runs put in; from 64 on nothing is. */
#define LOOKUP(map, k)                                                                             \
	k;                                                                                         \
	u64 *v = bpf_map_lookup_elem(&map, &key);                                                  \
	if (v)                                                                                     \
	sum += *v
#define UPDATE(map, k)                                                                             \
	k;                                                                                         \
	u64 value = i;                                                                             \
	sum += bpf_map_update_elem(&map, &key, &value, BPF_ANY)
#define MOVE(map, k)                                                                               \
	k;                                                                                         \
	u64 value = i;                                                                             \
	sum += bpf_map_update_elem(&map, &key, &value, BPF_ANY);                                   \
	sum += bpf_map_delete_elem(&map, &key)

#define ARRAYS(map, kind)                                                                          \
	MAP(map, kind, 256, u32, u64);                                                             \
	OP(map_##map##__lookup, LOOKUP(map, u32 key = i))                                          \
	OP(map_##map##__update, UPDATE(map, u32 key = i))

#define HASHES(map, kind)                                                                          \
	MAP(map, kind, 1024, u64, u64);                                                            \
	OP(map_##map##__update, UPDATE(map, u64 key = i))                                          \
	OP(map_##map##__lookup_hit, LOOKUP(map, u64 key = i))                                      \
	OP(map_##map##__lookup_miss, LOOKUP(map, u64 key = i + 1000))                              \
	OP(map_##map##__update_and_delete, MOVE(map, u64 key = i + 64))

ARRAYS(array, ARRAY)
ARRAYS(percpu_array, PERCPU_ARRAY)
HASHES(hash, HASH)
HASHES(percpu_hash, PERCPU_HASH)
HASHES(lru_hash, LRU_HASH)
HASHES(lru_percpu_hash, LRU_PERCPU_HASH)

struct prefix {
	u32 len, addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u64);
} lpm_trie SEC(".maps");

#define PREFIX struct prefix key = {24, 10 | i << 16}
#define OTHER_PREFIX struct prefix key = {24, 11 | i << 16}
#define ADDRESS struct prefix key = {32, 10 | i << 16 | 7u << 24}
OP(map_lpm_trie__update, UPDATE(lpm_trie, PREFIX))
OP(map_lpm_trie__lookup, LOOKUP(lpm_trie, ADDRESS))
OP(map_lpm_trie__update_and_delete, MOVE(lpm_trie, OTHER_PREFIX))

#define LISTS(map, kind)                                                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, 256);                                                          \
		__type(value, u64);                                                                \
	} map SEC(".maps");                                                                        \
	OP(map_##map##__push_and_pop, u64 value = i; sum += bpf_map_push_elem(&map, &value, 0); sum += bpf_map_pop_elem(&map, &value))

LISTS(queue, QUEUE)
LISTS(stack, STACK)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ringbuf SEC(".maps");

OP(map_ringbuf__output, u64 value = i; sum += bpf_ringbuf_output(&ringbuf, &value, sizeof(value), BPF_RB_NO_WAKEUP))
OP(map_ringbuf__reserve_and_submit, u64 *value = bpf_ringbuf_reserve(&ringbuf, sizeof(*value), 0); if (value) { *value = i; bpf_ringbuf_submit(value, BPF_RB_NO_WAKEUP); })
