// SPDX-License-Identifier: Apache-2.0
// Global data of every section, static subprograms, and a global function that is verified on
// its own.
#include "common.h"

const volatile u32 limit = 1000;
const volatile u64 weights[8] = {1, 2, 3, 5, 7, 11, 13, 17};
static const char greeting[] = "hello, kernel";
u64 counters[4];
u32 lengths[2] = {0xffffffff, 0};
s16 balance = -5;
static u8 last_dst[6];
u64 custom SEC(".data.custom") = 99;
char text[16];
const u8 more[4] SEC(".rodata.more") = {9, 8, 7, 6};

static noinline u64 weigh(u64 len, u32 i)
{
	return weights[i & 7] * len + (i ? weights[(i - 1) & 7] : 0);
}

static noinline int spread(u64 *slots, u64 v)
{
	for (int i = 0; i < 4; i++)
		slots[i] += v >> (8 * i) & 0xff;
	return (int)slots[0];
}

noinline int classify(u32 len)
{
	if (len < lengths[0])
		lengths[0] = len;
	if (len > lengths[1])
		lengths[1] = len;
	return len > limit ? XDP_DROP : XDP_PASS;
}

noinline int head(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return -1;
	__builtin_memcpy(last_dst, data, 6);
	return last_dst[0] + last_dst[5];
}

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	u64 slots[4] = {1, 2, 3, 4};
	u32 len = ctx->data_end - ctx->data;
	int h = head(ctx);

	counters[0]++;
	counters[1] += len;
	counters[2] ^= weigh(len, h);
	counters[3] = spread(slots, counters[2]) + slots[3];
	balance += len & 1 ? 3 : -2;
	custom = custom * 3 + len + *(const volatile u8 *)&more[len & 3];
	text[len & 15] = greeting[len & 7];
	return classify(len);
}

NOT_GPL;
