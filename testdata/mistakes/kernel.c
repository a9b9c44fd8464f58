// SPDX-License-Identifier: Apache-2.0
// Kernel memory, kernel functions and kptrs. Of each program the twin with _fixed is right.
#include "../progs/common.h"

enum { SECOND_ARGUMENT = 13 }; /* rsi in x86's struct pt_regs */

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, u64 flags, struct bpf_dynptr *d) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

struct holder {
	struct task_struct __kptr *task;
	u64 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct holder);
} holders SEC(".maps");

struct filename {
	const char *name;
	const char *uptr;
};

SEC("kprobe/do_unlinkat")
int kernel_dereference(u64 *ctx)
{
	struct filename *f = (void *)ctx[SECOND_ARGUMENT];

	return f->name != NULL;
}

SEC("kprobe/do_unlinkat")
int kernel_dereference_fixed(u64 *ctx)
{
	struct filename *f = (void *)ctx[SECOND_ARGUMENT];
	const char *name = NULL;

	bpf_probe_read_kernel(&name, sizeof(name), &f->name);
	return name != NULL;
}

SEC("xdp")
int kernel_function(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u8 first = 0;

	if (!bpf_dynptr_from_skb((void *)ctx, 0, &d))
		bpf_dynptr_read(&first, 1, &d, 0, 0);
	return first;
}

SEC("tc")
int kernel_function_fixed(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	u8 first = 0;

	if (!bpf_dynptr_from_skb(skb, 0, &d))
		bpf_dynptr_read(&first, 1, &d, 0, 0);
	return first;
}

SEC("tc")
int kptr_stored(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);

	if (!h)
		return TC_ACT_OK;
	*(volatile u64 *)&h->task = 1;
	return TC_ACT_OK;
}

SEC("tc")
int kptr_stored_fixed(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);

	if (!h)
		return TC_ACT_OK;
	h->n = 1;
	return TC_ACT_OK;
}

SEC("tc")
int kptr_type(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);

	if (!h)
		return TC_ACT_OK;
	bpf_kptr_xchg(&h->n, NULL);
	return TC_ACT_OK;
}

SEC("syscall")
int kptr_type_fixed(void *ctx)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct task_struct *old;

	if (!h)
		return 0;
	old = bpf_kptr_xchg(&h->task, NULL);
	if (old)
		bpf_task_release(old);
	return 0;
}

SEC("syscall")
int kptr_leaked(void *ctx)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct task_struct *old;

	if (!h)
		return 0;
	old = bpf_kptr_xchg(&h->task, NULL);
	return old != NULL;
}

SEC("syscall")
int kptr_leaked_fixed(void *ctx)
{
	u32 zero = 0;
	struct holder *h = bpf_map_lookup_elem(&holders, &zero);
	struct task_struct *old;

	if (!h)
		return 0;
	old = bpf_kptr_xchg(&h->task, NULL);
	if (!old)
		return 0;
	bpf_task_release(old);
	return 1;
}

GPL_OK;
