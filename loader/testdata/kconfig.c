// Every shape of .kconfig variable.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern __u32 CONFIG_HZ __kconfig;
extern __u64 CONFIG_BIG __kconfig __weak;
extern char CONFIG_CHAR __kconfig __weak;
extern enum libbpf_tristate CONFIG_TRISTATE __kconfig __weak;
extern const char CONFIG_STRING[6] __kconfig __weak;
extern _Bool CONFIG_BPF __kconfig;

SEC("socket")
int version(struct __sk_buff *skb)
{
	return LINUX_KERNEL_VERSION;
}

SEC("socket")
int hz(struct __sk_buff *skb)
{
	return CONFIG_HZ;
}

SEC("socket")
int big(struct __sk_buff *skb)
{
	return CONFIG_BIG >> 32;
}

SEC("socket")
int character(struct __sk_buff *skb)
{
	return CONFIG_CHAR;
}

SEC("socket")
int tristate(struct __sk_buff *skb)
{
	return CONFIG_TRISTATE;
}

SEC("socket")
int string(struct __sk_buff *skb)
{
	return CONFIG_STRING[0] << 16 | CONFIG_STRING[4] << 8 | CONFIG_STRING[5];
}

SEC("socket")
int booleans(struct __sk_buff *skb)
{
	return LINUX_HAS_SYSCALL_WRAPPER * 2 + CONFIG_BPF;
}

char _license[] SEC("license") = "GPL";
