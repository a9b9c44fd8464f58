/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum of 64 bytes of the packet by bpf_csum_diff, four times. */
#include "maps.h"

PROGRAM(helper_csum, 64)
{
	u64 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		sum = bpf_csum_diff(0, 0, (void *)p, 64, (u32)sum & 0xffff);
		sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}
