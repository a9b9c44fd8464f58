// SPDX-License-Identifier: Apache-2.0
// Programs of the types that the kernel cannot test-run: kprobe, tracepoint and perf_event.
// Each has a twin of type syscall that runs the same function on the same context bytes, so
// that the kernel can say what the function does.
#include "common.h"

// The registers of x86-64, in the order of struct pt_regs.
struct regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

struct sys_enter {
	u64 common;
	s64 id;
	u64 args[6];
};

struct sample {
	struct regs regs;
	u64 period, addr;
};

struct event {
	u64 sum, nr, last;
	u32 low, high;
	char comm_ok, ids_ok, pad[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} histogram SEC(".maps");

inlined u32 log2(u64 v)
{
	u32 n = 0;

#pragma unroll
	for (int s = 32; s; s >>= 1)
		if (v >> s)
			v >>= s, n += s;
	return n;
}

inlined int record(u64 key, u64 a, u64 b)
{
	struct event fresh = {}, *e;
	u32 slot = log2(a) & 15;
	char comm[16] = {};
	u64 *h;

	e = bpf_map_lookup_elem(&events, &key);
	if (!e) {
		bpf_map_update_elem(&events, &key, &fresh, BPF_NOEXIST);
		e = bpf_map_lookup_elem(&events, &key);
		if (!e)
			return -1;
	}
	e->sum += a;
	e->nr++;
	e->last = b;
	e->low = a;
	e->high = a >> 32;
	e->comm_ok = bpf_get_current_comm(comm, sizeof(comm)) == 0 && comm[0] && !comm[15];
	e->ids_ok = bpf_get_current_pid_tgid() >> 32 != 0 && (u32)bpf_get_current_pid_tgid() != 0;
	h = bpf_map_lookup_elem(&histogram, &slot);
	if (h)
		*h += 1;
	return (int)(a ^ b);
}

inlined int on_entry(struct regs *r)
{
	return record(r->di, r->si + r->dx, r->cx - r->r8) + (int)r->r9;
}

inlined int on_syscall(struct sys_enter *s)
{
	return record(s->id, s->args[0] ^ s->args[5], s->args[1] + s->args[2] * s->args[3] - s->args[4]);
}

inlined int on_sample(struct sample *s)
{
	u64 period = s->period;

	return record(s->regs.ip, period, s->regs.sp ^ s->regs.bp);
}

SEC("kprobe/do_unlinkat")
int entry(struct regs *r)
{
	return on_entry(r);
}

SEC("kretprobe/do_unlinkat")
int leave(struct regs *r)
{
	return record(~0ull, r->ax, (s32)r->ax < 0 ? -(s32)r->ax : r->ip);
}

SEC("uprobe")
int user(struct regs *r)
{
	return on_entry(r) + 1;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(struct sys_enter *s)
{
	return on_syscall(s);
}

SEC("perf_event")
int sample(struct sample *s)
{
	return on_sample(s);
}

SEC("syscall")
int entry_twin(struct regs *r)
{
	return on_entry(r);
}

SEC("syscall")
int leave_twin(struct regs *r)
{
	return record(~0ull, r->ax, (s32)r->ax < 0 ? -(s32)r->ax : r->ip);
}

SEC("syscall")
int user_twin(struct regs *r)
{
	return on_entry(r) + 1;
}

SEC("syscall")
int enter_twin(struct sys_enter *s)
{
	return on_syscall(s);
}

SEC("syscall")
int sample_twin(struct sample *s)
{
	return on_sample(s);
}

GPL_OK;
