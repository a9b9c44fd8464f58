package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// stackRange is the bytes that an access through a stack pointer may touch: from lo up to hi, exclusive, both from the top
// of the frame. It checks that they lie in the frame, and makes the frame deep
// enough.
func (w *walker) stackRange(reg isa.Reg, r *Reg, off, size int, what string) (lo, hi int, err *Error) {
	v := &r.Var
	fixed := r.fixed()
	if !fixed && (v.SMax >= maxVarOff || v.SMin <= -maxVarOff) {
		return 0, 0, w.fail(CodeBounds, "%s of the stack through %s at an offset that is not bounded", what, reg)
	}
	if fixed && int64(int32(v.SMin)) != v.SMin {
		return 0, 0, w.fail(CodeBounds, "%s of the stack through %s, far outside it", what, reg)
	}
	lo, hi = off+int(v.SMin), off+int(v.SMax)+size
	if lo < -stackSize || lo > -1 || hi > 0 || size < 0 {
		return lo, hi, w.outsideStack(reg, r, off, size, what)
	}
	w.deepen(int(r.Frame), -lo)
	return lo, hi, nil
}

// deepen notes that the stack of frame fr is used down to depth bytes below its top.
func (w *walker) deepen(fr, depth int) {
	d := &w.depth[w.s.frames[fr].sub]
	*d = max(*d, int32(depth))
}

func (w *walker) stackAccess(a *access, r *Reg, off int) *Error {
	lo, hi, err := w.stackRange(a.reg, r, off, a.size, a.what())
	if err != nil {
		return err
	}
	if int(r.Frame) >= len(w.s.frames) {
		return w.fail(CodeType, "%s through %s, which points to the stack of a function that has returned", a.what(), a.reg)
	}
	w.fact(r, off, a.size, true)
	switch {
	case a.write && r.fixed():
		return w.stackStore(a, int(r.Frame), lo)
	case a.write:
		return w.stackStoreSomewhere(a, int(r.Frame), lo, hi)
	case r.fixed():
		return w.stackLoad(a, int(r.Frame), lo)
	}
	return w.stackLoadSomewhere(a, int(r.Frame), lo, hi)
}

// place is the slot and the byte in it of a byte at off from the top.
func place(off int) (slot, byteNo int) {
	i := (-off - 1) / 8
	return i, off + 8*(i+1)
}

// stackStore writes size bytes at off of frame fr.
func (w *walker) stackStore(a *access, fr, off int) *Error {
	f, cur := w.s.frames[fr], w.f()
	i, at := place(off)
	if i < len(f.stack) && f.stack[i].special() {
		if err := w.destroySpecial(fr, i); err != nil {
			return err
		}
	}
	var v *Reg
	if a.value >= 0 {
		v = &cur.regs[a.value]
		if v.isPtr() {
			if a.size != 8 {
				return w.fail(CodeType, "%s, which is %s, is stored in %d bytes: pointers take 8", isa.Reg(a.value), w.describe(v), a.size)
			}
			if v.Kind == PtrToStack && f != cur {
				return w.fail(CodeType, "%s, an address on the stack, is stored on the stack of a caller", isa.Reg(a.value))
			}
		}
	}
	if a.size < 8 {
		if err := w.keepsPointers(f, off, off+a.size, false); err != nil {
			return err
		}
	}
	f.own(i + 1)
	s := &f.stack[i]
	whole := uint64(0)
	if a.size == 8 {
		whole = 1 << i
	}
	switch {
	case v != nil && v.Kind == Scalar && at == 0:
		fits := a.size == 8 || v.Var.UMax>>(8*a.size) == 0
		if fits {
			w.link(isa.Reg(a.value))
		}
		s.h, s.id = w.handle(cur, a.value), cur.ids[a.value]
		if !fits {
			s.id = 0
			if v.Off != 0 || v.Flags != 0 {
				c := *v
				c.Off, c.Flags = 0, 0
				s.h = w.tab.intern(&c)
			}
		}
		s.spillBytes(a.size)
	case a.immStore && at == 0:
		k := known(uint64(a.imm))
		if a.size < 8 {
			k = known(uint64(a.imm) & (1<<(8*a.size) - 1))
		}
		s.h, s.id = w.tab.intern(&k), 0
		s.spillBytes(a.size)
	case v != nil && v.isPtr():
		s.h, s.id = w.handle(cur, a.value), cur.ids[a.value]
		s.spillBytes(8)
	default:
		if s.kind(0) >= byteSpill || s.kind(7) >= byteSpill {
			s.scrub()
		}
		k := byteMisc
		if a.immStore && a.imm == 0 || v != nil && v.isNull() {
			k = byteZero
			if v != nil {
				w.demandReg(isa.Reg(a.value))
			}
		}
		for b := at; b < at+a.size; b++ {
			s.setKind(b, k)
		}
	}
	w.writeSlots(fr, 1<<i, whole, a.value)
	return nil
}

// spillBytes makes the low n bytes those of the register in the slot; the others stay
// what they were, but no part of another register.
func (s *slot) spillBytes(n int) {
	for b := range 8 {
		switch k := s.kind(b); {
		case b < n:
			s.setKind(b, byteSpill)
		case k >= byteSpill:
			s.setKind(b, byteMisc)
		}
	}
}

// scrub makes what is left of a register or object in the slot plain bytes.
func (s *slot) scrub() {
	for b := range 8 {
		if s.kind(b) >= byteSpill {
			s.setKind(b, byteMisc)
		}
	}
	s.h, s.id = 0, 0
}

// keepsPointers refuses, where addresses must stay in the program, a write to the bytes lo to hi, exclusive, of a frame that
// leaves a part of a pointer behind: it reads as a number then. Slots that are written in whole are no matter if that is certain.
func (w *walker) keepsPointers(f *frame, lo, hi int, certain bool) *Error {
	if w.leaks {
		return nil
	}
	for off := lo; off < hi; {
		i, b := place(off)
		next := min(off+8-b, hi)
		if i < len(f.stack) && !(certain && b == 0 && next-off == 8) {
			if s := &f.stack[i]; s.spillSize() > 0 {
				if v := w.tab.at(s.h); v.isPtr() {
					return w.fail(CodeLeak, "a write to the stack at %d leaves a part of %s, which was stored there: it would disclose its address", off, w.describe(v))
				}
			}
		}
		off = next
	}
	return nil
}

// stackStoreSomewhere writes to one of several places.
func (w *walker) stackStoreSomewhere(a *access, fr, lo, hi int) *Error {
	f, cur := w.s.frames[fr], w.f()
	zero := a.immStore && a.imm == 0 || a.value >= 0 && cur.regs[a.value].isNull()
	if a.value >= 0 {
		if v := &cur.regs[a.value]; v.isPtr() && !w.leaks {
			return w.fail(CodeLeak, "%s, which is %s, is stored at a variable offset of the stack", isa.Reg(a.value), w.describe(v))
		}
	}
	for off := lo; off < hi; off++ {
		if i, _ := place(off); i < len(f.stack) && f.stack[i].special() {
			if err := w.destroySpecial(fr, i); err != nil {
				return err
			}
		}
	}
	if err := w.keepsPointers(f, lo, hi, false); err != nil {
		return err
	}
	deepest, _ := place(lo)
	f.own(deepest + 1)
	zeroUsed := false
	for off := lo; off < hi; off++ {
		i, b := place(off)
		s := &f.stack[i]
		k := s.kind(b)
		if k == byteSpill {
			if v := w.tab.at(s.h); zero && v.isNull() {
				zeroUsed = true
				continue
			}
			s.scrub()
		}
		if k == byteInvalid && !w.uninit {
			return w.fail(CodeUninit, "a store at a variable offset of the stack may miss byte %d, which was not written before", off)
		}
		if zero && k == byteZero {
			zeroUsed = true
			continue
		}
		s.setKind(b, byteMisc)
	}
	if zeroUsed && a.value >= 0 {
		w.demandReg(isa.Reg(a.value))
	}
	w.writeSlots(fr, slotMask(lo, hi), 0, a.value)
	return nil
}

// stackLoad reads size bytes at off of frame fr.
func (w *walker) stackLoad(a *access, fr, off int) *Error {
	f := w.s.frames[fr]
	i, at := place(off)
	w.readSlots(fr, 1<<i, false)
	var s slot
	if i < len(f.stack) {
		s = f.stack[i]
	}
	if n := s.spillSize(); n > 0 {
		v := *w.tab.at(s.h)
		if a.size == 8 && n == 8 {
			if a.value >= 0 {
				g := w.f()
				g.set(a.value, v, s.id)
				g.hs[a.value] = s.h
				g.dirty &^= 1 << a.value
			} else if v.isPtr() && !w.leaks {
				return w.fail(CodeLeak, "%s in the stack at %d is used as a number: it would disclose its address", w.describe(&v), off)
			}
			return nil
		}
		if v.Kind != Scalar {
			return w.fail(CodeType, "load of %d bytes of %s in the stack at %d: pointers are read in whole", a.size, w.describe(&v), off)
		}
		if a.value < 0 {
			return nil
		}
		if a.size <= n && at == 0 {
			x := extend(v.Var, a.size, a.signed)
			id := s.id
			if v.Var.UMax>>(8*a.size-1)>>1 != 0 || a.signed && x != v.Var {
				id, v.Off, v.Flags = 0, 0, 0
			}
			v.Var = x
			w.f().set(a.value, v, id)
			return nil
		}
	}
	zeros := 0
	for b := at; b < at+a.size; b++ {
		switch k := s.kind(b); k {
		case byteMisc:
		case byteZero:
			zeros++
		case byteSpill:
			if w.tab.at(s.h).isNull() {
				zeros++
			}
		case byteInvalid:
			if !w.uninit {
				return w.fail(CodeUninit, "load of %d bytes of the stack at %d: byte %d was not written", a.size, off, off+b-at)
			}
		default:
			return w.fail(CodeType, "load of the stack at %d, where %s lies: only helpers may touch it", off, w.slotString(&s))
		}
	}
	if zeros == a.size {
		w.loaded(a, scalar.Const(0))
	} else {
		w.loaded(a, unknownScalar)
	}
	return nil
}

// stackLoadSomewhere reads from one of several places.
func (w *walker) stackLoadSomewhere(a *access, fr, lo, hi int) *Error {
	zero, err := w.readBytes(fr, lo, hi, false)
	if err != nil {
		return err
	}
	if zero {
		w.loaded(a, scalar.Const(0))
	} else {
		w.loaded(a, unknownScalar)
	}
	return nil
}

// readBytes checks that the bytes lo to hi, exclusive, of a frame may be read: that they
// are initialised, where that matters, and no part of what only helpers may touch; nor of a pointer, under
// policies that keep addresses secret. It reports whether all are zero.
func (w *walker) readBytes(fr, lo, hi int, helper bool) (zero bool, err *Error) {
	f := w.s.frames[fr]
	zero = true
	for off := lo; off < hi; off++ {
		i, b := place(off)
		var s slot
		if i < len(f.stack) {
			s = f.stack[i]
		}
		switch s.kind(b) {
		case byteZero:
		case byteMisc:
			zero = false
		case byteSpill:
			v := w.tab.at(s.h)
			if v.isPtr() && !w.leaks {
				return false, w.fail(CodeLeak, "bytes of the stack at %d are read, where %s was stored", off, w.describe(v))
			}
			zero = zero && v.isNull()
		case byteInvalid:
			if !w.uninit {
				return false, w.fail(CodeUninit, "byte %d of the stack is read, but was not written", off)
			}
			zero = false
		default:
			return false, w.fail(CodeType, "bytes of the stack at %d are read, where %s lies: only its helpers may touch it", off, w.slotString(&s))
		}
	}
	w.readSlots(fr, slotMask(lo, hi), zero && !helper)
	return zero, nil
}

// writeBytes makes the bytes lo to hi, exclusive, of a frame something that a helper
// wrote. If certain, they all were written.
func (w *walker) writeBytes(fr, lo, hi int, certain bool) *Error {
	f := w.s.frames[fr]
	for off := lo; off < hi; off++ {
		if i, _ := place(off); i < len(f.stack) && f.stack[i].special() {
			if err := w.destroySpecial(fr, i); err != nil {
				return err
			}
		}
	}
	if err := w.keepsPointers(f, lo, hi, certain); err != nil {
		return err
	}
	if lo < hi {
		deepest, _ := place(lo)
		f.own(deepest + 1)
	}
	var whole uint64
	for off := lo; off < hi; off++ {
		i, b := place(off)
		s := &f.stack[i]
		if s.kind(b) == byteSpill {
			s.scrub()
		}
		s.setKind(b, byteMisc)
		if b == 0 && off+8 <= hi && certain {
			whole |= 1 << i
		}
	}
	w.writeSlots(fr, slotMask(lo, hi), whole, -1)
	return nil
}
