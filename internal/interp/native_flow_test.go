package interp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
)

// TestNativeFlow holds machine code against the interpreter in programs of loops of all shapes: those that count in every way, and those
// that only look so. All must be compiled, and take the same fuel.
func TestNativeFlow(t *testing.T) {
	w := newWall(t)
	w.remember()
	rng := rand.New(rand.NewPCG(31, 32))
	n, ran, out := 6000, 0, 0
	if testing.Short() {
		n = 600
	}
	for i := range n {
		insns := []isa.Insn{
			isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpMov64Imm, 3, 0, 0, int64(rng.IntN(9)-1)), isa.New(isa.OpMov64Imm, 4, 0, 0, 3),
			isa.New(isa.OpMov64Imm, 5, 0, 0, int64(rng.Int32())),
		}
		for _, in := range fuzzgen.Flow(rng, 3+rng.IntN(40)) {
			switch in.Op {
			case isa.OpMov64Imm:
				if in.Dst == 0 { // what comparisons come out as changes all the time
					in = isa.New([]isa.Op{isa.OpMul64Imm, isa.OpAdd64Imm, isa.OpXor64Imm}[rng.IntN(3)], 5, 0, 0, int64(rng.Int32()|1))
				}
			case isa.OpJeqImm:
				if in.Dst == 0 {
					in = isa.New(isa.OpJsetImm, 5, 0, in.Off, 1<<(3+rng.IntN(20)))
				}
			}
			insns = append(insns, in)
		}
		insns = append(insns, isa.New(isa.OpMov64Reg, 0, 5, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
		if w.compare(fmt.Sprint("flow ", i), insns, nil, 3000) {
			ran++
			if w.a.st.trap != nil {
				out++
			}
		}
	}
	t.Logf("%d of %d programs ran, %d out of fuel or elsewhere", ran, n, out)
	if ran < n*9/10 || out < n/20 || out > n*9/10 {
		t.Error("too few of one kind")
	}
}
