package verifier

import (
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// States of an iterator.
const (
	iterActive  = 1
	iterDrained = 2
)

// isIterNext reports whether a kfunc takes the next element of an iterator.
func isIterNext(name string) bool {
	return strings.HasPrefix(name, "bpf_iter_") && strings.HasSuffix(name, "_next")
}

// isMayGoto reports whether the instruction at pc is may_goto.
func (w *walker) isMayGoto(pc int) bool { return w.p.insns[pc].Op == isa.OpMayGoto }

// isIterNext reports whether the instruction at pc takes an iterator's next element.
func (w *walker) isIterNext(pc int) bool {
	in := &w.p.insns[pc]
	if in.Op != isa.OpCallKfunc {
		return false
	}
	i := int(in.Imm)
	return i >= 0 && i < len(w.spec.Kfuncs) && isIterNext(w.spec.Kfuncs[i])
}

// iterPlace is where an iterator lies: n slots of frame, from slot first on.
type iterPlace struct {
	frame, first, n int
	kind            uint32 // its structure, a number among the types
	it              Reg    // what it is, unless it is new
}

// mask is its slots.
func (p *iterPlace) mask() uint64 { return (1<<p.n - 1) << p.first }

// iterSlots returns the place of the iterator that register reg points to.
func (w *walker) iterSlots(callee string, reg isa.Reg, r *Reg, size, kind uint32) (p iterPlace, err *Error) {
	n := int(size / 8)
	if r.Kind != PtrToStack {
		return p, w.fail(CodeType, "%s of %s is %s: it has to be an iterator on the stack", reg, callee, w.describe(r))
	}
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	if !r.fixed() || off%8 != 0 {
		return p, w.fail(CodeType, "%s of %s is an address on the stack at offset %s: an iterator lies at a known multiple of 8", reg, callee, w.offset(r, int(r.Off)))
	}
	if off < -stackSize || off > -8*n {
		return p, w.fail(CodeBounds, "%s of %s is an address on the stack at offset %d: an iterator of %d bytes there does not fit", reg, callee, off, 8*n)
	}
	i, _ := place(off)
	return iterPlace{frame: int(r.Frame), first: i - n + 1, n: n, kind: kind}, nil
}

// iterAt returns the iterator at a place, nil if there is none.
func (w *walker) iterAt(p *iterPlace) *Reg {
	st := w.s.frames[p.frame].stack
	if p.first+p.n > len(st) {
		return nil
	}
	var main *Reg
	for k := p.first; k < p.first+p.n; k++ {
		if st[k].kinds != slotIter {
			return nil
		}
		r := w.tab.at(st[k].h)
		if r.Obj != p.kind {
			return nil
		}
		// The state is in the slot of the lowest address; the others follow it.
		if k == p.first+p.n-1 {
			main = r
		} else if r.Ref != 0 {
			return nil
		}
	}
	if main.Ref == 0 {
		return nil
	}
	return main
}

// putIter writes an iterator's state.
func (w *walker) putIter(p *iterPlace, ref, state uint32, flags Flags) {
	f := w.s.frames[p.frame]
	f.own(p.first + p.n)
	for k := p.first; k < p.first+p.n; k++ {
		r := Reg{Kind: kindIterSlot, Obj: p.kind, Flags: flags}
		if k == p.first+p.n-1 {
			r.Ref, r.Size = ref, state
		}
		f.stack[k] = slot{kinds: slotIter, h: w.tab.intern(&r)}
	}
	w.writeSlots(p.frame, p.mask(), 0, -1)
}

// kfuncIter checks an argument that is an iterator: makes it, or finds it.
func (w *walker) kfuncIter(c *kcall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if c.name == "bpf_iter_css_task_new" && !w.mayIterateTasks() {
		return w.fail(CodeHelper, "programs of type %s that may not sleep may not call %s", w.spec.Type, c.name)
	}
	p, err := w.iterSlots(c.name, reg, r, a.Size, w.typeByName(a.BTF))
	if err != nil {
		return err
	}
	c.iter = p
	if c.k.Flags&proto.KfuncIterNew != 0 {
		return w.iterNew(c, reg)
	}
	it := w.iterAt(&p)
	switch {
	case it == nil:
		return w.fail(CodeUninit, "%s of %s points to the stack at %d, where no initialised iterator of its kind is", reg, c.name, -8*(p.first+p.n)).as(topicIterator)
	case it.Flags&Untrusted != 0:
		return w.fail(CodeLock, "%s of %s is an iterator that is good only within the RCU section that it was made in", reg, c.name)
	}
	w.readSlots(p.frame, p.mask(), false)
	c.iter.it, c.ref = *it, it.Ref
	return nil
}

// mayIterateTasks reports whether the program may iterate over the tasks of a control group, which takes a lock that
// not all contexts can.
func (w *walker) mayIterateTasks() bool {
	switch w.spec.Type.Kernel {
	case typeLSM:
		return true
	case typeTracing:
		if w.spec.Attach == progtype.AttachTraceIter {
			return true
		}
	}
	return w.s.sec.sleepable
}

// iterNew makes an iterator.
func (w *walker) iterNew(c *kcall, reg isa.Reg) *Error {
	p := &c.iter
	f := w.s.frames[p.frame]
	w.deepen(p.frame, 8*(p.first+p.n))
	for k := p.first; k < p.first+p.n && k < len(f.stack); k++ {
		switch {
		case f.stack[k].kind(0) == byteDynptr:
			if err := w.destroySpecial(p.frame, k); err != nil {
				return err
			}
		case f.stack[k].special():
			return w.fail(CodeType, "%s of %s points to the stack at %d, where %s lies already", reg, c.name, -8*(k+1), w.slotString(&f.stack[k]))
		}
	}
	flags := Flags(0)
	if c.k.Flags&proto.KfuncRCUProtected != 0 {
		flags = RCU
	}
	ref := w.s.newID()
	w.acquire(refPtr, ref)
	w.putIter(p, ref, iterActive, flags)
	return nil
}

// iterDestroy ends an iterator.
func (w *walker) iterDestroy(c *kcall) *Error {
	p := &c.iter
	f := w.s.frames[p.frame]
	f.own(0)
	for k := p.first; k < p.first+p.n; k++ {
		f.stack[k] = slot{}
	}
	w.writeSlots(p.frame, p.mask(), 0, -1)
	return w.release(p.it.Ref)
}

// iterNext walks one of the two things that taking the next element may do: there is
// one, or the iterator is drained.
func (w *walker) iterNext(c *kcall, way callWay) (drained bool, err *Error) {
	p := &c.iter
	other := way == callOther
	if !other && p.it.Size == iterActive {
		if other, err = w.fork(); err != nil {
			return false, err
		}
	}
	if other {
		w.s.sec.iters++
		w.putIter(p, p.it.Ref, iterActive, p.it.Flags)
		w.widenFromKept(w.pc, false)
		return false, nil
	}
	w.putIter(p, p.it.Ref, iterDrained, p.it.Flags)
	return true, nil
}

// iterActive reports whether the iterator in r1 is one that may have more elements.
func (w *walker) iterActive() bool {
	r := w.reg(isa.R1)
	if r.Kind != PtrToStack || !r.fixed() {
		return false
	}
	i, _ := place(int(r.Off) + int(int32(r.Var.Var.Value)))
	st := w.s.frames[r.Frame].stack
	return i < len(st) && st[i].kinds == slotIter && w.tab.at(st[i].h).Size == iterActive
}
