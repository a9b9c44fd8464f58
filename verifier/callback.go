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
		w.demandReg(isa.R1)
		limit = f.regs[isa.R1].Var.UMax
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
	kind := callCallback
	if async {
		kind = callAsync
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
			r = Reg{Kind: PtrToBTFID, Obj: w.typeByName("vm_area_struct"), Flags: Trusted}
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

// widenFromKept forgets numbers that nothing demands and that differ from when this path was
// at pc before: a loop that is closed by comparison would count on otherwise.
func (w *walker) widenFromKept(pc int) {
	if w.replay != nil || w.full {
		w.widenFull(pc)
		return
	}
	prev := w.lastKept(pc)
	if prev == nil {
		return
	}
	w.marks.flush()
	st := &w.s
	for i, f := range st.frames {
		old := prev.frames[i]
		m := w.marksNow(i, pc)
		for r := range 10 {
			if m.regs>>r&1 != 0 || f.regs[r].Kind != Scalar {
				continue
			}
			if e := old.regs[r]; w.tab.at(e.h).Kind == Scalar && w.handle(f, r) != e.h {
				f.set(r, unknown(), 0)
				f.snap = nil
			}
		}
		for k := range f.stack {
			s := &f.stack[k]
			if m.slots>>k&1 != 0 || s.kinds != slotSpill || k >= len(old.stack) {
				continue
			}
			o := &old.stack[k]
			if o.kinds != slotSpill || o.h == s.h || w.tab.at(s.h).Kind != Scalar || w.tab.at(o.h).Kind != Scalar {
				continue
			}
			f.own(0)
			f.stack[k].h, f.stack[k].id = hUnknown, 0
		}
	}
}

// marksNow is what counts of frame i of the path when the innermost is at pc.
func (w *walker) marksNow(i, pc int) marks {
	if i == len(w.s.frames)-1 {
		return w.marks.in[pc]
	}
	callee := w.s.frames[i+1]
	m := w.marks.in[callee.site+1].or(w.marks.during[int32(callee.site)])
	if callee.call == callCallback {
		m = m.or(w.marks.in[callee.site])
	}
	return m
}

// lastKept is the state kept last at pc on this path, with the same calls.
func (w *walker) lastKept(pc int) *snapshot {
	st := &w.s
next:
	for n := st.node; n >= 0; n = w.nodes[n].parent {
		nd := &w.nodes[n]
		if int(nd.pc) != pc || len(nd.snap.frames) != len(st.frames) {
			continue
		}
		for i, f := range nd.snap.frames {
			if int(f.sub) != st.frames[i].sub || int(f.site) != st.frames[i].site {
				continue next
			}
		}
		return nd.snap
	}
	return nil
}
