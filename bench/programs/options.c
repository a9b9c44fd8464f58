/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the options of a TCP header to the segment size and the timestamps: lengths that come from the packet. */
#include "packet.h"

PROGRAM(options, 94)
{
	struct tcp *tcp = (void *)(p + 34);
	u8 area[40];
	u32 mss = 0, scale = 0, stamp = 0, at = 0;
	for (int i = 0; i < 40; i += 8)
		*(u64 *)(area + i) = load64(p + 54 + i);
	u32 len = (tcp->off >> 4) * 4 - 20;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 10 && at < len && at < 30; i++) {
		u8 kind = area[at];
		if (kind == 0)
			break;
		if (kind == 1) {
			at++;
			continue;
		}
		u8 size = area[at + 1];
		if (size < 2)
			return 1;
		if (kind == 2)
			mss = area[at + 2] << 8 | area[at + 3];
		else if (kind == 3)
			scale = area[at + 2];
		else if (kind == 8)
			stamp = (area[at + 2] | area[at + 3] << 8 | area[at + 4] << 16 | (u32)area[at + 5] << 24);
		at += size;
	}
	return mss ^ scale << 20 ^ stamp * 31;
}
