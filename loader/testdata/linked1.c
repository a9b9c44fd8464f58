// One half of an object that is linked from two with static functions of one name.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int helper(struct __sk_buff *skb)
{
	return skb->len + 1;
}

SEC("socket")
int first(struct __sk_buff *skb)
{
	return helper(skb) * 10;
}

char _license[] SEC("license") = "GPL";
