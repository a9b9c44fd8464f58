package verifier

import (
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// rcuProtected are the kernel structures that live on until the RCU section ends.
var rcuProtected = map[string]bool{
	"prog_test_ref_kfunc": true, "cgroup": true, "bpf_cpumask": true, "task_struct": true, "bpf_crypto_ctx": true,
}

// kptrAccess is an access to a kptr field of a map's value: a pointer is loaded or stored in whole.
func (w *walker) kptrAccess(a *access, r *Reg, off int, m *Map, f *maps.Field) *Error {
	if f.Kind == maps.FieldUptr || f.Kind == maps.FieldKptrPercpu {
		return w.fail(CodeUnsupported, "%s of a kptr field of its kind in a value of map %s", a.what(), m.Name)
	}
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
		w.loadKptr(a, f)
		return nil
	}
	if f.Kind == maps.FieldKptr {
		return w.fail(CodeType, "store to the kptr at offset %d of a value of map %s: what it owned would be lost, use bpf_kptr_xchg", f.Off, m.Name).as(topicField)
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
func (w *walker) loadKptr(a *access, f *maps.Field) {
	if a.value < 0 {
		return
	}
	v := Reg{Kind: PtrToBTFID, Obj: w.typeByName(f.Type), Flags: MaybeNull | Untrusted}
	if f.Kind == maps.FieldKptr && rcuProtected[f.Type] && w.inRCU() {
		v.Flags = MaybeNull | RCU
	}
	w.f().set(a.value, v, w.s.newID())
}

// fitsKptr reports whether a pointer may be put into a kptr field. Into one that owns what it points to
// goes only the very thing.
func (w *walker) fitsKptr(v *Reg, f *maps.Field) bool {
	may := MaybeNull | Trusted | RCU
	if f.Kind == maps.FieldKptrUntrusted {
		may |= Untrusted
	}
	if v.Kind != PtrToBTFID || v.Flags&^may != 0 || !v.fixed() || int(v.Off)+int(int32(v.Var.Var.Value)) < 0 {
		return false
	}
	return w.isStruct(v, f.Type, f.Kind == maps.FieldKptr)
}

// kptrDest checks the kptr field that bpf_kptr_xchg works on.
func (w *walker) kptrDest(c *callMeta, reg isa.Reg, r *Reg) *Error {
	if r.Kind != PtrToMapValue {
		return w.fail(CodeUnsupported, "%s on %s", c.name, w.describe(r))
	}
	m := w.maps[r.Obj]
	if !r.fixed() {
		return w.fail(CodeType, "%s of %s points into a value of map %s at an offset that is not known", reg, c.name, m.Name)
	}
	at := int(r.Off) + int(int32(r.Var.Var.Value))
	for i := range m.Fields {
		f := &m.Fields[i]
		if int(f.Off) != at || !isKptr(f.Kind) {
			continue
		}
		switch f.Kind {
		case maps.FieldKptr:
			c.kptr = f
			return nil
		case maps.FieldKptrPercpu:
			return w.fail(CodeUnsupported, "%s on a kptr of each CPU", c.name)
		}
		return w.fail(CodeType, "%s of %s points to the kptr at offset %d of a value of map %s, which owns nothing", reg, c.name, at, m.Name)
	}
	return w.fail(CodeType, "%s of %s points to offset %d of a value of map %s, where no kptr lies", reg, c.name, at, m.Name).as(topicField)
}
