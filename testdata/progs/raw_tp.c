// SPDX-License-Identifier: Apache-2.0
// Raw tracepoint programs: arguments are 64-bit words.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} hits SEC(".maps");

inlined void put(u32 i, u64 v)
{
	bpf_map_update_elem(&out, &i, &v, BPF_EXIST);
}

SEC("raw_tp/task_rename")
int rename(struct bpf_raw_tracepoint_args *ctx)
{
	u64 a = ctx->args[0], b = ctx->args[1], *n, one = 1;

	put(0, a + b);
	put(1, a * b);
	put(2, a > b ? a - b : b - a);
	n = bpf_map_lookup_elem(&hits, &a);
	if (n)
		++*n;
	else
		bpf_map_update_elem(&hits, &a, &one, BPF_NOEXIST);
	return a + (b << 32 >> 32);
}

SEC("raw_tracepoint/sys_enter")
int half(struct bpf_raw_tracepoint_args *ctx)
{
	// Narrow loads of an argument are not allowed: shift instead.
	u64 id = bpf_get_current_pid_tgid(), uid = bpf_get_current_uid_gid();
	char comm[16];

	put(3, (u32)ctx->args[1] ^ ctx->args[1] >> 32);
	if (bpf_get_current_comm(comm, sizeof(comm)) || !comm[0] || comm[15])
		return -1;
	if (bpf_get_current_comm(comm, 2) || comm[1])
		return -2;
	return (id != 0) + 2 * ((u32)id != 0) + 4 * (uid >> 32 == (u32)uid);
}

GPL_OK;
