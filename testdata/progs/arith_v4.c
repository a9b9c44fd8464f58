// SPDX-License-Identifier: Apache-2.0
// What instruction set version 4 adds: signed division, sign-extending moves and loads,
// unconditional byte swaps, long jumps. Compiled with -mcpu=v4.
#include "arith.h"

SEC("syscall")
int divide(struct args *x)
{
	s64 a = x->a, b = x->b;
	s32 c = a, d = b;
	u64 r;
	u32 q;

	x->out[0] = b ? a / b : 0;
	x->out[1] = b ? a % b : 0;
	x->out[2] = d ? c / d : 0;
	x->out[3] = d ? c % d : 0;
	x->out[4] = a / -7;
	x->out[5] = a % 1000;
	x->out[6] = c / 13;
	x->out[7] = c % -13;
#define ALU(i, tmp, from, op, by) \
	tmp = from; \
	asm volatile("%0 " op " %1" : "+r"(tmp) : "r"(by)); \
	x->out[i] = tmp;
	ALU(8, r, a, "s/=", b)
	ALU(9, r, a, "s%%=", b)
	ALU(10, q, c, "s/=", d)
	ALU(11, q, c, "s%%=", d)
	return 0;
}

SEC("syscall")
int extend(struct args *x)
{
	volatile u64 m = x->a;
	u64 a = x->a, r;
	u32 b = a, q;

	x->out[0] = *(volatile s8 *)&m;
	x->out[1] = *(volatile s16 *)&m;
	x->out[2] = *(volatile s32 *)&m;
	x->out[3] = ((volatile s8 *)&m)[7];
	x->out[4] = ((volatile s16 *)&m)[3];
	x->out[5] = ((volatile s32 *)&m)[1];
#define MOVS(i, dst, how, src) \
	asm volatile("%0 = (" how ")%1" : "=r"(dst) : "r"(src)); \
	x->out[i] = dst;
	MOVS(6, r, "s8", a)
	MOVS(7, r, "s16", a)
	MOVS(8, r, "s32", a)
	MOVS(9, q, "s8", b)
	MOVS(10, q, "s16", b)
#define SWAP(i, how) \
	r = a; \
	asm volatile("%0 = " how " %0" : "+r"(r)); \
	x->out[i] = r;
	SWAP(11, "bswap16")
	SWAP(12, "bswap32")
	SWAP(13, "bswap64")
	SWAP(14, "be16")
	SWAP(15, "be32")
	SWAP(16, "be64")
	SWAP(17, "le16")
	SWAP(18, "le32")
	SWAP(19, "le64")
	return 0;
}

SEC("syscall")
int far(struct args *x)
{
	u64 r = x->a;

	asm volatile goto("if %0 s> 5 goto +1; gotol %l[end]" : : "r"(r) : : end);
	r = 1;
end:
	x->out[0] = r;
	return 7;
}

NOT_GPL;
