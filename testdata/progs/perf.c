// SPDX-License-Identifier: Apache-2.0
// Perf events, with and without bytes of the packet behind them. The records' sizes are chosen
// so that the kernel adds no padding.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

struct event {
	u32 len, kind, check;
};

s64 errors[4];

SEC("xdp")
int xdp_event(struct xdp_md *ctx)
{
	struct event e = {.len = ctx->data_end - ctx->data, .kind = 1};

	e.check = e.len * 2654435761u;
	errors[0] = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	if (e.len >= 16)
		errors[1] = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 16ull << 32, &e, sizeof(e));
	errors[2] = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 4000ull << 32, &e, sizeof(e));
	errors[3] = bpf_perf_event_output(ctx, &events, 1000, &e, sizeof(e));
	return errors[0] ? XDP_ABORTED : XDP_PASS;
}

SEC("tc")
int tc_event(struct __sk_buff *skb)
{
	struct event e = {.len = skb->len, .kind = 2};
	long r;

	if (skb->len < 24)
		return TC_ACT_SHOT;
	r = bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU | 24ull << 32, &e, sizeof(e));
	return r ? TC_ACT_SHOT : TC_ACT_OK;
}

GPL_OK;
