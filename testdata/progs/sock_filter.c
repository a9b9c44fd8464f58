// SPDX-License-Identifier: Apache-2.0
// Socket filters: with skb_load_bytes, with the packet loads of classic BPF, and on cb.
#include "common.h"

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} protocols SEC(".maps");

// snap keeps the headers of IP packets and nothing else.
SEC("socket")
int snap(struct __sk_buff *skb)
{
	u8 vihl = 0, next = 0;
	u64 *n, one = 1;
	u32 key;

	if (skb->protocol == ETH_IP4) {
		if (bpf_skb_load_bytes(skb, 14, &vihl, 1) || bpf_skb_load_bytes(skb, 23, &next, 1))
			return 0;
		key = 4 << 8 | next;
	} else if (skb->protocol == ETH_IP6) {
		if (bpf_skb_load_bytes(skb, 20, &next, 1))
			return 0;
		key = 6 << 8 | next;
	} else {
		key = skb->protocol << 16;
	}
	n = bpf_map_lookup_elem(&protocols, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&protocols, &key, &one, BPF_ANY);
	return next ? 14 + (vihl ? (vihl & 15) * 4 : 40) : skb->len;
}

// A load beyond the packet ends a program of this kind with 0.
SEC("socket")
int classic(struct __sk_buff *skb)
{
	u64 type = load_half(skb, 12);

	if (type == 0x0800)
		return load_byte(skb, 14 + 9) << 16 | (load_byte(skb, 14) & 15);
	if (type == 0x86dd)
		return load_word(skb, 14) ^ load_word(skb, 14 + 36);
	return type;
}

SEC("socket")
int classic_index(struct __sk_buff *skb)
{
	u32 off = 14;
	u32 sum = 0;

	for (int i = 0; i < 6; i++) {
		sum = sum * 31 + load_half(skb, off);
		off += load_byte(skb, off) & 15;
	}
	return sum;
}

SEC("socket")
int classic_end(struct __sk_buff *skb)
{
	return load_word(skb, skb->len - 4) + load_byte(skb, skb->len - 1);
}

SEC("socket")
int control(struct __sk_buff *skb)
{
	skb->cb[1] = skb->cb[0] + skb->len;
	skb->cb[2] = skb->ifindex;
	return skb->cb[1] * 2 + (skb->cb[4] != 0);
}

NOT_GPL;
