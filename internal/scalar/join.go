package scalar

import "math"

// Join returns the smallest scalar of this domain that includes both, or nearly so.
func Join(a, b Scalar) Scalar {
	if a == b {
		return a
	}
	return hull(&a, &b).orUnknown()
}

func hull(a, b *Scalar) Scalar {
	return Scalar{
		a.Var.Union(b.Var),
		min(a.UMin, b.UMin), max(a.UMax, b.UMax), min(a.SMin, b.SMin), max(a.SMax, b.SMax),
		min(a.U32Min, b.U32Min), max(a.U32Max, b.U32Max), min(a.S32Min, b.S32Min), max(a.S32Max, b.S32Max),
	}
}

// Intersect returns the numbers in both, false if there are none.
func Intersect(a, b Scalar) (Scalar, bool) {
	t, ok := a.Var.Intersect(b.Var)
	if !ok {
		return Scalar{}, false
	}
	return Scalar{
		t,
		max(a.UMin, b.UMin), min(a.UMax, b.UMax), max(a.SMin, b.SMin), min(a.SMax, b.SMax),
		max(a.U32Min, b.U32Min), min(a.U32Max, b.U32Max), max(a.S32Min, b.S32Min), min(a.S32Max, b.S32Max),
	}.Normalise()
}

// Widen returns a scalar that includes old, the value at a loop head before, and new,
// the value there now, and that is old if new is in it. Otherwise bounds that moved go
// on to the next threshold, or to the end of the type, so that repeating it comes to an
// end after a few steps; a caller that wants a promise counts and gives up.
//
// Thresholds are in no order; those that pay are the constants that the loop compares
// with. The smallest and largest numbers of the signed and unsigned types are always
// among them.
//
// The known bits of a counter that moves by a stride change from the low end up, one at
// a time, as carries reach them. A bit that becomes unknown above one that was is taken
// for that, and all bits above it are given up at once: what stays is the stride, and
// the range says what there is to say about the top. Flags that become unknown one by
// one keep their neighbours.
func Widen(old, new Scalar, thresholds []uint64) Scalar {
	j := Join(old, new)
	if j.In(old) {
		return old
	}
	if carried := j.Var.Mask &^ old.Var.Mask & (old.Var.Mask << 1); carried != 0 {
		m := j.Var.Mask | -(carried & -carried)
		j.Var = Tnum{j.Var.Value &^ m, m}
	}
	// All upper bounds move together, as do all lower ones: a bound that stayed in one
	// view would only pull those of the others back, to move again in the next round.
	if j.UMax > old.UMax || j.SMax > old.SMax || j.U32Max > old.U32Max || j.S32Max > old.S32Max {
		j.raise(thresholds)
	}
	if j.UMin < old.UMin || j.SMin < old.SMin || j.U32Min < old.U32Min || j.S32Min < old.S32Min {
		j.lower(thresholds)
	}
	return j.orUnknown()
}

// ends are thresholds for all: where the types of C begin and end.
var ends = [...]uint64{
	0, math.MaxInt32, math.MaxUint32, math.MaxInt64, math.MaxUint64,
	1 << 63, 1<<64 - 1<<31,
}

// raise moves the upper bounds to the closest threshold that is not below.
func (s *Scalar) raise(thresholds []uint64) {
	u, i, u32, i32 := uint64(math.MaxUint64), int64(math.MaxInt64), uint32(math.MaxUint32), int32(math.MaxInt32)
	for _, list := range [2][]uint64{ends[:], thresholds} {
		for _, t := range list {
			if t >= s.UMax {
				u = min(u, t)
			}
			if t := int64(t); t >= s.SMax {
				i = min(i, t)
			}
			if t := uint32(t); t >= s.U32Max {
				u32 = min(u32, t)
			}
			if t := int32(t); t >= s.S32Max {
				i32 = min(i32, t)
			}
		}
	}
	s.UMax, s.SMax, s.U32Max, s.S32Max = u, i, u32, i32
}

// lower moves the lower bounds to the closest threshold that is not above.
func (s *Scalar) lower(thresholds []uint64) {
	u, i, u32, i32 := uint64(0), int64(math.MinInt64), uint32(0), int32(math.MinInt32)
	for _, list := range [2][]uint64{ends[:], thresholds} {
		for _, t := range list {
			if t <= s.UMin {
				u = max(u, t)
			}
			if t := int64(t); t <= s.SMin {
				i = max(i, t)
			}
			if t := uint32(t); t <= s.U32Min {
				u32 = max(u32, t)
			}
			if t := int32(t); t <= s.S32Min {
				i32 = max(i32, t)
			}
		}
	}
	s.UMin, s.SMin, s.U32Min, s.S32Min = u, i, u32, i32
}
