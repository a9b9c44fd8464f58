package scalar

import "math"

// view is what is known of a number of some width up to 64 bits: its bits and its two
// ranges, the signed one sign-extended to 64 bits. The width is not stored; functions
// on views take it as w. One set of operators on views serves both widths.
type view struct {
	t          Tnum
	umin, umax uint64
	smin, smax int64
}

// fullView allows every number of the width.
func fullView(w uint) view {
	k := ones(int(w))
	return view{t: Tnum{Mask: k}, umax: k, smin: -1 << (w - 1), smax: int64(k >> 1)}
}

// constView allows v only.
func constView(w uint, v uint64) view {
	v &= ones(int(w))
	x := signed(w, v)
	return view{Tnum{Value: v}, v, v, x, x}
}

// signed returns the number of width w that v's low bits are, sign-extended.
func signed(w uint, v uint64) int64 { return int64(v<<(64-w)) >> (64 - w) }

// view64 returns what s knows of all bits.
func (s *Scalar) view64() view { return view{s.Var, s.UMin, s.UMax, s.SMin, s.SMax} }

// view32 returns what s knows of the low 32 bits.
func (s *Scalar) view32() view {
	return view{s.Var.Subreg(), uint64(s.U32Min), uint64(s.U32Max), int64(s.S32Min), int64(s.S32Max)}
}

// view returns what s knows of the low w bits, 32 or 64.
func (s *Scalar) view(w uint) view {
	if w == 32 {
		return s.view32()
	}
	return s.view64()
}

// lowView returns what s knows of the low w bits.
func (s *Scalar) lowView(w uint) view {
	switch {
	case w == 64:
		return s.view64()
	case w == 32:
		return s.view32()
	}
	// Both the 64-bit and the 32-bit ranges confine the low bits where they are
	// shorter than 2^w.
	r := fullView(w)
	h := split(w, r.umin, r.umax, r.smin, r.smax)
	wide := split(64, s.UMin, s.UMax, s.SMin, s.SMax)
	h = wide.low(w, h)
	wide = split(32, uint64(s.U32Min), uint64(s.U32Max), int64(s.S32Min), int64(s.S32Max))
	h = wide.low(w, h)
	r.t = s.Var.low(w)
	h.tighten(r.t)
	r.set(w, h)
	return r
}

// halves returns the ranges of v as halves.
func (v *view) halves(w uint) halves { return split(w, v.umin, v.umax, v.smin, v.smax) }

// set makes the ranges those of h. Empty halves, which only operands that allow no
// number lead to, leave them as they are.
func (v *view) set(w uint, h halves) {
	if h.empty() {
		return
	}
	v.umin, v.umax = h.unsigned()
	lo, hi := h.signed()
	v.smin, v.smax = signed(w, lo), signed(w, hi)
}

// meetArc adds that the number is on the way from start up to end, modulo 2^w. The way
// is a range of the order in which it does not wrap, and of the other it says nothing.
func (v *view) meetArc(w uint, start, end uint64) {
	k := ones(int(w))
	start, end = start&k, end&k
	if start <= end {
		v.umin, v.umax = max(v.umin, start), min(v.umax, end)
	}
	if lo, hi := signed(w, start), signed(w, end); lo <= hi {
		v.smin, v.smax = max(v.smin, lo), min(v.smax, hi)
	}
}

// meetU adds an unsigned range.
func (v *view) meetU(lo, hi uint64) { v.umin, v.umax = max(v.umin, lo), min(v.umax, hi) }

// meetS adds a signed range.
func (v *view) meetS(lo, hi int64) { v.smin, v.smax = max(v.smin, lo), min(v.smax, hi) }

// scalar returns the 64-bit number whose low w bits are v and whose others are 0.
func (v *view) scalar(w uint) (s Scalar) {
	switch w {
	case 64:
		s = Scalar{v.t, v.umin, v.umax, v.smin, v.smax, 0, math.MaxUint32, math.MinInt32, math.MaxInt32}
	case 32:
		s = Scalar{
			v.t, v.umin, v.umax, 0, math.MaxInt64,
			uint32(v.umin), uint32(v.umax), int32(v.smin), int32(v.smax),
		}
	default:
		s = unknown
		s.Var, s.UMin, s.UMax = v.t, v.umin, v.umax
		// A signed range across 0 leaves a gap between the small and the large
		// numbers, which is in the middle once they are zero-extended: lost.
		if h := v.halves(w); !h.empty() {
			s.UMin, s.UMax = h.unsigned()
		}
	}
	s.settle()
	return s
}

// scalar64 returns the number whose bits are v and whose low 32 are l.
func (v *view) scalar64(l *view) (s Scalar) {
	s = Scalar{
		v.t, v.umin, v.umax, v.smin, v.smax,
		uint32(l.umin), uint32(l.umax), int32(l.smin), int32(l.smax),
	}
	s.settle()
	return s
}

// known returns the number if there is only one.
func (v *view) known() (uint64, bool) { return v.t.Value, v.t.Mask == 0 }
