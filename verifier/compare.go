package verifier

// howEqual says how a kept state has to cover the path.
type howEqual uint8

const (
	demanded howEqual = iota // live parts included; numbers only where they are demanded
	within                   // all live parts included
	exact                    // equal
)

// idPair maps an identity of a kept state to the one in the path that takes its place.
type idPair struct{ old, cur uint32 }

// sameID reports whether identity old of the kept state can stand for cur of the path,
// given what others have been matched with: identities are matched one to one.
func (w *walker) sameID(old, cur uint32) bool {
	if old == 0 || cur == 0 {
		return old == cur
	}
	for _, p := range w.idmap {
		if p.old == old {
			return p.cur == cur
		}
		if p.cur == cur {
			return false
		}
	}
	w.idmap = append(w.idmap, idPair{old, cur})
	return true
}

// link is a number of the kept state that has an identity, and what the path has in its place.
type link struct {
	id, cur         uint32
	off, curOff     int32
	flags, curFlags Flags
}

// sameLinks reports whether the path keeps what the kept state knows of a number's copies: those of one
// identity there must have one here, and differ by the same. A number without copies among those that
// count makes no such promise, and copies that only the path knows of do no harm.
func (w *walker) sameLinks(oe, ce entry, o, c *Reg) bool {
	if oe.id == 0 {
		return true
	}
	l := link{oe.id, ce.id, o.Off, c.Off, o.Flags, c.Flags}
	for i := range w.links {
		p := &w.links[i]
		if p.id != l.id {
			continue
		}
		if l.cur == 0 || p.cur != l.cur {
			return false
		}
		if l.flags|p.flags|l.curFlags|p.curFlags == 0 {
			return int64(l.curOff)-int64(l.off) == int64(p.curOff)-int64(p.off)
		}
		return l.off == l.curOff && p.off == p.curOff && l.flags == l.curFlags && p.flags == p.curFlags
	}
	w.links = append(w.links, l)
	return true
}

// covers reports whether the kept state old, of instruction pc, stands for cur.
func (w *walker) covers(old, cur *snapshot, pc int, how howEqual) bool {
	if len(old.frames) != len(cur.frames) || len(old.refs) != len(cur.refs) {
		return false
	}
	a, b := old.sec, cur.sec
	if how != exact {
		a.iters, b.iters, a.goto_, b.goto_ = 0, 0, 0, 0
	}
	if a != b {
		return false
	}
	w.idmap, w.links = w.idmap[:0], w.links[:0]
	if how == demanded && w.full {
		how = within
	}
	last := len(old.frames) - 1
	w.work += 10 * len(old.frames)
	calls := old.chain()
	// Registers first: they tell states apart most often.
	for i := last; i >= 0; i-- {
		o, c := old.frames[i], cur.frames[i]
		if o.sub != c.sub || o.site != c.site || o.call != c.call {
			return false
		}
		if how == exact && o.iterations != c.iterations {
			return false
		}
		m := w.marks.of(&calls, i, last+1, pc)
		for r := range 10 {
			oe := o.regs[r]
			if oe.h == hNotInit {
				if how == exact && c.regs[r].h != hNotInit {
					return false
				}
				continue
			}
			if !w.coversReg(oe, c.regs[r], m.regs>>r&1 != 0, how) {
				return false
			}
		}
	}
	for i := last; i >= 0; i-- {
		if !w.coversStack(old.frames[i], cur.frames[i], w.marks.of(&calls, i, last+1, pc), how) {
			return false
		}
	}
	for i := range old.refs {
		o, c := &old.refs[i], &cur.refs[i]
		if o.kind != c.kind || o.obj != c.obj || !w.sameID(o.id, c.id) || !w.sameID(o.ptr, c.ptr) {
			return false
		}
	}
	return true
}

// coversReg reports whether what o holds includes what c holds. If the register is a
// number that is not demanded, any number will do.
func (w *walker) coversReg(oe, ce entry, demand bool, how howEqual) bool {
	if oe.h == ce.h && oe.id == 0 && ce.id == 0 && w.tab.at(oe.h).Ref == 0 {
		return true
	}
	o, c := w.tab.at(oe.h), w.tab.at(ce.h)
	if o.Kind != c.Kind {
		return o.Kind == NotInit && how != exact
	}
	if how == exact {
		if oe.h != ce.h {
			oo := *o
			oo.Ref = c.Ref
			if oo != *c {
				return false
			}
		}
		return w.sameID(oe.id, ce.id) && w.sameID(o.Ref, c.Ref)
	}
	switch o.Kind {
	case NotInit:
		return true
	case Scalar:
		if how == demanded && !demand {
			return true
		}
		return (oe.h == ce.h || c.Var.In(o.Var)) && w.sameLinks(oe, ce, o, c)
	case PtrToPacket, PtrToPacketMeta:
		if c.Off != o.Off || c.Flags != o.Flags {
			return false
		}
		if o.Size != c.Size && (o.Size > maxPacket || c.Size > maxPacket || o.Size > c.Size) {
			return false
		}
		return c.Var.In(o.Var) && w.sameID(oe.id, ce.id)
	case PtrToMapValue, PtrToMapKey, PtrToMem, PtrToBuf, PtrToTPBuffer:
		if o.Flags != c.Flags || o.Off != c.Off || o.Obj != c.Obj || o.Size != c.Size || o.Frame != c.Frame {
			return false
		}
		return c.Var.In(o.Var) && w.sameID(oe.id, ce.id) && w.sameID(o.Ref, c.Ref)
	}
	if oe.h != ce.h {
		oo := *o
		oo.Ref = c.Ref
		if o.Kind == kindIterSlot {
			oo.Off = c.Off // how often it was asked tells nothing of what it has left
		}
		if oo != *c {
			return false
		}
	}
	return w.sameID(oe.id, ce.id) && w.sameID(o.Ref, c.Ref)
}

// coversStack does the same for the stack of a frame.
func (w *walker) coversStack(of, cf *frameSnap, m marks, how howEqual) bool {
	if len(of.stack) == 0 && (how != exact || len(cf.stack) == 0) {
		return true
	}
	n := len(of.stack)
	w.work += n
	if how == exact {
		n = max(n, len(cf.stack))
	}
	for i := range n {
		var none slot
		o, c := &none, &none
		if i < len(of.stack) {
			o = &of.stack[i]
		}
		if i < len(cf.stack) {
			c = &cf.stack[i]
		}
		if how == demanded && m.live>>i&1 == 0 {
			continue
		}
		if !w.coversSlot(o, c, m.slots>>i&1 != 0, how) {
			return false
		}
	}
	return true
}

// wholeScalar returns the number that all 8 bytes of a slot make, if they are one. Of a slot in which
// some bytes are zero it is any number: that takes its place, but not the other way round, since a load of
// those bytes alone finds 0.
func (w *walker) wholeScalar(s *slot) (entry, bool) {
	if s.kinds == slotSpill && w.tab.at(s.h).Kind == Scalar {
		return entry{s.h, s.id}, true
	}
	if s.kinds == slotZero {
		return entry{hZero, 0}, true
	}
	for i := range 8 {
		if k := s.kind(i); k > byteZero || k == byteInvalid && !w.uninit {
			return entry{}, false
		}
	}
	return entry{hUnknown, 0}, true
}

// numbersBoth reports whether what may be read of slot o are numbers, and may be read of c as such.
func (w *walker) numbersBoth(o, c *slot) bool {
	for i := range 8 {
		ok, ck := o.kind(i), c.kind(i)
		switch {
		case ok > byteSpill || ok == byteSpill && w.tab.at(o.h).Kind != Scalar:
			return false
		case ck > byteSpill || ck == byteSpill && w.tab.at(c.h).Kind != Scalar:
			return false
		case ck == byteInvalid && ok != byteInvalid && !w.uninit:
			return false
		}
	}
	return true
}

func (w *walker) coversSlot(o, c *slot, demand bool, how howEqual) bool {
	if how == exact {
		if o.kinds != c.kinds {
			return false
		}
		if o.spillSize() > 0 || o.special() {
			return w.coversReg(entry{o.h, o.id}, entry{c.h, c.id}, true, how)
		}
		return true
	}
	if o.kinds == c.kinds && o.h == c.h && o.id == 0 && c.id == 0 && w.tab.at(o.h).Ref == 0 {
		return true
	}
	if how == demanded && !demand && w.numbersBoth(o, c) {
		return true
	}
	if oe, ok := w.wholeScalar(o); ok && (o.kinds == slotZero || !o.hasZero()) {
		if ce, ok := w.wholeScalar(c); ok {
			if o.kinds == c.kinds && o.kinds != slotSpill {
				return true
			}
			return w.coversReg(oe, ce, demand, how)
		}
	}
	for i := range 8 {
		ok, ck := o.kind(i), c.kind(i)
		switch {
		case ok == ck:
		case ok == byteMisc && (ck == byteZero || ck == byteInvalid && w.uninit):
		case ok == byteInvalid && (ck == byteMisc || ck == byteZero):
		case ok <= byteMisc && ck == byteSpill && w.tab.at(c.h).Kind == Scalar:
		default:
			return false
		}
	}
	if o.spillSize() > 0 || o.special() {
		return w.coversReg(entry{o.h, o.id}, entry{c.h, c.id}, demand, how)
	}
	return true
}
