package amd64

import (
	"math"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// fuse expands the first two ops of a list together if one instruction does the work of both. It returns how many it
// took, 0 for none. Ops that follow each other have no label between them, and every fusion ends in the register
// that both write, so nothing needs to be known about what comes later.
func (x *expander) fuse(ops []ir.Op) int {
	if x.l.Plain || len(ops) < 2 {
		return 0
	}
	if ops[0].Kind != ir.Mov {
		return 0
	}
	mov, op := &ops[0], &ops[1]
	if op.Dst != mov.Dst || mov.W != op.W && op.W != 32 {
		return 0
	}
	w, dst := int(op.W), regs[op.Dst]
	switch {
	case mov.UseImm:
		v := mov.Imm
		if w == 32 {
			v = int64(int32(v))
		}
		if op.Kind != ir.Add || op.UseImm || op.Src == op.Dst || v < math.MinInt32 || v > math.MaxInt32 {
			return 0
		}
		x.lea(w, dst, at(regs[op.Src], int32(v)))
	case mov.Src == mov.Dst:
		return 0
	case op.Kind == ir.Add && !op.UseImm:
		a, b := regs[mov.Src], regs[op.Src]
		if op.Src == op.Dst {
			b = a
		}
		if a&7 == RBP && b&7 != RBP {
			a, b = b, a // a base of this number takes a displacement
		}
		x.lea(w, dst, Mem{Base: a, Index: b})
	case op.Kind == ir.Mul && op.UseImm:
		x.product(w, dst, regs[mov.Src], int32(op.Imm))
	case op.Kind == ir.Rol && op.UseImm && x.f.BMI2 && op.Imm&int64(w-1) != 0:
		x.rorx(w, dst, regs[mov.Src], uint8(-op.Imm)&uint8(w-1))
	case op.Kind == ir.And && op.UseImm && op.Imm == 0xff:
		x.movzx8RR(dst, regs[mov.Src])
	case op.Kind == ir.And && op.UseImm && op.Imm == 0xffff:
		x.movzx16RR(dst, regs[mov.Src])
	default:
		return 0
	}
	x.wrote(op.Dst)
	x.result = ir.None
	return 2
}
