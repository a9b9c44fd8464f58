package verifier

import "github.com/gbpf/gbpf/isa"

// callGlobal holds the arguments against a global function's type, and goes on behind the
// call with what the type says of the result.
func (w *walker) callGlobal(sub int) *Error {
	s := &w.p.subs[sub]
	name := w.p.subName(sub)
	if w.locked() != nil {
		return w.fail(CodeLock, "call of the global function %s while a lock is held", name)
	}
	if s.mightSleep && !w.maySleep() {
		return w.fail(CodeHelper, "call of the global function %s, which may sleep, where the program may not", name)
	}
	for i, a := range s.typ.Args {
		if i == 5 {
			return w.fail(CodeType, "the global function %s has more than 5 arguments", name)
		}
		if err := w.globalArg(name, i, &a); err != nil {
			return err.about(isa.R1 + isa.Reg(i))
		}
	}
	w.wantsGlobal[sub] = true
	if s.changesPacket {
		w.forgetPacket()
	}
	w.clobber()
	r0 := unknown()
	if s.typ.Ret.Class == ArgVoid {
		r0 = Reg{}
	}
	w.f().set(0, r0, 0)
	w.pc++
	return nil
}

func (w *walker) globalArg(name string, i int, a *ArgType) *Error {
	reg := isa.R1 + isa.Reg(i)
	if err := w.needReg(reg); err != nil {
		return err
	}
	r := w.reg(reg)
	null := r.isNull()
	if r.Flags&MaybeNull != 0 && a.NonNull || null && a.NonNull {
		return w.fail(CodeNull, "argument %d of %s, %s, is %s: it must not be NULL", i+1, name, reg, w.describe(r))
	}
	switch a.Class {
	case ArgScalar:
		if r.Kind != Scalar {
			return w.fail(CodeType, "argument %d of %s, %s, is %s: it has to be a number", i+1, name, reg, w.describe(r))
		}
	case ArgCtx:
		if r.Kind != PtrToCtx || r.Off != 0 || !r.fixed() || r.Var.Var.Value != 0 {
			return w.fail(CodeType, "argument %d of %s, %s, is %s: it has to be the context", i+1, name, reg, w.describe(r))
		}
	case ArgMem:
		if a.Untrusted {
			return nil // it may be anything: loads through it are checked at run time
		}
		if null && !a.NonNull {
			w.demandReg(reg)
			return nil
		}
		m := memArg{reg: reg, size: int(a.Size), name: name, maybeNull: !a.NonNull}
		if err := w.memoryArg(&m); err != nil {
			return err
		}
		if !a.Rdonly {
			m.write = true
			return w.memoryArg(&m)
		}
		return nil
	case ArgDynptr:
		return w.dynptrArgInit(reg, name)
	case ArgArena:
		if r.Kind != PtrToArena && r.Kind != Scalar {
			return w.fail(CodeType, "argument %d of %s, %s, is %s: it has to be an address in an arena", i+1, name, reg, w.describe(r))
		}
	case ArgBTF:
		return w.globalBTFArg(name, i, reg, a)
	default:
		return w.fail(CodeUnsupported, "argument %d of the global function %s is of a type that has no rule", i+1, name)
	}
	return nil
}

// startGlobal sets the registers up as the type of the global function promises.
func (w *walker) startGlobal(sub int) *Error {
	f := w.start(sub)
	s := &w.p.subs[sub]
	for i := range s.typ.Args {
		if i == 5 {
			return w.fail(CodeType, "the global function %s has more than 5 arguments", w.p.subName(sub))
		}
		a := &s.typ.Args[i]
		r, id := unknown(), uint32(0)
		switch a.Class {
		case ArgScalar:
		case ArgCtx:
			r = pointer(PtrToCtx)
		case ArgMem:
			r = Reg{Kind: PtrToMem, Size: a.Size}
			if !a.NonNull && !a.Untrusted {
				r.Flags |= MaybeNull
				id = w.s.newID()
			}
			if a.Rdonly {
				r.Flags |= Rdonly
			}
			if a.Untrusted {
				r.Flags |= Rdonly | Untrusted
			}
		case ArgDynptr:
			r = Reg{Kind: PtrToDynptr, Obj: dynptrLocal}
			id = w.s.newID()
		case ArgArena:
			r = pointer(PtrToArena)
		case ArgBTF:
			r = Reg{Kind: PtrToBTFID, Obj: w.typeByName(a.Type), Flags: Trusted}
			if a.Untrusted {
				r.Flags = Untrusted
			}
			if a.Nullable {
				r.Flags |= MaybeNull
				id = w.s.newID()
			}
		default:
			return w.fail(CodeUnsupported, "argument %d of the global function %s is of a type that has no rule", i+1, w.p.subName(sub))
		}
		f.set(i+1, r, id)
	}
	return nil
}

// globalReturn checks what a global function returns: a number.
func (w *walker) globalReturn() *Error {
	if w.p.subs[w.global].typ.Ret.Class == ArgVoid {
		return nil
	}
	if err := w.needReg(isa.R0); err != nil {
		err.Reason = "exit from a global function with nothing in r0"
		return err
	}
	if r := w.reg(isa.R0); r.Kind != Scalar {
		return w.fail(CodeReturn, "exit from a global function with r0, which is %s: it has to return a number", w.describe(r))
	}
	return nil
}
