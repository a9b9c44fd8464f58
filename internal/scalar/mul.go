package scalar

import "math/bits"

// Mul returns the products, which wrap. Long multiplication by either operand is
// sound; they know different things, so the result is what both allow.
func (t Tnum) Mul(o Tnum) Tnum {
	if t.Mask|o.Mask == 0 {
		return Tnum{Value: t.Value * o.Value}
	}
	if t.may() == 0 || o.may() == 0 {
		return Tnum{}
	}
	// If bits n and up are unknown, the members are v + k*2^n for all k. Where all
	// members y of the other are multiples of 2^z, the low n+z bits of the products
	// are those of v*y, and all above are unknown since k is.
	if up := -(t.Mask & -t.Mask); t.Mask == up {
		return o.timesFree(t.Value, up)
	}
	if up := -(o.Mask & -o.Mask); o.Mask == up {
		return t.timesFree(o.Value, up)
	}
	// The products have some number in common, as the operands have members.
	r, _ := t.times(o).Intersect(o.times(t))
	return r
}

// timesFree returns the products with v plus all numbers that have no bits but those
// of up, a run of bits to the top.
func (t Tnum) timesFree(v, up uint64) Tnum {
	up = -(up & -up << uint(bits.TrailingZeros64(t.may())))
	if v == 0 {
		return Tnum{Mask: up}
	}
	c := Tnum{Value: v}
	r, _ := t.times(c).Intersect(c.times(t))
	return Tnum{r.Value &^ up, r.Mask | up}
}

// times returns the products by long multiplication: bit i of o adds t<<i to the sum,
// always if the bit is known to be set, and if it is unknown, perhaps. Each sum holds
// the true one of any two members if the sum before did.
func (t Tnum) times(o Tnum) Tnum {
	var sum Tnum
	for m := o.may(); m != 0; m &= m - 1 {
		i := uint(bits.TrailingZeros64(m))
		with := sum.Add(t.Lsh(i))
		if o.Value>>i&1 == 0 {
			with = with.Union(sum)
		}
		sum = with
	}
	return sum
}

// free returns t with the bits above the width unknown if its top bit is: they do not
// change the low bits of a product, and Mul has less work.
func free(w uint, t Tnum) Tnum {
	if t.Mask>>(w-1) != 0 {
		t.Mask |= ^ones(int(w))
	}
	return t
}

// mul returns the products. Where the largest and the smallest product are less than
// 2^w apart, all products are on the way from one to the other modulo 2^w, however
// often they wrap.
func mul(w uint, a, b *view) view {
	r := fullView(w)
	k := ones(int(w))
	r.t = free(w, a.t).Mul(free(w, b.t)).low(w)
	h1, l1 := bits.Mul64(a.umin, b.umin)
	h2, l2 := bits.Mul64(a.umax, b.umax)
	if d, borrow := bits.Sub64(l2, l1, 0); h2-h1-borrow == 0 && d <= k {
		r.meetArc(w, l1, l2)
	}
	if a.smin >= 0 && b.smin >= 0 {
		return r // the signed ranges are the unsigned ones
	}
	// The product is linear in each operand: its extremes are at the corners.
	lo := mulSigned(a.smin, b.smin)
	hi := lo
	for _, p := range [3]wide{mulSigned(a.smin, b.smax), mulSigned(a.smax, b.smin), mulSigned(a.smax, b.smax)} {
		if p.less(lo) {
			lo = p
		}
		if hi.less(p) {
			hi = p
		}
	}
	if d, borrow := bits.Sub64(hi.lo, lo.lo, 0); uint64(hi.hi)-uint64(lo.hi)-borrow == 0 && d <= k {
		r.meetArc(w, lo.lo, hi.lo)
	}
	return r
}

// wide is a signed number of 128 bits.
type wide struct {
	hi int64
	lo uint64
}

func (x wide) less(y wide) bool { return x.hi < y.hi || x.hi == y.hi && x.lo < y.lo }

// mulSigned returns the whole product. As an unsigned number a negative one is 2^64
// too large, which makes the product too large by the other operand in the upper half.
func mulSigned(a, b int64) wide {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return wide{int64(hi) - a>>63&b - b>>63&a, lo}
}
