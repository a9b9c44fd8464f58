package scalar

import "math/bits"

// and returns the bitwise ands, half by half: in a pair of halves both ends of the
// operands and the sign of the result are fixed.
func and(w uint, a, b *view) view {
	r := fullView(w)
	r.t = a.t.And(b.t)
	x, y := a.halves(w), b.halves(w)
	h := halves{none, none}
	h.pos = andSpan(x.pos, y.pos).join(andSpan(x.pos, y.neg)).join(andSpan(x.neg, y.pos))
	h.neg = andSpan(x.neg, y.neg)
	r.set(w, h)
	return r
}

// or returns the bitwise ors, as and does.
func or(w uint, a, b *view) view {
	r := fullView(w)
	r.t = a.t.Or(b.t)
	x, y := a.halves(w), b.halves(w)
	h := halves{none, none}
	h.pos = orSpan(x.pos, y.pos)
	h.neg = orSpan(x.neg, y.neg).join(orSpan(x.pos, y.neg)).join(orSpan(x.neg, y.pos))
	r.set(w, h)
	return r
}

// xor returns the bitwise exclusive ors.
func xor(w uint, a, b *view) view {
	r := fullView(w)
	r.t = a.t.Xor(b.t)
	x, y := a.halves(w), b.halves(w)
	h := halves{none, none}
	h.pos = xorSpan(x.pos, y.pos).join(xorSpan(x.neg, y.neg))
	h.neg = xorSpan(x.pos, y.neg).join(xorSpan(x.neg, y.pos))
	r.set(w, h)
	return r
}

// orSpan returns the least and the largest of x|y over two intervals.
//
// Least: start from the lower ends. Raising one of them pays only if it drops bits:
// at a bit that the other has anyway, set it and clear all below it. That stays in the
// interval at or below the highest bit where its ends differ, and the highest such bit
// pays most. Largest: as x&y only wastes bits, take the highest bit that both upper
// ends have and that one of them can clear without leaving its interval; that one
// may then have all lower bits set, and the other still has the bit itself.
func orSpan(x, y span) span {
	if x.empty() || y.empty() {
		return none
	}
	fx, fy := ones(bits.Len64(x.lo^x.hi)), ones(bits.Len64(y.lo^y.hi))
	lx, ly := x.lo, y.lo
	px, py := ^lx&ly&fx, lx&^ly&fy // bits where raising x, or y, pays
	if n := bits.Len64(px | py); n > 0 {
		m := uint64(1) << (n - 1)
		if px&m != 0 {
			lx = (lx | m) &^ (m - 1)
		} else {
			ly = (ly | m) &^ (m - 1)
		}
	}
	hi := x.hi | y.hi
	if n := bits.Len64(x.hi & y.hi & (fx | fy)); n > 0 {
		hi |= ones(n - 1)
	}
	return span{lx | ly, hi}
}

// andSpan returns the least and the largest of x&y over two intervals: flipping all
// bits turns one into the other and reverses the order.
func andSpan(x, y span) span {
	if x.empty() || y.empty() {
		return none
	}
	r := orSpan(span{^x.hi, ^x.lo}, span{^y.hi, ^y.lo})
	return span{^r.hi, ^r.lo}
}

// xorSpan returns bounds of x^y over two intervals. It has no bit that x|y lacks, and
// it is at least the difference of the two, whose bits it has without the borrows. The
// bits that each interval shares give their own bounds.
func xorSpan(x, y span) span {
	if x.empty() || y.empty() {
		return none
	}
	t := TnumRange(x.lo, x.hi).Xor(TnumRange(y.lo, y.hi))
	r := span{t.Value, min(t.may(), orSpan(x, y).hi)}
	switch {
	case x.lo > y.hi:
		r.lo = max(r.lo, x.lo-y.hi)
	case y.lo > x.hi:
		r.lo = max(r.lo, y.lo-x.hi)
	}
	return r
}
