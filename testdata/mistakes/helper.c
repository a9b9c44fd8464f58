// SPDX-License-Identifier: Apache-2.0
// Calls of helpers. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} stages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, u32);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} events SEC(".maps");

u8 copy[64];

SEC("xdp")
int helper_not_allowed(struct xdp_md *ctx)
{
	return bpf_skb_pull_data((void *)ctx, 14) ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int helper_not_allowed_fixed(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 14) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("xdp")
int helper_map_type(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &seen, 0);
	return XDP_PASS;
}

SEC("xdp")
int helper_map_type_fixed(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &stages, 0);
	return XDP_PASS;
}

SEC("xdp")
int helper_queue_lookup(struct xdp_md *ctx)
{
	u32 v = 0;

	return bpf_map_lookup_elem(&queue, &v) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int helper_queue_lookup_fixed(struct xdp_md *ctx)
{
	u32 v = 0;

	return bpf_map_peek_elem(&queue, &v) ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int helper_size_unbounded(struct __sk_buff *skb)
{
	bpf_ringbuf_output(&events, copy, skb->len, 0);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_unbounded_fixed(struct __sk_buff *skb)
{
	u32 n = skb->len;

	if (n > sizeof(copy))
		return TC_ACT_OK;
	bpf_ringbuf_output(&events, copy, n, 0);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_negative(struct __sk_buff *skb)
{
	s32 n = skb->len - 14;

	if (n > (s32)sizeof(copy))
		return TC_ACT_OK;
	bpf_ringbuf_output(&events, copy, n, 0);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_negative_fixed(struct __sk_buff *skb)
{
	s32 n = skb->len - 14;

	if (n < 0 || n > (s32)sizeof(copy))
		return TC_ACT_OK;
	bpf_ringbuf_output(&events, copy, n, 0);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_zero(struct __sk_buff *skb)
{
	u32 n = skb->len;

	if (n > sizeof(copy))
		return TC_ACT_OK;
	bpf_skb_load_bytes(skb, 0, copy, n);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_zero_fixed(struct __sk_buff *skb)
{
	u32 n = skb->len;

	if (n < 1 || n > sizeof(copy))
		return TC_ACT_OK;
	bpf_skb_load_bytes(skb, 0, copy, n);
	return TC_ACT_OK;
}

SEC("tc")
int helper_size_beyond(struct __sk_buff *skb)
{
	u8 head[16];

	bpf_skb_load_bytes(skb, 0, head, 34);
	return head[0];
}

SEC("tc")
int helper_size_beyond_fixed(struct __sk_buff *skb)
{
	u8 head[34];

	bpf_skb_load_bytes(skb, 0, head, sizeof(head));
	return head[0];
}

SEC("xdp")
int helper_key_value(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&seen, (void *)(long)key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int helper_key_value_fixed(struct xdp_md *ctx)
{
	u32 key = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&seen, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int helper_context_other(struct xdp_md *ctx)
{
	u64 v = 0;

	bpf_tail_call(&v, &stages, 0);
	return XDP_PASS;
}

SEC("xdp")
int helper_context_other_fixed(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &stages, 0);
	return XDP_PASS;
}

SEC("xdp")
int helper_map_by_value(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *v = bpf_map_lookup_elem(&seen, &key);

	if (!v)
		return XDP_PASS;
	/* the value of a hash is not a map */
	return bpf_map_delete_elem(v, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int helper_map_by_value_fixed(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *v = bpf_map_lookup_elem(&seen, &key);

	if (!v)
		return XDP_PASS;
	return bpf_map_delete_elem(&seen, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int helper_rodata_format(struct xdp_md *ctx)
{
	char out[16], fmt[] = "queue %d";
	u64 args[1] = {ctx->rx_queue_index};

	bpf_snprintf(out, sizeof(out), fmt, args, sizeof(args));
	return out[0];
}

static const char queue_format[] = "queue %d";

SEC("xdp")
int helper_rodata_format_fixed(struct xdp_md *ctx)
{
	char out[16];
	u64 args[1] = {ctx->rx_queue_index};

	bpf_snprintf(out, sizeof(out), queue_format, args, sizeof(args));
	return out[0];
}

GPL_OK;
