package amd64

import (
	"math"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

// fuse expands op i and the one behind it together if one instruction does the work of both. It returns how many it
// took, 0 for none. Ops that follow each other have no label between them, and every fusion ends in the register
// that both write, so nothing needs to be known about what comes later.
func (x *expander) fuse(i int) int {
	ops := x.l.Ops[i:]
	if x.l.Plain || len(ops) < 2 {
		return 0
	}
	if ops[0].Kind == ir.CondJump && len(ops) > 2 {
		return x.choose(i)
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
		x.imulRRI(w, dst, regs[mov.Src], int32(op.Imm))
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

// choose makes a conditional move of the jump at op i over the move of a constant, and of the choice between 1 and 0 a setcc.
func (x *expander) choose(i int) int {
	ops := x.l.Ops[i:]
	jump, mov := &ops[0], &ops[1]
	if mov.Kind != ir.Mov || !mov.UseImm || ops[2].Kind != ir.Label || ops[2].Target != jump.Target {
		return 0
	}
	dst := regs[mov.Dst]
	switch {
	case mov.Imm == 0 && x.isOne(i, mov.Dst):
		x.setcc(x.compare(jump), dst)
	default:
		v := mov.Imm
		if mov.W == 32 {
			v = int64(uint32(v))
		}
		zero := v == 0 && !x.reuses(jump)
		if zero {
			x.movRI(scratch, 0)
		}
		c := x.compare(jump) ^ 1
		if !zero {
			x.constant(scratch, v)
		}
		x.held = ir.None
		x.cmov(c, dst, scratch)
	}
	x.wrote(mov.Dst)
	x.result = ir.None
	return 2
}

// isOne reports whether register r holds 1 at op i, as far as what stands before it in the block says.
func (x *expander) isOne(i int, r ir.Reg) bool {
	for k := i - 1; k >= 0 && k >= i-16; k-- {
		switch op := &x.l.Ops[k]; op.Kind {
		case ir.Nop, ir.Store:
		case ir.Mov:
			if op.Dst == r {
				return op.UseImm && op.Imm == 1
			}
		case ir.Label:
			// Behind what choose has made, control comes one way only.
			if k < 2 || x.l.Ops[k-1].Kind != ir.Mov || x.l.Ops[k-1].Dst == r || x.l.Ops[k-2].Kind != ir.CondJump ||
				x.l.Ops[k-2].Target != op.Target || x.comesFrom(op.Target) != 1 {
				return false
			}
			k -= 2
		case ir.FrameAddr, ir.Lea, ir.Add, ir.Sub, ir.Mul, ir.Or, ir.And, ir.Xor, ir.Lsh, ir.Rsh, ir.Arsh, ir.Rol, ir.Neg, ir.Sext, ir.Zext, ir.Load:
			if op.Dst == r {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// comesFrom counts the jumps and exits that lead to a label.
func (x *expander) comesFrom(label int32) int32 {
	if x.refs == nil {
		x.refs = make([]int32, x.l.Labels)
		for i := range x.l.Ops {
			switch op := &x.l.Ops[i]; op.Kind {
			case ir.Jump, ir.CondJump, ir.MayGoto:
				x.refs[op.Target]++
			}
		}
		for _, e := range x.l.Exits {
			for _, l := range [2]int32{e.Resume, e.Alt} {
				if l >= 0 {
					x.refs[l]++
				}
			}
		}
	}
	return x.refs[label]
}
