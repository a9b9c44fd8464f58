package scalar

import "github.com/gbpf/gbpf/isa"

// Refine returns what is known of a and b where a branch on a op b, comparing 32 or 64
// bits, was taken, or where it was not. ok is false if that cannot be, which is the
// claim that the edge is dead. Operations that are not comparisons tell nothing.
//
// A comparison of 32 bits is about the low halves and confines only these. What the
// 64-bit values are confined to follows by Normalise: less than it seems, when the
// upper halves are not known.
func Refine(op isa.CondOp, width uint8, taken bool, a, b Scalar) (a2, b2 Scalar, ok bool) {
	w := uint(width)
	if w != 32 {
		w = 64
	}
	if op == isa.CondSet {
		if taken {
			return refineSet(w, a, b)
		}
		return refineClear(w, a, b)
	}
	if !taken {
		op = opposite(op)
	}
	switch op {
	case isa.CondEq:
		return refineEqual(w, a, b)
	case isa.CondNe:
		return refineUnequal(w, a, b)
	case isa.CondLt:
		return refineLess(w, a, b, 1)
	case isa.CondLe:
		return refineLess(w, a, b, 0)
	case isa.CondGt:
		b, a, ok = refineLess(w, b, a, 1)
		return a, b, ok
	case isa.CondGe:
		b, a, ok = refineLess(w, b, a, 0)
		return a, b, ok
	case isa.CondSlt:
		return refineSless(w, a, b, 1)
	case isa.CondSle:
		return refineSless(w, a, b, 0)
	case isa.CondSgt:
		b, a, ok = refineSless(w, b, a, 1)
		return a, b, ok
	case isa.CondSge:
		b, a, ok = refineSless(w, b, a, 0)
		return a, b, ok
	}
	return a, b, true
}

// opposite returns the comparison that holds when op does not. Set has none.
func opposite(op isa.CondOp) isa.CondOp {
	switch op {
	case isa.CondEq:
		return isa.CondNe
	case isa.CondNe:
		return isa.CondEq
	case isa.CondLt:
		return isa.CondGe
	case isa.CondGe:
		return isa.CondLt
	case isa.CondGt:
		return isa.CondLe
	case isa.CondLe:
		return isa.CondGt
	case isa.CondSlt:
		return isa.CondSge
	case isa.CondSge:
		return isa.CondSlt
	case isa.CondSgt:
		return isa.CondSle
	case isa.CondSle:
		return isa.CondSgt
	}
	return isa.CondNone
}

// both normalises the two sides of an edge, which is dead if either is empty.
func both(a, b Scalar) (Scalar, Scalar, bool) {
	a, ok := a.Normalise()
	if !ok {
		return Scalar{}, Scalar{}, false
	}
	b, ok = b.Normalise()
	return a, b, ok
}

// meetView confines the low w bits, 32 or 64, to v; the result is not normalised. It
// leaves what is known of upper bits alone.
func (s *Scalar) meetView(w uint, v *view) bool {
	m := s.view(w)
	m, ok := m.intersect(v)
	if !ok {
		return false
	}
	if w == 32 {
		s.Var = s.Var.WithSubreg(m.t)
		s.U32Min, s.U32Max = uint32(m.umin), uint32(m.umax)
		s.S32Min, s.S32Max = int32(m.smin), int32(m.smax)
		return true
	}
	s.Var, s.UMin, s.UMax, s.SMin, s.SMax = m.t, m.umin, m.umax, m.smin, m.smax
	return true
}

// refineEqual is a == b.
func refineEqual(w uint, a, b Scalar) (Scalar, Scalar, bool) {
	if w == 64 {
		s, ok := Intersect(a, b)
		return s, s, ok
	}
	// Each side's upper half may confine its lower one, and so the other's.
	for range 2 {
		v := b.view32()
		if !a.meetView(32, &v) {
			return Scalar{}, Scalar{}, false
		}
		var ok bool
		if a, ok = a.Normalise(); !ok {
			return Scalar{}, Scalar{}, false
		}
		a, b = b, a
	}
	return a, b, true
}

// refineUnequal is a != b, which excludes a single number only where it ends a range.
func refineUnequal(w uint, a, b Scalar) (Scalar, Scalar, bool) {
	x, y := a.view(w), b.view(w)
	cx, okx := x.known()
	cy, oky := y.known()
	switch {
	case okx && oky:
		return a, b, cx != cy
	case oky:
		a, ok := a.exclude(w, cy)
		return a, b, ok
	case okx:
		b, ok := b.exclude(w, cx)
		return a, b, ok
	}
	return a, b, true
}

// exclude returns s without the numbers whose low w bits are c, as far as they are at
// the end of a range: the next number in then becomes the end. Numbers that are equal
// in 32 bits can end the 64-bit ranges as well.
func (s Scalar) exclude(w uint, c uint64) (Scalar, bool) {
	k := ones(int(w))
	if s.UMin == s.UMax || s.SMin == s.SMax || s.U32Min == s.U32Max || s.S32Min == s.S32Max {
		// One number, or one low half: nothing is left if it is c, and if it is
		// not nothing is excluded. The one low half need not be all of s.
		if v := s.view(w); v.umin == v.umax {
			return s, v.umin != c
		}
		if w == 32 {
			return s, true
		}
	}
	if s.UMin&k == c && s.UMin < s.UMax {
		s.UMin++
	}
	if s.UMax&k == c && s.UMin < s.UMax {
		s.UMax--
	}
	if uint64(s.SMin)&k == c && s.SMin < s.SMax {
		s.SMin++
	}
	if uint64(s.SMax)&k == c && s.SMin < s.SMax {
		s.SMax--
	}
	if w == 32 {
		l := uint32(c)
		if s.U32Min == l {
			s.U32Min++
		}
		if s.U32Max == l {
			s.U32Max--
		}
		if s.S32Min == int32(l) {
			s.S32Min++
		}
		if s.S32Max == int32(l) {
			s.S32Max--
		}
	}
	return s.Normalise()
}

// refineLess is a+d <= b, d being 0 or 1, unsigned: a is below b's largest number, b
// above a's smallest.
func refineLess(w uint, a, b Scalar, d uint64) (Scalar, Scalar, bool) {
	if w == 32 {
		e := uint32(d)
		if b.U32Max < e || a.U32Min > b.U32Max-e {
			return Scalar{}, Scalar{}, false
		}
		a.U32Max, b.U32Min = min(a.U32Max, b.U32Max-e), max(b.U32Min, a.U32Min+e)
		return both(a, b)
	}
	if b.UMax < d || a.UMin > b.UMax-d {
		return Scalar{}, Scalar{}, false
	}
	a.UMax, b.UMin = min(a.UMax, b.UMax-d), max(b.UMin, a.UMin+d)
	return both(a, b)
}

// refineSless is the same, signed.
func refineSless(w uint, a, b Scalar, d int64) (Scalar, Scalar, bool) {
	if w == 32 {
		e := int32(d)
		if b.S32Max < -1<<31+e || a.S32Min > b.S32Max-e {
			return Scalar{}, Scalar{}, false
		}
		a.S32Max, b.S32Min = min(a.S32Max, b.S32Max-e), max(b.S32Min, a.S32Min+e)
		return both(a, b)
	}
	if b.SMax < -1<<63+d || a.SMin > b.SMax-d {
		return Scalar{}, Scalar{}, false
	}
	a.SMax, b.SMin = min(a.SMax, b.SMax-d), max(b.SMin, a.SMin+d)
	return both(a, b)
}

// refineSet is a & b != 0: they have a bit in common, and so each is at least the
// lowest bit that they may have in common. If there is only one such bit, both have it.
func refineSet(w uint, a, b Scalar) (Scalar, Scalar, bool) {
	m := a.Var.may() & b.Var.may() & ones(int(w))
	if m == 0 {
		return Scalar{}, Scalar{}, false
	}
	if a.Var.Value&b.Var.Value&m != 0 {
		return a, b, true // it holds anyway
	}
	low := m & -m
	for _, s := range [2]*Scalar{&a, &b} {
		if m == low {
			s.Var.Value |= m
			s.Var.Mask &^= m
		}
		if w == 32 {
			s.U32Min = max(s.U32Min, uint32(low))
		} else {
			s.UMin = max(s.UMin, low)
		}
	}
	return both(a, b)
}

// refineClear is a & b == 0: a bit known to be set in one is clear in the other.
func refineClear(w uint, a, b Scalar) (Scalar, Scalar, bool) {
	k := ones(int(w))
	if a.Var.Value&b.Var.Value&k != 0 {
		return Scalar{}, Scalar{}, false
	}
	ma, mb := a.Var.Mask&^(b.Var.Value&k), b.Var.Mask&^(a.Var.Value&k)
	if ma == a.Var.Mask && mb == b.Var.Mask {
		return a, b, true
	}
	a.Var.Mask, b.Var.Mask = ma, mb
	return both(a, b)
}
