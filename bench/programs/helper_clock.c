/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen times the clock and the CPU's number, which no result depends on. */
#include "maps.h"

PROGRAM(helper_clock, 64)
{
	u64 first = bpf_ktime_get_ns(), last = first;
	u32 cpus = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		last = bpf_ktime_get_ns();
		cpus += bpf_get_smp_processor_id() < 4096;
	}
	return (last >= first) + cpus;
}
