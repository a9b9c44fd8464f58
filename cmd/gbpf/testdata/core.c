// SPDX-License-Identifier: Apache-2.0
// A CO-RE program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid, tgid;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int on_switch(__u64 *args)
{
	struct task_struct *next = (void *)args[2];

	return BPF_CORE_READ(next, pid) + bpf_core_field_exists(next->tgid);
}

char LICENSE[] SEC("license") = "GPL";
