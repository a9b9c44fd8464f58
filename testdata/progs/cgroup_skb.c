// SPDX-License-Identifier: Apache-2.0
// cgroup egress and ingress filters: direct packet access starts at the IP header here.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, u32);
	__type(value, u64);
} bytes_by_peer SEC(".maps");

inlined int account(struct __sk_buff *skb, int peer_off)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ip4 *ip = data;
	u64 len = skb->len, *n;
	u32 peer;

	if (skb->protocol != ETH_IP4)
		return skb->protocol == ETH_IP6;
	if ((void *)(ip + 1) > end)
		return 0;
	peer = *(u32 *)(data + peer_off);
	n = bpf_map_lookup_elem(&bytes_by_peer, &peer);
	if (n)
		*n += len;
	else
		bpf_map_update_elem(&bytes_by_peer, &peer, &len, BPF_ANY);
	return ip->vihl == 0x45;
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	return account(skb, offsetof(struct ip4, src));
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	return account(skb, offsetof(struct ip4, dst));
}

SEC("cgroup_skb/egress")
int first_byte(struct __sk_buff *skb)
{
	u8 b[2];

	if (bpf_skb_load_bytes(skb, 0, b, 2))
		return 0;
	skb->mark = b[0];
	skb->cb[0] = b[1];
	return b[0] >> 4 == 4;
}

NOT_GPL;
