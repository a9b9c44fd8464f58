package scalar

import "math/bits"

// Tnum is a set of 64-bit numbers given bit by bit (the kernel's "tristate number"):
// a bit set in Mask may be 0 or 1, any other bit is as in Value. Value and Mask have
// no bit in common. The zero Tnum is the set {0}.
type Tnum struct{ Value, Mask uint64 }

// TnumConst returns the set that holds v only.
func TnumConst(v uint64) Tnum { return Tnum{Value: v} }

// TnumUnknown returns the set of all numbers.
func TnumUnknown() Tnum { return Tnum{Mask: ^uint64(0)} }

// TnumRange returns the smallest set that holds min to max, inclusive, min being at
// most max.
func TnumRange(min, max uint64) Tnum {
	// All numbers between share the bits above the highest one in which the ends
	// differ. With that bit set or clear there is a number with only zeros, and one
	// with only ones, below it: no other bit is shared.
	m := ones(bits.Len64(min ^ max))
	return Tnum{min &^ m, m}
}

// ones returns a number whose low n bits are set, n being 0 to 64.
func ones(n int) uint64 { return 1<<uint(n) - 1 }

// may returns the bits that are set in some member.
func (t Tnum) may() uint64 { return t.Value | t.Mask }

// wellFormed reports that no bit is both known to be set and unknown.
func (t Tnum) wellFormed() bool { return t.Value&t.Mask == 0 }

// IsConst reports whether t holds one number only, which is then t.Value.
func (t Tnum) IsConst() bool { return t.Mask == 0 }

// Contains reports whether v is a member.
func (t Tnum) Contains(v uint64) bool { return (v^t.Value)&^t.Mask == 0 }

// In reports whether every member of t is a member of o.
func (t Tnum) In(o Tnum) bool {
	return t.Mask&^o.Mask == 0 && (t.Value^o.Value)&^o.Mask == 0
}

// IsAligned reports whether every member is a multiple of size, a power of two. Size
// 0 is taken as 1.
func (t Tnum) IsAligned(size uint64) bool { return size == 0 || t.may()&(size-1) == 0 }

// Intersect returns the members of both. It is false when there are none.
func (t Tnum) Intersect(o Tnum) (Tnum, bool) {
	if (t.Value^o.Value)&^(t.Mask|o.Mask) != 0 {
		return Tnum{}, false // a bit known to be 0 in one is known to be 1 in the other
	}
	return Tnum{t.Value | o.Value, t.Mask & o.Mask}, true
}

// Union returns the smallest set that holds the members of either.
func (t Tnum) Union(o Tnum) Tnum {
	m := t.Mask | o.Mask | (t.Value ^ o.Value)
	return Tnum{t.Value &^ m, m}
}

// Add returns the sums, which wrap.
//
// The carry into a bit never falls when a bit of an operand rises. So a carry is
// constant exactly if it is the same in the smallest and in the largest sum, that is,
// where these two agree beyond the operands' own bits.
func (t Tnum) Add(o Tnum) Tnum {
	low := t.Value + o.Value
	high := low + t.Mask + o.Mask
	m := (low ^ high) | t.Mask | o.Mask
	return Tnum{low &^ m, m}
}

// Sub returns the differences, which wrap. As for Add, with borrows: they never fall
// when a bit of o rises or one of t falls.
func (t Tnum) Sub(o Tnum) Tnum {
	d := t.Value - o.Value
	m := ((d + t.Mask) ^ (d - o.Mask)) | t.Mask | o.Mask
	return Tnum{d &^ m, m}
}

// Neg returns the negated members, which wrap.
func (t Tnum) Neg() Tnum { return Tnum{}.Sub(t) }

// Not returns the members with all bits flipped.
func (t Tnum) Not() Tnum { return Tnum{^t.may(), t.Mask} }

// And returns the bitwise ands.
func (t Tnum) And(o Tnum) Tnum {
	v := t.Value & o.Value
	return Tnum{v, t.may() & o.may() &^ v}
}

// Or returns the bitwise ors.
func (t Tnum) Or(o Tnum) Tnum {
	v := t.Value | o.Value
	return Tnum{v, (t.Mask | o.Mask) &^ v}
}

// Xor returns the bitwise exclusive ors.
func (t Tnum) Xor(o Tnum) Tnum {
	m := t.Mask | o.Mask
	return Tnum{(t.Value ^ o.Value) &^ m, m}
}

// Lsh returns the members shifted left by n; all 64 bits are lost for n of 64 and more.
func (t Tnum) Lsh(n uint) Tnum { return Tnum{t.Value << n, t.Mask << n} }

// Rsh returns the members shifted right by n, zeros coming in.
func (t Tnum) Rsh(n uint) Tnum { return Tnum{t.Value >> n, t.Mask >> n} }

// Arsh returns the low width bits of the members, shifted right by n with copies of
// bit width-1 coming in. The width is 1 to 64; the result has no bits above it.
func (t Tnum) Arsh(n, width uint) Tnum {
	// An unknown sign bit is set in Mask and clear in Value, so that shifting both
	// arithmetically copies "unknown" as well as 0 and 1. Copies are unrelated
	// afterwards: more numbers, never fewer.
	up := 64 - width
	keep := ones(int(width))
	return Tnum{
		uint64(int64(t.Value<<up)>>up>>n) & keep,
		uint64(int64(t.Mask<<up)>>up>>n) & keep,
	}
}

// Cast returns the members' low size bytes.
func (t Tnum) Cast(size uint) Tnum {
	if size >= 8 {
		return t
	}
	return t.low(size * 8)
}

// low returns the members' low n bits.
func (t Tnum) low(n uint) Tnum { k := ones(int(n)); return Tnum{t.Value & k, t.Mask & k} }

// Subreg returns the members' low 32 bits.
func (t Tnum) Subreg() Tnum { return t.low(32) }

// ClearSubreg returns the members with their low 32 bits cleared.
func (t Tnum) ClearSubreg() Tnum { return Tnum{t.Value &^ ones(32), t.Mask &^ ones(32)} }

// WithSubreg returns t with what it knows of the low 32 bits replaced by what o does.
func (t Tnum) WithSubreg(o Tnum) Tnum {
	hi, lo := t.ClearSubreg(), o.Subreg()
	return Tnum{hi.Value | lo.Value, hi.Mask | lo.Mask}
}

// swap returns the members' low width bits with the order of the bytes reversed.
func (t Tnum) swap(width uint) Tnum {
	n := 64 - width
	return Tnum{bits.ReverseBytes64(t.Value) >> n, bits.ReverseBytes64(t.Mask) >> n}
}

// atLeast returns the smallest member that is not below x, false if there is none.
func (t Tnum) atLeast(x uint64) (uint64, bool) {
	if x <= t.Value {
		return t.Value, true
	}
	differ := (x ^ t.Value) &^ t.Mask
	if differ == 0 {
		return x, true
	}
	// Above the highest known bit that differs, x is like a member.
	below := ones(bits.Len64(differ))
	if top := below &^ (below >> 1) & t.Value; top != 0 {
		// The member has a 1 where x has a 0 and is the greater whatever follows:
		// the least is x's free bits above and zeros below.
		return x&t.Mask&^below | t.Value, true
	}
	// The member has a 0 where x has a 1: it can only be greater by counting up in
	// the free bits above. Setting all others lets the carry run through them.
	up := (x | ^t.Mask | below) + 1
	if up == 0 {
		return 0, false
	}
	return up&t.Mask | t.Value, true
}

// atMost returns the largest member that is not above x, false if there is none.
func (t Tnum) atMost(x uint64) (uint64, bool) {
	// Flipping all bits reverses the order.
	y, ok := t.Not().atLeast(^x)
	return ^y, ok
}
