package interp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// TestNativeFlags puts comparisons behind a computation, of its result and of others before: flags that were reused once must
// be those of the result.
func TestNativeFlags(t *testing.T) {
	tw := newTwin(t)
	rng := rand.New(rand.NewPCG(11, 12))
	var sums, conds []isa.Op
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		switch info := op.Info(); {
		case info.Kind == isa.KindALU && info.AluOp != isa.AluDiv && info.AluOp != isa.AluMod && info.AluOp != isa.AluSdiv && info.AluOp != isa.AluSmod, info.Kind == isa.KindMov:
			sums = append(sums, op)
		case info.Kind == isa.KindCond:
			conds = append(conds, op)
		}
	}
	in := isa.New
	small := func() uint64 { return []uint64{0, 0, 1, 1 << 31, 1 << 32, 1<<64 - 1, 5}[rng.IntN(7)] }
	jump := func(op isa.Op, dst, src isa.Reg, imm int64) isa.Insn {
		if op.Info().UsesImm {
			return in(op, dst, 0, 1, imm)
		}
		return in(op, dst, src, 1, 0)
	}
	for _, sum := range sums {
		for _, first := range conds {
			if testing.Short() && rng.IntN(8) != 0 {
				continue
			}
			for _, second := range []isa.Op{isa.OpJeqImm, isa.OpJneImm, isa.OpJeq32Imm, isa.OpJne32Imm, isa.OpJsltImm, isa.OpJgtImm, isa.OpJsetImm} {
				var v [10]uint64
				for r := range v {
					v[r] = small()
				}
				body := setAll(v)
				op := in(sum, 6, 7, 0, 0)
				switch info := sum.Info(); {
				case info.UsesImm:
					op = in(sum, 6, 0, 0, int64(int32(-uint32(v[6]))))
				case info.AluOp == isa.AluNeg:
					op = in(sum, 6, 0, 0, 0)
				}
				imm := int64(0)
				if second == isa.OpJsetImm {
					imm = 1
				}
				body = append(body, op, jump(first, 2, 3, int64(rng.IntN(3)-1)), in(isa.OpMov64Imm, 8, 0, 0, 1),
					jump(second, 6, 0, imm), in(isa.OpMov64Imm, 9, 0, 0, 1), jump(second, 6, 0, imm), in(isa.OpMov64Imm, 1, 0, 0, 77))
				// Without a move between as well: jumps that go to one place.
				body = append(body, op, in(first, 2, 3, 1, 0), jump(second, 6, 0, imm), in(isa.OpMov64Imm, 4, 0, 0, 1))
				if info := first.Info(); info.UsesImm {
					body[len(body)-3] = in(first, 2, 0, 2, int64(rng.IntN(3)-1))
				} else {
					body[len(body)-3].Off = 2
				}
				// And right behind it, in its own width and the other.
				body = append(body, op, jump(second, 6, 0, imm), in(isa.OpMov64Imm, 5, 0, 0, 55))
				body = append(append(body, spill()...), exit...)
				name := fmt.Sprintf("%s, %s, %s", sum, first, second)
				if !tw.compare(name, body, nil, 1000) {
					t.Fatalf("%s: not accepted", name)
				}
			}
		}
	}
	t.Logf("compared %d programs", tw.ran)
	if !strings.Contains(fmt.Sprint(sums), isa.OpAnd32Reg.String()) || tw.ran < 500 {
		t.Error("too few programs")
	}
}
