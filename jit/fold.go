package jit

import (
	"math"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// look is how far back the passes look within a block, in ops.
const look = 16

// fold puts what the address of access i was made of into the access: an offset, a register that was added, or one
// times 2, 4 or 8. All of it is arithmetic modulo 2^32, which is what confinement is, so that the access goes to the same
// place whatever the registers hold. It works where the sum is used once; live are the registers live behind the access;
// full says that addresses have 32 bits.
func fold(ops []ir.Op, i int, live regSet, full bool) {
	op := &ops[i]
	if op.Kind == ir.Load {
		live &^= bit(op.Dst)
	} else if !op.UseImm {
		live |= bit(op.Src) // the value is used beside the address
	}
	for range 6 {
		if !foldBase(ops, i, live, full) && !foldIndex(ops, i, live) {
			return
		}
	}
}

// definition finds the op that gives register r the value it has at op i, if it is in the same block and, where alone
// is asked for, nothing else reads it between.
func definition(ops []ir.Op, i int, r ir.Reg, alone bool) *ir.Op {
	for k := i - 1; k >= 0 && k >= i-look; k-- {
		op := &ops[k]
		if !straight(op.Kind) {
			return nil
		}
		reads, writes := effects(op)
		if writes&bit(r) != 0 {
			return op
		}
		if alone && reads&bit(r) != 0 {
			return nil
		}
	}
	return nil
}

// kept reports whether register r holds at op i what it held behind op d, which comes before it in the same block.
func kept(ops []ir.Op, d *ir.Op, i int, r ir.Reg) bool {
	for k := i - 1; k >= 0 && &ops[k] != d; k-- {
		if _, writes := effects(&ops[k]); writes&bit(r) != 0 {
			return false
		}
	}
	return true
}

// foldBase looks at what the base of access i was made of; full says that addresses have 32 bits.
func foldBase(ops []ir.Op, i int, after regSet, full bool) bool {
	op := &ops[i]
	t := op.Base
	if op.Access != ir.Confined || t > 9 && t != ir.Tmp {
		return false
	}
	if d := definition(ops, i, t, false); full && d != nil && d.Kind == ir.Mov && d.UseImm && foldConstant(op, d.Imm) {
		return true
	}
	if after&bit(t) != 0 || op.Indexed && op.Index == t {
		return false
	}
	d := definition(ops, i, t, true)
	if d == nil || d.Dst != t {
		return false
	}
	off := func(imm int64) bool {
		// Without an index the offset stays what an instruction has, but for what a constant base brought.
		sum := int64(op.Off) + imm
		if sum != int64(int16(sum)) && (!op.Indexed || sum != int64(int32(sum))) {
			return false
		}
		op.Off = int32(sum)
		return true
	}
	switch d.Kind {
	case ir.Add:
		switch {
		case d.UseImm && int64(int32(d.Imm)) == d.Imm && off(d.Imm):
		case !d.UseImm && !op.Indexed && d.Src <= 9 && d.Src != t && kept(ops, d, i, d.Src):
			op.Indexed, op.Index, op.Scale = true, d.Src, 0
		default:
			return false
		}
	case ir.Sub:
		if !d.UseImm || int64(int32(d.Imm)) != d.Imm || !off(-d.Imm) {
			return false
		}
	case ir.Lea:
		if d.Src > 9 || !kept(ops, d, i, d.Src) && d.Src != t || !off(d.Imm) {
			return false
		}
		op.Base = d.Src
	case ir.Mov:
		if d.UseImm || d.Src > 9 || d.Src == t || !kept(ops, d, i, d.Src) {
			return false
		}
		op.Base = d.Src
	case ir.FrameAddr:
		sum := int64(op.Off) + d.Imm
		switch {
		case sum < -1<<15 || sum >= 1<<15:
			return false
		case op.Indexed:
			op.Base, op.Off = ir.FP, int32(sum)
		case d.Imm >= -guest.StackSize && d.Imm <= 0 && inFrame(int32(sum), op.Size):
			op.Base, op.Off, op.Access = ir.FP, int32(sum), ir.Frame
		default:
			return false
		}
	default:
		return false
	}
	*d = ir.Op{Kind: ir.Nop, PC: d.PC}
	return true
}

// foldConstant is of a base that is a number, the address of a table or a variable: the access goes to the index at an
// offset from there, or to one place.
func foldConstant(op *ir.Op, base int64) bool {
	at := base + int64(op.Off)
	if base < 0 || at < 0 || at > math.MaxInt32-8 {
		return false
	}
	switch {
	case !op.Indexed:
		op.Access, op.Base = ir.Fixed, 0
	case op.Scale == 0:
		op.Base, op.Indexed = op.Index, false
	default:
		return false
	}
	op.Off = int32(at)
	return true
}

// foldIndex looks at what the index of access i was made of.
func foldIndex(ops []ir.Op, i int, after regSet) bool {
	op := &ops[i]
	c := op.Index
	if !op.Indexed || after&bit(c) != 0 || op.Base == c {
		return false
	}
	d := definition(ops, i, c, true)
	if d == nil || d.Dst != c {
		return false
	}
	switch {
	case d.Kind == ir.Lsh && d.UseImm && d.Imm >= 0 && d.Imm+int64(op.Scale) <= 3:
		op.Scale += uint8(d.Imm)
	case d.Kind == ir.Mov && !d.UseImm && d.Src <= 9 && d.Src != c && kept(ops, d, i, d.Src):
		op.Index = d.Src
	default:
		return false
	}
	*d = ir.Op{Kind: ir.Nop, PC: d.PC}
	return true
}
