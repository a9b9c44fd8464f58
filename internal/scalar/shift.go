package scalar

import "math/bits"

// amount is the set of shift amounts that an operand may mean, as a bit set: an
// instruction of w bits shifts by the operand modulo w (RFC 9669 section 4.1).
type amount uint64

// amountOf returns the amounts that b, of width w, may mean.
func amountOf(w uint, b *view) amount {
	t := b.t.low(uint(bits.Len(w - 1)))
	if t.Mask == 0 {
		return 1 << t.Value
	}
	// The amounts that the bits allow: set those for bits known to be 0 or 1, one
	// bit of the amount after the other.
	set := amount(1) << t.Value
	for m := t.Mask; m != 0; m &= m - 1 {
		set |= set << (m & -m)
	}
	// A range shorter than w leaves out the amounts around.
	if b.umax-b.umin < uint64(w) {
		lo, hi := b.umin%uint64(w), b.umax%uint64(w)
		in := amount(ones(int(hi + 1)))
		if below := amount(ones(int(lo))); lo <= hi {
			in &^= below
		} else {
			in |= ^below
		}
		if s := set & in; s != 0 {
			set = s
		}
	}
	return set & amount(ones(int(w)))
}

func (n amount) min() uint { return uint(bits.TrailingZeros64(uint64(n))) }
func (n amount) max() uint { return uint(63 - bits.LeadingZeros64(uint64(n))) }

// each returns the union of the shifted sets over all amounts.
func (n amount) each(shift func(n uint) Tnum) Tnum {
	t := shift(n.min())
	for n &= n - 1; n != 0 && t.Mask != 1<<64-1; n &= n - 1 {
		t = t.Union(shift(n.min()))
	}
	return t
}

// lsh returns a<<n. By one amount it is the product with a power of two; by several,
// ranges are kept if no bit that matters is shifted out.
func lsh(w uint, a *view, n amount) view {
	r := fullView(w)
	r.t = n.each(a.t.Lsh).low(w)
	lo, hi := n.min(), n.max()
	k := ones(int(w))
	if lo == hi {
		// Shifting both ends shifts their distance: as long as that stays below
		// 2^w, the results are on the way between the shifted ends.
		if a.umax-a.umin <= k>>hi {
			r.meetArc(w, a.umin<<hi, a.umax<<hi)
		}
		if uint64(a.smax)-uint64(a.smin) <= k>>hi {
			r.meetArc(w, uint64(a.smin)<<hi, uint64(a.smax)<<hi)
		}
		return r
	}
	if a.umax <= k>>hi {
		r.meetU(a.umin<<lo, a.umax<<hi)
	}
	// The sign survives if the bits shifted out are copies of it. Then a larger
	// amount moves the number away from 0. A 64-bit shift may move all of the low
	// half out, and the sign with it.
	if hi >= w {
		return r
	}
	least, most := int64(-1)<<(w-1)>>hi, int64(k>>1)>>hi
	if a.smin >= least && a.smax <= most {
		from, to := a.smin<<lo, a.smax<<lo
		if a.smin < 0 {
			from = a.smin << hi
		}
		if a.smax >= 0 {
			to = a.smax << hi
		}
		r.meetS(from, to)
	}
	return r
}

// rsh returns a>>n with zeros coming in, which keeps the order and falls with n.
func rsh(w uint, a *view, n amount) view {
	r := fullView(w)
	r.t = n.each(a.t.Rsh)
	r.meetU(a.umin>>n.max(), a.umax>>n.min())
	if r.umax <= ones(int(w-1)) {
		r.meetS(int64(r.umin), int64(r.umax))
	}
	return r
}

// arsh returns a>>n with the sign coming in, which keeps the order and moves towards 0,
// or -1, with n.
func arsh(w uint, a *view, n amount) view {
	r := fullView(w)
	r.t = n.each(func(n uint) Tnum { return a.t.Arsh(n, w) })
	from, to := n.max(), n.max()
	if a.smin < 0 {
		from = n.min()
	}
	if a.smax >= 0 {
		to = n.min()
	}
	r.meetS(a.smin>>from, a.smax>>to)
	return r
}
