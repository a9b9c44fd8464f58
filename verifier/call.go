package verifier

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// call walks a call of any kind and sets pc.
func (w *walker) call(in *isa.Insn) (done bool, err *Error) {
	switch in.Op {
	case isa.OpCallLocal:
		return false, w.callFunction(in)
	case isa.OpCallHelper:
		return false, w.callHelper(in, callPlain)
	case isa.OpCallKfunc:
		return w.callKfunc(in, callPlain)
	}
	return false, w.fail(CodeUnsupported, "%s cannot be verified", in.Op)
}

// callWay says which side of a call that forks is walked.
type callWay uint8

const (
	callPlain callWay = iota // the first, forking
	callOther                // the one that was put off
)

// callSide goes on with the side of a call that was put off: an iterator that has another
// element, a helper that calls back once more.
func (w *walker) callSide(in *isa.Insn, other bool) *Error {
	if in.Op == isa.OpCallKfunc {
		_, err := w.callKfunc(in, callOther)
		return err
	}
	return w.callHelper(in, callOther)
}

// callFunction enters a static function, or holds the arguments against the contract of a
// global one.
func (w *walker) callFunction(in *isa.Insn) *Error {
	p := w.p
	sub := p.subAt(in.Target(w.pc))
	s := &p.subs[sub]
	if s.global && s.typ != nil {
		return w.callGlobal(sub)
	}
	site := w.pc
	if err := w.enter(sub, site, callLocal); err != nil {
		return err
	}
	st := &w.s
	caller, callee := st.frames[len(st.frames)-2], w.f()
	for r := 1; r <= 5; r++ {
		callee.regs[r], callee.ids[r] = caller.regs[r], caller.ids[r]
		callee.dirty |= 1 << r
	}
	for r := range 6 {
		caller.set(r, Reg{}, 0)
	}
	w.pc = s.start
	return nil
}

// enter pushes a frame for function sub.
func (w *walker) enter(sub, site int, kind callKind) *Error {
	if len(w.s.frames) >= maxFrames {
		return w.fail(CodeLimit, "call of %s: more than %d functions are nested", w.p.subName(sub), maxFrames).as(topicFrames)
	}
	w.pushFrame(sub, site, kind)
	return nil
}

// exit walks the end of a function. It reports whether the path ends.
func (w *walker) exit() (done bool, err *Error) {
	f := w.f()
	r0 := &f.regs[0]
	if f.call == callNone {
		if w.global == 0 && w.returnsPtr(r0) {
			w.forgetRef(r0.Ref)
		}
		if err := w.leftOver("exit", true); err != nil {
			return false, err
		}
		if w.global != 0 {
			return true, w.globalReturn()
		}
		return true, w.checkReturn()
	}
	if r0.Kind == PtrToStack {
		return false, w.fail(CodeType, "r0, which is returned, is an address on the stack of the function that ends")
	}
	switch f.call {
	case callLocal:
		site := f.site
		v, id := *r0, f.ids[0]
		w.dropFrame()
		c := w.f()
		c.set(0, v, id)
		w.pc = site + 1
		return false, nil
	case callAsync:
		if err := w.leftOver("exit from a callback", true); err != nil {
			return false, err
		}
		return true, w.checkCallbackReturn(f)
	}
	if err := w.checkCallbackReturn(f); err != nil {
		return false, err
	}
	site := f.site
	w.dropFrame()
	c := w.f()
	c.iterations++
	w.pc = site
	w.widenFromKept(site, true)
	return false, nil
}

// checkReturn checks what the program returns.
func (w *walker) checkReturn() *Error {
	if _, nothing := w.spec.returns(); nothing || w.returnsPtr(w.reg(isa.R0)) {
		return nil
	}
	if err := w.needReg(isa.R0); err != nil {
		err.Reason = "exit with nothing in r0: the return value was not set on this path"
		return err
	}
	return w.returnInRange(isa.R0, "exit")
}

// returnInRange checks what the program returns, in reg, by an exit or what does the same.
func (w *walker) returnInRange(reg isa.Reg, by string) *Error {
	r := w.reg(reg)
	if err := w.noLeak(reg, "returning it"); err != nil {
		return err
	}
	rng, _ := w.spec.returns()
	if rng.Any {
		return nil
	}
	if r.Kind != Scalar {
		return w.fail(CodeReturn, "%s with %s, which is %s: programs of type %s return a number from %d to %d", by, reg, w.describe(r), w.spec.Type, rng.Min, rng.Max)
	}
	w.demandReg(reg)
	lo, hi := r.Var.SMin, r.Var.SMax
	if w.spec.Type.Kernel == typeLSM { // the hook's result is an int
		lo, hi = int64(r.Var.S32Min), int64(r.Var.S32Max)
	}
	if lo < int64(rng.Min) || hi > int64(rng.Max) {
		return w.fail(CodeReturn, "%s with %s in %s: programs of type %s return %d to %d", by, w.rangeOf(r), reg, w.spec.Type, rng.Min, rng.Max)
	}
	return nil
}

// rangeOf says which numbers a register may hold.
func (w *walker) rangeOf(r *Reg) string {
	if v, ok := r.Var.Const(); ok {
		return fmt.Sprintf("%d", int64(v))
	}
	if r.Var.IsUnknown() {
		return "an unknown number"
	}
	return fmt.Sprintf("a number from %d to %d", r.Var.SMin, r.Var.SMax)
}

func (w *walker) checkCallbackReturn(f *frame) *Error {
	if err := w.needReg(isa.R0); err != nil {
		err.Reason = "exit from a callback with nothing in r0"
		return err
	}
	r := &f.regs[0]
	if r.Kind != Scalar {
		return w.fail(CodeReturn, "exit from a callback with r0, which is %s: it has to return a number", w.describe(r)).as(topicCallbackRet)
	}
	w.demandReg(isa.R0)
	if r.Var.SMin < int64(f.cb.min) || r.Var.SMax > int64(f.cb.max) {
		return w.fail(CodeReturn, "exit from a callback with %s in r0: it has to return %d to %d", w.rangeOf(r), f.cb.min, f.cb.max).as(topicCallbackRet)
	}
	return nil
}

// calleeName names what the call at pc calls.
func (w *walker) calleeName(pc int) string {
	in := &w.p.insns[pc]
	switch in.Op {
	case isa.OpCallHelper:
		if pr := w.p.helper(int32(in.Imm)); pr != nil {
			return "bpf_" + pr.Name
		}
		if n := proto.Name(int32(in.Imm)); n != "" {
			return "bpf_" + n
		}
		return fmt.Sprintf("helper %d", in.Imm)
	case isa.OpCallKfunc:
		if i := int(in.Imm); i >= 0 && i < len(w.spec.Kfuncs) {
			return w.spec.Kfuncs[i]
		}
		return fmt.Sprintf("kfunc %d", in.Imm)
	case isa.OpCallLocal:
		return w.p.subName(w.p.subAt(in.Target(pc)))
	}
	return "a call"
}

// clobber ends the argument registers of a call.
func (w *walker) clobber() {
	f := w.f()
	for r := 1; r <= 5; r++ {
		f.set(r, Reg{}, 0)
	}
}
