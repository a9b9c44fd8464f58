// SPDX-License-Identifier: Apache-2.0
// Ring buffer records: output, reserve and submit or discard, queries, and a buffer that runs full.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} tiny SEC(".maps");

u64 avail, size, failed, refused[4];

struct event {
	u32 len, kind;
	u8 head[14];
	u8 pad[2];
};

SEC("xdp")
int events_of(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct event *e;
	u32 len = end - data;

	if (data + 14 > end)
		return XDP_ABORTED;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return XDP_DROP;
	e->len = len;
	e->kind = 1;
	__builtin_memcpy(e->head, data, 14);
	e->pad[0] = e->pad[1] = 0xee;
	if (len & 1)
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(e, 0);
	avail = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	size = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);
	if (bpf_ringbuf_query(&events, BPF_RB_CONS_POS) > bpf_ringbuf_query(&events, BPF_RB_PROD_POS))
		return XDP_ABORTED;
	if (bpf_ringbuf_output(&events, &len, sizeof(len), BPF_RB_FORCE_WAKEUP))
		return XDP_TX;
	return XDP_PASS;
}

SEC("xdp")
int fill(struct xdp_md *ctx)
{
	u64 v[13] = {1, 2, 3, ctx->data_end - ctx->data};
	long r = bpf_ringbuf_output(&tiny, v, sizeof(v), 0);

	if (r) {
		failed++;
		refused[0] = r;
	}
	refused[1] = bpf_ringbuf_output(&tiny, v, 8, 4);
	refused[2] = bpf_ringbuf_query(&tiny, 9);
	refused[3] = bpf_ringbuf_query(&tiny, BPF_RB_AVAIL_DATA);
	return r ? XDP_DROP : XDP_PASS;
}

NOT_GPL;
