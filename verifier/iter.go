package verifier

import (
	"strings"

	"github.com/gbpf/gbpf/isa"
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

// iterSlots returns the frame and the first slot of the iterator of n slots that register reg points
// to.
func (w *walker) iterSlots(callee string, reg isa.Reg, n int) (fr, i int, err *Error) {
	r := w.reg(reg)
	if r.Kind != PtrToStack {
		return 0, 0, w.fail(CodeType, "%s of %s is %s: it has to be an iterator on the stack", reg, callee, w.describe(r))
	}
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	if !r.fixed() || off%8 != 0 {
		return 0, 0, w.fail(CodeType, "%s of %s is an address on the stack at offset %s: an iterator lies at a known multiple of 8", reg, callee, w.offset(r, int(r.Off)))
	}
	if off < -stackSize || off > -8*n {
		return 0, 0, w.fail(CodeBounds, "%s of %s is an address on the stack at offset %d: an iterator of %d bytes there does not fit", reg, callee, off, 8*n)
	}
	i, _ = place(off)
	return int(r.Frame), i - n + 1, nil
}

// iterAt returns the iterator of that kind in n slots from i on, nil if there is none.
func (w *walker) iterAt(fr, i, n int, kind uint32) *Reg {
	st := w.s.frames[fr].stack
	if i+n > len(st) {
		return nil
	}
	var first *Reg
	for k := i; k < i+n; k++ {
		if st[k].kinds != slotIter {
			return nil
		}
		r := w.tab.at(st[k].h)
		if r.Obj != kind {
			return nil
		}
		// The state is in the slot of the lowest address; the others follow it.
		if k == i+n-1 {
			first = r
		} else if r.Ref != 0 {
			return nil
		}
	}
	if first.Ref == 0 {
		return nil
	}
	return first
}

// putIter writes an iterator's state.
func (w *walker) putIter(fr, i, n int, kind, ref, state uint32, flags Flags) {
	f := w.s.frames[fr]
	f.own(i + n)
	for k := i; k < i+n; k++ {
		r := Reg{Kind: kindIterSlot, Obj: kind}
		if k == i+n-1 {
			r.Ref, r.Size, r.Flags = ref, state, flags
		}
		f.stack[k] = slot{kinds: slotIter, h: w.tab.intern(&r)}
	}
	w.writeSlots(fr, (1<<n-1)<<i, 0, -1)
}

// iterNew makes an iterator; with the flag RCU, one that is good within the RCU section.
func (w *walker) iterNew(callee string, n int, kind uint32, flags Flags) *Error {
	fr, i, err := w.iterSlots(callee, isa.R1, n)
	if err != nil {
		return err
	}
	f := w.s.frames[fr]
	for k := i; k < i+n && k < len(f.stack); k++ {
		switch {
		case f.stack[k].kind(0) == byteDynptr:
			if err := w.destroySpecial(fr, k); err != nil {
				return err
			}
		case f.stack[k].special():
			return w.fail(CodeType, "r1 of %s points to the stack at %d, where %s lies already", callee, -8*(k+1), w.slotString(&f.stack[k]))
		}
	}
	w.deepen(fr, 8*(i+n))
	ref := w.s.newID()
	w.acquire(refPtr, ref)
	w.putIter(fr, i, n, kind, ref, iterActive, flags)
	return nil
}

// iterUse returns the iterator that a call works on.
func (w *walker) iterUse(callee string, n int, kind uint32) (fr, i int, it Reg, err *Error) {
	fr, i, err = w.iterSlots(callee, isa.R1, n)
	if err != nil {
		return 0, 0, Reg{}, err
	}
	p := w.iterAt(fr, i, n, kind)
	if p == nil {
		return 0, 0, Reg{}, w.fail(CodeUninit, "r1 of %s points to the stack at %d, where no initialised iterator of its kind is", callee, -8*(i+n)).as(topicIterator)
	}
	if p.Flags&Untrusted != 0 {
		return 0, 0, Reg{}, w.fail(CodeLock, "%s with an iterator that was made in a section of bpf_rcu_read_lock that has ended", callee)
	}
	w.readSlots(fr, (1<<n-1)<<i, false)
	return fr, i, *p, nil
}

// iterDestroy ends an iterator.
func (w *walker) iterDestroy(callee string, n int, kind uint32) *Error {
	fr, i, it, err := w.iterUse(callee, n, kind)
	if err != nil {
		return err
	}
	f := w.s.frames[fr]
	f.own(0)
	for k := i; k < i+n; k++ {
		f.stack[k] = slot{}
	}
	w.writeSlots(fr, (1<<n-1)<<i, 0, -1)
	return w.release(it.Ref)
}

// iterNext walks one of the two things that taking the next element may do: there is
// one, or the iterator is drained.
func (w *walker) iterNext(callee string, n int, kind uint32, way callWay) (drained bool, err *Error) {
	fr, i, it, err := w.iterUse(callee, n, kind)
	if err != nil {
		return false, err
	}
	other := way == callOther
	if !other && it.Size == iterActive {
		if other, err = w.fork(); err != nil {
			return false, err
		}
	}
	if other {
		w.s.sec.iters++
		w.putIter(fr, i, n, kind, it.Ref, iterActive, it.Flags)
		w.widenFromKept(w.pc, false)
		return false, nil
	}
	w.putIter(fr, i, n, kind, it.Ref, iterDrained, it.Flags)
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
