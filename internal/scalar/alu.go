package scalar

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/isa"
)

// ALU is what an arithmetic instruction of 32 or 64 bits leaves in its destination, by RFC 9669: shift
// amounts are masked, division by zero gives 0, the remainder by zero the dividend, and a 32-bit
// result is zero-extended. For operations that work on one operand src is ignored.
func ALU(op isa.AluOp, width uint8, dst, src Scalar) Scalar {
	if width == 32 {
		dst, src = dst.Low(), src.Low()
	}
	a, okA := dst.Const()
	b, okB := src.Const()
	if okA && okB {
		return Const(exact(op, width, a, b))
	}
	switch op {
	case isa.AluAdd:
		return width64or32(width, dst, src, add)
	case isa.AluSub:
		return width64or32(width, dst, src, sub)
	case isa.AluNeg:
		return width64or32(width, Const(0), dst, sub)
	case isa.AluMul:
		return mul(width, dst, src)
	case isa.AluAnd:
		return and(dst, src)
	case isa.AluOr:
		return or(dst, src)
	case isa.AluXor:
		return xor(dst, src)
	case isa.AluMov:
		return src
	case isa.AluLsh, isa.AluRsh, isa.AluArsh:
		return shift(op, width, dst, src)
	case isa.AluDiv:
		return div(dst, src)
	case isa.AluMod:
		return mod(dst, src)
	}
	if width == 32 {
		return ZeroExtend(4)
	}
	return Unknown()
}

// exact is the operation on two numbers.
func exact(op isa.AluOp, width uint8, a, b uint64) uint64 {
	if width == 32 {
		a, b = a&low32, b&low32
	}
	sa, sb := int64(a), int64(b)
	if width == 32 {
		sa, sb = int64(int32(a)), int64(int32(b))
	}
	var v uint64
	switch op {
	case isa.AluAdd:
		v = a + b
	case isa.AluSub:
		v = a - b
	case isa.AluMul:
		v = a * b
	case isa.AluOr:
		v = a | b
	case isa.AluAnd:
		v = a & b
	case isa.AluXor:
		v = a ^ b
	case isa.AluMov:
		v = b
	case isa.AluNeg:
		v = -a
	case isa.AluLsh:
		v = a << (b & uint64(width-1))
	case isa.AluRsh:
		v = a >> (b & uint64(width-1))
	case isa.AluArsh:
		v = uint64(sa >> (b & uint64(width-1)))
	case isa.AluDiv:
		if b != 0 {
			v = a / b
		}
	case isa.AluMod:
		v = a
		if b != 0 {
			v = a % b
		}
	case isa.AluSdiv:
		switch {
		case sb == -1:
			v = -uint64(sa)
		case sb != 0:
			v = uint64(sa / sb)
		}
	case isa.AluSmod:
		v = a
		switch {
		case sb == -1:
			v = 0
		case sb != 0:
			v = uint64(sa % sb)
		}
	}
	if width == 32 {
		v &= low32
	}
	return v
}

// span is the ranges of one width.
type span struct {
	umin, umax uint64
	smin, smax int64
}

// width64or32 does an operation on the views of all 64 bits, or on the low 32 alone, and puts the result
// together. For 64 bits the low half is computed too: it does not depend on the upper one.
func width64or32(width uint8, a, b Scalar, op func(width uint8, a, b span, av, bv Tnum) (span, Tnum)) Scalar {
	r := Unknown()
	low, lowVar := op(32,
		span{uint64(a.U32Min), uint64(a.U32Max), int64(a.S32Min), int64(a.S32Max)},
		span{uint64(b.U32Min), uint64(b.U32Max), int64(b.S32Min), int64(b.S32Max)}, a.Var.Subreg(), b.Var.Subreg())
	r.U32Min, r.U32Max, r.S32Min, r.S32Max = uint32(low.umin), uint32(low.umax), int32(low.smin), int32(low.smax)
	if width == 32 {
		r.Var = lowVar.Subreg()
		r.UMin, r.UMax = low.umin, low.umax
	} else {
		var all span
		all, r.Var = op(64, span{a.UMin, a.UMax, a.SMin, a.SMax}, span{b.UMin, b.UMax, b.SMin, b.SMax}, a.Var, b.Var)
		r.UMin, r.UMax, r.SMin, r.SMax = all.umin, all.umax, all.smin, all.smax
	}
	r, _ = r.Normalise()
	return r
}

// limits are the ends of the number lines of a width.
func limits(width uint8) (umax uint64, smin, smax int64) {
	if width == 32 {
		return math.MaxUint32, math.MinInt32, math.MaxInt32
	}
	return math.MaxUint64, math.MinInt64, math.MaxInt64
}

// add keeps a range when both of its ends wrap, or neither does: all numbers between then wrap alike.
func add(width uint8, a, b span, av, bv Tnum) (r span, v Tnum) {
	umax, smin, smax := limits(width)
	lo, c1 := bits.Add64(a.umin, b.umin, 0)
	hi, c2 := bits.Add64(a.umax, b.umax, 0)
	if width == 32 {
		c1, c2 = lo>>32, hi>>32
		lo, hi = lo&low32, hi&low32
	}
	r.umin, r.umax = lo, hi
	if c1 != c2 {
		r.umin, r.umax = 0, umax
	}
	sl, w1 := addSigned(width, a.smin, b.smin)
	sh, w2 := addSigned(width, a.smax, b.smax)
	r.smin, r.smax = sl, sh
	if w1 != w2 {
		r.smin, r.smax = smin, smax
	}
	return r, av.Add(bv)
}

// addSigned is the sum, wrapped, and which way it wrapped.
func addSigned(width uint8, a, b int64) (sum int64, wrapped int) {
	sum = a + b
	if width == 32 {
		switch {
		case sum > math.MaxInt32:
			wrapped = 1
		case sum < math.MinInt32:
			wrapped = -1
		}
		return int64(int32(sum)), wrapped
	}
	switch {
	case a > 0 && b > 0 && sum < 0:
		wrapped = 1
	case a < 0 && b < 0 && sum >= 0:
		wrapped = -1
	}
	return sum, wrapped
}

// sub keeps ranges as add does; the least difference takes the greatest subtrahend.
func sub(width uint8, a, b span, av, bv Tnum) (r span, v Tnum) {
	umax, smin, smax := limits(width)
	lo, c1 := bits.Sub64(a.umin, b.umax, 0)
	hi, c2 := bits.Sub64(a.umax, b.umin, 0)
	if width == 32 {
		lo, hi = lo&low32, hi&low32
	}
	r.umin, r.umax = lo, hi
	if c1 != c2 {
		r.umin, r.umax = 0, umax
	}
	sl, w1 := subSigned(width, a.smin, b.smax)
	sh, w2 := subSigned(width, a.smax, b.smin)
	r.smin, r.smax = sl, sh
	if w1 != w2 {
		r.smin, r.smax = smin, smax
	}
	return r, av.Sub(bv)
}

func subSigned(width uint8, a, b int64) (diff int64, wrapped int) {
	diff = a - b
	if width == 32 {
		switch {
		case diff > math.MaxInt32:
			wrapped = 1
		case diff < math.MinInt32:
			wrapped = -1
		}
		return int64(int32(diff)), wrapped
	}
	switch {
	case a >= 0 && b < 0 && diff < 0:
		wrapped = 1
	case a < 0 && b > 0 && diff >= 0:
		wrapped = -1
	}
	return diff, wrapped
}

// mul keeps the unsigned range when the greatest product fits, and the signed one when all four products of
// ends do.
func mul(width uint8, a, b Scalar) Scalar {
	r := Unknown()
	if width == 32 {
		r = ZeroExtend(4)
	}
	r.Var = a.Var.Mul(b.Var)
	umax, smin, smax := limits(width)
	if hi, lo := bits.Mul64(a.UMax, b.UMax); hi == 0 && lo <= umax {
		r.UMin, r.UMax = a.UMin*b.UMin, lo
	}
	if width == 32 {
		r.Var = r.Var.Subreg()
		lo, hi, ok := products(int64(a.S32Min), int64(a.S32Max), int64(b.S32Min), int64(b.S32Max), smin, smax)
		if ok {
			r.S32Min, r.S32Max = int32(lo), int32(hi)
		}
		r, _ = r.Normalise()
		return r
	}
	if lo, hi, ok := products(a.SMin, a.SMax, b.SMin, b.SMax, smin, smax); ok {
		r.SMin, r.SMax = lo, hi
	}
	r, _ = r.Normalise()
	return r
}

func products(a1, a2, b1, b2, least, most int64) (lo, hi int64, ok bool) {
	lo, hi = math.MaxInt64, math.MinInt64
	for _, x := range [2]int64{a1, a2} {
		for _, y := range [2]int64{b1, b2} {
			p := x * y
			if x != 0 && (p/x != y || x == -1 && y == math.MinInt64) || p < least || p > most {
				return 0, 0, false
			}
			lo, hi = min(lo, p), max(hi, p)
		}
	}
	return lo, hi, true
}

// and clears bits: the result is at most either operand.
func and(a, b Scalar) Scalar {
	r := Unknown()
	r.Var = a.Var.And(b.Var)
	r.UMax = min(a.UMax, b.UMax)
	r.U32Max = min(a.U32Max, b.U32Max)
	// One operand without the sign bit takes it from the result.
	if a.SMin >= 0 || b.SMin >= 0 {
		r.SMin = 0
	}
	r, _ = r.Normalise()
	return r
}

// or sets bits: the result is at least either operand.
func or(a, b Scalar) Scalar {
	r := Unknown()
	r.Var = a.Var.Or(b.Var)
	r.UMin = max(a.UMin, b.UMin)
	r.U32Min = max(a.U32Min, b.U32Min)
	r, _ = r.Normalise()
	return r
}

func xor(a, b Scalar) Scalar { return FromTnum(a.Var.Xor(b.Var)) }

// shift knows most when the amount is one number; a range of amounts still bounds a logical shift to the
// right.
func shift(op isa.AluOp, width uint8, a, b Scalar) Scalar {
	unknown := Unknown()
	if width == 32 {
		unknown = ZeroExtend(4)
	}
	n, known := b.Const()
	n &= uint64(width - 1)
	if !known {
		if op == isa.AluRsh && b.UMax < uint64(width) {
			return URange(a.UMin>>b.UMax, a.UMax>>b.UMin)
		}
		return unknown
	}
	r := unknown
	switch op {
	case isa.AluLsh:
		r.Var = a.Var.Lsh(uint(n))
		if width == 32 {
			r.Var = r.Var.Subreg()
		}
		if bits.Len64(a.UMax)+int(n) <= int(width) {
			r.UMin, r.UMax = a.UMin<<n, a.UMax<<n
		}
		if width == 64 && a.SMin >= math.MinInt64>>n && a.SMax <= math.MaxInt64>>n {
			r.SMin, r.SMax = a.SMin<<n, a.SMax<<n
		}
		if width == 32 && int64(a.S32Min) >= math.MinInt32>>n && int64(a.S32Max) <= math.MaxInt32>>n {
			r.S32Min, r.S32Max = a.S32Min<<n, a.S32Max<<n
		}
	case isa.AluRsh:
		r.Var = a.Var.Rsh(uint(n))
		r.UMin, r.UMax = a.UMin>>n, a.UMax>>n
	case isa.AluArsh:
		r.Var = a.Var.Arsh(uint(n), width)
		if width == 32 {
			r.S32Min, r.S32Max = a.S32Min>>n, a.S32Max>>n
		} else {
			r.SMin, r.SMax = a.SMin>>n, a.SMax>>n
		}
	}
	r, _ = r.Normalise()
	return r
}

// div is unsigned. A divisor that may be 0 makes 0 possible.
func div(a, b Scalar) Scalar {
	hi := a.UMax
	if b.UMin > 0 {
		return URange(a.UMin/b.UMax, hi/b.UMin)
	}
	return URange(0, hi)
}

// mod is unsigned. A divisor that may be 0 leaves the dividend.
func mod(a, b Scalar) Scalar {
	if b.UMin > 0 {
		if a.UMax < b.UMin {
			return a
		}
		return URange(0, min(a.UMax, b.UMax-1))
	}
	return URange(0, a.UMax)
}

// End is what a byte-order instruction leaves: Le keeps the low bits, Be and Bswap swap them.
func End(op isa.AluOp, width uint8, s Scalar) Scalar {
	if op == isa.AluLe {
		return s.Truncate(width / 8)
	}
	swap := func(v uint64) uint64 { return bits.ReverseBytes64(v) >> (64 - uint(width)) }
	t := s.Var.Cast(width / 8)
	return FromTnum(Tnum{swap(t.Value), swap(t.Mask)})
}
