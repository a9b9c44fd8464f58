package interp

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
)

// TestNativeCalls runs what crosses between functions, programs and engines.
func TestNativeCalls(t *testing.T) {
	const loop = `
		r6 = 3; *(u64 *)(r10 -8) = 1; r1 = 10; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop
		r1 = *(u64 *)(r10 -8); r0 += r1; r0 += r6; exit
	cb:	r6 = *(u64 *)(r2 +0); r6 *= 3; r6 += r1; *(u64 *)(r2 +0) = r6; r0 = 0; exit`
	const nested = `
		*(u64 *)(r10 -8) = 1; r1 = 4; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop; r0 = *(u64 *)(r10 -8); exit
	cb:	r6 = r2; r7 = *(u64 *)(r10 -8); *(u64 *)(r10 -8) = r1; r1 = 5; r2 = func cc; r3 = r6; r4 = 0; call loop; r0 += r7; r0 = 0; exit
	cc:	r1 = r2; call f; r0 = 0; exit
	f:	r8 = *(u64 *)(r1 +0); r8 *= 7; r8 ^= 0x55; *(u64 *)(r1 +0) = r8; exit`
	const tails = `r6 = 1; r7 = 2; r8 = 3; r9 = 4; call f; r0 += r6; r0 += r7; r0 += r8; r0 += r9; exit
	f:	r6 = 100; r7 = 100; r2 = 1 ll; r3 = 0; call tail_call; r0 = 99; exit`
	const target = `r6 = 50; r9 = 60; r0 = 7; exit`
	const deepTarget = `r6 = 50; call g; r0 += r6; exit
	g:	r6 = 9; r2 = 1 ll; r3 = 1; call tail_call; r0 += r6; exit`
	const self = `r2 = 1 ll; r3 = 0; call tail_call; r0 -= 1; exit`
	const goes = `r6 = 0
	top:	r6 += 1; may_goto out; goto top
	out:	r0 = r6; exit`
	for _, tt := range []struct {
		name, text string
		array      []string // the prog array's programs, "" for the program itself
		native     []bool   // which of them are machine code
		trap       trap.Code
	}{
		{name: "bpf_loop", text: loop},
		{name: "callbacks in callbacks", text: nested},
		{name: "tail call in a function", text: tails, array: []string{target}, native: []bool{true}},
		{name: "tail call to the interpreter", text: tails, array: []string{target}, native: []bool{false}},
		{name: "tail calls on the way", text: tails, array: []string{deepTarget, target}, native: []bool{true, true}},
		{name: "mixed engines", text: tails, array: []string{deepTarget, target}, native: []bool{false, true}},
		{name: "mixed engines the other way", text: tails, array: []string{deepTarget, target}, native: []bool{true, false}},
		{name: "33 tail calls", text: self, array: []string{""}, native: []bool{true}},
		{name: "tail calls that nest", text: tails, array: []string{""}, native: []bool{true}, trap: trap.CallDepth},
		{name: "tail call at the top to the interpreter", text: self, array: []string{target}, native: []bool{false}},
		{name: "may_goto", text: goes},
		{name: "recursion", text: "call f; exit\nf: call f; exit", trap: trap.CallDepth},
		{name: "endless", text: "top: goto top", trap: trap.Fuel},
		{name: "callx of a function", text: "r6 = 1; r1 = 5; r7 = func f; callx r7; r0 += r6; exit\nf: r6 = 70; r0 = r1; r0 *= 3; exit"},
		{name: "callx of a helper", text: "r6 = 8; callx r6; exit"},
		{name: "callx of nothing", text: "r6 = 0x100000003 ll; callx r6; exit", trap: trap.BadJump},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tw := newTwin(t)
			insns := asm.Must(tt.text)
			for _, g := range []*rig{tw.a, tw.b} {
				if tt.array == nil {
					break
				}
				progs, err := maps.New(g.mem, &maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}, 1, g.table)
				if err != nil {
					t.Fatal(err)
				}
				if progs.Handle() != 1 {
					t.Fatalf("the map's handle is %d", progs.Handle())
				}
				for i, text := range tt.array {
					if text == "" {
						text = tt.text
					}
					p, err := g.proved(asm.Must(text))
					if err != nil {
						t.Fatal(err)
					}
					if g == tw.b && tt.native[i] {
						if err := p.Compile(tw.cfg); err != nil {
							t.Fatal(err)
						}
					}
					// The type is part of what a tail call asks for.
					if err := progs.Put(uint32(i), tail{p}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, fuel := range []uint64{1 << 24, 40, 300_000} {
				if !tw.compare(tt.name, insns, nil, fuel) {
					t.Fatal("the structure is refused")
				}
				if tr := tw.b.st.trap; fuel == 1<<26 && (tr == nil) != (tt.trap == trap.None) || tr != nil && fuel == 1<<26 && tr.Code != tt.trap {
					t.Errorf("trap %v, want %v", tr, tt.trap)
				}
			}
		})
	}
}
