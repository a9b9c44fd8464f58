package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// cond walks a conditional jump. It reports whether the path ends because neither side
// can be.
func (w *walker) cond(in *isa.Insn, info *isa.Info) (done bool, err *Error) {
	f := w.f()
	if err := w.needReg(in.Dst); err != nil {
		return false, err
	}
	d, s := &f.regs[in.Dst], w.immReg(in, info)
	if !info.UsesImm {
		if err := w.needReg(in.Src); err != nil {
			return false, err
		}
		s = &f.regs[in.Src]
	}
	dec, byNumber := w.decide(in, info, d, s)
	if !w.leaks && (dec == scalar.Undecided || s.isPtr()) {
		if err := w.comparable(in, info, d, s); err != nil {
			return false, err
		}
	}
	if dec != scalar.Undecided {
		if byNumber {
			w.demandReg(in.Dst)
			if !info.UsesImm {
				w.demandReg(in.Src)
			}
		}
		w.branchFact(dec)
		if dec == scalar.Always {
			w.pc = in.Target(w.pc)
		} else {
			w.pc++
		}
		return false, nil
	}
	w.branchFact(dec)
	other, err := w.fork()
	if err != nil {
		return false, err
	}
	if !w.condSide(in, info, other) {
		return true, nil
	}
	return false, nil
}

// immReg is the immediate as a register, to be valid until the next call.
func (w *walker) immReg(in *isa.Insn, info *isa.Info) *Reg {
	if !info.UsesImm {
		return nil
	}
	w.imm = known(uint64(in.Imm))
	return &w.imm
}

// branchFact keeps what is known of the jump over all paths.
func (w *walker) branchFact(d scalar.Decision) {
	f := &w.facts[w.pc]
	var now FactFlags
	switch d {
	case scalar.Always:
		now = Taken
	case scalar.Never:
		now = NotTaken
	}
	if f.Flags&Reached == 0 {
		f.Flags |= Reached | now
		return
	}
	f.Flags &^= (Taken | NotTaken) &^ now
}

// decide says whether the jump is certain to be taken or not; byNumber that this follows from
// numbers in registers.
func (w *walker) decide(in *isa.Insn, info *isa.Info, d, s *Reg) (dec scalar.Decision, byNumber bool) {
	if d.Kind == Scalar && s.Kind == Scalar {
		if !info.UsesImm && in.Dst == in.Src {
			switch info.CondOp {
			case isa.CondEq, isa.CondGe, isa.CondLe, isa.CondSge, isa.CondSle:
				return scalar.Always, false
			case isa.CondNe, isa.CondGt, isa.CondLt, isa.CondSgt, isa.CondSlt:
				return scalar.Never, false
			}
		}
		return scalar.Branch(info.CondOp, info.Width, d.Var, s.Var), true
	}
	if info.Width != 64 {
		return scalar.Undecided, false
	}
	if isPacket(d) && s.Kind == PtrToPacketEnd {
		return packetDecided(info.CondOp, d.Size), false
	}
	if d.Kind == PtrToPacketEnd && isPacket(s) {
		return packetDecided(mirrored(info.CondOp), s.Size), false
	}
	p, n, nr := d, s, in.Src
	if s.isPtr() {
		p, n, nr = s, d, in.Dst
	}
	if n.Kind != Scalar || !n.isNull() || !p.notNull() {
		return scalar.Undecided, false
	}
	switch info.CondOp {
	case isa.CondEq:
		dec = scalar.Never
	case isa.CondNe:
		dec = scalar.Always
	default:
		return scalar.Undecided, false
	}
	if !info.UsesImm {
		w.demandReg(nr)
	}
	return dec, false
}

// notNull reports whether a pointer is known not to be NULL.
func (r *Reg) notNull() bool {
	if r.Flags&MaybeNull != 0 {
		return false
	}
	switch r.Kind {
	case PtrToSocket, PtrToTCPSock, PtrToMapValue, PtrToMapKey, PtrToSockCommon, ConstPtrToMap:
		return true
	case PtrToMem:
		return r.Flags&Untrusted == 0
	case PtrToBTFID:
		return r.isTrusted()
	}
	return false
}

// mirrored is the comparison with its operands exchanged.
func mirrored(op isa.CondOp) isa.CondOp {
	switch op {
	case isa.CondGt:
		return isa.CondLt
	case isa.CondGe:
		return isa.CondLe
	case isa.CondLt:
		return isa.CondGt
	case isa.CondLe:
		return isa.CondGe
	case isa.CondSgt:
		return isa.CondSlt
	case isa.CondSge:
		return isa.CondSle
	case isa.CondSlt:
		return isa.CondSgt
	case isa.CondSle:
		return isa.CondSge
	}
	return op
}

// condSide goes on behind the jump, on the side where it is taken or the other, with what that tells. It
// reports false if that side cannot be.
func (w *walker) condSide(in *isa.Insn, info *isa.Info, taken bool) bool {
	f := w.f()
	d, s := &f.regs[in.Dst], w.immReg(in, info)
	if s == nil {
		s = &f.regs[in.Src]
	}
	switch {
	case d.Kind == Scalar && s.Kind == Scalar:
		if !w.refine(in, info, d, s, taken) {
			return false
		}
	case info.Width != 64:
	case isPacketCompare(d, s):
		w.packetSide(in, info, d, s, taken)
	case s.Kind == Scalar && s.isNull() && d.Flags&MaybeNull != 0:
		if info.CondOp == isa.CondEq || info.CondOp == isa.CondNe {
			// A NULL in a register would have to be demanded; the kernel knows the immediate only.
			if info.UsesImm {
				w.decideNull(int(in.Dst), taken == (info.CondOp == isa.CondEq))
			}
		}
	case d.isPtr() && s.isPtr() && (info.CondOp == isa.CondEq || info.CondOp == isa.CondNe) &&
		(d.Flags^s.Flags)&MaybeNull != 0 && d.Kind != PtrToBTFID && s.Kind != PtrToBTFID:
		// Equal to a pointer that is not NULL means not NULL.
		if taken == (info.CondOp == isa.CondEq) {
			r := in.Dst
			if s.Flags&MaybeNull != 0 {
				r = in.Src
			}
			w.decideNull(int(r), false)
		}
	}
	if taken {
		w.pc = in.Target(w.pc)
	} else {
		w.pc++
	}
	return true
}

// refine narrows two numbers, and their copies, by a comparison.
func (w *walker) refine(in *isa.Insn, info *isa.Info, d, s *Reg, taken bool) bool {
	f := w.f()
	if !info.UsesImm && in.Dst == in.Src {
		return true
	}
	dv, sv, ok := scalar.Refine(info.CondOp, info.Width, taken, d.Var, s.Var)
	if !ok {
		w.demandReg(in.Dst)
		if !info.UsesImm {
			w.demandReg(in.Src)
		}
		return false
	}
	if dv != d.Var {
		d.Var = dv
		f.touch(int(in.Dst))
		if f.ids[in.Dst] != 0 && !w.syncCopies(int(in.Dst)) {
			return false
		}
	}
	if info.UsesImm {
		return true
	}
	s = &f.regs[in.Src]
	if sv != s.Var {
		// The first refinement may have reached src as a copy of dst.
		v, ok := scalar.Intersect(s.Var, sv)
		if !ok {
			w.demandReg(in.Dst)
			w.demandReg(in.Src)
			return false
		}
		s.Var = v
		f.touch(int(in.Src))
		if f.ids[in.Src] != 0 && !w.syncCopies(int(in.Src)) {
			return false
		}
	}
	return true
}

// syncCopies gives the copies of register r, in registers and stack slots of all frames, what is known of
// it now; to those that a constant was added to, with that. It reports false if one of them
// cannot be.
func (w *walker) syncCopies(r int) bool {
	f := w.f()
	id, from := f.ids[r], f.regs[r]
	var regs uint16
	var slots uint64
	dead, outer := false, false
	give := func(to *Reg) bool {
		width := uint8(64)
		if (from.Flags|to.Flags)&sum32 != 0 {
			if width = 32; from.Off != 0 && to.Off != 0 && from.Flags != to.Flags {
				return false // sums of different widths tell each other nothing
			}
		}
		v := from.Var
		if delta := int64(to.Off) - int64(from.Off); delta != 0 {
			v = scalar.ALU(isa.AluAdd, width, v, scalar.Const(uint64(delta)))
		}
		// Both hold, so what was known of the copy is kept.
		v, ok := scalar.Intersect(v, to.Var)
		if !ok {
			dead = true
			return false
		}
		if v == to.Var {
			return false
		}
		to.Var = v
		return true
	}
	for i, fr := range w.s.frames {
		inner := i == len(w.s.frames)-1
		for k := range 10 {
			if fr.ids[k] != id || inner && k == r || fr.regs[k].Kind != Scalar {
				continue
			}
			if give(&fr.regs[k]) {
				fr.touch(k)
				fr.snap = nil
			}
			if inner {
				regs |= 1 << k
			} else if outer = true; dead {
				w.outerMarks(i, marks{regs: 1 << k})
			}
		}
		for k := range fr.stack {
			sl := &fr.stack[k]
			if sl.id != id || sl.spillSize() == 0 {
				continue
			}
			v := *w.tab.at(sl.h)
			if v.Kind != Scalar {
				continue
			}
			if give(&v) {
				fr.own(0)
				fr.stack[k].h = w.tab.intern(&v)
			}
			if inner {
				slots |= 1 << k
			} else if outer = true; dead {
				w.outerMarks(i, marks{slots: 1 << k, live: 1 << k})
			}
		}
	}
	w.linkReached(regs, slots)
	if outer || dead {
		// What a caller's copies are good for is not followed from here, and that this side
		// is dead depends on all of them.
		in := &w.p.insns[w.pc]
		w.demandReg(in.Dst)
		if in.Info().SrcUse == isa.UseOperand {
			w.demandReg(in.Src)
		}
	}
	if dead {
		w.marks.add(w.pc, marks{regs: regs, slots: slots, live: slots})
	}
	return !dead
}

// mayGotoSide goes on behind may_goto: through, or to its target when the budget is spent.
func (w *walker) mayGotoSide(in *isa.Insn, spent bool) {
	if spent {
		w.pc = in.Target(w.pc)
		return
	}
	w.s.sec.goto_++
	w.widenFromKept(w.pc, false)
	w.pc++
}

// comparable refuses comparisons that would disclose addresses.
func (w *walker) comparable(in *isa.Insn, info *isa.Info, d, s *Reg) *Error {
	if !d.isPtr() && !s.isPtr() {
		return nil
	}
	if isPacketCompare(d, s) || s.Kind == Scalar && s.isNull() && (info.CondOp == isa.CondEq || info.CondOp == isa.CondNe) && d.Flags&MaybeNull != 0 {
		return nil
	}
	return w.fail(CodeLeak, "comparison of %s, which is %s, with %s", in.Dst, w.describe(d), w.describe(s))
}
