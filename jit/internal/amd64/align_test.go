package amd64

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestJumps expands random lists of jumps and of code of all lengths between them, and decodes where each jump goes: short or long,
// moved or not. Loops that fit a line lie in one, where they do not overlap in ways that compilers do not make.
func TestJumps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var short, long, moved, fits, across int
	for range 3000 {
		n := 2 + rng.IntN(60)
		labels := 1 + rng.IntN(n)
		l := &ir.List{Mask: 1<<32 - 1, Labels: labels, Funcs: []ir.Function{{Root: true}}, Exits: []ir.Exit{{Resume: -1, Alt: -1}}}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func})
		at := map[int]int32{}
		for i := range labels {
			at[rng.IntN(n)*labels+i] = int32(i)
		}
		var want []int32 // the targets of jumps, in their order
		for i := range n {
			for k := range labels {
				if label, ok := at[i*labels+k]; ok {
					l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: label, Imm: 1})
				}
			}
			switch rng.IntN(6) {
			case 0:
				want = append(want, int32(rng.IntN(labels)))
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Jump, Target: want[len(want)-1]})
			case 1:
				want = append(want, int32(rng.IntN(labels)))
				l.Ops = append(l.Ops, ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Ne, Dst: 1, Src: 2, Target: want[len(want)-1]})
			case 2:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Charge, Imm: 3})
				want = append(want, -1)
			case 3:
				for range rng.IntN(12) {
					l.Ops = append(l.Ops, ir.Op{Kind: ir.Mov, W: 64, Dst: ir.Reg(rng.IntN(10)), UseImm: true, Imm: 1 << 40})
				}
			default:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Add, W: 64, Dst: ir.Reg(rng.IntN(10)), UseImm: true, Imm: int64(rng.IntN(400))})
			}
		}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Return})
		code, err := Expand(l, Features{})
		if err != nil {
			t.Fatal(err)
		}
		first := map[int]int{} // the last way back to an offset, by the offset
		for pc := 0; pc < int(code.End); {
			in, err := x86asm.Decode(code.Code[pc:], 64)
			if err != nil {
				t.Fatalf("%#x: %v", pc, err)
			}
			pc += in.Len
			if in.Op == x86asm.NOP {
				moved++
			}
			rel, ok := in.Args[0].(x86asm.Rel)
			if !ok || len(want) == 0 { // the end of the function jumps, too
				continue
			}
			if want[0] >= 0 {
				to := int(code.Labels[want[0]])
				if pc+int(rel) != to {
					t.Fatalf("the jump before %#x goes to %#x, want %#x", pc, pc+int(rel), to)
				}
				if to < pc {
					first[to] = pc
				}
			}
			if want = want[1:]; in.PCRel == 1 {
				short++
			} else {
				long++
			}
		}
		if len(want) > 0 {
			t.Fatalf("%d jumps are missing", len(want))
		}
		for from, to := range first {
			if to-from <= line {
				fits++
				if from/line != (to-1)/line {
					across++ // it overlaps others
				}
			}
		}
	}
	t.Logf("%d short jumps, %d long ones, %d loops that fit a line, %d of them across two, %d gaps", short, long, fits, across, moved)
	if across > fits/10 || short < 1000 || long < 1000 || fits < 1000 || moved < 100 {
		t.Error("too few of one kind, or too many across lines")
	}
}
