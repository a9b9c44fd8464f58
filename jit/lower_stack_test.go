package jit

import (
	"testing"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestStackCleared checks how much of the frame of a program is cleared: what may be read before it was written, in whole 16 bytes.
func TestStackCleared(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int64
	}{
		{"no stack", "r0 = 0; exit", 0},
		{"written", "r1 = 1; *(u64 *)(r10 -8) = r1; r0 = *(u64 *)(r10 -8); r0 = 0; exit", 0},
		{"written in part", "r1 = 1; *(u32 *)(r10 -8) = r1; r0 = *(u64 *)(r10 -8); r0 = 0; exit", 16},
		{"read only", "r0 = *(u64 *)(r10 -40); r0 = 0; exit", 48},
		{"read before", "r0 = *(u64 *)(r10 -8); *(u64 *)(r10 -8) = r0; r0 = 0; exit", 16},
		{"below what is read", "*(u64 *)(r10 -64) = 1; r0 = *(u64 *)(r10 -8); r0 = 0; exit", 16},
		{"written in one branch", `
			r2 = *(u32 *)(r1 +16); if r2 == 0 goto over
			*(u64 *)(r10 -24) = 1
		over: r0 = *(u64 *)(r10 -24); r0 = 0; exit`, 32},
		{"written in both", `
			r2 = *(u32 *)(r1 +16); if r2 == 0 goto other
			*(u64 *)(r10 -24) = 1; goto out
		other: *(u64 *)(r10 -24) = 2
		out: r0 = *(u64 *)(r10 -24); r0 = 0; exit`, 0},
		{"written by the body of a loop that is entered behind it", `
			r2 = 0; goto test
		body: *(u64 *)(r10 -8) = r2; r2 += 1
		test: r0 = *(u64 *)(r10 -8); if r2 < 4 goto body
			r0 = 0; exit`, 16},
		{"written before a loop", `
			r2 = 0; *(u64 *)(r10 -8) = r2; goto test
		body: *(u64 *)(r10 -16) = r2; r2 += 1; r3 = *(u64 *)(r10 -16)
		test: r0 = *(u64 *)(r10 -8); if r2 < 4 goto body
			r0 = 0; exit`, 0},
		{"through a register", `
			r3 = *(u32 *)(r1 +16); r3 &= 8; r2 = r10; r2 += -32; r2 += r3
			*(u64 *)(r10 -32) = 1; r0 = *(u64 *)(r2 +0); r0 = 0; exit`, 32},
		{"through a register, written", `
			r3 = *(u32 *)(r1 +16); r3 &= 8; r2 = r10; r2 += -32; r2 += r3
			*(u64 *)(r10 -32) = 1; *(u64 *)(r10 -24) = 1; r0 = *(u64 *)(r2 +0); r0 = 0; exit`, 0},
		{"written through a register, which is not followed", `
			r2 = r10; r2 += -8; r3 = r2; *(u64 *)(r3 +0) = 1; r0 = *(u64 *)(r2 +0); r0 = 0; exit`, 16},
		{"memory of others", "*(u64 *)(r10 -8) = 1; r2 = *(u32 *)(r1 +0); r3 = *(u32 *)(r1 +4); r0 = 0; r4 = r2; r4 += 8; if r4 > r3 goto out; r0 = *(u8 *)(r2 +0); r0 = 0; out: exit", 0},
		{"added to", "*(u64 *)(r10 -8) = 1; r0 = 1; lock *(u64 *)(r10 -16) += r0; r0 = 0; exit", 16},
		{"a helper reads it", "r2 = r10; r2 += -4; r1 = map[0]; call map_lookup_elem; r0 = 0; exit", 16},
		{"written for a helper", "*(u32 *)(r10 -4) = 1; r2 = r10; r2 += -4; r1 = map[0]; call map_lookup_elem; r0 = 0; exit", 0},
		{"a function is given it", `
			r1 = r10; r1 += -16; call other; r0 = 0; exit
		other: r0 = *(u64 *)(r1 +0); *(u64 *)(r10 -24) = 1; r0 = 0; exit`, 16},
	} {
		l, _ := lowered(t, c.name, c.text)
		for i := range l.Ops {
			if op := &l.Ops[i]; op.Kind == ir.Func {
				if op.Imm != c.want {
					t.Errorf("%s: %d bytes are cleared, want %d", c.name, op.Imm, c.want)
				}
				break
			}
		}
	}
}
