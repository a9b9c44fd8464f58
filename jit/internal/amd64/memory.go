package amd64

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// address forms the operand of an access. It may change scratch.
func (x *expander) address(op *ir.Op) Mem {
	base := regs[op.Base]
	switch {
	case op.Access == ir.Fixed:
		return at(regBase, op.Off)
	case op.Access == ir.Frame:
		return frame(op.Off)
	case op.Access == ir.Near && op.Indexed:
		return Mem{Base: regBase, Index: regs[op.Index], Scale: op.Scale, Disp: op.Off}
	case op.Indexed:
		x.held = ir.None
		m := Mem{Base: base, Index: regs[op.Index], Scale: op.Scale}
		if x.l.Mask != 1<<32-1 || op.Off != int32(int16(op.Off)) { // beyond the pads only what is confined may go
			m.Disp = op.Off
			x.lea(32, scratch, m)
			if x.l.Mask != 1<<32-1 {
				x.aluRI(32, aluAnd, scratch, int32(x.l.Mask))
			}
			return Mem{Base: regBase, Index: scratch}
		}
		// The offset goes behind the confinement as below: a lea of three parts takes longer.
		if m.Scale == 0 && m.Base&7 == RBP && m.Index&7 != RBP {
			m.Base, m.Index = m.Index, m.Base
		}
		x.lea(32, scratch, m)
		return Mem{Base: regBase, Index: scratch, Disp: op.Off}
	case op.Access == ir.Bare || op.Access == ir.Near:
		return Mem{Base: regBase, Index: base, Disp: op.Off}
	case x.l.Mask != 1<<32-1:
		x.held = ir.None
		x.lea(32, scratch, at(base, op.Off))
		x.aluRI(32, aluAnd, scratch, int32(x.l.Mask))
		return Mem{Base: regBase, Index: scratch}
	case op.Off != int32(int16(op.Off)):
		x.held = ir.None
		x.lea(32, scratch, at(base, op.Off))
		return Mem{Base: regBase, Index: scratch}
	}
	// Addresses beyond either end fall into the window's margins, which are the other end of the same
	// memory, so that the offset may be added after the confinement.
	if x.held != op.Base {
		x.movRR(32, scratch, base)
		x.held = op.Base
		if op.Base == ir.Tmp {
			x.held = ir.None
		}
	}
	return Mem{Base: regBase, Index: scratch, Disp: op.Off}
}

// frame is the operand at an offset of R10, a constant in the frame: R10 is what the host set and calls of counted depth moved,
// and nothing the guest does changes it. It has no index: processors hand a value that was stored so to the load of it
// without a way through memory.
func frame(off int32) Mem { return at(regFP, off) }

// frameAddr is the guest's value of R10 and an offset within the frame: the low half of the host address, since that of the
// window's base is 0.
func (x *expander) frameAddr(dst Reg, off int32) {
	if off == 0 {
		x.movRR(32, dst, regFP)
		return
	}
	x.lea(32, dst, frame(off))
}

// aligned forms the address of an atomic access in scratch and clears its low bits.
func (x *expander) aligned(op *ir.Op) Mem {
	x.held = ir.None
	if op.Access == ir.Frame {
		if op.Off&int32(op.Size-1) == 0 {
			return frame(op.Off) // R10 is a multiple of 8
		}
		x.lea(64, scratch, frame(op.Off))
		x.aluRI(64, aluAnd, scratch, -int32(op.Size))
		return at(scratch, 0)
	}
	x.lea(32, scratch, at(regs[op.Base], op.Off))
	if mask := x.l.Mask &^ uint32(op.Size-1); mask != 1<<32-1 {
		x.aluRI(32, aluAnd, scratch, int32(mask))
	}
	return Mem{Base: regBase, Index: scratch}
}

func (x *expander) loadOp(op *ir.Op, dst Reg) {
	m := x.address(op)
	size := int(op.Size)
	switch {
	case !op.Swapped:
		x.load(size, op.Signed, dst, m)
	case size == 2:
		x.load(2, false, dst, m)
		x.swap(16, dst)
	case x.f.MOVBE:
		x.movbeRM(size, dst, m)
	default:
		x.load(size, false, dst, m)
		x.swap(size*8, dst)
	}
}

func (x *expander) storeOp(op *ir.Op, src Reg) {
	m := x.address(op)
	size := int(op.Size)
	switch {
	case op.UseImm:
		x.storeI(size, m, op.Imm)
	case !op.Swapped:
		x.store(size, m, src)
	case x.f.MOVBE:
		x.movbeMR(size, m, src)
	default:
		x.movRR(64, temp, src)
		if size == 2 {
			x.rol16(temp)
		} else {
			x.bswap(size*8, temp)
		}
		x.store(size, m, temp)
	}
}

// atomic does the read-modify-write operations.
func (x *expander) atomic(op *ir.Op, src Reg) {
	m := x.aligned(op)
	w := int(op.Size) * 8
	var a alu
	switch op.AtomicOp {
	case isa.AtomicXchg:
		x.xchgMR(int(op.Size), m, src)
		return
	case isa.AtomicCmpxchg:
		x.lockCmpxchg(w, m, src)
		if w == 32 {
			x.movRR(32, RAX, RAX) // when equal, the upper half stayed
		}
		return
	case isa.AtomicAdd:
		if op.Fetch {
			x.lockXadd(w, m, src)
			return
		}
		a = aluAdd
	case isa.AtomicOr:
		a = aluOr
	case isa.AtomicAnd:
		a = aluAnd
	case isa.AtomicXor:
		a = aluXor
	}
	if !op.Fetch {
		x.lockAluMR(w, a, m, src)
		return
	}
	// A loop of compare and exchange, which wants the old value in RAX. Nothing leaves the
	// code while RAX lies on the stack.
	x.push(RAX)
	x.movRM(w, RAX, m)
	again := len(x.b)
	x.movRR(w, temp, RAX)
	if src == RAX {
		x.aluRM(w, a, temp, at(RSP, 0))
	} else {
		x.aluRR(w, a, temp, src)
	}
	x.lockCmpxchg(w, m, temp)
	x.byte(0x70|byte(CCNE), byte(again-len(x.b)-2))
	if src == RAX {
		x.aluRI(64, aluAdd, RSP, 8)
		return
	}
	x.movRR(w, src, RAX)
	x.pop(RAX)
}
