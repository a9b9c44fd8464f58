// SPDX-License-Identifier: Apache-2.0
// A DNS question in a packet: labels of a name, lower-cased into a key, looked up in a block list.
#include "common.h"

#define MAX_NAME 32

struct name {
	u8 b[MAX_NAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct name);
	__type(value, u32);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct name);
} scratch SEC(".maps");

struct dns {
	u16 id, flags, questions, answers, authority, additional;
};

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0, n = 0, left = 0, *verdict;
	struct name *name = bpf_map_lookup_elem(&scratch, &zero);
	struct dns *d = data + 42;
	u8 *p = (void *)(d + 1);

	if (!name || (void *)(d + 1) > end || d->questions != bpf_htons(1))
		return XDP_PASS;
	__builtin_memset(name, 0, sizeof(*name));
#pragma clang loop unroll(disable)
	for (int i = 0; i < MAX_NAME; i++) {
		u8 c;

		if ((void *)(p + 1) > end)
			return XDP_DROP;
		c = *p++;
		if (left == 0) {
			if (c == 0)
				break;
			if (c >= 64)
				return XDP_DROP;
			left = c;
			c = '.';
		} else {
			left--;
			if (c >= 'A' && c <= 'Z')
				c += 32;
			else if (c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z'))
				return XDP_DROP;
		}
		name->b[n++ & (MAX_NAME - 1)] = c;
	}
	verdict = bpf_map_lookup_elem(&blocked, name);
	if (verdict && *verdict)
		return XDP_DROP;
	return XDP_PASS;
}

NOT_GPL;
