package verifier

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// localLock stands for the map in the identity of locks in objects of the program's own.
const localLock = 1<<32 - 1

// lockArg checks that the argument points to the spin lock of a map's value or of an object.
func (w *walker) lockArg(c *callMeta, reg isa.Reg, r *Reg) *Error {
	if w.inLess() {
		return w.fail(CodeLock, "%s in the callback of bpf_rbtree_add", c.name)
	}
	return w.lockField(c.name, reg, r, maps.FieldSpinLock)
}

// lockField checks that the argument points to a lock.
func (w *walker) lockField(callee string, reg isa.Reg, r *Reg, k maps.FieldKind) *Error {
	if r.Kind == PtrToMapValue {
		return w.mapField(callee, reg, r, k)
	}
	l := w.local(r.Obj)
	f := fieldOfKind(l.Fields, k)
	if f == nil {
		return w.fail(CodeType, "%s of %s: struct %s has no %s", reg, callee, l.Name, fieldName(k)).as(topicField)
	}
	if off := int64(r.Off) + int64(r.Var.Var.Value); !r.fixed() || off != int64(f.Off) {
		return w.fail(CodeType, "%s of %s points to offset %s of struct %s: its %s is at %d", reg, callee, w.offset(r, int(r.Off)), l.Name, fieldName(k), f.Off).as(topicField)
	}
	return nil
}

// fieldArg checks that an argument of a helper points to the special field of a kind in a map's
// value.
func (w *walker) fieldArg(c *callMeta, reg isa.Reg, r *Reg, k maps.FieldKind) *Error {
	return w.fieldOf(c, reg, r, k)
}

// fieldOf does the same and notes the map, to be compared with the one that is given with it.
func (w *walker) fieldOf(c *callMeta, reg isa.Reg, r *Reg, k maps.FieldKind) *Error {
	if r.Kind != PtrToMapValue || r.Flags != 0 {
		return w.fail(w.codeFor(r), "%s of %s is %s: it has to be a %s in a map's value", reg, c.name, w.describe(r), fieldName(k))
	}
	if err := w.mapField(c.name, reg, r, k); err != nil {
		return err
	}
	c.m, c.mapNo, c.mapUID = w.maps[r.Obj], r.Obj, r.Size
	return nil
}

// mapField checks that a pointer to a map's value points to its field of a kind.
func (w *walker) mapField(callee string, reg isa.Reg, r *Reg, k maps.FieldKind) *Error {
	m := w.maps[r.Obj]
	f := field(m, k)
	if f == nil {
		return w.fail(CodeType, "%s of %s: the values of map %s have no %s", reg, callee, m.Name, fieldName(k)).as(topicField)
	}
	off := int64(r.Off) + int64(r.Var.Var.Value)
	if !r.fixed() || off != int64(f.Off) {
		return w.fail(CodeType, "%s of %s points to offset %s of a value of map %s: its %s is at %d", reg, callee, w.offset(r, int(r.Off)), m.Name, fieldName(k), f.Off).as(topicField)
	}
	return nil
}

// lockOwner is the object that a lock is in: its map or kind, and the identity of the pointer.
func lockOwner(r *Reg, id uint32) (obj, ptr uint32) {
	if r.Kind == PtrToMapValue {
		return r.Obj + 1, id
	}
	return localLock, id
}

// lockCall takes or gives back the lock in r1.
func (w *walker) lockCall(c *callMeta) *Error {
	f := w.f()
	r, id := &f.regs[isa.R1], f.ids[isa.R1]
	if c.proto.Name == "spin_lock" {
		if held := w.locked(); held != nil {
			return w.fail(CodeLock, "a second lock is taken while that of insn %d is held", held.insn).since(held.insn).as(topicLockHeld)
		}
		l := w.acquire(refLock, w.s.newID())
		l.obj, l.ptr = lockOwner(r, id)
		return nil
	}
	return w.unlock(c.name, refLock, r, id)
}

// unlock gives back the lock that was taken last, which must be that behind r.
func (w *walker) unlock(callee string, kind refKind, r *Reg, id uint32) *Error {
	last := -1
	for i := range w.s.refs {
		if w.s.refs[i].isLock() {
			last = i
		}
	}
	if last < 0 {
		return w.fail(CodeLock, "%s without a lock that is held", callee)
	}
	held := &w.s.refs[last]
	if obj, ptr := lockOwner(r, id); held.kind != kind || held.obj != obj || held.ptr != ptr {
		return w.fail(CodeLock, "%s of another lock than that taken at insn %d", callee, held.insn).since(held.insn).as(topicLockOther)
	}
	w.dropRef(last)
	w.dropNonOwning()
	return nil
}

// dropNonOwning ends the pointers to objects in lists and trees, which others may take out and free from here
// on.
func (w *walker) dropNonOwning() {
	w.eachID(func(v *Reg, id *uint32) bool {
		if v.Flags&NonOwnRef == 0 {
			return false
		}
		*v, *id = w.gone(), 0
		return true
	})
}

// resLockArg takes or gives back a lock of the kind that may fail to be taken.
func (w *walker) resLockArg(c *kcall, reg isa.Reg, r *Reg) *Error {
	if !(r.Kind == PtrToMapValue && r.Flags == 0 || r.Kind == PtrToBTFID && r.Flags == Alloc) {
		return w.fail(w.codeFor(r), "%s of %s is %s: it has to be a bpf_res_spin_lock in a map's value or an object", reg, c.name, w.describe(r))
	}
	if err := w.lockField(c.name, reg, r, maps.FieldResSpinLock); err != nil {
		return err
	}
	id := w.f().ids[reg]
	kind := refResLock
	switch c.name {
	case "bpf_res_spin_unlock":
		return w.unlock(c.name, kind, r, id)
	case "bpf_res_spin_unlock_irqrestore":
		return w.unlock(c.name, refResLockIRQ, r, id)
	case "bpf_res_spin_lock_irqsave":
		kind = refResLockIRQ
	}
	obj, ptr := lockOwner(r, id)
	for i := range w.s.refs {
		if l := &w.s.refs[i]; (l.kind == refResLock || l.kind == refResLockIRQ) && l.obj == obj && l.ptr == ptr {
			return w.fail(CodeLock, "%s of the lock that is held since insn %d", c.name, l.insn).since(l.insn).as(topicLockHeld)
		}
	}
	l := w.acquire(kind, w.s.newID())
	l.obj, l.ptr = obj, ptr
	return nil
}

// mayFail reports whether a kernel function takes a lock, or fails to.
func mayFail(name string) bool {
	return name == "bpf_res_spin_lock" || name == "bpf_res_spin_lock_irqsave"
}

// lockedCalls are the kernel functions that may be called while a lock is held.
var lockedCalls = map[string]bool{
	"bpf_list_push_front_impl": true, "bpf_list_push_back_impl": true, "bpf_list_pop_front": true, "bpf_list_pop_back": true,
	"bpf_list_front": true, "bpf_list_back": true, "bpf_rbtree_add_impl": true, "bpf_rbtree_remove": true, "bpf_rbtree_first": true,
	"bpf_rbtree_root": true, "bpf_rbtree_left": true, "bpf_rbtree_right": true, "bpf_refcount_acquire_impl": true,
	"bpf_iter_num_new": true, "bpf_iter_num_next": true, "bpf_iter_num_destroy": true,
	"bpf_res_spin_lock": true, "bpf_res_spin_unlock": true, "bpf_res_spin_lock_irqsave": true, "bpf_res_spin_unlock_irqrestore": true,
}

func callableLocked(kfunc string) bool { return lockedCalls[kfunc] }
