// SPDX-License-Identifier: Apache-2.0
// A parser of many layers: VLANs, MPLS labels, IPv4 with options, IPv6 with extension headers,
// GRE and VXLAN with another packet inside, TCP options. Each layer may be missing.
#include "common.h"

struct gre {
	u16 flags, proto;
};

struct udp {
	u16 sport, dport, len, sum;
};

struct tcp {
	u16 sport, dport;
	u32 seq, ack;
	u8 off, flags;
	u16 win, sum, urg;
};

struct found {
	u32 labels, vlans, ext, tunnel;
	u32 mss, wscale, sack, ts;
	u32 src, dst;
	u16 sport, dport;
	u8 proto, depth;
	u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct found);
	__type(value, u64);
} seen SEC(".maps");

struct cursor {
	void *at, *end;
};

#define TAKE(c, type) ({ \
	type *_p = (c)->at; \
	if ((void *)(_p + 1) > (c)->end) \
		_p = 0; \
	else \
		(c)->at = _p + 1; \
	_p; })

inlined int link(struct cursor *c, struct found *f, u16 *type)
{
	struct eth *eth = TAKE(c, struct eth);

	if (!eth)
		return -1;
	*type = eth->type;
	for (int i = 0; i < 2; i++) {
		struct vlan *v;

		if (*type != ETH_VLAN && *type != ETH_QINQ)
			break;
		v = TAKE(c, struct vlan);
		if (!v)
			return -1;
		f->vlans++;
		*type = v->type;
	}
	if (*type != bpf_htons(0x8847))
		return 0;
	for (int i = 0; i < 2; i++) {
		u32 *label = TAKE(c, u32);

		if (!label)
			return -1;
		f->labels++;
		if (bpf_ntohl(*label) & 0x100) {
			u8 *first = c->at;

			if (c->at + 1 > c->end)
				return -1;
			*type = *first >> 4 == 4 ? ETH_IP4 : ETH_IP6;
			return 0;
		}
	}
	return -1;
}

inlined int network(struct cursor *c, struct found *f, u16 type)
{
	if (type == ETH_IP4) {
		struct ip4 *ip = TAKE(c, struct ip4);
		u32 n;

		if (!ip)
			return -1;
		n = (ip->vihl & 15) * 4;
		if (n < sizeof(*ip))
			return -1;
		f->src = ip->src;
		f->dst = ip->dst;
		f->proto = ip->proto;
		n -= sizeof(*ip);
		if (c->at + n > c->end)
			return -1;
		c->at += n;
		return 0;
	}
	if (type == ETH_IP6) {
		struct ip6 *ip = TAKE(c, struct ip6);

		if (!ip)
			return -1;
		f->src = ip->src[3];
		f->dst = ip->dst[3];
		f->proto = ip->next;
		for (int i = 0; i < 2; i++) {
			u8 *h;

			switch (f->proto) {
			case 0:
			case 43:
			case 60:
				break;
			default:
				return 0;
			}
			h = (void *)TAKE(c, u64);
			if (!h)
				return -1;
			f->ext++;
			f->proto = h[0];
			if (c->at + h[1] * 8 > c->end)
				return -1;
			c->at += h[1] * 8;
		}
		return 0;
	}
	return -1;
}

inlined int options(struct cursor *c, struct found *f, u32 n)
{
	u8 *p = c->at;

	for (int i = 0; i < 4 && n > 0; i++) {
		u32 len;

		if ((void *)(p + 1) > c->end)
			return -1;
		if (p[0] == 0)
			return 0;
		if (p[0] == 1) {
			p++;
			n--;
			continue;
		}
		if ((void *)(p + 2) > c->end)
			return -1;
		len = p[1];
		if (len < 2 || len > n || len > 40)
			return -1;
		switch (p[0]) {
		case 2:
			if ((void *)(p + 4) > c->end)
				return -1;
			f->mss = p[2] << 8 | p[3];
			break;
		case 3:
			if ((void *)(p + 3) > c->end)
				return -1;
			f->wscale = p[2];
			break;
		case 4:
			f->sack = 1;
			break;
		case 8:
			if ((void *)(p + 10) > c->end)
				return -1;
			f->ts = p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
			break;
		}
		p += len;
		n -= len;
	}
	return 0;
}

inlined int packet(struct xdp_md *ctx, int depth, int all)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct found f = {};
	u64 one = 1, *n;
	u16 type = 0;

	if (link(&c, &f, &type) || network(&c, &f, type))
		return XDP_DROP;
	for (int i = 0; i < depth; i++) {
		if (f.proto == 47) {
			struct gre *g = TAKE(&c, struct gre);

			if (!g)
				return XDP_DROP;
			if (g->flags & bpf_htons(0x2000) && !TAKE(&c, u32))
				return XDP_DROP;
			type = g->proto;
		} else if (f.proto == 17) {
			struct udp *u = TAKE(&c, struct udp);

			if (!u)
				return XDP_DROP;
			f.sport = u->sport;
			f.dport = u->dport;
			if (u->dport != bpf_htons(4789))
				break;
			if (!TAKE(&c, u64) || link(&c, &f, &type))
				return XDP_DROP;
		} else {
			break;
		}
		f.tunnel++;
		if (network(&c, &f, type))
			return XDP_DROP;
	}
	f.depth = f.tunnel;
	if (f.proto == 6) {
		struct tcp *t = TAKE(&c, struct tcp);

		if (!t)
			return XDP_DROP;
		f.sport = t->sport;
		f.dport = t->dport;
		if (all && t->off >> 4 > 5 && options(&c, &f, (t->off >> 4) * 4 - 20))
			return XDP_DROP;
	}
	n = bpf_map_lookup_elem(&seen, &f);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&seen, &f, &one, BPF_ANY);
	return f.tunnel ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int plain(struct xdp_md *ctx)
{
	return packet(ctx, 0, 1);
}

SEC("xdp")
int tunnel(struct xdp_md *ctx)
{
	return packet(ctx, 1, 0);
}

NOT_GPL;
