// Work that is done later, counters of each CPU, tasks that a map keeps, and locks that may fail.
#include "objects.h"

struct counter { __u64 hits, bytes; };

struct value {
	struct bpf_timer timer;
	struct bpf_wq work;
	struct task_struct kptr *task;
	struct counter percpu_kptr *counts;
	__u64 runs;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct value);
} values SEC(".maps");

struct guarded {
	struct bpf_res_spin_lock lock;
	__u64 data;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct guarded);
} guards SEC(".maps");

static struct value *value(int key) { return bpf_map_lookup_elem(&values, &key); }

static int tick(void *map, int *key, struct value *v)
{
	v->runs++;
	bpf_timer_start(&v->timer, 1000000, 0);
	return 0;
}

static int slow(void *map, int *key, void *value)
{
	struct value *v = value;
	char buf[8];

	bpf_copy_from_user(buf, sizeof(buf), 0);
	v->runs += *key;
	return 0;
}

SEC("tc")
int ok_timer(struct __sk_buff *skb)
{
	struct value *v = value(0);

	if (!v)
		return 0;
	if (bpf_timer_init(&v->timer, &values, 1))
		return 0;
	bpf_timer_set_callback(&v->timer, tick);
	bpf_timer_start(&v->timer, 1000, 0);
	return 0;
}

SEC("tc")
int ok_work(struct __sk_buff *skb)
{
	struct value *v = value(1);

	if (!v || bpf_wq_init(&v->work, &values, 0) || bpf_wq_set_callback_impl(&v->work, slow, 0, 0))
		return 0;
	return bpf_wq_start(&v->work, 0) & 1;
}

SEC("tc")
int ok_counts(struct __sk_buff *skb)
{
	struct value *v = value(2);
	struct counter *c, *mine;

	if (!v)
		return 0;
	c = v->counts;
	if (!c) {
		c = bpf_percpu_obj_new_impl(bpf_core_type_id_local(struct counter), 0);
		if (!c)
			return 0;
		c = bpf_kptr_xchg(&v->counts, c);
		if (c)
			bpf_percpu_obj_drop_impl(c, 0);
		c = v->counts;
		if (!c)
			return 0;
	}
	mine = bpf_this_cpu_ptr(c);
	mine->hits++;
	mine->bytes += skb->len;
	return 0;
}

SEC("tc")
int ok_keep_task(struct __sk_buff *skb)
{
	struct value *v = value(3);
	struct task_struct *t;

	if (!v)
		return 0;
	t = bpf_task_from_pid(skb->mark);
	if (!t)
		return 0;
	t = bpf_kptr_xchg(&v->task, t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("syscall")
int ok_task(void *ctx)
{
	struct value *v = value(3);
	struct task_struct *t, *mine = 0;

	if (!v)
		return 0;
	bpf_rcu_read_lock();
	t = v->task;
	if (t)
		mine = bpf_task_acquire(t);
	bpf_rcu_read_unlock();
	if (mine)
		bpf_task_release(mine);
	return 0;
}

SEC("tc")
int ok_guard(struct __sk_buff *skb)
{
	int zero = 0, one = 1;
	struct guarded *a = bpf_map_lookup_elem(&guards, &zero), *b = bpf_map_lookup_elem(&guards, &one);

	if (!a || !b)
		return 0;
	if (bpf_res_spin_lock(&a->lock))
		return 0;
	if (bpf_res_spin_lock(&b->lock)) {
		bpf_res_spin_unlock(&a->lock);
		return 0;
	}
	a->data += b->data;
	bpf_res_spin_unlock(&b->lock);
	bpf_res_spin_unlock(&a->lock);
	return 0;
}

SEC("tc")
int bad_guard(struct __sk_buff *skb)
{
	int zero = 0;
	struct guarded *a = bpf_map_lookup_elem(&guards, &zero);

	if (!a)
		return 0;
	bpf_res_spin_lock(&a->lock);
	a->data++;
	bpf_res_spin_unlock(&a->lock);
	return 0;
}

SEC("syscall")
int bad_task(void *ctx)
{
	struct value *v = value(3);
	struct task_struct *t;

	if (!v)
		return 0;
	bpf_rcu_read_lock();
	t = v->task;
	bpf_rcu_read_unlock();
	if (t)
		t = bpf_task_acquire(t);
	if (t)
		bpf_task_release(t);
	return 0;
}

SEC("tc")
int bad_timer(struct __sk_buff *skb)
{
	struct value *v = value(0);

	if (!v)
		return 0;
	bpf_timer_init(&v->timer, &guards, 1);
	return 0;
}

static int sleepy(void *map, int *key, struct value *v)
{
	char buf[8];

	bpf_copy_from_user(buf, sizeof(buf), 0);
	return 0;
}

SEC("tc")
int bad_sleep(struct __sk_buff *skb)
{
	struct value *v = value(0);

	if (v)
		bpf_timer_set_callback(&v->timer, sleepy);
	return 0;
}

SEC("tc")
int bad_counts(struct __sk_buff *skb)
{
	struct value *v = value(2);

	if (!v || !v->counts)
		return 0;
	return v->counts->hits & 1;
}
