package amd64

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// TestShorten expands random jumps, backwards and forwards, over distances around what one byte reaches: each goes to its label, and
// most that are near are short.
func TestShorten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	short, long := 0, 0
	for range 3000 {
		l := &ir.List{Mask: 1<<32 - 1, Funcs: []ir.Function{{Root: true}}, Labels: 12}
		at := map[int]int32{} // labels by op
		n := 20 + rng.IntN(100)
		for label := range int32(l.Labels) {
			at[rng.IntN(n)*l.Labels+int(label)] = label
		}
		var want []int32 // labels of the jumps
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Func})
		for i := range n {
			for label := range l.Labels {
				if k, ok := at[i*l.Labels+label]; ok {
					l.Ops = append(l.Ops, ir.Op{Kind: ir.Label, Target: k})
				}
			}
			switch to := rng.Int32N(int32(l.Labels)); rng.IntN(5) {
			case 0:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.CondJump, W: 64, Dst: 3, UseImm: true, Imm: 7, Target: to})
				want = append(want, to)
			case 1:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Jump, Target: to})
				want = append(want, to)
			default:
				l.Ops = append(l.Ops, ir.Op{Kind: ir.Xor, W: 64, Dst: ir.Reg(rng.IntN(10)), UseImm: true, Imm: rng.Int64N(1000)})
			}
		}
		l.Ops = append(l.Ops, ir.Op{Kind: ir.Leave})
		l.Exits = []ir.Exit{{Kind: ir.ExitBadJump, Resume: -1, Alt: -1}}
		for _, plain := range []bool{true, false} {
			l.Plain = plain
			code, err := Expand(l, Features{})
			if err != nil {
				t.Fatal(err)
			}
			k := 0
			for at := 0; at < int(code.End); {
				in, err := x86asm.Decode(code.Code[at:], 64)
				if err != nil {
					t.Fatal(err)
				}
				at += in.Len
				rel, ok := in.Args[0].(x86asm.Rel)
				if !ok || k == len(want) { // the last is the way out
					continue
				}
				if got := at + int(rel); got != int(code.Labels[want[k]]) {
					t.Fatalf("jump %d goes to %#x, its label stands at %#x", k, got, code.Labels[want[k]])
				}
				switch {
				case plain:
				case in.Len == 2:
					short++
				case rel > 0 && rel <= 0x7f || rel < 0 && rel >= -0x80+4:
					// What lies between was shortened, or holds loops that might have been moved.
					long++
				}
				k++
			}
			if k != len(want) {
				t.Fatalf("%d jumps, want %d", k, len(want))
			}
		}
	}
	t.Logf("%d short jumps, %d that are long and near all the same", short, long)
	if short < 10_000 || long > short/4 {
		t.Error("too few are short")
	}
}
