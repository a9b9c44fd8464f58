// SPDX-License-Identifier: Apache-2.0
// Fields of the context. Of each program the twin with _fixed is right.
#include "../progs/common.h"

SEC("cgroup_skb/ingress")
int context_write(struct __sk_buff *skb)
{
	skb->hash = 7;
	return 1;
}

SEC("cgroup_skb/ingress")
int context_write_fixed(struct __sk_buff *skb)
{
	skb->mark = 7;
	return 1;
}

SEC("xdp")
int context_narrow(struct xdp_md *ctx)
{
	u16 low = *(volatile u16 *)&ctx->data;

	return low ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int context_narrow_fixed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return data + 1 > (void *)(long)ctx->data_end ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int context_beyond(struct xdp_md *ctx)
{
	/* struct xdp_md ends at byte 24 */
	return ((volatile u32 *)ctx)[6] ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int context_beyond_fixed(struct xdp_md *ctx)
{
	return ctx->rx_queue_index ? XDP_PASS : XDP_DROP;
}

SEC("socket")
int context_other_type(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 14 > end)
		return 0;
	return *(u8 *)data;
}

SEC("socket")
int context_other_type_fixed(struct __sk_buff *skb)
{
	u8 first;

	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return 0;
	return first;
}

SEC("xdp")
int context_as_skb(struct __sk_buff *skb)
{
	/* the section says xdp, the argument is a tc program's */
	return skb->priority ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int context_as_skb_fixed(struct __sk_buff *skb)
{
	return skb->priority ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("xdp")
int context_egress(struct xdp_md *ctx)
{
	return ctx->egress_ifindex ? XDP_PASS : XDP_DROP;
}

SEC("xdp/devmap")
int context_egress_fixed(struct xdp_md *ctx)
{
	return ctx->egress_ifindex ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int context_variable(struct __sk_buff *skb)
{
	u32 i = skb->queue_mapping & 3;

	return skb->cb[i] ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int context_variable_fixed(struct __sk_buff *skb)
{
	u32 i = skb->queue_mapping & 3, cb[4] = {skb->cb[0], skb->cb[1], skb->cb[2], skb->cb[3]};

	return cb[i] ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int context_moved(struct __sk_buff *skb)
{
	u32 first;

	bpf_skb_load_bytes((void *)skb + 4, 0, &first, 4);
	return first ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int context_moved_fixed(struct __sk_buff *skb)
{
	u32 first;

	if (bpf_skb_load_bytes(skb, 4, &first, 4))
		return TC_ACT_OK;
	return first ? TC_ACT_SHOT : TC_ACT_OK;
}

NOT_GPL;
