package verifier

import (
	"math"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// callbackCall is the call of a function of the program by a helper or kernel function.
type callbackCall struct {
	callee string
	fn     *Reg
	regs   [5]Reg // what it is given; those of kind NotInit are not set
	ids    [5]uint32
	ret    callbackRet
	limit  uint64 // how often it is called at most
	// async: it is called some other time, with nothing of this state.
	async     bool
	sleepable bool // where it is called then
}

// helperCallback is the callback that a helper takes.
func (w *walker) helperCallback(c *callMeta) (*callbackCall, *Error) {
	f := w.f()
	cb := &callbackCall{callee: c.name, fn: c.fn, ret: callbackRet{0, 1}, limit: math.MaxUint64}
	switch c.proto.Name {
	case "timer_set_callback":
		cb.async, cb.ret = true, callbackRet{0, 0}
	case "loop":
		n := &f.regs[isa.R1]
		if n.Kind != Scalar {
			return nil, w.fail(CodeType, "r1 of %s is %s: it has to be a number, how often the function is called", c.name, w.describe(n)).about(isa.R1)
		}
		w.demandReg(isa.R1)
		cb.limit = n.Var.UMax
	}
	for i, a := range c.proto.Callback.Args {
		r, id := unknown(), uint32(0)
		switch a {
		case proto.CallbackNone:
			r = Reg{}
		case proto.CallbackMap, proto.CallbackMapKey, proto.CallbackMapValue:
			r = w.mapCallbackArg(c, a)
		case proto.CallbackCtx:
			k := callbackCtxReg(c.proto)
			r, id = f.regs[k], f.ids[k]
		case proto.CallbackTask:
			r, id = f.regs[isa.R1], f.ids[isa.R1]
		case proto.CallbackVMA:
			r = Reg{Kind: PtrToBTFID, Obj: w.typeByName("vm_area_struct")}
		case proto.CallbackDynptr:
			r = Reg{Kind: PtrToDynptr, Obj: dynptrLocal, Flags: Rdonly}
		}
		cb.regs[i], cb.ids[i] = r, id
	}
	return cb, nil
}

// mapCallbackArg is a map, or a key or value of it, as callbacks are given them.
func (w *walker) mapCallbackArg(c *callMeta, a proto.CallbackArg) Reg {
	k := ConstPtrToMap
	switch a {
	case proto.CallbackMapKey:
		k = PtrToMapKey
	case proto.CallbackMapValue:
		k = PtrToMapValue
	}
	return Reg{Kind: k, Obj: c.mapNo, Size: c.mapUID}
}

// takesCallback reports whether a kernel function is given a function of the program.
func takesCallback(k *proto.KfuncProto) bool {
	for i := range k.Args {
		if k.Args[i].Kind == proto.KfuncCallback {
			return true
		}
	}
	return false
}

// kfuncCallback is the callback that a kernel function takes, nil for none.
func (w *walker) kfuncCallback(c *kcall) *callbackCall {
	if c.fn == nil {
		return nil
	}
	cb := &callbackCall{callee: c.name, fn: c.fn, limit: math.MaxUint64}
	if c.root != nil {
		cb.ret = callbackRet{0, 1}
		for i := range 2 {
			cb.regs[i] = c.root.node()
			w.nonOwning(&cb.regs[i])
		}
		return cb
	}
	cb.async, cb.sleepable = true, true
	if c.name != "bpf_wq_set_callback_impl" {
		cb.ret = callbackRet{math.MinInt32, math.MaxInt32}
	}
	for i, a := range []proto.CallbackArg{proto.CallbackMap, proto.CallbackMapKey, proto.CallbackMapValue} {
		cb.regs[i] = w.mapCallbackArg(&c.callMeta, a)
	}
	return cb
}

// callback walks what the call of a callback does: it goes on behind the call, and, on
// the side put off, enters the function. When that one returns the call is walked again, so that any
// number of calls is covered. It reports whether the function was entered.
func (w *walker) callback(cb *callbackCall, way callWay) (entered bool, err *Error) {
	f := w.f()
	if cb.fn == nil || cb.fn.Kind != PtrToFunc {
		return false, w.fail(CodeType, "%s is given no function to call", cb.callee)
	}
	sub := w.p.subAt(int(cb.fn.Obj))
	if way == callPlain {
		if f.iterations >= cb.limit {
			if cb.limit > 0 {
				w.countCalls()
			}
			f.iterations = 0
			return false, nil
		}
		other, err := w.forkTo(cb.async)
		if err != nil {
			return false, err
		}
		if !other {
			f.iterations = 0
			return false, nil
		}
	}
	// The arguments are handed on, so what the callee demands of them counts here.
	w.marks.add(w.pc, marks{regs: w.numbers(0x3e)})
	kind := callCallback
	if cb.async {
		kind = callAsync
		w.async[sub] = true
		w.s.refs, w.s.sec = nil, sections{sleepable: cb.sleepable}
		for len(w.s.frames) > 0 {
			w.dropFrame()
		}
	} else {
		w.marks.calledBack(w.pc, sub)
	}
	if err := w.enter(sub, w.pc, kind); err != nil {
		return false, err
	}
	g := w.f()
	g.cb = cb.ret
	for i, r := range cb.regs {
		id := cb.ids[i]
		if id == 0 && (w.mayHoldLock(&r) || r.Kind == PtrToDynptr) {
			id = w.s.newID()
		}
		g.set(1+i, r, id)
	}
	w.pc = w.p.subs[sub].start
	return true, nil
}

// callbackCtxReg is the register of a helper that holds what it hands on to the callback.
func callbackCtxReg(p *proto.Proto) isa.Reg {
	for i, a := range p.Args {
		if a.Kind == proto.PtrToFunc {
			return isa.R2 + isa.Reg(i)
		}
	}
	return isa.R1
}

// numbers are those of the registers that hold numbers.
func (w *walker) numbers(set uint16) uint16 {
	out := uint16(0)
	for r := range 10 {
		if set>>r&1 != 0 && w.f().regs[r].Kind == Scalar {
			out |= 1 << r
		}
	}
	return out
}
