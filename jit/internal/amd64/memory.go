package amd64

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

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
