// SPDX-License-Identifier: Apache-2.0
// A helper for programs under the GPL in one that is not. Of each program the twin with _fixed is right.
#include "../progs/common.h"

SEC("kprobe/do_nanosleep")
int licence_gpl(void *ctx)
{
	char name[16];

	return bpf_probe_read_kernel(name, sizeof(name), (void *)0xffffffff81000000);
}

SEC("kprobe/do_nanosleep")
int licence_gpl_fixed(void *ctx)
{
	return bpf_get_smp_processor_id();
}

NOT_GPL;
