package amd64

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestMoved expands random lists with jumps shortened and loops moved, and without: the same instructions must come out, jumps that lead to
// the same ones, and labels, functions and lines at the same ones. Divisions, exits, calls and whole functions stand between.
func TestMoved(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	shorter, longer := 0, 0
	for range 2000 {
		l := randomList(rng)
		var code [2]*ir.Native
		var text [2]*decoded
		for i := range code {
			x := new(expander)
			x.begin(l, Features{})
			if err := x.body(); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				n := len(x.b)
				x.shorten()
				if len(x.b) < n {
					shorter++
				}
				n = len(x.b)
				x.align()
				if len(x.b) > n {
					longer++
				}
			}
			n, err := x.link()
			if err != nil {
				t.Fatal(err)
			}
			code[i], text[i] = n, decode(t, n)
		}
		for i := range text[0].insns {
			if i >= len(text[1].insns) || text[0].insns[i] != text[1].insns[i] {
				t.Fatalf("instruction %d is %q, moved %q", i, text[0].insns[i], text[1].insns[i:min(i+1, len(text[1].insns))])
			}
		}
		if !slices.Equal(text[0].places, text[1].places) || len(text[0].insns) != len(text[1].insns) {
			t.Fatalf("labels, functions, lines and entries at %v, moved at %v", text[0].places, text[1].places)
		}
	}
	t.Logf("%d lists got shorter, in %d loops were moved", shorter, longer)
	if shorter < 1000 || longer < 500 {
		t.Error("too few")
	}
}

// decoded is code as it does not depend on where it lies.
type decoded struct {
	insns  []string // jumps with the number of the instruction that they lead to; without what does nothing
	places []int    // instructions at labels, functions, lines and entries
}

func decode(t *testing.T, n *ir.Native) *decoded {
	number := make([]int, len(n.Code)+1) // of the instruction at an offset, -1 within one
	var all []x86asm.Inst
	var next []int
	for i := range number {
		number[i] = -1
	}
	for pc := 0; pc < len(n.Code); {
		in, err := x86asm.Decode(n.Code[pc:], 64)
		if err != nil {
			t.Fatalf("%#x: %v", pc, err)
		}
		number[pc] = len(all)
		pc += in.Len
		if in.Op != x86asm.NOP {
			all, next = append(all, in), append(next, pc)
		}
	}
	number[len(n.Code)] = len(all)
	d := &decoded{}
	place := func(at uint32) int {
		if number[at] < 0 {
			t.Fatalf("%#x is within an instruction", at)
		}
		return number[at]
	}
	for i, in := range all {
		s := fmt.Sprint(in.Op, in.Args)
		if rel, ok := in.Args[0].(x86asm.Rel); ok {
			s = fmt.Sprint(in.Op, " to ", place(uint32(next[i]+int(rel))))
		}
		d.insns = append(d.insns, s)
	}
	for _, at := range slices.Concat(n.Labels, n.Funcs, []uint32{n.Start, n.Callee, n.Resume, n.Root, n.End}) {
		d.places = append(d.places, place(at))
	}
	for _, p := range n.PCs {
		d.places = append(d.places, place(p.Code), int(p.PC))
	}
	return d
}

// randomList is one with functions of jumps, loops and all that is out of line.
func randomList(rng *rand.Rand) *ir.List {
	l := &ir.List{Mask: 1<<32 - 1, Exits: []ir.Exit{{Resume: -1, Alt: -1}}}
	funcs := 1 + rng.IntN(3)
	for f := range funcs {
		l.Funcs = append(l.Funcs, ir.Function{Root: f == 0})
	}
	pc := int32(0)
	for f := range funcs {
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func, Target: int32(f), Imm: int64(16 * rng.IntN(3)), PC: pc})
		n := 2 + rng.IntN(40)
		first, labels := l.Labels, 1+rng.IntN(n)
		l.Labels += labels
		at := map[int][]int32{}
		for i := range labels {
			k := rng.IntN(n)
			at[k] = append(at[k], int32(first+i))
		}
		for i := range n {
			pc++
			begin := len(l.Ops)
			for _, label := range at[i] {
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: label, Imm: int64(rng.IntN(2))})
			}
			to := int32(first + rng.IntN(labels))
			reg := func() ir.Reg { return ir.Reg(rng.IntN(10)) }
			switch rng.IntN(12) {
			case 0:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Jump, Target: to})
			case 1, 2:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.CondJump, W: 64, Cond: ir.Ne, Dst: 1, Src: 2, Target: to})
			case 3:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Charge, Imm: 3})
			case 4:
				l.Ops = append(l.Ops, ir.Op{Kind: []ir.Kind{ir.Div, ir.Mod, ir.SDiv, ir.SMod}[rng.IntN(4)], W: 32 << rng.IntN(2), Dst: reg(), Src: reg()})
			case 5:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Leave})
			case 6:
				if funcs > 1 {
					l.Ops = append(l.Ops, ir.Op{Kind: ir.Call, Target: int32(1 + rng.IntN(funcs-1)), Off: 768})
				}
			case 7:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.MayGoto, Target: to})
			case 8:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Return, Target: int32(f)})
			case 9:
				for range rng.IntN(12) {
					l.Ops = append(l.Ops, ir.Op{Kind: ir.Mov, W: 64, Dst: reg(), UseImm: true, Imm: 1 << 40})
				}
			default:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Add, W: 64, Dst: reg(), UseImm: true, Imm: int64(rng.IntN(400))})
			}
			for k := range l.Ops[begin:] {
				l.Ops[begin+k].PC = pc
			}
		}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Return, Target: int32(f), PC: pc})
	}
	return l
}
