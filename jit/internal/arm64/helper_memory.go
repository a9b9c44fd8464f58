package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// vectorAccess is ldur, stur of a vector register of 1, 2, 4, 8 or 16 bytes at [n, #off], off from -256 to 255
// (Arm ARM C4.1.94, "Load/store register (unscaled immediate)").
func vectorAccess(m Mem, size uint8, t, n Reg, off int32) uint32 {
	w := 0x3c000000 | uint32(m)<<22 | uint32(off)&0x1ff<<12 | rn(n) | rd(t)
	if size == 16 {
		return w | 1<<23
	}
	return w | sizeField(size)
}

func (e *expander) loadPacket(op *ir.Op) {
	e.emit(Access(LDR, 8, rT0, rState, uint32(ir.OffPacket)), Access(LDR, 8, e.dst(op.Dst), rT0, 0))
}

// confined puts the host address of a confined guest address into a register. What lies up to [ir.CopyMax] bytes behind it is in the
// window or its margin.
func (e *expander) confined(d Reg, r ir.Reg) {
	from := e.reg(r)
	if e.list.Mask != 1<<32-1 {
		e.maskTo(d, from, e.list.Mask)
		from = d
	}
	e.emit(AddExt(X, d, rBase, from, UXTW, 0))
}

// copyOp copies by way of vector registers: none of them is in use.
func (e *expander) copyOp(op *ir.Op) {
	e.confined(rT0, op.Src)
	e.confined(rT1, op.Base)
	n := int32(op.Imm)
	if n < 1 || n > ir.CopyMax || n == 3 {
		e.fail("copy of %d bytes", n)
		return
	}
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
	for i, off := range at {
		e.emit(vectorAccess(LDR, uint8(piece), Reg(i), rT0, off))
	}
	for i, off := range at {
		e.emit(vectorAccess(STR, uint8(piece), Reg(i), rT1, off))
	}
}
