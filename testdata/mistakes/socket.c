// SPDX-License-Identifier: Apache-2.0
// Socket references: each lookup is released. Of each program the twin with _fixed is right.
#include "../progs/common.h"


SEC("tc")
int socket_leaked(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);

	return sk ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int socket_leaked_fixed(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);

	if (!sk)
		return TC_ACT_SHOT;
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

SEC("tc")
int socket_null(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);

	bpf_sk_release(sk);
	return TC_ACT_OK;
}

SEC("tc")
int socket_null_fixed(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);

	if (sk)
		bpf_sk_release(sk);
	return TC_ACT_OK;
}

SEC("tc")
int socket_used_after(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);

	if (!sk)
		return TC_ACT_OK;
	bpf_sk_release(sk);
	return sk->mark == 7 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int socket_used_after_fixed(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {.ipv4 = {.dport = bpf_htons(443)}};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	u32 mark;

	if (!sk)
		return TC_ACT_OK;
	mark = sk->mark;
	bpf_sk_release(sk);
	return mark == 7 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int socket_written(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	sk->mark = 7;
	return TC_ACT_OK;
}

SEC("tc")
int socket_written_fixed(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	skb->mark = sk->mark;
	return TC_ACT_OK;
}

SEC("tc")
int socket_not_full(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	return sk->priority ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int socket_not_full_fixed(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	return sk->priority ? TC_ACT_SHOT : TC_ACT_OK;
}

NOT_GPL;
