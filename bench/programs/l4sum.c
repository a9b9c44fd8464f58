/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum of TCP with its pseudo header over up to 512 bytes, an even number, each two bytes held against the packet's end. */
#include "packet.h"

PROGRAM(l4sum, 54)
{
	struct ip4 *ip = (void *)(p + 14);
	if (ip->vihl != 0x45 || ip->proto != 6)
		return 1;
	u64 sum = (u64)ip->src + ip->dst + be16(6) + be16(be16(ip->len) - 20);
	u8 *at = p + 34;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 256; i++) {
		if (at + 2 > end)
			break;
		sum += load16(at);
		at += 2;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}
