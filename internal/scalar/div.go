package scalar

import "math/bits"

// udiv returns the unsigned quotients. A divisor of 0 gives 0.
func udiv(w uint, a, b *view) view {
	if y, ok := b.known(); ok && y != 0 && y&(y-1) == 0 {
		return rsh(w, a, 1<<bits.TrailingZeros64(y))
	}
	r := fullView(w)
	lo, hi := uint64(0), uint64(0)
	if b.umax > 0 {
		// Quotients rise with the dividend and fall with the divisor.
		lo, hi = a.umin/b.umax, a.umax/max(b.umin, 1)
	}
	if b.umin == 0 {
		lo = 0
	}
	r.meetU(lo, hi)
	r.t = TnumRange(r.umin, r.umax)
	return r
}

// umod returns the unsigned remainders. A divisor of 0 gives the dividend.
func umod(w uint, a, b *view) view {
	if a.umax < b.umin || b.umax == 0 {
		return *a // the quotient is 0, or there is none
	}
	if y, ok := b.known(); ok {
		if y&(y-1) == 0 {
			m := constView(w, y-1)
			return and(w, a, &m)
		}
	}
	if b.umin > 0 {
		if q := a.umin / b.umax; q == a.umax/b.umin {
			c := constView(w, q) // the quotient is known
			c = mul(w, b, &c)
			return sub(w, a, &c)
		}
	}
	r := fullView(w)
	hi := a.umax // a remainder is no larger than its dividend
	if b.umin > 0 {
		hi = min(hi, b.umax-1)
	}
	r.meetU(0, hi)
	if r.umax <= ones(int(w-1)) {
		r.meetS(int64(r.umin), int64(r.umax))
	}
	r.t = lowBitsOf(w, a.t, b.t)
	return r
}

// lowBitsOf returns what is known of a remainder's bits by a mod b = a - q*b: if 2^k
// divides all divisors, it divides the product, and the low k bits are the dividend's,
// for a divisor of 0 too. Nothing is known of the others.
func lowBitsOf(w uint, a, b Tnum) Tnum {
	k := ones(bits.TrailingZeros64(b.may()))
	return Tnum{a.Value & k, (a.Mask | ^k) & ones(int(w))}
}

// The divisor of a signed operation is taken apart into magnitudes from 1 up, kept
// unsigned since that of the least number is not a signed one, with either sign.

// magnitudes returns the magnitudes of the positive and of the negative divisors.
func magnitudes(w uint, b *view) (pos, neg span) {
	pos, neg = none, none
	if b.smax > 0 {
		pos = span{uint64(max(b.smin, 1)), uint64(b.smax)}
	}
	if b.smin < 0 {
		neg = span{-uint64(min(b.smax, -1)), -uint64(b.smin)}
	}
	return pos, neg
}

// sdiv returns the signed quotients, truncated. A divisor of 0 gives 0 and MIN / -1
// gives MIN.
func sdiv(w uint, a, b *view) view {
	if a.smin >= 0 && b.smin >= 0 {
		return udiv(w, a, b) // neither has a sign
	}
	pos, neg := magnitudes(w, b)
	h := halves{none, none}
	if b.smin <= 0 && b.smax >= 0 {
		h.pos = span{0, 0}
	}
	if !pos.empty() {
		lo, hi := divSpan(a, pos)
		h = h.join(arc(w, uint64(lo), uint64(hi)))
	}
	if !neg.empty() {
		// Truncation is symmetric, so dividing by a negative number negates the
		// quotient by its magnitude. MIN negated is MIN modulo 2^w: the way from
		// -hi to -lo still passes through all of them.
		lo, hi := divSpan(a, neg)
		h = h.join(arc(w, -uint64(hi), -uint64(lo)))
	}
	r := fullView(w)
	r.set(w, h)
	return r
}

// divSpan returns the range of a's quotients by the magnitudes, which are at least 1.
// A quotient keeps the dividend's sign, rises with it, and is closer to 0 the larger
// the divisor.
func divSpan(a *view, by span) (lo, hi int64) {
	if a.smin < 0 {
		lo = quotient(a.smin, by.lo)
	} else {
		lo = quotient(a.smin, by.hi)
	}
	if a.smax < 0 {
		hi = quotient(a.smax, by.hi)
	} else {
		hi = quotient(a.smax, by.lo)
	}
	return lo, hi
}

// quotient returns x divided by a magnitude of up to 2^63.
func quotient(x int64, by uint64) int64 {
	if x < 0 {
		return int64(-(-uint64(x) / by))
	}
	return int64(uint64(x) / by)
}

// arc returns the numbers on the way from start up to end modulo 2^w.
func arc(w uint, start, end uint64) halves {
	k := ones(int(w))
	sign := k>>1 + 1
	return halves{span{0, sign - 1}, span{sign, k}}.meetArc(start&k, end&k)
}

// smod returns the signed remainders, which have the dividend's sign and are smaller
// than the divisor in magnitude. A divisor of 0 gives the dividend, MIN % -1 gives 0.
func smod(w uint, a, b *view) view {
	pos, neg := magnitudes(w, b)
	by := pos.join(neg)
	zero := b.smin <= 0 && b.smax >= 0
	if by.empty() {
		return *a
	}
	if least := int64(min(by.lo, 1<<63-1)); a.smin > -least && a.smax < least {
		return *a // smaller than every divisor but 0, where it is the dividend too
	}
	if a.smin >= 0 && b.smin >= 0 {
		return umod(w, a, b) // neither has a sign
	}
	r := fullView(w)
	lo, hi := min(a.smin, 0), max(a.smax, 0)
	if most := int64(by.hi - 1); !zero {
		lo, hi = max(lo, -most), min(hi, most)
	}
	r.meetS(lo, hi)
	r.t = lowBitsOf(w, a.t, b.t)
	if y, ok := b.known(); ok && y != 0 {
		// If all dividends have one quotient the remainders are a shifted range.
		sy := signed(w, y)
		if q := quotient(a.smin, by.lo); q == quotient(a.smax, by.lo) {
			if sy < 0 {
				q = -q
			}
			c := constView(w, uint64(q)*y)
			return sub(w, a, &c)
		}
	}
	return r
}
