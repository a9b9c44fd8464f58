/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of 96 bytes through a table into a buffer on the stack: byte loads, byte stores, shifts. */
#include "bench.h"

static const u8 letters[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

PROGRAM(base64, 96)
{
	u8 out[128];
	u32 h = 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 32; i++) {
		u32 x = p[3 * i] << 16 | p[3 * i + 1] << 8 | p[3 * i + 2];
		out[4 * i] = letters[x >> 18 & 63];
		out[4 * i + 1] = letters[x >> 12 & 63];
		out[4 * i + 2] = letters[x >> 6 & 63];
		out[4 * i + 3] = letters[x & 63];
	}
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 128; i += 4)
		h = h * 31 + load32(out + i);
	return h;
}
