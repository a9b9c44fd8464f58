package interp

import (
	"context"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// TestRepeatNative: a run in a row leaves nothing to the next but packet and context.
func TestRepeatNative(t *testing.T) {
	for _, tt := range []struct {
		name, text, target string
		native             bool // the target
	}{
		// A program without a proof has what it calls checked. The next run begins in one with a proof again: the key of its lookup lies nowhere.
		{"a tail call of what is not proven", `
			r6 = *(u8 *)(r1 +0); r7 = r6; r7 += 1; *(u8 *)(r1 +0) = r7; if r6 != 0 goto next
			r2 = 1 ll; r3 = 0; call tail_call
		next: r2 = 8; r1 = 2 ll; call map_lookup_elem; r0 = r6; exit`, "r0 = 77; exit", false},
		{"33 tail calls", `
			r6 = *(u8 *)(r1 +0); r7 = r6; r7 += 1; *(u8 *)(r1 +0) = r7
			r2 = 1 ll; r3 = 0; call tail_call; r0 = r6; exit`, "", true},
		{"scratch and fuel", `
			r6 = *(u8 *)(r1 +0); r7 = r6; r7 += 1; *(u8 *)(r1 +0) = r7
			r1 = 20; r2 = func cb; r3 = 0; r4 = 0; call loop; r0 += r6; exit
		cb:	r0 = 0; exit`, "", false},
	} {
		tw := newTwin(t)
		for _, g := range []*rig{tw.a, tw.b} {
			for _, s := range []maps.Spec{
				{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}, {Name: "hash", Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 4},
			} {
				if _, err := maps.New(g.mem, &s, 1, g.table); err != nil {
					t.Fatal(err)
				}
			}
		}
		program := func(g *rig, text string, native bool) *Program {
			p, err := g.proved(asm.Must(text))
			if err != nil {
				t.Fatal(err)
			}
			if native {
				if err := p.Compile(tw.cfg); err != nil {
					t.Fatal(err)
				}
			}
			return p
		}
		var progs [2]*Program
		for i, g := range []*rig{tw.a, tw.b} {
			p := program(g, tt.text, g == tw.b)
			target := p
			if tt.target != "" {
				target = program(g, tt.target, g == tw.b && tt.native)
				target.proven = tt.native
			}
			if err := g.table.Map(1).Put(uint32(0), tail{target}); err != nil {
				t.Fatal(err)
			}
			progs[i] = p
		}
		const times, units = 7, 2000
		enter := func(g *rig) {
			g.st.Bctx.Reset(progs[0].Type())
			if err := progs[0].Type().Setup(&g.st.Bctx, &progtype.Input{Data: make([]byte, 8)}); err != nil {
				t.Fatal(err)
			}
		}
		enter(tw.a)
		enter(tw.b)
		var want Result
		var sum uint64
		for range times {
			r1, r2 := tw.a.st.Bctx.Entry()
			var tr *trap.Trap
			if want, tr = tw.a.st.Run(context.Background(), progs[0], Mode{}, units, r1, r2); tr != nil {
				t.Fatalf("%s: %v", tt.name, tr)
			}
			sum += want.Fuel
		}
		last, all, runs, tr := tw.b.st.RepeatNative(context.Background(), progs[1], units, times)
		if tr != nil || runs != times || last.R0 != want.R0 || last.Fuel != want.Fuel || all.Fuel != sum {
			t.Errorf("%s: %d runs, the last gave %d for %d units of %d, trap %v; want %d runs, %d for %d of %d", tt.name, runs, last.R0, last.Fuel, all.Fuel, tr, times, want.R0, want.Fuel, sum)
		}
	}
}
