package verifier

import "fmt"

// spotKind is what lies at an offset of a structure.
type spotKind uint8

const (
	spotNothing spotKind = iota // nothing that may be loaded with that size
	spotNumber
	spotStruct // a structure that begins there
	spotPtr    // a pointer to a structure
	spotOther  // a pointer to something else
)

// spot is what a walk into a structure found.
type spot struct {
	kind  spotKind
	typ   string // of spotStruct and spotPtr: the structure, as the source of types calls it
	field string // the member's name
	flags Flags  // of a pointer: User, Percpu, RCU by its tags
	// stale: it lies in a union, so that a pointer loaded from there may be anything.
	stale  bool
	reason string // of spotNothing
}

// maxInside bounds how many structures lie in each other that a walk goes through.
const maxInside = 64

// spotAt says what a load of size bytes at off of s gives, with the rules of the kernel's
// btf_struct_access.
func (w *walker) spotAt(s *Struct, off, size int) spot {
	stale := false
	for range maxInside {
		p := w.walkInto(s, off, size, stale)
		if p.kind != spotStruct {
			return p
		}
		if s = w.structNamed(p.typ); s == nil {
			return spot{reason: fmt.Sprintf("the type of its member %s is not known", p.field)}
		}
		off, stale = 0, p.stale
	}
	return spot{reason: "too many structures lie in each other"}
}

// walkInto walks into s, until something is found or a structure that begins at the offset. The members count in the order
// of their declaration: the first that the access meets decides.
func (w *walker) walkInto(s *Struct, off, size int, stale bool) spot {
	for range maxInside {
		stale = stale || s.Union && len(s.Members) != 1
		if off+size > int(s.Size) {
			elem, at, ok := flexible(s, off)
			if !ok {
				return spot{reason: fmt.Sprintf("it has %d bytes", s.Size)}
			}
			if elem.Kind == MemberNumber {
				return spot{kind: spotNumber, stale: stale}
			}
			if s = w.structNamed(elem.Type); s == nil || s.Size == 0 {
				return spot{reason: fmt.Sprintf("the type of its member %s is not known", elem.Name)}
			}
			off = at % int(s.Size)
			continue
		}
		m, at := memberAt(s, off, size)
		if m == nil {
			return spot{reason: "no member of it is there"}
		}
		switch m.Kind {
		case MemberBits:
			return spot{kind: spotNumber, stale: stale}
		case MemberStruct:
			if at == 0 {
				return spot{kind: spotStruct, typ: m.Type, field: m.Name, stale: stale}
			}
			name := m.Name
			if s = w.structNamed(m.Type); s == nil {
				return spot{reason: fmt.Sprintf("the type of its member %s is not known", name)}
			}
			off = at
		case MemberPtr:
			if size != 8 || at != 0 {
				return spot{reason: fmt.Sprintf("its member %s is a pointer, which is loaded whole", m.Name)}
			}
			if m.Type == "" {
				return spot{kind: spotOther, field: m.Name, stale: stale}
			}
			return spot{kind: spotPtr, typ: m.Type, field: m.Name, flags: m.tags(), stale: stale}
		case MemberNumber:
			if end := int(m.Off) + int(m.Size); off+size > end && !stale {
				return spot{reason: fmt.Sprintf("its member %s ends at %d", m.Name, end)}
			}
			return spot{kind: spotNumber, field: m.Name, stale: stale}
		default:
			return spot{reason: fmt.Sprintf("its member %s is nothing that can be loaded", m.Name)}
		}
	}
	return spot{reason: "too many structures lie in each other"}
}

// memberAt is the member of s that an access of size bytes at off meets first, and where in it, or in an element of it,
// the access begins.
func memberAt(s *Struct, off, size int) (m *Member, at int) {
	for i := range s.Members {
		m := &s.Members[i]
		lo, hi := int(m.Off), int(m.Off)+int(m.Size)
		if off+size <= lo {
			return nil, 0
		}
		if m.Kind == MemberBits {
			// One that is loaded in part is passed over: the access may be to one behind it.
			if off <= lo && hi <= off+size {
				return m, 0
			}
			continue
		}
		if off < lo {
			return nil, 0
		}
		if off >= hi {
			continue
		}
		at = off - lo
		if m.Array {
			if m.ElemSize == 0 {
				continue
			}
			at %= int(m.ElemSize)
		}
		return m, at
	}
	return nil, 0
}

// flexible is the array without size at the end of s, if the offset lies in it, and where
// in it.
func flexible(s *Struct, off int) (m *Member, at int, ok bool) {
	if len(s.Members) == 0 {
		return nil, 0, false
	}
	m = &s.Members[len(s.Members)-1]
	if !m.Array || m.Size != 0 || off < int(m.Off) || m.Kind != MemberNumber && m.Kind != MemberStruct {
		return nil, 0, false
	}
	return m, off - int(m.Off), true
}

func (m *Member) tags() (f Flags) {
	switch {
	case m.User:
		f = User
	case m.Percpu:
		f = Percpu
	case m.RCU:
		f = RCU
	}
	return f
}

// contains reports whether a structure of the type named lies at off of s, so that a pointer there
// is one to it.
func (w *walker) contains(s *Struct, off int, name string) bool {
	for range maxInside {
		p := w.walkInto(s, off, 1, false)
		if p.kind != spotStruct {
			return false
		}
		if p.typ == name {
			return true
		}
		if s = w.structNamed(p.typ); s == nil {
			return false
		}
		off = 0
	}
	return false
}
