package amd64

import "github.com/gbpf/gbpf/jit/internal/ir"

// loadPacket loads both ends of the packet.
func (x *expander) loadPacket(op *ir.Op) {
	x.movRM(64, scratch, at(RSP, 0))
	x.movRM(64, scratch, at(scratch, int32(ir.OffPacket)))
	x.movRM(64, regs[op.Dst], at(scratch, 0))
}

// confined puts a confined address into a register. What lies up to [ir.CopyMax] bytes behind it is in the window
// or its margin.
func (x *expander) confined(dst Reg, r ir.Reg) Mem {
	x.movRR(32, dst, regs[r])
	if x.l.Mask != 1<<32-1 {
		x.aluRI(32, aluAnd, dst, int32(x.l.Mask))
	}
	return Mem{Base: regBase, Index: dst}
}

// copyOp copies by way of vector registers: none of them is in use.
func (x *expander) copyOp(op *ir.Op) {
	from, to := x.confined(scratch, op.Src), x.confined(temp, op.Base)
	n := int32(op.Imm)
	piece := int32(16)
	for piece > n {
		piece >>= 1
	}
	var at []int32
	for off := int32(0); off+piece <= n; off += piece {
		at = append(at, off)
	}
	if n%piece != 0 {
		at = append(at, n-piece) // the last overlaps the one before
	}
	if piece <= 2 {
		x.load(int(piece), false, scratch, from)
		x.store(int(piece), to, scratch)
		return
	}
	load, store := vectorMoves(piece)
	for i, off := range at {
		from.Disp = off
		x.rm(32, load, Reg(i), from)
	}
	for i, off := range at {
		to.Disp = off
		x.rm(32, store, Reg(i), to)
	}
}

// vectorMoves are movups, movq and movd, from and to memory (Intel SDM volume 2).
func vectorMoves(size int32) (load, store code) {
	switch size {
	case 16:
		return op2(0x0f10), op2(0x0f11)
	case 8:
		return code{prefix: 0xf3, b: 0x0f7e, n: 2}, code{prefix: 0x66, b: 0x0fd6, n: 2}
	}
	return code{prefix: 0x66, b: 0x0f6e, n: 2}, code{prefix: 0x66, b: 0x0f7e, n: 2}
}
