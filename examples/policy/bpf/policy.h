// SPDX-License-Identifier: Apache-2.0
// What the host and its policies share.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// struct request is Request of policy.go.
struct request {
	__u32 user;
	__u32 write; // 0 or 1
	char path[56];
};

enum { DENY, ALLOW };

// How many requests a user made in the last minute: a helper of the host's own.
static long (*recent_requests)(__u32 user) = (void *)1000;

static inline int under(const struct request *r, const char *dir, int n)
{
	for (int i = 0; i < n; i++)
		if (r->path[i] != dir[i])
			return 0;
	return 1;
}
