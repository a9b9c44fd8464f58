// SPDX-License-Identifier: Apache-2.0
// What `gbpf demo` runs: a small firewall, and an update of it with two bugs.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct eth {
	unsigned char dst[6], src[6];
	__be16 proto;
} __attribute__((packed));

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 len, id, frag;
	__u8 ttl, protocol;
	__be16 check;
	__be32 saddr, daddr;
} __attribute__((packed));

struct ports {
	__be16 source, dest;
} __attribute__((packed));

enum protocol { ICMP = 1, TCP = 6, UDP = 17 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u64); // packets dropped
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, enum protocol);
	__type(value, __u64);
} packets SEC(".maps");

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->proto != bpf_htons(0x0800))
		return XDP_PASS;
	enum protocol protocol = ip->protocol;
	__u64 *count = bpf_map_lookup_elem(&packets, &protocol);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (protocol != TCP && protocol != UDP)
		return XDP_PASS;
	struct ports *ports = (void *)ip + (ip->version_ihl & 15) * 4;
	if ((void *)(ports + 1) > end)
		return XDP_DROP;
	__u16 port = bpf_ntohs(ports->dest);
	__u64 *dropped = bpf_map_lookup_elem(&blocked, &port);
	if (!dropped)
		return XDP_PASS;
	__sync_fetch_and_add(dropped, 1);
	return XDP_DROP;
}

SEC("xdp")
int faulty_update(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ipv4 *ip = data + sizeof(struct eth);
	struct ports *ports = (void *)ip + (ip->version_ihl & 15) * 4;

	return ports->dest == bpf_htons(23) ? XDP_DROP : XDP_PASS; // nobody checked data_end
}

SEC("xdp")
int runaway_update(struct xdp_md *ctx)
{
	volatile __u32 i = 0;

	while (i < 10)
		i = i * 2; // never gets anywhere
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
