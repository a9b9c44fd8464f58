// SPDX-License-Identifier: Apache-2.0
// Ring buffer records: each is given back once. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} events SEC(".maps");

struct event {
	u32 len, kind;
};

SEC("xdp")
int record_leaked(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->len = ctx->data_end - ctx->data;
	if (e->len < 64)
		return XDP_DROP;
	e->kind = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_leaked_fixed(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->len = ctx->data_end - ctx->data;
	if (e->len < 64) {
		bpf_ringbuf_discard(e, 0);
		return XDP_DROP;
	}
	e->kind = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_used_after(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = ctx->ingress_ifindex;
	bpf_ringbuf_submit(e, 0);
	return e->kind ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int record_used_after_fixed(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	u32 kind;

	if (!e)
		return XDP_PASS;
	kind = ctx->ingress_ifindex;
	e->kind = kind;
	bpf_ringbuf_submit(e, 0);
	return kind ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int record_twice(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = 1;
	if (ctx->rx_queue_index)
		bpf_ringbuf_discard(e, 0);
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_twice_fixed(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = 1;
	if (ctx->rx_queue_index)
		bpf_ringbuf_discard(e, 0);
	else
		bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_null(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	e->kind = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_null_fixed(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_size(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;
	u8 *e = bpf_ringbuf_reserve(&events, len, 0);

	if (!e)
		return XDP_PASS;
	e[0] = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_size_fixed(struct xdp_md *ctx)
{
	u8 *e = bpf_ringbuf_reserve(&events, 128, 0);

	if (!e)
		return XDP_PASS;
	e[0] = 1;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_beyond(struct xdp_md *ctx)
{
	u32 *e = bpf_ringbuf_reserve(&events, sizeof(struct event), 0);

	if (!e)
		return XDP_PASS;
	e[0] = 1;
	e[2] = ctx->ingress_ifindex;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_beyond_fixed(struct xdp_md *ctx)
{
	u32 *e = bpf_ringbuf_reserve(&events, sizeof(struct event), 0);

	if (!e)
		return XDP_PASS;
	e[0] = 1;
	e[1] = ctx->ingress_ifindex;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_part(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = ctx->ingress_ifindex;
	bpf_ringbuf_submit(&e->kind, 0);
	return XDP_PASS;
}

SEC("xdp")
int record_part_fixed(struct xdp_md *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return XDP_PASS;
	e->kind = ctx->ingress_ifindex;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

NOT_GPL;
