// SPDX-License-Identifier: Apache-2.0
// Spin locks and timers in map values. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct account {
	struct bpf_spin_lock lock;
	u32 n;
	u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct account);
} accounts SEC(".maps");

struct alarm {
	u64 n;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct alarm);
} alarms SEC(".maps"), spares SEC(".maps");

inlined struct account *account_of(u32 i)
{
	return bpf_map_lookup_elem(&accounts, &i);
}

inlined struct alarm *alarm_of(u32 i)
{
	return bpf_map_lookup_elem(&alarms, &i);
}

SEC("tc")
int lock_helper(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_spin_lock(&a->lock);
	a->n++;
	a->sum = bpf_ktime_get_ns();
	bpf_spin_unlock(&a->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_helper_fixed(struct __sk_buff *skb)
{
	struct account *a = account_of(0);
	u64 now = bpf_ktime_get_ns();

	if (!a)
		return TC_ACT_OK;
	bpf_spin_lock(&a->lock);
	a->n++;
	a->sum = now;
	bpf_spin_unlock(&a->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_kept(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_spin_lock(&a->lock);
	if (a->n > 100)
		return TC_ACT_SHOT;
	a->n++;
	bpf_spin_unlock(&a->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_kept_fixed(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_spin_lock(&a->lock);
	if (a->n > 100) {
		bpf_spin_unlock(&a->lock);
		return TC_ACT_SHOT;
	}
	a->n++;
	bpf_spin_unlock(&a->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_twice(struct __sk_buff *skb)
{
	struct account *from = account_of(0), *to = account_of(1);

	if (!from || !to)
		return TC_ACT_OK;
	bpf_spin_lock(&from->lock);
	bpf_spin_lock(&to->lock);
	from->n--;
	to->n++;
	bpf_spin_unlock(&to->lock);
	bpf_spin_unlock(&from->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_twice_fixed(struct __sk_buff *skb)
{
	struct account *from = account_of(0), *to = account_of(1);

	if (!from || !to)
		return TC_ACT_OK;
	bpf_spin_lock(&from->lock);
	from->n--;
	bpf_spin_unlock(&from->lock);
	bpf_spin_lock(&to->lock);
	to->n++;
	bpf_spin_unlock(&to->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_other(struct __sk_buff *skb)
{
	struct account *from = account_of(0), *to = account_of(1);

	if (!from || !to)
		return TC_ACT_OK;
	bpf_spin_lock(&from->lock);
	from->n--;
	bpf_spin_unlock(&to->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_other_fixed(struct __sk_buff *skb)
{
	struct account *from = account_of(0), *to = account_of(1);

	if (!from || !to)
		return TC_ACT_OK;
	bpf_spin_lock(&from->lock);
	from->n--;
	bpf_spin_unlock(&from->lock);
	return TC_ACT_OK;
}

SEC("tc")
int lock_written(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	__builtin_memset(a, 0, 8);
	return TC_ACT_OK;
}

SEC("tc")
int lock_written_fixed(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	a->n = 0;
	return TC_ACT_OK;
}

SEC("tc")
int timer_other_map(struct __sk_buff *skb)
{
	struct alarm *a = alarm_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_timer_init(&a->timer, &spares, 1);
	return TC_ACT_OK;
}

SEC("tc")
int timer_other_map_fixed(struct __sk_buff *skb)
{
	struct alarm *a = alarm_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_timer_init(&a->timer, &alarms, 1);
	return TC_ACT_OK;
}

SEC("tc")
int timer_other_field(struct __sk_buff *skb)
{
	struct alarm *a = alarm_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_timer_start((void *)&a->n, 1000, 0);
	return TC_ACT_OK;
}

SEC("tc")
int timer_other_field_fixed(struct __sk_buff *skb)
{
	struct alarm *a = alarm_of(0);

	if (!a)
		return TC_ACT_OK;
	bpf_timer_start(&a->timer, 1000, 0);
	return TC_ACT_OK;
}

SEC("tc")
int timer_without(struct __sk_buff *skb)
{
	struct account *a = account_of(0);

	if (!a)
		return TC_ACT_OK;
	/* the values of this map have no timer */
	bpf_timer_start((void *)&a->sum, 1000, 0);
	return TC_ACT_OK;
}

SEC("tc")
int timer_without_fixed(struct __sk_buff *skb)
{
	struct alarm *a = alarm_of(1);

	if (!a)
		return TC_ACT_OK;
	bpf_timer_start(&a->timer, 1000, 0);
	return TC_ACT_OK;
}

GPL_OK;
