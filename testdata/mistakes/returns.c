// SPDX-License-Identifier: Apache-2.0
// Return values and ends of programs. Of each program the twin with _fixed is right.
#include "../progs/common.h"

SEC("cgroup_skb/ingress")
int returns_verdict(struct __sk_buff *skb)
{
	return skb->mark ? 2 : 1;
}

SEC("cgroup_skb/ingress")
int returns_verdict_fixed(struct __sk_buff *skb)
{
	return skb->mark ? 0 : 1;
}

SEC("sk_lookup")
int returns_lookup(struct bpf_sk_lookup *ctx)
{
	return ctx->local_port == 80 ? 5 : SK_PASS;
}

SEC("sk_lookup")
int returns_lookup_fixed(struct bpf_sk_lookup *ctx)
{
	return ctx->local_port == 80 ? SK_DROP : SK_PASS;
}

SEC("cgroup/sock_create")
int returns_any(struct bpf_sock *sk)
{
	return sk->mark;
}

SEC("cgroup/sock_create")
int returns_any_fixed(struct bpf_sock *sk)
{
	return sk->mark != 0;
}

SEC("cgroup_skb/egress")
int returns_pointer(struct __sk_buff *skb)
{
	return (long)skb;
}

SEC("cgroup_skb/egress")
int returns_pointer_fixed(struct __sk_buff *skb)
{
	return skb != NULL;
}

__attribute__((naked)) SEC("xdp") int returns_nothing(void)
{
	asm volatile("r0 = 2");
}

__attribute__((naked)) SEC("xdp") int returns_nothing_fixed(void)
{
	asm volatile("r0 = 2\n"
		     "exit");
}

__attribute__((naked)) SEC("xdp") int returns_unset(void)
{
	asm volatile("r1 = 2\n"
		     "exit");
}

__attribute__((naked)) SEC("xdp") int returns_unset_fixed(void)
{
	asm volatile("r0 = 2\n"
		     "exit");
}

NOT_GPL;
