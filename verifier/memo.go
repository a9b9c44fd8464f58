package verifier

import (
	"sync"

	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// memo remembers results of arithmetic on numbers that are not constants: paths
// and turns of loops do the same sums over and over, and comparing the operands is
// several times cheaper than computing.
type memo [512]memoRow

// memos holds those that no walk uses: what is in them is true of any program.
var memos = sync.Pool{New: func() any { return new(memo) }}

type memoRow struct {
	a, b, r scalar.Scalar
	op      isa.AluOp
	width   uint8
}

// alu is scalar.ALU.
func (m *memo) alu(op isa.AluOp, width uint8, a, b *scalar.Scalar) scalar.Scalar {
	h := mix(a.Var.Mask^a.UMin^uint64(op)<<56^uint64(width)<<48, a.UMax^uint64(a.SMin)<<1)
	h = mix(h^b.Var.Value, b.Var.Mask^b.UMax<<1)
	row := &m[h%uint64(len(m))]
	if row.op == op && row.width == width && row.a == *a && row.b == *b {
		return row.r
	}
	row.r = scalar.ALU(op, width, *a, *b)
	row.a, row.b, row.op, row.width = *a, *b, op, width
	return row.r
}
