/* SPDX-License-Identifier: Apache-2.0 */
/* Some thousand instructions without a loop: the rounds of a mixer, unrolled, over words of the input. */
#include "bench.h"

#define MIX(a, b, c, k) a = (a + load32(p + (k) % 61 * 4)) * 0x9e3779b1 + (b ^ rotl32(c, 1 + (k) % 31))
#define MIX3(k) MIX(a, b, c, k); MIX(b, c, a, k + 7); MIX(c, a, b, k + 19)
#define MIX12(k) MIX3(k); MIX3(k + 1); MIX3(k + 2); MIX3(k + 3)
#define MIX48(k) MIX12(k); MIX12(k + 4); MIX12(k + 8); MIX12(k + 12)

PROGRAM(straight, 256)
{
	u32 a = 1, b = 2, c = 3;
	MIX48(0);
	MIX48(16);
	MIX48(32);
	MIX48(5);
	return a ^ b ^ c;
}
