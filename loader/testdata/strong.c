// A .kconfig variable that no default exists for and that is not weak.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int CONFIG_NOBODY_KNOWS __kconfig;

SEC("socket")
int need(struct __sk_buff *skb)
{
	return CONFIG_NOBODY_KNOWS;
}

char _license[] SEC("license") = "GPL";
