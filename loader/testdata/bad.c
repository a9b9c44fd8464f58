// Programs and maps that gbpf refuses, each for a reason of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 28);
	__type(key, __u32);
	__type(value, __u64);
} huge SEC(".maps");

struct {
	__uint(type, 77);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} strange SEC(".maps");

static long (*no_such_helper)(void) = (void *)999;

SEC("socket")
int helper(struct __sk_buff *skb)
{
	return no_such_helper();
}

SEC("socket")
int uses_huge(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&huge, &key) != 0;
}

SEC("socket")
int uses_strange(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&strange, &key) != 0;
}

SEC("struct_ops/init")
int type(void *ctx)
{
	return 0;
}

SEC("unheard/of")
int section(void *ctx)
{
	return 0;
}

SEC("socket")
int fine(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "GPL";
