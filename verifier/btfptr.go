package verifier

import "github.com/gbpf/gbpf/helpers/proto"

// btfAccess is an access to a kernel structure.
func (w *walker) btfAccess(a *access, r *Reg, off int) *Error {
	switch {
	case !w.spec.GPL && r.Flags&Alloc == 0:
		return w.fail(CodeType, "%s through %s, which is %s: only programs under a GPL-compatible licence may look into the kernel", a.what(), a.reg, w.describe(r)).as(topicGPL)
	case off < 0:
		return w.fail(CodeBounds, "%s at offset %d of %s: before its start", a.what(), off, w.describe(r))
	case !r.fixed() || r.Var.Var.Value != 0:
		return w.fail(CodeBounds, "%s through %s, which is %s, at an offset that is not known", a.what(), a.reg, w.describe(r))
	case r.Flags&User != 0:
		return w.fail(CodeType, "%s through %s, which is %s: bpf_probe_read_user reads it", a.what(), a.reg, w.describe(r))
	case r.Flags&Percpu != 0:
		return w.fail(CodeType, "%s through %s, which is %s: bpf_per_cpu_ptr and bpf_this_cpu_ptr make an address of it", a.what(), a.reg, w.describe(r))
	case r.Flags&Alloc != 0:
		return w.fail(CodeUnsupported, "%s of %s, an object of the program's own", a.what(), w.describe(r))
	}
	s := w.structOf(r)
	if s == nil && w.spec.Types != nil {
		return w.fail(CodeType, "%s of struct %s, of which the kernel tells nothing", a.what(), w.typeName(r.Obj))
	}
	if s == nil {
		return w.fail(CodeUnsupported, "%s of struct %s: its type is not known here", a.what(), w.typeName(r.Obj))
	}
	if a.write {
		return w.btfStore(a, r, s, off)
	}
	p := w.spotAt(s, off, a.size)
	if p.kind == spotNothing {
		return w.fail(CodeBounds, "%s of %d bytes at offset %d of struct %s: %s", a.what(), a.size, off, s.Name, p.reason)
	}
	w.fact(r, off, a.size, false)
	if a.value < 0 {
		return nil
	}
	flags := p.flags
	if p.kind == spotPtr {
		flags = w.loadedFlags(r, &p)
	}
	w.setLoaded(a, &p, flags)
	return nil
}

// setLoaded puts what a load from a kernel structure gives into the register it loads into.
func (w *walker) setLoaded(a *access, p *spot, flags Flags) {
	switch p.kind {
	case spotPtr:
		id := uint32(0)
		if flags&MaybeNull != 0 {
			id = w.s.newID()
		}
		w.f().set(a.value, Reg{Kind: PtrToBTFID, Flags: flags, Obj: w.typeByName(p.typ)}, id)
	case spotOther:
		// Loads through it are checked at run time, so they may be anywhere.
		w.f().set(a.value, Reg{Kind: PtrToMem, Flags: Rdonly | Untrusted}, 0)
	default:
		w.loaded(a, unknownScalar)
	}
}

// loadedFlags is what a pointer is worth that is loaded through r, from p.
func (w *walker) loadedFlags(r *Reg, p *spot) Flags {
	flags := p.flags
	if p.stale {
		flags |= Untrusted
	}
	if r.Flags&Untrusted != 0 {
		return Untrusted
	}
	if !r.isTrusted() && r.Flags&RCU == 0 {
		return flags &^ RCU
	}
	// Lists of the kernel say which members stay valid with what they are in.
	trust := proto.FieldTrust(w.typeName(r.Obj), p.field, p.typ)
	switch {
	case trust == proto.TrustFull:
		return flags | Trusted
	case trust == proto.TrustFullOrNull:
		return flags | Trusted | MaybeNull
	case !w.inRCU() || r.Flags&MaybeNull != 0:
		return Untrusted
	case trust == proto.TrustRCU:
		return flags | RCU
	case trust == proto.TrustRCUOrNull:
		return flags&^Untrusted | RCU | MaybeNull
	case flags&RCU != 0:
		return flags | MaybeNull
	}
	return flags
}
