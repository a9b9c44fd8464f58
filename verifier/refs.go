package verifier

import "fmt"

// acquire notes something that must be released.
func (w *walker) acquire(kind refKind, id uint32) *ref {
	w.s.ownRefs()
	w.s.refs = append(w.s.refs, ref{kind: kind, id: id, insn: int32(w.pc)})
	return &w.s.refs[len(w.s.refs)-1]
}

// forgetRef takes a reference off the list. It reports whether it was there.
func (w *walker) forgetRef(id uint32) bool {
	for i := range w.s.refs {
		if r := &w.s.refs[i]; r.kind == refPtr && r.id == id {
			w.dropRef(i)
			return true
		}
	}
	return false
}

// dropRef takes reference number i off the list.
func (w *walker) dropRef(i int) {
	w.s.ownRefs()
	w.s.refs = append(w.s.refs[:i], w.s.refs[i+1:]...)
}

// gone is what a register holds whose pointer is no more: a number, where addresses are no secret.
func (w *walker) gone() Reg {
	if w.leaks {
		return unknown()
	}
	return Reg{}
}

// release gives a reference back: pointers that depend on it are no more.
func (w *walker) release(id uint32) *Error {
	if !w.forgetRef(id) {
		return w.fail(CodeReference, "the reference was released before")
	}
	w.eachID(func(v *Reg, vid *uint32) bool {
		if v.Ref != id {
			return false
		}
		if v.Kind >= numKinds {
			return false // objects on the stack end by themselves
		}
		*v, *vid = w.gone(), 0
		return true
	})
	return nil
}

// holdsRef reports whether id is an unreleased reference.
func (w *walker) holdsRef(id uint32) bool {
	for i := range w.s.refs {
		if r := &w.s.refs[i]; r.kind == refPtr && r.id == id {
			return true
		}
	}
	return false
}

// isLock reports whether it is a lock.
func (r *ref) isLock() bool {
	return r.kind == refLock || r.kind == refResLock || r.kind == refResLockIRQ
}

// locked returns the lock that is held, nil for none.
func (w *walker) locked() *ref {
	for i := range w.s.refs {
		if w.s.refs[i].isLock() {
			return &w.s.refs[i]
		}
	}
	return nil
}

// leftOver refuses to leave (by what) while something is to be given back. Callbacks may leave
// what their caller has.
func (w *walker) leftOver(what string, exit bool) *Error {
	for i := range w.s.refs {
		r := &w.s.refs[i]
		switch r.kind {
		case refLock, refResLock, refResLockIRQ:
			return w.fail(CodeLock, "%s while the lock taken at insn %d is held", what, r.insn).since(r.insn)
		case refIRQ:
			return w.fail(CodeLock, "%s while interrupts are disabled since insn %d", what, r.insn).since(r.insn)
		case refPtr:
			return w.fail(CodeReference, "%s while %s is not released", what, w.acquiredAt(r)).since(r.insn)
		}
	}
	if w.s.sec.rcu > 0 {
		return w.fail(CodeLock, "%s inside a section of bpf_rcu_read_lock", what)
	}
	if w.s.sec.preempt > 0 {
		return w.fail(CodeLock, "%s inside a section of bpf_preempt_disable", what)
	}
	return nil
}

func (w *walker) acquiredAt(r *ref) string {
	if r.insn < 0 {
		return "what the program was given"
	}
	return fmt.Sprintf("what %s at insn %d returned", w.calleeName(int(r.insn)), r.insn)
}
