// SPDX-License-Identifier: Apache-2.0
// Decides whether an upload is allowed. The program's context is a struct request of the host's.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct request {
	__u32 user;
	__u32 size;
	char name[24];
};

// What the host adds: whether a user is in a group.
static int (*in_group)(__u32 user, __u32 group) = (void *)70000;

const volatile __u32 max_size = 1 << 20;
__u64 refused;

SEC("syscall")
int decide(struct request *req)
{
	if (req->size <= max_size || in_group(req->user, 1))
		return 1;
	refused++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
