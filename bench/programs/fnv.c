/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits, over 256 bytes: a byte load, an xor and a multiplication in one long chain. */
#include "bench.h"

PROGRAM(fnv, 256)
{
	u64 h = 0xcbf29ce484222325;
	for (int i = 0; i < 256; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return fold64(h);
}
