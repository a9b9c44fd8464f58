package scalar

import (
	"math"

	"github.com/gbpf/gbpf/isa"
)

// Decision is what is known of a branch before it is taken.
type Decision uint8

// The decisions.
const (
	Undecided Decision = iota
	Always             // it is taken
	Never              // it is not
)

// Branch decides whether the condition a op b holds, on 64 bits or the low 32.
func Branch(op isa.CondOp, width uint8, a, b Scalar) Decision {
	if _, _, ok := Refine(op, width, true, a, b); !ok {
		return Never
	}
	if _, _, ok := Refine(op, width, false, a, b); !ok {
		return Always
	}
	return Undecided
}

// negated is the condition that holds where the other does not.
var negated = [...]isa.CondOp{
	isa.CondEq: isa.CondNe, isa.CondNe: isa.CondEq, isa.CondGt: isa.CondLe, isa.CondLe: isa.CondGt,
	isa.CondGe: isa.CondLt, isa.CondLt: isa.CondGe, isa.CondSgt: isa.CondSle, isa.CondSle: isa.CondSgt,
	isa.CondSge: isa.CondSlt, isa.CondSlt: isa.CondSge,
}

// Refine is what is known of a and b where the condition a op b holds (taken), or where it does not. ok is
// false when that cannot be.
func Refine(op isa.CondOp, width uint8, taken bool, a, b Scalar) (a2, b2 Scalar, ok bool) {
	if op == isa.CondSet {
		return refineSet(width, taken, a, b)
	}
	if !taken {
		op = negated[op]
	}
	switch op {
	case isa.CondEq:
		return refineEq(width, a, b)
	case isa.CondNe:
		return refineNe(width, a, b)
	case isa.CondGt, isa.CondGe, isa.CondSgt, isa.CondSge:
		// a > b is b < a.
		b, a, ok = refineLess(swapped[op], width, b, a)
		return a, b, ok
	}
	return refineLess(op, width, a, b)
}

// swapped is the condition with its operands the other way round.
var swapped = [...]isa.CondOp{
	isa.CondGt: isa.CondLt, isa.CondGe: isa.CondLe, isa.CondSgt: isa.CondSlt, isa.CondSge: isa.CondSle,
}

// refineEq: both are what both may be.
func refineEq(width uint8, a, b Scalar) (Scalar, Scalar, bool) {
	if width == 64 {
		r, ok := Intersect(a, b)
		return r, r, ok
	}
	low, ok := a.Var.Subreg().Intersect(b.Var.Subreg())
	if !ok {
		return a, b, false
	}
	for _, s := range []*Scalar{&a, &b} {
		s.Var = s.Var.WithSubreg(low)
	}
	a.U32Min, a.U32Max = max(a.U32Min, b.U32Min), min(a.U32Max, b.U32Max)
	a.S32Min, a.S32Max = max(a.S32Min, b.S32Min), min(a.S32Max, b.S32Max)
	b.U32Min, b.U32Max, b.S32Min, b.S32Max = a.U32Min, a.U32Max, a.S32Min, a.S32Max
	return both(a, b)
}

func both(a, b Scalar) (Scalar, Scalar, bool) {
	a, ok := a.Normalise()
	if !ok {
		return a, b, false
	}
	b, ok = b.Normalise()
	return a, b, ok
}

// refineNe trims an end of a range that the other number is known to be.
func refineNe(width uint8, a, b Scalar) (Scalar, Scalar, bool) {
	if !trim(width, &a, &b) || !trim(width, &b, &a) {
		return a, b, false
	}
	return both(a, b)
}

// trim removes the one number c may be from the ends of s. It is false when nothing remains.
func trim(width uint8, s, c *Scalar) bool {
	if width == 32 {
		if c.U32Min != c.U32Max {
			return true
		}
		v := c.U32Min
		if s.U32Min == s.U32Max && s.U32Min == v {
			return false
		}
		if s.U32Min == v {
			s.U32Min++
		}
		if s.U32Max == v {
			s.U32Max--
		}
		if s.S32Min == int32(v) && s.S32Min < s.S32Max {
			s.S32Min++
		}
		if s.S32Max == int32(v) && s.S32Min < s.S32Max {
			s.S32Max--
		}
		return true
	}
	v, ok := c.Const()
	if !ok {
		return true
	}
	if s.Is(v) {
		return false
	}
	if s.UMin == v {
		s.UMin++
	}
	if s.UMax == v {
		s.UMax--
	}
	if s.SMin == int64(v) && s.SMin < s.SMax {
		s.SMin++
	}
	if s.SMax == int64(v) && s.SMin < s.SMax {
		s.SMax--
	}
	return true
}

// refineLess: what is less than b is at most b's greatest, and b is more than a's least. Only the view that
// was compared learns; the others learn from it.
func refineLess(op isa.CondOp, width uint8, a, b Scalar) (Scalar, Scalar, bool) {
	strict := op == isa.CondLt || op == isa.CondSlt
	switch {
	case width == 64 && (op == isa.CondLt || op == isa.CondLe):
		hi, lo := b.UMax, a.UMin
		if strict {
			if hi == 0 || lo == math.MaxUint64 {
				return a, b, false
			}
			hi, lo = hi-1, lo+1
		}
		a.UMax, b.UMin = min(a.UMax, hi), max(b.UMin, lo)
	case width == 64:
		hi, lo := b.SMax, a.SMin
		if strict {
			if hi == math.MinInt64 || lo == math.MaxInt64 {
				return a, b, false
			}
			hi, lo = hi-1, lo+1
		}
		a.SMax, b.SMin = min(a.SMax, hi), max(b.SMin, lo)
	case op == isa.CondLt || op == isa.CondLe:
		hi, lo := b.U32Max, a.U32Min
		if strict {
			if hi == 0 || lo == math.MaxUint32 {
				return a, b, false
			}
			hi, lo = hi-1, lo+1
		}
		a.U32Max, b.U32Min = min(a.U32Max, hi), max(b.U32Min, lo)
	default:
		hi, lo := b.S32Max, a.S32Min
		if strict {
			if hi == math.MinInt32 || lo == math.MaxInt32 {
				return a, b, false
			}
			hi, lo = hi-1, lo+1
		}
		a.S32Max, b.S32Min = min(a.S32Max, hi), max(b.S32Min, lo)
	}
	return both(a, b)
}

// refineSet: where a & b is 0, bits known to be set in one are clear in the other; where it is not, and
// one of them has a single bit, that bit is set in the other.
func refineSet(width uint8, taken bool, a, b Scalar) (Scalar, Scalar, bool) {
	av, bv := a.Var, b.Var
	if width == 32 {
		av, bv = av.Subreg(), bv.Subreg()
	}
	if !taken {
		if av.Value&bv.Value != 0 {
			return a, b, false
		}
		a.Var.Mask &^= bv.Value
		b.Var.Mask &^= av.Value
		return both(a, b)
	}
	if (av.Value|av.Mask)&(bv.Value|bv.Mask) == 0 {
		return a, b, false
	}
	for _, p := range []struct {
		s    *Scalar
		have Tnum
		with Tnum
	}{{&a, av, bv}, {&b, bv, av}} {
		if v := p.with.Value; p.with.Mask == 0 && v&(v-1) == 0 {
			p.s.Var.Value |= v
			p.s.Var.Mask &^= v
		}
	}
	return both(a, b)
}
