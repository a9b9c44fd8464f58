// SPDX-License-Identifier: Apache-2.0
// A traffic-control NAT: rewrites IPv4 destination and port through the packet
// helpers and repairs both checksums; and programs for the corners of those helpers.
#include "common.h"

struct target {
	u32 addr;
	u16 port, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u16);
	__type(value, struct target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, s64);
} results SEC(".maps");

inlined void result(u32 i, s64 v)
{
	bpf_map_update_elem(&results, &i, &v, BPF_ANY);
}

#define IP_OFF 14

SEC("tc")
int nat(struct __sk_buff *skb)
{
	struct target *t;
	struct ip4 ip;
	struct l4 l4;
	u32 l4_off, sum_off;
	u64 udp = 0;
	long err;

	if (skb->protocol != ETH_IP4)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, IP_OFF, &ip, sizeof(ip)))
		return TC_ACT_SHOT;
	if (ip.proto == 6)
		sum_off = 16;
	else if (ip.proto == 17)
		sum_off = 6, udp = BPF_F_MARK_MANGLED_0;
	else
		return TC_ACT_UNSPEC;
	l4_off = IP_OFF + (ip.vihl & 15) * 4;
	if (bpf_skb_load_bytes(skb, l4_off, &l4, sizeof(l4)))
		return TC_ACT_SHOT;
	t = bpf_map_lookup_elem(&targets, &l4.dport);
	if (!t)
		return TC_ACT_PIPE;
	err = bpf_l4_csum_replace(skb, l4_off + sum_off, ip.dst, t->addr, BPF_F_PSEUDO_HDR | udp | 4);
	result(0, err);
	err = bpf_l4_csum_replace(skb, l4_off + sum_off, l4.dport, t->port, udp | 2);
	result(1, err);
	err = bpf_l3_csum_replace(skb, IP_OFF + offsetof(struct ip4, sum), ip.dst, t->addr, 4);
	result(2, err);
	err = bpf_skb_store_bytes(skb, IP_OFF + offsetof(struct ip4, dst), &t->addr, 4, 0);
	result(3, err);
	err = bpf_skb_store_bytes(skb, l4_off + 2, &t->port, 2, 0);
	result(4, err);
	return err ? TC_ACT_SHOT : TC_ACT_OK;
}

// mac swaps the two addresses and keeps the last bytes of a frame in front of its payload.
SEC("tc")
int mac_swap(struct __sk_buff *skb)
{
	u8 mac[12], tail[4];

	if (bpf_skb_load_bytes(skb, 0, mac, 12))
		return TC_ACT_SHOT;
	bpf_skb_store_bytes(skb, 0, mac + 6, 6, 0);
	bpf_skb_store_bytes(skb, 6, mac, 6, BPF_F_INVALIDATE_HASH);
	if (skb->len < 32 || bpf_skb_load_bytes(skb, skb->len - 4, tail, 4))
		return TC_ACT_OK;
	if (bpf_skb_store_bytes(skb, 14, tail, 4, BPF_F_RECOMPUTE_CSUM))
		return TC_ACT_SHOT;
	return TC_ACT_PIPE;
}

// limits asks for what cannot be had.
SEC("tc")
int limits(struct __sk_buff *skb)
{
	u8 buf[16] = {};

	result(5, bpf_skb_load_bytes(skb, skb->len, buf, 1));
	result(6, bpf_skb_load_bytes(skb, skb->len - 1, buf, 2));
	result(7, bpf_skb_load_bytes(skb, 0x7fffffff, buf, 16));
	result(8, bpf_skb_store_bytes(skb, skb->len, buf, 1, 0));
	result(9, bpf_skb_store_bytes(skb, 0, buf, 1, 1 << 10));
	result(10, bpf_l3_csum_replace(skb, 1, 0, 1, 2));
	result(11, bpf_l3_csum_replace(skb, skb->len, 0, 1, 2));
	result(12, bpf_l3_csum_replace(skb, 0, 0, 1, 3));
	result(13, bpf_l4_csum_replace(skb, 0, 0, 1, 1 << 9));
	// The bytes at the end can be had.
	return bpf_skb_load_bytes(skb, skb->len - 2, buf, 2) ? TC_ACT_SHOT : (buf[0] ^ buf[1]) & 7;
}

// diff feeds csum_diff with every shape it takes, and mixes in the packet's bytes.
SEC("tc")
int diff(struct __sk_buff *skb)
{
	u32 a[4] = {0x01020304, 0xfffefdfc, 0, 0x80000001}, b[4] = {};
	s64 n;

	bpf_skb_load_bytes(skb, 0, b, 12);
	b[3] = skb->len;
	n = bpf_csum_diff(0, 0, a, 16, 0);
	result(0, n);
	n = bpf_csum_diff(a, 16, 0, 0, 0);
	result(1, n);
	n = bpf_csum_diff(a, 16, b, 16, 0x1234);
	result(2, n);
	n = bpf_csum_diff(a, 8, b, 16, 0xffffffff);
	result(3, n);
	n = bpf_csum_diff(b, 16, a, 4, 1);
	result(4, n);
	return n & 3;
}

NOT_GPL;
