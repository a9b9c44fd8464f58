// SPDX-License-Identifier: Apache-2.0
// Addresses that leave the program, which only root's programs may let happen. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} values SEC(".maps");

SEC("tc")
int leak_map(struct __sk_buff *skb)
{
	u32 zero = 0;
	u64 *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return TC_ACT_OK;
	*v = (u64)skb;
	return TC_ACT_OK;
}

SEC("tc")
int leak_map_fixed(struct __sk_buff *skb)
{
	u32 zero = 0;
	u64 *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return TC_ACT_OK;
	*v = skb->len;
	return TC_ACT_OK;
}

SEC("tc")
int leak_return(struct __sk_buff *skb)
{
	return (long)skb;
}

SEC("tc")
int leak_return_fixed(struct __sk_buff *skb)
{
	return skb->len != 0;
}

SEC("tc")
int leak_key(struct __sk_buff *skb)
{
	u64 key = (u64)skb;

	return bpf_map_lookup_elem(&values, &key) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int leak_key_fixed(struct __sk_buff *skb)
{
	u32 key = skb->ifindex & 3;

	return bpf_map_lookup_elem(&values, &key) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int leak_compared(struct __sk_buff *skb)
{
	u64 addr = (u64)skb;

	if (addr > 0x1000)
		skb->mark = 1;
	return TC_ACT_OK;
}

SEC("tc")
int leak_compared_fixed(struct __sk_buff *skb)
{
	u64 len = skb->len;

	if (len > 0x1000)
		skb->mark = 1;
	return TC_ACT_OK;
}

GPL_OK;
