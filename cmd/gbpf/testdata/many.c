// SPDX-License-Identifier: Apache-2.0
// Programs, maps and variables of many kinds, for the command's tests.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum verdict { ALLOW, DENY = 3 };

struct flow {
	__be32 saddr;
	__be16 dport;
	__u8 proto;
	__u8 pad;
};

struct rule {
	enum verdict verdict;
	bool log;
	char name[11];
	__s32 limit;
	__u16 ports[2];
	__u32 low : 4, high : 12;
	union {
		__u64 word;
		__u32 half;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct flow);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, 8);
	__uint(value_size, 4);
} nets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} jumps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} ports SEC(".maps");

const volatile __u32 limit = 5;
__u64 seen;
__u8 mac[6] = { 2, 0, 0, 0, 0, 1 };
extern int LINUX_KERNEL_VERSION __kconfig;

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct flow flow = { .proto = 6 };
	__u32 key = 1;

	seen++;
	__u64 *count = bpf_map_lookup_elem(&counters, &key);
	if (count)
		*count += limit;
	if (data + 38 > end)
		return XDP_ABORTED;
	flow.saddr = *(__be32 *)(data + 26);
	flow.dport = *(__be16 *)(data + 36);
	struct rule *rule = bpf_map_lookup_elem(&rules, &flow);
	if (!rule || rule->verdict == ALLOW)
		return XDP_PASS;
	rule->limit--;
	__u32 record = bpf_ntohs(flow.dport);
	bpf_ringbuf_output(&events, &record, sizeof(record), 0);
	bpf_map_push_elem(&queue, &record, 0);
	bpf_printk("denied port %d", record);
	return XDP_DROP;
}

SEC("xdp")
int rewrite(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_PASS;
	__builtin_memcpy(data + 6, mac, 6);
	return XDP_TX;
}

SEC("xdp")
int push(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -4) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports, 1, XDP_PASS);
}

SEC("xdp")
int jump(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	return XDP_PASS;
}

static __attribute__((noinline)) int peek(void *data, int at)
{
	return ((volatile __u8 *)data)[at];
}

SEC("xdp")
int reads_beyond(struct xdp_md *ctx)
{
	return peek((void *)(long)ctx->data, 2000);
}

SEC("xdp")
int never_ends(struct xdp_md *ctx)
{
	volatile int i = 1;

	while (i)
		;
	return XDP_PASS;
}

SEC("tc")
int mark(struct __sk_buff *skb)
{
	skb->mark = LINUX_KERNEL_VERSION;
	skb->cb[1] = skb->cb[0] + 1;
	return TC_ACT_SHOT;
}

SEC("syscall")
int twice(__u64 *args)
{
	args[1] = args[0] * 2;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
