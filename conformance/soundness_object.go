package conformance

import (
	"bytes"
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// Sizes of packet pointers that are none: what a comparison with the packet's end told
// (AT_PKT_END and BEYOND_PKT_END).
const (
	maxPacketRange  = 0xffff
	atPacketEnd     = 1<<32 - 1
	beyondPacketEnd = 1<<32 - 2
)

// holds reports whether a register that holds v is as a claims.
func (w *soundWatch) holds(a *verifier.Reg, v uint64) bool {
	switch a.Kind {
	case verifier.NotInit:
		return true
	case verifier.Scalar:
		return a.Var.Contains(v)
	}
	if a.Flags&verifier.MaybeNull != 0 && v == 0 {
		return true
	}
	b := &w.st.Bctx
	at := v - uint64(int64(a.Off)) // the object's start, and the variable part
	switch a.Kind {
	case verifier.PtrToCtx:
		return a.Var.Contains(at - uint64(b.Ctx))
	case verifier.PtrToStack:
		d := w.base[w.depth] + int(a.Frame)
		return d <= w.depth && a.Var.Contains(at-uint64(w.st.Slot().FrameTop(d)))
	case verifier.PtrToPacket:
		return a.Var.Contains(at-uint64(b.Data)) && reaches(a, v, at, uint64(b.DataEnd))
	case verifier.PtrToPacketMeta:
		return a.Var.Contains(at-uint64(b.DataMeta)) && reaches(a, v, at, uint64(b.Data))
	case verifier.PtrToPacketEnd:
		return a.Var.Contains(at - uint64(b.DataEnd))
	case verifier.ConstPtrToMap:
		for _, m := range w.mapsOf(a.Obj) {
			if v == m.m.Handle() {
				return true
			}
		}
		return false
	case verifier.PtrToMapValue:
		for _, m := range w.mapsOf(a.Obj) {
			if m.region != nil && inValue(a, at, m.region) {
				return true
			}
			// Before it is compared with NULL, an inner map is a value of the outer one.
			for _, in := range m.inner {
				if a.Flags&verifier.MaybeNull != 0 && v == in.m.Handle() {
					return true
				}
			}
		}
		return false
	case verifier.PtrToMem:
		return w.inMem(a, v, at)
	case verifier.PtrToMapKey:
		if c, ok := a.Var.Const(); ok {
			for _, m := range w.mapsOf(a.Obj) {
				if w.st.Readable(at-c, m.m.KeySize()) {
					return true
				}
			}
			return false
		}
	case verifier.PtrToFunc:
		return v == interp.FuncRef(int(a.Obj))
	case verifier.PtrToSocket, verifier.PtrToSockCommon:
		return b.Sock != 0 && a.Var.Contains(at-uint64(b.Sock))
	}
	w.s.Stats.Unknown++
	return v>>32 == 0
}

// reaches reports whether a packet pointer's range is there: Size bytes from where its
// variable part points, or where the pointer is with respect to the end.
func reaches(a *verifier.Reg, v, at, end uint64) bool {
	switch a.Size {
	case atPacketEnd:
		return int64(v-end) >= 0
	case beyondPacketEnd:
		return int64(v-end) > 0
	}
	return a.Size == 0 || a.Size <= maxPacketRange && int64(end-at) >= int64(a.Size)
}

// mapsOf are the maps that a map's number stands for: numbers beyond those of the program are of
// maps inside others.
func (w *soundWatch) mapsOf(obj uint32) []*soundMap {
	if int(obj) < len(w.sub.maps) {
		return w.sub.maps[obj : obj+1]
	}
	return w.sub.inner
}

// inValue reports whether at is the start of a value in r plus the variable part of a.
func inValue(a *verifier.Reg, at uint64, r *guest.Region) bool {
	x := at - uint64(r.Addr)
	stride := uint64(r.Stride)
	if c, ok := a.Var.Const(); ok {
		x -= c
		return x < uint64(r.Size) && x%stride == 0
	}
	// The value that it points into is the likely one.
	if x < uint64(r.Size) && a.Var.Contains(x%stride) {
		return true
	}
	n := min(uint64(r.Size)/stride, 4096)
	for i := range n {
		if a.Var.Contains(x - i*stride) {
			return true
		}
	}
	return false
}

// inMem tests a pointer to memory of a known size: all of it must lie in one object.
func (w *soundWatch) inMem(a *verifier.Reg, v, at uint64) bool {
	c, ok := a.Var.Const()
	start := at - c
	switch {
	case a.Flags&verifier.Ringbuf != 0 && ok:
		return w.isRecord(start, a.Size)
	case a.Flags&verifier.Ringbuf != 0:
		for _, m := range w.sub.maps {
			if m.m.Type() != maps.RingBuf || m.region == nil {
				continue
			}
			for off := uint32(0); off <= m.region.Size/2; off += 8 {
				if start := uint64(m.region.Addr + off); a.Var.Contains(at-start) && w.isRecord(start, a.Size) {
					return true
				}
			}
		}
		return false
	case !ok:
		// Where the object starts is not known; what it is in, is.
		w.s.Stats.Unknown++
		return v>>32 == 0
	}
	return a.Size == 0 || w.st.Readable(start, a.Size)
}

// isRecord reports whether a record of n bytes that is being written starts at an address.
func (w *soundWatch) isRecord(start uint64, n uint32) bool {
	r := w.st.Bctx.Mem.Find(guest.Addr(start))
	return start>>32 == 0 && r != nil && r.Kind == guest.KindRingbuf && (n == 0 || r.Contains(guest.Addr(start), n))
}

// describe prints a claimed register.
func (w *soundWatch) describe(a *verifier.Reg) string {
	if a.Kind == verifier.Scalar || a.Kind == verifier.NotInit {
		if a.Kind == verifier.NotInit {
			return "?"
		}
		return a.Var.String()
	}
	s := a.Kind.String()
	if a.Flags&verifier.MaybeNull != 0 {
		s += "_or_null"
	}
	switch a.Kind {
	case verifier.ConstPtrToMap, verifier.PtrToMapValue, verifier.PtrToFunc:
		s += fmt.Sprintf("[%d]", a.Obj)
	case verifier.PtrToStack:
		s += fmt.Sprintf("[%d]", a.Frame)
	}
	if a.Off != 0 {
		s += fmt.Sprintf("%+d", a.Off)
	}
	if c, ok := a.Var.Const(); !ok {
		s += "+" + a.Var.String()
	} else if c != 0 {
		s += fmt.Sprintf("+(%d)", int64(c))
	}
	if a.Size != 0 {
		s += fmt.Sprintf(",r=%d", a.Size)
	}
	return s
}

// leaks reports what a run left: records, locks, and contents changed that nobody may change.
func (s *soundSubject) leaks(w *soundWatch) {
	for i, m := range s.maps {
		if m.spec.Contents != nil && m.region != nil && !bytes.Equal(m.region.Bytes()[:len(m.spec.Contents)], m.spec.Contents) {
			w.violate("frozen", w.lastPC, fmt.Sprintf("map %d: contents that cannot change are others now", i))
		}
	}
	if s.rig.socks != 0 {
		w.violate("leak", w.lastPC, fmt.Sprintf("%d references to sockets are left", s.rig.socks))
		s.rig.socks = 0
	}
	if s.records {
		for i, m := range s.maps {
			if m.m.Type() != maps.RingBuf {
				continue
			}
			m.drain()
			if n := m.m.Ringbuf().Query(0); n != 0 {
				w.violate("leak", w.lastPC, fmt.Sprintf("map %d: a reserved record of %d bytes, header included, is left", i, n))
			}
		}
	}
	if s.locks {
		for i, m := range s.maps {
			for _, f := range m.spec.Fields {
				if f.Kind == maps.FieldSpinLock && m.locked(f.Off) {
					w.violate("lock", w.lastPC, fmt.Sprintf("map %d: a lock is held at the end", i))
				}
			}
		}
	}
}

// reset gives back what a run that was stopped half-way holds.
func (s *soundSubject) reset() {
	s.rig.socks = 0
	for _, m := range s.maps {
		if m.m.Type() == maps.RingBuf && m.region != nil {
			for off := uint32(0); off <= m.region.Size/2; off += 8 {
				m.m.Ringbuf().Discard(uint64(m.region.Addr+off), maps.RingNoWakeup)
			}
			m.drain()
		}
		if len(m.spec.Fields) > 0 && m.region != nil {
			s.rig.scribble(m, 0, m.region.Size)
		}
	}
}

// locked reports whether the 4-byte lock at off of a value is taken in one of them.
func (m *soundMap) locked(off uint32) bool {
	if m.region == nil {
		return false
	}
	b := m.region.Bytes()
	for at := off; at+4 <= uint32(len(b)); at += m.region.Stride {
		if b[at] != 0 {
			return true
		}
	}
	return false
}
