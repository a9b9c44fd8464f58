// Tracing programs: kernel functions on what they are given, and memory that user space shares with them.
#include "objects.h"
#include <bpf/bpf_tracing.h>

#define uptr __attribute__((btf_type_tag("uptr")))

struct sk_buff { unsigned int len; } __attribute__((preserve_access_index));
struct seq_file { void *buf; } __attribute__((preserve_access_index));
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; } __attribute__((preserve_access_index));
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } __attribute__((preserve_access_index));
struct css_set { struct cgroup *dfl_cgrp; } __attribute__((preserve_access_index));
struct task_cgroups { struct css_set *cgroups; };
struct task_struct___2 { struct css_set *cgroups; struct task_struct *real_parent; } __attribute__((preserve_access_index));
struct vm_area_struct { unsigned long vm_start; } __attribute__((preserve_access_index));

struct bpf_iter_task_vma { __u64 opaque[1]; } __attribute__((aligned(8)));
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task, __u64 addr) __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 buffer__szk) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *c) __ksym;
extern void bpf_cgroup_release(struct cgroup *c) __ksym;
extern long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor) __ksym;

struct shared { __u64 hits; };
struct shared example; // so that its type is told
struct mine {
	struct shared uptr *shared;
	__u64 runs;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mine);
} storage SEC(".maps");

SEC("tp_btf/kfree_skb")
int BPF_PROG(ok_kernel_packet, struct sk_buff *skb)
{
	struct bpf_dynptr p;
	char buf[4], *b;

	if (bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &p))
		return 0;
	b = bpf_dynptr_slice(&p, 0, buf, sizeof(buf));
	return b ? b[0] : 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(ok_kernel_parent, struct task_struct *task)
{
	struct task_struct *t = bpf_task_acquire(((struct task_struct___2 *)task)->real_parent);

	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(ok_kernel_cgroup, struct task_struct *task)
{
	struct cgroup *c = ((struct task_struct___2 *)task)->cgroups->dfl_cgrp;
	long n;

	c = bpf_cgroup_acquire(c);
	if (!c)
		return 0;
	n = bpf_task_under_cgroup(task, c);
	bpf_cgroup_release(c);
	return n;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(ok_kernel_vmas, struct task_struct *task)
{
	struct bpf_iter_task_vma it;
	struct vm_area_struct *v;
	unsigned long first = 0;

	bpf_iter_task_vma_new(&it, task, 0);
	while ((v = bpf_iter_task_vma_next(&it)))
		if (!first)
			first = v->vm_start;
	bpf_iter_task_vma_destroy(&it);
	return first & 1;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(ok_kernel_shared, struct task_struct *task)
{
	struct mine *m = bpf_task_storage_get(&storage, task, 0, 0);
	struct shared *s;

	if (!m)
		return 0;
	m->runs++;
	s = m->shared;
	if (s)
		s->hits++;
	return 0;
}

SEC("iter.s/task")
int ok_kernel_iter(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (!t)
		return 0;
	t = bpf_task_acquire(t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("iter.s/task")
int ok_kernel_iter_parent(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (!t)
		return 0;
	bpf_rcu_read_lock();
	t = bpf_task_acquire(((struct task_struct___2 *)t)->real_parent);
	bpf_rcu_read_unlock();
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("iter.s/task")
int bad_kernel_iter_parent(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (!t)
		return 0;
	t = bpf_task_acquire(((struct task_struct___2 *)t)->real_parent);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("iter.s/task")
int bad_kernel_iter_null(struct bpf_iter__task *ctx)
{
	struct task_struct *t = bpf_task_acquire(ctx->task);

	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(bad_kernel_shared, struct task_struct *task)
{
	struct mine *m = bpf_task_storage_get(&storage, task, 0, 0);

	if (!m)
		return 0;
	m->shared->hits++;
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(bad_kernel_shared_set, struct task_struct *task)
{
	struct mine *m = bpf_task_storage_get(&storage, task, 0, 0);

	if (m)
		m->shared = 0;
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(bad_kernel_shared_far, struct task_struct *task)
{
	struct mine *m = bpf_task_storage_get(&storage, task, 0, 0);
	__u64 *s;

	if (!m)
		return 0;
	s = (__u64 *)m->shared;
	if (s)
		s[1]++;
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(bad_kernel_release, struct task_struct *task)
{
	bpf_task_release(task);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(bad_kernel_packet, struct sk_buff *skb)
{
	struct bpf_dynptr p;
	char buf[4], *b;

	if (bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &p))
		return 0;
	b = bpf_dynptr_slice(&p, 0, buf, sizeof(buf));
	if (b)
		b[0] = 1;
	return 0;
}
