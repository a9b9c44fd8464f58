package scalar

import "math"

// Scalar is what is known about a 64-bit number: it satisfies every field (the bounds
// of the kernel's bpf_reg_state). Ranges are inclusive.
//
// Values made by this package's functions are normalised, see [Scalar.Normalise]; so
// are the operands that they expect. An operand that is not is treated soundly, with
// a less precise result. The zero Scalar is the constant 0.
type Scalar struct {
	Var            Tnum   // known bits
	UMin, UMax     uint64 // all 64 bits, unsigned
	SMin, SMax     int64  // all 64 bits, signed
	U32Min, U32Max uint32 // low 32 bits, unsigned
	S32Min, S32Max int32  // low 32 bits, signed
}

// unknown allows every number.
var unknown = Scalar{
	Var:  Tnum{Mask: math.MaxUint64},
	UMax: math.MaxUint64, SMin: math.MinInt64, SMax: math.MaxInt64,
	U32Max: math.MaxUint32, S32Min: math.MinInt32, S32Max: math.MaxInt32,
}

// Unknown returns the scalar that may be any number.
func Unknown() Scalar { return unknown }

// Const returns the scalar that is v.
func Const(v uint64) (s Scalar) {
	s.setConst(v)
	return s
}

func (s *Scalar) setConst(v uint64) {
	s.Var = Tnum{Value: v}
	s.UMin, s.UMax, s.SMin, s.SMax = v, v, int64(v), int64(v)
	s.U32Min, s.U32Max, s.S32Min, s.S32Max = uint32(v), uint32(v), int32(v), int32(v)
}

// URange returns the numbers from min to max, unsigned. If min is above max, as no
// caller should ask, it is Unknown.
func URange(min, max uint64) Scalar {
	s := unknown
	s.UMin, s.UMax = min, max
	return s.orUnknown()
}

// SRange returns the numbers from min to max, signed. If min is above max, as no
// caller should ask, it is Unknown.
func SRange(min, max int64) Scalar {
	s := unknown
	s.SMin, s.SMax = min, max
	return s.orUnknown()
}

// FromTnum returns the members of t.
func FromTnum(t Tnum) Scalar {
	s := unknown
	s.Var = t
	return s.orUnknown()
}

// orUnknown normalises the result of an operator. Only operands that allow no number
// at all can lead to a result that does not; there Unknown is as good as anything.
func (s Scalar) orUnknown() Scalar {
	s.settle()
	return s
}

// settle is orUnknown in place.
func (s *Scalar) settle() {
	if _, ok := s.normalise(); !ok {
		*s = unknown
	}
}

// Const returns the number s stands for, false if there may be several.
func (s Scalar) Const() (uint64, bool) { return s.Var.Value, s.Var.Mask == 0 }

// IsUnknown reports whether nothing is known.
func (s Scalar) IsUnknown() bool { return s == unknown }

// Contains reports whether v is allowed by every view.
func (s Scalar) Contains(v uint64) bool {
	return s.Var.Contains(v) &&
		s.UMin <= v && v <= s.UMax && s.SMin <= int64(v) && int64(v) <= s.SMax &&
		s.U32Min <= uint32(v) && uint32(v) <= s.U32Max &&
		s.S32Min <= int32(v) && int32(v) <= s.S32Max
}

// In reports whether s is included in o, view by view. What it affirms is true of any
// operands; that it misses no inclusion it could see needs s to be normalised.
func (s Scalar) In(o Scalar) bool {
	return o.UMin <= s.UMin && s.UMax <= o.UMax &&
		o.SMin <= s.SMin && s.SMax <= o.SMax &&
		s.Var.In(o.Var) &&
		o.U32Min <= s.U32Min && s.U32Max <= o.U32Max &&
		o.S32Min <= s.S32Min && s.S32Max <= o.S32Max
}

// Valid reports whether s is normalised and not seen to be empty.
func (s Scalar) Valid() bool {
	n, ok := s.Normalise()
	return ok && n == s
}
