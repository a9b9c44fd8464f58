// Global data of every section, subprograms, function pointers.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 3;
volatile __u64 total;
__u32 state = 40;
__u16 pair[2] SEC(".data.custom") = { 1, 2 };
static volatile __u32 hidden = 7;

__noinline int twice(int x)
{
	return x * 2 + hidden;
}

static long first_callback(__u32 i, void *arg)
{
	total += i;
	return 0;
}

long second_callback(__u32 i, void *arg)
{
	total += 100 * i;
	return 0;
}

SEC("socket")
int globals(struct __sk_buff *skb)
{
	total++;
	state += limit;
	pair[1] += 5;
	return twice(state);
}

SEC("socket")
int callbacks(struct __sk_buff *skb)
{
	bpf_loop(limit, first_callback, 0, 0);
	return total;
}

SEC("socket")
int global_callback(struct __sk_buff *skb)
{
	bpf_loop(limit, second_callback, 0, 0);
	return total;
}

SEC("socket")
int lines(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->len;

	return *p; /* no object is there */
}

char _license[] SEC("license") = "Dual MIT/GPL";
