/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum of 256 bytes, 16 bits at a time: what a compiler likes to vectorise. */
#include "bench.h"

PROGRAM(checksum, 256)
{
	u32 sum = 0;
	for (int i = 0; i < 256; i += 2)
		sum += load16(p + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}
