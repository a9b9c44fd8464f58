// The other half.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int helper(struct __sk_buff *skb)
{
	return skb->len + 2;
}

static __noinline int other(struct __sk_buff *skb)
{
	return helper(skb) * 100;
}

SEC("socket")
int second(struct __sk_buff *skb)
{
	return other(skb);
}
