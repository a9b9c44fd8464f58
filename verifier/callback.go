package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// callback walks what a helper with a callback does: it goes on behind the call, and, on
// the side put off, enters the function. When that one returns the helper is walked again, so that any
// number of calls is covered. It reports whether the function was entered.
func (w *walker) callback(in *isa.Insn, c *callMeta, way callWay) (entered bool, err *Error) {
	f := w.f()
	if c.fn == nil || c.fn.Kind != PtrToFunc {
		return false, w.fail(CodeType, "%s is given no function to call", c.name)
	}
	sub := w.p.subAt(int(c.fn.Obj))
	async := c.proto.Name == "timer_set_callback"
	limit := ^uint64(0)
	if c.proto.Name == "loop" {
		n := &f.regs[isa.R1]
		if n.Kind != Scalar {
			return false, w.fail(CodeType, "r1 of %s is %s: it has to be a number, how often the function is called", c.name, w.describe(n)).about(isa.R1)
		}
		w.demandReg(isa.R1)
		limit = n.Var.UMax
	}
	if way == callPlain {
		if f.iterations >= limit {
			f.iterations = 0
			return false, nil
		}
		other, err := w.fork()
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
	if !async {
		w.marks.calledBack(w.pc, sub)
	}
	kind := callCallback
	if async {
		kind = callAsync
		w.async[sub] = true
	}
	args, ids := f.regs, f.ids
	first := w.s.nextID
	if async {
		// It runs some other time, with nothing of this state but the map.
		w.s.ownRefs()
		w.s.refs = w.s.refs[:0]
		w.s.sec = sections{}
	}
	if err := w.enter(sub, w.pc, kind); err != nil {
		return false, err
	}
	g := w.f()
	g.cb = callbackRet{0, 1}
	if async {
		g.cb = callbackRet{0, 0}
	}
	g.cbFirstID = first
	for i, a := range c.proto.Callback.Args {
		if a == proto.CallbackNone {
			break
		}
		r, id := unknown(), uint32(0)
		switch a {
		case proto.CallbackMap:
			r = Reg{Kind: ConstPtrToMap, Obj: c.mapNo}
		case proto.CallbackMapKey:
			r = Reg{Kind: PtrToMapKey, Obj: c.mapNo}
		case proto.CallbackMapValue:
			r = Reg{Kind: PtrToMapValue, Obj: c.mapNo}
			if hasLock(w.maps[c.mapNo]) {
				id = w.s.newID()
			}
		case proto.CallbackCtx:
			k := callbackCtxReg(c.proto)
			r, id = args[k], ids[k]
		case proto.CallbackTask:
			r = Reg{Kind: PtrToBTFID, Obj: w.typeByName("task_struct"), Flags: Trusted}
		case proto.CallbackVMA:
			r = Reg{Kind: PtrToBTFID, Obj: w.typeByName("vm_area_struct")}
		case proto.CallbackDynptr:
			r = Reg{Kind: PtrToDynptr, Obj: dynptrLocal, Flags: Rdonly}
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
