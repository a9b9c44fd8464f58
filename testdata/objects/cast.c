// Structures of the kernel that programs reach by a cast: they need its types.
#include "objects.h"

struct sk_buff { unsigned int len; struct sock *sk; } __attribute__((preserve_access_index));
struct net_device { int ifindex; } __attribute__((preserve_access_index));
struct xdp_rxq_info { struct net_device *dev; } __attribute__((preserve_access_index));
struct xdp_buff { void *data; struct xdp_rxq_info *rxq; } __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj__ign, __u32 btf_id__k) __ksym;

SEC("tc")
int ok_kernel_skb(struct __sk_buff *skb)
{
	struct sk_buff *k = bpf_cast_to_kern_ctx(skb);

	return k->len & 1;
}

SEC("xdp")
int ok_kernel_device(struct xdp_md *xdp)
{
	struct xdp_buff *k = bpf_cast_to_kern_ctx(xdp);

	return k->rxq->dev->ifindex & 1;
}

SEC("tc")
int ok_kernel_cast(struct __sk_buff *skb)
{
	struct task_struct *t = bpf_rdonly_cast((void *)(long)skb->mark, bpf_core_type_id_kernel(struct task_struct));

	return t->pid & 1;
}

SEC("tc")
int bad_kernel_write(struct __sk_buff *skb)
{
	struct sk_buff *k = bpf_cast_to_kern_ctx(skb);

	k->len = 0;
	return 0;
}

SEC("tc")
int bad_kernel_cast(struct __sk_buff *skb)
{
	struct task_struct *t = bpf_rdonly_cast((void *)(long)skb->mark, bpf_core_type_id_kernel(struct task_struct));

	t = bpf_task_acquire(t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("tc")
int bad_kernel_int(struct __sk_buff *skb)
{
	int *n = bpf_rdonly_cast((void *)(long)skb->mark, 1);

	return *n & 1;
}
