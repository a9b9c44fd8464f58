/* SPDX-License-Identifier: Apache-2.0 */
/* XXTEA of eight words: 12 rounds over an array on the stack. */
#include "bench.h"

PROGRAM(xxtea, 48)
{
	u32 v[8], key[4], sum = 0, z, h = 0;
	for (int i = 0; i < 8; i++)
		v[i] = load32(p + 4 * i);
	for (int i = 0; i < 4; i++)
		key[i] = load32(p + 32 + 4 * i);
	z = v[7];
#pragma clang loop unroll(disable)
	for (int round = 0; round < 12; round++) {
		sum += 0x9e3779b9;
		u32 e = sum >> 2 & 3;
#pragma clang loop unroll(disable)
		for (u32 i = 0; i < 8; i++) {
			u32 y = v[(i + 1) & 7];
			z = v[i] += ((z >> 5 ^ y << 2) + (y >> 3 ^ z << 4)) ^ ((sum ^ y) + (key[(i ^ e) & 3] ^ z));
		}
	}
	for (int i = 0; i < 8; i++)
		h ^= rotl32(v[i], i);
	return h;
}
