/* SPDX-License-Identifier: Apache-2.0 */
/* A filter as tcpdump would write it: networks, ports and flags, compared with constants. */
#include "packet.h"

#define NET(a, b, c, d) ((u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

PROGRAM(filter, 54)
{
	struct eth *eth = (void *)p;
	struct ip4 *ip = (void *)(p + 14);
	struct tcp *tcp = (void *)(p + 34);
	if (be16(eth->type) != 0x0800 || ip->vihl != 0x45 || ip->proto != 6)
		return 1;
	u32 src = be32(ip->src), dst = be32(ip->dst);
	if ((src & 0xff000000) == NET(127, 0, 0, 0) || (src & 0xf0000000) == NET(224, 0, 0, 0))
		return 1;
	if ((src & 0xfff00000) != NET(172, 16, 0, 0) && (src & 0xffff0000) != NET(192, 168, 0, 0) && (src & 0xff000000) != NET(10, 0, 0, 0))
		return 1;
	if (dst == NET(192, 0, 2, 1) || dst == NET(192, 0, 2, 9) || (dst & 0xffffff00) == NET(198, 51, 100, 0))
		return 1;
	switch (be16(tcp->dport)) {
	case 22:
	case 80:
	case 443:
	case 8080:
	case 8443:
		break;
	default:
		return 1;
	}
	if ((tcp->flags & 3) == 3 || tcp->flags == 0)
		return 1;
	return be16(ip->len) > 40 ? 2 : 3;
}
