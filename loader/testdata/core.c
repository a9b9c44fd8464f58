// CO-RE: fields that moved, exist, or do not.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

struct task_struct___gone {
	int no_such_field;
} __attribute__((preserve_access_index));

struct no_such_struct {
	int a;
} __attribute__((preserve_access_index));

enum bpf_map_type___local {
	BPF_MAP_TYPE_RINGBUF___local = 1000,
};

SEC("socket")
int offset(struct __sk_buff *skb)
{
	return __builtin_preserve_field_info(((struct task_struct *)0)->tgid, BPF_FIELD_BYTE_OFFSET);
}

SEC("socket")
int exists(struct __sk_buff *skb)
{
	int r = 0;

	if (bpf_core_field_exists(struct task_struct, pid))
		r |= 1;
	if (bpf_core_field_exists(struct task_struct___gone, no_such_field))
		r |= 2;
	if (bpf_core_type_exists(struct no_such_struct))
		r |= 4;
	return r;
}

SEC("socket")
int enumval(struct __sk_buff *skb)
{
	return bpf_core_enum_value(enum bpf_map_type___local, BPF_MAP_TYPE_RINGBUF___local);
}

SEC("socket")
int poisoned(struct __sk_buff *skb)
{
	if (skb->len > 100)
		return __builtin_preserve_field_info(((struct no_such_struct *)0)->a, BPF_FIELD_BYTE_OFFSET);
	return 8;
}

char _license[] SEC("license") = "GPL";
