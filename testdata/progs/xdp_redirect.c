// SPDX-License-Identifier: Apache-2.0
// XDP programs that redirect: to an interface, through a device map, and to
// entries that do not exist.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u32);
} ports SEC(".maps");

SEC("xdp")
int to_ifindex(struct xdp_md *ctx)
{
	return bpf_redirect(1, 0);
}

SEC("xdp")
int bad_flags(struct xdp_md *ctx)
{
	return bpf_redirect(1, 1 << 20);
}

// by_len picks a port by packet length; missing ones fall back to the action in the flags.
SEC("xdp")
int by_len(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;

	return bpf_redirect_map(&ports, len % 8, len & 3);
}

SEC("xdp")
int ctx_fields(struct xdp_md *ctx)
{
	if (ctx->rx_queue_index)
		return XDP_DROP;
	return ctx->ingress_ifindex == 1 ? XDP_PASS : XDP_TX;
}

NOT_GPL;
