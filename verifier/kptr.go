package verifier

import (
	"sync"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// rcuProtected are the kernel structures that live on until the RCU section ends.
var rcuProtected = map[string]bool{
	"prog_test_ref_kfunc": true, "cgroup": true, "bpf_cpumask": true, "task_struct": true, "bpf_crypto_ctx": true,
}

// releasable are the kernel structures that programs can hold references to, and so in kptrs, for when the kernel's
// types are not known.
var releasable = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, k := range proto.Kfuncs() {
		if k.Flags&proto.KfuncRelease != 0 && len(k.Args) == 1 && k.Args[0].Kind == proto.KfuncBTF {
			names[k.Args[0].BTF] = true
		}
	}
	return names
})

// kptrType is the type that a kptr field points to: one of the kernel's if it has one of that name, or else one of the
// program's own.
func (w *walker) kptrType(f *maps.Field) (n uint32, local bool) {
	own, ok := w.localNamed(f.Type)
	if !ok || rcuProtected[f.Type] || releasable()[f.Type] || w.spec.Types != nil && w.spec.Types.Struct(f.Type) != nil {
		return w.typeByName(f.Type), false
	}
	return own, true
}

// kptrAccess is an access to a kptr field of a map's value: a pointer is loaded or stored in whole.
func (w *walker) kptrAccess(a *access, r *Reg, off int, m *Map, f *maps.Field) *Error {
	at := off + int(int32(r.Var.Var.Value))
	switch {
	case a.atomic || a.signed || a.size != 8:
		return w.fail(CodeType, "%s of %d bytes of the kptr at offset %d of a value of map %s: it is loaded and stored in whole", a.what(), a.size, f.Off, m.Name).as(topicField)
	case !r.fixed():
		return w.fail(CodeType, "%s at an offset of a value of map %s that is not known and may touch its kptr", a.what(), m.Name).as(topicField)
	case at != int(f.Off):
		return w.fail(CodeType, "%s at offset %d of a value of map %s, in the middle of its kptr at %d", a.what(), at, m.Name, f.Off).as(topicField)
	}
	if !a.write {
		return w.loadKptr(a, f)
	}
	switch f.Kind {
	case maps.FieldKptr, maps.FieldKptrPercpu:
		return w.fail(CodeType, "store to the kptr at offset %d of a value of map %s: what it owned would be lost, use bpf_kptr_xchg", f.Off, m.Name).as(topicField)
	case maps.FieldUptr:
		return w.fail(CodeType, "store to the pointer to user space at offset %d of a value of map %s, which is user space's to set", f.Off, m.Name).as(topicField)
	}
	switch {
	case a.immStore && a.imm == 0:
		return nil
	case a.value < 0:
		return w.fail(CodeType, "store of a number to the kptr at offset %d of a value of map %s", f.Off, m.Name).as(topicField)
	}
	v := w.f().regs[a.value]
	if v.isNull() {
		w.demandReg(isa.Reg(a.value))
		return nil
	}
	if !w.fitsKptr(&v, f) {
		return w.fail(CodeType, "store of %s, which is %s, to a kptr of a value of map %s: it has to be a pointer to struct %s", isa.Reg(a.value), w.describe(&v), m.Name, f.Type)
	}
	return nil
}

// loadKptr loads a pointer that somebody else may take out of the map at any time.
func (w *walker) loadKptr(a *access, f *maps.Field) *Error {
	if a.value < 0 {
		return nil
	}
	if f.Kind == maps.FieldUptr {
		size, ok := w.uptrSize(f)
		if !ok {
			return w.fail(CodeUnsupported, "load of a pointer to struct %s in user space, which is not known here", f.Type)
		}
		w.f().set(a.value, Reg{Kind: PtrToMem, Size: size, Flags: MaybeNull}, w.s.newID())
		return nil
	}
	n, local := w.kptrType(f)
	v := Reg{Kind: PtrToBTFID, Obj: n, Flags: MaybeNull | Untrusted}
	if w.inRCU() {
		switch {
		case f.Kind == maps.FieldKptrPercpu:
			v.Flags = MaybeNull | RCU | Percpu
		case f.Kind == maps.FieldKptr && local:
			v.Flags = MaybeNull | RCU | Alloc
			if fieldOfKind(w.local(n).Fields, maps.FieldRefcount) != nil {
				v.Flags |= NonOwnRef
			}
		case f.Kind == maps.FieldKptr && rcuProtected[f.Type]:
			v.Flags = MaybeNull | RCU
		}
	}
	w.f().set(a.value, v, w.s.newID())
	return nil
}

// uptrSize is the size of what a pointer to user space points to, a structure of the program's own.
func (w *walker) uptrSize(f *maps.Field) (uint32, bool) {
	n, ok := w.localNamed(f.Type)
	if !ok {
		return 0, false
	}
	return w.local(n).Size, true
}

// fitsKptr reports whether a pointer may be put into a kptr field. Into one that owns what it points to
// goes only the very thing.
func (w *walker) fitsKptr(v *Reg, f *maps.Field) bool {
	n, local := w.kptrType(f)
	may := MaybeNull | Trusted | RCU
	switch {
	case w.isLocal(v.Obj):
		may = MaybeNull | Alloc
		if f.Kind == maps.FieldKptrPercpu {
			may |= Percpu
		}
	case f.Kind == maps.FieldKptrUntrusted:
		may |= Untrusted
	}
	if v.Kind != PtrToBTFID || v.Flags&^may != 0 || !v.fixed() || v.Var.Var.Value != 0 || v.Off < 0 {
		return false
	}
	if local || w.isLocal(v.Obj) {
		return v.Obj == n && v.Off == 0
	}
	return w.isStruct(v, f.Type, f.Kind != maps.FieldKptrUntrusted)
}

// kptrDest checks the kptr field that bpf_kptr_xchg works on, in a map's value or an object of the program's
// own.
func (w *walker) kptrDest(c *callMeta, reg isa.Reg, r *Reg) *Error {
	if !r.fixed() {
		return w.fail(CodeType, "%s of %s points into %s at an offset that is not known", reg, c.name, w.describe(r))
	}
	at := int(r.Off) + int(int32(r.Var.Var.Value))
	fields := w.fieldsOf(r)
	for i := range fields {
		f := &fields[i]
		if int(f.Off) != at || !isKptr(f.Kind) {
			continue
		}
		switch f.Kind {
		case maps.FieldKptr, maps.FieldKptrPercpu:
			c.kptr = f
			return nil
		}
		return w.fail(CodeType, "%s of %s points to the kptr at offset %d of %s, which owns nothing", reg, c.name, at, w.describe(r))
	}
	return w.fail(CodeType, "%s of %s points to offset %d of %s, where no kptr lies", reg, c.name, at, w.describe(r)).as(topicField)
}
