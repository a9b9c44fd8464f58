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
	s := slot{slotOffset, op.Base, op.Access, op.Off}
	if r, ok := e.held.offset(s); ok {
		return r
	}
	i, from := e.held.take(), e.reg(op.Base)
	d := slotRegs[i]
	e.held.slot[i] = s
	if op.Off != 0 {
		e.addImm(W, d, from, uint64(int64(op.Off)))
		from = d
	}
	if small {
		e.maskTo(d, from, e.list.Mask)
	}
	return d
}

// host emits the host address of a confined base register.
func (e *expander) host(r ir.Reg) via {
	i, from := e.held.take(), e.reg(r)
	d := slotRegs[i]
	if e.list.Mask != 1<<32-1 {
		e.maskTo(d, from, e.list.Mask)
		from = d
	}
	e.emit(AddExt(X, d, rBase, from, UXTW, 0))
	v := via{at: uint8(i + 1)}
	e.held.via[r] = v
	return v
}

// through is the register of a via. The first slot holds, among others, what function 0 is entered with.
func (e *expander) through(v via) Reg {
	e.root = e.root || v.at == viaRoot
	return v.host()
}

// locate finds an access at an offset from a host address: in the frame, at a number, or from a base register that was confined, or is
// confined here if all is set. Such an offset stays within the window and the margins that package guest keeps around it,
// whatever the register held. No offset that a proven access means wraps round, so that base and offset can be
// confined apart, and one base serves all its offsets.
func (e *expander) locate(op *ir.Op, all bool) (base Reg, off int64, ok bool) {
	switch op.Access {
	case ir.Frame:
		off = int64(op.Off) + frameBias
		if op.Base != ir.FP || off < 0 || off+int64(op.Size) > frameBias {
			e.fail("offset %d is outside the frame", op.Off)
		}
		return rFrame, off, true
	case ir.Fixed:
		return e.locateFixed(op.Size, int64(op.Off), true)
	case ir.Confined, ir.Bare, ir.Near:
	default:
		return 0, 0, false
	}
	if op.Indexed || op.Base == ir.FP || op.Base > ir.Tmp {
		return 0, 0, false
	}
	if n := e.held.num[op.Base]; n.known && !e.list.Plain {
		a := int64(uint32(n.value+uint64(int64(op.Off))) & e.list.Mask)
		if r, off, ok := e.locateFixed(op.Size, a, all && op.Off != 0); ok {
			return r, off, true
		}
	}
	v := e.held.via[op.Base]
	off = int64(v.off) + int64(op.Off)
	switch {
	case v.at == viaFrame:
		// A constant place of the frame is one for every program.
		return rFrame, off, off >= 0 && off+int64(op.Size) <= frameBias
	case !op.Safe || op.Off <= -maxVia || op.Off >= 1<<15:
		return 0, 0, false
	case v.at != 0 && off < 1<<15 && (off >= 0 || e.list.Mask == 1<<32-1) && fits(op.Size, off):
		return e.through(v), off, true
	}
	off = int64(op.Off)
	if !all || off == 0 || off < 0 && e.list.Mask != 1<<32-1 || !fits(op.Size, off) {
		return 0, 0, false
	}
	return e.host(op.Base).host(), off, true
}

// locateFixed finds an access at a guest address within 16 MiB, which is in the window.
func (e *expander) locateFixed(size uint8, a int64, all bool) (Reg, int64, bool) {
	if e.list.Plain || a < 0 || a > int64(e.list.Mask) {
		return 0, 0, false
	}
	if r, off, ok := e.held.page(size, a); ok {
		return r, off, true
	}
	off := a & 0xfff
	if !all || a >= 1<<24 || !fits(size, off) {
		return 0, 0, false
	}
	i := e.held.take()
	e.held.slot[i] = slot{kind: slotPage, off: int32(a - off)}
	e.emit(AddImm(X, slotRegs[i], rBase, uint64(a-off)))
	return slotRegs[i], off, true
}

// fits reports whether an offset has a form as an immediate of a load or store.
func fits(size uint8, off int64) bool { return fitsScaled(size, off) || fitsUnscaled(off) }

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
	if base, off, ok := e.locate(op, true); ok {
		switch {
		case fitsScaled(op.Size, off):
			e.emit(Access(m, op.Size, t, base, uint32(off)))
		case fitsUnscaled(off):
			e.emit(AccessUnscaled(m, op.Size, t, base, int32(off)))
		default:
			e.emit(AddImm(X, rT1, base, uint64(off)&0xfff), Access(m, op.Size, t, rT1, 0)) // in the frame
		}
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
	switch {
	case op.Swapped && op.Size == 2:
		e.emit(Rev16(W, d, d)) // the upper bits are 0 as they were
	case op.Swapped && op.Size > 2:
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

// aligned returns a register that holds the host address of an access, confined and then rounded down to a
// multiple of its size, for a misaligned atomic would fault: rT1, or one that is held. Windows and frames begin at multiples of 8.
func (e *expander) aligned(op *ir.Op) Reg {
	if op.Size > 8 || bits.OnesCount8(op.Size) != 1 {
		e.fail("access of %d bytes", op.Size)
		return rT1
	}
	low := int64(op.Size) - 1
	if op.Access != ir.Frame && (op.Access != ir.Confined && op.Access != ir.Bare || op.Base == ir.FP || op.Base > ir.Tmp) {
		e.fail("access %d with base register %d", op.Access, op.Base)
		return rT1
	}
	even := false
	if op.Access != ir.Frame {
		n, v := e.held.num[op.Base], e.held.via[op.Base]
		// Rounding the sum down rounds the base down where it does not hold already.
		even = n.zeros >= uint8(bits.TrailingZeros8(op.Size)) && int64(op.Off)&low == 0
		if n.known && !(even && op.Off == 0) {
			a := int64(uint32(n.value+uint64(int64(op.Off)))&e.list.Mask) &^ low
			if base, off, ok := e.locateFixed(op.Size, a, true); ok {
				return e.behind(base, off)
			}
		}
		if v.at != viaFrame && (even || v.at != 0) && op.Safe && op.Off >= 0 && op.Off < 1<<12 {
			if v.at == 0 || v.off+op.Off < 0 || v.off+op.Off >= 1<<12 {
				v = e.host(op.Base)
			}
			r := e.behind(e.through(v), int64(v.off+op.Off))
			if even {
				return r
			}
			f, _ := bitmask(X, ^uint64(low))
			e.emit(AndImm(X, rT1, r, f))
			return rT1
		}
	}
	if base, off, ok := e.locate(op, false); ok && base == rFrame {
		return e.behind(base, off&^low)
	}
	from := e.reg(op.Base)
	if op.Off != 0 {
		e.addImm(W, rT1, from, uint64(int64(op.Off)))
		from = rT1
	}
	mask := e.list.Mask
	if !even {
		mask &^= uint32(low)
	}
	if mask != 1<<32-1 {
		e.maskTo(rT1, from, mask)
		from = rT1
	}
	e.emit(AddExt(X, rT1, rBase, from, UXTW, 0))
	return rT1
}

// behind returns a register that holds base + off.
func (e *expander) behind(base Reg, off int64) Reg {
	if off == 0 {
		return base
	}
	e.addImm(X, rT1, base, uint64(off))
	return rT1
}

// ordered expands load-acquire and store-release.
func (e *expander) ordered(op *ir.Op) {
	at := e.aligned(op)
	if op.Kind == ir.LoadAcq {
		e.emit(Ldar(op.Size, e.dst(op.Dst), at))
		return
	}
	e.emit(Stlr(op.Size, e.reg(op.Src), at))
}

// atomic expands a read-modify-write. Those that fetch are fully ordered, the others not at
// all, as in Linux.
func (e *expander) atomic(op *ir.Op) {
	if op.Size != 4 && op.Size != 8 {
		e.fail("atomic of %d bytes", op.Size)
		return
	}
	at := e.aligned(op)
	s := e.reg(op.Src)
	fetch := op.Fetch || op.AtomicOp == isa.AtomicXchg
	if fetch && s == rTmp && op.AtomicOp != isa.AtomicCmpxchg {
		e.fail("fetch into the temporary")
		return
	}
	if e.features.LSE {
		e.atomicLSE(op, s, at, fetch)
	} else {
		e.atomicExclusive(op, s, at, fetch)
	}
	switch {
	case op.AtomicOp == isa.AtomicCmpxchg:
		e.dst(0)
	case fetch:
		e.dst(op.Src)
	}
}

func (e *expander) atomicLSE(op *ir.Op, s, at Reg, fetch bool) {
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
		e.emit(Casal(op.Size, 0, s, at))
		return
	default:
		e.fail("atomic operation %d", op.AtomicOp)
	}
	e.emit(Atomic(rmw, order, op.Size, s, t, at))
}

// atomicExclusive is the loop: load exclusive, compute, store exclusive, again if another
// core wrote in between. The old value is in rT0, the new in rImm, the status in rExit.
func (e *expander) atomicExclusive(op *ir.Op, s, at Reg, fetch bool) {
	w := Width(op.Size >> 3)
	top := len(e.code)
	e.emit(Ldaxr(op.Size, rT0, at))
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
	e.emit(Stlxr(op.Size, rExit, v, at))
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
