// Global functions, which are verified on their own: dynptrs, tasks, sections and packets across their calls.
#include "objects.h"

#define noinline __attribute__((noinline))
#define trusted __attribute__((btf_decl_tag("arg:trusted")))
#define nullable __attribute__((btf_decl_tag("arg:nullable")))

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 buffer__szk) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *ptr) __ksym;
extern int bpf_xdp_pull_data(struct xdp_md *xdp, __u32 len) __ksym;
extern int bpf_copy_from_user_str(void *dst, __u32 dst__sz, const void *unsafe_ptr__ign, __u64 flags) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;

struct bpf_spin_lock lock private(a);
__u64 counter private(a);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

noinline int first_byte(struct bpf_dynptr *p)
{
	char buf[8], *b;

	b = bpf_dynptr_slice(p, 0, buf, sizeof(buf));
	if (!b)
		return -1;
	return b[0] + bpf_dynptr_size(p);
}

noinline int sleepy(int n)
{
	char buf[8];

	return bpf_copy_from_user_str(buf, sizeof(buf), 0, 0) + n;
}

noinline int moves(struct xdp_md *xdp)
{
	return bpf_xdp_pull_data(xdp, 8);
}

noinline int above_moves(struct xdp_md *xdp) { return moves(xdp) + 1; }

noinline int hold(struct task_struct *p trusted)
{
	struct task_struct *t = bpf_task_acquire(p);

	if (!t)
		return 0;
	bpf_task_release(t);
	return 1;
}

noinline int hold_maybe(struct task_struct *p trusted nullable)
{
	struct task_struct *t;

	if (!p)
		return 0;
	t = bpf_task_acquire(p);
	if (!t)
		return 0;
	bpf_task_release(t);
	return 1;
}

noinline int throws(int n)
{
	if (n > 7)
		bpf_throw(0);
	return n;
}

SEC("tc")
int ok_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	if (bpf_dynptr_from_skb(skb, 0, &p))
		return 0;
	return first_byte(&p) & 1;
}

SEC("tc")
int ok_record(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	int n = 0;

	if (!bpf_ringbuf_reserve_dynptr(&ring, 16, 0, &p))
		n = first_byte(&p);
	bpf_ringbuf_discard_dynptr(&p, 0);
	return n & 1;
}

SEC("tc")
int ok_task(struct __sk_buff *skb)
{
	struct task_struct *t = bpf_task_from_pid(1);
	int n;

	if (!t)
		return hold_maybe(0);
	n = hold(t) + hold_maybe(t);
	bpf_task_release(t);
	return n;
}

SEC("tc")
int ok_throw(struct __sk_buff *skb) { return throws(skb->len) & 1; }

SEC("syscall")
int ok_sleep(void *ctx) { return sleepy(1); }

SEC("syscall")
int ok_sleep_between(void *ctx)
{
	int n;

	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	n = sleepy(1);
	bpf_preempt_disable();
	bpf_preempt_enable();
	return n;
}

SEC("xdp")
int ok_moves(struct xdp_md *xdp)
{
	char *data, *end;

	above_moves(xdp);
	data = (char *)(long)xdp->data, end = (char *)(long)xdp->data_end;
	return data + 1 > end ? 1 : data[0] & 1;
}

SEC("xdp")
int bad_moves(struct xdp_md *xdp)
{
	char *data = (char *)(long)xdp->data, *end = (char *)(long)xdp->data_end;

	if (data + 1 > end)
		return 1;
	above_moves(xdp);
	return data[0] & 1;
}

SEC("xdp")
int bad_frame(struct xdp_md *xdp)
{
	struct bpf_dynptr p;
	char buf[8], *b;

	if (bpf_dynptr_from_xdp(xdp, 0, &p))
		return 0;
	b = bpf_dynptr_slice(&p, 0, buf, sizeof(buf));
	if (!b)
		return 0;
	moves(xdp);
	return b[0] & 1;
}

SEC("tc")
int bad_sleep(struct __sk_buff *skb) { return sleepy(1); }

SEC("syscall")
int bad_sleep_rcu(void *ctx)
{
	int n;

	bpf_rcu_read_lock();
	n = sleepy(1);
	bpf_rcu_read_unlock();
	return n;
}

SEC("syscall")
int bad_sleep_preempt(void *ctx)
{
	int n;

	bpf_preempt_disable();
	n = sleepy(1);
	bpf_preempt_enable();
	return n;
}

SEC("syscall")
int bad_sleep_irq(void *ctx)
{
	unsigned long flags;
	int n;

	bpf_local_irq_save(&flags);
	n = sleepy(1);
	bpf_local_irq_restore(&flags);
	return n;
}

SEC("tc")
int bad_locked(struct __sk_buff *skb)
{
	bpf_spin_lock(&lock);
	counter += hold_maybe(0);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc")
int bad_throw(struct __sk_buff *skb)
{
	struct task_struct *t = bpf_task_from_pid(1);
	int n;

	if (!t)
		return 0;
	n = throws(skb->len);
	bpf_throw(0);
	bpf_task_release(t);
	return n & 1;
}

SEC("tc")
int bad_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	__builtin_memset(&p, 0, sizeof(p));
	return first_byte(&p) & 1;
}

SEC("tc")
int bad_task_null(struct __sk_buff *skb) { return hold(0); }

SEC("tc")
int bad_task_maybe(struct __sk_buff *skb)
{
	struct task_struct *t = bpf_task_from_pid(1);
	int n = hold(t);

	if (t)
		bpf_task_release(t);
	return n;
}

noinline int leaks(int pid)
{
	return bpf_task_from_pid(pid) ? 1 : 0;
}

SEC("tc")
int bad_leak(struct __sk_buff *skb) { return leaks(1); }

noinline int opens(int n)
{
	bpf_rcu_read_lock();
	return n;
}

SEC("tc")
int bad_opens(struct __sk_buff *skb)
{
	opens(1);
	bpf_rcu_read_unlock();
	return 0;
}
