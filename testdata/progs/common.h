/* SPDX-License-Identifier: Apache-2.0 */
/* What the test programs share: wire formats and short names. */
#pragma once
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define noinline __attribute__((noinline))
#define inlined static __always_inline

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
};

struct ip6 {
	u32 flow;
	u16 len;
	u8 next, hops;
	u32 src[4], dst[4];
};

struct l4 {
	u16 sport, dport;
};

#define ETH_IP4 bpf_htons(0x0800)
#define ETH_IP6 bpf_htons(0x86dd)
#define ETH_VLAN bpf_htons(0x8100)
#define ETH_QINQ bpf_htons(0x88a8)

#define GPL_OK char LICENSE[] SEC("license") = "Dual BSD/GPL"
#define NOT_GPL char LICENSE[] SEC("license") = "Apache-2.0"
