package scalar

import (
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

var (
	sinkScalar   Scalar
	sinkBool     bool
	sinkDecision Decision
)

// Values as programs have them: a byte, a length, a masked index, a signed offset.
var typical = []struct {
	name string
	a, b Scalar
}{
	{"const", Const(20), Const(4)},
	{"byte_const", URange(0, 255), Const(4)},
	{"index_byte", FromTnum(Tnum{0, 0xfc}), URange(0, 255)},
	{"signed_range", SRange(-100, 100), URange(1, 1500)},
	{"unknown_const", Unknown(), Const(6)},
	{"unknown_unknown", Unknown(), Unknown()},
}

func BenchmarkALU(b *testing.B) {
	for _, op := range []isa.AluOp{isa.AluAdd, isa.AluAnd, isa.AluMul, isa.AluLsh, isa.AluArsh, isa.AluDiv, isa.AluMod} {
		for _, width := range []uint8{32, 64} {
			for _, v := range typical {
				b.Run(fmt.Sprintf("%v%d/%s", op, width, v.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						sinkScalar = ALU(op, width, v.a, v.b)
					}
				})
			}
		}
	}
}

func BenchmarkRefine(b *testing.B) {
	for _, op := range []isa.CondOp{isa.CondEq, isa.CondNe, isa.CondLt, isa.CondSle, isa.CondSet} {
		for _, v := range typical {
			b.Run(fmt.Sprintf("%v/%s", op, v.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					sinkScalar, _, sinkBool = Refine(op, 64, true, v.a, v.b)
				}
			})
		}
	}
}

func BenchmarkBranch(b *testing.B) {
	for _, op := range []isa.CondOp{isa.CondEq, isa.CondLt, isa.CondSet} {
		for _, v := range typical {
			b.Run(fmt.Sprintf("%v/%s", op, v.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					sinkDecision = Branch(op, 64, v.a, v.b)
				}
			})
		}
	}
}

func BenchmarkNormalise(b *testing.B) {
	range64 := unknown
	range64.UMin, range64.UMax = 3, 1500
	for _, v := range []struct {
		name string
		s    Scalar
	}{
		{"const", Const(7)}, {"unknown", Unknown()}, {"normal", URange(0, 1500)}, {"range", range64}, {"signed", SRange(-7, 9)},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sinkScalar, sinkBool = v.s.Normalise()
			}
		})
	}
}

func BenchmarkIn(b *testing.B) {
	x, y := URange(3, 1000), URange(0, 1500)
	for b.Loop() {
		sinkBool = x.In(y)
	}
}

func BenchmarkJoin(b *testing.B) {
	x, y := URange(3, 1000), URange(500, 1500)
	for b.Loop() {
		sinkScalar = Join(x, y)
	}
}
