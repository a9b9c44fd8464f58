// SPDX-License-Identifier: Apache-2.0
// An update with a bug: it looks for the end of the path beyond the request.
#include "policy.h"

SEC("raw")
int decide(struct request *r, __u64 size)
{
	const volatile char *end = r->path;

	while (*end != '\n')
		end++;
	return end[-1] == '/' ? DENY : ALLOW;
}
