package verifier

import "github.com/gbpf/gbpf/isa"

// inRCU reports whether the path is within an RCU read section: of its own making, or because the program may not
// sleep at all.
func (w *walker) inRCU() bool {
	return w.s.sec.rcu > 0 || !w.s.sec.sleepable || w.locked() != nil
}

// enterRCU begins a read section.
func (w *walker) enterRCU(callee string) *Error {
	if w.s.sec.rcu > 0 {
		if w.inLess() {
			return w.fail(CodeLock, "%s in the callback of bpf_rbtree_add", callee)
		}
		return w.fail(CodeLock, "%s inside a section of bpf_rcu_read_lock: they do not nest", callee)
	}
	w.s.sec.rcu++
	return nil
}

// leaveRCU ends a read section: pointers that were good within it may be stale from here on, and iterators are
// no more.
func (w *walker) leaveRCU(callee string) *Error {
	switch {
	case w.s.sec.rcu == 0:
		return w.fail(CodeLock, "%s without bpf_rcu_read_lock before it", callee)
	case w.inLess():
		return w.fail(CodeLock, "%s in the callback of bpf_rbtree_add", callee)
	}
	w.s.sec.rcu--
	w.eachReg(func(v *Reg, _ uint32) bool {
		if v.Flags&RCU == 0 {
			return false
		}
		v.Flags = v.Flags&^(RCU|MaybeNull) | Untrusted
		return true
	})
	return nil
}

// Classes of saved interrupt state: what saved it has to restore it.
const (
	irqNative uint32 = iota + 1
	irqLock
)

// irqFlag saves or restores the interrupt state in 8 bytes of stack.
func (w *walker) irqFlag(c *kcall, reg isa.Reg, r *Reg) *Error {
	class, save := irqNative, false
	switch c.name {
	case "bpf_local_irq_save":
		save = true
	case "bpf_res_spin_lock_irqsave":
		class, save = irqLock, true
	case "bpf_res_spin_unlock_irqrestore":
		class = irqLock
	}
	if r.Kind != PtrToStack {
		return w.fail(CodeType, "%s of %s is %s: it has to be 8 bytes of stack", reg, c.name, w.describe(r))
	}
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	if !r.fixed() || off%8 != 0 {
		return w.fail(CodeType, "%s of %s is an address on the stack at offset %s: saved interrupt flags lie at a known multiple of 8", reg, c.name, w.offset(r, int(r.Off)))
	}
	if off < -stackSize || off > -8 {
		return w.fail(CodeBounds, "%s of %s is an address on the stack at offset %d: 8 bytes there do not fit", reg, c.name, off)
	}
	fr := int(r.Frame)
	i, _ := place(off)
	f := w.s.frames[fr]
	if save {
		w.deepen(fr, -off)
		if i < len(f.stack) && f.stack[i].special() {
			if f.stack[i].kind(0) != byteDynptr {
				return w.fail(CodeType, "%s of %s points to the stack at %d, where %s lies already", reg, c.name, off, w.slotString(&f.stack[i]))
			}
			if err := w.destroySpecial(fr, i); err != nil {
				return err
			}
		}
		id := w.s.newID()
		w.acquire(refIRQ, id)
		f.own(i + 1)
		s := Reg{Kind: kindIRQSlot, Obj: class, Ref: id}
		f.stack[i] = slot{kinds: slotIRQ, h: w.tab.intern(&s)}
		w.writeSlots(fr, 1<<i, 1<<i, -1)
		return nil
	}
	if i >= len(f.stack) || f.stack[i].kinds != slotIRQ {
		return w.fail(CodeUninit, "%s of %s points to the stack at %d, where no interrupt flags were saved", reg, c.name, off)
	}
	w.readSlots(fr, 1<<i, false)
	s := w.tab.at(f.stack[i].h)
	if s.Obj != class {
		return w.fail(CodeLock, "%s of %s is interrupt flags that another function saved: bpf_local_irq_restore belongs to bpf_local_irq_save, locks to locks", reg, c.name)
	}
	last := w.lastIRQ()
	if last < 0 || w.s.refs[last].id != s.Ref {
		return w.fail(CodeLock, "%s of %s restores interrupt flags before those that were saved after them", reg, c.name)
	}
	w.dropRef(last)
	f.own(0)
	f.stack[i] = slot{}
	w.writeSlots(fr, 1<<i, 1<<i, -1)
	return nil
}

// lastIRQ is the place among the references of the interrupt state that was saved last, -1 for
// none.
func (w *walker) lastIRQ() int {
	for i := len(w.s.refs) - 1; i >= 0; i-- {
		if w.s.refs[i].kind == refIRQ {
			return i
		}
	}
	return -1
}

// section does what the call of a kernel function does to sections. It reports whether it is one
// that does.
func (w *walker) section(name string) (known bool, err *Error) {
	switch name {
	case "bpf_rcu_read_lock":
		return true, w.enterRCU(name)
	case "bpf_rcu_read_unlock":
		return true, w.leaveRCU(name)
	case "bpf_preempt_disable":
		if w.s.sec.preempt == maxNesting {
			return true, w.fail(CodeLimit, "%s is nested more than %d deep", name, maxNesting)
		}
		w.s.sec.preempt++
		return true, nil
	case "bpf_preempt_enable":
		if w.s.sec.preempt == 0 {
			return true, w.fail(CodeLock, "%s without bpf_preempt_disable before it", name)
		}
		w.s.sec.preempt--
		return true, nil
	}
	return false, nil
}

// maxNesting is how deep sections nest that do.
const maxNesting = 255

// inLess reports whether the function being walked is the callback of bpf_rbtree_add.
func (w *walker) inLess() bool {
	f := w.f()
	if f.call != callCallback {
		return false
	}
	k := w.p.kfuncAt(f.site)
	return k != nil && k.Name == "bpf_rbtree_add_impl"
}

// throw walks bpf_throw: the program ends there, from whatever depth, and returns what
// is in r1.
func (w *walker) throw() *Error {
	for _, f := range w.s.frames {
		if f.call == callCallback || f.call == callAsync {
			return w.fail(CodeHelper, "bpf_throw in a function that a helper calls")
		}
	}
	if err := w.leftOver("bpf_throw", true); err != nil {
		return err
	}
	if w.global != 0 {
		return nil
	}
	return w.returnInRange(isa.R1, "bpf_throw")
}
