/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges addresses and ports of a TCP packet with those of a translation, both checksums kept right by what has changed. */
#include "packet.h"

inlined u16 patch(u16 sum, u32 old, u32 new)
{
	u64 s = (u16)~sum;
	s += ~old & 0xffff;
	s += ~old >> 16;
	s += new & 0xffff;
	s += new >> 16;
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return ~s;
}

PROGRAM(nat, 54)
{
	struct eth *eth = (void *)p;
	struct ip4 *ip = (void *)(p + 14);
	struct tcp *tcp = (void *)(p + 34);
	if (eth->type != be16(0x0800) || ip->vihl != 0x45 || ip->proto != 6)
		return 1;
	u32 old = ip->src, new = old ^ be32(0x00a5005a);
	u16 port = tcp->sport, other = port ^ be16(0x1234);
	ip->src = new;
	ip->sum = patch(ip->sum, old, new);
	tcp->sport = other;
	u16 sum = patch(tcp->sum, old, new);
	tcp->sum = patch(sum, port, other);
	u8 mac = eth->src[5];
	eth->src[5] = eth->dst[5];
	eth->dst[5] = mac;
	return 3;
}
