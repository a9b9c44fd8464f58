/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark programs share. A program is PROGRAM(name, bytes) { ... return number; }: its body
 * sees p, which points to at least so many bytes of input, and end. The same source becomes an XDP
 * program, a native function and a WebAssembly function; all three check the length first.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define noinline __attribute__((noinline))
#define inlined static inline __attribute__((always_inline))

#ifdef __bpf__

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROGRAM(name, bytes)                                                                       \
	char LICENSE[] SEC("license") = "GPL";                                                     \
	inlined u32 work(u8 *p, u8 *end);                                                          \
	SEC("xdp") int name(struct xdp_md *ctx)                                                    \
	{                                                                                          \
		u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;               \
		if (p + (bytes) > end)                                                             \
			return 0;                                                                  \
		return work(p, end);                                                               \
	}                                                                                          \
	inlined u32 work(u8 *p, u8 *end)

#else

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name), visibility("default")))
/* Where the host may put the input. */
static u8 input[4096];
EXPORT("input") u8 *input_address(void) { return input; }
#define ENTRY(name) EXPORT("run") u32 name(u8 *p, u8 *end)
#else
#define ENTRY(name) u32 name(u8 *p, u8 *end)
#endif

#define PROGRAM(name, bytes)                                                                       \
	inlined u32 work(u8 *p, u8 *end);                                                          \
	ENTRY(name);                                                                               \
	ENTRY(name)                                                                                \
	{                                                                                          \
		if (p + (bytes) > end)                                                             \
			return 0;                                                                  \
		return work(p, end);                                                               \
	}                                                                                          \
	inlined u32 work(u8 *p, u8 *end)

#endif

inlined u16 load16(const u8 *p) { return *(const u16 *)p; }
inlined u32 load32(const u8 *p) { return *(const u32 *)p; }
inlined u64 load64(const u8 *p) { return *(const u64 *)p; }
inlined u32 rotl32(u32 x, int n) { return x << n | x >> (32 - n); }
inlined u64 rotl64(u64 x, int n) { return x << n | x >> (64 - n); }
inlined u16 be16(u16 x) { return __builtin_bswap16(x); }
inlined u32 be32(u32 x) { return __builtin_bswap32(x); }
inlined u32 fold64(u64 x) { return (u32)(x ^ x >> 32); }
