/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs benchmark programs as native code, for a parent that writes lines and reads one for each:
 *   "first N HEX": puts HEX into the input of program N, runs it once, prints its result and the input in hex;
 *   "run N TIMES": runs it that often and prints the CPU time of the thread, in nanoseconds.
 * TABLE is made at build time: the names of the programs in order.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define X(name) uint32_t name(uint8_t *, uint8_t *);
#include "table.h"
#undef X

static uint32_t (*const volatile programs[])(uint8_t *, uint8_t *) = {
#define X(name) name,
#include "table.h"
#undef X
};

enum { COUNT = sizeof(programs) / sizeof(*programs), ROOM = 4096 };

static _Alignas(64) uint8_t input[COUNT][ROOM];
static size_t length[COUNT];
static char line[2 * ROOM + 64];

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 1 << 14);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned n;
		long long times;
		int at;
		if (sscanf(line, "first %u %n", &n, &at) == 1 && n < COUNT) {
			const char *hex = line + at;
			size_t k = 0;
			unsigned byte;
			for (; k < ROOM && sscanf(hex + 2 * k, "%2x", &byte) == 1; k++)
				input[n][k] = byte;
			length[n] = k;
			printf("%u ", programs[n](input[n], input[n] + k));
			for (size_t i = 0; i < k; i++)
				printf("%02x", input[n][i]);
			printf("\n");
		} else if (sscanf(line, "run %u %lld", &n, &times) == 2 && n < COUNT) {
			uint32_t (*f)(uint8_t *, uint8_t *) = programs[n];
			uint8_t *p = input[n], *end = p + length[n];
			long long begin = now();
			for (long long i = 0; i < times; i++)
				f(p, end);
			printf("%lld\n", now() - begin);
		} else {
			return 2;
		}
	}
	return 0;
}
