// SPDX-License-Identifier: Apache-2.0
// Long straight code: loops that the compiler unrolls.
#include "common.h"

SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u16 *p = data;
	u64 sum = 0;

	if (data + 1200 > end)
		return XDP_PASS;
#pragma unroll
	for (int i = 0; i < 600; i++)
		asm volatile("" : "+r"(sum) : "r"(sum += p[i])); // in this order, or too many are live
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? XDP_TX : XDP_DROP;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define QUARTER(a, b, c, d) \
	(a += b, d = ROTATE(d ^ a, 16), c += d, b = ROTATE(b ^ c, 12), \
	 a += b, d = ROTATE(d ^ a, 8), c += d, b = ROTATE(b ^ c, 7))

// ChaCha20's block function, with the key in the packet.
SEC("xdp")
int chacha(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 s[16], x[16], *key = data;

	if (data + 64 > end)
		return XDP_PASS;
	for (int i = 0; i < 16; i++)
		s[i] = x[i] = key[i];
#pragma unroll
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (int i = 0; i < 16; i++)
		key[i] = x[i] + s[i];
	return XDP_TX;
}

NOT_GPL;
