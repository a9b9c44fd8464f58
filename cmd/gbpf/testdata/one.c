// SPDX-License-Identifier: Apache-2.0
// An object with one program and nothing else.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int only(struct xdp_md *ctx)
{
	return ctx->rx_queue_index == 7 ? XDP_TX : XDP_PASS;
}
