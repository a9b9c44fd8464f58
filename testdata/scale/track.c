// SPDX-License-Identifier: Apache-2.0
// A connection tracker for tc: TCP states, timeouts, address translation both ways, events.
#include "common.h"

struct tuple {
	u32 src, dst;
	u16 sport, dport;
	u8 proto, pad[3];
};

enum { NEW, SYN, SYNACK, OPEN, FIN1, FIN2, CLOSED };

struct conn {
	u64 last, packets[2], bytes[2];
	u32 nat_addr;
	u16 nat_port;
	u8 state, mark;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, struct conn);
} conns SEC(".maps");

struct backend {
	u32 addr;
	u16 port, weight;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct event {
	struct tuple t;
	u64 when;
	u32 kind, state;
};

inlined void report(struct tuple *t, u32 kind, u32 state)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return;
	e->t = *t;
	e->when = bpf_ktime_get_ns();
	e->kind = kind;
	e->state = state;
	bpf_ringbuf_submit(e, 0);
}

inlined u8 advance(u8 state, u8 flags, int reply)
{
	if (flags & 4)
		return CLOSED;
	switch (state) {
	case NEW:
		return flags & 2 ? SYN : NEW;
	case SYN:
		return reply && (flags & 0x12) == 0x12 ? SYNACK : SYN;
	case SYNACK:
		return !reply && flags & 0x10 ? OPEN : SYNACK;
	case OPEN:
		return flags & 1 ? FIN1 : OPEN;
	case FIN1:
		return flags & 1 ? FIN2 : FIN1;
	case FIN2:
		return flags & 0x10 ? CLOSED : FIN2;
	}
	return state;
}

inlined int rewrite(struct __sk_buff *skb, u32 l3, u32 l4, u8 proto, u32 old, u32 new, u16 oldp, u16 newp, int dst)
{
	u32 addr_at = l3 + (dst ? 16 : 12), port_at = l4 + (dst ? 2 : 0);
	u32 sum_at = l4 + (proto == 6 ? 16 : 6);

	if (bpf_l4_csum_replace(skb, sum_at, old, new, BPF_F_PSEUDO_HDR | 4) < 0)
		return -1;
	if (bpf_l4_csum_replace(skb, sum_at, oldp, newp, 2) < 0)
		return -1;
	if (bpf_l3_csum_replace(skb, l3 + 10, old, new, 4) < 0)
		return -1;
	if (bpf_skb_store_bytes(skb, addr_at, &new, 4, 0) < 0)
		return -1;
	return bpf_skb_store_bytes(skb, port_at, &newp, 2, 0);
}

SEC("tc")
int track(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);
	struct tuple t = {}, r = {};
	struct conn *c, fresh = {};
	struct l4 *l4;
	u32 hl, reply = 0, l3 = sizeof(*eth), at;
	u64 now = bpf_ktime_get_ns();
	u8 flags = 0, state;

	if (data + 64 > end) {
		if (bpf_skb_pull_data(skb, 54) < 0)
			return TC_ACT_SHOT;
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
		eth = data;
		ip = (void *)(eth + 1);
	}
	if ((void *)(ip + 1) > end)
		return TC_ACT_OK;
	if (eth->type != ETH_IP4)
		return TC_ACT_OK;
	hl = (ip->vihl & 15) * 4;
	if (hl < 20)
		return TC_ACT_SHOT;
	at = l3 + hl;
	l4 = (void *)ip + hl;
	if ((void *)(l4 + 4) > end)
		return TC_ACT_SHOT;
	t.src = r.dst = ip->src;
	t.dst = r.src = ip->dst;
	t.sport = r.dport = l4->sport;
	t.dport = r.sport = l4->dport;
	t.proto = r.proto = ip->proto;
	if (t.proto == 6)
		flags = ((u8 *)l4)[13];
	else if (t.proto != 17)
		return TC_ACT_OK;
	c = bpf_map_lookup_elem(&conns, &t);
	if (!c) {
		c = bpf_map_lookup_elem(&conns, &r);
		reply = !!c;
	}
	if (!c) {
		u32 slot = (t.src ^ t.sport) & 63;
		struct backend *b = bpf_map_lookup_elem(&backends, &slot);

		if (b && b->addr) {
			fresh.nat_addr = b->addr;
			fresh.nat_port = b->port;
		}
		fresh.state = t.proto == 6 ? advance(NEW, flags, 0) : OPEN;
		fresh.last = now;
		if (bpf_map_update_elem(&conns, &t, &fresh, BPF_NOEXIST) < 0)
			return TC_ACT_SHOT;
		report(&t, 0, fresh.state);
		c = bpf_map_lookup_elem(&conns, &t);
		if (!c)
			return TC_ACT_SHOT;
	}
	state = c->state;
	if (t.proto == 6) {
		c->state = advance(state, flags, reply);
		if (c->state != state)
			report(&t, 1, c->state);
	}
	if (now - c->last > 60000000000ull && state != OPEN) {
		report(&t, 2, state);
		bpf_map_delete_elem(&conns, reply ? &r : &t);
		return TC_ACT_SHOT;
	}
	c->last = now;
	c->packets[reply]++;
	c->bytes[reply] += skb->len;
	if (!c->nat_addr)
		return TC_ACT_OK;
	if (reply) {
		if (rewrite(skb, l3, at, t.proto, t.src, c->nat_addr, t.sport, c->nat_port, 0) < 0)
			return TC_ACT_SHOT;
	} else if (rewrite(skb, l3, at, t.proto, t.dst, c->nat_addr, t.dport, c->nat_port, 1) < 0) {
		return TC_ACT_SHOT;
	}
	skb->mark = state;
	return TC_ACT_OK;
}

GPL_OK;
