// SPDX-License-Identifier: Apache-2.0
// snprintf, strncmp, strtol and strtoul. The context is a text of 32 bytes and room for results.
#include "common.h"

struct args {
	char in[32];
	s64 num[16];
	char text[6][64];
};

u64 texts[6 * 8]; // formatted text: the context is not memory that helpers write
#define txt ((char (*)[64])texts)
static const char wanted[] = "12345";

SEC("syscall")
int parse(struct args *x)
{
	long s = -1;
	unsigned long u = ~0ul;
	char buf[32];

	__builtin_memcpy(buf, x->in, sizeof(buf));
	buf[31] = 0;
	x->num[0] = bpf_strtol(buf, sizeof(buf), 0, &s);
	x->num[1] = s;
	x->num[2] = bpf_strtol(buf, sizeof(buf), 10, &s);
	x->num[3] = s;
	x->num[4] = bpf_strtol(buf, 3, 16, &s);
	x->num[5] = s;
	x->num[6] = bpf_strtoul(buf, sizeof(buf), 0, &u);
	x->num[7] = u;
	x->num[8] = bpf_strtoul(buf, sizeof(buf), 8, &u);
	x->num[9] = u;
	x->num[10] = bpf_strtoul(buf, 1, 10, &u);
	x->num[11] = bpf_strtol(buf, sizeof(buf), 7, &s);
	x->num[12] = bpf_strncmp(buf, 5, wanted);
	x->num[13] = bpf_strncmp(buf, sizeof(buf), wanted);
	// Only the sign of a comparison is promised.
	x->num[12] = x->num[12] < 0 ? -1 : x->num[12] > 0;
	x->num[13] = x->num[13] < 0 ? -1 : x->num[13] > 0;
	return 0;
}

SEC("syscall")
int print(struct args *x)
{
	u64 n = *(u64 *)x->in;

	x->num[0] = BPF_SNPRINTF(txt[0], 64, "%d %i %u %x %X", (int)n, (int)(n >> 32), (u32)n, (u32)n, (u32)(n >> 32));
	x->num[1] = BPF_SNPRINTF(txt[1], 64, "%ld|%lu|%llx", n, n, n);
	x->num[2] = BPF_SNPRINTF(txt[2], 64, "[%5d][%-6u][%04x]%%", (int)n, (u32)(n & 0xffff), (u32)(n & 0xff));
	x->num[3] = BPF_SNPRINTF(txt[3], 10, "a long text: %s", wanted);
	x->num[4] = BPF_SNPRINTF(txt[4], 64, "%s %c%c", wanted, 'a' + (int)(n & 15), 'z');
	x->num[5] = BPF_SNPRINTF(txt[5], 64, "%pI4 %pi4", &n, &n);
	x->num[6] = BPF_SNPRINTF(txt[5] + 32, 1, "no room");
	x->num[7] = bpf_snprintf((void *)0, 0, "%d", &n, 8);
	__builtin_memcpy(x->text, texts, sizeof(texts));
	return 0;
}

GPL_OK;
