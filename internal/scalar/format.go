package scalar

import (
	"math"
	"strconv"
	"strings"
)

// String returns the members in the notation of the kernel's log: "(0x0; 0xff)", the
// bits known to be set and the unknown ones.
func (t Tnum) String() string {
	return "(0x" + strconv.FormatUint(t.Value, 16) + "; 0x" + strconv.FormatUint(t.Mask, 16) + ")"
}

// String returns what is known in the notation of the kernel's log: a constant as a
// number, otherwise the bounds that say something and the bits, in parentheses after
// "scalar". Bounds of one side that are equal share a value.
//
//	scalar(smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=64,var_off=(0x0; 0x7f))
func (s Scalar) String() string {
	if v, ok := s.Const(); ok {
		return number(v, "smin")
	}
	bounds := [...]struct {
		name string
		v    uint64
		says bool
	}{
		{"smin", uint64(s.SMin), s.SMin != math.MinInt64},
		{"smax", uint64(s.SMax), s.SMax != math.MaxInt64},
		{"umin", s.UMin, s.UMin != 0},
		{"umax", s.UMax, s.UMax != math.MaxUint64},
		{"smin32", uint64(s.S32Min), s.S32Min != math.MinInt32},
		{"smax32", uint64(s.S32Max), s.S32Max != math.MaxInt32},
		{"umin32", uint64(s.U32Min), s.U32Min != 0},
		{"umax32", uint64(s.U32Max), s.U32Max != math.MaxUint32},
	}
	var parts []string
	for i := range bounds {
		b := &bounds[i]
		if !b.says {
			continue
		}
		// Lower bounds are at even places, upper ones at odd places.
		names := b.name
		for j := i + 2; j < len(bounds); j += 2 {
			if o := &bounds[j]; o.says && o.v == b.v {
				names += "=" + o.name
				o.says = false
			}
		}
		parts = append(parts, names+"="+number(b.v, b.name))
	}
	if s.Var != TnumUnknown() {
		parts = append(parts, "var_off="+s.Var.String())
	}
	if len(parts) == 0 {
		return "scalar()"
	}
	return "scalar(" + strings.Join(parts, ",") + ")"
}

// number writes the value of a bound: decimal near 0, otherwise hexadecimal with the
// digits of its width.
func number(v uint64, bound string) string {
	if i := int64(v); i >= 0 && i < 1<<16 || i < 0 && i > -1<<16 && bound[0] == 's' {
		return strconv.FormatInt(i, 10)
	}
	if strings.HasSuffix(bound, "32") {
		v &= 1<<32 - 1
	}
	return "0x" + strconv.FormatUint(v, 16)
}
