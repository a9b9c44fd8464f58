// SPDX-License-Identifier: Apache-2.0
// Clocks, random numbers, the CPU number and the trace log: only properties that always hold are
// kept.
#include "common.h"

u32 runs, backwards, same_random, bad_cpu, bad_print;

SEC("tc")
int clocks(struct __sk_buff *skb)
{
	u64 a = bpf_ktime_get_ns(), b = bpf_ktime_get_ns();
	u64 c = bpf_ktime_get_boot_ns(), d = bpf_ktime_get_boot_ns();
	u32 r1 = bpf_get_prandom_u32(), r2 = bpf_get_prandom_u32(), r3 = bpf_get_prandom_u32();
	u32 cpu = bpf_get_smp_processor_id();

	runs++;
	if (!a || b < a || d < c || c < a)
		backwards++;
	if (r1 == r2 && r2 == r3)
		same_random++;
	if (cpu >= 4096 || cpu != bpf_get_smp_processor_id())
		bad_cpu++;
	// The value is the number of bytes printed, the terminating zero counted.
	if (bpf_printk("gbpf test: %d", skb->len & 7) <= 0)
		bad_print++;
	return TC_ACT_OK;
}

GPL_OK;
