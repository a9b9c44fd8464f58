package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// graphRoot is a list's head or a tree's root.
type graphRoot struct {
	typ uint32 // of the objects in it
	off int32  // of their node
}

// localNo is the number among the types of a structure of the program's own; ok is false if it has none of that
// number in its BTF.
func (w *walker) localNo(id uint32) (n uint32, ok bool) {
	if n, ok = w.localNos[id]; ok {
		return n, true
	}
	l := w.spec.LocalTypes[id]
	if l == nil {
		return 0, false
	}
	w.types = append(w.types, kernelType{key: l.Name, s: &l.Struct})
	n = uint32(len(w.types) - 1)
	w.localNos[id] = n
	w.locals[n] = l
	return n, true
}

// localNamed is localNo by name.
func (w *walker) localNamed(name string) (n uint32, ok bool) {
	first, found := uint32(0), false
	for id, l := range w.spec.LocalTypes {
		if l.Name == name && (!found || id < first) {
			first, found = id, true
		}
	}
	if !found {
		return 0, false
	}
	return w.localNo(first)
}

// isLocal reports whether a type is of the program's own.
func (w *walker) isLocal(n uint32) bool { return w.locals[n] != nil }

// noType stands for a type that is not known.
var noType = &LocalType{}

// local is the type of the program's own with a number.
func (w *walker) local(n uint32) *LocalType {
	if l := w.locals[n]; l != nil {
		return l
	}
	return noType
}

func fieldOfKind(fields []maps.Field, k maps.FieldKind) *maps.Field {
	for i := range fields {
		if fields[i].Kind == k {
			return &fields[i]
		}
	}
	return nil
}

func fieldOfKindAt(fields []maps.Field, k maps.FieldKind, off int64) *maps.Field {
	for i := range fields {
		if f := &fields[i]; f.Kind == k && int64(f.Off) == off {
			return f
		}
	}
	return nil
}

// fieldsOf are the special fields of what a pointer points to.
func (w *walker) fieldsOf(r *Reg) []maps.Field {
	switch {
	case r.Kind == PtrToMapValue:
		return w.maps[r.Obj].Fields
	case r.Kind == PtrToBTFID && r.Flags&Alloc != 0:
		return w.local(r.Obj).Fields
	}
	return nil
}

// isObject reports whether a pointer is to an object of the program's own.
func (r *Reg) isObject() bool { return r.Kind == PtrToBTFID && r.Flags&Alloc != 0 }

// objectArg checks an argument that has to do with objects of the program's own.
func (w *walker) objectArg(c *kcall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	want := "an object that bpf_obj_new made"
	switch a.Kind {
	case proto.KfuncAlloc:
		flags := Alloc
		if c.name == "bpf_percpu_obj_drop_impl" {
			flags, want = Alloc|Percpu, "an object that bpf_percpu_obj_new made"
		}
		if r.Kind != PtrToBTFID || r.Flags != flags || r.Ref == 0 {
			break
		}
		return nil
	case proto.KfuncRefcounted:
		want = "an object with a bpf_refcount"
		if !r.isObject() || r.Flags&(Untrusted|MaybeNull|Percpu) != 0 || fieldOfKind(w.local(r.Obj).Fields, maps.FieldRefcount) == nil {
			break
		}
		c.owned = r.Ref != 0
		c.obj = r.Obj
		return nil
	case proto.KfuncListHead, proto.KfuncRBRoot:
		kind := maps.FieldListHead
		if a.Kind == proto.KfuncRBRoot {
			kind = maps.FieldRBRoot
		}
		want = "a " + fieldName(kind) + " in a map's value or an object"
		if r.Kind == PtrToMapValue && r.Flags == 0 || r.Kind == PtrToBTFID && r.Flags == Alloc && r.Ref != 0 {
			return w.graphRootArg(c, reg, r, kind)
		}
	case proto.KfuncListNode, proto.KfuncRBNode:
		kind := maps.FieldListNode
		if a.Kind == proto.KfuncRBNode {
			kind = maps.FieldRBNode
		}
		want = "a " + fieldName(kind) + " of an object that the program owns"
		ok := r.Kind == PtrToBTFID && r.Flags == Alloc && r.Ref != 0
		if kind == maps.FieldRBNode && c.name != "bpf_rbtree_add_impl" {
			if w.inLess() {
				return w.fail(CodeLock, "%s in the callback of bpf_rbtree_add", c.name)
			}
			want = "a " + fieldName(kind) + " of an object in the tree"
			ok = r.isObject() && r.Flags&(MaybeNull|Untrusted|Percpu) == 0 && (r.Flags&NonOwnRef != 0 || r.Ref != 0)
		}
		if ok {
			return w.graphNodeArg(c, reg, r, kind)
		}
	}
	return w.fail(w.codeFor(r), "%s of %s is %s: it has to be %s", reg, c.name, w.describe(r), want)
}

// graphRootArg checks that r points to the head of a list or root of a tree, whose lock is held.
func (w *walker) graphRootArg(c *kcall, reg isa.Reg, r *Reg, kind maps.FieldKind) *Error {
	off := int64(r.Off) + int64(r.Var.Var.Value)
	if !r.fixed() {
		return w.fail(CodeType, "%s of %s points to offset %s: %s is at a known one", reg, c.name, w.offset(r, int(r.Off)), fieldName(kind)).as(topicField)
	}
	f := fieldOfKindAt(w.fieldsOf(r), kind, off)
	if f == nil {
		return w.fail(CodeType, "%s of %s points to offset %d of %s: there is no %s", reg, c.name, off, w.describe(r), fieldName(kind)).as(topicField)
	}
	obj, ptr := lockOwner(r, w.f().ids[reg])
	held := false
	for i := range w.s.refs {
		l := &w.s.refs[i]
		held = held || l.isLock() && l.obj == obj && l.ptr == ptr
	}
	if !held {
		return w.fail(CodeLock, "%s without the lock that lies beside the %s", c.name, fieldName(kind))
	}
	n, ok := w.localNamed(f.Type)
	if !ok {
		return w.fail(CodeUnsupported, "%s: struct %s, of which the %s holds objects, is not known here", c.name, f.Type, fieldName(kind))
	}
	nodeKind := maps.FieldListNode
	if kind == maps.FieldRBRoot {
		nodeKind = maps.FieldRBNode
	}
	l := w.local(n)
	for i := range l.Members {
		if m := &l.Members[i]; m.Name == f.Node && fieldOfKindAt(l.Fields, nodeKind, int64(m.Off)) != nil {
			c.root = &graphRoot{typ: n, off: int32(m.Off)}
			return nil
		}
	}
	return w.fail(CodeUnsupported, "%s: struct %s has no %s of the name %s", c.name, f.Type, fieldName(nodeKind), f.Node)
}

// graphNodeArg checks that r points to the node by which objects hang in the list or
// tree.
func (w *walker) graphNodeArg(c *kcall, reg isa.Reg, r *Reg, kind maps.FieldKind) *Error {
	off := int64(r.Off) + int64(r.Var.Var.Value)
	l := w.local(r.Obj)
	switch {
	case !r.fixed() || fieldOfKindAt(l.Fields, kind, off) == nil:
		return w.fail(CodeType, "%s of %s points to offset %s of struct %s: there is no %s", reg, c.name, w.offset(r, int(r.Off)), l.Name, fieldName(kind)).as(topicField)
	case c.root == nil:
		return w.fail(CodeType, "%s of %s is %s, and no list or tree is given", reg, c.name, w.describe(r))
	case r.Obj != c.root.typ:
		return w.fail(CodeType, "%s of %s is %s: the list or tree holds struct %s", reg, c.name, w.describe(r), w.typeName(c.root.typ))
	case off != int64(c.root.off):
		return w.fail(CodeType, "%s of %s points to offset %d of struct %s: the list or tree has its node at %d", reg, c.name, off, l.Name, c.root.off)
	}
	c.obj = r.Obj
	return nil
}

// lend makes the object behind a reference the list's or tree's: the program can still use it until it gives the
// lock back, but owns it no more.
func (w *walker) lend(callee string, ref uint32) *Error {
	if ref == 0 || !w.forgetRef(ref) {
		return w.fail(CodeReference, "%s: r2 holds a reference that was released before", callee)
	}
	w.eachID(func(v *Reg, _ *uint32) bool {
		if v.Ref != ref || v.Kind >= numKinds {
			return false
		}
		v.Ref = 0
		w.nonOwning(v)
		return true
	})
	return nil
}

// nonOwning makes r a pointer to an object that the program does not own.
func (w *walker) nonOwning(r *Reg) {
	r.Flags |= NonOwnRef
	if fieldOfKind(w.local(r.Obj).Fields, maps.FieldRefcount) != nil {
		r.Flags |= RCU
	}
}

// node is a pointer to an object in a list or tree, by its node.
func (g *graphRoot) node() Reg { return Reg{Kind: PtrToBTFID, Flags: Alloc, Obj: g.typ, Off: g.off} }

// maxPercpuObject is how large a per-CPU object may be, in bytes (BPF_GLOBAL_PERCPU_MA_MAX_SIZE).
const maxPercpuObject = 512

// newObject is what bpf_obj_new and bpf_percpu_obj_new return.
func (w *walker) newObject(c *kcall) (Reg, *Error) {
	percpu := c.name == "bpf_percpu_obj_new_impl"
	n, ok := uint32(0), false
	if c.constant < 1<<32 {
		n, ok = w.localNo(uint32(c.constant))
	}
	if !ok {
		if w.spec.LocalTypes == nil {
			return Reg{}, w.fail(CodeUnsupported, "%s: the program's own types are not known here", c.name)
		}
		return Reg{}, w.fail(CodeType, "r1 of %s, %d, is no structure of the program", c.name, c.constant)
	}
	l := w.local(n)
	r := Reg{Kind: PtrToBTFID, Obj: n, Flags: Alloc}
	if percpu {
		switch {
		case l.Size > maxPercpuObject:
			return Reg{}, w.fail(CodeType, "%s of struct %s, which has %d bytes: the limit is %d", c.name, l.Name, l.Size, maxPercpuObject)
		case !l.Numbers:
			return Reg{}, w.fail(CodeType, "%s of struct %s, which does not hold numbers only", c.name, l.Name)
		case len(l.Fields) > 0:
			return Reg{}, w.fail(CodeType, "%s of struct %s, which has special fields", c.name, l.Name)
		}
		r.Flags |= Percpu
	}
	return r, nil
}

// objectAccess is a load or store of an object of the program's own.
func (w *walker) objectAccess(a *access, r *Reg, off int) *Error {
	l := w.local(r.Obj)
	switch {
	case !r.fixed() || r.Var.Var.Value != 0:
		return w.fail(CodeBounds, "%s through %s, which is %s, at an offset that is not known", a.what(), a.reg, w.describe(r))
	case r.Flags&(Percpu|User) != 0:
		return w.fail(CodeType, "%s through %s, which is %s: use bpf_this_cpu_ptr or bpf_per_cpu_ptr first", a.what(), a.reg, w.describe(r))
	case a.write && (r.Flags&Alloc == 0 || r.Flags&(Rdonly|Untrusted) != 0):
		return w.fail(CodeType, "store through %s, which is %s: it may only be read", a.reg, w.describe(r))
	case r.Flags&Alloc != 0 && r.Flags&(NonOwnRef|RCU) == 0 && r.Ref == 0:
		return w.fail(CodeType, "%s through %s, which is %s and may be gone", a.what(), a.reg, w.describe(r))
	case off < 0 || off+a.size > int(l.Size):
		return w.outside(a.reg, r, off, a.size, int(l.Size), w.describe(r))
	}
	for i := range l.Fields {
		if f := &l.Fields[i]; r.Flags&Alloc != 0 && off < int(f.Off+f.Size) && off+a.size > int(f.Off) {
			return w.fail(CodeType, "%s at offset %d of struct %s touches its %s: only helpers may", a.what(), off, l.Name, fieldName(f.Kind))
		}
	}
	if err := w.memberAccess(a, l, off); err != nil {
		return err
	}
	w.fact(r, off, a.size, false)
	if !a.write {
		w.loaded(a, unknownScalar)
	}
	return nil
}

// memberAccess checks that an access stays within one member of a structure of the program's own, and takes pointers
// in whole.
func (w *walker) memberAccess(a *access, l *LocalType, off int) *Error {
	for i := range l.Members {
		m := &l.Members[i]
		lo, hi := int(m.Off), int(m.Off+m.Size)
		switch {
		case m.Kind == MemberBits:
			if off > lo || off+a.size < hi {
				continue
			}
		case off >= hi:
			continue
		case off < lo:
			return w.fail(CodeBounds, "%s at offset %d of struct %s, where it has no member", a.what(), off, l.Name)
		case m.Kind == MemberPtr && ((off-lo)%8 != 0 || a.size != 8):
			return w.fail(CodeBounds, "%s of %d bytes at offset %d of struct %s: the pointer %s is read in whole", a.what(), a.size, off, l.Name, m.Name)
		case off+a.size > hi:
			return w.fail(CodeBounds, "%s of %d bytes at offset %d of struct %s, beyond its member %s", a.what(), a.size, off, l.Name, m.Name)
		}
		return nil
	}
	return w.fail(CodeBounds, "%s at offset %d of struct %s, where it has no member", a.what(), off, l.Name)
}
