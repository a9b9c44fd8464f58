// SPDX-License-Identifier: Apache-2.0
// State machines: an interpreter of a small bytecode, and a tokenizer of HTTP request lines.
#include "common.h"

struct machine {
	u8 code[64];
	u32 stack[16];
	u32 regs[8];
	u32 pc, sp;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct machine);
} machines SEC(".maps");

inlined int step(struct machine *m)
{
	u32 *pc = &m->pc, *sp = &m->sp;
	u8 op = m->code[*pc & 63], arg = m->code[(*pc + 1) & 63];
	u32 *top = &m->stack[*sp & 15], *below = &m->stack[(*sp - 1) & 15];

	*pc += 2;
	switch (op & 31) {
	case 0: return 1;
	case 1: *sp += 1; m->stack[*sp & 15] = arg; break;
	case 2: *sp -= 1; break;
	case 3: *below += *top; *sp -= 1; break;
	case 4: *below -= *top; *sp -= 1; break;
	case 5: *below *= *top; *sp -= 1; break;
	case 6: *below /= *top; *sp -= 1; break;
	case 7: *below %= *top; *sp -= 1; break;
	case 8: *below &= *top; *sp -= 1; break;
	case 9: *below |= *top; *sp -= 1; break;
	case 10: *below ^= *top; *sp -= 1; break;
	case 11: *below <<= *top & 31; *sp -= 1; break;
	case 12: *below >>= *top & 31; *sp -= 1; break;
	case 13: *top = ~*top; break;
	case 14: *top = -*top; break;
	case 15: m->regs[arg & 7] = *top; break;
	case 16: *sp += 1; m->stack[*sp & 15] = m->regs[arg & 7]; break;
	case 17: *pc = arg; break;
	case 18: if (*top) *pc = arg; break;
	case 19: if (!*top) *pc = arg; break;
	case 20: *top = *top == *below; break;
	case 21: *top = *top < *below; break;
	case 22: *top = *top > *below; break;
	case 23: *top += arg; break;
	case 24: *top -= arg; break;
	case 25: *top = m->code[*top & 63]; break;
	default: return -1;
	}
	return 0;
}

// The state lives in the map's value, so every round starts from the same knowledge.
SEC("xdp")
int interpret(struct xdp_md *ctx)
{
	u32 key = ctx->rx_queue_index;
	struct machine *m = bpf_map_lookup_elem(&machines, &key);

	if (!m)
		return XDP_ABORTED;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 48; i++) {
		int r = step(m);

		if (r)
			return r > 0 ? XDP_PASS : XDP_DROP;
	}
	return XDP_DROP;
}

enum { METHOD, SPACE, PATH, QUERY, VERSION, CR, DONE, BAD };

SEC("xdp")
int http(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 state = METHOD, hash = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 40; i++, p++) {
		u8 c;

		if (p + 1 > end)
			return XDP_DROP;
		c = *p;
		switch (state) {
		case METHOD:
			if (c == ' ')
				state = SPACE;
			else if (c < 'A' || c > 'Z')
				state = BAD;
			else
				hash = hash * 31 + c;
			break;
		case SPACE:
			state = c == '/' ? PATH : BAD;
			break;
		case PATH:
			if (c == '?')
				state = QUERY;
			else if (c == ' ')
				state = VERSION;
			else if (c < 0x21)
				state = BAD;
			else
				hash += c;
			break;
		case QUERY:
			if (c == ' ')
				state = VERSION;
			else if (c < 0x21)
				state = BAD;
			else
				hash ^= c;
			break;
		case VERSION:
			if (c == '\r')
				state = CR;
			break;
		case CR:
			state = c == '\n' ? DONE : BAD;
			break;
		case DONE:
			return hash & 1 ? XDP_TX : XDP_PASS;
		default:
			return XDP_DROP;
		}
	}
	return XDP_DROP;
}

NOT_GPL;
