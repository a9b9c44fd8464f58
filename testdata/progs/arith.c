// SPDX-License-Identifier: Apache-2.0
// 64-bit and 32-bit arithmetic of instruction set version 3: results go back in the context.
#include "arith.h"

SEC("syscall")
int alu64(struct args *x)
{
	u64 a = x->a, b = x->b;
	s64 sa = a;
	u64 *o = x->out;

	*o++ = a + b;
	*o++ = a - b;
	*o++ = a * b;
	*o++ = b ? a / b : 0;
	*o++ = b ? a % b : a;
	*o++ = a | b;
	*o++ = a & b;
	*o++ = a ^ b;
	*o++ = a << (b & 63);
	*o++ = a >> (b & 63);
	*o++ = sa >> (b & 63);
	*o++ = -a;
	*o++ = ~a;
	*o++ = a / 10;
	*o++ = a % 1000003;
	*o++ = a * 0x9e3779b97f4a7c15ull;
	*o++ = sa >> 7;
	*o++ = __builtin_bswap64(a);
	*o++ = __builtin_bswap32(a);
	*o++ = __builtin_bswap16(a);
	*o++ = a < b;
	*o++ = sa < (s64)b;
	*o++ = a <= b;
	*o++ = sa >= (s64)b;
	*o++ = a == b;
	*o++ = (a & b) != 0;
	return a ^ b;
}

SEC("syscall")
int alu32(struct args *x)
{
	u32 a = x->a, b = x->b;
	s32 sa = a;
	u64 *o = x->out;

	*o++ = a + b;
	*o++ = a - b;
	*o++ = a * b;
	*o++ = b ? a / b : 0;
	*o++ = b ? a % b : a;
	*o++ = a << (b & 31);
	*o++ = a >> (b & 31);
	*o++ = (u32)(sa >> (b & 31));
	*o++ = (u32)-a;
	*o++ = (u32)~a;
	*o++ = a / 7;
	*o++ = a % 12345;
	*o++ = (s64)sa;
	*o++ = (s64)(s16)a;
	*o++ = (s64)(s8)a;
	*o++ = a < b;
	*o++ = sa < (s32)b;
	*o++ = a > b;
	*o++ = sa > (s32)b;
	return a * 31 + b;
}

// The instructions themselves, without the guards that C wants.
SEC("syscall")
int raw(struct args *x)
{
	u64 a = x->a, b = x->b, r;
	u32 c = a, d = b, q;

#define ALU(i, op) \
	r = a; \
	asm volatile("%0 " op " %1" : "+r"(r) : "r"(b)); \
	x->out[i] = r;
#define ALU32(i, op) \
	q = c; \
	asm volatile("%0 " op " %1" : "+r"(q) : "r"(d)); \
	x->out[i] = q;

	ALU(0, "/=")
	ALU(1, "%%=")
	ALU(2, "<<=")
	ALU(3, ">>=")
	ALU(4, "s>>=")
	ALU32(5, "/=")
	ALU32(6, "%%=")
	ALU32(7, "<<=")
	ALU32(8, ">>=")
	ALU32(9, "s>>=")
	ALU32(10, "*=")
	ALU32(11, "-=")
	return 0;
}

// euclid is a loop with a data-dependent end.
SEC("syscall")
int euclid(struct args *x)
{
	u64 a = x->a, b = x->b;
	int i;

	for (i = 0; i < 100 && b; i++) {
		u64 t = a % b;
		a = b;
		b = t;
	}
	x->out[0] = a;
	x->out[1] = i;
	return i;
}

// shift is a generator of random numbers by shifts.
SEC("syscall")
int shift(struct args *x)
{
	u64 a = x->a, r = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 100; i++) {
		a ^= a << 13;
		a ^= a >> 7;
		a ^= a << 17;
		r += a & 0xff;
	}
	x->out[0] = a;
	x->out[1] = r;
	return r;
}

NOT_GPL;
