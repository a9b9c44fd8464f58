package verifier

import (
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
)

// needReg checks that register r holds something.
func (w *walker) needReg(r isa.Reg) *Error {
	if w.f().regs[r].Kind == NotInit {
		return w.fail(CodeUninit, "%s is read, but nothing was written to it on this path", r).about(r)
	}
	return nil
}

// noLeak refuses, under policies that keep addresses secret, to make a number of a
// pointer.
func (w *walker) noLeak(r isa.Reg, what string) *Error {
	if reg := w.reg(r); reg.isPtr() && !w.leaks {
		return w.fail(CodeLeak, "%s is %s: %s would disclose its address", r, w.describe(reg), what).about(r)
	}
	return nil
}

// mov walks dst = src or imm.
func (w *walker) mov(in *isa.Insn, info *isa.Info) *Error {
	f := w.f()
	if info.UsesImm {
		v := uint64(in.Imm)
		if info.Width == 32 {
			v = uint64(uint32(v))
		}
		f.set(int(in.Dst), known(v), 0)
		return nil
	}
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	src := &f.regs[in.Src]
	if info.Width == 64 {
		w.link(in.Src)
		f.copyReg(int(in.Dst), int(in.Src))
		return nil
	}
	if src.isPtr() {
		if err := w.noLeak(in.Src, "a 32-bit copy"); err != nil {
			return err
		}
		r := unknown()
		r.Var = scalar.ZeroExtend(4)
		f.set(int(in.Dst), r, 0)
		return nil
	}
	if src.Var.UMax <= 1<<32-1 {
		w.link(in.Src)
		f.copyReg(int(in.Dst), int(in.Src))
		return nil
	}
	f.set(int(in.Dst), Reg{Kind: Scalar, Var: scalar.Mov32(src.Var)}, 0)
	return nil
}

// link gives a number that is about to be copied an identity, so that what a later test
// tells of one copy holds for the other.
func (w *walker) link(r isa.Reg) {
	f := w.f()
	reg := &f.regs[r]
	if reg.Kind != Scalar {
		return
	}
	if reg.Off != 0 {
		// A constant is added once only: what is copied starts a set of its own, as in the kernel.
		f.ids[r], reg.Off, reg.Flags = 0, 0, 0
		f.touch(int(r))
	}
	if f.ids[r] == 0 && reg.Var.Var.Mask != 0 {
		f.ids[r] = w.s.newID()
	}
}

func (w *walker) movsx(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	f := w.f()
	src := &f.regs[in.Src]
	if src.isPtr() {
		if err := w.noLeak(in.Src, "sign extension"); err != nil {
			return err
		}
		f.set(int(in.Dst), Reg{Kind: Scalar, Var: scalar.Movsx(info.FromWidth, info.Width, unknownScalar)}, 0)
		return nil
	}
	v := scalar.Movsx(info.FromWidth, info.Width, src.Var)
	if info.Width == 64 && v == src.Var {
		// Nothing was cut off: it is a plain copy.
		w.link(in.Src)
		f.copyReg(int(in.Dst), int(in.Src))
		return nil
	}
	f.set(int(in.Dst), Reg{Kind: Scalar, Var: v}, 0)
	return nil
}

func (w *walker) end(in *isa.Insn, info *isa.Info) *Error {
	if err := w.needReg(in.Dst); err != nil {
		return err
	}
	if err := w.noLeak(in.Dst, "a byte swap"); err != nil {
		return err
	}
	f := w.f()
	v := f.regs[in.Dst].Var
	if f.regs[in.Dst].isPtr() {
		v = unknownScalar
	}
	f.set(int(in.Dst), Reg{Kind: Scalar, Var: scalar.End(info.AluOp, info.Width, v)}, 0)
	return nil
}

// alu walks dst = dst op src.
func (w *walker) alu(in *isa.Insn, info *isa.Info) *Error {
	f := w.f()
	d := &f.regs[in.Dst]
	if d.Kind == NotInit {
		return w.needReg(in.Dst)
	}
	var src Reg
	same := false
	if info.AluOp != isa.AluNeg {
		if info.UsesImm {
			src = known(uint64(in.Imm))
		} else {
			if err := w.needReg(in.Src); err != nil {
				return err
			}
			src = f.regs[in.Src]
			same = in.Src == in.Dst
		}
		if !info.UsesImm {
			w.divisor(in, info, &src)
		}
		switch {
		case d.isPtr() && src.isPtr():
			if info.AluOp == isa.AluSub && w.leaks {
				f.set(int(in.Dst), unknown(), 0)
				return nil
			}
			return w.fail(CodeArithmetic, "%s of two pointers: %s is %s, %s is %s", info.AluOp, in.Dst, w.describe(d), in.Src, w.describe(&src))
		case d.isPtr():
			if !info.UsesImm {
				w.demandReg(in.Src)
			}
			return w.pointerALU(in, info, d, &src, f.ids[in.Dst], false)
		case src.isPtr():
			w.demandReg(in.Dst)
			return w.pointerALU(in, info, &src, d, f.ids[in.Src], true)
		}
	} else if d.isPtr() {
		if err := w.noLeak(in.Dst, "negation"); err != nil {
			return err
		}
		f.set(int(in.Dst), unknown(), 0)
		return nil
	}
	switch info.AluOp {
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		// Engines mask the amount (RFC 9669 section 4.1). The kernel's promise nothing for one that is too
		// large, and what it could not verify for that reason is refused here too.
		if src.Var.UMax >= uint64(info.Width) {
			r := unknown()
			if info.Width == 32 {
				r.Var = scalar.ZeroExtend(4)
			}
			f.set(int(in.Dst), r, 0)
			return nil
		}
	}
	if same {
		switch info.AluOp {
		case isa.AluXor, isa.AluSub:
			f.set(int(in.Dst), known(0), 0)
			return nil
		}
	}
	if f.regs[in.Dst].Var.Var.Mask == 0 && f.ids[in.Dst] == 0 && src.Var.Var.Mask == 0 {
		f.set(int(in.Dst), Reg{Kind: Scalar, Var: scalar.ALU(info.AluOp, info.Width, d.Var, src.Var)}, 0)
		return nil
	}
	id, was := f.ids[in.Dst], *d
	d.Var = w.memo.alu(info.AluOp, info.Width, &d.Var, &src.Var)
	f.touch(int(in.Dst))
	f.ids[in.Dst], d.Off, d.Flags = 0, 0, 0
	w.shifted(in, info, &was, &src, id)
	return nil
}

// shifted keeps the relation of a number to its copies when a constant is added to it, once: was is
// what the register held before.
func (w *walker) shifted(in *isa.Insn, info *isa.Info, was, src *Reg, id uint32) {
	c, ok := src.Var.Const()
	if info.Width == 32 {
		c = uint64(int64(int32(c)))
	}
	switch info.AluOp {
	case isa.AluAdd:
	case isa.AluSub:
		c = -c
	default:
		return
	}
	f := w.f()
	d := &f.regs[in.Dst]
	switch {
	case !ok || id == 0 || d.Var.Var.Mask == 0 || int64(c) != int64(int32(c)):
		return
	case info.Width == 32 && was.Var.UMax > 1<<32-1:
		return // something was cut off
	case c == 0:
		d.Off, d.Flags = was.Off, was.Flags // still the same number
	case was.Off != 0:
		return
	default:
		d.Off = int32(c)
		if info.Width == 32 {
			d.Flags = sum32
		}
	}
	f.ids[in.Dst] = id
}

// divisor notes whether the register that is divided by can be zero.
func (w *walker) divisor(in *isa.Insn, info *isa.Info, src *Reg) {
	switch info.AluOp {
	case isa.AluDiv, isa.AluMod, isa.AluSdiv, isa.AluSmod:
	default:
		return
	}
	f := &w.facts[w.pc]
	nonZero := false
	if src.Kind == Scalar {
		v := src.Var
		if info.Width == 32 {
			v = scalar.Mov32(v)
		}
		nonZero = !v.Contains(0)
	}
	if first := f.Flags&Reached == 0; nonZero && (first || f.Flags&NonZero != 0) {
		f.Flags |= NonZero
		w.demandReg(in.Src)
	} else {
		f.Flags &^= NonZero
	}
	f.Flags |= Reached
}

func (w *walker) addrSpaceCast(in *isa.Insn) *Error {
	if err := w.needReg(in.Src); err != nil {
		return err
	}
	if !w.usesArena() {
		return w.fail(CodeStructure, "a cast between address spaces in a program that uses no arena")
	}
	f := w.f()
	if in.Imm == isa.CastToKernel {
		f.set(int(in.Dst), pointer(PtrToArena), 0)
		return nil
	}
	f.set(int(in.Dst), unknown(), 0)
	return nil
}

func (w *walker) usesArena() bool {
	for _, m := range w.spec.Maps {
		if m.Type == mapArena {
			return true
		}
	}
	return false
}

// loadImm64 walks a 16-byte load.
func (w *walker) loadImm64(in *isa.Insn) *Error {
	f := w.f()
	d := int(in.Dst)
	switch in.Op {
	case isa.OpLddw:
		f.set(d, known(uint64(in.Imm)), 0)
		return nil
	case isa.OpLddwFunc:
		f.set(d, Reg{Kind: PtrToFunc, Obj: uint32(in.Target(w.pc))}, 0)
		return nil
	case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
		// That the map may be used was checked before the walk.
		i := uint32(in.ImmLow())
		if i >= uint32(len(w.spec.Maps)) || w.spec.Maps[i] == nil {
			return w.mapReference(in)
		}
		m := w.spec.Maps[i]
		if in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapIdx {
			f.set(d, Reg{Kind: ConstPtrToMap, Obj: i}, 0)
			return nil
		}
		off := uint32(in.ImmHigh())
		if m.Type == mapArena {
			f.set(d, unknown(), 0)
			return nil
		}
		// The map has one value, so whatever lock is in it is always the same.
		f.set(d, Reg{Kind: PtrToMapValue, Obj: i, Off: int32(off)}, 0)
		return nil
	case isa.OpLddwBTFID:
		return w.loadBTFID(in)
	}
	return w.fail(CodeUnsupported, "%s cannot be verified", in.Op)
}

// packetLoad walks the legacy loads from a socket buffer: they end the program when the
// packet is too short.
func (w *walker) packetLoad(in *isa.Insn, info *isa.Info) *Error {
	if !w.spec.Type.LoadAbs {
		return w.fail(CodeStructure, "a legacy packet load: programs of type %s have none", w.spec.Type)
	}
	if err := w.needReg(isa.R6); err != nil {
		return err
	}
	if r := w.reg(isa.R6); r.Kind != PtrToCtx || r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0 {
		return w.fail(CodeType, "a legacy packet load needs the context in r6, which is %s", w.describe(r))
	}
	if in.Op == isa.OpLdIndB || in.Op == isa.OpLdIndH || in.Op == isa.OpLdIndW {
		if err := w.needReg(in.Src); err != nil {
			return err
		}
		if err := w.noLeak(in.Src, "a packet offset"); err != nil {
			return err
		}
	}
	if err := w.leftOver("a legacy packet load, which may end the program", false); err != nil {
		return err
	}
	f := w.f()
	for r := 1; r <= 5; r++ {
		f.set(r, Reg{}, 0)
	}
	f.set(0, unknown(), 0)
	return nil
}
