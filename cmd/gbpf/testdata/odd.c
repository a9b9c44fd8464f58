// SPDX-License-Identifier: Apache-2.0
// What gbpf does not load.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*no_such_helper)(void) = (void *)999;

struct {
	__uint(type, BPF_MAP_TYPE_STRUCT_OPS);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 8);
} ops SEC(".maps");

SEC("xdp")
int calls_unknown(struct xdp_md *ctx)
{
	return no_such_helper();
}

SEC("xdp")
int uses_map(struct xdp_md *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&ops, &key) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int fine(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
