/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_loop with 64 rounds of a function of the program. */
#include "maps.h"

struct sum {
	u32 h;
};

static long add(u32 i, void *arg)
{
	struct sum *s = arg;
	s->h = s->h * 31 + i;
	return 0;
}

PROGRAM(helper_loop, 64)
{
	struct sum s = {load32(p)};
	bpf_loop(64, add, &s, 0);
	return s.h;
}
