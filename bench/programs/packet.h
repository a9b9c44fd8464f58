/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of packets. */
#pragma once
#include "bench.h"

struct eth {
	u8 dst[6], src[6];
	u16 type;
} __attribute__((packed));

struct vlan {
	u16 tci, type;
};

struct ip4 {
	u8 vihl, tos;
	u16 len, id, frag;
	u8 ttl, proto;
	u16 sum;
	u32 src, dst;
} __attribute__((packed));

struct tcp {
	u16 sport, dport;
	u32 seq, ack;
	u8 off, flags;
	u16 window, sum, urgent;
} __attribute__((packed));

struct udp {
	u16 sport, dport, len, sum;
};
