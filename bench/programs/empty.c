/* SPDX-License-Identifier: Apache-2.0 */
/* A function that does nothing: what calling native code costs. */
#include "bench.h"

PROGRAM(empty, 0)
{
	return 2;
}
