// SPDX-License-Identifier: Apache-2.0
// An XDP parser: Ethernet, up to two VLAN tags, IPv4 with options, IPv6 with up
// to four extension headers, ports. Counts by verdict in a per-CPU array, by
// flow in a hash, and forgets a flow when it sees a FIN or RST.
#include "common.h"

struct flow {
	u32 src[4], dst[4];
	u16 sport, dport;
	u8 proto, family;
	u16 vlan;
};

struct stats {
	u64 packets, bytes;
	u32 last_len, max_len;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 5);
	__type(key, u32);
	__type(value, struct stats);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct flow);
	__type(value, struct stats);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u8);
	__type(value, u64);
} protos SEC(".maps");

inlined void count(struct stats *s, u64 len)
{
	s->packets++;
	s->bytes += len;
	s->last_len = len;
	if (len > s->max_len)
		s->max_len = len;
}

inlined int verdict(u32 v, u64 len)
{
	struct stats *s = bpf_map_lookup_elem(&verdicts, &v);

	if (s)
		count(s, len);
	return v;
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u64 len = end - data, one = 1, *n;
	struct flow f = {};
	struct stats *s;
	struct eth *eth = data;
	u16 type;
	u8 proto;

	if ((void *)(eth + 1) > end)
		return verdict(XDP_ABORTED, len);
	data = eth + 1;
	type = eth->type;
	for (int i = 0; i < 2; i++) {
		struct vlan *v = data;

		if (type != ETH_VLAN && type != ETH_QINQ)
			break;
		if ((void *)(v + 1) > end)
			return verdict(XDP_DROP, len);
		f.vlan = f.vlan * 4096 + (bpf_ntohs(v->tci) & 0xfff);
		type = v->type;
		data = v + 1;
	}
	if (type == ETH_IP4) {
		struct ip4 *ip = data;
		u32 hl;

		if ((void *)(ip + 1) > end || ip->vihl >> 4 != 4)
			return verdict(XDP_DROP, len);
		hl = (ip->vihl & 15) * 4;
		if (hl < sizeof(*ip) || data + hl > end)
			return verdict(XDP_DROP, len);
		f.family = 4;
		f.src[0] = ip->src;
		f.dst[0] = ip->dst;
		proto = ip->proto;
		if (ip->frag & bpf_htons(0x1fff))
			return verdict(XDP_PASS, len);
		data += hl;
	} else if (type == ETH_IP6) {
		struct ip6 *ip = data;

		if ((void *)(ip + 1) > end)
			return verdict(XDP_DROP, len);
		f.family = 6;
		__builtin_memcpy(f.src, ip->src, 16);
		__builtin_memcpy(f.dst, ip->dst, 16);
		proto = ip->next;
		data = ip + 1;
		for (int i = 0; i < 4; i++) {
			u8 *ext = data;

			if (proto != 0 && proto != 43 && proto != 60)
				break;
			if (data + 8 > end)
				return verdict(XDP_DROP, len);
			proto = ext[0];
			data += 8 + ext[1] * 8;
		}
	} else {
		return verdict(XDP_PASS, len);
	}
	f.proto = proto;
	n = bpf_map_lookup_elem(&protos, &proto);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&protos, &proto, &one, BPF_NOEXIST);
	if (proto == 6 || proto == 17) {
		struct l4 *l4 = data;

		if ((void *)(l4 + 1) > end)
			return verdict(XDP_DROP, len);
		f.sport = l4->sport;
		f.dport = l4->dport;
	}
	if (proto == 6) {
		u8 *tcp = data;

		if (data + 20 > end)
			return verdict(XDP_DROP, len);
		if (tcp[13] & 5) {
			bpf_map_delete_elem(&flows, &f);
			return verdict(XDP_TX, len);
		}
	}
	s = bpf_map_lookup_elem(&flows, &f);
	if (s) {
		count(s, len);
	} else {
		struct stats first = {};

		count(&first, len);
		bpf_map_update_elem(&flows, &f, &first, BPF_ANY);
	}
	return verdict(XDP_PASS, len);
}

NOT_GPL;
