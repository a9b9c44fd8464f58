// Weak symbols: a map, a function that is there, one that is not, a kfunc and a
// kernel symbol that may be missing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} weak_map SEC(".maps") __weak;

int missing(int x) __weak;
int missing_kfunc(int x) __weak __ksym;
extern const int missing_ksym __weak __ksym;

__weak __noinline int present(int x)
{
	return x + 1;
}

SEC("socket")
int guarded(struct __sk_buff *skb)
{
	__u32 key = 7, value = 3;

	bpf_map_update_elem(&weak_map, &key, &value, BPF_ANY);
	if (missing)
		return missing(1);
	if (missing_kfunc)
		return missing_kfunc(2);
	if (&missing_ksym)
		return 99;
	return present(skb->len);
}

SEC("socket")
int unguarded(struct __sk_buff *skb)
{
	if (skb->len > 100)
		return missing(1);
	return 5;
}

SEC("socket")
int unguarded_kfunc(struct __sk_buff *skb)
{
	if (skb->len > 100)
		return missing_kfunc(1);
	return 6;
}

char _license[] SEC("license") = "GPL";
