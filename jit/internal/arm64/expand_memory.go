package arm64

import (
	"math/bits"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// window emits the confinement of an access and returns the register whose low half is an
// offset into the window.
func (e *expander) window(op *ir.Op) Reg {
	small := e.list.Mask != 1<<32-1 && op.Access != ir.Bare
	if op.Off == 0 && !small {
		return e.reg(op.Base)
	}
	at := address{op.Base, op.Off, op.Access, false}
	if r, ok := e.cache.find(at); ok {
		return r
	}
	d, from := e.cache.take(at), e.reg(op.Base)
	if op.Off != 0 {
		e.addImm(W, d, from, uint64(int64(op.Off)))
		from = d
	}
	if small {
		e.maskTo(d, from, e.list.Mask)
	}
	return d
}

// host emits the host address of a confined base register and returns its register. An
// access at an offset from it, of less than 32 KiB upwards, stays within the window
// and the margin that package guest keeps behind it, whatever the register held.
func (e *expander) host(op *ir.Op) Reg {
	at := address{base: op.Base, host: true}
	if r, ok := e.cache.find(at); ok {
		return r
	}
	d, from := e.cache.take(at), e.reg(op.Base)
	if e.list.Mask != 1<<32-1 {
		e.maskTo(d, from, e.list.Mask)
		from = d
	}
	e.emit(AddExt(X, d, rBase, from, UXTW, 0))
	return d
}

// maskTo emits d = n & mask for a mask with a form as an immediate.
func (e *expander) maskTo(d, n Reg, mask uint32) {
	f, ok := bitmask(W, uint64(mask))
	if !ok {
		e.fail("mask %#x is not a run of ones", mask)
	}
	e.emit(AndImm(W, d, n, f))
}

// access emits a load or store of t.
func (e *expander) access(m Mem, op *ir.Op, t Reg) {
	if op.Size > 8 || bits.OnesCount8(op.Size) != 1 {
		e.fail("access of %d bytes", op.Size)
		return
	}
	switch {
	case op.Access == ir.Fixed:
		e.constant(rT1, uint64(op.Off))
		e.emit(AccessReg(m, op.Size, t, rBase, rT1, UXTW, false))
	case op.Indexed:
		base := rGuest
		if op.Base != ir.FP {
			base = e.reg(op.Base)
		}
		e.emit(Add(W, rT1, base, e.reg(op.Index), LSL, uint32(op.Scale)))
		if op.Off != 0 {
			e.addImm(W, rT1, rT1, uint64(int64(op.Off)))
		}
		if e.list.Mask != 1<<32-1 {
			e.maskTo(rT1, rT1, e.list.Mask)
		}
		e.emit(AccessReg(m, op.Size, t, rBase, rT1, UXTW, false))
	case op.Access == ir.Frame && op.Base == ir.FP:
		off := int64(op.Off) + frameBias
		switch {
		case off < 0 || off+int64(op.Size) > frameBias:
			e.fail("offset %d is outside the frame", op.Off)
		case fitsScaled(op.Size, off):
			e.emit(Access(m, op.Size, t, rFrame, uint32(off)))
		case fitsUnscaled(off):
			e.emit(AccessUnscaled(m, op.Size, t, rFrame, int32(off)))
		default:
			e.emit(AddImm(X, rT1, rFrame, uint64(off)), Access(m, op.Size, t, rT1, 0))
		}
	case op.Safe && op.Off > 0 && op.Off < 1<<15 && (fitsScaled(op.Size, int64(op.Off)) || fitsUnscaled(int64(op.Off))):
		// No offset that the program means wraps round, so that base and offset can be
		// confined apart, and one base serves all its offsets.
		n := e.host(op)
		if fitsScaled(op.Size, int64(op.Off)) {
			e.emit(Access(m, op.Size, t, n, uint32(op.Off)))
		} else {
			e.emit(AccessUnscaled(m, op.Size, t, n, op.Off))
		}
	case op.Access == ir.Confined || op.Access == ir.Bare || op.Access == ir.Near:
		e.emit(AccessReg(m, op.Size, t, rBase, e.window(op), UXTW, false))
	default:
		e.fail("access %d with base register %d", op.Access, op.Base)
	}
}

func (e *expander) load(op *ir.Op) {
	m := LDR
	if op.Signed && op.Size < 8 {
		m = LDRSX
	}
	d := e.reg(op.Dst)
	e.access(m, op, d)
	e.dst(op.Dst)
	if op.Swapped && op.Size > 1 {
		e.swap(8*op.Size, d, d)
	}
}

func (e *expander) store(op *ir.Op) {
	t := ZR
	switch {
	case !op.UseImm:
		t = e.reg(op.Src)
		if op.Swapped && op.Size > 1 {
			e.swapInto(op.Size, rT0, t)
			t = rT0
		}
	case op.Swapped:
		e.fail("swapped store of an immediate")
	default:
		v := uint64(op.Imm)
		if op.Size < 8 {
			v &= 1<<(8*op.Size) - 1
		}
		if v != 0 {
			// The address may need rImm.
			t = rT0
			e.constant(t, v)
		}
	}
	e.access(STR, op, t)
}

// swapInto reverses the low size bytes; those above do not matter.
func (e *expander) swapInto(size uint8, d, n Reg) {
	switch size {
	case 2:
		e.emit(Rev16(W, d, n))
	case 4:
		e.emit(Rev(W, d, n))
	default:
		e.emit(Rev(X, d, n))
	}
}

// aligned emits the host address of an access, confined and then rounded down to a
// multiple of its size, in rT1: a misaligned atomic would fault.
func (e *expander) aligned(op *ir.Op) {
	if op.Size > 8 || bits.OnesCount8(op.Size) != 1 {
		e.fail("access of %d bytes", op.Size)
		return
	}
	low := uint32(op.Size) - 1
	switch {
	case op.Access == ir.Frame && op.Base == ir.FP:
		off := int64(op.Off) + frameBias
		if off < 0 || off+int64(op.Size) > frameBias {
			e.fail("offset %d is outside the frame", op.Off)
		}
		e.emit(AddImm(X, rT1, rFrame, uint64(off)&^uint64(low)&0xfff))
	case op.Access == ir.Confined || op.Access == ir.Bare:
		from := e.reg(op.Base)
		if op.Off != 0 {
			e.addImm(W, rT1, from, uint64(int64(op.Off)))
			from = rT1
		}
		if mask := e.list.Mask &^ low; mask != 1<<32-1 {
			e.maskTo(rT1, from, mask)
			from = rT1
		}
		e.emit(AddExt(X, rT1, rBase, from, UXTW, 0))
	default:
		e.fail("access %d with base register %d", op.Access, op.Base)
	}
}

// ordered expands load-acquire and store-release.
func (e *expander) ordered(op *ir.Op) {
	e.aligned(op)
	if op.Kind == ir.LoadAcq {
		e.emit(Ldar(op.Size, e.dst(op.Dst), rT1))
		return
	}
	e.emit(Stlr(op.Size, e.reg(op.Src), rT1))
}

// atomic expands a read-modify-write. Those that fetch are fully ordered, the others not at
// all, as in Linux.
func (e *expander) atomic(op *ir.Op) {
	if op.Size != 4 && op.Size != 8 {
		e.fail("atomic of %d bytes", op.Size)
		return
	}
	e.aligned(op)
	s := e.reg(op.Src)
	fetch := op.Fetch || op.AtomicOp == isa.AtomicXchg
	if fetch && s == rTmp && op.AtomicOp != isa.AtomicCmpxchg {
		e.fail("fetch into the temporary")
		return
	}
	if e.features.LSE {
		e.atomicLSE(op, s, fetch)
	} else {
		e.atomicExclusive(op, s, fetch)
	}
	switch {
	case op.AtomicOp == isa.AtomicCmpxchg:
		e.dst(0)
	case fetch:
		e.dst(op.Src)
	}
}

func (e *expander) atomicLSE(op *ir.Op, s Reg, fetch bool) {
	t, order := ZR, Relaxed
	if fetch {
		t, order = s, AcqRel
	}
	var rmw RMW
	switch op.AtomicOp {
	case isa.AtomicAdd:
		rmw = LDADD
	case isa.AtomicOr:
		rmw = LDSET
	case isa.AtomicXor:
		rmw = LDEOR
	case isa.AtomicAnd:
		e.emit(Mvn(X, rT0, s))
		s, rmw = rT0, LDCLR
	case isa.AtomicXchg:
		rmw = SWP
	case isa.AtomicCmpxchg:
		e.emit(Casal(op.Size, 0, s, rT1))
		return
	default:
		e.fail("atomic operation %d", op.AtomicOp)
	}
	e.emit(Atomic(rmw, order, op.Size, s, t, rT1))
}

// atomicExclusive is the loop: load exclusive, compute, store exclusive, again if another
// core wrote in between. The old value is in rT0, the new in rImm, the status in rExit.
func (e *expander) atomicExclusive(op *ir.Op, s Reg, fetch bool) {
	w := Width(op.Size >> 3)
	top := len(e.code)
	e.emit(Ldaxr(op.Size, rT0, rT1))
	v := rImm
	switch op.AtomicOp {
	case isa.AtomicAdd:
		e.emit(Add(w, v, rT0, s, LSL, 0))
	case isa.AtomicOr:
		e.emit(Orr(w, v, rT0, s, LSL, 0))
	case isa.AtomicXor:
		e.emit(Eor(w, v, rT0, s, LSL, 0))
	case isa.AtomicAnd:
		e.emit(And(w, v, rT0, s, LSL, 0))
	case isa.AtomicXchg:
		v = s
	case isa.AtomicCmpxchg:
		v = s
		e.emit(Subs(w, ZR, rT0, 0, LSL, 0), BCond(NE, 12))
	default:
		e.fail("atomic operation %d", op.AtomicOp)
	}
	e.emit(Stlxr(op.Size, rExit, v, rT1))
	e.emit(Cbnz(W, rExit, int32(4*(top-len(e.code)))))
	switch {
	case op.AtomicOp == isa.AtomicCmpxchg:
		e.emit(DmbIsh, Mov(w, 0, rT0))
	case fetch:
		e.emit(DmbIsh, Mov(w, s, rT0))
	}
}

func (e *expander) loadState(op *ir.Op) {
	off := int64(op.Off)
	if op.Size != 4 && op.Size != 8 || !fitsScaled(op.Size, off) || off >= int64(ir.OffStack) {
		e.fail("%d bytes at %d of the state block", op.Size, op.Off)
		return
	}
	e.emit(Access(LDR, op.Size, e.dst(op.Dst), rState, uint32(off)))
}
