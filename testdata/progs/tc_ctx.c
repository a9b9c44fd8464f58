// SPDX-License-Identifier: Apache-2.0
// Traffic-control programs on the fields of __sk_buff, direct packet access and redirects.
#include "common.h"

struct fields {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], tc_classid, size;
	u64 tstamp;
	u32 gso_segs, gso_size;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct fields);
} seen SEC(".maps");

// inspect keeps every field and changes those that it may.
SEC("classifier")
int inspect(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct fields *f = bpf_map_lookup_elem(&seen, &zero);

	if (!f)
		return TC_ACT_SHOT;
	f->len = skb->len;
	f->pkt_type = skb->pkt_type;
	f->mark = skb->mark;
	f->queue_mapping = skb->queue_mapping;
	f->protocol = skb->protocol;
	f->vlan_present = skb->vlan_present;
	f->vlan_tci = skb->vlan_tci;
	f->priority = skb->priority;
	f->ingress_ifindex = skb->ingress_ifindex;
	f->ifindex = skb->ifindex;
	f->tc_index = skb->tc_index;
	f->cb[0] = skb->cb[0];
	f->cb[1] = skb->cb[1];
	f->cb[2] = skb->cb[2];
	f->cb[3] = skb->cb[3];
	f->cb[4] = skb->cb[4];
	f->tc_classid = skb->tc_classid;
	f->size = skb->data_end - skb->data;
	f->tstamp = skb->tstamp;
	f->gso_segs = skb->gso_segs;
	f->gso_size = skb->gso_size;
	skb->mark = skb->mark * 3 + 1;
	skb->priority = skb->len;
	skb->tc_index = skb->len & 0xff;
	skb->cb[0] = skb->cb[4];
	skb->cb[3] = 0xabcdef01;
	skb->cb[4]++;
	skb->tstamp = 12345;
	return skb->cb[0] & 1 ? TC_ACT_PIPE : TC_ACT_OK;
}

// direct counts down the TTL or hop limit of a packet in place.
SEC("tc")
int direct(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);
	struct ip6 *ip6 = (void *)(eth + 1);

	if ((void *)(eth + 1) > end)
		return TC_ACT_SHOT;
	if (eth->type == ETH_IP4) {
		u32 sum;

		if ((void *)(ip + 1) > end)
			return TC_ACT_SHOT;
		if (ip->ttl <= 1)
			return TC_ACT_STOLEN;
		ip->ttl--;
		sum = ip->sum + bpf_htons(0x0100);
		ip->sum = sum + (sum >= 0xffff);
		return TC_ACT_OK;
	}
	if (eth->type == ETH_IP6) {
		if ((void *)(ip6 + 1) > end)
			return TC_ACT_SHOT;
		if (ip6->hops <= 1)
			return TC_ACT_STOLEN;
		ip6->hops--;
		return TC_ACT_OK;
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int redirect(struct __sk_buff *skb)
{
	return bpf_redirect(1, skb->len & 1 ? BPF_F_INGRESS : 0);
}

SEC("tc")
int redirect_bad(struct __sk_buff *skb)
{
	return bpf_redirect(1, 1 << 5);
}

NOT_GPL;
