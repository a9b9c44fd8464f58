package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// Kinds of dynptr.
const (
	dynptrNone uint32 = iota
	dynptrLocal
	dynptrRingbuf
	dynptrSkb
	dynptrXDP
	dynptrSkbMeta
)

// A dynptr takes two slots. That of its first 8 bytes, the lower address, is marked by Off 1.

// dynptrSlots returns the frame and the first slot (that of the higher address) of the dynptr
// that r points to.
func (w *walker) dynptrSlots(c string, reg isa.Reg, r *Reg) (fr, i int, err *Error) {
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	if !r.fixed() || off%8 != 0 {
		return 0, 0, w.fail(CodeType, "%s of %s is an address on the stack at offset %s: a dynptr lies at a known multiple of 8", reg, c, w.offset(r, int(r.Off)))
	}
	if off < -stackSize || off > -16 {
		return 0, 0, w.fail(CodeBounds, "%s of %s is an address on the stack at offset %d: a dynptr there does not fit", reg, c, off)
	}
	i, _ = place(off)
	return int(r.Frame), i - 1, nil
}

// dynptrAt returns the dynptr in slots i and i+1 of frame fr, nil if there is none.
func (w *walker) dynptrAt(fr, i int) *Reg {
	st := w.s.frames[fr].stack
	if i+1 >= len(st) || st[i].kinds != slotDynptr || st[i+1].kinds != slotDynptr {
		return nil
	}
	a, b := w.tab.at(st[i].h), w.tab.at(st[i+1].h)
	if a.Off != 0 || b.Off != 1 || st[i].id != st[i+1].id {
		return nil
	}
	return b
}

// dynptrArg checks a dynptr argument of a helper.
func (w *walker) dynptrArg(c *callMeta, i int, a *proto.Arg, reg isa.Reg, r *Reg) *Error {
	if a.Flags&proto.Uninit != 0 {
		kind := dynptrLocal
		if a.Flags&proto.DynptrRingbuf != 0 {
			kind = dynptrRingbuf
		}
		n, err := w.dynptrRoom(c.name, reg, r, kind)
		if err == nil {
			c.newDynptrs = append(c.newDynptrs, n)
		}
		return err
	}
	d, id, err := w.dynptr(c.name, reg, r)
	if err != nil {
		return err
	}
	if r.Kind == PtrToDynptr && a.Flags&proto.Rdonly == 0 {
		return w.fail(CodeType, "%s of %s is a read-only dynptr, which it would change", reg, c.name)
	}
	want := dynptrNone
	switch {
	case a.Flags&proto.DynptrRingbuf != 0:
		want = dynptrRingbuf
	case a.Flags&proto.DynptrLocal != 0:
		want = dynptrLocal
	}
	if want != dynptrNone && d.Obj != want {
		return w.fail(CodeType, "%s of %s is a dynptr of another kind", reg, c.name)
	}
	c.dynID, c.dynKind, c.dynRef = id, d.Obj, d.Ref
	if a.Flags&proto.Release != 0 {
		if d.Ref == 0 {
			return w.fail(CodeReference, "%s of %s is a dynptr that holds no reference to release", reg, c.name)
		}
		c.dynRelease = d.Ref
	}
	return nil
}

// dynptrRoom makes room on the stack for a new dynptr.
func (w *walker) dynptrRoom(callee string, reg isa.Reg, r *Reg, kind uint32) (n newDynptr, err *Error) {
	if r.Kind != PtrToStack {
		return n, w.fail(CodeType, "%s of %s is %s: it has to be 16 bytes of stack for a new dynptr", reg, callee, w.describe(r))
	}
	fr, s, err := w.dynptrSlots(callee, reg, r)
	if err != nil {
		return n, err
	}
	w.deepen(fr, 8*(s+2))
	for k := s; k <= s+1; k++ {
		if k < len(w.s.frames[fr].stack) && w.s.frames[fr].stack[k].special() {
			if err := w.destroySpecial(fr, k); err != nil {
				return n, err
			}
		}
	}
	return newDynptr{fr, s, kind}, nil
}

// dynptrUse is a dynptr that a kernel function is given.
type dynptrUse struct{ id, kind, ref uint32 }

// kfuncDynptr checks a dynptr argument of a kernel function: makes it, or finds it.
func (w *walker) kfuncDynptr(c *kcall, a *proto.KfuncArg, reg isa.Reg, r *Reg) *Error {
	if a.Flags&proto.KfuncUninit == 0 {
		d, id, err := w.dynptr(c.name, reg, r)
		if err != nil {
			return err
		}
		c.dyn = dynptrUse{id, d.Obj, d.Ref}
		return nil
	}
	kind, ref := dynptrNone, uint32(0)
	switch c.name {
	case "bpf_dynptr_from_skb":
		kind = dynptrSkb
	case "bpf_dynptr_from_xdp":
		kind = dynptrXDP
	case "bpf_dynptr_from_skb_meta":
		kind = dynptrSkbMeta
	case "bpf_dynptr_clone":
		kind, ref = c.dyn.kind, c.dyn.ref
	}
	if kind == dynptrNone {
		return w.fail(CodeUnsupported, "%s makes a dynptr of a kind that no rule covers", c.name)
	}
	n, err := w.dynptrRoom(c.name, reg, r, kind)
	if err != nil {
		return err
	}
	w.makeDynptr(n, ref)
	return nil
}

// sliceResult is what bpf_dynptr_slice and bpf_dynptr_slice_rdwr return.
func (w *walker) sliceResult(c *kcall) (Reg, *Error) {
	if !c.hasConst || c.dyn.kind == dynptrNone {
		return Reg{}, w.fail(CodeType, "%s needs a dynptr and a size that is known", c.name)
	}
	r := Reg{Kind: PtrToMem, Size: uint32(c.constant), Flags: DynptrData}
	switch c.dyn.kind {
	case dynptrSkb, dynptrXDP, dynptrSkbMeta:
		r.Flags |= packetSlice // good until the packet moves
	case dynptrRingbuf:
		r.Obj, r.Ref = c.dyn.id, c.dyn.ref // good until the record is submitted
	}
	if c.name == "bpf_dynptr_slice" {
		r.Flags |= Rdonly
	} else if !w.packetWritable() {
		return Reg{}, w.fail(CodeType, "%s: programs of type %s may not write packet data", c.name, w.spec.Type)
	}
	return r, nil
}

// dynptr returns the dynptr that r points to, and its identity.
func (w *walker) dynptr(callee string, reg isa.Reg, r *Reg) (Reg, uint32, *Error) {
	if r.Kind == PtrToDynptr {
		return *r, w.f().ids[reg], nil
	}
	if r.Kind != PtrToStack {
		return Reg{}, 0, w.fail(CodeType, "%s of %s is %s: it has to be a dynptr on the stack", reg, callee, w.describe(r))
	}
	fr, s, err := w.dynptrSlots(callee, reg, r)
	if err != nil {
		return Reg{}, 0, err
	}
	d := w.dynptrAt(fr, s)
	if d == nil {
		return Reg{}, 0, w.fail(CodeUninit, "%s of %s points to the stack at %d, where no initialised dynptr is", reg, callee, int(r.Off)).as(topicDynptr)
	}
	w.readSlots(fr, 3<<s, false)
	return *d, w.s.frames[fr].stack[s].id, nil
}

// dynptrArgInit checks that an argument of a global function is an initialised dynptr.
func (w *walker) dynptrArgInit(reg isa.Reg, name string) *Error {
	_, _, err := w.dynptr(name, reg, w.reg(reg))
	return err
}

// newDynptr is a dynptr that a call makes.
type newDynptr struct {
	frame, slot int
	kind        uint32
}

// helperDynptrs makes and releases the dynptrs of a call.
func (w *walker) helperDynptrs(c *callMeta) *Error {
	if c.proto.Name == "dynptr_from_mem" {
		if r := w.reg(isa.R1); r.Kind != PtrToMapValue {
			return w.fail(CodeType, "r1 of %s is %s: only map values can be made a dynptr of", c.name, w.describe(r))
		}
	}
	if c.dynRelease != 0 {
		w.dropDynptrs(c.dynRelease)
		if err := w.release(c.dynRelease); err != nil {
			return err
		}
	}
	for _, n := range c.newDynptrs {
		w.makeDynptr(n, 0)
	}
	return nil
}

// makeDynptr puts a dynptr on the stack: one that shares the reference of the one that it was cloned from, if ref is
// not 0.
func (w *walker) makeDynptr(n newDynptr, ref uint32) {
	id := w.s.newID()
	if n.kind == dynptrRingbuf && ref == 0 {
		ref = w.s.newID()
		w.acquire(refPtr, ref)
	}
	f := w.s.frames[n.frame]
	f.own(n.slot + 2)
	for k := range 2 {
		d := Reg{Kind: kindDynptrSlot, Obj: n.kind, Off: int32(k), Ref: ref}
		f.stack[n.slot+k] = slot{kinds: slotDynptr, h: w.tab.intern(&d), id: id}
	}
	w.writeSlots(n.frame, 3<<n.slot, 3<<n.slot, -1)
}

// dropDynptrs ends all dynptrs with a reference.
func (w *walker) dropDynptrs(ref uint32) {
	for _, f := range w.s.frames {
		for k := range f.stack {
			s := &f.stack[k]
			if s.kind(0) != byteDynptr || w.tab.at(s.h).Ref != ref {
				continue
			}
			id := s.id
			f.own(0)
			f.stack[k] = slot{}
			w.dropSlices(id)
		}
	}
}

// dropSlices ends the pointers into the data of a dynptr that are good only as long as it is there.
func (w *walker) dropSlices(id uint32) {
	w.eachID(func(v *Reg, vid *uint32) bool {
		if v.Kind != PtrToMem || v.Flags&DynptrData == 0 || v.Obj != id {
			return false
		}
		*v, *vid = w.gone(), 0
		return true
	})
}

// destroySpecial is about to overwrite slot i of frame fr, where something lies that only
// helpers touch. A dynptr without a reference may be overwritten, and is gone then.
func (w *walker) destroySpecial(fr, i int) *Error {
	f := w.s.frames[fr]
	s := f.stack[i]
	if s.kind(0) != byteDynptr {
		return w.fail(CodeType, "the stack at %d is overwritten, where %s lies", -8*(i+1), w.slotString(&s))
	}
	d := w.tab.at(s.h)
	if d.Ref != 0 {
		return w.fail(CodeReference, "the stack at %d is overwritten, where a dynptr lies that has yet to be released", -8*(i+1)).as(topicDynptr)
	}
	first := i
	if d.Off == 1 {
		first = i - 1
	}
	f.own(0)
	for k := first; k <= first+1 && k < len(f.stack); k++ {
		f.stack[k] = slot{}
	}
	w.dropSlices(s.id)
	return nil
}

// constString checks that an argument is a string in frozen data of which the end is there.
func (w *walker) constString(c *callMeta, reg isa.Reg, r *Reg) *Error {
	m := w.maps[r.Obj]
	off := int(r.Off) + int(int32(r.Var.Var.Value))
	switch {
	case m.Flags&maps.RdonlyProg == 0:
		return w.fail(CodeType, "%s of %s is in map %s, which the program may write: the string has to be constant", reg, c.name, m.Name)
	case !r.fixed():
		return w.fail(CodeType, "%s of %s is a string at an offset that is not known", reg, c.name)
	case m.Contents == nil:
		return w.fail(CodeType, "%s of %s is in map %s, which is not frozen: the string has to be constant", reg, c.name, m.Name)
	case off < 0 || off >= len(m.Contents):
		return w.fail(CodeBounds, "%s of %s is outside the value of map %s", reg, c.name, m.Name)
	}
	for _, b := range m.Contents[off:] {
		if b == 0 {
			return nil
		}
	}
	return w.fail(CodeType, "%s of %s is a string in map %s without an end", reg, c.name, m.Name)
}
