/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on two operands, the results of which go back in the context. */
#include "common.h"

#define OUT 64

struct args {
	u64 a, b;
	u64 out[OUT];
};
