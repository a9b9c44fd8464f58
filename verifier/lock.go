package verifier

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// lockArg checks that the argument points to the spin lock of a map's value.
func (w *walker) lockArg(c *callMeta, reg isa.Reg, r *Reg) *Error {
	return w.fieldArg(c, reg, r, maps.FieldSpinLock)
}

// fieldArg checks that an argument points to the special field of a kind.
func (w *walker) fieldArg(c *callMeta, reg isa.Reg, r *Reg, k maps.FieldKind) *Error {
	if r.Kind != PtrToMapValue {
		return w.fail(CodeUnsupported, "%s of %s, %s in memory that the program allocated", reg, c.name, fieldName(k))
	}
	m := w.maps[r.Obj]
	f := field(m, k)
	if f == nil {
		return w.fail(CodeType, "%s of %s: the values of map %s have no %s", reg, c.name, m.Name, fieldName(k)).as(topicField)
	}
	off := int64(r.Off) + int64(r.Var.Var.Value)
	if !r.fixed() || off != int64(f.Off) {
		return w.fail(CodeType, "%s of %s points to offset %s of a value of map %s: its %s is at %d", reg, c.name, w.offset(r, int(r.Off)), m.Name, fieldName(k), f.Off).as(topicField)
	}
	if k == maps.FieldTimer {
		if c.m != nil && (c.m != m || c.mapUID != 0) {
			return w.fail(CodeType, "%s of %s: the timer is not of the map given with it", reg, c.name)
		}
		c.m, c.mapNo = m, r.Obj
	}
	return nil
}

// lockCall takes or gives back the lock in r1.
func (w *walker) lockCall(c *callMeta) *Error {
	f := w.f()
	r, id := &f.regs[isa.R1], f.ids[isa.R1]
	held := w.locked()
	if c.proto.Name == "spin_lock" {
		if held != nil {
			return w.fail(CodeLock, "a second lock is taken while that of insn %d is held", held.insn).since(held.insn).as(topicLockHeld)
		}
		l := w.acquire(refLock, w.s.newID())
		l.obj, l.ptr = r.Obj+1, id
		return nil
	}
	switch {
	case held == nil:
		return w.fail(CodeLock, "%s without a lock that is held", c.name)
	case held.obj != r.Obj+1 || held.ptr != id:
		return w.fail(CodeLock, "%s of another lock than that taken at insn %d", c.name, held.insn).since(held.insn).as(topicLockOther)
	}
	w.s.ownRefs()
	for i := range w.s.refs {
		if w.s.refs[i].kind == refLock {
			w.s.refs = append(w.s.refs[:i], w.s.refs[i+1:]...)
			break
		}
	}
	return nil
}
