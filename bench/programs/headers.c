/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet with up to two VLAN tags, IPv4 with options, TCP or UDP: the addresses and ports as one hash. */
#include "packet.h"

PROGRAM(headers, 14)
{
	struct eth *eth = (void *)p;
	u16 type = eth->type;
	p += sizeof(*eth);
	for (int i = 0; i < 2; i++) {
		if (type != be16(0x8100) && type != be16(0x88a8))
			break;
		struct vlan *tag = (void *)p;
		if ((u8 *)(tag + 1) > end)
			return 1;
		type = tag->type;
		p += sizeof(*tag);
	}
	if (type != be16(0x0800))
		return 2;
	struct ip4 *ip = (void *)p;
	if ((u8 *)(ip + 1) > end)
		return 1;
	if (ip->vihl >> 4 != 4 || (ip->vihl & 15) < 5 || ip->frag & be16(0x3fff))
		return 1;
	p += (ip->vihl & 15) * 4;
	u32 h = ip->src * 0x9e3779b1 ^ ip->dst;
	if (ip->proto == 6) {
		struct tcp *tcp = (void *)p;
		if ((u8 *)(tcp + 1) > end)
			return 1;
		h = rotl32(h, 13) ^ (tcp->sport << 16 | tcp->dport) ^ tcp->flags;
	} else if (ip->proto == 17) {
		struct udp *udp = (void *)p;
		if ((u8 *)(udp + 1) > end)
			return 1;
		h = rotl32(h, 13) ^ (udp->sport << 16 | udp->dport);
	} else {
		return 3;
	}
	return h * 0x85ebca6b >> 2;
}
