/* SPDX-License-Identifier: Apache-2.0 */
/* A table-driven automaton over 256 bytes of text: counts words, numbers and the rest by two dependent loads a byte. */
#include "bench.h"

enum { BLANK, LETTER, DIGIT, OTHER };

static const u8 next[4][4] = {{0, 1, 2, 3}, {0, 1, 1, 3}, {0, 3, 2, 3}, {0, 3, 3, 3}};
static const u8 class[128] = {
	[' '] = BLANK, ['\n'] = BLANK, ['!'... '/'] = OTHER, ['0'... '9'] = DIGIT, [':'... '@'] = OTHER,
	['A'... 'Z'] = LETTER, ['['... '`'] = OTHER, ['a'... 'z'] = LETTER, ['{'... '~'] = OTHER,
};

PROGRAM(dfa, 256)
{
	u32 state = 0, ended = 0;
	for (int i = 0; i < 256; i++) {
		u32 to = next[state & 3][class[p[i] & 127] & 3];
		if (to == 0 && state != 0)
			ended += 1u << (state - 1) * 8;
		state = to;
	}
	return ended;
}
